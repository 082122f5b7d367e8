"""The tasks of a project: what is asked about which chips, what people said, and how far they are."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from threading import Lock
from uuid import uuid4

import numpy as np

from earthcurator.errors import BadInput, Conflict, NotFound
from earthcurator.labels.agreement import Agreement, agreement
from earthcurator.labels.fold import ChipState, Fold, Progress, Speed, progress, speed
from earthcurator.labels.policy import Decided, Disputed, Policy, decide, disputed
from earthcurator.models import Chip, Hit, Label, Task
from earthcurator.project.labelfiles import read_labels
from earthcurator.project.records import Records
from earthcurator.store import Chips
from earthcurator.store.sql import Counts, Kept, Tasks

MOST_FOLLOWED = 4
"""Tasks whose events are kept in memory: those that were asked about last."""

MOST_FACTS = 20_000
"""Chips whose facts are kept in memory."""

COUNTED_SECONDS = 1.0
"""For how long the counts of a task are shown in a list."""

SLOW_SECONDS = 0.5
"""A report that took longer than this is shown for `REST` times as long, though there are new labels."""
REST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far a task is, and how much people agree."""

    task: Task
    counts: Counts
    progress: Progress
    agreement: Agreement
    speed: Mapping[str, Speed]
    """Annotator → how fast they answer."""
    disputed: Sequence[str]
    """Ids of chips about which people disagree, most contested first."""
    classes: Mapping[str, int]
    """Class → how many chips have it by majority."""


