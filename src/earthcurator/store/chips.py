"""The chips of a project: pictures as received, and what is known of each, one row per chip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earthcurator.errors import NotFound
from earthcurator.geo import contains
from earthcurator.models import Arrival, Box, Chip, Filter, Values
from earthcurator.store.atlas import COLUMNS as MAPPED
from earthcurator.store.atlas import Atlas, atlas
from earthcurator.store.files import Files
from earthcurator.store.fragments import Staged, Staging
from earthcurator.store.ids import Ids
from earthcurator.store.survey import COLUMNS as SURVEYED
from earthcurator.store.survey import Survey, survey
from earthcurator.store.tables import Table, translated

VALUES = pa.struct(
    [
        pa.field("unit", pa.string()),
        pa.field("mean", pa.float64()),
        pa.field("minimum", pa.float64()),
        pa.field("maximum", pa.float64()),
        pa.field("label", pa.string()),
        pa.field("known", pa.float32()),
        pa.field("unknown", pa.float32()),
    ]
)
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("picture", pa.large_binary(), nullable=False),
        pa.field("media_type", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("folder", pa.string()),
        pa.field("layer", pa.string()),
        pa.field("time", pa.timestamp("us", tz="UTC")),
        pa.field("crs", pa.string()),
        pa.field("west", pa.float64()),
        pa.field("south", pa.float64()),
        pa.field("east", pa.float64()),
        pa.field("north", pa.float64()),
        pa.field("lon", pa.float64()),
        pa.field("lat", pa.float64()),
        pa.field("tile", pa.string()),
        pa.field("valid", pa.float32(), nullable=False),
        pa.field("requested", pa.timestamp("us", tz="UTC")),
        pa.field("version", pa.string()),
        pa.field("retrieved", pa.timestamp("us", tz="UTC")),
        pa.field("clouds", pa.float32()),
        pa.field("values", VALUES),
    ]
)
FACTS = [name for name in SCHEMA.names if name not in {"picture", "lon", "lat"}]
INDEX_FROM = 100_000
"""From this many rows on, looking a chip up by its id goes through an index; below, scanning the ids is as fast."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some chips of a longer list."""

    chips: list[Chip]
    next: int | None
    """Where the next page begins; None when this is the last."""
    total: int
    """How many chips the list has."""


