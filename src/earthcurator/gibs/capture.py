"""One picture of any rectangle of a layer's own grid, for searches by what somebody sees on a map. Pure: no network.

It becomes a plan of one chip, so that its pixels are made as those of chips are.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from earthcurator.errors import BadBox, BadDates
from earthcurator.gibs.catalogue import range_of
from earthcurator.gibs.layers import Layer
from earthcurator.gibs.plan import Part, Plan, pyramid_of
from earthcurator.gibs.times import is_midnight, iso, snap
from earthcurator.grids import Bounds, Grid, Window
from earthcurator.orders import Order
from earthcurator.regions import region_of_box

LEAST_PIXELS = 8
MOST_PIXELS = 2048


def plan_capture(layer: Layer, bounds: Bounds, *, crs: str, resolution: float, time: datetime) -> Plan:
    """What a picture of a rectangle in units of `crs` needs, on the level for a `resolution` in metres a pixel."""
    pyramid = pyramid_of(layer, crs)
    zoom = pyramid.grid.zoom_for(resolution)
    window = nearest_window(pyramid.grid, bounds, zoom)
    box = pyramid.grid.box_of_window(window)
    sides = sorted((window.width, window.height))
    if box is None or sides[0] < LEAST_PIXELS or sides[1] > MOST_PIXELS:
        raise BadBox(
            f"the rectangle has {max(window.width, 0):,} x {max(window.height, 0):,} pixels of {layer.id}",
            hint=_better(sides[1]),
        )
    order = Order(layers=(layer.id,), region=region_of_box(box), crs=crs, zoom=zoom, chip_size=MOST_PIXELS, min_valid=0)
    part = Part(layer=layer, pyramid=pyramid, zoom=zoom, factor=1)
    parts = ((part, (instant_shown(layer, time),)),)
    return Plan(order=order, grid=pyramid.grid, zoom=zoom, windows=(window,), parts=parts)


def _better(longer_side: int) -> str:
    if longer_side > MOST_PIXELS:
        return f"zoom in, and draw one of at most {MOST_PIXELS:,} pixels a side"
    return f"draw one of at least {LEAST_PIXELS} pixels a side, where the map has imagery"


def nearest_window(grid: Grid, bounds: Bounds, zoom: int) -> Window:
    """The pixels next to a rectangle, as many as its size says, cut to the world; maybe none.

    Over the antimeridian the window runs on beyond the right edge of the world.
    """
    left, bottom, right, top = bounds
    matrix, (across, down) = grid.matrix(zoom), grid.size(zoom)
    x, y = round((left - matrix.left) / matrix.resolution), round((matrix.top - top) / matrix.resolution)
    width, height = round((right - left) / matrix.resolution), round((top - bottom) / matrix.resolution)
    end, y = min(y + height, down), max(y, 0)
    if grid.wraps:
        return Window(zoom, x % across, y, min(width, across), end - y)
    return Window(zoom, max(x, 0), y, min(x + width, across) - max(x, 0), end - y)


def instant_shown(layer: Layer, time: datetime) -> datetime | None:
    """The instant that a layer shows at a moment; None for one without times. Raises BadDates with the nearest ones."""
    found = snap(layer.periods, time)
    if found is not None or not layer.periods:
        return found
    near = " or ".join(_name(moment) for moment in _neighbours(layer, time))
    raise BadDates(f"{layer.id} has no imagery of {_name(time)}: {range_of(layer)}", hint=f"the nearest is of {near}")


def _neighbours(layer: Layer, time: datetime) -> Iterator[datetime]:
    """The last instant before a moment without imagery and the first after it, where there are any."""
    before = [snap((period,), period.end) for period in layer.periods if period.end < time]
    if known := [moment for moment in before if moment is not None]:
        yield max(known)
    after = min((period.start for period in layer.periods if period.start > time), default=None)
    if after is not None:
        yield after


def _name(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}" if is_midnight(moment) else iso(moment)
