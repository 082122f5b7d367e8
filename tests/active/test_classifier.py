"""The classifier: against a second implementation, with few and strange labels, and on stored half precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.linear_model import LogisticRegression

from earthcurator.active import fit, fit_classes, score
from earthcurator.active.classifier import as_float32, nearest_mean, posterior
from earthcurator.errors import BadInput


def unit(rows: int, dim: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((rows, dim))
    normed: np.ndarray = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return normed


@pytest.mark.parametrize(("yes", "no", "dim"), [(30, 170, 16), (3, 9, 64), (60, 60, 120), (1, 1, 8)])
def test_agrees_with_scikit_learn_with_more_and_with_fewer_labels_than_dimensions(yes: int, no: int, dim: int) -> None:
    rows = unit(yes + no, dim).astype(np.float64)
    rows[:yes, 0] += 0.5
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ours = fit(rows[:yes].astype(np.float32), rows[yes:].astype(np.float32))
    peer = LogisticRegression(C=10, class_weight="balanced", solver="newton-cholesky", tol=1e-10, max_iter=500)
    peer.fit(rows.astype(np.float32).astype(np.float64), np.repeat([1, 0], [yes, no]))
    np.testing.assert_allclose(ours.weights, peer.coef_[0], atol=2e-4)
    np.testing.assert_allclose(ours.bias, peer.intercept_[0], atol=2e-4)


@pytest.mark.parametrize("dim", [8, 200])
def test_warm_start_ends_where_a_cold_one_does(dim: int) -> None:
    rows = unit(100, dim)
    before = fit(rows[:10], rows[10:60])
    cold, warm = fit(rows[:20], rows[20:]), fit(rows[:20], rows[20:], start=before)
    np.testing.assert_allclose(warm.weights, cold.weights, atol=1e-4)
    np.testing.assert_array_equal(cold.weights, fit(rows[:20], rows[20:]).weights)


def test_learns_at_all() -> None:
    # the original threw its training away: 49.5 % where 92 % was possible
    rows, heldout = unit(40, 16), unit(1000, 16, seed=1)
    classifier = fit(rows[rows[:, 0] > 0], rows[rows[:, 0] <= 0])
    assert ((classifier.scores(heldout) > 0) == (heldout[:, 0] > 0)).mean() > 0.8


def test_rare_positives_weigh_as_much_as_many_negatives() -> None:
    rows = unit(400, 16)
    classifier = fit(rows[:4], rows[4:])
    assert (classifier.scores(rows[:4]) > 0).all()


def test_contradicting_labels_leave_it_undecided() -> None:
    rows = unit(6, 8)
    np.testing.assert_allclose(fit(rows, rows).scores(rows), 0, atol=1e-5)


def test_one_class_only_ranks_by_likeness_to_its_mean() -> None:
    rows = unit(30, 8)
    np.testing.assert_array_equal(
        np.argsort(-fit(rows[:3], rows[:0]).scores(rows)), np.argsort(-(rows @ rows[:3].mean(axis=0)))
    )
    np.testing.assert_array_equal(
        np.argsort(-fit(rows[:0], rows[:3]).scores(rows)), np.argsort(rows @ rows[:3].mean(axis=0))
    )
    assert not nearest_mean(rows[:0], rows[:0]).scores(rows).any()


def test_a_vector_that_is_not_finite_is_a_sentence() -> None:
    rows = unit(4, 8)
    rows[1, 2] = np.nan
    with pytest.raises(BadInput, match="not finite"):
        fit(rows[:2], rows[2:])


def test_scores_of_a_half_precision_memory_map_are_those_of_its_numbers(tmp_path: Path) -> None:
    rows = unit(5000, 16).astype(np.float16)
    np.save(tmp_path / "vectors.npy", rows)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    classifier = fit(rows[:10], rows[10:40])
    expected = rows.astype(np.float64) @ classifier.weights + classifier.bias
    np.testing.assert_allclose(classifier.scores(mapped), expected, atol=1e-5)


@given(arrays.arrays(np.float16, 50, elements=st.floats(-65504, 65504, width=16)))
def test_every_finite_half_becomes_the_same_single(values: np.ndarray) -> None:
    np.testing.assert_array_equal(as_float32(values), values.astype(np.float32))


def test_classes_are_each_against_the_rest_and_silence_is_no_answer() -> None:
    rows = unit(60, 12)
    answers = np.zeros((60, 3), np.int8)
    answers[np.arange(60), np.argmax(rows[:, :3], axis=1)] = 1
    answers[50:, 2] = -1
    classifiers = fit_classes(rows, answers)
    assert (np.argmax(score(rows[:50], classifiers), axis=1) == np.argmax(answers[:50], axis=1)).mean() > 0.9
    alone = fit(rows[:50][answers[:50, 2] == 1], rows[:50][answers[:50, 2] == 0])
    np.testing.assert_allclose(classifiers[2].weights, alone.weights)


def test_posterior_is_narrow_where_there_are_labels() -> None:
    rows = unit(300, 4)
    rows[:, 3] = 0  # a direction nobody has labelled
    classifier = fit(rows[:100], rows[100:])
    draws = posterior(classifier, rows[:100], rows[100:], 500, np.random.default_rng(0))
    spread = np.std([draw.weights for draw in draws], axis=0)
    assert spread[3] == pytest.approx(np.sqrt(10), rel=0.15)
    assert spread[:3].max() < 1
