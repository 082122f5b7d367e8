"""Rows that many programs write beside a table, and that one program publishes together.

What is staged is a Lance data file that no version of the table names yet: nobody sees its rows. Publishing names many
such files in one commit and copies nothing. A file that is never published is garbage; Lance removes it with old
versions a week later.

Pylance 14 lets an `Append` and a concurrent insertion of the same ids both land (measured: one id, two rows). A `Merge`
that lists all fragments conflicts with every other commit, so one of the two starts again and compares ids anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pyarrow.compute as pc
from lance.file import LanceFileReader
from lance.fragment import FragmentMetadata, write_fragments

from earthcurator.store.durable import sync_files
from earthcurator.store.ids import Ids
from earthcurator.store.tables import Table, fragments_of, translated

log = logging.getLogger(__name__)

_READERS = 16
"""Files of ids that are read at once: each is a round trip or two to object storage."""

Piece = Mapping[str, Any]
"""Lance's own description of a staged file, as JSON."""


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows that are written but not published."""

    pieces: tuple[Piece, ...] = ()
    rows: int = 0
    sha256: str = ""
    """Of the rows as Arrow has them, whoever writes them."""


@dataclass(slots=True)
class Published:
    """What became of staged rows, by their places in the list that was to be published."""

    rows: list[int] = field(default_factory=list)
    """How many of each are in the table now by this or an earlier commit of the same files."""
    doubled: list[int] = field(default_factory=list)
    """How many of each were left out, because rows with their ids are in the table already."""
    lost: list[int] = field(default_factory=list)
    """Those of which a file is gone; nothing of them was published."""


class Staging:
    """The way into one table for many programs at once."""

    def __init__(self, table: Table, ids: Ids) -> None:
        self._table = table
        self._ids = ids

    def write(self, rows: pa.Table) -> Staged:
        """Write rows durably without publishing them."""
        if not rows.num_rows:
            return Staged()
        self._table.prepare()
        rows = rows.cast(self._table.schema)
        return Staged(tuple(self._write(rows)), rows.num_rows, _sha256(rows))

    def discard(self, pieces: Sequence[Piece]) -> None:
        """Remove staged files that nobody will publish."""
        for name in _files(pieces):
            self._table.files.remove(f"{self._table.name}.lance/data/{name}")

    def publish(self, staged: Sequence[Sequence[Piece]]) -> Published:
        """Add the rows of many stagings to the table in one durable commit, those whose ids are not there yet.

        Can be repeated: what was published before is left alone, also where the program died right after its commit.
        """
        self._table.prepare()
        published = Published()

        def commit(_: lance.LanceDataset) -> None:
            nonlocal published
            published = self._commit(staged)

        self._table.change(commit)
        return published

    def _commit(self, staged: Sequence[Sequence[Piece]]) -> Published:
        self._table.refresh()
        dataset = self._table.dataset
        assert dataset is not None  # publish() has prepared it
        there = {file for _, _, file in fragments_of(dataset)}
        fresh, published = [], Published()
        seen: set[str] = set()

        def ids_of(pieces: Sequence[Piece]) -> list[str] | None:
            return [] if there.issuperset(_files(pieces)) else self._staged_ids(pieces)

        with ThreadPoolExecutor(_READERS) as pool:
            for number, (pieces, ids) in enumerate(zip(staged, pool.map(ids_of, staged), strict=True)):
                rows, doubled = sum(int(piece["physical_rows"]) for piece in pieces), 0
                if ids is None:
                    published.lost.append(number)
                    rows = 0
                elif ids:
                    known = self._ids.known(ids) | seen.intersection(ids)
                    fresh += list(pieces) if not known else self._without(pieces, known)
                    seen.update(ids)
                    rows, doubled = rows - len(known), len(known)
                published.rows.append(rows)
                published.doubled.append(doubled)
        if fresh:
            self._name(dataset, fresh)
        return published

    def _name(self, dataset: lance.LanceDataset, fresh: Sequence[Piece]) -> None:
        """Commit a version that has these files at its end."""
        before = [fragment.metadata for fragment in dataset.get_fragments()]
        first = 1 + max((fragment.id for fragment in before), default=-1)
        after = [FragmentMetadata.from_json(json.dumps({**piece, "id": first + at})) for at, piece in enumerate(fresh)]
        lance.LanceDataset.commit(
            self._table.uri,
            lance.LanceOperation.Merge([*before, *after], dataset.lance_schema),
            read_version=dataset.version,
            storage_options=self._table.options,
        )

    def _staged_ids(self, pieces: Sequence[Piece]) -> list[str] | None:
        """The ids in some staged files; None when one is gone."""
        try:
            return [name for piece in pieces for name in self._read(piece, ["id"])["id"].to_pylist()]
        except (OSError, ValueError) as error:
            if "not found" not in str(error).lower():
                raise
            log.warning("a staged file of %s is gone: %s", self._table.uri, error)
            return None

    def _without(self, pieces: Sequence[Piece], known: set[str]) -> list[Piece]:
        """Write the rows of some files anew, those that are not known; none when all are."""
        rows = pa.concat_tables(self._read(piece) for piece in pieces)
        kept = rows.filter(pc.invert(pc.is_in(rows["id"], value_set=pa.array(sorted(known), pa.string()))))
        return self._write(kept.cast(self._table.schema)) if kept.num_rows else []

    def _read(self, piece: Piece, columns: list[str] | None = None) -> pa.Table:
        [name] = _files([piece])
        file = LanceFileReader(f"{self._table.uri}/data/{name}", storage_options=self._table.options, columns=columns)
        return file.read_all().to_table()

    def _write(self, rows: pa.Table) -> list[Piece]:
        with translated(self._table.uri):
            made = write_fragments(rows, self._table.uri, mode="append", storage_options=self._table.options)
        pieces: list[Piece] = [fragment.to_json() for fragment in made]
        if "://" not in self._table.uri:
            sync_files(Path(self._table.uri) / "data" / name for name in _files(pieces))
        return pieces


def _files(pieces: Sequence[Piece]) -> Iterator[str]:
    for piece in pieces:
        for file in piece["files"]:
            yield str(file["path"])


class _Hash:
    """A file that keeps nothing of what is written but its SHA-256."""

    closed = False

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self._digest.update(content)
        return len(content)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _sha256(rows: pa.Table) -> str:
    digest = _Hash()
    with pa.ipc.new_stream(pa.PythonFile(digest, "w"), rows.schema) as stream:
        stream.write_table(rows.combine_chunks())
    return digest.hexdigest()
