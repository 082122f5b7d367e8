"""`task disputed` and `task adjudicate`, as a shell sees them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import earthcurator as ec

from .conftest import Shell, failure


@pytest.fixture
def fires(tmp_path: Path, make_pictures: Callable[..., Path]) -> Path:
    """A project with six chips and a task."""
    with ec.create(tmp_path / "fires") as project:
        project.import_pictures([make_pictures(6)])
        project.tasks.create("Is there smoke?", ("smoke", "clear"))
    return tmp_path / "fires"


def test_disagreement_is_listed_and_settled(fires: Path, shell: Shell) -> None:
    with ec.open(fires) as project:
        task = project.tasks.create("Is there fire?", ("fire", "none"), opinions=2)
        chip = next(iter(project.chips.all())).id
        for who, value in (("ada", "fire"), ("bob", "none")):
            project.tasks.store.put(
                ec.models.Label(
                    id=f"event-{who}",
                    task=task.id,
                    chip=chip,
                    annotator=who,
                    decision="label",
                    value=(value,),
                    time=task.created,
                )
            )
    assert shell("--project", fires, "task", "disputed", "Is there fire?")[1].count(chip) == 1
    code, _, err = shell("--project", fires, "task", "adjudicate", task.id, chip[:10], "fire", "--note", "seen")
    assert code == 0, err
    assert f"{chip} is decided: fire" in err
    assert chip not in shell("--project", fires, "task", "disputed", "Is there fire?")[1]
    assert failure(shell("--project", fires, "task", "adjudicate", task.id, chip))[0] == 2
    assert failure(shell("--project", fires, "task", "adjudicate", task.id, chip, "fire", "--unsure"))[0] == 2
    assert failure(shell("--project", fires, "task", "adjudicate", task.id, chip, "ice"))[0] == 2


def test_report_calls_people_by_their_names_and_makes_no_times_up(fires: Path, shell: Shell) -> None:
    with ec.open(fires) as project:
        task = project.tasks.find("Is there smoke?")
        ada = project.records.people.add("Ada", "owner")
        project.tasks.store.put(
            ec.models.Label(
                id="event-ada",
                task=task.id,
                chip=next(iter(project.chips.all())).id,
                annotator=ada.id,
                decision="label",
                value=("smoke",),
                time=task.created,
            )
        )
    told = shell("--project", fires, "task", "show", task.id)[1]
    assert told.splitlines()[-1].split() == ["Ada", "1"]
    assert ada.id not in told
