"""A STAC catalogue as a source of chips: its collections are the layers of an order."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from datetime import datetime
from itertools import islice

from earthcurator.errors import BadDates, BadInput
from earthcurator.grids import GIBS_SETS, Grid, gibs_grid
from earthcurator.models import Arrival, Quarantined, Skipped
from earthcurator.orders import Estimate, Order
from earthcurator.stac.catalogue import search_items
from earthcurator.stac.chips import expect, stac_chips

CHIP_SIZE = 256
"""Pixels a side, unless the order says otherwise: there are no tiles that could be chips."""

_BYTES_PER_PIXEL = 3  # read from a cloud-optimised GeoTIFF, roughly; a chip kept as PNG takes about as much
_BYTES_PER_SECOND = 5_000_000


class StacSource:
    """One catalogue, static or with a search API."""

    def __init__(self, url: str, *, threads: int = 2) -> None:
        self.url, self._threads = url, threads

    def estimate(self, order: Order) -> Estimate:
        """What the order takes. Asks the catalogue for its items."""
        grid, zoom = _level(order)
        start, end = _dates(order)
        size, stride = order.chip_size or CHIP_SIZE, order.stride
        items = search_items(self.url, order.layers, order.region, start, end, max_cloud=_cloud_cover(order))
        with closing(items):
            expected = expect(items, grid, zoom, order.region, chip_size=size, stride=stride)
        chips = expected.windows if order.limit is None else min(order.limit, expected.windows)
        bytes_ = chips * size**2 * _BYTES_PER_PIXEL
        return Estimate(
            chips=chips,
            instants=expected.items,
            tiles=chips,
            cached=0,
            download_bytes=bytes_,
            seconds=bytes_ / _BYTES_PER_SECOND,
            disk_bytes=bytes_,
            notice_from=None,
            resolution=grid.metres_per_pixel(zoom),
        )

    def arrivals(self, order: Order) -> Generator[Arrival | Skipped | Quarantined]:
        """The order's chips, scene by scene; of a limited one the first."""
        grid, zoom = _level(order)
        start, end = _dates(order)
        found = stac_chips(
            self.url,
            order.layers,
            grid,
            zoom,
            order.region,
            start,
            end,
            chip_size=order.chip_size or CHIP_SIZE,
            stride=order.stride,
            min_valid=order.min_valid,
            bands=order.bands or None,
            max_cloud=_cloud_cover(order),
            threads=max(8, self._threads),
        )
        with closing(found):
            yield from islice(found, order.limit)


def _level(order: Order) -> tuple[Grid, int]:
    for given, name in ((order.mask, "a mask"), (order.clouds, "a cloud layer"), (order.every, "a step in time")):
        if given:
            raise BadInput(f"a STAC catalogue has no use for {name} ({given})", hint="leave it out")
    if order.edge == "within":
        raise BadInput("chips of a STAC catalogue touch the region", hint="leave --edge out")
    if order.crs not in GIBS_SETS or order.crs == "EPSG:3857":
        raise BadInput(f"chips cannot be cut in {order.crs}", hint="use EPSG:4326, EPSG:3413 or EPSG:3031")
    grid = gibs_grid(order.crs, list(GIBS_SETS[order.crs])[-1])
    if order.zoom is not None:
        grid.matrix(order.zoom)
        return grid, order.zoom
    return grid, grid.zoom_for(order.resolution) if order.resolution is not None else len(grid.matrices) - 1


def _dates(order: Order) -> tuple[datetime, datetime]:
    if order.start is None or order.end is None:
        raise BadDates("a STAC catalogue has scenes of many times: say of when", hint="add --dates A/B")
    return order.start, order.end


def _cloud_cover(order: Order) -> float | None:
    return None if order.max_clouds == 1 else 100 * order.max_clouds
