"""Ready-made vectors in a file: a Parquet or Arrow table, or a NumPy array with a list of names beside it.

Rows come as unit vectors, a few thousand at a time, each with the name of what it is a vector of; which chip that name
means is not known here. Opening a stranger's file runs nothing of it: arrays of Python objects, which are pickles, are
refused, and what Arrow has read is validated before it is used.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from earthcurator.errors import BadInput, NotFound

LONGEST = 65_536
"""Numbers that a vector may have."""

Fault = Literal["no vector", "other length", "zero", "not finite"]
"""Why a row has no direction."""

NAMES = ("chip", "chip_id", "id", "file", "filename", "file_name", "path", "filepath", "file_path", "image", "name")
"""Columns that say what a row is a vector of; the first of them that is there counts."""
VECTORS = ("vector", "vectors", "embedding", "embeddings")

_ROWS = 4096
_NUMBERS = 4_000_000  # in memory at once, as float64
_BUFFER = 1 << 20
_ARROW_ERRORS = (pa.ArrowException, OSError, ValueError)
_FORMS = "give a .parquet or .arrow table, or a .npy array (n, d) with a list of n names beside it"


@dataclass(frozen=True, slots=True, eq=False)
class VectorRows:
    """Some rows of a table."""

    names: Sequence[str]
    """What each is a vector of: a chip's id, or the file it came from. Empty where the table does not say."""
    vectors: NDArray[np.float32]
    """`(n, d)`, unit rows; rows with a fault mean nothing."""
    faults: Mapping[int, Fault]
    """Rows without a direction, by their number here."""


@dataclass(frozen=True, slots=True, eq=False)
class VectorTable:
    """A file of vectors, open to be read."""

    dim: int
    """Length of its vectors."""
    count: int | None
    """How many rows it has; None when that is only known at its end."""
    rows: Callable[[], Iterator[VectorRows]]
    """Reads it from the beginning. Raises BadInput where the file is damaged."""


