"""A linear classifier on unit vectors, small enough to be fitted anew after every batch of labels.

It answers one question, yes or no; several classes are several of them, each against the rest. Its scores are logits.
They order chips well and are *not* calibrated: classes are balanced while fitting, so that rare positives count, and
the sum of the probabilities over an archive is many times the number of positives. Never add them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earthcurator.errors import BadInput

Floats = NDArray[np.float32]
Vectors = NDArray[np.float32] | NDArray[np.float16]
"""`(n, d)`, unit rows; usually a memory map."""

STRENGTH = 10.0
"""How much labels weigh against the wish for small weights (C). 1 and 10 do equally well on unit vectors, 100 worse."""
_STEPS = 50
_CLOSE = 1e-10  # half the squared Newton decrement: how far the objective can still fall
_THIN = 15  # rows; OpenBLAS stays on one thread up to about 262,144 products: 15 x 129 x 129
_BLOCK = 1024  # rows; half a megabyte of float32, which stays in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """`vectors @ weights + bias`."""

    weights: NDArray[np.float64]
    """`(d,)`."""
    bias: float

    def scores(self, vectors: Vectors) -> Floats:
        """Logits, `(n,)`: above 0 is more likely yes than no. Uncalibrated."""
        return score(vectors, [self])[:, 0]


def fit(positives: Vectors, negatives: Vectors, *, start: Linear | None = None, strength: float = STRENGTH) -> Linear:
    """Logistic regression with an L2 penalty, in which both classes weigh the same in sum, by Newton's method.

    `start` is an earlier answer: it saves steps and does not change the result beyond rounding. The same picture may
    stand on both sides. When a class is empty there is no regression; see `nearest_mean`.
    """
    if not (len(positives) and len(negatives)):
        return nearest_mean(positives, negatives, strength=strength)
    rows = np.concatenate([positives, negatives]).astype(np.float64)
    if not np.isfinite(rows).all():
        raise BadInput("a labelled vector holds a number that is not finite", hint="embed those chips again")
    answers = np.repeat([1.0, 0.0], [len(positives), len(negatives)])
    importance = strength * _balance(len(positives), len(negatives))
    first = np.zeros(rows.shape[1] + 1) if start is None else np.append(start.weights, start.bias)
    if rows.shape[1] <= len(rows):
        return _linear(_newton(rows, answers, importance, first))
    # Fewer labels than dimensions: the weights lie in the span of the labelled vectors, so look for them only there.
    basis = np.linalg.qr(rows.T)[0]
    found = _newton(rows @ basis, answers, importance, np.append(first[:-1] @ basis, first[-1]))
    return _linear(np.append(basis @ found[:-1], found[-1]))


def nearest_mean(positives: Vectors, negatives: Vectors, *, strength: float = STRENGTH) -> Linear:
    """Yes where the mean of the positives is nearer than that of the negatives; an empty class has its mean at 0."""
    dim = positives.shape[1]
    yes, no = (rows.astype(np.float64).mean(axis=0) if len(rows) else np.zeros(dim) for rows in (positives, negatives))
    return Linear(strength * (yes - no), -strength * float(yes @ yes - no @ no) / 2)


def fit_classes(
    vectors: Vectors, answers: NDArray[np.int8], *, start: Sequence[Linear] | None = None, strength: float = STRENGTH
) -> list[Linear]:
    """One classifier a class against the rest. `answers` is `(n, classes)`: 1 yes, 0 no, -1 nobody said."""
    earlier: Sequence[Linear | None] = [None] * answers.shape[1] if start is None else start
    return [
        fit(vectors[column == 1], vectors[column == 0], start=before, strength=strength)
        for column, before in zip(answers.T, earlier, strict=True)
    ]


def score(vectors: Vectors, classifiers: Sequence[Linear]) -> Floats:
    """Logits of every row for every classifier, `(n, classes)`. Takes memory for one block beside the answer."""
    weights = [classifier.weights.astype(np.float32) for classifier in classifiers]
    scores = np.empty((len(vectors), len(classifiers)), np.float32)
    for first in range(0, len(vectors), _BLOCK):
        block = as_float32(vectors[first : first + _BLOCK])
        for column, weight in enumerate(weights):
            # vecdot, not matmul: on so little work BLAS starts threads that spin for longer than they help
            np.vecdot(block, weight, out=scores[first : first + _BLOCK, column])
    scores += np.array([classifier.bias for classifier in classifiers], np.float32)
    return scores


def posterior(
    classifier: Linear, positives: Vectors, negatives: Vectors, n: int, rng: np.random.Generator
) -> list[Linear]:
    """`n` classifiers that the labels allow: draws from the Laplace approximation around the fitted one."""
    rows = np.concatenate([positives, negatives]).astype(np.float64)
    design = np.column_stack([rows, np.ones(len(rows))])
    centre = np.append(classifier.weights, classifier.bias)
    likely = _sigmoid(design @ centre)
    curvature = likely * (1 - likely) * (_balance(len(positives), len(negatives)) if len(rows) else 1.0)
    precision = (design.T * curvature) @ design + np.eye(len(centre)) / STRENGTH
    # precision = L L', so L'^-1 times noise has the inverse of the precision as its covariance
    noise = np.linalg.solve(np.linalg.cholesky(precision).T, rng.standard_normal((len(centre), n)))
    return [_linear(centre + draw) for draw in noise.T]


def as_float32(rows: Vectors) -> Floats:
    """A block of rows in single precision. Half precision takes a fifth of the time that `astype` needs.

    The bits of a finite half, moved to where a float32 keeps its exponent and fraction, are the number over 2**112.
    """
    if rows.dtype != np.float16:
        return rows.astype(np.float32, copy=False)
    bits = np.ascontiguousarray(rows).view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70002000)  # 0x8fffe000: the copies of the sign bit that do not belong there
    single: Floats = bits.view(np.float32)
    single *= np.float32(2.0**112)
    return single


def _newton(
    rows: NDArray[np.float64], answers: NDArray[np.float64], importance: NDArray[np.float64], first: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights, and the bias after them, at which the penalised loss is least. The bias has no penalty."""
    design = np.column_stack([rows, np.ones(len(rows))])
    penalty = np.append(np.ones(rows.shape[1]), 0.0)
    columns = np.ascontiguousarray(design.T)
    signs = 1 - 2 * answers

    def loss(at: NDArray[np.float64]) -> float:
        return float(importance @ np.logaddexp(0, signs * np.vecdot(design, at)) + penalty @ at**2 / 2)

    now, height = first, loss(first)
    for _ in range(_STEPS):
        likely = _sigmoid(np.vecdot(design, now))
        gradient = np.vecdot(columns, importance * (likely - answers)) + penalty * now
        curvature = importance * likely * (1 - likely)
        hessian = _gram(columns * curvature, design) + np.diag(penalty + 1e-9)
        step = np.linalg.solve(hessian, gradient)
        fall = float(gradient @ step) / 2
        if fall < _CLOSE:
            break
        length = 1.0
        while loss(now - length * step) > height - 1e-4 * length * fall and length > 1e-6:
            length /= 2
        now = now - length * step
        height = loss(now)
    return now


def _gram(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """`left @ right` in slices too thin for BLAS to start threads, which would spin ten times longer than they work."""
    total = np.zeros((len(left), right.shape[1]))
    for first in range(0, len(right), _THIN):
        total += left[:, first : first + _THIN] @ right[first : first + _THIN]
    return total


def _balance(positives: int, negatives: int) -> NDArray[np.float64]:
    """Weight of each row such that both classes weigh half of all rows."""
    rows = positives + negatives
    return np.repeat([rows / (2 * max(positives, 1)), rows / (2 * max(negatives, 1))], [positives, negatives])


def _sigmoid(logits: NDArray[Any]) -> NDArray[np.float64]:
    half: NDArray[np.float64] = (1 + np.tanh(logits / 2)) / 2
    return half


def _linear(both: NDArray[np.float64]) -> Linear:
    return Linear(both[:-1], float(both[-1]))
