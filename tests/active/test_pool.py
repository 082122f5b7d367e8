"""What a strategy sees, cold starts, the record of a round, and simulation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthcurator.active import STRATEGIES, Round, expand, from_reference, stand, typical
from earthcurator.active.pool import Neighbours
from earthcurator.active.simulate import average_precision, simulate
from earthcurator.errors import BadInput


def clusters(each: int = 40, kinds: int = 5, dim: int = 16, seed: int = 0) -> np.ndarray:
    """Unit rows in groups, one after the other, each around another axis."""
    made = np.random.default_rng(seed).standard_normal((each * kinds, dim)) * 0.15
    made[np.arange(each * kinds), np.arange(each * kinds) // each] += 1
    unit: np.ndarray = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return unit


def exact(vectors: np.ndarray) -> Neighbours:
    def neighbours(examples: np.ndarray, k: int) -> np.ndarray:
        return np.argsort(-(vectors @ examples.T).max(axis=1), kind="stable")[:k]

    return neighbours


def test_a_row_that_does_not_exist_is_a_sentence() -> None:
    for wrong in (-1, 200):
        with pytest.raises(BadInput, match=f"no row {wrong} among 200"):
            stand(clusters(), positives=[3, wrong])


def test_scores_belong_to_the_open_rows() -> None:
    vectors = clusters()
    standing = stand(vectors, positives=[0, 1], negatives=[50, 90], unsure=[2], on_screen=[3])
    np.testing.assert_array_equal(standing.scores, standing.classifier.scores(vectors)[standing.open])
    assert not set(standing.open.tolist()) & {0, 1, 2, 3, 50, 90}
    assert standing.utilities(np.array([199, 4])).tolist() == standing.classifier.scores(vectors[[199, 4]]).tolist()


def test_an_uploaded_example_counts_as_a_positive() -> None:
    vectors = clusters()
    standing = stand(vectors, negatives=[50, 90], examples=vectors[:1])
    assert STRATEGIES.get("most-likely-positive")(standing, 10, np.random.default_rng(0)).max() < 40


def test_in_a_large_archive_only_neighbours_of_positives_are_scored() -> None:
    vectors = clusters(each=400)
    standing = stand(vectors, positives=[0, 1], negatives=[500], neighbours=exact(vectors), many=1000)
    assert len(standing.open) == 198
    assert standing.open.max() < 400
    everything = stand(vectors, positives=[0, 1], negatives=[500], neighbours=exact(vectors), many=2000)
    assert len(everything.open) == 1997


def test_expanded_picks_are_followed_by_open_neighbours() -> None:
    vectors = clusters()
    standing = stand(vectors, positives=[0], negatives=[50], unsure=[81])
    more = expand(standing, np.array([80, 160]), exact(vectors), each=3)
    assert more[:2].tolist() == [80, 160]
    assert 2 < len(more) <= 8
    assert len(np.unique(more)) == len(more)
    assert not set(more.tolist()) & {0, 50, 81}
    assert set(more // 40) == {2, 4}


def test_cold_start_shows_the_nearest_and_a_few_others() -> None:
    vectors = clusters()
    rows = from_reference(vectors, vectors[7], 20, np.random.default_rng(0))
    assert rows[0] == 7
    assert (rows[:15] < 40).all()
    assert len(np.unique(rows)) == 20
    assert sorted(from_reference(vectors, vectors[7], 999, np.random.default_rng(0)).tolist()) == list(range(200))


def test_cold_start_without_a_reference_shows_every_kind() -> None:
    vectors = clusters()
    rows = typical(vectors, 15, np.random.default_rng(1))
    assert len(np.unique(rows)) == 15
    assert set(rows // 40) == {0, 1, 2, 3, 4}
    assert sorted(typical(np.repeat(vectors[:1], 4, axis=0), 9, np.random.default_rng(0)).tolist()) == [0, 1, 2, 3]


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["hybrid", "find", "gaussian", "badge", "thompson"]), st.integers(0, 2**32 - 1))
def test_a_round_is_replayed_from_its_record(name: str, seed: int) -> None:
    vectors = clusters()
    ids = [f"chip-{row * 7 % 200:03}" for row in range(200)]
    events = [("chip-000", True), ("chip-030", False), ("chip-007", True), ("chip-100", False), ("chip-014", True)]

    def choose(labels: int, on_screen: tuple[str, ...], strategy: str, seed: int) -> tuple[list[str], list[float]]:
        told = {True: list[int](), False: list[int]()}
        for chip, yes in events[:labels]:
            told[yes].append(ids.index(chip))
        out = [ids.index(chip) for chip in on_screen]
        standing = stand(vectors, positives=told[True], negatives=told[False], on_screen=out)
        rows = STRATEGIES.get(strategy)(standing, 8, np.random.default_rng(seed))
        return [ids[row] for row in rows], standing.utilities(rows).tolist()

    picked, utilities = choose(4, ("chip-021",), name, seed)
    made = Round(
        strategy=name,
        seed=seed,
        encoder="0123456789ab",
        asked=8,
        labels=4,
        on_screen=("chip-021",),
        picked=tuple(picked),
        utilities=tuple(utilities),
        metrics={"positives": 2},
    )
    read = Round.from_json(json.loads(json.dumps(made.to_json())))
    assert read == made
    again = choose(read.labels, read.on_screen, read.strategy, read.seed)
    assert again == (list(read.picked), list(read.utilities))


def test_simulation_finds_everything_and_counts_right() -> None:
    vectors, truth = clusters(), np.arange(200) < 40
    curve = simulate(vectors, truth, STRATEGIES.get("find"), start=5, batch=10, budget=500, seed=1)
    assert curve.positives == curve.found[-1] == 40
    assert curve.labels[-1] == 199  # all but the reference
    assert (curve.labels_to_find(1.0) or 999) <= 80
    assert list(curve.found) == sorted(curve.found)
    assert curve.average_precision == ()
    again = simulate(vectors, truth, STRATEGIES.get("find"), start=5, batch=10, budget=500, seed=1)
    assert again == curve


def test_rows_kept_aside_are_never_shown_and_measure_the_classifier() -> None:
    vectors, truth = clusters(), np.arange(200) < 40
    aside = np.arange(0, 200, 2)
    curve = simulate(vectors, truth, STRATEGIES.get("hybrid"), start=5, batch=10, budget=500, aside=aside)
    assert curve.positives == curve.found[-1] == 20
    assert curve.labels[-1] == 99
    assert curve.average_precision[-1] > 0.95


def test_wrong_answers_cost_quality_but_found_counts_the_truth() -> None:
    vectors, truth = clusters(), np.arange(200) < 40
    aside = np.arange(0, 200, 2)
    pick = STRATEGIES.get("hybrid")
    right, wrong = (
        simulate(vectors, truth, pick, start=5, batch=10, budget=50, aside=aside, error_rate=rate)
        for rate in (0.0, 0.5)
    )
    assert wrong.average_precision[-1] < right.average_precision[-1]
    assert wrong.found[-1] <= 20


def test_a_start_that_is_no_positive_is_refused() -> None:
    with pytest.raises(BadInput, match="row 100 is no positive"):
        simulate(clusters(), np.arange(200) < 40, STRATEGIES.get("find"), start=100)


def test_average_precision_by_hand() -> None:
    assert average_precision(np.array([True, False, True]), np.array([3.0, 2.0, 1.0])) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.array([False]), np.array([1.0])) == 0.0
