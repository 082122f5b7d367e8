"""A flat local copy of an embeddings table, for comparing vectors at the speed of memory.

One file a column, in the order of the table's rows, memory-mapped; it takes no memory but page cache. It is made
from the table and follows it, so it may be deleted at any time. Files only grow: a reader keeps the rows it has
mapped while another process appends more. When the table was rewritten (compacted, restored), or a file is damaged,
a new copy is made in a folder of its own and the old one removed.

Vectors are float32 although the table holds float16: turning half into single precision in numpy costs eight times
as much as the comparison itself (223 against 28 CPU-ms for a million rows of 128).
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock
from numpy.typing import NDArray

from earthcurator.errors import StorageFailed
from earthcurator.store.durable import write_durably
from earthcurator.store.partitions import MISSING_NAME, MISSING_TIME, Contents, Partitions
from earthcurator.store.tables import Fragment, fragments_of, translated

log = logging.getLogger(__name__)

_FORMAT = 2
_STATE = "sidecar.json"
_BATCH = 16_384
_COLUMNS: dict[str, np.dtype[Any]] = {
    "time": np.dtype(np.int64),  # microseconds since 1970, UTC
    "lon": np.dtype(np.float64),  # degrees; NaN where unknown
    "lat": np.dtype(np.float64),
    "layer": np.dtype(np.int32),  # position in the list of names
    "folder": np.dtype(np.int32),
    "id_hash": np.dtype(np.uint32),
    "id_end": np.dtype(np.int64),  # where this row's id ends in the text of all ids
}


@dataclass(frozen=True, eq=False)
class Sidecar:
    """The mapped columns. All have one entry per row, except `ids`."""

    fragments: tuple[Fragment, ...]
    partitions: Partitions
    """The same fragments, by what they hold."""
    vectors: NDArray[np.float32]
    """`(n, d)`, unit rows."""
    time: NDArray[np.int64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    layer: NDArray[np.int32]
    folder: NDArray[np.int32]
    id_hash: NDArray[np.uint32]
    """CRC-32 of the id."""
    id_end: NDArray[np.int64]
    ids: NDArray[np.uint8]
    """All ids in UTF-8, without separators."""
    layers: tuple[str, ...]
    folders: tuple[str, ...]


@dataclass
class _State:
    """What the files hold, as recorded in `sidecar.json`."""

    dim: int
    copy: int
    """Number of the folder that holds the files."""
    fragments: list[Fragment] = field(default_factory=list)
    contents: list[Contents] = field(default_factory=list)
    """Of each fragment."""
    id_bytes: int = 0
    layers: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(rows for _, rows, _ in self.fragments)

    def sizes(self) -> dict[str, int]:
        """Bytes of each file that count; what follows is the rest of an interrupted append."""
        columns = {name: self.rows * dtype.itemsize for name, dtype in _COLUMNS.items()}
        return {"vectors": self.rows * self.dim * 4, "ids": self.id_bytes, **columns}


def open_sidecar(cache: Path, dataset: lance.LanceDataset | None, dim: int) -> Sidecar:
    """The copy of this version of the table, brought up to date first where it is behind."""
    fragments = fragments_of(dataset)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / ".lock"):
            state = _usable(cache, fragments, dim)
            if state is None:
                state = _State(dim, copy=1 + max(_copies(cache), default=0))
                log.info("copying vectors to %s", cache / str(state.copy))
            if dataset is not None and len(state.fragments) < len(fragments):
                _extend(cache, state, dataset, fragments)
            return _map(cache, state, fragments)
    except OSError as exc:
        raise StorageFailed(
            f"the cache {cache} cannot be written or read: {exc}",
            hint="free some space or delete the folder; it is rebuilt",
        ) from exc


def _usable(cache: Path, fragments: list[Fragment], dim: int) -> _State | None:
    """The recorded state if it is whole and holds a beginning of the table (or the table is a beginning of it)."""
    try:
        record: dict[str, Any] = json.loads((cache / _STATE).read_bytes())
        if record.pop("format") != _FORMAT:
            return None
        state = _State(**record)
        state.fragments = [(int(number), int(rows), str(file)) for number, rows, file in state.fragments]
        state.contents = [Contents(int(first), int(last), tuple(layers)) for first, last, layers in state.contents]
        folder = cache / str(state.copy)
        whole = all((folder / name).stat().st_size >= size for name, size in state.sizes().items())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    common = min(len(fragments), len(state.fragments))
    return state if whole and state.dim == dim and state.fragments[:common] == fragments[:common] else None


def _extend(cache: Path, state: _State, dataset: lance.LanceDataset, fragments: list[Fragment]) -> None:
    """Append the fragments that are missing, then record them."""
    folder = cache / str(state.copy)
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder / name).open("ab")) for name in state.sizes()}
        for name, size in state.sizes().items():
            files[name].truncate(size)
        for fragment in fragments[len(state.fragments) :]:
            contents = Contents()
            for columns in _read(dataset, fragment, state):
                contents = contents.with_rows(columns["time"], columns["layer"])
                for name, values in columns.items():
                    files[name].write(values.tobytes())
            state.fragments.append(fragment)
            state.contents.append(contents)
        for file in files.values():
            file.flush()
            os.fsync(file.fileno())
    write_durably(cache / _STATE, json.dumps({"format": _FORMAT, **vars(state)}).encode())
    for old in _copies(cache) - {state.copy}:
        shutil.rmtree(cache / str(old), ignore_errors=True)


def _read(dataset: lance.LanceDataset, fragment: Fragment, state: _State) -> Iterator[dict[str, NDArray[Any]]]:
    """The columns of a fragment, a batch at a time."""
    names = ["id", "vector", "time", "lon", "lat", "layer", "folder"]
    for batch in _batches(dataset, fragment, names):
        ids = [chip.encode() for chip in batch["id"].to_pylist()]
        ends = state.id_bytes + np.cumsum([len(chip) for chip in ids], dtype=np.int64)
        state.id_bytes = int(ends[-1])
        yield {
            "vectors": _unit(batch["vector"], state.dim),
            "ids": np.frombuffer(b"".join(ids), np.uint8),
            "id_hash": np.array([crc32(chip) for chip in ids], np.uint32),
            "id_end": ends,
            "time": _filled(batch["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()), MISSING_TIME),
            "lon": _filled(batch["lon"], np.nan),
            "lat": _filled(batch["lat"], np.nan),
            "layer": _coded(batch["layer"], state.layers),
            "folder": _coded(batch["folder"], state.folders),
        }


def _batches(dataset: lance.LanceDataset, fragment: Fragment, names: list[str]) -> Iterator[pa.RecordBatch]:
    with translated(dataset.uri):  # a table that cannot be read is not the cache's fault
        yield from dataset.get_fragment(fragment[0]).to_batches(columns=names, batch_size=_BATCH)


def _unit(column: pa.Array, dim: int) -> NDArray[np.float32]:
    rows: NDArray[np.float32] = column.flatten().to_numpy().reshape(-1, dim).astype(np.float32)
    # float16 left them a little off the sphere; without this a chip would not score exactly 1 against itself
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    np.divide(rows, length, out=rows, where=length > 0)
    return rows


def _filled(column: pa.Array, missing: float) -> NDArray[Any]:
    return column.fill_null(missing).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]  # pyarrow is untyped


def _coded(column: pa.Array, names: list[str]) -> NDArray[np.int32]:
    """Positions in the list of names, which new names are added to."""
    names += [name for name in column.drop_null().unique().to_pylist() if name not in names]
    codes = pc.index_in(column, value_set=pa.array(names, pa.string()))
    return _filled(codes, MISSING_NAME).astype(np.int32)


def _map(cache: Path, state: _State, fragments: list[Fragment]) -> Sidecar:
    """The files as arrays, cut to the rows of the version asked for."""
    rows = sum(rows for _, rows, _ in fragments)
    folder = cache / str(state.copy)

    def column(name: str, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        # asarray: the memmap subclass makes every slice slow
        return np.asarray(np.memmap(folder / name, dtype, "r", shape=(count,))) if count else np.empty(0, dtype)

    return Sidecar(
        fragments=tuple(fragments),
        partitions=Partitions([count for _, count, _ in fragments], state.contents[: len(fragments)]),
        vectors=column("vectors", np.dtype(np.float32), rows * state.dim).reshape(rows, state.dim),
        ids=column("ids", np.dtype(np.uint8), state.id_bytes),
        layers=tuple(state.layers),
        folders=tuple(state.folders),
        **{name: column(name, dtype, rows) for name, dtype in _COLUMNS.items()},
    )


def _copies(cache: Path) -> set[int]:
    return {int(entry.name) for entry in cache.iterdir() if entry.name.isdigit()}
