"""Exact bounds on how many positives a population holds, from a random sample of each of its strata.

Nothing is assumed of the strata: the bounds hold wherever the positives are. They hold only for answers of chips that
were drawn at random; chips that a learner chose say nothing here.

Method: the positives of the sample, each counted as the chips it stands for, are the statistic; a total is refused when
no way of spreading it over the strata makes a statistic so extreme likely enough (Wendell & Schmee 1996,
https://doi.org/10.1080/01621459.1996.10476950). Where there are too many ways to try, we try blocks of them with the
most favourable corner of each, so that the bound can only become wider.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from earthcurator.errors import BadInput

BLOCKS = 200
"""Totals below this are bounded exactly; beyond, a bound is at most about 1 % wider than exact."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stratum:
    """Some chips, and how many of a random sample of them were positive."""

    size: int
    """Chips in the stratum."""
    sample: int
    """Chips that were drawn, each at most once."""
    hits: int
    """How many of those are positive."""

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.sample <= self.size or self.sample < 1:
            raise BadInput(
                f"{self.hits} positives of {self.sample} drawn of {self.size} chips cannot be",
                hint="draw at least one chip of every stratum, and none twice",
            )


def most(strata: Sequence[Stratum], *, confidence: float) -> int:
    """At most so many positives are in one or two strata together, those of the sample included."""
    first, second = _pair(strata)
    lowest, highest = _possible(first, second)
    return _last(lambda total: _at_most(first, second, total) > 1 - confidence, lowest, highest)


def fewest(strata: Sequence[Stratum], *, confidence: float) -> int:
    """At least so many positives are in one or two strata together, those of the sample included."""
    first, second = _pair(strata)
    lowest, highest = _possible(first, second)
    return 1 + _last(
        lambda total: total < lowest or _at_least(first, second, total) <= 1 - confidence, lowest - 1, highest - 1
    )


def _possible(first: Stratum, second: Stratum) -> tuple[int, int]:
    """Totals that the sample allows: nothing else is positive, or everything else is."""
    hits = first.hits + second.hits
    return hits, hits + first.size - first.sample + second.size - second.sample


def _pair(strata: Sequence[Stratum]) -> tuple[Stratum, Stratum]:
    """A single stratum beside one of a chip that is known to be negative."""
    match strata:
        case [only]:
            return only, Stratum(1, 1, 0)
        case [first, second]:
            return first, second
    raise BadInput(f"a bound takes one or two strata, not {len(strata)}", hint="join neighbouring strata")


def _last(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The last number of low..high for which it holds; it holds for `low`, and up to some number."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _at_most(first: Stratum, second: Stratum, total: int) -> float:
    """The best chance of a sample as poor as this, however `total` positives are spread over the strata."""
    low, high = _blocks(first, second, total)
    return float(_chance(first, second, low, total - high, strictly=False).max(initial=0))


def _at_least(first: Stratum, second: Stratum, total: int) -> float:
    """The best chance of a sample as rich as this, however `total` positives are spread over the strata."""
    low, high = _blocks(first, second, total)
    return 1 - float(_chance(first, second, high, total - low, strictly=True).min(initial=1))


def _blocks(first: Stratum, second: Stratum, total: int) -> tuple[Integers, Integers]:
    """Ways to spread `total` that the sample allows: blocks of positives in the first stratum, both ends included."""
    low = max(first.hits, total - (second.size - second.sample + second.hits))
    high = min(first.hits + first.size - first.sample, total - second.hits)
    edges = np.unique(np.linspace(low, high + 1, min(BLOCKS, max(0, high + 1 - low)) + 1).astype(np.int64))
    return edges[:-1], edges[1:] - 1


def _chance(first: Stratum, second: Stratum, ones: Integers, others: Integers, *, strictly: bool) -> Floats:
    """Chance of a sample that stands for at most (or fewer, strictly) as many positives as this, given each stratum's.

    A positive stands for size / sample chips; times both samples, that is a whole number.
    """
    weight, other = first.size * second.sample, second.size * first.sample
    limit = weight * first.hits + other * second.hits - strictly
    if limit < 0:
        return np.zeros(len(ones))
    counts = range(min(first.sample, limit // weight) + 1)
    partners = [min(second.sample, (limit - weight * count) // other) for count in counts]
    ways = np.cumsum(_hypergeometric(second, others, partners[0]), axis=1)[:, partners]
    return np.asarray((_hypergeometric(first, ones, counts[-1]) * ways).sum(axis=1), dtype=np.float64)


def _hypergeometric(stratum: Stratum, positives: Integers, up_to: int) -> Floats:
    """(b, up_to + 1): the chance of 0, 1, ... positives in the sample, for each number in the stratum."""
    found, held = np.arange(up_to + 1), positives[:, None]
    possible = (found <= held) & (stratum.sample - found <= stratum.size - held)
    logarithm = (
        _choose(held, np.minimum(found, held))
        + _choose(stratum.size - held, np.clip(stratum.sample - found, 0, stratum.size - held))
        - _choose(np.array(stratum.size), np.array(stratum.sample))
    )
    return np.exp(np.where(possible, logarithm, -np.inf))


def _choose(of: Integers, some: Integers) -> Floats:
    """Logarithm of the binomial coefficient."""
    return np.asarray(gammaln(of + 1) - gammaln(some + 1) - gammaln(of - some + 1), dtype=np.float64)
