"""The first chips to show, before there is a label."""

from __future__ import annotations

import numpy as np

from earthcurator.active.classifier import Floats, Linear, Vectors, as_float32
from earthcurator.active.pool import Rows

SURPRISES = 0.25
"""Share of the first batch that is taken at random: the first negatives."""
SAMPLE = 50_000
"""Rows that are grouped at most."""
_ROUNDS = 10


def from_reference(vectors: Vectors, reference: Floats, n: int, rng: np.random.Generator) -> Rows:
    """The rows most like one reference `(d,)`, and a few random ones after them. A row equal to it is among them."""
    n = min(n, len(vectors))
    likeness = Linear(np.asarray(reference, np.float64), 0.0).scores(vectors)
    near = np.argsort(-likeness, kind="stable")[: n - round(SURPRISES * n)]
    rest = np.setdiff1d(np.arange(len(vectors)), near)
    return np.concatenate([near, rng.choice(rest, n - len(near), replace=False)]).astype(np.int64)


def typical(vectors: Vectors, n: int, rng: np.random.Generator) -> Rows:
    """One row for each of `n` groups of alike rows, that nearest to the group's centre; the largest group first.

    For a task of several classes without a reference. k-means by cosine on a sample, after TypiClust
    (https://arxiv.org/abs/2202.02794). Where we differ: the typical row is the medoid, not the densest.
    """
    some = np.sort(rng.choice(len(vectors), min(SAMPLE, len(vectors)), replace=False))
    points = as_float32(vectors[some])
    n = min(n, len(points))
    centres = points[rng.choice(len(points), n, replace=False)]
    for _ in range(_ROUNDS):
        group = np.argmax(points @ centres.T, axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, group, points)
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(length > 0, sums / np.maximum(length, 1e-12), centres)
    likeness = points @ centres.T
    sizes = np.bincount(np.argmax(likeness, axis=1), minlength=n)
    picked: list[int] = []
    for centre in np.argsort(-sizes, kind="stable"):
        likeness[picked, centre] = -np.inf
        picked.append(int(np.argmax(likeness[:, centre])))
    return some[picked]
