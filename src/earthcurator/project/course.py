"""The course of a training, small enough to be kept with its job: some fifty points, and what fixed chips were near.

It is JSON from the start, because a job's record is all that is left of it when its server is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from earthcurator.learn.recipe import Progress

Nearest = tuple[tuple[str, ...], ...]
"""Ids of chips, a row for each of some fixed ones: first that chip, then those most like it, the nearest first."""

POINTS = 50
"""Points of a whole training; one more is where it begins."""
SHEETS = 10
"""How often the neighbours are looked at; once more where it begins."""
_ROWS, _COLUMNS = 4, 7


class Course:
    """Takes in every step of a training, and keeps a few."""

    def __init__(self, before: Mapping[str, Any] | None = None) -> None:
        """`before` is what an earlier attempt kept: the course goes on from there."""
        kept = before or {}
        self._points: list[dict[str, Any]] = list(kept.get("points", ()))
        self._neighbours: list[dict[str, Any]] = list(kept.get("neighbours", ()))
        self._losses: list[float] = []

    def add(self, now: Progress, nearest: Callable[[], Nearest]) -> bool:
        """Whether this step was worth keeping. `nearest` is only asked when it is."""
        self._losses.append(now.loss)
        if not _is_due(self._points, now.fraction, POINTS):
            return False
        self._points.append({**_point(now), "loss": fmean(self._losses), "quality": self._news(now)})
        self._losses.clear()
        if _is_due(self._neighbours, now.fraction, SHEETS):
            rows = [list(row[:_COLUMNS]) for row in nearest()[:_ROWS]]
            self._neighbours.append({"step": now.step, "fraction": now.fraction, "rows": rows})
        return True

    def kept(self) -> dict[str, Any]:
        """`points`: step, fraction, seconds, pictures_per_second, mean loss since the point before, and quality, which
        is null where nothing was measured since. `neighbours`: step, fraction and rows of ids."""
        return {"points": list(self._points), "neighbours": list(self._neighbours)}

    def _news(self, now: Progress) -> dict[str, Any] | None:
        told = [point["quality"]["step"] for point in self._points if point["quality"]]
        quality = now.quality
        if told and quality.step <= told[-1]:
            return None
        return {
            "step": quality.step,
            "retrieval": quality.retrieval,
            "knn": quality.knn,
            "collapsed": quality.collapsed and quality.step > 0,  # before the first step its projector is random
        }


def _point(now: Progress) -> dict[str, Any]:
    names = ("step", "fraction", "seconds", "pictures_per_second")
    return {name: getattr(now, name) for name in names}


def _is_due(kept: list[dict[str, Any]], fraction: float, parts: int) -> bool:
    return not kept or int(fraction * parts) > int(kept[-1]["fraction"] * parts)
