"""How well the model tells a class from the rest, by the number of answers that it learnt from.

Cross-validated: the answers are parted into five, and models that learnt from the first 10, 20, 40, ... of the other
answers, in the order they were given, are asked about each part. So all points are about the same chips, and no model
is asked about a chip that it has seen. The figure is balanced accuracy, where chance is 50 %: the mean of the share of
the class that is recognised and the share of the rest that is. It holds for chips like those that were labelled. What a
search shows is chosen, so it says nothing of how much is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earthcurator.active.classifier import Floats, Linear, Vectors, fit

FOLDS = 5
FIRST = 10
"""Answers of the first point; each further one has twice as many."""
FEWEST = 20
"""Answers that a curve takes, and of each side `FOLDS`."""
MOST = 5120
"""Answers that a model learns from, so that a curve takes seconds at most."""
_DRAWS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPoint:
    """The quality of models that learnt from so many answers."""

    answers: int
    value: float
    """Balanced accuracy, 0 to 1."""
    low: float
    """95 % interval; it counts the chips that were judged, not other answers that might have been given."""
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurve:
    """How the quality grew, or why that cannot be told."""

    points: tuple[LearningPoint, ...]
    reason: str = ""
    """One sentence, when there are no points."""


def learning_curve(vectors: Vectors, truth: NDArray[np.bool_], *, seed: int = 0) -> LearningCurve:
    """The curve of the answers `truth`, `(n,)`, to chips with these `vectors`, `(n, d)`, the oldest first."""
    yes, no = int(truth.sum()), int((~truth).sum())
    if _are_too_few(truth):
        return LearningCurve(
            points=(),
            reason=f"There are {yes:,} yes and {no:,} no so far. The curve takes {FEWEST} answers, "
            f"{FOLDS} or more of each.",
        )
    folds = _folds(truth)
    most = len(truth) - int(np.bincount(folds).max())
    hits: dict[int, NDArray[np.int64]] = {}
    for fold in range(FOLDS):
        for size, model in _models(vectors, truth, np.flatnonzero(folds != fold)[:most]):
            asked = folds == fold
            right = (model.scores(vectors[asked]) > 0) == truth[asked]
            told = np.array([right[truth[asked]].sum(), right[~truth[asked]].sum(), 1])
            hits[size] = hits.get(size, np.zeros(3, np.int64)) + told
    rng = np.random.default_rng(seed)
    whole = sorted((size, told) for size, told in hits.items() if told[2] == FOLDS)
    return LearningCurve(points=tuple(_point(size, told[0] / yes, told[1] / no, yes, no, rng) for size, told in whole))


def unseen_scores(vectors: Vectors, truth: NDArray[np.bool_]) -> Floats:
    """The logit of each chip by a model that learnt from the answers to others only, `(n,)`.

    What a model has learnt from, it repeats: in-sample it contradicts few wrong answers, these scores most of them
    (Northcutt et al. 2021, https://arxiv.org/abs/1911.00068). All 0 where there are too few answers for that.
    """
    scores = np.zeros(len(truth), np.float32)
    if _are_too_few(truth):
        return scores
    folds = _folds(truth)
    for fold in range(FOLDS):
        others = np.flatnonzero(folds != fold)[-MOST:]
        model = _fit(vectors, truth, others)
        scores[folds == fold] = model.scores(vectors[folds == fold])
    return scores


def _are_too_few(truth: NDArray[np.bool_]) -> bool:
    """Whether models of parts of these answers would say nothing."""
    return len(truth) < FEWEST or min(truth.sum(), (~truth).sum()) < FOLDS


def _fit(vectors: Vectors, truth: NDArray[np.bool_], rows: NDArray[np.int64], *, start: Linear | None = None) -> Linear:
    return fit(vectors[rows[truth[rows]]], vectors[rows[~truth[rows]]], start=start)


def _folds(truth: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Which part each answer is in: yes and no are dealt out in turn, so that the parts are alike."""
    folds = np.empty(len(truth), np.int64)
    folds[truth] = np.arange(truth.sum()) % FOLDS
    folds[~truth] = (np.arange((~truth).sum()) + truth.sum()) % FOLDS
    return folds


def _models(vectors: Vectors, truth: NDArray[np.bool_], rows: NDArray[np.int64]) -> Iterator[tuple[int, Linear]]:
    """Models of the first 10, 20, 40, ... and of all of these rows; none where one side has no answer yet."""
    rows = rows[:MOST]
    sizes = [FIRST << power for power in range(len(rows).bit_length()) if FIRST << power < len(rows)]
    model = None
    for size in [*sizes, len(rows)]:
        first = rows[:size]
        if truth[first].any() and not truth[first].all():
            model = _fit(vectors, truth, first, start=model)
            yield size, model


def _point(size: int, yes_share: float, no_share: float, yes: int, no: int, rng: np.random.Generator) -> LearningPoint:
    """With the interval of Brodersen et al. 2010, https://doi.org/10.1109/ICPR.2010.764, drawn instead of convolved."""
    value = (yes_share + no_share) / 2
    shares = [
        rng.beta(round(share * count) + 1, count - round(share * count) + 1, _DRAWS)
        for share, count in ((yes_share, yes), (no_share, no))
    ]
    low, high = np.quantile((shares[0] + shares[1]) / 2, [0.025, 0.975])
    return LearningPoint(
        answers=size,
        value=round(float(value), 4),
        low=round(float(min(low, value)), 4),
        high=round(float(max(high, value)), 4),
    )
