"""From an order to what must be asked of the server. Pure: no network, no clock, no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from earthcurator.errors import BadDates, BadInput
from earthcurator.gibs.catalogue import instants_of, range_of
from earthcurator.gibs.layers import Layer, Pyramid
from earthcurator.gibs.tiles import TileRequest
from earthcurator.gibs.times import Period, Step, instants, is_midnight, iso, parse_step, snap
from earthcurator.grids import Grid, Tile, Window
from earthcurator.orders import Order

_MOST_WINDOWS = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One layer of a plan."""

    layer: Layer
    pyramid: Pyramid
    zoom: int
    """Level of its own grid that is read."""
    factor: int
    """Pixels of the plan's grid along one of its pixels: more than 1 where the layer is coarser than the plan."""

    def window(self, window: Window) -> Window:
        """The pixels of this layer that a window of the plan's grid needs."""
        f = self.factor
        x, y = window.x // f, window.y // f
        right, bottom = -(-(window.x + window.width) // f), -(-(window.y + window.height) // f)
        return Window(self.zoom, x, y, right - x, bottom - y)

    def tiles(self, window: Window) -> list[Tile]:
        """The tiles of this layer that a window of the plan's grid needs."""
        return [tile for tile in self.pyramid.grid.tiles_of(self.window(window)) if self._exists(tile)]

    def requests(self, window: Window, time: datetime | None) -> list[TileRequest]:
        """The same tiles at an instant, with their addresses."""
        return [tile_request(self.layer, self.pyramid, time, tile) for tile in self.tiles(window)]

    def shown_with(self, time: datetime | None) -> tuple[datetime | None, ...]:
        """The instant of this layer that goes with that of another: one (None without times), or none in a gap."""
        if not self.layer.periods:
            return (None,)
        found = snap(self.layer.periods, time) if time is not None else None
        return () if found is None else (found,)

    def _exists(self, tile: Tile) -> bool:
        limits = self.pyramid.limits.get(tile.zoom)
        if limits is None:
            return True
        first_row, last_row, first_column, last_column = limits
        return first_row <= tile.row <= last_row and first_column <= tile.column <= last_column


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an order needs."""

    order: Order
    grid: Grid
    """On which all chips lie."""
    zoom: int
    windows: Sequence[Window]
    """Where each instant has its chips; a limited order has some of them."""
    parts: tuple[tuple[Part, tuple[datetime | None, ...]], ...]
    """Each layer, with the instants at which it has imagery."""
    mask: Part | None = None
    clouds: Part | None = None

    @property
    def chips(self) -> int:
        """How many there are at most."""
        whole = len(self.windows) * self.instants
        return whole if self.order.limit is None else min(whole, self.order.limit)

    def cuts(self) -> Iterator[tuple[Part, datetime | None, Sequence[Window]]]:
        """Each layer at each of its instants (None for a layer without times), with the windows of its chips.

        A limited order has about as many of each instant, at places that are drawn at random, the same each time.
        """
        instants = [(part, time) for part, times in self.parts for time in times]
        rng = np.random.default_rng(0)
        for at, (part, time) in enumerate(instants):
            count = self.chips * (at + 1) // len(instants) - self.chips * at // len(instants)
            if count == len(self.windows):
                yield part, time, self.windows
            else:
                drawn = sorted(rng.choice(len(self.windows), count, replace=False).tolist())
                yield part, time, [self.windows[number] for number in drawn]

    @property
    def instants(self) -> int:
        """How many there are over all layers."""
        return sum(len(times) for _, times in self.parts)

    @property
    def tiles(self) -> int:
        """How many are asked for at most."""
        if self.order.limit is not None:
            return sum(1 for _ in self.requests())
        return sum(
            len({tile for window in self.windows for tile in need.tiles(window)}) * count
            for need, count in self._needs()
        )

    def _needs(self) -> Iterator[tuple[Part, int]]:
        """Each layer that is read, and for how many instants."""
        for part, times in self.parts:
            yield part, len(times)
            for helper in filter(None, (self.mask, self.clouds)):
                yield helper, sum(len(helper.shown_with(time)) for time in times)

    def notes(self) -> Iterator[str]:
        """Where a layer, a mask or a cloud layer does not reach."""
        for part, times in self.parts:
            last = times[-1]
            if last and self.order.end and not self.order.every and self.order.end - last > _longest(part.layer):
                yield f"{part.layer.id} has no imagery after {last:%Y-%m-%d} in the dates that you named"
        for helper, then in ((self.mask, "black counts as no data"), (self.clouds, "nothing is known of clouds")):
            if helper is None:
                continue
            lacking = sum(not helper.shown_with(time) for _, times in self.parts for time in times)
            if lacking:
                yield f"{helper.layer.id} has no imagery for {lacking:,} of {self.instants:,} instants: there {then}"

    @property
    def resolution(self) -> float:
        """Metres per pixel."""
        return self.grid.metres_per_pixel(self.zoom)

    def requests(self) -> Iterator[TileRequest]:
        """Every tile that is needed, each once, in the order of time and row."""
        for part, time, windows in self.cuts():
            asked: set[str] = set()
            helpers = [(h, shown) for h in (self.mask, self.clouds) if h for shown in h.shown_with(time)]
            for window in windows:
                for need, moment in ((part, time), *helpers):
                    for request in need.requests(window, moment):
                        if request.url not in asked:
                            asked.add(request.url)
                            yield request


def make_plan(order: Order, layers: Mapping[str, Layer]) -> Plan:
    """The plan of an order; `layers` has every layer that it names, with all periods."""
    if order.max_clouds < 1 and not order.clouds:
        raise BadInput("a limit on clouds needs a layer that shows them", hint="e.g. MODIS_Terra_Cloud_Fraction_Day")
    if order.bands:
        raise BadInput("tiles have no bands to choose from", hint="bands are for STAC catalogues (--source stac+URL)")
    pyramids = {name: pyramid_of(layers[name], order.crs) for name in order.layers}
    grid = max((pyramid.grid for pyramid in pyramids.values()), key=lambda grid: len(grid.matrices))
    zoom = choose_zoom(grid, order.zoom, order.resolution)
    parts = [(_part(layers[name], order.crs, grid, zoom), times_of(order, layers[name])) for name in order.layers]
    return Plan(
        order=order,
        grid=grid,
        zoom=zoom,
        windows=tuple(_windows(order, grid, zoom)),
        parts=tuple(parts),
        mask=_part(layers[order.mask], order.crs, grid, zoom) if order.mask else None,
        clouds=_part(layers[order.clouds], order.crs, grid, zoom) if order.clouds else None,
    )


def pyramid_of(layer: Layer, crs: str) -> Pyramid:
    """Where a layer's tiles are in a coordinate system."""
    if crs == "EPSG:3857":
        raise BadInput(
            "EPSG:3857 is for display only: its tiles are resampled, and at times show another day than was asked",
            hint="use EPSG:4326, EPSG:3413 or EPSG:3031",
        )
    if not layer.format.startswith("image/"):
        raise BadInput(f"{layer.id} is served as {layer.format}, not as pictures", hint="choose another layer")
    if crs not in layer.pyramids:
        known = ", ".join(sorted(set(layer.pyramids) - {"EPSG:3857"}))
        raise BadInput(f"{layer.id} is not offered in {crs}", hint=f"it is in {known}" if known else "")
    return layer.pyramids[crs]


def choose_zoom(grid: Grid, zoom: int | None, resolution: float | None) -> int:
    """The level that is asked for; the finest when nothing is."""
    if zoom is not None:
        grid.matrix(zoom)
        return zoom
    return grid.zoom_for(resolution) if resolution is not None else len(grid.matrices) - 1


def _part(layer: Layer, crs: str, grid: Grid, zoom: int) -> Part:
    pyramid = pyramid_of(layer, crs)
    own = min(zoom, len(pyramid.grid.matrices) - 1)
    mine, theirs = pyramid.grid.matrix(own), grid.matrix(zoom)
    factor = round(mine.resolution / theirs.resolution)
    aligned = abs(mine.resolution / theirs.resolution - factor) < 1e-6 and factor >= 1
    if not aligned or abs(mine.left - theirs.left) > 1e-9 or abs(mine.top - theirs.top) > 1e-9:
        raise BadInput(
            f"{layer.id} lies on the grid {pyramid.grid.identifier}, which does not fit {grid.identifier}",
            hint="download it by itself",
        )
    return Part(layer=layer, pyramid=pyramid, zoom=own, factor=factor)


def _windows(order: Order, grid: Grid, zoom: int) -> Iterator[Window]:
    size = order.chip_size or grid.matrix(zoom).tile_width
    around, stride = grid.window_of(order.region, zoom), order.stride or size
    if (around.width // stride) * (around.height // stride) > _MOST_WINDOWS:
        raise BadInput(
            f"the region has over {_MOST_WINDOWS:,} chips at {grid.metres_per_pixel(zoom):.0f} m a pixel",
            hint="choose a coarser level or a smaller region, and ask for its parts one by one",
        )
    if order.chip_size is None and order.edge == "touch":
        yield from map(grid.visible, grid.cover(order.region, zoom))
    else:
        inside = order.edge == "within"
        yield from grid.lattice(order.region, zoom, size=size, stride=stride, inside=inside)


def _longest(layer: Layer) -> timedelta:
    """How long the imagery of an instant lasts at most."""
    steps = [period.step for period in layer.periods]
    return max((timedelta(days=31 * step.months, seconds=step.seconds) for step in steps), default=timedelta())


def times_of(order: Order, layer: Layer) -> tuple[datetime | None, ...]:
    """The instants of a layer that an order means; one of None for a layer without times. Never empty."""
    if not layer.periods:
        return (None,)
    if order.start is None or order.end is None:
        raise BadDates(f"{layer.id} is {range_of(layer)}: say of when you want it", hint="add --dates A/B")
    if not order.every:
        return tuple(instants_of(layer, order.start, order.end))
    found = tuple(dict.fromkeys(_stepped(layer.periods, order.start, order.end, parse_step(order.every))))
    if not found:
        raise BadDates(
            f"{layer.id} has no imagery of {order.start:%Y-%m-%d} nor every {order.every} after it: {range_of(layer)}",
            hint="choose other dates",
        )
    return found


def _stepped(periods: Sequence[Period], start: datetime, end: datetime, step: Step) -> Iterator[datetime]:
    """What the server shows for the start and for every step after it, where it shows anything."""
    for moment in instants((Period(start, end, step),), start, end):
        if (found := snap(periods, moment)) is not None:
            yield found


# -- addresses -------------------------------------------------------------------------------------------------------


def tile_request(layer: Layer, pyramid: Pyramid, time: datetime | None, tile: Tile) -> TileRequest:
    """One tile, with its address."""
    matrix = pyramid.grid.matrix(tile.zoom)
    url, when = pyramid.template, time_text(layer, time) if time is not None else layer.default_time or "default"
    for name, value in (
        ("Time", when),
        ("time", when),
        ("TileMatrixSet", pyramid.grid.identifier),
        ("TileMatrix", matrix.identifier),
        ("TileRow", str(tile.row)),
        ("TileCol", str(tile.column)),
        ("Style", "default"),
        ("style", "default"),
    ):
        url = url.replace(f"{{{name}}}", value)
    return TileRequest(layer.id, time, tile, url, (matrix.tile_width, matrix.tile_height))


def time_text(layer: Layer, time: datetime) -> str:
    """An instant as the server wants it: a date for layers of whole days, else with hours in UTC."""
    return f"{time:%Y-%m-%d}" if layer.of_whole_days and is_midnight(time) else iso(time)