class Chips:
    """All chips of a project. Rows are only ever added."""

    def __init__(self, files: Files) -> None:
        self.table = Table(files, "chips", SCHEMA)
        self.ids = Ids(self.table)
        self.staging = Staging(self.table, self.ids)
        self._passing = lru_cache(maxsize=8)(self._select)  # by the table's version and the filter
        self._surveyed = lru_cache(maxsize=1)(self._survey)

    def __len__(self) -> int:
        return int(self.table.dataset.count_rows()) if self.table.dataset else 0

    def add(self, arrivals: Sequence[Arrival]) -> int:
        """Store the chips that are not there yet, durably and in one commit; returns how many were new."""
        return self.table.append(_table(arrivals))

    def stage(self, arrivals: Sequence[Arrival]) -> Staged:
        """Write chips for `staging.publish`."""
        return self.staging.write(_table(arrivals))

    def find(self, name: str) -> str:
        """The id that `name` is, or that it is the unique beginning of (at least 6 characters)."""
        if self.number(name) is not None or (not self.ids.are_read and self._rows([name], ["id"])):
            return name
        found = self.ids.starting_with(name, limit=2) if len(name) >= 6 else []
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(f"several chips begin with {name}", hint="write more of the id")
        raise NotFound(
            f"{name} is neither a file nor a chip of this project",
            hint="give the path of a picture, or a chip id as `curator search --json` prints it",
        )

    def number(self, chip: str) -> int | None:
        """The number of the chip with this id; None when it is not there, or ids are not in memory."""
        return self.ids.rows([chip]).get(chip) if self.ids.are_read else None

    def get(self, ids: Sequence[str]) -> list[Chip]:
        """The chips with these ids, in the order asked; ids that are not there are left out."""
        rows = {row["id"]: row for row in self._rows(ids, FACTS)}
        return [_chip(rows[chip]) for chip in ids if chip in rows]

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        """The pictures of these chips, as received; ids that are not there are left out."""
        return {row["id"]: row["picture"] for row in self._rows(ids, ["id", "picture"])}

    def page(
        self,
        start: int,
        limit: int,
        condition: Filter = Filter(),  # noqa: B008 - frozen
        within: NDArray[np.bool_] | None = None,
    ) -> Page:
        """Up to `limit` of the chips that pass, from number `start` on, in the order in which they came.

        `within` may mark the chips among which they are looked for, by their numbers; later chips are not marked.

        Chips are only added, at the end: a number stays that chip's. Any page costs the same, wherever it is.
        """
        self.table.refresh()
        dataset = self.table.dataset
        if dataset is None:
            return Page([], None, 0)
        rows = self._passing(dataset.version, condition) if condition else range(dataset.count_rows())
        if within is not None:
            rows = np.asarray(rows, np.int64)
            rows = rows[rows < len(within)]
            rows = rows[within[rows]]
        chosen = [int(row) for row in rows[start : start + limit]]
        found = self._take(chosen, FACTS)
        end = start + len(chosen)
        return Page([_chip(row) for row in found], end if chosen and end < len(rows) else None, len(rows))

    def survey(self) -> Survey:
        """All chips in a few numbers."""
        self.table.refresh()
        return self._surveyed(self.table.dataset.version if self.table.dataset else 0)

    def version(self) -> int:
        """Which version of the table this is; a new one after every commit. 0 before the first."""
        self.table.refresh()
        return int(self.table.dataset.version) if self.table.dataset else 0

    def atlas(self) -> Atlas:
        """Place, time, layer and folder of every chip; entry number n is chip number n of `page`."""
        return atlas(self._columns(self.version(), MAPPED))

    def all(self, batch_size: int = 4096) -> Iterator[Chip]:
        """Every chip, in the order of the table, without its picture."""
        if self.table.dataset is not None:
            with translated(self.table.uri):
                for batch in self.table.dataset.to_batches(columns=FACTS, batch_size=batch_size, scan_in_order=True):
                    yield from map(_chip, batch.to_pylist())

    def maintain(self) -> None:
        """Keep lookups fast as the table grows, and remove versions nobody reads."""
        if len(self) >= INDEX_FROM:
            self.table.change(_index_ids)
        self.table.tidy()

    def _select(self, version: int, condition: Filter) -> NDArray[np.int64]:
        """Numbers of the rows of this version that pass. A row whose value is unknown passes no condition on it."""
        columns = self._columns(version, ["time", "lon", "lat", "layer", "folder"])
        mask = np.ones(len(columns), bool)
        for passing in _conditions(columns, condition):
            mask &= pc.fill_null(passing, False).to_numpy()
        if condition.box is not None:
            mask &= contains(condition.box, columns["lon"].to_numpy(), columns["lat"].to_numpy())
        return np.flatnonzero(mask).astype(np.int64)

    def _survey(self, version: int) -> Survey:
        return survey(self._columns(version, SURVEYED))

    def _columns(self, version: int, names: list[str]) -> pa.Table:
        if version == 0 or self.table.dataset is None:
            return SCHEMA.empty_table().select(names)
        with translated(self.table.uri):
            fixed = self.table.dataset.checkout_version(version)
            return fixed.to_table(columns=names, scan_in_order=True)

    def _rows(self, ids: Sequence[str], columns: list[str]) -> list[dict[str, Any]]:
        """By number where the ids are in memory; a program that asks once does not read them all for that."""
        if self.ids.are_read:
            return self._take(sorted(self.ids.rows(ids).values()), columns)
        if self.table.dataset is None or not ids:
            return []
        with translated(self.table.uri):
            found = self.table.dataset.to_table(columns=columns, filter=pc.field("id").isin(list(ids)))
        return list(found.to_pylist())

    def _take(self, numbers: list[int], columns: list[str]) -> list[dict[str, Any]]:
        """These rows, which the table may have got since: it keeps all that it ever had."""
        dataset = self.table.dataset
        if dataset is None or not numbers:
            return []
        with translated(self.table.uri):
            return list(dataset.take(numbers, columns=columns).to_pylist())


def _index_ids(dataset: Any) -> None:
    if any(index.name == "id_idx" for index in dataset.describe_indices()):
        dataset.optimize.optimize_indices(num_indices_to_merge=1)
    else:
        dataset.create_scalar_index("id", "BTREE")


def _conditions(columns: pa.Table, condition: Filter) -> Iterator[pa.ChunkedArray]:
    """Which rows pass each condition but the box; null where the value is unknown."""
    if condition.start is not None:
        yield pc.greater_equal(columns["time"], pa.scalar(condition.start, columns["time"].type))
    if condition.end is not None:
        yield pc.less(columns["time"], pa.scalar(condition.end, columns["time"].type))
    if condition.layers:
        yield pc.is_in(columns["layer"], value_set=pa.array(condition.layers, pa.string()))
    if condition.folders:
        yield pc.is_in(columns["folder"], value_set=pa.array(condition.folders, pa.string()))


def _table(arrivals: Iterable[Arrival]) -> pa.Table:
    """One row for each chip, however often it arrived."""
    once = {arrival.chip.id: arrival for arrival in arrivals}
    return pa.Table.from_pylist([_row(arrival) for arrival in once.values()], schema=SCHEMA)


def _row(arrival: Arrival) -> dict[str, Any]:
    chip, box = arrival.chip, arrival.chip.box
    row: dict[str, Any] = {name: getattr(chip, name) for name in FACTS if hasattr(chip, name)}
    row["picture"] = arrival.picture
    row["values"] = asdict(chip.values) if chip.values else None
    if box is not None:
        longitude, latitude = box.center
        row |= {"west": box.west, "south": box.south, "east": box.east, "north": box.north}
        row |= {"lon": longitude, "lat": latitude}
    return row


def _chip(row: dict[str, Any]) -> Chip:
    facts = dict(row)
    edges = {edge: facts.pop(edge) for edge in ("west", "south", "east", "north")}
    values = facts.pop("values")
    return Chip(
        **facts,
        box=None if edges["west"] is None else Box(**edges),
        values=None if values is None else Values(**values),
    )
