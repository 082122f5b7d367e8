"""Plans: work cut into shards, told in ranges. Pure: no project, no network, no clock.

A plan lists nothing that has to be made: shard number n is computed from n. So a plan of 27,000 days of a layer is as
small as one of a week, and any worker that has the plan and a number knows its work.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Annotated, Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from earthcurator.errors import BadInput
from earthcurator.models import Box
from earthcurator.orders import Order
from earthcurator.regions import Region

SHARD_ROWS = 4096
"""Chips of a shard: some seconds to minutes of work, and one file of the table."""


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Run(_Values):
    """Instants that are equally far apart: `count` of them from `start` on."""

    start: AwareDatetime | None
    """None for a layer without times."""
    step_seconds: int = 0
    count: int = 1

    def at(self, number: int) -> datetime | None:
        """The instant with this number, from 0 on."""
        return None if self.start is None else self.start + timedelta(seconds=number * self.step_seconds)


class LayerRuns(_Values):
    """The instants of a layer."""

    layer: str
    runs: tuple[Run, ...]


class Piece(_Values):
    """What one shard of a download is of."""

    layer: str
    time: datetime | None
    first: int
    """Of the places where chips lie, which go by row and then by column: from this one ..."""
    last: int
    """... to before this one."""


class DownloadPlan(_Values):
    """Imagery to chips: a shard is a band of places of one layer at one instant."""

    kind: Literal["download"] = "download"
    source: str
    order: dict[str, Any]
    """As `order_to_json` writes it."""
    places: int
    """Where each instant has its chips."""
    layers: tuple[LayerRuns, ...]
    size: int = SHARD_ROWS

    @property
    def instants(self) -> int:
        """How many there are over all layers."""
        return sum(run.count for layer in self.layers for run in layer.runs)

    @property
    def bands(self) -> int:
        """How many shards an instant has."""
        return -(-self.places // self.size)

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return self.instants * self.bands

    def piece(self, index: int) -> Piece:
        """What a shard is of. Bands of an instant follow each other, then instants, then layers."""
        number, band = divmod(index, self.bands)
        every = [(layer.layer, run) for layer in self.layers for run in layer.runs]
        at, within = _locate([run.count for _, run in every], number)
        name, run = every[at]
        first = band * self.size
        return Piece(layer=name, time=run.at(within), first=first, last=min(first + self.size, self.places))


class EmbedPlan(_Values):
    """Chips to vectors: a shard is some rows of the table of chips. Rows are only ever added, so numbers stay."""

    kind: Literal["embed"] = "embed"
    encoder: str
    rows: tuple[tuple[int, int], ...]
    """Ranges: from the first row to before the second."""
    size: int = SHARD_ROWS

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return -(-sum(end - start for start, end in self.rows) // self.size)

    def rows_of(self, index: int) -> NDArray[np.int64]:
        """The row numbers of a shard."""
        first, found = index * self.size, []
        at, within = _locate([end - start for start, end in self.rows], first)
        wanted = self.size
        for start, end in self.rows[at:]:
            found.append(np.arange(start + within, min(end, start + within + wanted), dtype=np.int64))
            wanted, within = wanted - len(found[-1]), 0
            if not wanted:
                break
        return np.concatenate(found)


class IndexPlan(_Values):
    """The vector index over so many vectors, which one worker builds or extends."""

    kind: Literal["index"] = "index"
    encoder: str
    vectors: int
    shards: Literal[1] = 1


Plan = DownloadPlan | EmbedPlan | IndexPlan

_PLAN: TypeAdapter[Plan] = TypeAdapter(Annotated[Plan, Field(discriminator="kind")])


def write_plan(plan: Plan) -> str:
    """A plan as JSON, always the same for the same plan."""
    return plan.model_dump_json()


def read_plan(text: str) -> Plan:
    """A plan from its JSON."""
    try:
        return _PLAN.validate_json(text)
    except ValidationError as error:
        raise BadInput(
            f"this plan cannot be read: {error.errors()[0]['msg']}", hint="make it again with `curator shards plan`"
        ) from error


def check_index(plan: Plan, index: int) -> None:
    """Raises BadInput for a number that no shard has."""
    if not 0 <= index < plan.shards:
        raise BadInput(
            f"there is no shard {index}: the plan has {plan.shards:,}, from 0 on",
            hint="number the tasks of the array from 0, or map them onto the shards with --of N",
        )


def runs_of(instants: Iterable[datetime | None]) -> tuple[Run, ...]:
    """The fewest runs that follow each other, greedily.

    >>> from datetime import UTC
    >>> [run.count for run in runs_of(datetime(2020, 1, day, tzinfo=UTC) for day in (1, 2, 3, 7, 9, 11))]
    [3, 3]
    """
    found: list[list[Any]] = []  # start, step, count, last
    for instant in instants:
        if instant is not None and found and found[-1][0] is not None:
            run = found[-1]
            step = round((instant - run[3]).total_seconds())
            if run[2] == 1 or step == run[1]:
                found[-1] = [run[0], step, run[2] + 1, instant]
                continue
        found.append([instant, 0, 1, instant])
    return tuple(Run(start=start, step_seconds=step, count=count) for start, step, count, _ in found)


def ranges_of(rows: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Sorted row numbers as ranges.

    >>> ranges_of(np.array([0, 1, 2, 5, 7, 8]))
    ((0, 3), (5, 6), (7, 9))
    """
    if not len(rows):
        return ()
    breaks = np.flatnonzero(np.diff(rows) > 1)
    starts, ends = rows[np.concatenate([[0], breaks + 1])], rows[np.concatenate([breaks, [-1]])] + 1
    return tuple(zip(starts.tolist(), ends.tolist(), strict=True))


def order_to_json(order: Order) -> dict[str, Any]:
    """An order as JSON values, without its notes."""
    plain = {each.name: getattr(order, each.name) for each in fields(order) if each.name not in ("region", "notes")}
    plain |= {name: moment.isoformat() for name in ("start", "end") if (moment := plain[name]) is not None}
    box = order.region.box
    return {
        **plain,
        "box": [box.west, box.south, box.east, box.north],
        "region": shapely.geometry.mapping(order.region.geometry),
    }


def order_from_json(written: dict[str, Any]) -> Order:
    """The order that `order_to_json` wrote."""
    plain = dict(written)
    west, south, east, north = plain.pop("box")
    region = Region(shapely.geometry.shape(plain.pop("region")), Box(west=west, south=south, east=east, north=north))
    plain |= {name: datetime.fromisoformat(plain[name]) for name in ("start", "end") if plain[name] is not None}
    plain |= {name: tuple(plain[name]) for name in ("layers", "bands")}
    return Order(region=region, **plain)


def _locate(counts: Sequence[int], number: int) -> tuple[int, int]:
    """In which of several rows of things the thing with this number lies, and where in it."""
    ends = list(accumulate(counts))
    at = bisect_right(ends, number)
    return at, number - (ends[at - 1] if at else 0)
