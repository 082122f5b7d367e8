"""The model of one task: what to show next, and what it thinks of every chip.

It follows the task's label events as they come, so that a round costs what is new: a fit, a comparison with every
vector, and a choice. A task of two classes has one model, for the first; a task of several has one for each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np

from earthcurator.active import (
    DEFAULT,
    STRATEGIES,
    Round,
    Standing,
    Strategy,
    expand,
    from_reference,
    score,
    stand,
    take_turns,
    typical,
)
from earthcurator.active.pool import MANY
from earthcurator.errors import BadInput, Conflict
from earthcurator.labels.fold import ChipState, Fold
from earthcurator.models import Label, Task
from earthcurator.project.taskvectors import Rows, TaskVectors

if TYPE_CHECKING:
    from earthcurator.project.project import Project

PAGE = 10_000
TOP = 64
"""Chips that a round puts at the head of the queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model thinks of a chip."""

    chip: str
    scores: Mapping[str, float]
    """Class → logit. They rank chips; they are not calibrated, and their sum is no estimate of anything."""
    label: tuple[str, ...]
    """The classes it would give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """How much a learner had seen at some moment."""

    events: int
    """Label events of the task."""
    chips: int
    """Chips that the task asked about."""
    vectors: int
    """Chips of the project with a vector; later ones come after them."""
    encoder: str
    """Id of the encoder that made those vectors."""


