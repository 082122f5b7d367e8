"""How good a classifier is on labels it has not seen, with intervals, and a picture of what it takes for what.

Intervals are bootstrapped over the pictures: they say what the number of labels leaves open, not what another place or
year would bring.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
_CELL, _LEFT, _TOP, _LINE = 56, 150, 92, 26


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and where it lies with 95 % confidence as far as the number of pictures goes."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """How a classifier does on held-out labels."""

    pictures: int
    accuracy: Estimate
    f1: Estimate
    """Mean over the classes that are among the held-out labels."""
    average_precision: Estimate
    """Mean over those classes of the area under precision and recall."""
    calibration_error: float
    """Mean distance between how sure it is and how often it is right, in ten bins of sureness."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows: what it is. Columns: what the classifier says."""


def measure(probabilities: NDArray[np.float32], truth: NDArray[np.int64], rng: np.random.Generator) -> Metrics:
    """From probabilities (n, classes) and the classes that hold."""
    said = probabilities.argmax(axis=1)
    classes = probabilities.shape[1]

    def interval(figure: Callable[[NDArray[np.int64]], float]) -> Estimate:
        draws = [figure(rng.integers(0, len(truth), len(truth))) for _ in range(DRAWS)]
        low, high = np.percentile(draws, [2.5, 97.5])
        return Estimate(figure(np.arange(len(truth))), float(low), float(high))

    return Metrics(
        pictures=len(truth),
        accuracy=interval(lambda rows: float((said[rows] == truth[rows]).mean())),
        f1=interval(lambda rows: _mean_f1(said[rows], truth[rows], classes)),
        average_precision=interval(lambda rows: _mean_precision(probabilities[rows], truth[rows])),
        calibration_error=_calibration_error(probabilities, truth),
        confusion=tuple(map(tuple, _confusion(said, truth, classes).tolist())),
    )


def difference(first: NDArray[np.bool_], second: NDArray[np.bool_], rng: np.random.Generator) -> Estimate:
    """How much larger the share of hits in `first` is than in `second`, which were asked the same questions."""
    gain = first.astype(np.float64) - second
    draws = [gain[rng.integers(0, len(gain), len(gain))].mean() for _ in range(DRAWS)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(float(gain.mean()), float(low), float(high))


def draw_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str], *, title: str) -> str:
    """An SVG picture, no script and no font but the viewer's. Shade is the share of the row; numbers are counts."""
    size = _CELL * len(classes)
    width, height = _LEFT + size + 20, _TOP + size + 44
    body = []
    for row, counts in enumerate(confusion):
        y: float = _TOP + row * _CELL
        body.append(_text(_LEFT - 8, y + _CELL / 2 + 4, _short(classes[row]), "end"))
        for column, count in enumerate(counts):
            share, x = count / max(1, sum(counts)), float(_LEFT + column * _CELL)
            ink = "#fff" if share > 0.5 else "#1f2937"
            shade = f"rgb({round(255 - 244 * share)},{round(255 - 172 * share)},{round(255 - 107 * share)})"
            body.append(
                f'<rect x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" fill="{shade}" stroke="#d1d5db"/>'
                + _text(x + _CELL / 2, y + _CELL / 2 + 4, f"{count:,}", "middle", ink)
            )
    for column, name in enumerate(classes):
        x = _LEFT + column * _CELL + _CELL / 2
        body.append(f'<g transform="translate({x} {_TOP - 8}) rotate(-35)">{_text(0, 0, _short(name), "start")}</g>')
    body.append(_text(_LEFT + size / 2, height - 14, "columns: what the classifier says; rows: what it is", "middle"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(width, 420)} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>{_text(12, _LINE - 6, title, "start")}{"".join(body)}</svg>\n'
    )


def _text(x: float, y: float, words: str, anchor: str, ink: str = "#1f2937") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{ink}">{escape(words)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:19]}…"


def _confusion(said: NDArray[np.int64], truth: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    counts = np.bincount(truth * classes + said, minlength=classes * classes)
    return counts.reshape(classes, classes)


def _mean_f1(said: NDArray[np.int64], truth: NDArray[np.int64], classes: int) -> float:
    counts = _confusion(said, truth, classes)
    there = counts.sum(axis=1) > 0
    f1 = 2 * counts.diagonal() / np.maximum(counts.sum(axis=0) + counts.sum(axis=1), 1)
    return float(f1[there].mean())


def _mean_precision(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    return float(np.mean([_precision(probabilities[:, name], truth == name) for name in np.unique(truth)]))


def _precision(scores: NDArray[np.float32], wanted: NDArray[np.bool_]) -> float:
    """Average precision; pictures with equal scores come together."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(wanted[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    recall = hits[ends] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0) * hits[ends] / (ends + 1)))


def _calibration_error(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((sure * 10).astype(np.int64), 9)
    gaps = [abs(float(sure[bins == each].sum() - right[bins == each].sum())) for each in np.unique(bins)]
    return sum(gaps) / len(truth)
