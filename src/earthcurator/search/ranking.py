"""Ranking rows of vectors by examples of what is wanted and what is not.

Knows nothing of chips and where vectors are kept: it asks a `Vectors` for rows. Every score that is returned was
computed exactly; a vector index, where there is one, only chooses which rows to look at.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earthcurator.errors import BadInput
from earthcurator.models import ANY_SCORE, Filter
from earthcurator.search.diversity import pick

log = logging.getLogger(__name__)

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]

NEGATIVE_WEIGHT = 0.5
"""How much likeness to the nearest negative takes away, per unit of likeness."""
EXACT_ROWS = 20_000
"""Up to this many rows that pass the filter are all compared; that costs less than a detour through the index."""
INDEX_PAYS = 32
"""A candidate from the index costs about as much as comparing this many rows: 1.3 against .04 microseconds."""
FEWEST_CANDIDATES = 200
"""Asking for fewer is hardly cheaper, and loses hits (recall@1 .925 for two candidates)."""
DEEPEST = 50_000
"""Rows that are looked through, at most about, for hits that are no near-duplicates of each other."""
_BLOCK = 1024  # rows; below the size at which BLAS starts threads, which spin for longer than they work
_ROUNDING = 1e-6  # scores this close are the same; their order is that of the rows


class Vectors(Protocol):
    """What ranking needs to know of stored vectors: `n` unit rows of `dim` numbers."""

    dim: int

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    def select(self, condition: Filter) -> NDArray[np.bool_]:
        """Which rows pass, `(n,)`."""
        ...

    def nearest(self, examples: Floats, k: int) -> Rows | None:
        """About the `k` rows nearest to any of the examples, each once; None when there is no index."""
        ...

    def vectors(self, rows: Rows | slice) -> Floats:
        """These rows, `(m, d)`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Rows in the order of the answer."""

    rows: Rows
    scores: Floats
    """One per row. Of a search by examples -1 to 1."""
    exact: bool
    """True when every row that passes the filter was compared."""
    searched: int
    """How many rows pass the filter."""


@dataclass(frozen=True, slots=True, eq=False)
class _Examples:
    """What is wanted and what is not: unit rows."""

    positives: Floats
    negatives: Floats

    def likeness(self, vectors: Floats) -> Floats:
        """Score of each row: the cosine to its nearest positive, less half the cosine to its nearest negative.

        After Qdrant's "best score" recommendation, https://qdrant.tech/documentation/concepts/explore/. We differ in
        that a negative lowers the score smoothly, so that scores stay comparable; it never raises one.
        """
        score: Floats = _cosines(vectors, self.positives).max(axis=1)
        if len(self.negatives):
            score -= NEGATIVE_WEIGHT * np.maximum(_cosines(vectors, self.negatives).max(axis=1), 0)
        return score


def search(
    vectors: Vectors,
    positives: Floats,
    negatives: Floats | None = None,
    *,
    k: int,
    filter: Filter = Filter(),  # noqa: A002, B008 - our noun; frozen
    within: NDArray[np.bool_] | None = None,
    scores: tuple[float, float] = ANY_SCORE,
    collapse: float | None = None,
    diversity: float = 0.0,
) -> Ranking:
    """The `k` rows most like the positives `(p, d)` and least like the negatives `(m, d)`, among those that pass.

    Those pass the filter, are marked in `within`, `(n,)`, and have a score within the two of `scores`.
    """
    examples = _Examples(
        _unit(positives, vectors.dim),
        _unit(np.empty((0, vectors.dim)) if negatives is None else negatives, vectors.dim),
    )
    if not len(examples.positives):
        raise BadInput("a search needs at least one positive example")
    mask = _passing(vectors, filter, within)
    searched = len(vectors) if mask is None else int(np.count_nonzero(mask))

    def best(depth: int) -> Ranking:
        return _best(vectors, examples, mask, searched, depth, scores)

    return _thinned(vectors, best, k, collapse, diversity)


def rank(
    vectors: Vectors,
    order: Rows,
    logits: Floats,
    *,
    k: int,
    filter: Filter = Filter(),  # noqa: A002, B008 - our noun; frozen
    within: NDArray[np.bool_] | None = None,
    scores: tuple[float, float] = ANY_SCORE,
    collapse: float | None = None,
    diversity: float = 0.0,
) -> Ranking:
    """The first `k` rows in the `order` of a model, `(m,)`, among those that pass as in `search`."""
    mask = _passing(vectors, filter, within)
    if mask is not None:
        passing = mask[order]
        order, logits = order[passing], logits[passing]
    searched, logits = len(order), np.round(logits, 6)  # as they are shown
    inside = (logits >= scores[0]) & (logits <= scores[1])
    rows, logits = order[inside], logits[inside]

    def best(depth: int) -> Ranking:
        return Ranking(rows[:depth], logits[:depth], True, searched)

    # Logits are made as wide as cosines, which they are weighed against.
    return _thinned(vectors, best, k, collapse, diversity, weight=lambda logit: np.tanh(logit / 2))


def _passing(vectors: Vectors, condition: Filter, within: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Which rows pass; None when all do."""
    if not condition:
        return within
    mask = vectors.select(condition)
    return mask if within is None else mask & within


