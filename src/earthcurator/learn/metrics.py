"""How good a classifier is on labels it has not seen, with intervals, and a picture of what it takes for what.

Intervals are bootstrapped over the pictures: they say what the number of labels leaves open, not what another place or
year would bring.
"""

from __future__ import annotations

from collections.abc import Sequence
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
class ClassMetrics:
    """How well one class is told from the rest."""

    f1: Estimate | None
    """None when no held-out picture has the class; so is the next."""
    average_precision: Estimate | None
    """Area under precision and recall."""
    confusion: tuple[tuple[int, int], tuple[int, int]]
    """Rows: pictures without the class, and with it. Columns: without it and with it, as the classifier says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """How a classifier does on held-out labels."""

    pictures: int
    accuracy: Estimate
    """Share of pictures of which it says exactly what holds: all classes, where there may be several."""
    f1: Estimate
    """Mean over the classes that are among the held-out labels."""
    average_precision: Estimate
    """The same mean."""
    calibration_error: float
    """Mean distance between how sure it is and how often it is right, in ten bins of sureness. Where there may be
    several classes, between the probability of a class and how often it is there."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows: what it is. Columns: what the classifier says. Empty where there may be several classes."""
    of_classes: tuple[ClassMetrics, ...]
    """In the order of the classes."""


def measure(probabilities: NDArray[np.float32], truth: NDArray[np.int64], rng: np.random.Generator) -> Metrics:
    """From probabilities (n, classes) and what holds: numbers of classes (n,), or 0 and 1 for each (n, classes).

    At least one picture has a class.
    """
    several, names = truth.ndim == 2, np.arange(probabilities.shape[1])
    has = truth == 1 if several else truth[:, None] == names
    said = probabilities > 0.5 if several else probabilities.argmax(axis=1)[:, None] == names
    right = (said == has).all(axis=1)
    draws = [np.arange(len(truth)), *(rng.integers(0, len(truth), len(truth)) for _ in range(DRAWS))]
    f1 = np.array([_f1(said[rows], has[rows]) for rows in draws])
    precision = np.array([_precisions(probabilities[rows], has[rows]) for rows in draws])
    sureness = (probabilities.ravel(), has.ravel()) if several else (probabilities.max(axis=1), right)
    return Metrics(
        pictures=len(truth),
        accuracy=_estimate(np.array([right[rows].mean() for rows in draws])),
        f1=_estimate(_mean_of_classes(f1)),
        average_precision=_estimate(_mean_of_classes(precision)),
        calibration_error=_calibration_error(*sureness),
        confusion=() if several else _confusion(truth, probabilities),
        of_classes=tuple(
            ClassMetrics(
                f1=_estimate(f1[:, name]) if has[:, name].any() else None,
                average_precision=_estimate(precision[:, name]) if has[:, name].any() else None,
                confusion=_two_by_two(has[:, name], said[:, name]),
            )
            for name in names
        ),
    )


def difference(first: NDArray[np.bool_], second: NDArray[np.bool_], rng: np.random.Generator) -> Estimate:
    """How much larger the share of hits in `first` is than in `second`, which were asked the same questions."""
    gain = first.astype(np.float64) - second
    draws = [gain[rng.integers(0, len(gain), len(gain))].mean() for _ in range(DRAWS)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(float(gain.mean()), float(low), float(high))


def draw_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str], *, title: str) -> str:
    """An SVG picture, no script and no font but the viewer's. Shade is the share of the row; numbers are counts."""
    shares = [[count / max(1, sum(counts)) for count in counts] for counts in confusion]
    return _draw(confusion, shares, classes, classes, title, "columns: what the classifier says; rows: what it is")


def draw_confusions(found: Sequence[ClassMetrics], classes: Sequence[str], *, title: str) -> str:
    """The same where a picture may have several classes: a row for each, and four cells for what became of it.

    Shade is the share of the pictures with the class, or of those without.
    """
    counts, shares = [], []
    for each in found:
        (passed, alarms), (missed, right) = each.confusion
        counts.append((right, missed, passed, alarms))
        having, lacking = max(1, right + missed), max(1, passed + alarms)
        shares.append((right / having, missed / having, passed / lacking, alarms / lacking))
    columns = ("has it, found", "has it, missed", "lacks it, passed", "lacks it, found")
    return _draw(counts, shares, classes, columns, title, "rows: classes; columns: what is, what is said")


