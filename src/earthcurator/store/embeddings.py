"""The vectors of one encoder, with the columns that searches filter on beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from earthcurator.store.chips import Chips
from earthcurator.store.files import Files
from earthcurator.store.fragments import Staged, Staging
from earthcurator.store.ids import Ids
from earthcurator.store.tables import Table, translated
from earthcurator.store.vectors import VectorIndex

FACTS = ["id", "time", "lon", "lat", "layer", "folder"]

Facts = dict[str, Any]
"""What is kept beside a vector: the chip's id and the columns that searches filter on."""


class Embeddings:
    """Chip id to unit vector, for one encoder. Rows are only ever added."""

    def __init__(self, files: Files, encoder: str, dim: int) -> None:
        name = f"embeddings/{encoder}"
        self.table = Table(files, name, _schema(dim))
        self.ids = Ids(self.table)
        self.staging = Staging(self.table, self.ids)
        self.index = VectorIndex(self.table, files.cache / name, dim)
        self._dim = dim

    def __len__(self) -> int:
        return int(self.table.dataset.count_rows()) if self.table.dataset else 0

    def waiting(self, chips: Chips) -> tuple[int, Iterator[tuple[Facts, bytes]]]:
        """How many chips have no vector yet, and those chips with their pictures, in the order of the table."""
        rows = self.waiting_rows(chips)
        return len(rows), self.pictures(chips, rows)

    def waiting_rows(self, chips: Chips) -> NDArray[np.int64]:
        """The row numbers of those chips."""
        self.table.refresh()
        chips.table.refresh()
        return self.ids.unknown_rows(chips.ids)

    @staticmethod
    def pictures(chips: Chips, rows: NDArray[np.int64]) -> Iterator[tuple[Facts, bytes]]:
        """Some rows of the table of chips, each with its picture."""
        return _read(chips.table, rows)

    def stage(self, facts: Sequence[Facts], vectors: NDArray[np.float32]) -> Staged:
        """Write the vectors of these chips, `(n, d)` unit rows, for `staging.publish`."""
        return self.staging.write(self._rows(facts, vectors))

    def add(self, facts: Sequence[Facts], vectors: NDArray[np.float32]) -> int:
        """Store the vectors of these chips, `(n, d)` unit rows, durably in one commit; returns how many were new."""
        return self.table.append(self._rows(facts, vectors))

    def _rows(self, facts: Sequence[Facts], vectors: NDArray[np.float32]) -> pa.Table:
        flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float16).ravel())
        schema = _schema(self._dim)
        rows = pa.Table.from_pylist(list(facts), schema=pa.schema([schema.field(name) for name in FACTS]))
        return rows.add_column(1, schema.field("vector"), pa.FixedSizeListArray.from_arrays(flat, self._dim))


def _read(table: Table, rows: NDArray[np.int64], batch_size: int = 128) -> Iterator[tuple[Facts, bytes]]:
    """Facts and pictures of some rows, a few at a time so that memory stays small."""
    for start in range(0, len(rows), batch_size):
        assert table.dataset is not None  # rows came from it
        with translated(table.uri):
            batch = table.dataset.take(rows[start : start + batch_size].tolist(), columns=[*FACTS, "picture"])
        for chip in batch.to_pylist():
            picture = chip.pop("picture")
            yield chip, picture


def _schema(dim: int) -> pa.Schema:
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float16(), dim), nullable=False),
            pa.field("time", pa.timestamp("us", tz="UTC")),
            pa.field("lon", pa.float64()),
            pa.field("lat", pa.float64()),
            pa.field("layer", pa.string()),
            pa.field("folder", pa.string()),
        ]
    )
