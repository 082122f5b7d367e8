"""From a STAC search to chips: windows of the grid's lattice, cut out of every item that is found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import shapely

from earthcurator.errors import BadBox, BadInput, BadScene
from earthcurator.grids import Grid, Window
from earthcurator.models import Arrival, Chip, Quarantined, Skipped
from earthcurator.parallel import Job, in_order
from earthcurator.pictures import encode_png
from earthcurator.regions import Region
from earthcurator.stac.catalogue import search_items
from earthcurator.stac.items import Item
from earthcurator.stac.windows import ItemPictures

_BYTES_PER_PIXEL = 32
"""Roughly what a window takes in memory while it is cut."""


@dataclass(frozen=True, slots=True)
class Expected:
    """How much a search would bring."""

    items: int
    windows: int
    """Chips at most: some will have too little data."""


def stac_chips(
    url: str,
    collections: Sequence[str],
    grid: Grid,
    zoom: int,
    region: Region,
    start: datetime,
    end: datetime,
    *,
    chip_size: int = 256,
    stride: int | None = None,
    min_valid: float = 0.5,
    bands: tuple[str, ...] | None = None,
    value_range: tuple[float, float] | None = None,
    max_cloud: float | None = None,
    limit: int | None = None,
    threads: int = 8,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Generator[Arrival | Skipped | Quarantined]:
    """Chips of every item in a region and span of time, item by item; `limit` bounds the items.

    `bands` names one or three assets, `value_range` the values that become black and white; see `choose_assets` and
    `windows.REFLECTANCE` for what is done without them. An item that cannot be read is quarantined, once, at its first
    window that cannot; the chips before that are kept.
    """
    _check(grid, zoom, chip_size, min_valid, bands, value_range)
    items = search_items(url, collections, region, start, end, limit=limit, max_cloud=max_cloud)
    with closing(items), ThreadPoolExecutor(threads, thread_name_prefix="stac") as executor:
        for item in items:
            windows = plan_windows(item, grid, zoom, region, chip_size=chip_size, stride=stride or chip_size)
            try:
                with ItemPictures(item, grid, bands=bands, value_range=value_range) as pictures:
                    name = partial(_name, item, grid, bands=bands, value_range=value_range)
                    cut = partial(_cut, item, grid, pictures, min_valid=min_valid, name=name, now=now)
                    jobs = (Job(partial(cut, window), _BYTES_PER_PIXEL * chip_size**2) for window in windows)
                    with closing(in_order(executor, jobs, ahead=2 * threads)) as results:
                        yield from results
            except BadScene as error:
                yield Quarantined(_origin(item), "unreachable" if _is_of_network(error) else "unreadable", str(error))


def plan_windows(item: Item, grid: Grid, zoom: int, region: Region, *, chip_size: int, stride: int) -> list[Window]:
    """The windows of the grid's lattice that share an area with both the region and the item's footprint."""
    shared = shapely.intersection(item.footprint, region.geometry)
    if not shared.area:
        return []
    try:
        return list(grid.lattice(Region(shared, region.box), zoom, size=chip_size, stride=stride))
    except BadBox:  # an item that lies beyond the edge of the grid
        return []


def expect(
    items: Iterable[Item], grid: Grid, zoom: int, region: Region, *, chip_size: int = 256, stride: int | None = None
) -> Expected:
    """How much these items would bring, without opening any of their files."""
    counts = [
        len(plan_windows(item, grid, zoom, region, chip_size=chip_size, stride=stride or chip_size)) for item in items
    ]
    return Expected(len(counts), sum(counts))


def _check(
    grid: Grid,
    zoom: int,
    chip_size: int,
    min_valid: float,
    bands: tuple[str, ...] | None,
    value_range: tuple[float, float] | None,
) -> None:
    grid.matrix(zoom)
    if not 8 <= chip_size <= 8192:
        raise BadInput(f"a chip is 8 to 8192 pixels a side, not {chip_size}")
    if not 0 <= min_valid <= 1:
        raise BadInput(f"the share of valid pixels must be within 0..1, not {min_valid:g}")
    if bands is not None and len(bands) not in (1, 3):
        raise BadInput(f"bands are one or three assets, not {len(bands)}", hint="e.g. B04,B03,B02, or visual")
    if value_range is not None and not value_range[0] < value_range[1]:
        raise BadInput(f"a range runs from a lower to a higher value, not {value_range}", hint="e.g. 0,3000")


def _cut(
    item: Item,
    grid: Grid,
    pictures: ItemPictures,
    window: Window,
    *,
    min_valid: float,
    name: Callable[[Window], str],
    now: Callable[[], datetime],
) -> Arrival | Skipped:
    pixels, valid = pictures.read(window)
    if valid < min_valid or not valid:
        return Skipped(f"{_origin(item)}#{grid.name_of(window)}", "too little data")
    picture = encode_png(pixels)
    chip = Chip(
        id=hashlib.sha256(name(window).encode()).hexdigest()[:32],
        media_type="image/png",
        width=window.width,
        height=window.height,
        sha256=hashlib.sha256(picture).hexdigest(),
        origin=_origin(item),
        layer=item.collection or None,
        time=item.time,
        crs=grid.crs,
        box=grid.box_of_window(window),
        tile=grid.name_of(window),
        retrieved=now(),
        valid=valid,
    )
    return Arrival(chip, picture)


def _name(
    item: Item,
    grid: Grid,
    window: Window,
    *,
    bands: tuple[str, ...] | None,
    value_range: tuple[float, float] | None,
) -> str:
    """Everything that decides the pixels of a chip."""
    parts = ["stac", item.collection, item.id, grid.crs, window.zoom, window.x, window.y, window.width]
    parts += ["-".join(bands)] if bands else []
    parts += ["{:g}..{:g}".format(*value_range)] if value_range else []
    return "|".join(map(str, parts))


def _origin(item: Item) -> str:
    return item.href or (item.assets[0].href if item.assets else item.id)


def _is_of_network(error: BadScene) -> bool:
    return any(word in str(error) for word in ("HTTP", "CURL", "curl"))
