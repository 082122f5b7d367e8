"""Imagery for people and projects: sources joined with the cache of tiles that all projects share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from earthcurator.errors import BadDates, BadInput, BadPicture, NoImagery, NotFound, SourceUnreachable
from earthcurator.gibs.capture import plan_capture
from earthcurator.gibs.catalogue import Catalogue
from earthcurator.gibs.chips import chips
from earthcurator.gibs.credits import Known
from earthcurator.gibs.fetch import Fetcher
from earthcurator.gibs.layers import Layer
from earthcurator.gibs.mosaic import Format, MosaicFacts, write_mosaic
from earthcurator.gibs.permalinks import parse_permalink, today_at
from earthcurator.gibs.plan import Plan, pyramid_of
from earthcurator.gibs.politeness import Policy
from earthcurator.gibs.render import View, check_size, frames, one_instant, tiles_of, timeline, view, view_for_screen
from earthcurator.gibs.source import WmtsSource
from earthcurator.gibs.timelapse import Gaps, TimelapseFacts, write_timelapse
from earthcurator.grids import Bounds
from earthcurator.models import Arrival, Box, Quarantined, Skipped
from earthcurator.orders import Estimate, Order, Source
from earthcurator.regions import Region, read_region, region_of_box
from earthcurator.registry import Registry
from earthcurator.search import parse_dates
from earthcurator.settings import Settings, from_environment
from earthcurator.store import SqliteTileCache

Progress = Callable[[int, int | None], None]
"""Called with how many are done and how many there are in all, if that is known."""

Where = Box | Region | str | Path
"""A box, a region, the path of a GeoJSON file, or a link to a place on NASA Worldview."""

SOURCES: Registry[Callable[..., Source]] = Registry("source", {"stac": "earthcurator.stac.source:StacSource"})
"""What `KIND+ADDRESS` opens, besides WMTS servers: called with the address and `threads`."""

MANY_TILES = 20_000
"""A picture of more tiles than this is made only when asked for twice."""


def _silent(done: int, total: int | None) -> None:
    """The progress of someone who does not look."""


def orders(
    layers: Sequence[str], where: Where, dates: str | None = None, *, today: date | None = None, **options: Any
) -> list[Order]:
    """What a person asks for, in typed values: one order, or two for a Worldview link that compares two sides.

    `dates` is `A`, `A/B` or `A/B/STEP`, e.g. `2020-08-16/2020-08-22/P2D`. A Worldview link brings layers, dates and
    projection along, those of its animation if it has one; what is given here counts instead. `options` are fields of
    `Order`.
    """
    layers = (layers,) if isinstance(layers, str) else tuple(dict.fromkeys(layers))
    options |= _dates(dates)
    if isinstance(where, str) and "://" in where:
        return _orders_of_link(tuple(layers), where, today or today_at(datetime.now(UTC)), options)
    region = where if isinstance(where, Region) else _region(where)
    return [Order(layers=tuple(layers), region=region, **options)]


def _region(where: Box | str | Path) -> Region:
    return region_of_box(where) if isinstance(where, Box) else read_region(Path(where))


def _dates(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    first, *rest = text.split("/")
    if len(rest) > 2:
        raise BadDates(f"{text} has more than a start, an end and a step", hint="write e.g. 2020-08-16/2020-08-22/P2D")
    start, end = parse_dates("/".join((first, *rest[:1])))
    return {"start": start, "end": end, "every": rest[1] if len(rest) == 2 else ""}


def _orders_of_link(layers: tuple[str, ...], link: str, today: date, options: dict[str, Any]) -> list[Order]:
    found = parse_permalink(link, today=today)
    options = {"crs": found.crs} | options
    made = []
    for side in found.views:
        notes = found.notes + tuple(f"{name} is hidden in the link, or only lines: left out" for name in side.left_out)
        when = {} if "start" in options else _dates_of(found.animation) if found.animation else _day_of(side.time)
        order = Order(layers=layers or side.layers, region=found.region, notes=notes, **options, **when)
        if order not in made:
            made.append(order)
    return _limited(made)


def _limited(sides: Sequence[Order]) -> list[Order]:
    """The sides of a comparison share the limit, each the same part of it."""
    if not (limit := sides[0].limit):
        return list(sides)
    parts = [limit * (at + 1) // len(sides) - limit * at // len(sides) for at in range(len(sides))]
    return [replace(side, limit=part) for side, part in zip(sides, parts, strict=True) if part]


def _dates_of(animation: tuple[datetime, datetime, str]) -> dict[str, Any]:
    start, end, step = animation
    return {"start": start, "end": _just_after(end), "every": step}


def _day_of(time: datetime) -> dict[str, Any]:
    """What a layer shows at a moment, also one whose imagery is of another: the day of a daily one, say."""
    return {"start": time, "end": _just_after(time), "every": "P1D"}


def _just_after(time: datetime) -> datetime:
    try:
        return time + timedelta(seconds=1)
    except OverflowError as exc:
        raise BadDates(f"{time} in the link is the end of the calendar", hint="choose an earlier date") from exc


def credits(origins: Mapping[str, str], settings: Settings) -> list[str]:  # noqa: A001 - the word that people use for it
    """Whom to thank for layers, and what to cite: `origins` is layer → the address of one of its tiles. Asks nobody."""
    return Known(_documents(settings)).credits(origins)


def _documents(settings: Settings) -> Path:
    return settings.cache / "documents"


def _checked(source: str) -> str:
    """The address of a source, without a slash at its end."""
    hint = "give an address such as https://gibs.earthdata.nasa.gov, or stac+https://... for a STAC catalogue"
    kind, plus, _ = source.partition("+")
    try:
        parts = urlsplit(source)
        known = (plus and kind.isalpha()) or (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError as error:
        raise BadInput(f"{source} is not a web address: {error}", hint=hint) from error
    if not known:
        raise BadInput(f"{source} is not a web address", hint=hint)
    return source.rstrip("/")


class Imagery:
    """One source of imagery, ready for use. By default NASA GIBS; `source` may be the address of another WMTS server,
    or `stac+https://...` that of a STAC catalogue."""

    def __init__(
        self, source: str | None = None, *, settings: Settings | None = None, policy: Policy | None = None
    ) -> None:
        """`policy` is how it behaves towards the source, by default as the settings say."""
        settings = settings or from_environment()
        self._settings = settings
        self.url = _checked(source or settings.source)
        self._open = ExitStack()
        cap_bytes = round(settings.tile_cache_gb * 1e9)
        self._cache = self._open.enter_context(SqliteTileCache(settings.cache / "tiles", cap_bytes=cap_bytes))
        self._open.callback(self._cache.trim)
        policy = policy or Policy(connections=settings.connections, megabits_per_second=settings.megabits_per_second)
        self.fetcher = self._open.enter_context(Fetcher(self._cache, policy, ca_file=settings.ca_file))
        self._wmts: WmtsSource | None = None
        self._source: Source
        kind, plus, address = self.url.partition("+")
        if plus and kind.isalpha():
            self._source = SOURCES.get(kind)(address, threads=settings.threads)
        else:
            self._wmts = WmtsSource(
                self.url,
                self.fetcher,
                self._cache,
                _documents(settings),
                threads=settings.threads,
                megabits=settings.megabits_per_second,
            )
            self._source = self._wmts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections, and bring the cache of tiles down to its size."""
        self._open.close()

    # -- what there is -----------------------------------------------------------------------------------------------

    @property
    def wmts(self) -> WmtsSource:
        """The tile server; a STAC catalogue is none."""
        if self._wmts is None:
            raise BadInput(f"{self.url} is a STAC catalogue, which has no tiles", hint="use a WMTS server for this")
        return self._wmts

    @property
    def catalogue(self) -> Catalogue:
        """The layers there are."""
        return self.wmts.catalogue

    def refresh(self, progress: Progress = _silent) -> Catalogue:
        """The layers there are, asked of the server anew."""
        return self.wmts.refresh(progress)

    def layer(self, name: str) -> Layer:
        """One layer. Raises NotFound with the nearest names."""
        return self.wmts.layer(name)

    def available(self, order: Order) -> Order:
        """The order without those of its layers that the source does not have as pictures, each with a note.

        For links, which bring along whatever was on the screen. Raises what the last layer says when none is left.
        """
        if self._wmts is None:
            return order
        kept, notes = [], list(order.notes)
        for name in order.layers:
            try:
                pyramid_of(self.wmts.layer(name), order.crs)
                kept.append(name)
            except (BadInput, NotFound) as error:
                notes.append(f"{name} is left out: {error}")
                if not kept and name == order.layers[-1]:
                    raise
        return replace(order, layers=tuple(kept), notes=tuple(notes))

    # -- chips -------------------------------------------------------------------------------------------------------

    def estimate(self, order: Order) -> Estimate:
        """What an order takes; at most asks the server for documents."""
        return self._source.estimate(order)

    def plan(self, order: Order) -> Plan | None:
        """How an order lies on its tile grid; None for a source without one."""
        return None if self._wmts is None else self._wmts.plan(order)

    def arrivals(self, order: Order) -> Generator[Arrival | Skipped | Quarantined]:
        """An order's chips. Closing the generator stops all work."""
        return self._source.arrivals(order)

    def capture(
        self, name: str, bounds: Bounds, *, crs: str, resolution: float, time: datetime
    ) -> tuple[Arrival, Bounds]:
        """A picture of any rectangle of a layer, `bounds` in units of `crs`, made as chips are but of any size.

        It lies on the layer's own grid, on the level that has `resolution` metres a pixel or finer; the second value is
        what it covers.
        """
        layer = self.wmts.layer(name, time, time)
        plan = plan_capture(layer, bounds, crs=crs, resolution=resolution, time=time)
        [made] = chips(plan, self.fetcher.tiles, source=self.url, colormaps={}, threads=1, forget=self._cache.forget)
        match made:
            case Arrival():
                return made, plan.grid.bounds_of_window(plan.windows[0])
            case Skipped():
                raise NoImagery(
                    f"there is no imagery of {name} there then: all of it is {made.reason}",
                    hint="choose another place or date",
                )
        raise SourceUnreachable(made.reason, hint="try again in a moment")

    # -- pictures for people -----------------------------------------------------------------------------------------

    def mosaic(
        self,
        order: Order,
        out: str | Path,
        *,
        format: Format = "geotiff",  # noqa: A002 - the word everyone uses
        overwrite: bool = False,
        most_tiles: int = MANY_TILES,
        progress: Progress = _silent,
    ) -> MosaicFacts:
        """One picture of the order's one layer, region and instant, on the layer's own grid."""
        layer = self._only_layer(order)
        found = view(layer, order.region, crs=order.crs, zoom=order.zoom, resolution=order.resolution)
        check_size(found, most_tiles)
        time = one_instant(layer, order.start, order.end)
        with self._forgetting(found, [time]):
            return write_mosaic(
                Path(out),
                found.pyramid.grid,
                found.window,
                tiles_of(found, time, self.fetcher.tiles, progress),
                format=format,
                media_type=layer.format,
                tags=self._tags(layer, time),
                overwrite=overwrite,
            )

    def timelapse(
        self,
        order: Order,
        out: str | Path,
        *,
        fps: int = 4,
        gaps: Gaps = "hold",
        caption: bool = True,
        overwrite: bool = False,
        most_tiles: int = MANY_TILES,
        progress: Progress = _silent,
    ) -> TimelapseFacts:
        """A film of the order's one layer and region over its dates, one frame for each instant."""
        layer = self._only_layer(order)
        if order.start is None or order.end is None or not layer.periods:
            raise BadDates(f"a film of {layer.id} needs dates and a layer that has them", hint="add --dates A/B")
        found = self._film(order, layer)
        moments = timeline(order, layer)
        check_size(found, most_tiles // len(moments))
        with self._forgetting(found, [time for time, present in moments if present]):
            return write_timelapse(
                Path(out),
                frames(found, moments, self.fetcher.tiles, progress),
                size=(found.window.width, found.window.height),
                fps=fps,
                gaps=gaps,
                caption=caption,
                overwrite=overwrite,
            )

    @contextmanager
    def _forgetting(self, found: View, times: Sequence[datetime | None]) -> Iterator[None]:
        """Drop tiles that turn out to be damaged, so that the next run fetches them again."""
        try:
            yield
        except BadPicture:
            for time in times:
                self.wmts.forget_damaged(found.requests(time))
            raise

    @staticmethod
    def _film(order: Order, layer: Layer) -> View:
        if order.zoom is None and order.resolution is None:
            return view_for_screen(layer, order.region, crs=order.crs)
        return view(layer, order.region, crs=order.crs, zoom=order.zoom, resolution=order.resolution)

    def _only_layer(self, order: Order) -> Layer:
        if len(order.layers) != 1:
            raise BadInput(f"a picture shows one layer, not {len(order.layers)}: {', '.join(order.layers)}")
        return self.wmts.layer(order.layers[0], order.start, order.end)

    def _tags(self, layer: Layer, time: datetime | None) -> dict[str, str]:
        return {
            "LAYER": layer.id,
            "TIME": time.isoformat() if time else "",
            "SOURCE": self.url,
            "ACKNOWLEDGEMENT": " ".join(credits({layer.id: self.url}, self._settings)),
        }
