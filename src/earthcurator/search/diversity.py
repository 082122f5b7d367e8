"""Choosing hits that differ: near-duplicates collapse, and each hit may be asked to differ from those before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-6  # float32 gives a chip a cosine of .9999999 to itself


def pick(
    vectors: NDArray[np.float32], scores: NDArray[np.float32], k: int, *, collapse: float | None, diversity: float
) -> NDArray[np.int64]:
    """Positions of up to `k` hits, in the order chosen. `vectors` are `(n, d)` unit rows, `scores` go down.

    Maximal marginal relevance (Carbonell & Goldstein 1998, https://doi.org/10.1145/290941.291025): each hit is
    the one with the highest `(1 - diversity) * score - diversity * cosine to the nearest hit chosen before`.
    Where we differ: one whose cosine to a chosen hit is at least `collapse` is never taken. At diversity 0 that is
    the greedy removal of near-duplicates.
    """
    limit = np.inf if collapse is None else collapse - _ROUNDING
    nearest = np.full(len(vectors), -1.0, np.float32)
    open_ = np.ones(len(vectors), bool)
    picked: list[int] = []
    while len(picked) < k and open_.any():
        gain = (1 - diversity) * scores - diversity * nearest
        best = int(np.argmax(np.where(open_, gain, -np.inf)))
        picked.append(best)
        nearest = np.maximum(nearest, vectors @ vectors[best])
        open_ &= nearest < limit
        open_[best] = False
    return np.array(picked, np.int64)
