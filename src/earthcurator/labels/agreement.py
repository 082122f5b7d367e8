"""How much people agree, beyond what chance alone would give.

Cohen's kappa compares two people, Fleiss' kappa many who all saw every chip, Krippendorff's alpha anybody who saw
anything; alpha is the one to quote. 1 is full agreement, 0 that of chance, below 0 less than chance. `unsure` is not a
class: it counts as not having answered.

Where a chip may have several classes, each class is a yes or no, and a task's coefficient is the mean over its classes.
We prefer this to a distance between sets (MASI, Passonneau 2006, https://aclanthology.org/L06-1392/) because it says
which class people see differently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earthcurator.labels.fold import ChipState
from earthcurator.models import Task

Ratings = Mapping[str, Mapping[str, Hashable]]
"""Chip → annotator → what they said; any values that can be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """Agreement beyond chance, or why there is no such number."""

    value: float | None
    """At most 1."""
    chips: int
    """How many chips it rests on."""
    low: float | None = None
    """Lower end of the 95 % interval, where one was asked for and can be had."""
    high: float | None = None
    reason: str = ""
    """Why there is no value."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    count: int
    total: int

    @property
    def value(self) -> float | None:
        """0 to 1; None of nothing."""
        return self.count / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true share lies with 95 % confidence; None of nothing. Good for small counts.

        Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953
        """
        if not self.total:
            return None
        z = 1.959964
        share, weight = self.count / self.total, z * z / self.total
        middle = (share + weight / 2) / (1 + weight)
        half = sqrt(weight * (share * (1 - share) + weight / 4)) / (1 + weight)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How much the people of a task agree."""

    alpha: Coefficient
    """Krippendorff's; with an interval, unless it is a mean over classes."""
    fleiss: Coefficient
    pairs: Mapping[tuple[str, str], Coefficient]
    """Two annotators who share a chip → Cohen's kappa."""
    classes: Mapping[str, Coefficient]
    """Class → alpha of that class against all else: which class is unclear."""
    with_others: Mapping[str, Share]
    """Annotator → how often they say what most of the others say."""


def agreement(task: Task, states: Mapping[str, ChipState], *, rng: np.random.Generator, draws: int = 1000) -> Agreement:
    """How much people agree in this task, every way we know."""
    said = ratings(states)
    questions = [of_class(said, name) for name in task.classes] if task.several else [said]
    return Agreement(
        alpha=mean([krippendorff_alpha(question, rng=rng, draws=draws) for question in questions]),
        fleiss=mean([fleiss_kappa(question) for question in questions]),
        pairs={
            pair: mean([cohen_kappa(question, *pair) for question in questions])
            for pair in sorted({pair for people in said.values() for pair in combinations(sorted(people), 2)})
        },
        classes={name: krippendorff_alpha(of_class(said, name), rng=rng, draws=draws) for name in task.classes},
        with_others=_with_others(questions),
    )


def ratings(states: Mapping[str, ChipState]) -> dict[str, dict[str, frozenset[str]]]:
    """Chip → annotator → the classes they gave it. Unsures are left out."""
    return {
        chip: {who: frozenset(said.value) for who, said in state.opinions.items() if said.decision == "label"}
        for chip, state in states.items()
    }


def of_class(said: Mapping[str, Mapping[str, frozenset[str]]], name: str) -> dict[str, dict[str, bool]]:
    """The same ratings as yes or no to one class."""
    return {chip: {who: name in value for who, value in people.items()} for chip, people in said.items()}


def cohen_kappa(said: Ratings, first: str, second: str) -> Coefficient:
    """Agreement of two people, on the chips that both labelled. Chance: each keeps to their own share of classes.

    Cohen 1960, https://doi.org/10.1177/001316446002000104
    """
    both = [(people[first], people[second]) for people in said.values() if first in people and second in people]
    if not both:
        return Coefficient(value=None, chips=0, reason=f"{first} and {second} labelled no chip in common")
    ones, others = Counter(one for one, _ in both), Counter(other for _, other in both)
    expected = sum(ones[value] * others[value] for value in ones) / len(both) ** 2
    if len(ones.keys() | others.keys()) == 1:
        return Coefficient(value=None, chips=len(both), reason=_ONE_CLASS)
    observed = sum(one == other for one, other in both) / len(both)
    return Coefficient(value=(observed - expected) / (1 - expected), chips=len(both))