def open_vectors(path: Path, *, ids: str | None = None, column: str | None = None) -> VectorTable:
    """Look into a file of vectors.

    `ids` is the column with the names, or for a NumPy array the file with them, a text with a name a line or a CSV;
    `column` is the column with the vectors. Both may be left out where they are obvious.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise NotFound(f"the table {path} cannot be read: {error.strerror or error}") from error
    if head.startswith(b"PAR1"):
        return _in_columns(path, _parquet_batches, ids, column)
    if head.startswith(b"ARROW1"):
        return _in_columns(path, _arrow_batches, ids, column)
    if head.startswith(b"\x93NUMPY"):
        return _array(path, Path(ids) if ids else _beside(path))
    if head.startswith(b"\x80"):
        raise BadInput(f"{path} is a Python pickle, which can run any code when it is opened", hint=_FORMS)
    raise BadInput(f"{path} is no table of vectors that Curator reads", hint=_FORMS)


# -- Parquet and Arrow ---------------------------------------------------------------------------------------------

_Batches = Callable[[Path, Sequence[str], int], Iterator[pa.RecordBatch]]


def _in_columns(path: Path, batches: _Batches, ids: str | None, column: str | None) -> VectorTable:
    try:
        schema, count = _schema(path)
    except _ARROW_ERRORS as error:
        raise _damaged(path, error) from error
    named = _choose(path, [field.name for field in schema if _is_text(field.type)], ids, NAMES, "names", "--ids")
    lists = [field.name for field in schema if _is_vector(field.type)]
    chosen = _choose(path, lists, column, VECTORS, "vectors", "--vectors")
    read = partial(_read, path, batches, named, chosen)
    dim = _checked(path, _dim(read, _storage(schema.field(chosen).type)))
    return VectorTable(dim, count, partial(_rows, read, dim))


def _schema(path: Path) -> tuple[pa.Schema, int | None]:
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            with pq.ParquetFile(path) as table:
                return table.schema_arrow, table.metadata.num_rows
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).schema, None


def _read(path: Path, batches: _Batches, names: str, vectors: str, rows: int) -> Iterator[tuple[pa.Array, pa.Array]]:
    """The two columns, at most so many rows at once."""
    try:
        for batch in batches(path, [names, vectors], rows):
            batch.validate(full=True)  # an Arrow file says where things are in memory, and may lie
            for at in range(0, len(batch), rows):
                part = batch.slice(at, rows)
                yield part[names], part[vectors]
    except _ARROW_ERRORS as error:
        raise _damaged(path, error) from error


def _parquet_batches(path: Path, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as table:
        yield from table.iter_batches(batch_size=rows, columns=list(columns), use_threads=False)


def _arrow_batches(path: Path, columns: Sequence[str], _rows: int) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as source:
        file = pa.ipc.open_file(source)
        wanted = [file.schema.get_field_index(name) for name in columns]
        options = pa.ipc.IpcReadOptions(included_fields=wanted, use_threads=False)
        file = pa.ipc.open_file(source, options=options)
        for number in range(file.num_record_batches):
            yield file.get_batch(number)


def _rows(read: Callable[[int], Iterable[tuple[pa.Array, pa.Array]]], dim: int) -> Iterator[VectorRows]:
    for names, column in read(_at_once(dim)):
        lists = column.storage if isinstance(column, pa.ExtensionArray) else column
        lengths = pc.fill_null(pc.list_value_length(lists), -1).to_numpy()
        fits = lengths == dim
        rows = np.full((len(lists), dim), np.nan)
        numbers = lists.filter(pa.array(fits)).flatten().cast(pa.float64())
        rows[fits] = numbers.to_numpy(zero_copy_only=False).reshape(-1, dim)
        faults: dict[int, Fault] = {int(at): "other length" for at in np.flatnonzero(~fits)}
        faults |= dict.fromkeys(np.flatnonzero(lengths < 0).tolist(), "no vector")
        yield _unit([name or "" for name in names.cast(pa.string()).to_pylist()], rows, faults)


def _dim(read: Callable[[int], Iterable[tuple[pa.Array, pa.Array]]], kind: pa.DataType) -> int:
    """Length of the vectors: as declared, else that of the first."""
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size)
    for _, lists in read(1):
        if length := pc.list_value_length(lists)[0].as_py():
            return int(length)
    return 0


def _choose(path: Path, there: list[str], asked: str | None, usual: Sequence[str], what: str, option: str) -> str:
    """The column that was asked for, the one with a usual name, or the only one."""
    listed = ", ".join(there[:10])
    if asked is not None:
        if asked in there:
            return asked
        raise BadInput(f"{path} has no column {asked} of {what}", hint=f"there is {listed}" if there else _FORMS)
    by_name = {name.lower(): name for name in there}
    found = [by_name[name] for name in usual if name in by_name] or (there if len(there) == 1 else [])
    if found:
        return found[0]
    if not there:
        raise BadInput(f"{path} has no column of {what}", hint=_FORMS)
    raise BadInput(f"{path} has several columns that may be {what}: {listed}", hint=f"choose one: {option} COLUMN")


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_vector(kind: pa.DataType) -> bool:
    kind = _storage(kind)
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(is_list and pa.types.is_floating(kind.value_type))


def _storage(kind: pa.DataType) -> pa.DataType:
    """What an extension type, such as a tensor, is kept as."""
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


# -- NumPy ---------------------------------------------------------------------------------------------------------


def _array(path: Path, ids: Path) -> VectorTable:
    array = _mapped(path)
    if array.ndim != 2 or array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise BadInput(
            f"{path} holds {array.dtype} {array.shape}, not float16, float32 or float64 (n, d)",
            hint="save one row a chip: numpy.save(file, array.astype('float32'))",
        )
    dim = _checked(path, array.shape[1])
    named = sum(1 for _ in _names(ids))
    if named != len(array):
        raise BadInput(
            f"{path} has {len(array):,} rows, and {ids} names {named:,}",
            hint="give a name for every row, in the same order; the first line of a CSV names its columns",
        )
    return VectorTable(dim, len(array), partial(_array_rows, array, ids, dim))


def _mapped(path: Path) -> NDArray[Any]:
    try:
        with np.errstate(over="ignore"):  # a shape too large to be true is refused, and needs no warning
            mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, TypeError, OSError, OverflowError, MemoryError, RecursionError) as error:
        raise BadInput(
            f"{path} is not an array of numbers that can be read: {error}",
            hint="save it again: numpy.save(file, array.astype('float32'))",
        ) from error
    return mapped


def _array_rows(array: NDArray[Any], ids: Path, dim: int) -> Iterator[VectorRows]:
    names, step = _names(ids), _at_once(dim)
    for at in range(0, len(array), step):
        rows = array[at : at + step].astype(np.float64)
        yield _unit(list(islice(names, len(rows))), rows, {})


def _beside(path: Path) -> Path:
    found = [path.with_suffix(suffix) for suffix in (".csv", ".txt") if path.with_suffix(suffix).is_file()]
    if found:
        return found[0]
    raise BadInput(
        f"{path} does not say which chips its rows are of, and no {path.stem}.csv or {path.stem}.txt is beside it",
        hint="give the list: --ids FILE, a text with a chip id or file name a line, or a CSV",
    )


def _names(path: Path) -> Iterator[str]:
    """The names in a text, one a line, or in a column of a CSV."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() != ".csv":
                yield from (line.strip() for line in file)
                return
            lines = csv.reader(file)
            header = next(lines, [])
            column = header.index(_choose(path, header, None, NAMES, "names", "--ids FILE with one"))
            yield from (line[column] if len(line) > column else "" for line in lines if line)
    except OSError as error:
        raise NotFound(f"the list of names {path} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} is not a list of names: {error}", hint="save it as text in UTF-8") from error


# -- both ----------------------------------------------------------------------------------------------------------


def _unit(names: Sequence[str], rows: NDArray[np.float64], faults: dict[int, Fault]) -> VectorRows:
    """The rows with length one; dividing by the largest number first keeps squares within what a number can be."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    good = np.isfinite(largest) & (largest > 0)
    for at in np.flatnonzero(~good):
        faults.setdefault(int(at), "zero" if largest[at, 0] == 0 else "not finite")
    scaled = np.divide(rows, largest, out=np.zeros_like(rows), where=good)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    unit = np.divide(scaled, lengths, out=scaled, where=good)
    return VectorRows(names, unit.astype(np.float32), faults)


def _at_once(dim: int) -> int:
    return max(1, min(_ROWS, _NUMBERS // dim))


def _checked(path: Path, dim: int) -> int:
    if not 1 <= dim <= LONGEST:
        raise BadInput(f"{path} has vectors of {dim:,} numbers, not of 1 to {LONGEST:,}", hint=_FORMS)
    return dim


def _damaged(path: Path, error: Exception) -> BadInput:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return BadInput(f"{path} is damaged, or no table that can be read: {first}", hint="write or copy it again")
