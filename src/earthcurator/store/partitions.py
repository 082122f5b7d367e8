"""When the chips of each fragment were taken and of which layers they are, so that a filter can pass over fragments.

A fragment is what one shard wrote: chips of one layer and of a few days that follow each other. So rows that a filter
by layer or time wants lie together, and most of the others need not be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

MISSING_TIME = np.iinfo(np.int64).min
MISSING_NAME = -1

_LATEST = np.iinfo(np.int64).max


class Contents(NamedTuple):
    """What a fragment holds. Times are microseconds since 1970; a row without one is in no range of times."""

    earliest: int = _LATEST
    latest: int = MISSING_TIME
    layers: tuple[int, ...] = ()
    """Numbers of its layers, ascending."""

    def with_rows(self, time: NDArray[np.int64], layer: NDArray[np.int32]) -> Self:
        """The same with these rows, too."""
        known = time[time != MISSING_TIME]
        return self._replace(
            earliest=int(known.min(initial=self.earliest)),
            latest=int(known.max(initial=self.latest)),
            layers=tuple(sorted({*self.layers, *np.unique(layer).tolist()} - {MISSING_NAME})),
        )


class Partitions:
    """The fragments of a table in its order."""

    def __init__(self, rows: Sequence[int], contents: Sequence[Contents]) -> None:
        self._ends = np.cumsum(rows, dtype=np.int64)
        self._earliest = np.array([each.earliest for each in contents], np.int64)
        self._latest = np.array([each.latest for each in contents], np.int64)
        self._layers = np.zeros(
            (len(contents), 1 + max((max(each.layers, default=0) for each in contents), default=0)), bool
        )
        for at, each in enumerate(contents):
            self._layers[at, list(each.layers)] = True

    def spans(self, start: int | None, end: int | None, layers: Sequence[int] | None) -> list[slice]:
        """Rows outside of these are not from `start` on, not before `end`, or of none of these layers."""
        perhaps = np.ones(len(self._ends), bool)
        if start is not None:
            perhaps &= self._latest >= start
        if end is not None:
            perhaps &= self._earliest < end
        if layers is not None:
            known = [layer for layer in layers if layer < self._layers.shape[1]]
            perhaps &= self._layers[:, known].any(axis=1)
        # A run begins where the fragment before is out, and ends where the next is.
        edges = np.flatnonzero(np.diff(np.concatenate([[False], perhaps, [False]]).astype(np.int8)))
        rows = np.concatenate([[0], self._ends])[edges].tolist()
        return [slice(first, last) for first, last in zip(rows[::2], rows[1::2], strict=True)]
