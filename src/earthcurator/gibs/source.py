"""NASA GIBS, or another WMTS server, as a source of chips, of pictures for people, and of what there is to have."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from earthcurator.errors import BadInput, BadPicture, CuratorError, NotFound, SourceUnreachable
from earthcurator.gibs.capabilities import read_capabilities
from earthcurator.gibs.catalogue import (
    Catalogue,
    capabilities_of,
    endpoint,
    load_snapshot,
    read_source,
    refresh,
    with_all_periods,
    with_metadata,
)
from earthcurator.gibs.chips import chips
from earthcurator.gibs.colormaps import Colormap, read_colormap
from earthcurator.gibs.credits import Known, is_gibs, server_of
from earthcurator.gibs.documents import Documents
from earthcurator.gibs.fetch import Fetcher
from earthcurator.gibs.layers import Layer
from earthcurator.gibs.pixels import decode_tile
from earthcurator.gibs.plan import Plan, make_plan
from earthcurator.gibs.tiles import TileCache, TileRequest
from earthcurator.gibs.times import first_and_last
from earthcurator.models import Arrival, Quarantined, Skipped
from earthcurator.orders import Estimate, Order

log = logging.getLogger(__name__)

BULK_TILES = 1_000_000
"""More in 24 hours have to be announced to NASA 48 hours ahead."""

_TILE_BYTES = {"image/jpeg": 64_000, "image/png": 150_000}  # NASA's own figures for 512 x 512 pixels
_WINDOW_BYTES = 2  # a pixel of a chip that is kept as PNG, roughly
_COUNTED = 20_000  # tiles looked up in the cache for an estimate; the share of the others is taken to be the same
_AT_ONCE = 16  # documents asked for while the catalogue is read
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

    def _known_or_shipped(self) -> Catalogue:
        try:
            return self.catalogue
        except BadInput:
            return load_snapshot()

    def refresh(self, progress: Callable[[int, int | None], None] = lambda done, total: None) -> Catalogue:  # noqa: ARG005
        """Read what the server offers anew, with what it says of each layer."""
        if not self.is_gibs:
            self._catalogue = read_source(lambda url: self._documents.get(url, max_age=timedelta()), self.url)
            return self._catalogue
        bare = refresh(self._fetcher.document, self.url, known=self._known_or_shipped())
        described: dict[str, Layer] = {}
        with ThreadPoolExecutor(_AT_ONCE) as executor:
            for layer in executor.map(self._describe, bare.layers.values()):
                described[layer.id] = layer
                progress(len(described), len(bare.layers))
        self._catalogue = replace(bare, layers=described)
        self._documents.keep(self._known.refreshed, self._catalogue.to_json())
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
        tiles = plan.tiles
        cached = self._count_cached(plan.requests(), tiles)
        download = (tiles - cached) * self._tile_bytes(plan)
        return Estimate(
            chips=plan.chips,
            instants=plan.instants,
            tiles=tiles,
            cached=cached,
            download_bytes=download,
            seconds=download / self._bytes_per_second,
            disk_bytes=plan.chips * self._chip_bytes(plan),
            notice_from=BULK_TILES if self.is_gibs else None,
            resolution=plan.resolution,
            notes=tuple(plan.notes()),
        )

    def _count_cached(self, requests: Iterable[TileRequest], tiles: int) -> int:
        looked_up = min(tiles, _COUNTED)
        cached = sum(self._cache.get(request.url) is not None for request in islice(requests, looked_up))
        return cached * tiles // looked_up if looked_up else 0

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
        return self.arrivals_of(self.plan(order))

    def arrivals_of(self, plan: Plan) -> Generator[Arrival | Skipped | Quarantined]:
        """The chips of a plan, or of a part of one."""
        for part, _ in plan.parts:
            self._describe(part.layer)
        return chips(
            plan,
            self._fetcher.tiles,
            source="gibs" if self.is_gibs else server_of(plan.parts[0][0].pyramid.template),
            colormaps=self._colormaps(plan),
            threads=self._threads,
            forget=self._cache.forget,
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
        """What a layer's colours stand for; None when nobody says."""
        if layer.format != "image/png":
            return None
        address = layer.colormap or self._colormap_address(layer)
        if not address:
            return None
        try:
            return read_colormap(self._documents.get(address, max_age=_MONTH))
        except NotFound:
            log.warning("%s names a colour map that is not there: %s", layer.id, address)
            return None

    def _colormap_address(self, layer: Layer) -> str:
        """Of a layer of the catalogue that ships, which names few: asked of the server, for this layer alone."""
        if not self.is_gibs:
            return ""
        crs = next(crs for crs in layer.pyramids if crs != "EPSG:3857")
        one = f"{endpoint(self.url, crs)}/wmts.cgi?SERVICE=WMTS&REQUEST=GetCapabilities&layer={layer.id}"
        for address in (one, capabilities_of(self.url, crs)):
            try:
                found = read_capabilities(self._documents.get(address, max_age=_MONTH), base=address)
            except (NotFound, SourceUnreachable) as error:
                log.info("no capabilities of %s: %s", layer.id, error)
                continue
            if layer.id in found:
                return found[layer.id].colormap
        return ""

    def forget_damaged(self, requests: Iterable[TileRequest]) -> None:
        """Drop those tiles that cannot be decoded, so that they are fetched again."""
        for request in requests:
            stored = self._cache.get(request.url)
            content = self._cache.read(stored.sha256) if stored and stored.sha256 else None
            try:
                if content:
                    decode_tile(content)
            except BadPicture:
                self._cache.forget(request.url)

    def _describe(self, layer: Layer) -> Layer:
        """With what the server says of a layer, which stays here for the data card."""
        if self.url.endswith(".xml") or "?" in self.url:
            return layer  # the address of one document: who knows what lies beside it
        try:
            return with_metadata(layer, lambda url: self._documents.get_optional(url, max_age=_MONTH), self.url)
        except NotFound as error:
            log.info("no metadata of %s: %s", layer.id, error)
            return layer
