"""NASA GIBS, or another WMTS server, as a source of chips, of pictures for people, and of what there is to have."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from earthcurator.errors import BadInput, CuratorError, NotFound, SourceUnreachable
from earthcurator.gibs.catalogue import Catalogue, read_source, refresh, with_all_periods, with_metadata
from earthcurator.gibs.chips import chips
from earthcurator.gibs.colormaps import Colormap, read_colormap
from earthcurator.gibs.credits import Known, is_gibs
from earthcurator.gibs.documents import Documents
from earthcurator.gibs.fetch import Fetcher
from earthcurator.gibs.layers import Layer
from earthcurator.gibs.plan import Plan, make_plan
from earthcurator.gibs.tiles import Failed, Fetched, TileCache, TileRequest
from earthcurator.gibs.times import first_and_last
from earthcurator.models import Arrival, Quarantined, Skipped
from earthcurator.orders import Estimate, Order

log = logging.getLogger(__name__)

BULK_TILES = 1_000_000
"""More in 24 hours have to be announced to NASA 48 hours ahead."""

_TILE_BYTES = {"image/jpeg": 64_000, "image/png": 150_000}  # NASA's own figures for 512 x 512 pixels
_WINDOW_BYTES = 2  # a pixel of a chip that is kept as PNG, roughly
_COUNTED = 100_000  # tiles looked up in the cache for an estimate; the share of the others is taken to be the same
_DAY = timedelta(days=1)
_MONTH = timedelta(days=30)


class WmtsSource:
    """One server."""

    def __init__(
        self, url: str, fetcher: Fetcher, cache: TileCache, folder: Path, *, threads: int = 2, megabits: float = 50
    ) -> None:
        self.url = url.rstrip("/")
        self.is_gibs = is_gibs(url)
        self._fetcher, self._cache, self._threads = fetcher, cache, threads
        self._bytes_per_second = megabits * 1e6 / 8
        self._known = Known(folder)
        self._documents = Documents(fetcher.document, folder)
        self._catalogue: Catalogue | None = None

    # -- what there is -----------------------------------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        """What the server offers. That of GIBS ships with Curator, until it is refreshed."""
        if self._catalogue is None:
            self._catalogue = self._read_catalogue()
        return self._catalogue

    def _read_catalogue(self) -> Catalogue:
        if not self.is_gibs:
            return read_source(lambda url: self._documents.get(url, max_age=_DAY), self.url)
        return self._known.catalogue()

    def refresh(self) -> Catalogue:
        """Read what the server offers anew."""
        if self.is_gibs:
            self._catalogue = refresh(self._fetcher.document, self.url, known=self.catalogue)
            self._documents.keep(self._known.refreshed, self._catalogue.to_json())
        else:
            self._catalogue = read_source(lambda url: self._documents.get(url, max_age=timedelta()), self.url)
        return self._catalogue

    def layer(self, name: str, start: datetime | None = None, end: datetime | None = None) -> Layer:
        """A layer, with every period that matters from `start` to `end`."""
        layer = self.catalogue.get(name)
        return self._with_periods(layer, start, end) if layer.periods and start and end else layer

    def _with_periods(self, layer: Layer, start: datetime, end: datetime) -> Layer:
        first, last = first_and_last(layer.periods) or (start, end)
        older = start < first and not layer.all_periods
        newer = end > last + _DAY and layer.ongoing is not False and end > self._catalogue_time
        if not (older or newer):
            return layer
        try:
            return with_all_periods(layer, lambda url: self._documents.get(url, max_age=_DAY / 4))
        except CuratorError as error:
            log.warning("the times of %s could not be read anew: %s", layer.id, error)
            return layer

    @property
    def _catalogue_time(self) -> datetime:
        written = self.catalogue.written
        return datetime(written.year, written.month, written.day, tzinfo=UTC)

    # -- orders ------------------------------------------------------------------------------------------------------

    def plan(self, order: Order) -> Plan:
        """What an order needs."""
        names = [*order.layers, *filter(None, (order.mask, order.clouds))]
        return make_plan(order, {name: self.layer(name, order.start, order.end) for name in names})

    def estimate(self, order: Order) -> Estimate:
        """What the order takes."""
        plan = self.plan(order)
        tiles, cached = self._count(plan.requests())
        download = (tiles - cached) * self._tile_bytes(plan)
        return Estimate(
            chips=plan.chips,
            instants=plan.instants,
            tiles=tiles,
            cached=cached,
            download_bytes=download,
            seconds=download / self._bytes_per_second,
            disk_bytes=plan.chips * self._chip_bytes(plan),
            bulk=self.is_gibs and tiles - cached > BULK_TILES,
            resolution=plan.resolution,
        )

    def _count(self, requests: Iterable[TileRequest]) -> tuple[int, int]:
        tiles = cached = 0
        for request in requests:
            cached += tiles < _COUNTED and self._cache.get(request.url) is not None
            tiles += 1
        return tiles, cached if tiles <= _COUNTED else cached * tiles // _COUNTED

    def _tile_bytes(self, plan: Plan) -> int:
        matrix = plan.grid.matrix(plan.zoom)
        share = matrix.tile_width * matrix.tile_height / 512**2
        sizes = [_TILE_BYTES.get(part.layer.format, 150_000) for part, _ in plan.parts]
        return round(share * sum(sizes) / len(sizes))

    def _chip_bytes(self, plan: Plan) -> int:
        if plan.order.chip_size is None:
            return self._tile_bytes(plan)
        return plan.order.chip_size**2 * _WINDOW_BYTES

    def arrivals(self, order: Order) -> Generator[Arrival | Skipped | Quarantined]:
        """The order's chips."""
        plan = self.plan(order)
        for part, _ in plan.parts:
            self._describe(part.layer)
        return chips(
            plan,
            self._fetcher.tiles,
            source="gibs" if self.is_gibs else self.url,
            colormaps=self._colormaps(plan),
            threads=self._threads,
        )

    def _colormaps(self, plan: Plan) -> Mapping[str, Colormap]:
        layers = {part.layer.id: part.layer for part, _ in plan.parts if part.layer.format == "image/png"}
        if plan.order.mask:
            layers.pop(plan.order.mask, None)
        found = {name: colormap for name, layer in layers.items() if (colormap := self.colormap(layer)) is not None}
        if plan.clouds is not None:
            clouds = self.colormap(plan.clouds.layer)
            if clouds is None:
                raise BadInput(
                    f"the colours of {plan.clouds.layer.id} have no known meaning, so they cannot say how cloudy it is",
                    hint="choose a cloud fraction layer, e.g. MODIS_Terra_Cloud_Fraction_Day",
                )
            found[plan.clouds.layer.id] = clouds
        return found

    def colormap(self, layer: Layer) -> Colormap | None:
        """What a layer's colours stand for; None when it does not say, or only in pictures of photographs."""
        if not layer.colormap or layer.format != "image/png":
            return None
        try:
            return read_colormap(self._documents.get(layer.colormap, max_age=_MONTH))
        except NotFound:
            log.warning("%s names a colour map that is not there: %s", layer.id, layer.colormap)
            return None

    def tiles(self, requests: Iterable[TileRequest]) -> Generator[Fetched | Failed]:
        """Tiles, in the order in which they come."""
        return self._fetcher.tiles(requests)

    def _describe(self, layer: Layer) -> None:
        """Have what the server says of a layer here, for the data card."""
        try:
            with_metadata(layer, lambda url: self._documents.get(url, max_age=_MONTH), self.url)
        except (NotFound, SourceUnreachable) as error:
            log.info("no metadata of %s: %s", layer.id, error)
