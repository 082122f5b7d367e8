"""What a person asks an imagery source for, what that takes, and the one seam behind which sources differ."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from earthcurator.errors import BadDates, BadInput
from earthcurator.models import Arrival, Quarantined, Skipped
from earthcurator.regions import Region

Inside = Literal["touch", "within"]
"""Whether chips that only touch the region belong to it, or those that lie within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Imagery of some layers, a region and a time, and how it is cut into chips."""

    layers: tuple[str, ...]
    """Chips of several layers lie on one grid, that of the finest."""
    region: Region
    start: datetime | None = None
    """From this instant (UTC); None for layers without times."""
    end: datetime | None = None
    """Before this instant (UTC)."""
    every: str = ""
    """Take the imagery of the start and of every so much later, an ISO 8601 duration such as `P7D`; empty: all."""
    crs: str = "EPSG:4326"
    zoom: int | None = None
    """Level of the tile grid; None takes the finest, or the one for `resolution`."""
    resolution: float | None = None
    """Metres per pixel, at least this fine."""
    chip_size: int | None = None
    """Pixels a side; None makes each tile a chip, byte for byte as the source has it."""
    stride: int | None = None
    """Pixels from one chip to the next; None: `chip_size`."""
    edge: Inside = "touch"
    min_valid: float = 0.5
    """Chips with a smaller share of pixels with data are left out."""
    mask: str = ""
    """A layer that is opaque where there is no data, e.g. `MODIS_Terra_Data_No_Data`; else black counts as none."""
    clouds: str = ""
    """A layer whose colours stand for cloud fraction, e.g. `MODIS_Terra_Cloud_Fraction_Day`."""
    max_clouds: float = 1.0
    """Chips with a higher mean cloud fraction are left out; of a STAC catalogue, scenes with a higher cloud cover."""
    bands: tuple[str, ...] = ()
    """Of a STAC catalogue: the one or three assets that become grey, or red, green and blue. Empty: its true colour."""
    limit: int | None = None
    """At most so many of its chips, spread over its times and places: to try before all are asked for."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What a person should know of how their wish was understood."""

    def __post_init__(self) -> None:
        if not self.layers:
            raise BadInput("no layer is named", hint="choose one; `curator layers WORDS` finds them")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise BadDates(f"{self.start} is not before {self.end}", hint="give the earlier date first")
        if self.zoom is not None and self.resolution is not None:
            raise BadInput("a level and a resolution are two ways to say one thing", hint="give one of them")
        if self.resolution is not None and not self.resolution > 0:
            raise BadInput(f"the resolution must be more than 0 metres, not {self.resolution:g}", hint="e.g. 250")
        if self.chip_size is not None and not 8 <= self.chip_size <= 4096:
            raise BadInput(f"a chip is 8 to 4096 pixels a side, not {self.chip_size}", hint="256 is usual")
        if self.stride is not None and (self.chip_size is None or self.stride < 1):
            raise BadInput("a stride needs a chip size, and to be at least 1 pixel", hint="add --chip-size 256, say")
        if self.limit is not None and self.limit < 1:
            raise BadInput(f"a download has 1 chip at least, not {self.limit}", hint="leave the limit out for all")
        if self.edge not in ("touch", "within"):
            raise BadInput(f"there is no edge rule {self.edge!r}", hint="use touch or within")
        for share in (self.min_valid, self.max_clouds):
            if not 0 <= share <= 1:
                raise BadInput(f"a share must be within 0..1, not {share:g}", hint="0.5 is a half")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an order takes."""

    chips: int
    """At most; blank ones and those with too little data are left out."""
    instants: int
    """How many times there is imagery of, over all layers."""
    tiles: int
    """How many pictures the source is asked for, at most."""
    cached: int
    """How many of them are here already."""
    download_bytes: int
    """Of those that are not: roughly."""
    seconds: float
    """At the rate that the source's rules allow: roughly."""
    disk_bytes: int
    """That the chips will take in the project: roughly."""
    notice_from: int | None
    """More tiles than this in a day have to be announced to whoever runs the source; None: there is no such rule."""
    resolution: float
    """Metres per pixel."""
    notes: tuple[str, ...] = ()
    """What a person should know, e.g. that a mask does not reach back so far."""


class Source(Protocol):
    """Where imagery comes from. Extensions add theirs as entry points of the group `earthcurator.source`."""

    def estimate(self, order: Order) -> Estimate:
        """What the order takes. Raises BadInput, BadDates or NotFound when it cannot be filled."""
        ...

    def arrivals(self, order: Order) -> Generator[Arrival | Skipped | Quarantined]:
        """The order's chips. Closing it stops all work; what came is kept, and asked for again costs nothing."""
        ...
