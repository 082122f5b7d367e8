"""One GeoParquet 1.1 file (https://geoparquet.org/releases/v1.1.0/): a row for each chip, its place as a polygon.

`parquet` has the pictures in a column, so that a dataset is one file to move, and a reader that does not ask for the
column does not read it. `geoparquet` leaves them out, for map programs that always read every column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from earthcurator.export.geojson import outline
from earthcurator.export.labelled import Labelled
from earthcurator.export.rows import facts, with_pictures

_TEXT, _NUMBER, _TIME = pa.string(), pa.float64(), pa.timestamp("us", tz="UTC")
_VOTES = pa.list_(pa.struct([pa.field("label", _TEXT), pa.field("count", pa.int32())]))
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_COLUMNS = {
    "chip": _TEXT, "label": _TEXT, "labels": pa.list_(_TEXT), "split": _TEXT, "votes": _VOTES,
    "west": _NUMBER, "south": _NUMBER, "east": _NUMBER, "north": _NUMBER, "time": _TIME, "layer": _TEXT, "crs": _TEXT,
    "width": pa.int32(), "height": pa.int32(), "valid": _NUMBER, "media_type": _TEXT, "sha256": _TEXT,
    "origin": _TEXT, "tile": _TEXT, "requested": _TIME, "version": _TEXT, "retrieved": _TIME, "clouds": _NUMBER,
    "unit": _TEXT, "mean": _NUMBER, "minimum": _NUMBER, "maximum": _NUMBER, "class": _TEXT, "known": _NUMBER,
}  # fmt: skip
_REPEATING = ["label", "split", "layer", "crs", "media_type", "version", "unit", "class"]  # worth a dictionary
_GEO = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {
        "geometry": {
            "encoding": "WKB",
            "geometry_types": [],  # not known before the last row; the coordinate system is the default, OGC:CRS84
            "orientation": "counterclockwise",
            "covering": {"bbox": {edge: ["bbox", edge] for edge in _EDGES}},
        }
    },
}
_SCHEMA = pa.schema(
    [
        *(pa.field(name, kind) for name, kind in _COLUMNS.items()),
        pa.field("geometry", pa.binary()),
        pa.field("bbox", pa.struct([pa.field(edge, _NUMBER) for edge in _EDGES])),
    ],
    metadata={"geo": json.dumps(_GEO)},
)
_WITH_PICTURES = _SCHEMA.append(pa.field("picture", pa.binary()))
_METADATA = pa.schema([pa.field("file_name", _TEXT), *(_SCHEMA.field(name) for name in _COLUMNS if name != "split")])


def write_parquet(out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]]) -> int:
    """Write `chips.parquet`, its column `picture` with the bytes as received."""
    with _Table(out / "chips.parquet", _WITH_PICTURES, rows_in_a_group=256) as table:
        for row, picture in with_pictures(rows, pictures):
            table.add(_columns(row) | _place(row) | {"picture": picture})
    return table.count


def write_geoparquet(
    out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]] | None = None
) -> int:
    """Write `chips.parquet` without pictures."""
    del pictures
    with _Table(out / "chips.parquet", _SCHEMA) as table:
        for row in rows:
            table.add(_columns(row) | _place(row))
    return table.count


class Metadata:
    """A Parquet file of what is known of pictures that are files."""

    def __init__(self, path: Path) -> None:
        self._table = _Table(path, _METADATA)

    def add(self, file_name: str, row: Labelled) -> None:
        """Add the row of one picture."""
        columns = _columns(row)
        del columns["split"]  # the folder says it
        self._table.add({"file_name": file_name} | columns)

    def close(self) -> None:
        """Write the last rows and the end of the file."""
        self._table.close()


class _Table:
    """A Parquet file that is written a group of rows at a time."""

    def __init__(self, path: Path, schema: pa.Schema, *, rows_in_a_group: int = 8192) -> None:
        self.count = 0
        self._schema = schema
        self._rows_in_a_group = rows_in_a_group
        self._waiting: list[dict[str, object]] = []
        self._file = pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=_REPEATING)

    def add(self, record: dict[str, object]) -> None:
        self.count += 1
        self._waiting.append(record)
        if len(self._waiting) == self._rows_in_a_group:
            self._write()

    def close(self) -> None:
        if self._waiting:
            self._write()
        self._file.close()

    def _write(self) -> None:
        self._file.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _columns(row: Labelled) -> dict[str, object]:
    return facts(row) | {"votes": [{"label": label, "count": count} for label, count in row.votes.items()]}


def _place(row: Labelled) -> dict[str, object]:
    shape = outline(row.chip)
    if shape is None:
        return {"geometry": None, "bbox": None}
    # Over the antimeridian this box goes round the globe: a reader that filters by it finds too much, never too little.
    bbox = dict(zip(_EDGES, shape.bounds, strict=True))
    return {"geometry": shapely.to_wkb(shape, byte_order=1), "bbox": bbox}
