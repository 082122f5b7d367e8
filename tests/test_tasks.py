"""Tasks through the project and the command line: from a question to a dataset."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

import earthcurator as ec
from earthcurator.cli import main
from earthcurator.errors import BadInput, Conflict, NotFound
from earthcurator.labels.policy import Policy
from earthcurator.models import Label, Task
from tests.conftest import picture

Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def filled(project: ec.Project, make_pictures: Callable[..., Path]) -> ec.Project:
    """Twelve chips, half of them fields and half water."""
    project.import_pictures([make_pictures(12)])
    return project


def say(project: ec.Project, task: Task, who: str, chip: str, value: Sequence[str]) -> Label:
    chips = project.tasks.store.lease(task.id, who, 12, seconds=60)
    assert chip in {lease.chip for lease in chips}
    label = Label(
        id=uuid4().hex, task=task.id, chip=chip, annotator=who, decision="label", value=tuple(value),
        time=task.created, seconds=1.5,
    )  # fmt: skip
    return project.tasks.store.put(label).label


def test_task_is_about_all_chips_or_those_that_are_named(filled: ec.Project) -> None:
    chips = [chip.id for chip in filled.chips.all()]
    everything = filled.tasks.create("Is it water?", ("yes", "no"))
    some = filled.tasks.create("Is it green?", ("yes", "no"), chips=chips[:3])
    assert filled.tasks.store.counts(everything.id).chips == 12
    assert filled.tasks.store.counts(some.id).chips == 3
    assert [task.question for task in filled.tasks.list()] == ["Is it water?", "Is it green?"]
    assert filled.tasks.find("Is it green?") == filled.tasks.find(some.id[:6]) == some


def test_task_from_a_search_asks_about_the_best_hits_first(filled: ec.Project) -> None:
    filled.embed()
    hits = filled.search(ec.Query(positives=[next(filled.chips.all())], k=5)).hits
    task = filled.tasks.create("Alike?", ("yes", "no"), chips=hits)
    leases = filled.tasks.store.lease(task.id, "ada", 5)
    assert [lease.chip for lease in leases] == [hit.chip for hit in hits]


def test_labels_survive_closing_and_become_a_dataset(filled: ec.Project, tmp_path: Path) -> None:
    task = filled.tasks.create("Is it water?", ("yes", "no"))
    chips = sorted(chip.id for chip in filled.chips.all())
    for number, chip in enumerate(chips[:6]):
        say(filled, task, "ada", chip, ("yes",) if number % 2 else ("no",))
    location = filled.location
    filled.close()
    with ec.open(location) as again:
        report = again.tasks.report(again.tasks.find(task.id))
        assert (report.progress.decided, report.progress.total) == (6, 12)
        assert report.classes == {"yes": 3, "no": 3}
        assert report.speed["ada"].answers == 6
        assert again.export(tmp_path / "out", task=task, format="csv").chips == 6
    with (tmp_path / "out" / "chips.csv").open() as file:
        assert {row["chip"]: row["label"] for row in csv.DictReader(file)} == {
            chip: ("yes" if number % 2 else "no") for number, chip in enumerate(chips[:6])
        }


def test_disagreement_is_listed_and_has_no_majority(filled: ec.Project, tmp_path: Path) -> None:
    task = filled.tasks.create("Is it water?", ("yes", "no"), opinions=2)
    chip = next(filled.chips.all()).id
    say(filled, task, "ada", chip, ("yes",))
    say(filled, task, "bob", chip, ("no",))
    report = filled.tasks.report(task)
    assert report.disputed == (chip,)
    with pytest.raises(Conflict, match="no chip of the task"):
        filled.export(tmp_path / "out", task=task)
    assert not (tmp_path / "out").exists()


def test_class_folders_and_csv_are_taken_over_once(filled: ec.Project, tmp_path: Path) -> None:
    task = filled.tasks.create("What is it?", ("field", "water"))
    assert filled.tasks.import_folders(task) == 12
    assert filled.tasks.import_folders(task) == 0
    other = filled.tasks.create("Big?", ("yes", "no"))
    (tmp_path / "labels.csv").write_text(f"chip,label\n{next(filled.chips.all()).id},yes\n")
    assert filled.tasks.import_csv(other, tmp_path / "labels.csv") == 1
    (tmp_path / "bad.csv").write_text("chip,label\nnobody,yes\n")
    with pytest.raises(NotFound, match="not in the project"):
        filled.tasks.import_csv(other, tmp_path / "bad.csv")


def test_labels_by_file_name_are_taken_over(filled: ec.Project, tmp_path: Path) -> None:
    task = filled.tasks.create("Big?", ("yes", "no"))
    chips = list(filled.chips.all())
    names = [Path(chip.origin).relative_to(Path(chip.origin).parents[1]) for chip in chips[:2]]
    (tmp_path / "excel.csv").write_text(f"file;label\n{names[0]};yes\n{chips[1].origin};no\n")
    assert dict(filled.tasks.read_labels(tmp_path / "excel.csv")) == {chips[0].id: ("yes",), chips[1].id: ("no",)}
    assert filled.tasks.import_csv(task, tmp_path / "excel.csv") == 2


def test_file_name_that_is_nobodys_or_not_one_chips_is_refused(project: ec.Project, tmp_path: Path) -> None:
    for number, name in enumerate(("one/same.png", "two/same.png")):
        (tmp_path / name).parent.mkdir()
        picture(number).save(tmp_path / name)
    project.import_pictures([tmp_path / "one", tmp_path / "two"])
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\nnobody.png,yes\n")
    with pytest.raises(NotFound, match=r"no chip was imported from nobody\.png"):
        project.tasks.read_labels(labels)
    labels.write_text("file,label\nsame.png,yes\n")
    with pytest.raises(BadInput, match=r"2 chips were imported from files called same\.png"):
        project.tasks.read_labels(labels)
    labels.write_text("file,label\ntwo/same.png,yes\n")
    assert len(project.tasks.read_labels(labels)) == 1


def test_split_puts_every_chip_on_one_side(filled: ec.Project, tmp_path: Path) -> None:
    task = filled.tasks.create("What is it?", ("field", "water"))
    filled.tasks.import_folders(task)
    written = filled.export(
        tmp_path / "out", task=task, format="csv", split="random", shares={"train": 0.5, "test": 0.5}, seed=3
    )
    with (tmp_path / "out" / "chips.csv").open() as file:
        sides = [(row["split"], row["label"]) for row in csv.DictReader(file)]
    assert written.chips == len(sides) == 12
    assert {side: sides.count(side) for side in set(sides)} == {
        (split, label): 3 for split in ("train", "test") for label in ("field", "water")
    }


def test_bad_tasks_are_refused(filled: ec.Project, project: ec.Project, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="two or more"):
        filled.tasks.create("Is it water?", ("yes",))
    with pytest.raises(BadInput, match="question"):
        filled.tasks.create("  ", ("yes", "no"))
    with pytest.raises(NotFound, match="not in the project"):
        filled.tasks.create("Is it water?", ("yes", "no"), chips=["nobody"])
    with pytest.raises(NotFound, match="there is no task"):
        filled.tasks.find("What?")
    with ec.create(tmp_path / "empty") as empty, pytest.raises(Conflict, match="no chips"):
        empty.tasks.create("Is it water?", ("yes", "no"))


def test_any_policy_takes_single_opinions(filled: ec.Project, tmp_path: Path) -> None:
    task = filled.tasks.create("Is it water?", ("yes", "no"), opinions=3)
    say(filled, task, "ada", next(filled.chips.all()).id, ("yes",))
    assert filled.export(tmp_path / "out", task=task, policy=Policy("any")).chips == 1
    assert "## Licence\n\nNot recorded" in (tmp_path / "out" / "DATA_CARD.md").read_text()


def test_laxest_policy_is_not_answered_with_itself(filled: ec.Project, tmp_path: Path) -> None:
    task = filled.tasks.create("Is it water?", ("yes", "no"))
    with pytest.raises(Conflict) as refused:
        filled.export(tmp_path / "out", task=task, policy=Policy("any"))
    assert refused.value.hint == "label some"


# -- command line ----------------------------------------------------------------------------------------------------


def test_commands_from_a_question_to_a_dataset(
    filled: ec.Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    location = filled.location
    filled.close()

    def run(*words: str) -> str:
        main(["--project", location, *words])
        return capsys.readouterr().out

    made = json.loads(run("task", "create", "What is it?", "--class", "field", "--class", "water", "--json"))
    assert made["chips"] == 12
    run("task", "import", "What is it?", "folders")
    (listed,) = json.loads(run("task", "list", "--json"))
    assert (listed["id"], listed["done"]) == (made["id"], 12)
    shown = json.loads(run("task", "show", made["id"], "--json"))
    assert shown["classes"] == {"field": 6, "water": 6}
    assert "What is it?" in run("task", "show", made["id"])
    run("export", "What is it?", str(tmp_path / "out"), "--format", "webdataset", "--split", "random")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tar")) == [
        "test-000000.tar", "train-000000.tar", "val-000000.tar",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as failed:
        main(["--project", location, "export", "What?", str(tmp_path / "no")])
    assert failed.value.code == 2
    assert "there is no task What?" in capsys.readouterr().err


def test_chips_that_another_program_brought_in_are_known_at_once(
    filled: ec.Project, make_pictures: Callable[..., Path]
) -> None:
    with ec.open(filled.location) as other:
        before = {chip.id for chip in other.chips.all()}
        other.import_pictures([make_pictures(30)])
        new = [chip.id for chip in other.chips.all() if chip.id not in before]
    assert filled.tasks.facts([*before, *new, "lost"]).keys() == {*before, *new}
    with ec.open(filled.location) as server, ec.open(filled.location) as third:
        third.import_pictures([make_pictures(40)])
        newest = [chip.id for chip in third.chips.all() if chip.id not in {*before, *new}]
        task = server.tasks.create("Is it water?", ("yes", "no"), chips=newest)
        assert server.tasks.import_labels(task, [(chip, ["yes"]) for chip in newest]) == len(newest)