def _draw(
    counts: Sequence[Sequence[int]],
    shares: Sequence[Sequence[float]],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    legend: str,
) -> str:
    across, down = _CELL * len(columns), _CELL * len(rows)
    width, height = _LEFT + across + 60, _TOP + down + 44
    body = []
    for row, name in enumerate(rows):
        y: float = _TOP + row * _CELL
        body.append(_text(_LEFT - 8, y + _CELL / 2 + 4, _short(name), "end"))
        for column, (count, share) in enumerate(zip(counts[row], shares[row], strict=True)):
            x = float(_LEFT + column * _CELL)
            ink = "#fff" if share > 0.5 else "#1f2937"
            shade = f"rgb({round(255 - 244 * share)},{round(255 - 172 * share)},{round(255 - 107 * share)})"
            body.append(
                f'<rect x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" fill="{shade}" stroke="#d1d5db"/>'
                + _text(x + _CELL / 2, y + _CELL / 2 + 4, f"{count:,}", "middle", ink)
            )
    for column, name in enumerate(columns):
        x = _LEFT + column * _CELL + _CELL / 2
        body.append(f'<g transform="translate({x} {_TOP - 8}) rotate(-35)">{_text(0, 0, _short(name), "start")}</g>')
    body.append(_text(_LEFT + across / 2, height - 14, legend, "middle"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(width, 420)} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>{_text(12, _LINE - 6, title, "start")}{"".join(body)}</svg>\n'
    )


def _text(x: float, y: float, words: str, anchor: str, ink: str = "#1f2937") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{ink}">{escape(words)}</text>'


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:19]}…"


def _estimate(figures: NDArray[np.float64]) -> Estimate:
    """From the figure of all pictures, and those of the draws after it; NaN where a draw gives none."""
    low, high = np.nanpercentile(figures[1:], [2.5, 97.5])
    return Estimate(float(figures[0]), float(low), float(high))


def _mean_of_classes(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each draw (draws, classes): the mean over the classes that are in it."""
    there = ~np.isnan(figures)
    total = np.where(there, figures, 0).sum(axis=1)
    mean = np.full(len(figures), np.nan)
    np.divide(total, there.sum(axis=1), out=mean, where=there.any(axis=1))
    return mean


def _confusion(truth: NDArray[np.int64], probabilities: NDArray[np.float32]) -> tuple[tuple[int, ...], ...]:
    classes = probabilities.shape[1]
    counts = np.bincount(truth * classes + probabilities.argmax(axis=1), minlength=classes * classes)
    return tuple(map(tuple, counts.reshape(classes, classes).tolist()))


def _two_by_two(has: NDArray[np.bool_], said: NDArray[np.bool_]) -> tuple[tuple[int, int], tuple[int, int]]:
    right, missed, alarms = int((has & said).sum()), int((has & ~said).sum()), int((~has & said).sum())
    return (len(has) - right - missed - alarms, alarms), (missed, right)


def _f1(said: NDArray[np.bool_], has: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each class; NaN for one that no picture has."""
    count = has.sum(axis=0)
    f1: NDArray[np.float64] = 2 * (said & has).sum(axis=0) / np.maximum(said.sum(axis=0) + count, 1)
    return np.where(count > 0, f1, np.nan)


def _precisions(probabilities: NDArray[np.float32], has: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each class; NaN for one that no picture has."""
    pairs = zip(probabilities.T, has.T, strict=True)
    return np.array([_precision(scores, wanted) if wanted.any() else np.nan for scores, wanted in pairs])


def _precision(scores: NDArray[np.float32], wanted: NDArray[np.bool_]) -> float:
    """Average precision; pictures with equal scores come together."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(wanted[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    recall = hits[ends] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0) * hits[ends] / (ends + 1)))


def _calibration_error(sure: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((sure * 10).astype(np.int64), 9)
    gaps = [abs(float(sure[bins == each].sum() - right[bins == each].sum())) for each in np.unique(bins)]
    return sum(gaps) / len(sure)