class TaskBook:
    """The tasks of one project. Safe to use from many threads."""

    def __init__(self, records: Records, chips: Chips) -> None:
        self._records, self._chips = records, chips
        self._facts: OrderedDict[str, Chip] = OrderedDict()
        self._followed: OrderedDict[str, _Followed] = OrderedDict()
        self._counted: dict[str, tuple[Counts, float]] = {}
        self._lock = Lock()

    @property
    def store(self) -> Tasks:
        """Leases, labels and events, for those who serve people."""
        return self._records.tasks

    def create(
        self,
        question: str,
        classes: Sequence[str],
        *,
        chips: Iterable[str | Hit] | None = None,
        several: bool = False,
        opinions: int = 1,
        guide: str = "",
        references: Mapping[str, tuple[str, ...]] | None = None,
        creator: str = "",
        id: str | None = None,  # noqa: A002 - the field of a task
    ) -> Task:
        """A new task about these chips (ids, or hits of a search, the best first); without them, about all chips.

        With an `id`, doing it again changes nothing.
        """
        if not question.strip():
            raise BadInput("a task needs a question", hint="e.g. Is there smoke?")
        task = Task(
            id=id or uuid4().hex[:12],
            question=question.strip(),
            classes=tuple(classes),
            several=several,
            opinions=opinions,
            guide=guide,
            references=references or {},
            created=datetime.now(UTC),
            creator=creator,
        )
        unknown = sorted(set(task.references) - set(task.classes))
        if unknown:
            raise BadInput(
                f"{', '.join(unknown)}: no classes of this task", hint=f"its classes are {', '.join(task.classes)}"
            )
        self._check_known({chip for shown in task.references.values() for chip in shown})
        asked = self._all() if chips is None else self._asked(list(chips))
        return self.store.create(task, asked)

    def add_chips(self, task: Task, chips: Iterable[str | Hit]) -> None:
        """Ask about these chips too; those that the task has stay as they are."""
        self.store.add_chips(task.id, self._asked(list(chips)))
        self._counted.pop(task.id, None)

    def _all(self) -> Iterator[tuple[str, float]]:
        self._chips.table.refresh()
        if not len(self._chips):
            raise Conflict(
                "the project has no chips to ask about",
                hint="bring some in first: Get imagery in the app, `curator download` or `curator import`",
            )
        return ((chip.id, 0.0) for chip in self._chips.all())

    def _asked(self, chips: Sequence[str | Hit]) -> list[tuple[str, float]]:
        asked = [(chip.chip, chip.score) if isinstance(chip, Hit) else (chip, 0.0) for chip in chips]
        self._check_known({chip for chip, _ in asked})
        return asked

    def _check_known(self, chips: Set[str]) -> None:
        if missing := self._missing(chips):
            raise NotFound(f"some of these chips are not in the project: {len(missing):,}, e.g. {min(missing)}")

    def _missing(self, chips: Set[str]) -> Set[str]:
        """Those that are not in the project, also not among what other programs have brought in since."""
        missing = chips - self._chips.ids.known(chips) if chips else chips
        if missing:
            self._chips.table.refresh()
            missing -= self._chips.ids.known(missing)
        return missing

    def facts(self, chips: Sequence[str]) -> dict[str, Chip]:
        """What is known of some chips; those that the project has lost are left out.

        A chip never changes, so that those asked for last are kept in memory.
        """
        with self._lock:
            found = {chip: self._facts[chip] for chip in chips if chip in self._facts}
        unread = [chip for chip in chips if chip not in found]
        read = self._chips.get(unread)
        if len(read) < len(unread):  # another program may have brought them in since
            self._chips.table.refresh()
            read = self._chips.get(unread)
        found |= {chip.id: chip for chip in read}
        with self._lock:
            self._facts |= found
            for chip in found:
                self._facts.move_to_end(chip)
            while len(self._facts) > MOST_FACTS:
                self._facts.popitem(last=False)
        return found

    def list(self) -> Sequence[Task]:
        """All tasks, oldest first."""
        return self.store.list()

    def lately(self, task: Task) -> Counts:
        """How far the task is, or was `COUNTED_SECONDS` ago: counting a large one takes as long as many leases."""
        known = self._counted.get(task.id)
        if known is None or time.monotonic() > known[1]:
            known = self.store.counts(task.id), time.monotonic() + COUNTED_SECONDS
            self._counted[task.id] = known
        return known[0]

    def find(self, name: str) -> Task:
        """The task with this id, unique beginning of an id, or question."""
        tasks = self.list()
        found = [task for task in tasks if name in (task.id, task.question)]
        found = found or [task for task in tasks if name and task.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise BadInput(f"several tasks are called {name}", hint=f"use an id: {', '.join(t.id for t in found)}")
        raise NotFound(f"there is no task {name}", hint="curator task list shows those that are there")

    # -- labels ------------------------------------------------------------------------------------------------------

    def import_labels(self, task: Task, rows: Iterable[tuple[str, Sequence[str]]]) -> int:
        """Take labels over that were made elsewhere, as (chip, classes); returns how many are new."""
        wanted = list(rows)
        if missing := self._missing({chip for chip, _ in wanted}):
            raise NotFound(f"some labelled chips are not in the project: {len(missing):,}, e.g. {min(missing)}")
        return self.store.import_labels(task.id, wanted)

    def import_folders(self, task: Task) -> int:
        """Take over the class folders that the chips were imported with, as far as the task has such classes."""
        self._chips.table.refresh()
        rows = [(chip.id, (chip.folder,)) for chip in self._chips.all() if chip.folder in task.classes and chip.folder]
        if not rows:
            raise Conflict(
                f"no chip has a class folder called {' or '.join(task.classes)}", hint="give a CSV file of labels"
            )
        return self.store.import_labels(task.id, rows)

    def import_csv(self, task: Task, path: Path) -> int:
        """Take labels over from a CSV file, as `read_labels` says."""
        return self.import_labels(task, self.read_labels(path))

    def read_labels(self, path: Path) -> Sequence[tuple[str, Sequence[str]]]:
        """Rows (chip, classes) of a CSV file with the columns `label` and `chip`, or `file`: where it came from."""
        return read_labels(path, self._chips)

    def events(self, task: Task) -> Iterator[Label]:
        """Everything that was said, in order."""
        return self.store.events(task.id)

    def states(self, task: Task) -> dict[str, ChipState]:
        """Chip → what holds of it now."""
        return self._follow(task).states()

    def mine(self, task: Task, annotator: str, limit: int = 100) -> Sequence[Label]:
        """What this person decided last and has not undone, newest first: what they can undo."""
        return self._follow(task).mine(annotator, limit)

    def opinions(self, task: Task, annotator: str, chips: Iterable[str]) -> Sequence[Label]:
        """What this person thinks of these chips, in their order; nothing of a chip of which they said nothing."""
        return self._follow(task).opinions(annotator, chips)

    def disputed(self, task: Task) -> Sequence[Disputed]:
        """Chips about which people disagree, most contested first."""
        return disputed(task, self._follow(task).states())

    def adjudicate(
        self,
        task: Task,
        chip: str,
        value: Sequence[str] | None,
        *,
        by: str,
        note: str = "",
        id: str | None = None,  # noqa: A002 - the field of a label
    ) -> Kept:
        """Decide about a chip, whatever people said; None says that one cannot tell. With an `id` it can be repeated.

        Adjudicating again changes the answer, and undoing the event leaves it to the opinions again.
        """
        word = Label(
            id=id or uuid4().hex,
            task=task.id,
            chip=chip,
            annotator=by,
            decision="unsure" if value is None else "label",
            value=tuple(value or ()),
            time=datetime.now(UTC),
            source="adjudication",
            note=note,
        )
        return self.store.put(word)

    def report(self, task: Task) -> Report:
        """How far the task is, and how much people agree. A large one may be some seconds old, but for its counts."""
        return self._follow(task).report()

    def _follow(self, task: Task) -> _Followed:
        with self._lock:
            if task.id not in self._followed:
                self._followed[task.id] = _Followed(task, lambda: self.store)
            self._followed.move_to_end(task.id)
            while len(self._followed) > MOST_FOLLOWED:
                self._followed.popitem(last=False)
            followed = self._followed[task.id]
        followed.catch_up()
        return followed


class _Followed:
    """The events of one task in memory, brought up to date by reading those that are new. Safe to use from threads."""

    def __init__(self, task: Task, store: Callable[[], Tasks], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._task, self._store, self._clock = task, store, clock
        self._lock = Lock()
        self._seq = 0
        self._events: list[Label] = []
        self._said: defaultdict[str, list[Label]] = defaultdict(list)
        """Annotator → what they decided, undone or not."""
        self._undone: set[str | None] = set()
        self._fold = Fold(task)
        self._reporting = Lock()
        self._reported: _Reported | None = None

    def catch_up(self) -> None:
        """Read what was said since."""
        with self._lock:
            while (page := self._store().page(self._task.id, self._seq)).labels:
                for event in page.labels:
                    self._fold.take(event)
                    if event.source == "person" and event.decision != "undo":
                        self._said[event.annotator].append(event)
                self._events += page.labels
                self._undone.update(event.voids for event in page.labels if event.decision == "undo")
                self._seq = page.seq

    def mine(self, annotator: str, limit: int) -> list[Label]:
        with self._lock:
            said = reversed(self._said.get(annotator, []))
            return list(islice((event for event in said if event.id not in self._undone), limit))

    def opinions(self, annotator: str, chips: Iterable[str]) -> list[Label]:
        with self._lock:
            found = (self._fold.state(chip).opinions.get(annotator) for chip in chips)
            return [opinion for opinion in found if opinion is not None]

    def states(self) -> dict[str, ChipState]:
        with self._lock:
            return self._fold.states()

    def report(self) -> Report:
        counts = self._store().counts(self._task.id)
        last = self._reported
        if last is None:
            with self._reporting:
                return self._new_report(counts)
        same = (last.seq, last.chips) == (self._seq, counts.chips)
        # While one makes a new report, the others get the last: many who ask must not stop those who label.
        if same or self._clock() < last.good_until or not self._reporting.acquire(blocking=False):
            return replace(last.report, counts=counts)
        try:
            return self._new_report(counts)
        finally:
            self._reporting.release()

    def _new_report(self, counts: Counts) -> Report:
        started = self._clock()
        with self._lock:
            seq, events, states = self._seq, list(self._events), self._fold.states()
        report = _report(self._task, counts, events, states, self._store().chips(self._task.id))
        took = self._clock() - started
        rest = REST * took if took > SLOW_SECONDS else 0
        self._reported = _Reported(report, seq, counts.chips, started + took + rest)
        return report


@dataclass(frozen=True, slots=True)
class _Reported:
    report: Report
    seq: int
    """The last event in it."""
    chips: int
    good_until: float


def _report(
    task: Task,
    counts: Counts,
    events: Sequence[Label],
    states: Mapping[str, ChipState],
    chips: Iterable[str],
) -> Report:
    answers = (decide(task, state, Policy()) for state in states.values())
    counted = Counter(name for answer in answers if isinstance(answer, Decided) for name in answer.value)
    return Report(
        task=task,
        counts=counts,
        progress=progress(task, chips, states),
        agreement=agreement(task, states, rng=np.random.default_rng(0)),
        speed=speed(events),
        disputed=tuple(found.chip for found in disputed(task, states)),
        classes={name: counted[name] for name in task.classes},
    )
