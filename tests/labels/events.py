"""A task and short ways to write its events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from earthcurator.labels.fold import ChipState, fold
from earthcurator.models import Label, Task

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TASK = Task(id="fires", question="What is it?", classes=("smoke", "clear", "dust"), created=NOON)


def label(key: str, chip: str, who: str, *value: str, at: float = 0, seconds: float | None = None) -> Label:
    return Label(
        id=key, task=TASK.id, chip=chip, annotator=who, decision="label", value=value, seconds=seconds,
        time=NOON + timedelta(seconds=at),
    )  # fmt: skip


def unsure(key: str, chip: str, who: str, *, at: float = 0) -> Label:
    time = NOON + timedelta(seconds=at)
    return Label(id=key, task=TASK.id, chip=chip, annotator=who, decision="unsure", time=time)


def undo(key: str, chip: str, who: str, *, voids: str) -> Label:
    return Label(id=key, task=TASK.id, chip=chip, annotator=who, decision="undo", voids=voids, time=NOON)


def states(task: Task, chips: Mapping[str, Mapping[str, str]]) -> dict[str, ChipState]:
    """Chip → annotator → what they said: classes with + between them, `none`, or `?` for unsure."""
    events = [
        unsure(f"{chip}/{who}", chip, who)
        if said == "?"
        else label(f"{chip}/{who}", chip, who, *(() if said == "none" else said.split("+")))
        for chip, people in chips.items()
        for who, said in people.items()
    ]
    return fold(task, events)


def one(task: Task, *said: str) -> ChipState:
    """The state of one chip of which a first, second, third person said this."""
    return states(task, {"a": {f"person {n}": word for n, word in enumerate(said)}})["a"]
