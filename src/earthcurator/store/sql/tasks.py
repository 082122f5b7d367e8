"""Tasks, who decides about which chip, and what they said: the one door to the SQL tables."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    ScalarSelect,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    update,
)

from earthcurator.errors import BadInput, Conflict, NotFound
from earthcurator.models import Label, Lease, Task
from earthcurator.store.sql import answers, queue
from earthcurator.store.sql.answers import Kept
from earthcurator.store.sql.database import Database, await_writers, update_statistics
from earthcurator.store.sql.schema import (
    FREE,
    IS_DONE,
    IS_FREE,
    IS_LEASED,
    LABELS,
    NOW,
    OPINIONS,
    SLOTS,
    TASKS,
    from_task,
    insert,
    to_label,
    to_task,
)

T = TypeVar("T")

BATCH = 1000
"""Rows in one write, so that people's labels get in between."""

MOST_LEASED = 1000
"""Chips that one request may lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How far a task is. `slots` = `free` + `leased` + `done`: the opinions that it asks for."""

    chips: int
    slots: int
    free: int
    leased: int
    done: int
    opinions: int
    """Of people and imports that count now, with those beyond what the task asked for."""


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order in which they were kept."""

    labels: tuple[Label, ...]
    seq: int
    """Where the next page begins: give it as `after_seq`."""


class Tasks:
    """The tasks of a project. Safe to use from many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Task] = {}

    def create(self, task: Task, chips: Iterable[tuple[str, float]] = ()) -> Task:
        """A new task about these chips, each with its priority. Doing it again, also after a crash, changes nothing."""

        def change(connection: Connection) -> None:
            row = insert(connection, TASKS).values(**from_task(task), created=NOW)
            connection.execute(row.on_conflict_do_nothing(index_elements=["id"]), self._database.clock)

        if not task.id:
            raise BadInput("a task needs an id")
        self._database.write(change)
        kept = self.get(task.id)
        if from_task(kept) != from_task(task):
            raise Conflict(f"task {task.id} exists and asks something else", hint="give the new task an id of its own")
        self.add_chips(task.id, chips)
        return kept

    def get(self, task: str) -> Task:
        """The task with this id."""
        if task not in self._known:  # a task never changes
            self._known[task] = self._database.read(partial(_get, task=task))
        return self._known[task]

    def list(self) -> list[Task]:
        """All tasks, oldest first."""

        def query(connection: Connection) -> list[Task]:
            rows = connection.execute(select(TASKS).order_by(TASKS.c.created, TASKS.c.id)).mappings()
            return [to_task(row) for row in rows]

        return self._database.read(query)

    def add_chips(self, task: str, chips: Iterable[tuple[str, float]]) -> None:
        """Ask about these chips too, each with its priority. Those that the task has stay as they are."""
        opinions = self.get(task).opinions
        for batch in _batches(chips, max(1, BATCH // opinions)):
            rows = [
                {"task": task, "chip": chip, "slot": slot, "priority": _finite(chip, priority), "status": FREE}
                for chip, priority in batch
                for slot in range(opinions)
            ]
            self._database.write(partial(_add_slots, task=task, rows=rows))
        self._database.write(partial(update_statistics, table="slots"))

    def set_priorities(self, task: str, priorities: Mapping[str, float]) -> None:
        """Reorder what is free; higher comes first. Chips that the task does not have are passed over."""
        self.get(task)
        statement = (
            update(SLOTS)
            .where(SLOTS.c.task == task, SLOTS.c.chip == bindparam("of_chip"))
            .values(priority=bindparam("new"))
        )
        # Sorted, so that two at once do not wait for each other.
        for batch in _batches(sorted(priorities.items()), BATCH):
            rows = [{"of_chip": chip, "new": _finite(chip, priority)} for chip, priority in batch]
            self._database.write(partial(_reorder, task=task, statement=statement, rows=rows))

    def lease(self, task: str, annotator: str, count: int = 1, *, seconds: float = 60) -> builtins.list[Lease]:
        """At most `count` chips for this annotator, highest priority first, for `seconds`.

        What they hold already comes first, so that a reload of the page loses nothing; what they skipped comes last,
        and only when nobody else who is there could take it. Never a chip they have decided. Fewer than `count` means
        that little is left, or that others are just taking it.
        """
        self.get(task)
        _check_annotator(annotator)
        if not 1 <= count <= MOST_LEASED:
            raise BadInput(f"{count} chips cannot be leased at once", hint=f"ask for 1 to {MOST_LEASED}")
        return self._write(queue.lease, task, annotator, count=count, seconds=_positive(seconds))

    def heartbeat(self, task: str, annotator: str, seconds: float = 60) -> builtins.list[Lease]:
        """Everything this annotator still holds, now for `seconds` more."""
        self.get(task)
        _check_annotator(annotator)
        return self._write(queue.extend, task, annotator, _positive(seconds))

    def release(self, task: str, annotator: str, chips: Collection[str] | None = None) -> None:
        """Give back what this annotator holds: of these chips, or all. What they do not hold is passed over."""
        self.get(task)
        self._write(queue.release, task, annotator, chips)

    def put(self, label: Label) -> Kept:
        """Keep an event; its `time` is set by the database. The same one again is answered as the first time.

        A label or `unsure` fills the annotator's slot. When that went to somebody else meanwhile, it is kept as one
        more opinion, never refused. A `skip` gives the chip to others; an `undo` voids an earlier event of the same
        annotator and chip. Who answers a chip again changes their answer: the later one counts.
        """
        answers.check(self.get(label.task), label)
        return self._write(answers.put, label)

    def import_labels(self, task: str, rows: Iterable[tuple[str, Sequence[str]]], annotator: str = "import") -> int:
        """Keep (chip, classes) rows that were made elsewhere; returns how many were new. Importing again adds none."""
        kept = self.get(task)
        new = 0
        for batch in _batches(rows, BATCH):
            checked = [(chip, tuple(classes)) for chip, classes in batch]
            for chip, classes in checked:
                answers.check_import(kept, chip, classes, annotator)
            new += self._write(answers.import_batch, task, checked, annotator)
        return new

    def events(self, task: str, after_seq: int = 0, limit: int | None = None) -> Iterator[Label]:
        """What was said in this task, in order. It is read in pages: a long look does not hold others up."""
        self.get(task)
        last = self._last_seq(task, after_seq)
        return islice(self._events(task, after_seq, last), limit)

    def page(self, task: str, after_seq: int = 0, limit: int = BATCH) -> Page:
        """The next events, and where to go on: for live clients, who miss none and see none twice."""
        self.get(task)
        rows = self._rows(task, after_seq, self._last_seq(task, after_seq), limit)
        return Page(tuple(to_label(row) for row in rows), rows[-1]["seq"] if rows else after_seq)

    def chips(self, task: str) -> builtins.list[str]:
        """Ids of the chips that the task is about."""
        self.get(task)
        statement = select(SLOTS.c.chip).where(SLOTS.c.task == task, SLOTS.c.slot == 0)
        return self._database.read(lambda connection: builtins.list(connection.execute(statement).scalars()))

    def leased(self, task: str) -> builtins.list[str]:
        """Ids of the chips that are on somebody's screen, in their order."""
        self.get(task)
        held = select(SLOTS.c.chip).where(SLOTS.c.task == task, IS_LEASED, SLOTS.c.lease_until > NOW)
        statement = held.distinct().order_by(SLOTS.c.chip)
        clock = self._database.clock
        return self._database.read(lambda connection: builtins.list(connection.execute(statement, clock).scalars()))

    def counts(self, task: str) -> Counts:
        """How far the task is. A lease that has expired counts as free."""
        opinions = self.get(task).opinions
        asked = {**self._database.clock, "of_task": task}
        row = self._database.read(lambda connection: connection.execute(_COUNTS, asked).one())
        slots = row.free + row.leased + row.done
        return Counts(
            chips=slots // opinions,
            slots=slots,
            free=row.free + row.expired,
            leased=row.leased - row.expired,
            done=row.done,
            opinions=row.said - row.skipped,
        )

    def _write(self, change: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Run a change of `queue` or `answers` with the clock of the database."""
        clock = self._database.clock
        return self._database.write(lambda connection: change(connection, *arguments, **options, clock=clock))

    def _events(self, task: str, after_seq: int, last: int) -> Iterator[Label]:
        while rows := self._rows(task, after_seq, last, BATCH):
            yield from (to_label(row) for row in rows)
            after_seq = rows[-1]["seq"]

    def _rows(self, task: str, after_seq: int, last: int, limit: int) -> Sequence[RowMapping]:
        statement = (
            select(LABELS)
            .where(LABELS.c.task == task, LABELS.c.seq > after_seq, LABELS.c.seq <= last)
            .order_by(LABELS.c.seq)
            .limit(limit)
        )
        return self._database.read(lambda connection: connection.execute(statement).mappings().all())

    def _last_seq(self, task: str, after_seq: int) -> int:
        """The newest event before which none can appear any more."""
        newest = select(func.coalesce(func.max(LABELS.c.seq), 0)).where(LABELS.c.task == task)

        def query(connection: Connection) -> int:
            last: int = connection.execute(newest).scalar_one()
            if last > after_seq:
                await_writers(connection, task)
            return last

        return self._database.read(query)


def _get(connection: Connection, task: str) -> Task:
    row = connection.execute(select(TASKS).where(TASKS.c.id == task)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no task {task}", hint="curator task list shows those there are")
    return to_task(row)


def _add_slots(connection: Connection, task: str, rows: Sequence[Mapping[str, Any]]) -> None:
    statement = insert(connection, SLOTS).on_conflict_do_nothing(index_elements=["task", "chip", "slot"])
    _reorder(connection, task, statement, rows)


def _reorder(connection: Connection, task: str, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    queue.reorder(connection, task)
    connection.execute(statement, rows)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _check_annotator(annotator: str) -> None:
    if not annotator:
        raise BadInput("chips are leased to somebody, but no annotator was named")


def _finite(chip: str, priority: float) -> float:
    if not math.isfinite(priority):
        raise BadInput(f"the priority of {chip} is {priority}", hint="give a finite number")
    return float(priority)


def _positive(seconds: float) -> float:
    if not 0 < seconds <= 86400:
        raise BadInput(f"{seconds:g} s is no time for a lease", hint="give 1 s to 86400 s, a day")
    return seconds


def _count(table: Table, *which: ColumnElement[bool]) -> ScalarSelect[int]:
    of_task = table.c.task == bindparam("of_task")
    return select(func.count()).select_from(table).where(of_task, *which).scalar_subquery()


# Each is read from an index alone. 1 million slots: 0.08 s in SQLite, 0.1 to 0.3 s in PostgreSQL, which likes a VACUUM.
_COUNTS = select(
    _count(SLOTS, IS_FREE).label("free"),
    _count(SLOTS, IS_LEASED).label("leased"),
    _count(SLOTS, IS_LEASED, SLOTS.c.lease_until <= NOW).label("expired"),
    _count(SLOTS, IS_DONE).label("done"),
    _count(OPINIONS).label("said"),
    _count(OPINIONS, OPINIONS.c.decision == literal_column("'skip'")).label("skipped"),
)