def _thinned(
    vectors: Vectors,
    best: Callable[[int], Ranking],
    k: int,
    collapse: float | None,
    diversity: float,
    *,
    weight: Callable[[Floats], Floats] = np.asarray,
) -> Ranking:
    """The first `k` that are no near-duplicates and differ as much as asked, of as many of the `best` as that takes."""
    if collapse is None and not diversity:
        return best(k)
    # Deeper until k are left after near-duplicates collapsed; past DEEPEST, a shorter answer is the better one.
    depth = 5 * k if diversity else 2 * k
    while True:
        pool = best(depth)
        chosen = pick(vectors.vectors(pool.rows), weight(pool.scores), k, collapse=collapse, diversity=diversity)
        if len(chosen) == k or len(pool.rows) < depth or depth >= DEEPEST:
            return Ranking(pool.rows[chosen], pool.scores[chosen], pool.exact, pool.searched)
        depth *= 4


def _best(
    vectors: Vectors,
    examples: _Examples,
    mask: NDArray[np.bool_] | None,
    searched: int,
    k: int,
    scores: tuple[float, float],
) -> Ranking:
    """The first `k` of the ranking, by whichever way is cheaper."""
    lowest, highest = scores
    if searched > EXACT_ROWS and highest >= 1:  # below 1 the first are left out, and the index knows only the first
        found = _from_index(vectors, examples, mask, searched, k)
        if found is not None:
            good = found.scores >= lowest
            return Ranking(found.rows[good], found.scores[good], found.exact, searched)
    rows = None if mask is None else np.flatnonzero(mask)
    score = _scan(vectors, examples, rows)
    if scores != ANY_SCORE:
        rounded = np.clip(np.round(score, 6), -1, 1)  # as they are shown
        inside = np.flatnonzero((rounded >= lowest) & (rounded <= highest))
        rows, score = inside if rows is None else rows[inside], score[inside]
    first = _top(score, k)
    return _ranking(first if rows is None else rows[first], score[first], exact=True, searched=searched)


def _from_index(
    vectors: Vectors, examples: _Examples, mask: NDArray[np.bool_] | None, searched: int, k: int
) -> Ranking | None:
    """The first `k` out of candidates from the index; None when the index cannot give them at a good price.

    Candidates are asked for without the filter: the first `k` that pass in the whole ranking are the answer,
    whether or not the filter has to do with the content. (Filters inside the index lose hits when they are narrow.)
    A row that is no candidate is at most as like a positive as the last candidate, and negatives only take away. So
    once `k` candidates that pass score at least that much, no other row can be among the first `k`. We are stricter,
    because the index is approximate: they must score as much as the candidate *half-way* down.
    """
    # Half of the candidates must hold k that pass: as many as chance needs, with four standard deviations to spare.
    wanted = 2 * k if mask is None else math.ceil(2 * (k + 4 * math.sqrt(k)) * len(vectors) / searched)
    wanted = max(wanted, FEWEST_CANDIDATES)
    while wanted * INDEX_PAYS <= searched:
        rows = vectors.nearest(examples.positives, wanted)
        if rows is None:
            return None
        candidates = vectors.vectors(rows)
        half = len(rows) - wanted // 2
        if half > 0:
            bound = float(np.partition(_cosines(candidates, examples.positives), half, axis=0)[half].max())
            score = examples.likeness(candidates)
            if mask is not None:
                rows, score = rows[mask[rows]], score[mask[rows]]
            first = _top(score, k, ties=rows)
            if len(first) == k and score[first[-1]] >= bound - _ROUNDING:
                return _ranking(rows[first], score[first], exact=False, searched=searched)
        wanted *= 4
    log.debug("comparing all %d rows: the index would need more than %d candidates", searched, wanted)
    return None


def _scan(vectors: Vectors, examples: _Examples, rows: Rows | None) -> Floats:
    """The score of each of these rows (None: of all)."""
    count = len(vectors) if rows is None else len(rows)
    score = np.empty(count, np.float32)
    for start in range(0, count, _BLOCK):
        block = slice(start, min(start + _BLOCK, count))
        score[block] = examples.likeness(vectors.vectors(block if rows is None else rows[block]))
    return score


def _cosines(vectors: Floats, examples: Floats) -> Floats:
    """Cosine of each row to each example, `(n, p)`."""
    cosines = np.empty((len(vectors), len(examples)), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        np.matmul(vectors[start : start + _BLOCK], examples.T, out=cosines[start : start + _BLOCK])
    return cosines


def _top(score: Floats, k: int, ties: Rows | None = None) -> Rows:
    """Positions of the `k` highest scores, best first; equal scores in the order of their rows."""
    if k < len(score):
        threshold = np.partition(score, len(score) - k)[len(score) - k]
        kept = np.flatnonzero(score >= threshold - _ROUNDING)
    else:
        kept = np.arange(len(score))
    order = np.lexsort((kept if ties is None else ties[kept], -np.round(score[kept], 6)))
    return kept[order[:k]]


def _ranking(rows: Rows, score: Floats, *, exact: bool, searched: int) -> Ranking:
    return Ranking(rows, np.clip(np.round(score, 6), -1, 1), exact, searched)


def _unit(examples: NDArray[np.floating], dim: int) -> Floats:
    rows = np.atleast_2d(np.asarray(examples, np.float32))
    if rows.shape[1] != dim:
        raise BadInput(
            f"an example has {rows.shape[1]} numbers, but the vectors searched have {dim}",
            hint="encode the example with the encoder whose vectors are searched",
        )
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(length) & (length > 0)).all():
        raise BadInput("an example is not a direction: all its numbers are 0, or one is not finite")
    unit: Floats = rows / length
    return unit
