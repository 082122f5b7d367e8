"""Looking up and comparing the vectors of one encoder.

`VectorIndex` keeps the vector index of the table and the sidecar current; what it hands out, `StoredVectors`, is one
version of the table that never changes under a search. Ranking itself is `earthcurator.search`.
"""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from zlib import crc32

import lance
import numpy as np
from numpy.typing import NDArray

from earthcurator.geo import contains
from earthcurator.models import Filter, Hit
from earthcurator.store.indexing import build_index
from earthcurator.store.partitions import MISSING_TIME
from earthcurator.store.sidecar import Sidecar, open_sidecar
from earthcurator.store.tables import Fragment, Table, fragments_of, translated

log = logging.getLogger(__name__)

INDEX_FROM = 300_000
"""Rows from which an index pays; below, comparing all of them is as fast and exact."""
TAIL_ROWS = 50_000
"""Appended rows that are compared one by one before they get an index of their own."""
REBUILD_SHARE = 0.25
"""Share of rows outside the main index from which one new index over all rows is built."""
_INDEXED_DIMS = 8  # Lance's index takes vectors of a multiple of 8 numbers; all others are compared one by one
_INDEX = "vector_idx"
_BLOCK = 1024
_HASHES = 1 << 19  # compared at once: few enough for the cache, and half of all are never read
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class VectorIndex:
    """The sidecar and vector index of one embeddings table."""

    def __init__(
        self, table: Table, cache: Path, dim: int, *, index_from: int = INDEX_FROM, tail_rows: int = TAIL_ROWS
    ) -> None:
        self._table = table
        self._cache = cache
        self._dim = dim
        self._index_from = index_from
        self._tail_rows = tail_rows
        self._lock = Lock()
        self._version: int | None = None
        self._vectors: StoredVectors | None = None

    def open(self) -> StoredVectors:
        """The table as it is now (call `table.refresh()` first to see other processes' rows)."""
        with self._lock:
            dataset = self._table.dataset
            version = None if dataset is None else int(dataset.version)
            if self._vectors is None or version != self._version:
                with translated(self._table.uri):
                    fixed = None if dataset is None else dataset.checkout_version(version)
                    self._vectors = StoredVectors(fixed, open_sidecar(self._cache, fixed, self._dim))
                self._version = version
            return self._vectors

    def maintain(self) -> None:
        """Build the vector index once it pays, and bring it up to date after appends."""
        dataset = self._table.dataset
        rows = {number: count for number, count, _ in fragments_of(dataset)}
        total = sum(rows.values())
        if total < self._index_from or self._dim % _INDEXED_DIMS:
            return
        indexed = [sum(rows.get(fragment, 0) for fragment in segment) for segment in _segments(dataset)]
        if total - max(indexed, default=0) > REBUILD_SHARE * total:
            log.info("building the vector index of %d rows", total)
            self._table.change(lambda latest: build_index(latest, _INDEX))
        elif total - sum(indexed) > self._tail_rows:
            log.info("indexing %d new rows", total - sum(indexed))
            # 0: a new index beside the others. Merging would re-partition the main one.
            self._table.change(lambda latest: latest.optimize.optimize_indices(num_indices_to_merge=0))


