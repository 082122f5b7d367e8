"""Which chip somebody else's name for it means: its id, or the file that it came from.

Names are looked up by their hashes, 16 bytes a chip, beside the two columns as they are in the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from earthcurator.store.chips import Chips
from earthcurator.store.embeddings import FACTS, Embeddings, Facts
from earthcurator.store.tables import translated

UNKNOWN, SEVERAL = -1, -2
"""In place of a row: no chip has this name; more than one has."""


class ChipNames:
    """The chips of one version of the table, by name. A chip is its row."""

    def __init__(self, chips: Chips) -> None:
        chips.table.refresh()
        self._chips = chips
        self._dataset = chips.table.dataset
        if self._dataset is None:
            self._ids, self._origins = [], []
        else:
            with translated(chips.table.uri):
                found = self._dataset.to_table(columns=["id", "origin"], scan_in_order=True).combine_chunks()
            self._ids, self._origins = found["id"], found["origin"]
        self._by_id = _Hashes(str(name) for name in self._ids)
        self._by_file = _Hashes(_parts(str(origin))[-1] for origin in self._origins)

    def __len__(self) -> int:
        return len(self._ids)

    def find(self, name: str) -> int:
        """The row of the chip with this id, or else of the one that came from this file.

        A file may be named without its folders. With folders, at least the last of them must be the same; what lies
        above may differ, since folders move.
        """
        for row in self._by_id.rows(name):
            if str(self._ids[row]) == name:
                return row
        wanted = _parts(name)
        agreeing = {row: _agreeing(wanted, _parts(str(self._origins[row]))) for row in self._by_file.rows(wanted[-1])}
        most = max(agreeing.values(), default=0)
        if most < min(2, len(wanted)):
            return UNKNOWN
        found = [row for row, parts in agreeing.items() if parts == most]
        return found[0] if len(found) == 1 else SEVERAL

    def facts(self, rows: Sequence[int]) -> list[Facts]:
        """What is kept beside the vectors of these chips."""
        if self._dataset is None or not rows:
            return []
        with translated(self._chips.table.uri):
            return list(self._dataset.take(list(rows), columns=FACTS).to_pylist())

    def rows_in(self, embeddings: Embeddings) -> NDArray[np.int64]:
        """For each chip the row of its vector; -1 for one that has none."""
        chips = embeddings.ids.rows_in(self._chips.ids)
        there = (chips >= 0) & (chips < len(self))
        rows = np.full(len(self), -1, np.int64)
        rows[chips[there]] = np.flatnonzero(there)
        return rows


class _Hashes:
    """From a text to the places in a list where it may be."""

    def __init__(self, texts: Iterable[str]) -> None:
        hashes = np.fromiter(map(hash, texts), np.int64)
        self._order = np.argsort(hashes, kind="stable")
        self._sorted = hashes[self._order]

    def rows(self, text: str) -> list[int]:
        wanted = np.int64(hash(text))
        first, end = np.searchsorted(self._sorted, wanted, "left"), np.searchsorted(self._sorted, wanted, "right")
        return [int(row) for row in self._order[first:end]]


def _parts(path: str) -> list[str]:
    """Folders and file of a path of any system; `!` is what parts an archive from what is in it."""
    return [part for part in path.replace("\\", "/").replace("!", "/").split("/") if part not in ("", ".")] or [""]


def _agreeing(wanted: Sequence[str], found: Sequence[str]) -> int:
    """How many parts of two paths are the same, from their ends."""
    count = 0
    for one, other in zip(reversed(wanted), reversed(found), strict=False):
        if one != other:
            break
        count += 1
    return count
