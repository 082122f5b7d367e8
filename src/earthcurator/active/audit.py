"""The certified check: how much of the class a search has surely found.

Chips are drawn at random among those that nobody has labelled, more densely among the most likely ones. Only their own
answers enter the bound; what a learner chose to show never does. The number of chips is settled beforehand, and a
chip without an answer, or with `unsure`, counts as whatever makes the figures worse. So one may look at any time: an
early figure is only wider, and drawing answers out does not help. Checking again spends confidence that was kept back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from earthcurator.active.remaining import Stratum, fewest, most
from earthcurator.errors import BadInput

LIKELY = 0.05
"""Share of the unlabelled chips, by score, that is drawn from more densely."""
DENSITY = 3
"""How many times more densely."""
FEWEST_ANSWERS = 20
"""Below this a figure says more about chance than about the chips, and is hidden."""
FIRST_CHECK = 0.8
"""Share of the allowed error that the first check spends; the next spends as much of the rest, and so on."""
PROMISE = 0.8
"""A price is for this chance to reach the target, if the guess is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPlan:
    """Which chips to ask about. The same scores, rows and seed make the same plan."""

    rows: tuple[int, ...]
    """In the order to be shown: a random one, so that nobody can tell the strata apart."""
    strata: tuple[int, ...]
    """Of each row: 0 for the most likely chips, 1 for the rest."""
    sizes: tuple[int, ...]
    """How many unlabelled chips each stratum had."""
    found: int
    """Positives that were known when the chips were drawn."""
    seed: int
    attempt: int = 1
    """1 for the first check of a search, 2 for the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """What the answers so far prove."""

    answered: int
    """Drawn chips with an answer; `unsure` is none."""
    unsure: int
    """Drawn chips that somebody looked at and could not tell."""
    of: int
    """Chips that were drawn."""
    hits: int
    """Drawn chips that are positive."""
    confidence: float
    left_high: int | None = None
    """At most so many positives have not been found, with this confidence. None while too few answers are there."""
    recall_low: float | None = None
    """At least this share of the positives has been found, with the same confidence: it is the same statement."""
    total: tuple[int, int] | None = None
    """How many positives there are, found or not: between these two, with this confidence."""

    @property
    def complete(self) -> bool:
        """Whether every drawn chip was looked at."""
        return self.answered + self.unsure == self.of

    @property
    def sentence(self) -> str:
        """For a person."""
        if self.left_high is None or self.recall_low is None or self.total is None:
            return (
                f"{self.answered:,} of the {self.of:,} chips of the check are answered; there is no figure below "
                f"{FEWEST_ANSWERS} answers, because it would say more about chance than about the chips."
            )
        waiting = self.of - self.answered
        worst = f" The {waiting:,} without a clear answer are counted as the worst case." if waiting else ""
        return (
            f"With {100 * self.confidence:g}% confidence at least {_down(self.recall_low)} of the class is found and "
            f"at most {self.left_high:,} are left ({self.hits:,} found among {self.answered:,} random chips).{worst}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a certified check costs, before it begins."""

    labels: int | None
    """Chips to draw; None when no random check can reach the target."""
    sentence: str


def plan_audit(
    scores: NDArray[np.floating], unlabelled: NDArray[np.integer], n: int, *, found: int, seed: int, attempt: int = 1
) -> AuditPlan:
    """Draw `n` of the `unlabelled` rows (m,). `scores` (m,) may come from any learner, or be all alike."""
    rows = np.asarray(unlabelled, dtype=np.int64)
    if len(scores) != len(rows):
        raise BadInput(f"{len(scores):,} scores cannot order {len(rows):,} chips", hint="give one score for each chip")
    if len(np.unique(rows)) < len(rows):
        raise BadInput("a chip is listed twice among the unlabelled", hint="list every chip once")
    if not FEWEST_ANSWERS <= n <= len(rows):
        raise BadInput(
            f"a check of {n:,} chips cannot be drawn from {len(rows):,} without a label",
            hint=f"take {FEWEST_ANSWERS} to {len(rows):,}" if len(rows) >= FEWEST_ANSWERS else "label them all instead",
        )
    if found < 0 or attempt < 1:
        raise BadInput(f"{found} positives found and check number {attempt} cannot be", hint="count from 0 and from 1")
    sizes, draws = _shares(len(rows), n)
    likely = np.argpartition(-np.asarray(scores, dtype=np.float64), sizes[0] - 1)
    rng = np.random.default_rng(seed)
    drawn = [
        (int(row), stratum)
        for stratum, (chips, count) in enumerate(zip(np.split(rows[likely], [sizes[0]]), draws, strict=True))
        for row in rng.choice(chips, count, replace=False)
    ]
    shown = [drawn[place] for place in rng.permutation(len(drawn))]
    return AuditPlan(
        rows=tuple(row for row, _ in shown),
        strata=tuple(stratum for _, stratum in shown),
        sizes=sizes,
        found=found,
        seed=seed,
        attempt=attempt,
    )