class StoredVectors:
    """The vectors of one version of a table, by row: 0 for the first chip that was embedded."""

    def __init__(self, dataset: lance.LanceDataset | None, sidecar: Sidecar) -> None:
        self.dim = sidecar.vectors.shape[1]
        self._dataset = dataset
        self._sidecar = sidecar
        self._first = _first_rows(sidecar.fragments)
        indexed = set().union(*_segments(dataset))
        self.indexed = bool(indexed)
        """Whether `nearest` goes through a vector index."""
        self._tail = _rows_outside(sidecar.fragments, indexed)

    def __len__(self) -> int:
        return len(self._sidecar.vectors)

    def vectors(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """These rows, `(m, d)`, unit length. A slice is a read-only view."""
        return self._sidecar.vectors[rows]

    def ids(self, rows: NDArray[np.int64]) -> list[str]:
        """Chip ids of these rows."""
        ends, text = self._sidecar.id_end, self._sidecar.ids.data
        begins = np.where(rows > 0, ends[rows - 1], 0).tolist() if len(rows) else []
        return [str(text[begin:end], "utf-8") for begin, end in zip(begins, ends[rows].tolist(), strict=True)]

    def hits(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> tuple[Hit, ...]:
        """The chips of these rows, with what the sidecar knows of them: nothing is read from the table."""
        columns = self._sidecar
        names = np.array([*columns.layers, None])  # MISSING_NAME is -1
        return tuple(
            Hit(
                chip=chip,
                score=score,
                time=None if time == MISSING_TIME else _EPOCH + timedelta(microseconds=time),
                layer=layer,
                center=None if math.isnan(lon) else (lon, lat),
            )
            for chip, score, time, layer, lon, lat in zip(
                self.ids(rows),
                scores.tolist(),
                columns.time[rows].tolist(),
                names[columns.layer[rows]].tolist(),
                columns.lon[rows].tolist(),
                columns.lat[rows].tolist(),
                strict=True,
            )
        )

    def fingerprint(self, rows: int) -> int:
        """Of the ids of the first `rows` rows: the same as long as those rows are of the same chips."""
        return crc32(self._sidecar.id_hash[:rows].tobytes())

    def row_of(self, chip: str, *, near: int = 0) -> int | None:
        """Where this chip's vector is; None when it has none. Rows around `near` are looked at first."""
        wanted, hashes = crc32(chip.encode()), self._sidecar.id_hash
        begin = min(max(0, near - _HASHES // 2), len(hashes))
        for first in (*range(begin, len(hashes), _HASHES), *range(0, begin, _HASHES)):
            alike = first + np.flatnonzero(hashes[first : first + _HASHES] == wanted)
            for row, found in zip(alike.tolist(), self.ids(alike), strict=True):
                if found == chip:
                    return int(row)
        return None

    def select(self, condition: Filter) -> NDArray[np.bool_]:
        """Which rows pass, `(n,)`. A row whose value is unknown passes no condition on it."""
        columns = self._sidecar
        start = None if condition.start is None else _microseconds(condition.start)
        end = None if condition.end is None else _microseconds(condition.end)
        layers = [columns.layers.index(name) for name in condition.layers if name in columns.layers]
        mask = np.zeros(len(self), bool)
        for span in columns.partitions.spans(start, end, layers if condition.layers else None):
            passing = np.ones(span.stop - span.start, bool)
            if start is not None:
                passing &= columns.time[span] >= max(start, MISSING_TIME + 1)
            if end is not None:
                passing &= (columns.time[span] < end) & (columns.time[span] != MISSING_TIME)
            if condition.box is not None:
                passing &= contains(condition.box, columns.lon[span], columns.lat[span])
            if condition.layers:
                passing &= _one_of(condition.layers, columns.layer[span], columns.layers)
            if condition.folders:
                passing &= _one_of(condition.folders, columns.folder[span], columns.folders)
            mask[span] = passing
        return mask

    def nearest(self, examples: NDArray[np.float32], k: int) -> NDArray[np.int64] | None:
        """Rows that hold about the `k` nearest of each example, each row once; None when there is no index."""
        if not self.indexed:
            return None
        found = [self._from_index(example, k) for example in examples]
        if len(self._tail):
            found.append(self._from_tail(examples, k))
        return np.unique(np.concatenate(found))

    def _from_index(self, example: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        assert self._dataset is not None  # it has an index
        scanner = self._dataset.scanner(
            columns=[],  # row ids only: fetching a column costs more than the search
            with_row_id=True,
            fast_search=True,  # the tail is ours
            disable_scoring_autoprojection=True,
            nearest={
                "column": "vector",
                "q": example,
                "k": k,
                "nprobes": probes_for(k, len(self)),
                "approx_mode": "accurate",
            },
        )
        with translated(self._dataset.uri):
            ids = scanner.to_table()["_rowid"].to_numpy().astype(np.int64)
        rows: NDArray[np.int64] = self._first[ids >> 32] + (ids & 0xFFFFFFFF)
        return rows

    def _from_tail(self, examples: NDArray[np.float32], k: int) -> NDArray[np.int64]:
        """Rows of the part that is not indexed yet: the `k` nearest of each example."""
        if len(self._tail) <= k:
            return self._tail
        blocks = [self.vectors(self._tail[at : at + _BLOCK]) @ examples.T for at in range(0, len(self._tail), _BLOCK)]
        best = np.argpartition(np.concatenate(blocks), len(self._tail) - k, axis=0)[-k:]
        return self._tail[best.ravel()]


def probes_for(k: int, rows: int) -> int:
    """How many partitions to look into for `k` candidates, so that recall@100 stays above .99.

    By benchmarks/search_speed.py at a million rows. The more rows, the more partitions neighbours lie in: at ten
    million the same number gives .979 and 2.1 times as many .992, for a tenth more time (benchmarks/query_scale.py).
    """
    return math.ceil((4 + 1.2 * math.sqrt(k)) * math.cbrt(max(1.0, rows / 1_000_000)))


def _segments(dataset: lance.LanceDataset | None) -> list[set[int]]:
    """The fragments each part of the vector index covers."""
    if dataset is None:
        return []
    indices = [index for index in dataset.describe_indices() if index.name == _INDEX]
    return [set(segment.fragment_ids) for index in indices for segment in index.segments]


def _first_rows(fragments: tuple[Fragment, ...]) -> NDArray[np.int64]:
    """Row number of each fragment's first row, by fragment number. Lance's row id is `fragment << 32 | offset`."""
    first = np.zeros(1 + max((number for number, _, _ in fragments), default=0), np.int64)
    start = 0
    for number, count, _ in fragments:
        first[number] = start
        start += count
    return first


def _rows_outside(fragments: tuple[Fragment, ...], indexed: set[int]) -> NDArray[np.int64]:
    """Rows of the fragments that no index covers."""
    covered = [np.full(count, number in indexed) for number, count, _ in fragments]
    return np.flatnonzero(~np.concatenate([np.empty(0, bool), *covered]))


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _one_of(wanted: tuple[str, ...], codes: NDArray[np.int32], names: tuple[str, ...]) -> NDArray[np.bool_]:
    # One entry more than there are names: MISSING_NAME is -1, which finds it, and it is never wanted.
    passing = np.array([name in wanted for name in names] + [False])
    return passing[codes]
