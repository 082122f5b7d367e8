"""The tasks of a project: what is asked about which chips, what people said, and how far they are."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np

from earthcurator.errors import BadInput, Conflict, NotFound
from earthcurator.labels.agreement import Agreement, agreement
from earthcurator.labels.fold import ChipState, Progress, Speed, fold, progress, speed
from earthcurator.labels.policy import Decided, Policy, decide, disputed
from earthcurator.models import Hit, Label, Task
from earthcurator.store import Chips
from earthcurator.store.sql import Counts, Database, Tasks

log = logging.getLogger(__name__)


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
    """The tasks of one project. Opens its database when it is first needed."""

    def __init__(self, location: str | Path, chips: Chips) -> None:
        self._location, self._chips = location, chips
        self._opened: tuple[Database, Tasks] | None = None

    def close(self) -> None:
        """Let others open the database."""
        if self._opened is not None:
            self._opened[0].close()
            self._opened = None

    @property
    def store(self) -> Tasks:
        """Leases, labels and events, for those who serve people."""
        if self._opened is None:
            if str(self._location) == "":
                raise Conflict(
                    "a project on object storage keeps its labels in PostgreSQL",
                    hint="set CURATOR_DATABASE_URL to postgresql://...",
                )
            database = Database.open(self._location)
            self._opened = database, Tasks(database)
        return self._opened[1]

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
    ) -> Task:
        """A new task about these chips (ids, or hits of a search, the best first); without them, about all chips."""
        if not question.strip():
            raise BadInput("a task needs a question", hint="e.g. Is there smoke?")
        task = Task(
            id=uuid4().hex[:12],
            question=question.strip(),
            classes=tuple(classes),
            several=several,
            opinions=opinions,
            guide=guide,
            references=references or {},
            created=datetime.now(UTC),
        )
        asked = self._all() if chips is None else self._asked(list(chips))
        return self.store.create(task, asked)

    def _all(self) -> Iterator[tuple[str, float]]:
        self._chips.table.refresh()
        if not len(self._chips):
            raise Conflict("the project has no chips to ask about", hint="bring some in: curator import PATH")
        return ((chip.id, 0.0) for chip in self._chips.all())

    def _asked(self, chips: Sequence[str | Hit]) -> list[tuple[str, float]]:
        asked = [(chip.chip, chip.score) if isinstance(chip, Hit) else (chip, 0.0) for chip in chips]
        missing = {chip for chip, _ in asked} - self._chips.ids.known(chip for chip, _ in asked)
        if missing:
            raise NotFound(f"{len(missing):,} of these chips are not in the project, e.g. {min(missing)}")
        return asked

    def list(self) -> Sequence[Task]:
        """All tasks, oldest first."""
        return self.store.list()

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
        missing = {chip for chip, _ in wanted} - self._chips.ids.known(chip for chip, _ in wanted)
        if missing:
            raise NotFound(f"{len(missing):,} labelled chips are not in the project, e.g. {min(missing)}")
        return self.store.import_labels(task.id, wanted)

    def import_folders(self, task: Task) -> int:
        """Take over the class folders that the chips were imported with, as far as the task has such classes."""
        rows = [(chip.id, (chip.folder,)) for chip in self._chips.all() if chip.folder in task.classes and chip.folder]
        if not rows:
            raise Conflict(
                f"no chip has a class folder called {' or '.join(task.classes)}", hint="give a CSV file of labels"
            )
        return self.store.import_labels(task.id, rows)

    def import_csv(self, task: Task, path: Path) -> int:
        """Take labels over from a CSV file with the columns chip and label; several classes are joined by `|`."""
        return self.import_labels(task, read_labels(path))

    def events(self, task: Task) -> Iterator[Label]:
        """Everything that was said, in order."""
        return self.store.events(task.id)

    def states(self, task: Task) -> dict[str, ChipState]:
        """Chip → what holds of it now."""
        return fold(task, self.events(task))

    def report(self, task: Task, *, seed: int = 0) -> Report:
        """How far the task is, and how much people agree."""
        events = list(self.events(task))
        states = fold(task, events)
        answers = (decide(task, state, Policy()) for state in states.values())
        counted = [name for answer in answers if isinstance(answer, Decided) for name in answer.value]
        return Report(
            task=task,
            counts=self.store.counts(task.id),
            progress=progress(task, self.store.chips(task.id), states),
            agreement=agreement(task, states, rng=np.random.default_rng(seed)),
            speed=speed(events),
            disputed=tuple(found.chip for found in disputed(task, states)),
            classes={name: counted.count(name) for name in task.classes},
        )

    def decided(self, task: Task, policy: Policy) -> dict[str, Decided]:
        """Chip → the answer it goes into a dataset with, for those that have one."""
        answers = {chip: decide(task, state, policy) for chip, state in self.states(task).items()}
        return {chip: answer for chip, answer in answers.items() if isinstance(answer, Decided)}


def read_labels(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Rows (chip, classes) of a CSV file with the columns chip and label."""
    if not path.is_file():
        raise NotFound(f"{path} is not a file of labels", hint="name a CSV file with the columns chip and label")
    labels: dict[str, tuple[str, ...]] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        try:
            if not {"chip", "label"} <= set(rows.fieldnames or ()):
                raise BadInput(f"{path} has no columns named chip and label", hint="its first line must be: chip,label")
            for row in rows:
                where = f"line {rows.line_num} of {path}"
                chip, label = row["chip"], tuple(filter(None, (row["label"] or "").split("|")))
                if not chip or not label:
                    raise BadInput(f"{where} lacks a chip or a label", hint="complete or remove it")
                if labels.setdefault(chip, label) != label:
                    said, above = "|".join(label), "|".join(labels[chip])
                    raise BadInput(
                        f"{where} says {said} of chip {chip}, which is {above} above", hint="keep one of them"
                    )
        except (UnicodeDecodeError, csv.Error) as error:
            raise BadInput(f"{path} is not CSV in UTF-8 ({error})", hint="save it as CSV UTF-8") from error
    return list(labels.items())
