"""Pictures for people: which tiles a mosaic or a time-lapse needs, and in which order they go in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from earthcurator.errors import BadDates, BadInput, NotFound, SourceUnreachable
from earthcurator.gibs.catalogue import instants_of
from earthcurator.gibs.layers import Layer, Pyramid
from earthcurator.gibs.pixels import Pixels, assemble, decode_tile
from earthcurator.gibs.plan import choose_zoom, pyramid_of, tile_request, times_of
from earthcurator.gibs.tiles import Failed, Fetch, Fetched, TileRequest
from earthcurator.gibs.timelapse import MAX_SIDE, Frame
from earthcurator.gibs.times import Period, Step, instants, iso, parse_step, snap
from earthcurator.grids import Tile, Window
from earthcurator.orders import Order
from earthcurator.regions import Region

Report = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One layer over one window."""

    layer: Layer
    pyramid: Pyramid
    window: Window
    tiles: tuple[Tile, ...]
    """Those of the window that touch the region, row by row."""

    def requests(self, time: datetime | None) -> list[TileRequest]:
        """The tiles of an instant."""
        return [tile_request(self.layer, self.pyramid, time, tile) for tile in self.tiles]


def view(layer: Layer, region: Region, *, crs: str, zoom: int | None, resolution: float | None) -> View:
    """The window of a layer around a region, on the level that is asked for or the finest."""
    pyramid = pyramid_of(layer, crs)
    level = choose_zoom(pyramid.grid, zoom, resolution)
    return _view(layer, pyramid, region, level)


def view_for_screen(layer: Layer, region: Region, *, crs: str) -> View:
    """The same on the finest level that needs no reduction for a film."""
    pyramid = pyramid_of(layer, crs)
    grid = pyramid.grid
    for level in reversed(range(len(grid.matrices))):
        window = grid.window_of(region, level)
        if max(window.width, window.height) <= MAX_SIDE:
            break
    return _view(layer, pyramid, region, level)


def _view(layer: Layer, pyramid: Pyramid, region: Region, level: int) -> View:
    grid = pyramid.grid
    tiles = grid.cover(region, level)
    return View(layer=layer, pyramid=pyramid, window=grid.window_of(region, level), tiles=tuple(tiles))


def one_instant(layer: Layer, start: datetime | None, end: datetime | None) -> datetime | None:
    """The one instant of a layer in a range; None for a layer without times."""
    if not layer.periods:
        return None
    if start is None or end is None:
        raise BadDates(f"{layer.id} has imagery of many times", hint="say which with --date, e.g. 2020-08-16")
    found = instants_of(layer, start, end)
    if len(found) == 1:
        return found[0]
    listed = ", ".join(iso(time) for time in found[:3])
    raise BadDates(f"{layer.id} has imagery of several instants then: {listed}, …", hint="name one of them")


def timeline(order: Order, layer: Layer) -> list[tuple[datetime, bool]]:
    """Every moment at which there would be a picture if the layer had no gaps, and whether there is one."""
    there = [time for time in times_of(order, layer) if time is not None]
    if order.start is None or order.end is None or not there:
        return []
    if order.every:
        steps = instants((Period(order.start, order.end, parse_step(order.every)),), order.start, order.end)
        whole = {snap(layer.periods, step) or step for step in steps}
    else:
        within = [period.step for period in layer.periods if period.end >= there[0] and period.start < order.end]
        (step, _), *_ = Counter(within).most_common(1)
        whole = set(instants((Period(there[0], there[-1], step),), there[0], order.end)) if step != Step() else set()
    present = set(there)
    return [(moment, moment in present) for moment in sorted(whole | present)]


def tiles_of(found: View, time: datetime | None, fetch: Fetch, report: Report) -> Iterator[tuple[Tile, bytes | None]]:
    """The tiles of an instant in the order in which they come. Raises SourceUnreachable when one cannot be had."""
    requests = found.requests(time)
    pictures = 0
    with closing(fetch(requests)) as answers:
        for done, answer in enumerate(answers, 1):
            if _shows_another_time(answer):
                raise SourceUnreachable(
                    f"the server shows {found.layer.id} of another time than {answer.request.time:%Y-%m-%dT%H:%M:%SZ}",
                    hint="try again later, or ask for another date",
                )
            content = _content(answer)
            pictures += content is not None
            yield answer.request.tile, content
            report(done, len(requests))
    if not pictures:
        raise NotFound(
            f"there is no imagery of {found.layer.id} there then: all {len(requests):,} tiles are empty",
            hint="choose another date or region",
        )


def frames(found: View, moments: Sequence[tuple[datetime, bool]], fetch: Fetch, report: Report) -> Generator[Frame]:
    """A picture of the window at each moment, in their order; without pixels where there is no imagery."""
    requests = [request for time, present in moments if present for request in found.requests(time)]
    per_frame = len(found.requests(None))
    waiting: dict[datetime | None, list[tuple[Tile, bytes | None]]] = {}
    with closing(fetch(requests)) as answers:
        done = 0
        for time, present in moments:
            while present and len(waiting.get(time, ())) < per_frame:
                answer = next(answers)
                content = None if _shows_another_time(answer) else _content(answer)
                waiting.setdefault(answer.request.time, []).append((answer.request.tile, content))
                done += 1
                report(done, len(requests))
            yield _frame(found, time, waiting.pop(time, []))


def _frame(found: View, time: datetime, tiles: Iterable[tuple[Tile, bytes | None]]) -> Frame:
    contents = {tile: content for tile, content in tiles if content is not None}
    if not contents:
        return Frame(time, None)

    def pixels_of(tile: Tile) -> Pixels | None:
        return decode_tile(contents[tile]) if tile in contents else None

    pixels = assemble(found.pyramid.grid, found.window, pixels_of)
    visible = pixels[..., 3:] > 0
    return Frame(time, np.where(visible, pixels[..., :3], 0) if visible.any() else None)


def _shows_another_time(answer: Fetched | Failed) -> bool:
    return isinstance(answer, Fetched) and answer.stored.time not in (None, answer.request.time)


def _content(answer: Fetched | Failed) -> bytes | None:
    if isinstance(answer, Failed):
        raise SourceUnreachable(answer.reason, hint="run it again later: what came is kept")
    return answer.content if answer.stored.status == "picture" else None


def check_size(found: View, most: int) -> None:
    """Refuse a window of more than so many tiles."""
    tiles = len(found.tiles)
    if tiles > most:
        raise BadInput(
            f"{found.window.width:,} x {found.window.height:,} pixels of {found.layer.id} are {tiles:,} tiles",
            hint="choose a coarser level (--zoom or --resolution) or a smaller region, or add --yes",
        )
