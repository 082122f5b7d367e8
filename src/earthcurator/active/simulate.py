"""What a strategy would have achieved on chips whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earthcurator.active.classifier import Vectors
from earthcurator.active.coldstart import from_reference
from earthcurator.active.pool import Rows, Standing, stand
from earthcurator.active.strategies import Strategy
from earthcurator.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What was known after each batch. All sequences have one entry a batch."""

    positives: int
    """How many there were to find."""
    labels: tuple[int, ...]
    """Answers given so far, the reference not counted."""
    found: tuple[int, ...]
    """Positives shown so far, the reference counted."""
    precision: tuple[float, ...]
    """Share of positives in the batch, by the truth."""
    average_precision: tuple[float, ...]
    """Of the classifier, on the rows that were kept aside; empty when none were."""

    def labels_to_find(self, share: float) -> int | None:
        """Answers after which that share of all positives had been shown; None when they never were."""
        enough = (n for n, found in zip(self.labels, self.found, strict=True) if found >= share * self.positives - 1e-9)
        return next(enough, None)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


def simulate(
    vectors: Vectors,
    truth: NDArray[np.bool_],
    strategy: Strategy,
    *,
    start: int,
    batch: int = 20,
    budget: int = 500,
    seed: int = 0,
    error_rate: float = 0.0,
    aside: ArrayLike = (),
) -> Curve:
    """Search for the true rows from one of them, `start`, as an annotator would who errs at `error_rate`.

    `aside` are rows that are never shown; they measure the classifier. Stops early when nothing is left to show.
    """
    if not 0 <= start < len(vectors) or not truth[start]:
        raise BadInput(f"row {start} is no positive", hint="start from a chip that belongs to the class")
    rng = np.random.default_rng(seed)
    kept = np.unique(np.asarray(aside, np.int64))
    shown = np.array([start], np.int64)
    answers = np.array([True])
    labels, precision, quality = [0], [1.0], []
    found = [1]
    standing = stand(vectors, positives=shown, on_screen=kept)
    quality.append(_quality(standing, truth, kept))
    while labels[-1] < budget:
        n = min(batch, budget - labels[-1])
        picked = _first(standing, n, rng) if len(shown) == 1 else strategy(standing, n, rng)
        if not len(picked):
            break
        wrong = rng.random(len(picked)) < error_rate
        shown, answers = np.concatenate([shown, picked]), np.concatenate([answers, truth[picked] ^ wrong])
        standing = stand(vectors, positives=shown[answers], negatives=shown[~answers], on_screen=kept)
        labels.append(len(shown) - 1)
        found.append(int(truth[shown].sum()))
        precision.append(float(truth[picked].mean()))
        quality.append(_quality(standing, truth, kept))
    return Curve(
        positives=int(truth.sum() - truth[kept].sum()),
        labels=tuple(labels),
        found=tuple(found),
        precision=tuple(precision),
        average_precision=tuple(quality) if len(kept) else (),
    )


def average_precision(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Mean, over the positives, of the precision at each one's place in the order of falling scores."""
    right = truth[np.argsort(-scores, kind="stable")]
    if not right.any():
        return 0.0
    return float((np.cumsum(right)[right] / (np.flatnonzero(right) + 1)).mean())


def mean_curve(curves: Sequence[Curve], at: Sequence[int]) -> list[float]:
    """Share of the positives found after so many labels, averaged over the curves."""
    shares = [np.interp(at, curve.labels, np.array(curve.found) / curve.positives) for curve in curves]
    return [round(float(value), 4) for value in np.mean(shares, axis=0)]


def _first(standing: Standing, n: int, rng: np.random.Generator) -> Rows:
    reference = standing.vectors[standing.positives[0]].astype(np.float32)
    return standing.open[from_reference(standing.vectors[standing.open], reference, n, rng)]


def _quality(standing: Standing, truth: NDArray[np.bool_], aside: Rows) -> float:
    if not len(aside):
        return 0.0
    return average_precision(truth[aside], standing.classifier.scores(standing.vectors[aside]))