class Learner:
    """Active learning for one task. Safe to use from several threads, which take turns."""

    def __init__(self, project: Project, task: Task) -> None:
        self.task = task
        self.wanted = task.classes[:1] if len(task.classes) == 2 and not task.several else task.classes
        """Classes with a model of their own."""
        self.vectors = TaskVectors(project, task)
        self._store, self._rounds = project.tasks.store, project.records.rounds
        self._fold = Fold(task)
        self._events = 0
        self._first: dict[str, int] = {}
        """Chip → how many events came before its first one."""
        self._seq = 0
        self._lock = RLock()

    def states(self) -> dict[str, ChipState]:
        """Chip → what holds of it now."""
        with self._lock:
            while (page := self._store.page(self.task.id, self._seq, PAGE)).labels:
                for event in page.labels:
                    self._fold.take(event)
                    self._first.setdefault(event.chip, self._events)
                    self._events += 1
                self._seq = page.seq
            return self._fold.states()

    def known(self) -> Known:
        """What there is to choose from, and how much was said of it."""
        with self._lock:
            self.states()
            self.vectors.refresh()
            chips = self._store.counts(self.task.id).chips
            return Known(events=self._events, chips=chips, vectors=len(self.vectors.all), encoder=self.vectors.encoder)

    def waited(self, chips: Iterable[str], then: Known) -> set[str]:
        """Those of the chips that had a vector then, and of which nobody had said anything.

        None once the task was given more chips or the project another encoder: then it is not known any more.
        """
        with self._lock:
            try:
                now = self.known()
            except Conflict:  # no vectors of another encoder yet
                return set()
            if (now.chips, now.encoder) != (then.chips, then.encoder):
                return set()
            silent = (chip for chip in chips if self._first.get(chip, then.events) >= then.events)
            return {chip for chip in silent if any(row < then.vectors for row in self.vectors.rows([chip]))}

    # -- choosing ----------------------------------------------------------------------------------------------------

    @property
    def strategy(self) -> str:
        """What the task's rounds go by: the strategy that was chosen last."""
        _, goal = self._rounds.last(self.task.id, "goal")
        return str(goal["strategy"]) if goal else DEFAULT

    def aim(self, strategy: str) -> None:
        """Go by this strategy from now on."""
        STRATEGIES.get(strategy)
        while not self._rounds.add(
            self.task.id, "goal", self._rounds.last(self.task.id, "goal")[0] + 1, {"strategy": strategy}
        ):
            pass  # somebody else chose at the same moment; ours comes after theirs

    def suggest(
        self, n: int = 20, *, strategy: str | None = None, seed: int | None = None, neighbours: int = 0
    ) -> Round:
        """The next `n` chips to show, best first; with `neighbours`, about so many chips like each after them.

        The same labels, screens and seed choose the same chips; without a seed it is the number of label events.
        """
        if n < 1 or neighbours < 0:
            raise BadInput(f"{n} chips with {neighbours} like each cannot be suggested", hint="ask for 1 or more")
        name = strategy or self.strategy
        chosen = STRATEGIES.get(name)
        with self._lock:
            on_screen = sorted({*self._store.leased(self.task.id), *self.drawn()})
            standings = self.standings(on_screen)
            seed = self._events if seed is None else seed
            rows = self._pick(standings, chosen, n, np.random.default_rng(seed))
            if neighbours and len(rows):
                rows = expand(standings[0], rows, self.vectors.nearest, each=neighbours)
            logits = score(self.vectors.all[rows], [standing.classifier for standing in standings])
            known = zip(self.wanted, standings, strict=True)
            return Round(
                strategy=name,
                seed=seed,
                encoder=self.vectors.encoder,
                asked=n,
                neighbours=neighbours,
                labels=self._events,
                on_screen=tuple(on_screen),
                picked=tuple(self.vectors.ids(rows)),
                utilities=tuple(logits.max(axis=1).tolist()) if len(rows) else (),
                metrics={f"positives: {name}": float(len(standing.positives)) for name, standing in known},
            )

    def advance(self) -> tuple[int, Round] | None:
        """Choose again after new labels, and put the choice at the head of the queue; what is on screens stays there.

        Returns the round with its number, or None when nothing is new or another server was first.
        """
        number, before = self._rounds.last(self.task.id, "round")
        with self._lock:
            self.states()
            if before is not None and (before["labels"], before["strategy"]) == (self._events, self.strategy):
                return None
            if not self._knows():
                return None  # nothing to go by yet: the queue stays in the order of the search that it came from
            done = self.suggest(TOP)
            if not done.picked or not self._rounds.add(self.task.id, "round", number + 1, done.to_json()):
                return None
            # Later rounds come before earlier ones, and all of them before the scores of a search, at most 1.
            places = {chip: number + 2 - place / TOP for place, chip in enumerate(done.picked)}
            self._store.set_priorities(self.task.id, places)
            return number + 1, done

    def alone(self) -> AbstractContextManager[object]:
        """While nothing else chooses or puts the queue in order."""
        return self._lock

    def _knows(self) -> bool:
        """Whether anything shows what a wanted class looks like."""
        self.vectors.refresh()
        states = self.states()
        return any(len(self.vectors.like(name)) or self._rows_with(name, states) for name in self.wanted)

    def _rows_with(self, name: str, states: Mapping[str, ChipState]) -> list[int]:
        return self.vectors.rows(chip for chip, state in states.items() if _has(state, name))

    def drawn(self) -> set[str]:
        """Chips of certified checks: they were drawn at random, and no round touches them."""
        return {chip for _, audit in self._rounds.list(self.task.id, "audit") for chip in audit["chips"]}

    def _pick(self, standings: Sequence[Standing], chosen: Strategy, n: int, rng: np.random.Generator) -> Rows:
        open_ = standings[0].open
        if any(len(standing.positives) for standing in standings):
            return take_turns(chosen, standings, n, rng)
        given = [example for name in self.wanted for example in self.vectors.like(name)]
        if given:
            return open_[from_reference(self.vectors.all[open_], np.mean(given, axis=0), n, rng)]
        if any(len(standing.negatives) for standing in standings):
            return open_[rng.permutation(len(open_))[:n]]  # only misses so far: look elsewhere
        return open_[typical(self.vectors.all[open_], n, rng)] if len(open_) else open_

    # -- the model ---------------------------------------------------------------------------------------------------

    def predict(self) -> Iterator[Prediction]:
        """What the model thinks of every chip of the task that has a vector, in the order of the vectors."""
        with self._lock:
            if not self._knows():
                raise Conflict(
                    f"nobody has labelled a chip of the task {self.task.question!r} as {' or '.join(self.wanted)} yet",
                    hint="label a few first, or make a task that names chips which show it",
                )
            classifiers = [standing.classifier for standing in self.standings()]
            rows, seen, ids = self.vectors.inside, self.vectors.all, self.vectors.ids
        for at in range(0, len(rows), PAGE):
            some = rows[at : at + PAGE]
            for chip, logits in zip(ids(some), score(seen[some], classifiers).tolist(), strict=True):
                yield Prediction(
                    chip=chip, scores=dict(zip(self.wanted, logits, strict=True)), label=self._label(logits)
                )

    def standings(self, on_screen: Collection[str] = (), *, many: int = MANY) -> list[Standing]:
        """How the search for each wanted class stands, in their order."""
        with self._lock:
            self.vectors.refresh()
            states = self.states()
            closed = np.concatenate([self.vectors.outside, np.array(self.vectors.rows(on_screen), np.int64)])
            unsure = self.vectors.rows(chip for chip, state in states.items() if not any(map(_is_clear, said(state))))
            return [
                stand(
                    self.vectors.all,
                    positives=self._rows_with(name, states),
                    negatives=self.vectors.rows(chip for chip, state in states.items() if _lacks(state, name)),
                    unsure=unsure,
                    on_screen=closed,
                    examples=self.vectors.like(name),
                    neighbours=self.vectors.nearest,
                    many=many,
                )
                for name in self.wanted
            ]

    def _label(self, logits: Sequence[float]) -> tuple[str, ...]:
        if self.task.several:
            return tuple(name for name, logit in zip(self.wanted, logits, strict=True) if logit > 0)
        if len(self.wanted) == 1:
            return (self.task.classes[0 if logits[0] > 0 else 1],)
        return (self.wanted[int(np.argmax(logits))],)


def said(state: ChipState) -> list[Label]:
    """The answers that count for a chip: the adjudication, else everybody's opinion."""
    return [state.adjudication] if state.adjudication else list(state.opinions.values())


def agreed(labels: Iterable[Label], name: str) -> bool | None:
    """Whether most of the clear ones give this class; None when there are none, or as many say no as yes."""
    clear = [name in label.value for label in labels if _is_clear(label)]
    yes = sum(clear)
    return None if 2 * yes == len(clear) else 2 * yes > len(clear)


def _is_clear(label: Label) -> bool:
    return label.decision == "label"


def _has(state: ChipState, name: str) -> bool:
    return any(_is_clear(label) and name in label.value for label in said(state))


def _lacks(state: ChipState, name: str) -> bool:
    """People contradict each other: a chip may both have a class and lack it."""
    return any(_is_clear(label) and name not in label.value for label in said(state))
