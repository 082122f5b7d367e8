"""Ranking equals the slow obvious implementation, with and without an index."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from earthcurator.errors import BadInput
from earthcurator.models import Filter
from earthcurator.search import Vectors, ranking, search

Floats = NDArray[np.float32]
SOME = Filter(folders=("some",))


def unit(count: int, dim: int = 6, seed: int = 0) -> Floats:
    rows = np.random.default_rng(seed).standard_normal((count, dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


class Shelf:
    """Vectors in memory. `SOME` passes the rows given as `some`; the index, if any, is perfect but counted."""

    def __init__(self, rows: Floats, some: NDArray[np.bool_] | None = None, *, index: bool = False) -> None:
        self.rows = rows
        self.dim = rows.shape[1]
        self.some = np.zeros(len(rows), bool) if some is None else some
        self.index = index
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, condition: Filter) -> NDArray[np.bool_]:
        assert condition == SOME
        return self.some

    def nearest(self, examples: Floats, k: int) -> NDArray[np.int64] | None:
        if not self.index:
            return None
        self.asked.append(k)
        return np.unique(np.argsort(-(self.rows @ examples.T), axis=0)[:k])

    def vectors(self, rows: NDArray[np.int64] | slice) -> Floats:
        return self.rows[rows]


def slow(rows: Floats, positives: Floats, negatives: Floats, passing: list[int], k: int) -> list[tuple[float, int]]:
    """The ranking, said as directly as possible."""
    ranked = []
    for row in passing:
        score = max(float(rows[row] @ positive) for positive in positives)
        score -= 0.5 * max([0.0, *(float(rows[row] @ negative) for negative in negatives)])
        ranked.append((-round(min(1.0, max(-1.0, score)), 4), row))
    return sorted(ranked)[:k]


@pytest.fixture
def index_always_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "EXACT_ROWS", 0)
    monkeypatch.setattr(ranking, "INDEX_PAYS", 1)
    monkeypatch.setattr(ranking, "FEWEST_CANDIDATES", 1)


@settings(deadline=None)
@given(
    count=st.integers(0, 60),
    positives=st.integers(1, 3),
    negatives=st.integers(0, 3),
    k=st.integers(1, 70),
    seed=st.integers(0, 1000),
    filtered=st.booleans(),
)
def test_ranking_equals_the_obvious_one(
    count: int, positives: int, negatives: int, k: int, seed: int, filtered: bool
) -> None:
    rows, wanted, unwanted = unit(count, seed=seed), unit(positives, seed=seed + 1), unit(negatives, seed=seed + 2)
    some = np.random.default_rng(seed).random(count) < 0.5
    passing = np.flatnonzero(some).tolist() if filtered else list(range(count))
    found = search(Shelf(rows, some), wanted, unwanted, k=k, filter=SOME if filtered else Filter())
    expected = slow(rows, wanted, unwanted, passing, k)
    assert found.exact
    assert found.searched == len(passing)
    assert found.scores == pytest.approx([-score for score, _ in expected], abs=2e-4)
    assert len(set(found.rows.tolist())) == len(expected)


@settings(deadline=None, max_examples=40)
@given(
    positives=st.integers(1, 3),
    negatives=st.integers(0, 3),
    k=st.integers(1, 20),
    seed=st.integers(0, 1000),
    share=st.sampled_from([0.03, 0.3, 1.0]),
    correlation=st.sampled_from([-1, 0, 1]),
)
def test_an_index_changes_the_work_and_not_the_answer(
    positives: int, negatives: int, k: int, seed: int, share: float, correlation: int
) -> None:
    rows, wanted, unwanted = unit(2_000, seed=seed), unit(positives, seed=seed + 1), unit(negatives, seed=seed + 2)
    place = correlation * (rows @ wanted[0]) + (correlation == 0) * np.random.default_rng(seed).random(2_000)
    some = place >= np.quantile(place, 1 - share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "EXACT_ROWS", 0)
        patch.setattr(ranking, "INDEX_PAYS", 1)
        patch.setattr(ranking, "FEWEST_CANDIDATES", 1)
        found = search(Shelf(rows, some, index=True), wanted, unwanted, k=k, filter=SOME)
    exact = search(Shelf(rows, some), wanted, unwanted, k=k, filter=SOME)
    # A sum may be rounded otherwise in a smaller matrix; where scores are apart, the rows are the same.
    np.testing.assert_allclose(found.scores, exact.scores, atol=1e-5)
    apart = np.diff(exact.scores, prepend=np.inf, append=-np.inf) < -1e-5
    alone = apart[:-1] & apart[1:]
    assert found.rows[alone].tolist() == exact.rows[alone].tolist()


@pytest.mark.usefixtures("index_always_pays")
def test_a_filter_against_the_content_is_answered_exactly() -> None:
    rows, wanted = unit(2_000), unit(1, seed=1)
    likeness = (rows @ wanted.T)[:, 0]
    shelf = Shelf(rows, likeness < np.quantile(likeness, 0.3), index=True)
    found = search(shelf, wanted, k=10, filter=SOME)
    assert shelf.asked
    assert found.exact
    assert found.scores[0] == pytest.approx(likeness[shelf.some].max(), abs=1e-5)


@pytest.mark.usefixtures("index_always_pays")
def test_an_index_that_finds_too_little_is_not_trusted() -> None:
    class Lame(Shelf):
        def nearest(self, examples: Floats, k: int) -> NDArray[np.int64] | None:
            return np.arange(3)

    rows, wanted = unit(2_000), unit(1, seed=1)
    found = search(Lame(rows), wanted, k=10)
    assert found.exact
    assert found.rows.tolist() == search(Shelf(rows), wanted, k=10).rows.tolist()


@pytest.mark.usefixtures("index_always_pays")
def test_an_answer_from_the_index_says_so() -> None:
    found = search(Shelf(unit(2_000), index=True), unit(1, seed=1), k=10)
    assert not found.exact
    assert found.searched == 2_000


def test_few_survivors_are_compared_without_the_index() -> None:
    shelf = Shelf(unit(500), np.arange(500) < 100, index=True)
    assert search(shelf, unit(1), k=10, filter=SOME).exact
    assert not shelf.asked


def test_nothing_passes() -> None:
    found = search(Shelf(unit(10)), unit(1), k=3, filter=SOME, collapse=0.9, diversity=0.5)
    assert found.rows.size == found.scores.size == found.searched == 0


def test_no_chips_at_all() -> None:
    assert search(Shelf(unit(0)), unit(1), k=3).rows.size == 0


def test_one_chip() -> None:
    rows = unit(1)
    found = search(Shelf(rows), rows, k=5, collapse=0.9)
    assert found.rows.tolist() == [0]
    assert found.scores.tolist() == [1.0]


def test_a_negative_that_equals_the_positive_halves_its_score() -> None:
    rows = unit(5)
    found = search(Shelf(rows), rows[:1], rows[:1], k=5)
    assert dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True))[0] == pytest.approx(0.5)


def test_a_negative_on_the_other_side_changes_nothing() -> None:
    rows = unit(1)
    assert search(Shelf(rows), rows, -rows, k=1).scores.tolist() == [1.0]


def test_equal_chips_come_in_the_order_of_arrival() -> None:
    rows = np.repeat(unit(3), 700, axis=0)
    found = search(Shelf(rows), rows[:1], k=10)
    assert found.rows.tolist() == list(range(10))


def test_near_duplicates_collapse_and_make_room() -> None:
    rows = np.repeat(unit(12), 30, axis=0)
    found = search(Shelf(rows), rows[:1], k=8, collapse=0.999)
    assert len(found.rows) == 8
    assert (found.rows % 30 == 0).all()
    assert len(search(Shelf(rows), rows[:1], k=100, collapse=0.999).rows) == 12


def test_no_two_hits_are_nearer_than_collapse_allows() -> None:
    rows = unit(400, dim=3)
    found = search(Shelf(rows), unit(1, dim=3), k=20, collapse=0.97)
    cosines = rows[found.rows] @ rows[found.rows].T
    assert cosines[~np.eye(len(cosines), dtype=bool)].max() < 0.97
    assert np.all(np.diff(found.scores) <= 0)


def test_diversity_spreads_the_hits_and_keeps_the_best_first() -> None:
    rows = unit(2_000)
    plain, spread = (search(Shelf(rows), unit(1), k=20, diversity=share) for share in (0.0, 0.6))
    assert spread.rows[0] == plain.rows[0]

    def sameness(chosen: NDArray[np.int64]) -> float:
        return float((rows[chosen] @ rows[chosen].T).mean())

    assert sameness(spread.rows) < sameness(plain.rows)


@pytest.mark.parametrize(
    "example",
    [np.zeros((1, 6), np.float32), np.full((1, 6), np.nan, np.float32), np.ones((1, 5), np.float32), unit(0)],
)
def test_an_example_that_is_no_direction_in_this_space_is_refused(example: Floats) -> None:
    with pytest.raises(BadInput):
        search(Shelf(unit(3)), example, k=1)


def test_a_shelf_is_what_ranking_asks_for() -> None:
    shelf: Vectors = Shelf(unit(1))
    assert len(shelf) == 1
