"""How a search is going, and when one may stop.

First the plain counts of what was shown: facts, which say nothing of what was not. Then two rules of thumb, each with
the recall it really had in simulated searches. They promise nothing: a kind of the class that no example resembles
leaves no trace in the finds. Only the certified check (`audit`) can speak of chips that nobody has seen.

The rules look for the point where finds run dry, as the knee method does (Cormack & Grossman 2016,
https://doi.org/10.1145/2911451.2911510). We compare the last batch of labels with the best one instead of the slopes
around a knee, because that is explained in one sentence and works from a few dozen positives on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earthcurator.active.audit import AuditResult

WINDOW = 100
"""How many labels a rule looks back."""
THIN = 10
"""Finds are thin when the best hundred labels held at least so many times as many as the last hundred."""
FEWEST_FOUND = 10
"""The rules were measured on classes of dozens to hundreds of chips. With fewer finds than this they say nothing."""
FEWEST_SHOWN = 20
"""A share of fewer chips than this is hidden: it would say more about chance than about the search."""
AIM = 0.95
"""Recall that a certified check must prove for it to say stop."""

Rule = Literal["thin", "empty"]
Answers = NDArray[np.bool_]
"""In the order they were given, without the unclear ones: is it of the class?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finds:
    """What was shown so far. Every figure counts labels; none is an estimate."""

    labels: int
    """Clear answers; `unsure` is none, and never counts as no."""
    found: int
    unsure: int
    recent: int
    """How many of the last `window` clear answers were finds."""
    window: int
    """100, or all there are."""
    curve: tuple[int, ...]
    """Finds after each clear answer."""

    @property
    def recent_share(self) -> float | None:
        """Share of finds among the last hundred; None below 20 labels."""
        return self.recent / self.window if self.window >= FEWEST_SHOWN else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRecall:
    """What a rule had found when it said stop, in simulated searches."""

    searches: int
    median: float
    low: float
    """19 of 20 searches had found at least this."""
    several_kinds_low: float
    """The same, where the class had three kinds and the search began with one."""
    errors_low: float
    """The same, where one answer in twenty was wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Whether one may stop, and what that rests on."""

    stop: bool
    sentence: str
    """The advice, for a person."""
    why: str
    """What was counted or measured, and where it fails."""
    rule: Rule | Literal["certified"] | None
    """None while there is no sign of an end."""
    measured: MeasuredRecall | None = None
    """For a rule of thumb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """How many of the class may be left, before a certified check."""

    low: int
    high: int
    sentence: str
    """The interval with what it rests on, for a person."""


def finds(answers: Sequence[bool | None]) -> Finds:
    """Count the answers, oldest first: True, False, or None for `unsure`. One label a chip: the one that counts."""
    clear = _clear(answers)
    window = min(WINDOW, len(clear))
    return Finds(
        labels=len(clear),
        found=int(clear.sum()),
        unsure=len(answers) - len(clear),
        recent=int(clear[len(clear) - window :].sum()),
        window=window,
        curve=tuple(np.cumsum(clear).tolist()),
    )


def is_thin(answers: Answers) -> bool:
    """The last hundred labels held at most a tenth of the finds of the best hundred."""
    if len(answers) < 2 * WINDOW or answers.sum() < FEWEST_FOUND:
        return False
    found = np.cumsum(np.concatenate([[0], answers]))
    batches = found[WINDOW:] - found[:-WINDOW]
    return bool(batches[-1] * THIN <= batches.max())


def is_empty(answers: Answers) -> bool:
    """The last hundred labels held no find."""
    return bool(len(answers) >= WINDOW and answers.sum() >= FEWEST_FOUND and not answers[-WINDOW:].any())


RULES: Mapping[Rule, Callable[[Answers], bool]] = {"empty": is_empty, "thin": is_thin}
"""The surer one first."""

MEASURED: Mapping[Rule, MeasuredRecall] = {
    "empty": MeasuredRecall(searches=1000, median=1.0, low=0.9, several_kinds_low=0.62, errors_low=0.85),
    "thin": MeasuredRecall(searches=1000, median=0.98, low=0.85, several_kinds_low=0.58, errors_low=0.84),
}
"""From benchmarks/results/stopping.json: searches for one kind of chip, without errors unless the field says so."""


MEASURED_WITH = ("find", "hybrid")
"""Strategies of those searches. After `train` one in twenty had found less than 70 % where a rule said stop."""


def advice(answers: Sequence[bool | None], audit: AuditResult | None = None, *, strategy: str = "find") -> Advice:
    """Say whether to stop, from the answers so far (see `finds`), and from a certified check if there was one.

    `strategy` chose what was shown. A rule speaks only after those that it was measured with: others do not show what
    is likely, and so their finds run dry while much is left.
    """
    if audit is not None and audit.recall_low is not None and (audit.complete or audit.recall_low >= AIM):
        return _certified(audit, audit.recall_low)
    so_far, clear = finds(answers), _clear(answers)
    rule = next((name for name, holds in RULES.items() if holds(clear)), None)
    if rule is not None and strategy not in MEASURED_WITH:
        sentence = (
            f"Finds run out, but chips are chosen by {strategy}, which does not look for all of them: "
            "aim to find them all before you stop, or let a certified check say how many there can be."
        )
        return Advice(stop=False, sentence=sentence, why=_counted(so_far), rule=None)
    if rule is None:
        return Advice(stop=False, sentence=_go_on(so_far), why=_counted(so_far), rule=None)
    measured = MEASURED[rule]
    return Advice(
        stop=True,
        sentence=f"You may stop: {_SIGNS[rule]}. In {measured.searches:,} simulated searches, 19 in 20 that followed "
        f"this rule had found at least {measured.low:.0%} of the class, and half of them {_at_least(measured.median)}.",
        why=f"{_counted(so_far)} This is experience, not proof. Where the class had three kinds and the search began "
        f"with one, 19 in 20 had found at least {measured.several_kinds_low:.0%}; with one answer in twenty wrong, "
        f"{measured.errors_low:.0%}. A certified check can prove it for these chips.",
        rule=rule,
        measured=measured,
    )


def left(found: int, unlabelled: int, advice: Advice) -> Left:
    """How many of the class may be left among the `unlabelled` chips, by experience alone.

    While no rule speaks, everything is possible. When one does, it is what 19 in 20 simulated searches had left there.
    """
    if advice.measured is None:
        return Left(
            low=0,
            high=unlabelled,
            sentence=f"Nobody can say yet how many are left: none, or all {unlabelled:,} chips without an answer. "
            "What was shown was chosen by the model, and says nothing of the rest.",
        )
    high, several = (
        min(unlabelled, math.ceil(round(found / share - found, 6)))
        for share in (advice.measured.low, advice.measured.several_kinds_low)
    )
    return Left(
        low=0,
        high=high,
        sentence=f"0 to {high:,} are left if this search is like 19 in 20 simulated ones; "
        f"up to {several:,} if the class has kinds that you gave no example of. This is experience, not proof.",
    )


_SIGNS: Mapping[Rule, str] = {
    "empty": f"the last {WINDOW} labels held none",
    "thin": f"the last {WINDOW} labels held at most a tenth of what the best {WINDOW} did",
}


def _at_least(share: float) -> str:
    return "all of it" if share == 1 else f"at least {share:.0%}"


def _certified(audit: AuditResult, recall: float) -> Advice:
    enough = recall >= AIM
    verdict = "You may stop." if enough else f"Look further if you need {AIM:.0%}."
    return Advice(
        stop=enough,
        sentence=f"{audit.sentence} {verdict}",
        why=f"{audit.answered:,} chips were drawn at random among those without a label; only they enter the bound. "
        "It takes their answers to be right.",
        rule="certified",
    )


def _go_on(so_far: Finds) -> str:
    if not so_far.labels:
        return "No answer is clear yet." if so_far.unsure else "Nothing is labelled yet."
    if so_far.labels >= 2 * WINDOW and so_far.found < FEWEST_FOUND:
        return (
            f"Only {so_far.found:,} found in {so_far.labels:,} labels, too few for a rule to go by: "
            "try another example, or let a certified check say how many there can be."
        )
    return "Go on: nothing suggests yet that the finds run out."


def _counted(so_far: Finds) -> str:
    if so_far.recent_share is None:
        return f"{so_far.found:,} found in {so_far.labels:,} labels; a share is shown from {FEWEST_SHOWN} labels on."
    recent = f"{so_far.recent:,} of them in the last {so_far.window:,}"
    return f"{so_far.found:,} found in {so_far.labels:,} labels, {recent}."


def _clear(answers: Sequence[bool | None]) -> Answers:
    return np.array([answer for answer in answers if answer is not None], dtype=np.bool_)
