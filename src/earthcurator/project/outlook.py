"""How a search goes, for one class of a task: what was found, whether one may stop, the certified check, the model.

Only answers of people count, each chip once and in the order of their answers. Chips that a check drew are no part of
the search, and what was imported was never searched for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earthcurator.active.audit import AuditPlan, AuditResult, Price, audit_bound, audit_price, plan_audit
from earthcurator.active.learning import LearningCurve, learning_curve, unseen_scores
from earthcurator.active.stopping import AIM, Advice, Finds, Left, advice, finds, left
from earthcurator.errors import BadInput, Conflict
from earthcurator.labels.fold import NOTHING_SAID, ChipState
from earthcurator.models import Label
from earthcurator.project.learner import Known, Learner, agreed, said
from earthcurator.store.sql import Rounds, Tasks

FIRST = 1e9
"""Priority of the chips of a check: before everything else."""
SURE = 1.0
"""Logits nearer to 0 than this are no clear opinion of a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How the search for one class goes."""

    wanted: str
    """The class."""
    strategy: str
    finds: Finds
    advice: Advice
    left: Left | None
    """How many may be left by experience; None once a check speaks, or every chip has an answer."""
    audit: AuditResult | None
    """What the newest certified check proves so far."""
    price: Price
    """What a (further) check costs that can prove 95 % recall, if everything is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A chip that people and the model put on different sides: a mistake, or one from which much can be learnt."""

    chip: str
    score: float
    """Logit by a model that has not seen what was said of this chip. Above 0 the model says yes and people no."""
    answers: Mapping[str, Label]
    """Annotator → what they said."""


class Search:
    """The search for one class of a task."""

    def __init__(self, learner: Learner, store: Tasks, rounds: Rounds, wanted: str | None = None) -> None:
        name = wanted or learner.wanted[0]
        if name not in learner.task.classes:
            raise BadInput(
                f"{name} is no class of this task", hint=f"its classes are {', '.join(learner.task.classes)}"
            )
        if name not in learner.wanted:
            name = learner.wanted[0]  # of two classes the other one is what is left
        self.wanted = name
        self._learner, self._store, self._rounds = learner, store, rounds

    def outlook(self) -> Outlook:
        """How it goes now."""
        states = self._learner.states()
        audits = self._audits()
        drawn = self._learner.drawn()
        answers = [answer for chip, answer in self._in_order(states) if chip not in drawn]
        found = sum(self._answer(state) is True for state in states.values())
        checked = self._checked(audits[0][1], states) if audits else None
        unlabelled = self._store.counts(self._learner.task.id).chips - sum(bool(said(each)) for each in states.values())
        strategy = self._learner.strategy
        told, so_far = advice(answers, checked, strategy=strategy), finds(answers)
        speaks = checked is not None and checked.left_high is not None
        return Outlook(
            wanted=self.wanted,
            strategy=strategy,
            finds=so_far,
            advice=told if unlabelled else _nothing_left(found),
            left=None if speaks or not unlabelled else left(so_far.found, unlabelled, told),
            audit=checked,
            price=audit_price(unlabelled, found, target_recall=AIM),
        )

    def learning_curve(self) -> LearningCurve:
        """How well the model tells the class from the rest, by how many answers it learnt from."""
        _, vectors, truth = self._answered()
        return learning_curve(vectors, truth)

    def suspects(self) -> list[Suspect]:
        """Chips of whose class the model clearly says the opposite, the clearest first; not those that were decided."""
        chips, vectors, truth = self._answered()
        states, scores = self._learner.states(), unseen_scores(vectors, truth)
        against = np.where(truth, -scores, scores)
        clearest = [row for row in np.argsort(-against, kind="stable").tolist() if against[row] >= SURE]
        heard = [(chips[row], float(scores[row]), states.get(chips[row], NOTHING_SAID)) for row in clearest]
        return [
            Suspect(chip=chip, score=score, answers=state.opinions)
            for chip, score, state in heard
            if state.opinions and state.adjudication is None
        ]

    def _answered(self) -> tuple[list[str], NDArray[np.float32], NDArray[np.bool_]]:
        """Chips with a clear answer and a vector, the oldest answer first, their vectors `(n, d)`, and the answers."""
        with self._learner.alone():
            states = self._learner.states()
            self._learner.vectors.refresh()
            clear = [
                (max(label.time for label in said(state)), chip, answer)
                for chip, state in states.items()
                if (answer := self._answer(state)) is not None
            ]
            rows = self._learner.vectors.rows
            found = [(chip, row, answer) for _, chip, answer in sorted(clear) for row in rows([chip])]
            vectors = self._learner.vectors.all[[row for _, row, _ in found]]
        return [chip for chip, _, _ in found], vectors, np.array([answer for _, _, answer in found], bool)

    def check(self, n: int, *, seed: int = 0) -> int:
        """Draw `n` random chips for a certified check and put them first in the queue; returns the check's number."""
        with self._learner.alone():
            return self._begin_check(n, seed)

    def _begin_check(self, n: int, seed: int) -> int:
        standings = self._learner.standings(many=np.iinfo(np.int64).max)  # a check may leave out none
        standing = standings[self._learner.wanted.index(self.wanted)]
        number = 1 + self._rounds.last(self._learner.task.id, "audit")[0]
        known = replace(self._learner.known(), vectors=len(standing.vectors))
        states, before = self._learner.states(), self._audits()
        attempt = 1 + len(before)
        open_ = sum(not said(states.get(chip, NOTHING_SAID)) for chip in before[0][1]["chips"]) if before else 0
        if open_:
            raise Conflict(
                f"a check of {len(before[0][1]['chips']):,} chips is under way; {open_:,} have no answer yet",
                hint="label them first: each further check needs more labels to prove as much",
            )
        found = sum(self._answer(state) is True for state in states.values())
        plan = plan_audit(standing.scores, standing.open, n, found=found, seed=seed, attempt=attempt)
        chips = self._learner.vectors.ids(np.array(plan.rows, np.int64))
        record: dict[str, Any] = {
            "wanted": self.wanted,
            "chips": chips,
            "strata": list(plan.strata),
            "sizes": list(plan.sizes),
            "found": plan.found,
            "seed": plan.seed,
            "attempt": plan.attempt,
            "known": asdict(known),
        }
        if not self._rounds.add(self._learner.task.id, "audit", number, record):
            raise Conflict("somebody else has just begun a check", hint="see how it stands, then decide again")
        places = {chip: FIRST - place for place, chip in enumerate(chips)}
        self._store.set_priorities(self._learner.task.id, places)
        return number

    def _audits(self) -> list[tuple[int, Mapping[str, Any]]]:
        """The checks for this class, newest first."""
        every = self._rounds.list(self._learner.task.id, "audit")
        return [(number, audit) for number, audit in every if audit["wanted"] == self.wanted]

    def _checked(self, audit: Mapping[str, Any], states: Mapping[str, ChipState]) -> AuditResult:
        """What the answers to the drawn chips prove.

        Finds since then count when the check could have drawn them. A no that became a yes and a chip that joined later
        tell nothing of how many are left of those that it drew from.
        """
        plan = _plan(audit)
        answers = {row: self._answer(states[chip]) for row, chip in enumerate(audit["chips"]) if chip in states}
        found = {chip for chip, state in states.items() if self._answer(state) is True}
        then = audit.get("known")  # early checks did not keep it: what was found since then cannot be told from theirs
        waited = self._learner.waited(found, Known(**then)) if then else set()
        since = waited | (found & set(audit["chips"]))
        return audit_bound(plan, answers, min(plan.found + len(since), len(found)))

    def _in_order(self, states: Mapping[str, ChipState]) -> Iterator[tuple[str, bool | None]]:
        """Chips that people answered, in the order of their latest answers."""
        shown = [(max(label.time for label in heard), chip) for chip, heard in _by_people(states) if heard]
        return ((chip, self._answer(states[chip])) for _, chip in sorted(shown))

    def _answer(self, state: ChipState) -> bool | None:
        """Whether the chip has the class, by most answers; None when nobody could tell, or as many say no as yes."""
        return agreed(said(state), self.wanted)


def _nothing_left(found: int) -> Advice:
    why = f"{found:,} are of the class."
    return Advice(stop=True, sentence="Every chip has an answer: nothing is left to look at.", why=why, rule=None)


def _by_people(states: Mapping[str, ChipState]) -> Iterator[tuple[str, list[Label]]]:
    return ((chip, [label for label in said(state) if label.source != "import"]) for chip, state in states.items())


def _plan(audit: Mapping[str, Any]) -> AuditPlan:
    """A check from its record; a drawn chip's row is its place there."""
    return AuditPlan(
        rows=tuple(range(len(audit["chips"]))),
        strata=tuple(audit["strata"]),
        sizes=tuple(audit["sizes"]),
        found=audit["found"],
        seed=audit["seed"],
        attempt=audit["attempt"],
    )
