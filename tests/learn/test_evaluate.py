"""Measures of vectors agree with scikit-learn's and with answers known in advance."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from earthcurator.errors import BadInput
from earthcurator.learn.evaluate import (
    Labels,
    Vectors,
    draw_each,
    encode_classes,
    few_labels,
    knn,
    knn_among,
    linear_probe,
)


def clouds(count: int, spread: float = 0.8, seed: int = 0) -> tuple[Vectors, Labels]:
    """Vectors around three directions, too wide to be told apart without mistakes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    rows = np.eye(3, 8)[labels] + rng.normal(scale=spread, size=(count, 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


def test_nearest_neighbours_agree_with_scikit_learn() -> None:
    (gallery, labels), (queries, truth) = clouds(400), clouds(200, seed=1)
    theirs = KNeighborsClassifier(5, metric="cosine").fit(gallery, labels).score(queries, truth)
    assert knn(gallery, labels, queries, truth, k=5) == pytest.approx(theirs, abs=1e-9)
    assert 0.4 < theirs < 0.95


def test_nobody_is_their_own_neighbour() -> None:
    rows = np.eye(6, dtype=np.float32) + np.float32(0.01)
    assert knn_among(rows, np.arange(6), k=1) == 0


def test_the_linear_probe_agrees_with_scikit_learn() -> None:
    (vectors, labels), (queries, truth) = clouds(300), clouds(400, seed=1)
    theirs = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8).fit(vectors, labels).score(queries, truth)
    assert linear_probe(vectors, labels, queries, truth, strength=1.0) == pytest.approx(theirs, abs=0.003)


def test_more_labels_help_and_the_seed_decides_the_draw() -> None:
    (vectors, labels), (queries, truth) = clouds(300), clouds(300, seed=1)

    def accuracy(each: int) -> list[float]:
        rng = np.random.default_rng(0)
        return few_labels(vectors, labels, queries, truth, each=each, draws=4, rng=rng)

    assert accuracy(1) == accuracy(1)
    assert len(set(accuracy(1))) > 1
    assert np.mean(accuracy(50)) > np.mean(accuracy(1)) + 0.1


def test_a_class_with_too_few_pictures_is_named() -> None:
    with pytest.raises(BadInput, match="class 1 has 1"):
        draw_each(np.array([0, 0, 1]), 2, np.random.default_rng(0))


def test_classes_are_numbered_by_name() -> None:
    assert encode_classes(["river", "forest", "river"]).tolist() == [1, 0, 1]
