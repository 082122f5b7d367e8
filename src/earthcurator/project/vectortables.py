"""Ready-made vectors into a project: each row of a table to the chip that it is of.

A row is taken when its name means one chip (by its id, or by the file it came from), its vector points somewhere, and
the chip has none yet; everything else is counted with the reason. So the same table twice adds nothing, a run that was
interrupted goes on, and tables in several parts come in one after the other under one name.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from earthcurator.errors import BadInput
from earthcurator.ingest.vectors import Fault, VectorRows, open_vectors
from earthcurator.project.embedding import VectorCommits
from earthcurator.store import SEVERAL, UNKNOWN, ChipNames, Embeddings

if TYPE_CHECKING:
    from earthcurator.project.project import Project

SAME = 0.999
"""Cosine from which two vectors of one chip are taken for the same; storing them in half precision costs less."""

Reason = Literal["unknown", "several", "twice", "differs"] | Fault
"""Why a row was left out."""

REASONS: Mapping[Reason, str] = {
    "unknown": "no chip of this project has this name",
    "several": "several chips have this name; give more of the path, or chip ids",
    "twice": "an earlier row is of the same chip, and counts",
    "differs": "the chip has a vector under this name that differs, and was kept; vectors of another model need a "
    "name of their own: --encoder NAME",
    "no vector": "it has no vector",
    "other length": "its vector is of another length",
    "zero": "its vector is zero, and points nowhere",
    "not finite": "its vector has numbers that are missing or infinite",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEmbedded:
    """What taking in a table of vectors did."""

    encoder: str
    """Id of the entry that the vectors are under."""
    name: str
    dim: int
    """Length of the vectors."""
    added: int
    """Vectors that are new."""
    present: int
    """Rows whose chip had the same vector already."""
    left_out: Mapping[Reason, int]
    """Reason → how many rows."""
    examples: Mapping[Reason, str]
    """Reason → the name in the first such row."""
    total: int
    """Vectors there are now."""
    waiting: int
    """Chips without one."""
    indexed: bool
    default: bool
    """Whether it is what the project uses now."""
    seconds: float


def embed_from(
    project: Project,
    path: Path,
    *,
    name: str | None,
    ids: str | None,
    vectors: str | None,
    progress: Callable[[int, int | None], None],
    clock: Callable[[], float] = time.monotonic,
) -> TableEmbedded:
    """Take in a table of vectors under a name, by default the file's. Raises BadInput when no row can be used."""
    begun = clock()
    table = open_vectors(path, ids=ids, column=vectors)
    entry = project.encoders.for_vectors(name or path.stem, table.dim, path.name)
    embeddings = project.embeddings(entry)
    sorting = _Sorting(ChipNames(project.chips), embeddings)
    pending = VectorCommits(embeddings)
    added = done = 0
    try:
        for rows in table.rows():
            new = sorting.sort(rows)
            if new:
                project.encoders.keep_name(entry)
                pending.take(sorting.names.facts(list(new.values())), rows.vectors[list(new)])
            added += len(new)
            done += len(rows.names)
            progress(done, table.count)
    finally:
        pending.flush()
    if not added and not sorting.present:
        raise _nothing(path, done, sorting)
    if added:
        embeddings.index.maintain()
        embeddings.table.tidy()
    if project.default_encoder is None:
        project.set_default_encoder(entry.id)
    return TableEmbedded(
        encoder=entry.id,
        name=entry.card.name,
        dim=table.dim,
        added=added,
        present=sorting.present,
        left_out=dict(sorting.left_out),
        examples=sorting.examples,
        total=len(embeddings),
        waiting=max(0, len(sorting.names) - len(embeddings)),
        indexed=embeddings.index.open().indexed,
        default=project.default_encoder == entry.id,
        seconds=clock() - begun,
    )


class _Sorting:
    """Which rows of a table are new, which are there already, and which are left out."""

    def __init__(self, names: ChipNames, embeddings: Embeddings) -> None:
        self.names = names
        self.present = 0
        self.left_out: Counter[Reason] = Counter()
        self.examples: dict[Reason, str] = {}
        embeddings.table.refresh()
        self._rows = names.rows_in(embeddings)
        self._stored = embeddings.index.open()
        self._seen = np.zeros(len(names), bool)

    def sort(self, rows: VectorRows) -> dict[int, int]:
        """Number of each new row among these → its chip."""
        new: dict[int, int] = {}
        known: dict[int, int] = {}
        for at, name in enumerate(rows.names):
            chip = self.names.find(name) if name else UNKNOWN
            if reason := self._refused(chip, rows.faults.get(at)):
                self._leave_out(reason, name)
                continue
            self._seen[chip] = True
            (new if self._rows[chip] < 0 else known)[at] = chip
        same = self._same(rows.vectors[list(known)], list(known.values()))
        self.present += int(same.sum())
        for at, is_same in zip(known, same, strict=True):
            if not is_same:
                self._leave_out("differs", rows.names[at])
        return new

    def _refused(self, chip: int, fault: Fault | None) -> Reason | None:
        if chip == UNKNOWN:
            return "unknown"
        if chip == SEVERAL:
            return "several"
        return fault or ("twice" if self._seen[chip] else None)

    def _same(self, vectors: NDArray[np.float32], chips: list[int]) -> NDArray[np.bool_]:
        likeness: NDArray[np.float32] = np.sum(vectors * self._stored.vectors(self._rows[chips]), axis=1)
        return likeness >= SAME

    def _leave_out(self, reason: Reason, name: str) -> None:
        self.left_out[reason] += 1
        self.examples.setdefault(reason, name)


def _nothing(path: Path, rows: int, sorting: _Sorting) -> BadInput:
    if not rows:
        return BadInput(f"{path} has no rows", hint="write it again, with a row for each chip")
    reason, count = sorting.left_out.most_common(1)[0]
    example = sorting.examples[reason] or "the first"
    return BadInput(
        f"none of the {rows:,} rows of {path} can be used: of {count:,}, e.g. {example}, {REASONS[reason]}",
        hint="rows are matched by chip id or file name: import the pictures first, or choose the column with --ids",
    )
