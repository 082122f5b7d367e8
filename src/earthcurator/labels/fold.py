"""Reads the events of a task into what holds now: who thinks what, how far the task is, how fast people are.

Events are never changed, so this is a fold: the same events give the same states, whether they come at once or one by
one. Who may say what is checked where events are kept, not here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from statistics import median
from typing import Literal

from earthcurator.models import Label, Task

PAUSE = timedelta(minutes=2)
"""Somebody who says nothing for longer than this is having a break."""

Standing = Literal["decided", "unsure", "partial", "waiting"]
"""How far a chip is. `decided`: nobody needs to be asked any more. `unsure`: the same, but nobody could tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipState:
    """What holds of one chip now."""

    opinions: Mapping[str, Label] = field(default_factory=dict)
    """Annotator → the latest `label` or `unsure` that was not undone. People and imports."""
    skips: frozenset[str] = frozenset()
    """Who passed it on and has no opinion."""
    adjudication: Label | None = None
    """The last word on it, if there is one."""
    suggestions: Mapping[str, Label] = field(default_factory=dict)
    """Model → what it said. Never counted as an opinion."""


NOTHING_SAID = ChipState()


class Fold:
    """States that follow the events of one task as they come.

    Events of other tasks and those taken before are ignored. Undone events do not count, even when the undo comes
    first; an undo itself cannot be undone. Of somebody's events the one with the latest time holds, and of equal times
    the one that came last.
    """

    def __init__(self, task: Task, events: Iterable[Label] = ()) -> None:
        self.task = task
        self._events: dict[str, list[Label]] = {}
        self._chips: dict[str, str] = {}
        """Event id → its chip, for every event that was taken."""
        self._voided: set[str] = set()
        self._states: dict[str, ChipState] = {}
        """What was worked out already; events remove what they change."""
        for event in events:
            self.take(event)

    def take(self, event: Label) -> None:
        """Let one event count."""
        if event.task != self.task.id or event.id in self._chips:
            return
        self._chips[event.id] = event.chip
        if event.decision == "undo":
            if event.voids is not None:
                self._voided.add(event.voids)
                self._states.pop(self._chips.get(event.voids, event.chip), None)
        else:
            self._events.setdefault(event.chip, []).append(event)
            self._states.pop(event.chip, None)

    def state(self, chip: str) -> ChipState:
        """What holds of this chip; `NOTHING_SAID` for one without events."""
        if chip not in self._events:
            return NOTHING_SAID
        if chip not in self._states:
            self._states[chip] = _state(event for event in self._events[chip] if event.id not in self._voided)
        return self._states[chip]

    def states(self) -> dict[str, ChipState]:
        """Chip → what holds of it, for every chip of which something holds."""
        found = ((chip, self.state(chip)) for chip in self._events)
        return {chip: state for chip, state in found if state != NOTHING_SAID}


def fold(task: Task, events: Iterable[Label]) -> dict[str, ChipState]:
    """Chip → what holds of it after these events, for every chip of which something holds."""
    return Fold(task, events).states()


def _state(events: Iterable[Label]) -> ChipState:
    opinions: dict[str, Label] = {}
    suggestions: dict[str, Label] = {}
    skips: set[str] = set()
    adjudication = None
    for event in sorted(events, key=attrgetter("time")):
        if event.decision == "skip":
            skips.add(event.annotator)
        elif event.source == "adjudication":
            adjudication = event
        elif event.source == "model":
            suggestions[event.annotator] = event
        else:
            opinions[event.annotator] = event
    return ChipState(
        opinions=opinions, skips=frozenset(skips - opinions.keys()), adjudication=adjudication, suggestions=suggestions
    )


def standing(task: Task, state: ChipState) -> Standing:
    """How far this chip is. An adjudication ends the matter; else every opinion that the task asks for must be in."""
    if state.adjudication is not None:
        return "decided" if state.adjudication.decision == "label" else "unsure"
    if not state.opinions:
        return "waiting"
    if len(state.opinions) < task.opinions:
        return "partial"
    return "decided" if any(label.decision == "label" for label in state.opinions.values()) else "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many chips of a task are how far. The four add up to the total."""

    total: int
    decided: int
    unsure: int
    partial: int
    """Some opinions are in, but not all that the task asks for."""
    waiting: int


def progress(task: Task, chips: Iterable[str], states: Mapping[str, ChipState]) -> Progress:
    """How far the task is with these chips. What was said of other chips does not count."""
    count = Counter(standing(task, states.get(chip, NOTHING_SAID)) for chip in set(chips))
    return Progress(
        total=count.total(),
        decided=count["decided"],
        unsure=count["unsure"],
        partial=count["partial"],
        waiting=count["waiting"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast somebody answers."""

    answers: int
    """How many labels and unsures they gave, later undone or not."""
    median_seconds: float | None
    """How long a chip was typically on their screen; None when that was not recorded."""
    per_minute: float | None
    """Answers per minute of work, breaks left out; None when no answer's duration is known."""


def speed(events: Iterable[Label], *, pause: timedelta = PAUSE) -> dict[str, Speed]:
    """Annotator → how fast they answer. People only: models and imports have no hurry."""
    answers: dict[str, dict[str, Label]] = {}
    for event in events:
        if event.source in {"person", "adjudication"} and event.decision in {"label", "unsure"}:
            answers.setdefault(event.annotator, {}).setdefault(event.id, event)
    return {who: _speed(sorted(said.values(), key=attrgetter("time")), pause) for who, said in sorted(answers.items())}


def _speed(answers: list[Label], pause: timedelta) -> Speed:
    shown = [answer.seconds for answer in answers if answer.seconds is not None]
    worked = list(_seconds_of_work(answers, pause.total_seconds()))
    total = sum(worked)
    return Speed(
        answers=len(answers),
        median_seconds=median(shown) if shown else None,
        per_minute=60 * len(worked) / total if total > 0 else None,
    )


def _seconds_of_work(answers: list[Label], pause: float) -> Iterator[float]:
    """How long each answer took, for those where it is known.

    That is the time since the answer before. After a break it is the time on the screen; and so it is for answers that
    were kept at once, as after a lost connection.
    """
    before = None
    for answer in answers:
        gap = (answer.time - before).total_seconds() if before else None
        known = [seconds for seconds in (gap, answer.seconds) if seconds is not None and seconds <= pause]
        if known:
            yield max(known)
        before = answer.time
