"""The thread that chooses again: once for each change, whoever is first, and silent where there is nothing to learn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Semaphore
from uuid import uuid4

import pytest

import earthcurator as ec
from earthcurator.models import Label, Task
from earthcurator.web import trainer
from earthcurator.web.trainer import Trainer
from tests.web.conftest import chip, eventually

SECONDS = 20.0


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "PAUSE", 0.01)
    monkeypatch.setattr(trainer, "LONGEST_REST", 0.01)


@contextmanager
def at_work(project: ec.Project, tell: Callable[[], object]) -> Iterator[Trainer]:
    worker = Trainer(project, tell)  # type: ignore[arg-type]  # what `tell` returns does not matter
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def ask(project: ec.Project, chips: list[str]) -> Task:
    return project.tasks.create("Is it water?", ("yes", "no"), chips=chips)


def say(project: ec.Project, task: Task, chip: str, value: str = "yes") -> None:
    label = Label(
        id=uuid4().hex,
        task=task.id,
        chip=chip,
        annotator="ann",
        decision="label",
        value=(value,),
        time=datetime.now(UTC),
    )
    project.tasks.store.put(label)


def test_a_round_follows_new_labels_and_nothing_follows_none(project: ec.Project, chip_ids: list[str]) -> None:
    task, told = ask(project, chip_ids), Semaphore(0)
    say(project, task, chip_ids[0])
    with at_work(project, told.release) as worker:
        worker.touch(task.id)
        assert told.acquire(timeout=SECONDS)
        worker.touch(task.id)
        say(project, other := ask(project, chip_ids[:5]), chip_ids[0])
        worker.touch(other.id)  # its round comes after the other task's turn
        assert told.acquire(timeout=SECONDS)
    assert project.records.rounds.newest("round") == {task.id: 1, other.id: 1}


def test_of_two_servers_one_makes_each_round(project: ec.Project, chip_ids: list[str]) -> None:
    task, told = ask(project, chip_ids), Semaphore(0)
    with (
        ec.open(project.location) as elsewhere,
        at_work(project, told.release) as one,
        at_work(elsewhere, told.release) as other,
    ):
        for number, name in enumerate(chip_ids[:5], 1):
            say(project, task, name, ("no", "yes")[number % 2])
            one.touch(task.id)
            other.touch(task.id)
            assert told.acquire(timeout=SECONDS)
            eventually(lambda: not one._touched and not other._touched)
    records = project.records.rounds.list(task.id, "round")
    assert [number for number, _ in records] == [5, 4, 3, 2, 1]
    assert [record["labels"] for _, record in records] == [5, 4, 3, 2, 1]


def test_a_round_comes_of_labels_that_the_first_server_did_not_know(
    project: ec.Project, chip_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, told = ask(project, chip_ids), Event()
    say(project, task, chip_ids[0])
    rounds, add = project.records.rounds, project.records.rounds.add

    def beaten(name: str, kind: str, number: int, record: object) -> bool:
        monkeypatch.undo()
        assert add(name, "round", number, {"labels": 0, "strategy": "hybrid", "picked": []})
        return False

    monkeypatch.setattr(rounds, "add", beaten)
    with at_work(project, told.set) as worker:
        worker.touch(task.id)
        assert told.wait(SECONDS)
    number, record = rounds.last(task.id, "round")
    assert record is not None
    assert (number, record["labels"]) == (2, 1)


def test_without_anything_to_go_by_the_queue_stays_in_its_order(project: ec.Project, chip_ids: list[str]) -> None:
    task, told = ask(project, chip_ids), Semaphore(0)
    say(project, task, chip_ids[0], "no")
    with at_work(project, told.release) as worker:
        worker.touch(task.id)
        say(project, known := ask(project, chip_ids), chip_ids[0])
        worker.touch(known.id)
        assert told.acquire(timeout=SECONDS)
    assert project.records.rounds.newest("round") == {known.id: 1}


def test_without_vectors_it_says_so_once_and_chooses_no_encoder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ec.create(tmp_path / "bare") as bare:
        bare.chips.add([chip(number) for number in range(3)])
        task = bare.tasks.create("Is it water?", ("yes", "no"))
        with caplog.at_level(logging.WARNING), at_work(bare, pytest.fail) as worker:
            for _ in range(3):
                worker.touch(task.id)
                eventually(lambda: not worker._touched)
        assert bare.default_encoder is None
    assert [record.message for record in caplog.records] == [
        f"the queue of task {task.id} stays as it is: the project has no vectors yet"
    ]


def test_a_failure_ends_neither_the_thread_nor_other_tasks(
    project: ec.Project, chip_ids: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad, told = ask(project, chip_ids), ask(project, chip_ids[:3]), Event()
    say(project, good, chip_ids[0])
    learner = project.learner

    def failing(task: Task | str) -> object:
        if task == bad.id:
            raise RuntimeError("a defect")
        return learner(task)

    monkeypatch.setattr(project, "learner", failing)
    with at_work(project, told.set) as worker:
        worker.touch("no-such-task")
        worker.touch(bad.id)
        worker.touch(good.id)
        assert told.wait(SECONDS)
    assert project.records.rounds.newest("round") == {good.id: 1}
    assert "a defect" in caplog.text
    assert "there is no task no-such-task" in caplog.text