def fleiss_kappa(said: Ratings) -> Coefficient:
    """Agreement of the same number of people on every chip, whoever they are. Chance: all share one mix of classes.

    Chips that nobody or one person labelled say nothing of agreement and are left out.
    Fleiss 1971, https://doi.org/10.1037/h0031619
    """
    counts = _counts(said)
    people = counts.sum(axis=1)
    if (refused := _undefined(counts)) is not None:
        return refused
    if people.min() < people.max():
        reason = f"chips have {people.min():g} to {people.max():g} opinions, and this needs the same for all; see alpha"
        return Coefficient(value=None, chips=len(counts), reason=reason)
    observed = (counts * (counts - 1)).sum(axis=1) / (people * (people - 1))
    expected = ((counts.sum(axis=0) / counts.sum()) ** 2).sum()
    return Coefficient(value=float((observed.mean() - expected) / (1 - expected)), chips=len(counts))


def krippendorff_alpha(said: Ratings, *, rng: np.random.Generator | None = None, draws: int = 1000) -> Coefficient:
    """Agreement of any people on any chips, for values without order. With `rng`, also its interval.

    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C,
    https://repository.upenn.edu/asc_papers/43. The interval is the plain percentile bootstrap over chips (Efron 1979,
    https://doi.org/10.1214/aos/1176344552), not Krippendorff's own, which keeps chance fixed. Samples in which all
    values are the same have no alpha and are left out.
    """
    counts = _counts(said)
    if (refused := _undefined(counts)) is not None:
        return refused
    value = float(_alpha(np.ones((1, len(counts))), counts)[0])
    low, high = (None, None) if rng is None else _interval(counts, rng, draws)
    return Coefficient(value=value, chips=len(counts), low=low, high=high)


def mean(coefficients: Sequence[Coefficient]) -> Coefficient:
    """The mean of those that have a value. An interval is kept only where there is nothing to average."""
    if len(coefficients) == 1:
        return coefficients[0]
    values = [one.value for one in coefficients if one.value is not None]
    chips = max((one.chips for one in coefficients), default=0)
    if not values:
        return Coefficient(value=None, chips=chips, reason=coefficients[0].reason if coefficients else "no classes")
    return Coefficient(value=sum(values) / len(values), chips=chips)


_ONE_CLASS = "all opinions are the same class, so nothing tells agreement from habit"


def _counts(said: Ratings) -> NDArray[np.float64]:
    """How often each value was given to each chip with two or more opinions: (chips, values)."""
    shared = [people for people in said.values() if len(people) > 1]
    columns: dict[Hashable, int] = {}
    for people in shared:
        for value in people.values():
            columns.setdefault(value, len(columns))
    counts = np.zeros((len(shared), len(columns)))
    for row, people in zip(counts, shared, strict=True):
        for value in people.values():
            row[columns[value]] += 1
    return counts


def _undefined(counts: NDArray[np.float64]) -> Coefficient | None:
    """Why there can be no coefficient for these counts, if so."""
    if not len(counts):
        return Coefficient(value=None, chips=0, reason="no chip has the opinions of two people")
    if counts.shape[1] == 1:
        return Coefficient(value=None, chips=len(counts), reason=_ONE_CLASS)
    return None


def _alpha(times: NDArray[Any], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Alpha of each sample: `times` (samples, chips) says how often a sample holds each chip. NaN where undefined."""
    people = counts.sum(axis=1)
    agreeing = times @ ((counts * (counts - 1)).sum(axis=1) / (people - 1))
    total = times @ people
    classes = times @ counts
    observed = 1 - agreeing / total
    expected = 1 - (classes * (classes - 1)).sum(axis=1) / (total * (total - 1))
    possible = expected > 1e-12
    return np.where(possible, 1 - observed / np.where(possible, expected, 1), np.nan)


def _interval(
    counts: NDArray[np.float64], rng: np.random.Generator, draws: int
) -> tuple[float, float] | tuple[None, None]:
    # Chips with equal counts are interchangeable, so a sample of a million chips is a few multinomial numbers.
    kinds, sizes = np.unique(counts, axis=0, return_counts=True)
    alphas = _alpha(rng.multinomial(len(counts), sizes / len(counts), size=draws), kinds)
    alphas = alphas[np.isfinite(alphas)]
    if len(counts) < 2 or not len(alphas):
        return None, None
    low, high = np.quantile(alphas, [0.025, 0.975])
    return float(low), float(high)


def _with_others(questions: Sequence[Ratings]) -> dict[str, Share]:
    """Annotator → how often they say what most of the others say, of the questions where the others have a majority.

    Their own voice is left out of the majority, else everybody agrees with it more than they do.
    """
    agreed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for who, own, most in (found for said in questions for people in said.values() for found in _others(people)):
        total[who] += 1
        agreed[who] += own == most
    return {who: Share(agreed[who], total[who]) for who in sorted(total)}


def _others(people: Mapping[str, Hashable]) -> Iterator[tuple[str, Hashable, Hashable]]:
    votes = Counter(people.values())
    for who, own in people.items():
        rest = (votes - Counter([own])).most_common(2)
        if rest and (len(rest) == 1 or rest[0][1] > rest[1][1]):
            yield who, own, rest[0][0]
