"""What a strategy sees when it chooses the next chips, and the record of what it chose.

Rows are positions in an array of vectors. Which chip a row is, only the caller knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earthcurator.active.classifier import Floats, Linear, Vectors, as_float32, fit
from earthcurator.errors import BadInput

Rows = NDArray[np.int64]
Neighbours = Callable[[Floats, int], Rows]
"""`(examples, k)`: about the `k` rows nearest to any of the examples, each once; a vector index answers it."""

MANY = 10_000_000
"""With more rows than this only neighbours of positives are scored, where there is an index to name them."""
_EACH = 100  # neighbours of each positive; loses nothing on EuroSAT, and SEALS (arXiv 2007.00077) found 100 enough


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Standing:
    """How the search for one class stands: what is known, what may be shown next, and how likely each of that is."""

    vectors: Vectors
    """`(n, d)`, unit rows. Never written to."""
    positives: Rows
    negatives: Rows
    open: Rows
    """`(m,)`, ascending: rows that may be picked. None is labelled, was an annotator unsure of, or is on a screen."""
    scores: Floats
    """`(m,)`: the classifier's logit for each open row."""
    classifier: Linear

    @property
    def labelled(self) -> Rows:
        """Rows with an answer, each once."""
        return np.union1d(self.positives, self.negatives)

    def utilities(self, rows: Rows) -> Floats:
        """The logits of some open rows."""
        return self.scores[np.searchsorted(self.open, rows)]


def stand(
    vectors: Vectors,
    *,
    positives: ArrayLike = (),
    negatives: ArrayLike = (),
    unsure: ArrayLike = (),
    on_screen: ArrayLike = (),
    examples: Floats | None = None,
    neighbours: Neighbours | None = None,
    many: int = MANY,
    start: Linear | None = None,
) -> Standing:
    """Fit the classifier to the labels and score every row that may be picked.

    A row may be both positive and negative: people contradict each other. `examples` are unit vectors of positives
    that are no rows, such as an uploaded picture. Of more than `many` rows only those that `neighbours` names are
    scored, so that the cost does not grow with the archive (SEALS, https://arxiv.org/abs/2007.00077).
    """
    yes, no, other, out = (_rows(rows, len(vectors)) for rows in (positives, negatives, unsure, on_screen))
    wanted = as_float32(vectors[yes])
    if examples is not None and len(examples):
        wanted = np.concatenate([wanted, examples])
    classifier = fit(wanted, as_float32(vectors[no]), start=start)
    closed = np.concatenate([yes, no, other, out])
    if len(vectors) > many and neighbours is not None and len(wanted):
        open_ = np.setdiff1d(_rows(neighbours(wanted, _EACH * len(wanted)), len(vectors)), closed)
        scores = classifier.scores(vectors[open_])
    else:
        may = np.ones(len(vectors), bool)
        may[closed] = False
        open_ = np.flatnonzero(may)
        scores = classifier.scores(vectors)[may]
    return Standing(vectors=vectors, positives=yes, negatives=no, open=open_, scores=scores, classifier=classifier)


def expand(standing: Standing, picked: Rows, neighbours: Neighbours, *, each: int) -> Rows:
    """The picks, and about `each` open neighbours of every one of them after it."""
    near = neighbours(as_float32(standing.vectors[picked]), len(picked) * (each + 1))
    near = near[np.isin(near, standing.open) & ~np.isin(near, picked)]
    return np.concatenate([picked, near[: each * len(picked)]]).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One turn of active learning, from whose record the same chips can be chosen again."""

    strategy: str
    seed: int
    encoder: str
    """Id of the encoder whose vectors were used."""
    asked: int
    """How many chips were asked for; fewer were picked when fewer were left."""
    neighbours: int = 0
    """How many chips like each were asked for beside them."""
    labels: int
    """How many label events of the task had been counted; the first so many of them are the ones to replay."""
    on_screen: tuple[str, ...] = ()
    """Chips that others were looking at."""
    picked: tuple[str, ...]
    """Chips, in the order they are to be shown."""
    utilities: tuple[float, ...]
    """The logit of each. Uncalibrated."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What was known of the classifier, e.g. how many positives it had."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON column."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The round that `to_json` wrote."""
        plain: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
        }
        return cls(**plain)


def _rows(rows: ArrayLike, count: int) -> Rows:
    checked = np.unique(np.asarray(rows, np.int64))
    if len(checked) and (checked[0] < 0 or checked[-1] >= count):
        outside = checked[0] if checked[0] < 0 else checked[-1]
        raise BadInput(f"there is no row {outside} among {count} vectors", hint="embed the chips that have labels")
    return checked
