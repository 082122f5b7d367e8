"""Which ids a table holds: read once, then only what was appended since."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earthcurator.store.tables import Table, translated


class Ids:
    """The `id` column of a table, about 40 bytes of memory a row."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._column = pa.chunked_array([], pa.string())
        self._seen: set[int] = set()  # fragments that are in `_column`

    def known(self, ids: Iterable[str]) -> set[str]:
        """Which of these ids are in the table."""
        asked = pa.array(list(ids), pa.string())
        return set(asked.filter(pc.is_in(asked, value_set=self._current())).to_pylist())

    def unknown_rows(self, others: Ids) -> NDArray[np.int64]:
        """Row numbers of `others` whose ids are not in this table."""
        asked = others._current()
        return np.flatnonzero(~pc.is_in(asked, value_set=self._current()).to_numpy()).astype(np.int64)

    def starting_with(self, beginning: str, limit: int) -> list[str]:
        """Up to `limit` ids that begin with this text."""
        column = self._current()
        return list(column.filter(pc.starts_with(column, beginning)).slice(0, limit).to_pylist())

    def _current(self) -> pa.ChunkedArray:
        dataset = self._table.dataset
        if dataset is not None:
            with translated(self._table.uri):
                new = [fragment for fragment in dataset.get_fragments() if fragment.fragment_id not in self._seen]
                chunks = [chunk for part in new for chunk in part.to_table(columns=["id"])["id"].chunks]
            self._column = pa.chunked_array([*self._column.chunks, *chunks], pa.string())
            self._seen.update(fragment.fragment_id for fragment in new)
        return self._column
