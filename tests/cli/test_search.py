"""`search` by the model of a task, by what was said in it, and by score, as a shell and a script see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import earthcurator as ec
from earthcurator.models import Label, Query

from .conftest import Shell, failure

QUESTION = "Is it water?"


def labelled(project: ec.Project) -> list[ec.Chip]:
    """Two pictures of water, and two of fields."""
    return [chip for chip in project.chips.all() if Path(chip.origin).stem in {"00000", "00001", "00002", "00003"}]


@pytest.fixture
def ponds(tmp_path: Path, make_pictures: Callable[..., Path]) -> Path:
    """A project of twelve embedded pictures, and a task in which four of them were labelled."""
    with ec.create(tmp_path / "ponds") as project:
        project.import_pictures([make_pictures(12)])
        project.embed()
        task = project.tasks.create(QUESTION, ("water", "field"))
        project.tasks.create("Is it red?", ("red", "other"))
        for number, chip in enumerate(labelled(project)):
            value = (chip.folder or "",)
            event = Label(
                id=f"event-{number}", task=task.id, chip=chip.id, annotator="ada", decision="label", value=value,
                time=task.created,
            )  # fmt: skip
            project.tasks.store.put(event)
    return tmp_path / "ponds"


@pytest.fixture
def find(ponds: Path, shell: Shell) -> Callable[..., dict[str, Any]]:
    """What `search --json` answers."""

    def ask(*arguments: object) -> dict[str, Any]:
        code, out, err = shell("--project", ponds, "search", *arguments, "--json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    return ask


def chips(found: dict[str, Any]) -> list[str]:
    return [hit["chip"] for hit in found["hits"]]


def test_model_of_a_task_ranks_all_chips(ponds: Path, find: Callable[..., dict[str, Any]], shell: Shell) -> None:
    found = find("--task", QUESTION)
    with ec.open(ponds) as project:
        task = project.tasks.find(QUESTION).id
        ranked = project.search(Query(task=task, k=50))
    assert chips(found) == [hit.chip for hit in ranked.hits]
    assert (len(found["hits"]), found["learnt_from"]) == (12, 4)
    assert "12 of 12 chips (by a model that learnt from 4 labelled chips)" in shell(
        "--project", ponds, "search", "--task", task
    )[2]  # fmt: skip
    assert chips(find("--task", QUESTION, "--class", "field")) == chips(found)[::-1]


def test_chips_are_found_by_what_was_said_of_them(find: Callable[..., dict[str, Any]], ponds: Path) -> None:
    with ec.open(ponds) as project:
        answered = {chip.id: chip.folder for chip in labelled(project)}
        waiting = {chip.id for chip in project.chips.all()} - set(answered)
    water = {chip for chip, folder in answered.items() if folder == "water"}
    assert set(chips(find("--task", QUESTION, "--label", "water"))) == water
    assert set(chips(find("--task", QUESTION, "--label", "waiting"))) == waiting
    assert set(chips(find("--task", QUESTION, "--label", "water", "--label", "field"))) == set(answered)
    alike = find(min(water), "--task", QUESTION, "--label", "waiting")  # like the example, without an answer yet
    assert set(chips(alike)) == waiting
    assert alike["learnt_from"] is None


def test_scores_thin_out_what_is_found(find: Callable[..., dict[str, Any]]) -> None:
    scores = [hit["score"] for hit in find("--task", QUESTION)["hits"]]
    low, high = scores[7] - 1e-4, scores[3] + 1e-4
    assert [hit["score"] for hit in find("--task", QUESTION, "--score", low, high)["hits"]] == scores[3:8]


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (2, ["--label", "water"], "--label water is about no task"),
        (2, ["--task", "Is it blue?"], "Is it blue?"),
        (2, ["--task", QUESTION, "--label", "smoke"], "smoke"),
        (2, ["--task", QUESTION, "--class", "smoke"], "smoke"),
        (2, ["--task", QUESTION, "--score", "1", "0"], "0"),
        (3, ["--task", "Is it red?"], "red"),
    ],
)
def test_what_makes_no_sense_is_two_lines(
    ponds: Path, shell: Shell, code: int, arguments: list[str], said: str
) -> None:
    result = shell("--project", ponds, "search", *arguments)
    assert failure(result)[0] == code
    assert said in result[2]