def audit_bound(
    plan: AuditPlan, answers: Mapping[int, bool | None], found: int, *, confidence: float = 0.95
) -> AuditResult:
    """What the answers prove: row → yes, no, or None for `unsure`. Rows that were not drawn are ignored.

    `found` is how many positives are known today, those of the check included. Chips that joined the project after the
    plan was made belong neither to it nor to the bound.
    """
    said = [answers.get(row) for row in plan.rows]
    hits, answered = sum(answer is True for answer in said), sum(answer is not None for answer in said)
    unsure = sum(row in answers and answers[row] is None for row in plan.rows)
    facts = AuditResult(answered=answered, unsure=unsure, of=len(said), hits=hits, confidence=confidence)
    if answered < FEWEST_ANSWERS:
        return facts
    error = _allowed_error(confidence, plan.attempt)
    best, worst = _strata(plan, said, unclear=False), _strata(plan, said, unclear=True)
    since = max(hits, found - plan.found)  # `found` may have shrunk: a label was corrected
    highest = max(most(worst, confidence=1 - error), since)
    return replace(
        facts,
        left_high=highest - since,
        recall_low=min(1.0, found / (plan.found + highest)) if plan.found + highest else 1.0,
        total=(
            plan.found + max(since, fewest(best, confidence=1 - error / 2)),
            plan.found + max(since, most(worst, confidence=1 - error / 2)),
        ),
    )


def audit_price(
    unlabelled: int, found: int, *, target_recall: float = 0.95, guess: float = 0.0, confidence: float = 0.95
) -> Price:
    """How many random labels prove that `target_recall` is reached, if the share `guess` of the class is still left."""
    for name, value in (("target_recall", target_recall), ("guess", guess), ("confidence", confidence)):
        if not 0 <= value < 1:
            raise BadInput(f"{name} must be at least 0 and below 1, not {value:g}", hint="write 95 % as 0.95")
    left = math.ceil(round(found * guess / (1 - guess), 6))
    aim = f"that {target_recall:.0%} of the class is found"
    if not unlabelled:
        return Price(labels=0, sentence="There is nothing left to check: every chip has an answer.")
    if found < 1:
        return Price(labels=None, sentence=f"Nothing is found yet, so no check can prove {aim}.")
    if found < target_recall * (found + left):
        return Price(
            labels=None,
            sentence=f"No check can prove {aim} while {guess:.0%} of it is left: look for more of it first.",
        )
    labels = next(
        (n for n in _ladder(unlabelled) if _promise(unlabelled, found, left, n, target_recall, confidence) >= PROMISE),
        unlabelled,
    )
    if labels == unlabelled:
        return Price(
            labels=labels,
            sentence=f"To prove {aim}, all {unlabelled:,} chips without a label would have to be looked at.",
        )
    return Price(
        labels=labels,
        sentence=f"To prove with {100 * confidence:g}% confidence {aim}, about {labels:,} random chips must be "
        f"labelled ({labels / unlabelled:.0%} of those without a label), if {guess:.0%} of the class is still left.",
    )


def _promise(unlabelled: int, found: int, left: int, n: int, target_recall: float, confidence: float) -> float:
    """Chance that a first check of `n` chips proves the target, if all that is left is among the less likely chips."""
    from scipy.stats import hypergeom  # takes a second to load, and most commands ask for no price

    (likely, rest), (dense, thin) = _shares(unlabelled, n)
    error = _allowed_error(confidence, 1)
    chance = 0.0
    for hits in range(min(left, thin) + 1):
        highest = most([Stratum(likely, dense, 0), Stratum(rest, thin, hits)], confidence=1 - error)
        if found + hits < target_recall * (found + highest):
            break
        chance += float(hypergeom.pmf(hits, rest, min(left, rest), thin))
    return chance


def _ladder(unlabelled: int) -> Sequence[int]:
    """Sample sizes to try: two significant figures, up to nearly all."""
    sizes = {step * 10**power for power in range(9) for step in range(10, 100)} | {FEWEST_ANSWERS}
    return [size for size in sorted(sizes) if FEWEST_ANSWERS <= size < 0.9 * unlabelled]


def _shares(unlabelled: int, n: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Sizes of the two strata, and how many to draw of each."""
    likely = min(max(1, round(LIKELY * unlabelled)), unlabelled - 1)
    wanted = round(n * DENSITY * likely / (DENSITY * likely + unlabelled - likely))
    dense = max(1, min(wanted, likely, n - 1), n - (unlabelled - likely))
    return (likely, unlabelled - likely), (dense, n - dense)


def _strata(plan: AuditPlan, said: Sequence[bool | None], *, unclear: bool) -> list[Stratum]:
    """The sample with every unclear answer taken as `unclear`."""
    return [
        Stratum(
            size,
            plan.strata.count(number),
            sum(
                unclear if answer is None else answer
                for answer, stratum in zip(said, plan.strata, strict=True)
                if stratum == number
            ),
        )
        for number, size in enumerate(plan.sizes)
    ]


def _allowed_error(confidence: float, attempt: int) -> float:
    """What this check may spend. Over all checks that may follow, it sums to 1 - confidence."""
    return float((1 - confidence) * FIRST_CHECK * (1 - FIRST_CHECK) ** (attempt - 1))


def _down(share: float) -> str:
    """Percent with one decimal, never rounded up."""
    return f"{math.floor(share * 1000) / 10:g}%"
