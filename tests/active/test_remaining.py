"""Bounds on what is left hold however the positives are spread, by counting every possible sample."""

from __future__ import annotations

from itertools import product

import pytest
from scipy.stats import hypergeom

from earthcurator.active import remaining
from earthcurator.active.remaining import Stratum, fewest, most
from earthcurator.errors import BadInput

CONFIDENCES = (0.8, 0.95, 0.99)


def chance(size: int, positives: int, sample: int, hits: int) -> float:
    return float(hypergeom.pmf(hits, size, positives, sample))


def chance_at_most(size: int, positives: int, sample: int, hits: int) -> float:
    return float(hypergeom.cdf(hits, size, positives, sample))


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize(
    ("first", "second"), [((6, 3), (12, 3)), ((5, 5), (20, 6)), ((1, 1), (25, 8)), ((4, 1), (15, 14)), ((9, 6), (9, 2))]
)
def test_bounds_hold_as_often_as_they_say_for_every_spread_of_the_positives(
    first: tuple[int, int], second: tuple[int, int], confidence: float
) -> None:
    samples = list(product(range(first[1] + 1), range(second[1] + 1)))
    bounds = {}
    for hits in samples:
        strata = [Stratum(*first, hits[0]), Stratum(*second, hits[1])]
        bounds[hits] = fewest(strata, confidence=confidence), most(strata, confidence=confidence)
    for one, other in product(range(first[0] + 1), range(second[0] + 1)):
        above = below = 0.0
        for hits in samples:
            likely = chance(first[0], one, first[1], hits[0]) * chance(second[0], other, second[1], hits[1])
            low, high = bounds[hits]
            below += likely * (low <= one + other)
            above += likely * (one + other <= high)
        assert min(below, above) >= confidence - 1e-9, (one, other)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize(("size", "sample"), [(30, 11), (500, 60), (2000, 1890)])
def test_one_stratum_has_the_textbook_hypergeometric_bounds(size: int, sample: int, confidence: float) -> None:
    for hits in (0, 1, 3, sample // 2, sample):
        possible = range(hits, size - sample + hits + 1)
        high = max(total for total in possible if chance_at_most(size, total, sample, hits) > 1 - confidence)
        low = min(total for total in possible if 1 - chance_at_most(size, total, sample, hits - 1) > 1 - confidence)
        assert most([Stratum(size, sample, hits)], confidence=confidence) == high
        assert fewest([Stratum(size, sample, hits)], confidence=confidence) == low


def test_trying_blocks_of_spreads_only_widens_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [[Stratum(300, 60, hits), Stratum(2000, 150, other)] for hits, other in product((0, 4, 20), (0, 2, 15))]
    exact = [(fewest(case, confidence=0.95), most(case, confidence=0.95)) for case in cases]
    monkeypatch.setattr(remaining, "BLOCKS", 40)
    rough = [(fewest(case, confidence=0.95), most(case, confidence=0.95)) for case in cases]
    assert rough != exact
    for (low, high), (rough_low, rough_high) in zip(exact, rough, strict=True):
        assert rough_low <= low <= high <= rough_high <= high * 1.1 + 5


def test_no_find_in_a_sample_leaves_three_over_its_share() -> None:
    assert most([Stratum(100_000, 10_000, 0)], confidence=0.95) == pytest.approx(3 / 0.1, rel=0.1)
    both = most([Stratum(5_000, 1_500, 0), Stratum(95_000, 9_500, 0)], confidence=0.95)
    assert both == most([Stratum(95_000, 9_500, 0)], confidence=0.95)  # the thinly drawn stratum decides alone


def test_a_find_among_densely_drawn_chips_costs_less_than_one_among_the_rest() -> None:
    dense = most([Stratum(1000, 300, 1), Stratum(19_000, 1900, 0)], confidence=0.95)
    thin = most([Stratum(1000, 300, 0), Stratum(19_000, 1900, 1)], confidence=0.95)
    assert dense < thin


def test_one_more_find_never_lowers_a_bound() -> None:
    for sizes in [((7, 4), (16, 5)), ((4, 4), (19, 6))]:
        highs, lows = {}, {}
        for hits in product(range(sizes[0][1] + 1), range(sizes[1][1] + 1)):
            strata = [Stratum(*sizes[0], hits[0]), Stratum(*sizes[1], hits[1])]
            highs[hits], lows[hits] = most(strata, confidence=0.9), fewest(strata, confidence=0.9)
        for (one, other), high in highs.items():
            for more in ((one + 1, other), (one, other + 1)):
                assert highs.get(more, high) >= high
                assert lows.get(more, high) >= lows[one, other]


def test_when_everything_was_drawn_the_number_is_known() -> None:
    strata = [Stratum(10, 10, 4), Stratum(50, 50, 1)]
    assert fewest(strata, confidence=0.99) == most(strata, confidence=0.99) == 5


def test_ten_million_chips_are_bounded_too() -> None:
    strata = [Stratum(500_000, 3_000, 12), Stratum(9_500_000, 17_000, 3)]
    estimate = 12 * 500_000 / 3_000 + 3 * 9_500_000 / 17_000
    assert fewest(strata, confidence=0.95) < estimate < most(strata, confidence=0.95) < 3 * estimate


@pytest.mark.parametrize(("size", "sample", "hits"), [(5, 6, 0), (5, 0, 0), (5, 3, 4), (5, 3, -1)])
def test_impossible_samples_are_refused(size: int, sample: int, hits: int) -> None:
    with pytest.raises(BadInput, match="cannot be"):
        Stratum(size, sample, hits)


def test_more_than_two_strata_are_refused() -> None:
    with pytest.raises(BadInput, match="one or two strata, not 3"):
        most([Stratum(2, 1, 0)] * 3, confidence=0.95)
