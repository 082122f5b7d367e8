"""Both real databases: a SQLite file, and a PostgreSQL server of our own on a Unix socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from earthcurator.models import Label, Task
from earthcurator.store.sql import Database, Tasks
from tests.postgres import PostgresServer

ENGINES = ("sqlite", "postgresql")


class Clock:
    """Moves the databases' clocks on."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return self.offset


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ENGINES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a fresh database of either kind is."""
    if request.param == "sqlite":
        return str(tmp_path / "labels.db")
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def database(address: str, clock: Clock) -> Iterator[Database]:
    with Database.open(address, clock_offset=clock) as opened:
        yield opened


@pytest.fixture
def tasks(database: Database) -> Tasks:
    return Tasks(database)


WHEN = datetime(2020, 1, 1, tzinfo=UTC)


def task(name: str = "smoke", **more: Any) -> Task:
    asked = {"question": "Is there smoke?", "classes": ("smoke", "clear"), **more}
    return Task(id=name, created=WHEN, **asked)


def label(identity: str, chip: str, annotator: str = "ana", **more: Any) -> Label:
    return Label(
        id=identity,
        chip=chip,
        annotator=annotator,
        time=WHEN,
        **{"task": "smoke", "decision": "label", "value": ("smoke",), **more},
    )


def undo(identity: str, chip: str, voids: str, annotator: str = "ana", **more: Any) -> Label:
    return label(identity, chip, annotator, decision="undo", value=(), voids=voids, **more)


@pytest.fixture
def make(tasks: Tasks) -> Callable[..., Tasks]:
    """A task about chips named c0, c1, ..., the first with the highest priority."""

    def make(chips: int = 3, **more: Any) -> Tasks:
        tasks.create(task(**more), [(f"c{number}", -float(number)) for number in range(chips)])
        return tasks

    return make
