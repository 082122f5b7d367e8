"""From a plan to chips: each is cut as soon as its last tile is there, whatever the order in which tiles come.

A tile that is a chip by itself keeps its bytes. Any other window is put together from its tiles and kept as PNG, which
adds no loss to theirs.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import numpy as np

from earthcurator.errors import BadPicture
from earthcurator.gibs.colormaps import Colormap
from earthcurator.gibs.pixels import Decoder, Pixels, assemble, enlarge, share_of_data, share_visible
from earthcurator.gibs.plan import Part, Plan
from earthcurator.gibs.tiles import Failed, Fetch, Fetched, TileRequest
from earthcurator.gibs.times import iso
from earthcurator.grids import Tile, Window
from earthcurator.models import Arrival, Chip, Quarantined, Skipped, Values
from earthcurator.parallel import Job, in_order
from earthcurator.pictures import encode_png, inspect

_AHEAD_PER_THREAD = 8
_RECENT = 512  # tiles whose bytes are kept for the windows to come; one that is gone is asked of the cache again


@dataclass(slots=True)
class _Chip:
    """A chip in the making."""

    part: Part
    window: Window
    time: datetime | None
    tiles: list[TileRequest]
    mask: list[TileRequest]
    """Empty where there is none."""
    clouds: list[TileRequest]
    """Empty where there are none."""
    needs: set[str] = field(default_factory=set)
    """Addresses of tiles that are not there yet."""
    got: dict[str, Fetched | Failed] = field(default_factory=dict)


def chips(
    plan: Plan,
    fetch: Fetch,
    *,
    source: str,
    colormaps: Mapping[str, Colormap],
    threads: int,
    forget: Callable[[str], None] = lambda url: None,  # noqa: ARG005
) -> Generator[Arrival | Skipped | Quarantined]:
    """The chips of a plan.

    `source` names the server in the chips' ids. `colormaps` holds those of the layers whose colours become values, and
    that of the cloud layer. `forget` is called with the address of a tile that turns out to be damaged.
    """
    cutter = _Cutter(plan, source, colormaps, forget)
    weight = 16 * plan.windows[0].width * plan.windows[0].height if plan.windows else 0
    with (
        ThreadPoolExecutor(threads, thread_name_prefix="chips") as executor,
        closing(_ready(plan, fetch)) as ready,
        closing(
            in_order(
                executor, (Job(partial(cutter, chip), weight) for chip in ready), ahead=threads * _AHEAD_PER_THREAD
            )
        ) as results,
    ):
        yield from results


def _ready(plan: Plan, fetch: Fetch) -> Generator[_Chip]:
    """Chips whose tiles are all there."""
    desk = _Desk()
    with closing(fetch(desk.requests(_wanted(plan)))) as answers:
        for answer in answers:
            desk.take(answer)
            yield from desk.ready()
    yield from desk.ready()


def _wanted(plan: Plan) -> Iterator[_Chip]:
    for part, time, windows in plan.cuts():
        helpers = [(helper, helper.shown_with(time) if helper else ()) for helper in (plan.mask, plan.clouds)]
        for window in windows:
            mask, clouds = (
                [request for moment in shown if helper for request in helper.requests(window, moment)]
                for helper, shown in helpers
            )
            yield _Chip(part, window, time, part.requests(window, time), mask, clouds)


class _Desk:
    """Knows which chip waits for which tile."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[_Chip]] = {}
        self._recent: OrderedDict[str, Fetched] = OrderedDict()
        self._ready: deque[_Chip] = deque()

    def requests(self, wanted: Iterable[_Chip]) -> Iterator[TileRequest]:
        """The tiles that these chips need and that are neither here nor on their way."""
        for chip in wanted:
            requests = {request.url: request for request in (*chip.tiles, *chip.mask, *chip.clouds)}
            chip.needs = set(requests)
            missing = [request for request in requests.values() if not self._resolve(chip, request.url)]
            if not chip.needs:
                self._ready.append(chip)
            yield from missing

    def _resolve(self, chip: _Chip, url: str) -> bool:
        """Give the chip this tile now, or have it wait; False when nobody has asked for it yet."""
        if url in self._recent:
            self._recent.move_to_end(url)
            self._give(chip, url, self._recent[url])
            return True
        asked = url in self._waiting
        self._waiting.setdefault(url, []).append(chip)
        return asked

    def take(self, answer: Fetched | Failed) -> None:
        """Give a tile to the chips that wait for it."""
        url = answer.request.url
        for chip in self._waiting.pop(url, ()):
            self._give(chip, url, answer)
            if not chip.needs:
                self._ready.append(chip)
        if isinstance(answer, Fetched):
            self._recent[url] = answer
            while len(self._recent) > _RECENT:
                self._recent.popitem(last=False)

    @staticmethod
    def _give(chip: _Chip, url: str, answer: Fetched | Failed) -> None:
        chip.got[url] = answer
        chip.needs.discard(url)

    def ready(self) -> Iterator[_Chip]:
        """The chips that wait for nothing any more; each once."""
        while self._ready:
            yield self._ready.popleft()


class _Cutter:
    """Makes chips of their tiles. Many threads call it."""

    def __init__(
        self, plan: Plan, source: str, colormaps: Mapping[str, Colormap], forget: Callable[[str], None]
    ) -> None:
        self._plan, self._source, self._colormaps, self._forget = plan, source, colormaps, forget
        self._decode = Decoder()

    def __call__(self, chip: _Chip) -> Arrival | Skipped | Quarantined:
        origin = self._origin(chip)
        if failed := [answer for answer in chip.got.values() if isinstance(answer, Failed)]:
            # However often the others are asked for, one tile that is refused leaves the chip incomplete.
            told = max(failed, key=lambda answer: answer.refused)
            return Quarantined(origin, "refused" if told.refused else "unreachable", told.reason)
        try:
            return self._cut(chip, origin)
        except BadPicture as error:
            for url in chip.got:
                self._forget(url)
            return Quarantined(origin, "unreadable", f"{error}; running it again fetches it again")

    def _cut(self, chip: _Chip, origin: str) -> Arrival | Skipped:
        order = self._plan.order
        tiles = [answer for request in chip.tiles if isinstance(answer := chip.got[request.url], Fetched)]
        pictures = [tile for tile in tiles if tile.stored.status == "picture"]
        if not pictures:
            return Skipped(origin, "blank" if any(tile.stored.status == "blank" for tile in tiles) else "missing")
        colormap = self._colormaps.get(chip.part.layer.id)
        verbatim = self._is_a_tile(chip)
        pixels = None if verbatim and colormap is None else self._pixels(chip, chip.part, chip.tiles)
        picture = pictures[0].content if verbatim else _encode(pixels, chip.part.layer.format)
        valid = self._valid(chip, picture, pixels)
        if valid < order.min_valid:
            return Skipped(origin, "too little data")
        clouds = self._clouds(chip)
        if order.max_clouds < 1 and (clouds is None or clouds > order.max_clouds):
            return Skipped(origin, "clouds unknown" if clouds is None else "cloudy")
        values = colormap.summarise(pixels) if colormap is not None and pixels is not None else None
        return Arrival(self._facts(chip, pictures[0], picture, origin, valid, clouds, values), picture)

    def _is_a_tile(self, chip: _Chip) -> bool:
        if self._plan.order.chip_size is not None or chip.part.factor != 1 or len(chip.tiles) != 1:
            return False
        return chip.part.pyramid.grid.window_of_tile(chip.tiles[0].tile) == chip.window

    def _pixels(self, chip: _Chip, part: Part, requests: Iterable[TileRequest]) -> Pixels:
        by_tile = {request.tile: chip.got[request.url] for request in requests}

        def tile(position: Tile) -> Pixels | None:
            answer = by_tile.get(position)
            if not isinstance(answer, Fetched) or not answer.content:
                return None
            return self._decode(answer.stored.sha256, answer.content)

        inner = part.window(chip.window)
        pixels = assemble(part.pyramid.grid, inner, tile)
        if part.factor == 1:
            return pixels
        x, y = chip.window.x - inner.x * part.factor, chip.window.y - inner.y * part.factor
        return enlarge(pixels, part.factor)[y : y + chip.window.height, x : x + chip.window.width]

    def _valid(self, chip: _Chip, picture: bytes, pixels: Pixels | None) -> float:
        if chip.mask and self._plan.mask is not None and self._is_there(chip, chip.mask):
            # Opaque where there is no data (colour map MODIS_Data_No_Data); a blank mask has nothing to hide.
            return 1 - share_visible(self._pixels(chip, self._plan.mask, chip.mask))
        return share_of_data(picture) if pixels is None else share_visible(pixels)

    @staticmethod
    def _is_there(chip: _Chip, requests: Iterable[TileRequest]) -> bool:
        answers = (chip.got[request.url] for request in requests)
        return all(isinstance(answer, Fetched) and answer.stored.status != "missing" for answer in answers)

    def _clouds(self, chip: _Chip) -> float | None:
        part = self._plan.clouds
        if part is None or not chip.clouds or not self._is_there(chip, chip.clouds):
            return None
        if (colormap := self._colormaps.get(part.layer.id)) is None:
            return None
        clouds = colormap.summarise(self._pixels(chip, part, chip.clouds))
        return None if clouds.mean is None else clouds.mean / (100 if "%" in clouds.unit else 1)

    def _facts(
        self, chip: _Chip, tile: Fetched, picture: bytes, origin: str, valid: float, clouds: float | None,
        values: Values | None,
    ) -> Chip:  # fmt: skip
        plan, window = self._plan, chip.window
        facts = inspect(picture)
        time = tile.stored.time or chip.time
        where = _place(plan, window)
        name = "|".join((self._source, chip.part.layer.id, _iso(time), where))
        return Chip(
            id=hashlib.sha256(name.encode()).hexdigest()[:32],
            media_type=facts.media_type,
            width=facts.width,
            height=facts.height,
            sha256=hashlib.sha256(picture).hexdigest(),
            origin=origin,
            layer=chip.part.layer.id,
            time=time,
            crs=plan.grid.crs,
            box=plan.grid.box_of_window(window),
            tile=where,
            valid=valid,
            requested=chip.time,
            version=tile.stored.layer or None,
            retrieved=tile.stored.retrieved,
            clouds=clouds,
            values=values,
        )

    def _origin(self, chip: _Chip) -> str:
        if not chip.tiles:
            return f"{chip.part.layer.id} {_iso(chip.time)} {_place(self._plan, chip.window)}"
        first, grid, window = chip.tiles[0], chip.part.pyramid.grid, chip.part.window(chip.window)
        corner = grid.window_of_tile(first.tile)
        if window == corner:
            return first.url
        return f"{first.url}#xywh={window.x - corner.x},{window.y - corner.y},{window.width},{window.height}"


def _encode(pixels: Pixels | None, tile_format: str) -> bytes:
    assert pixels is not None  # only a chip that is a tile has none
    # Alpha that we derived from black is not part of the picture.
    opaque = tile_format == "image/jpeg" or bool(np.all(pixels[..., 3]))
    return encode_png(np.ascontiguousarray(pixels[..., :3]) if opaque else pixels)


def _place(plan: Plan, window: Window) -> str:
    """A name for the window that chips of all layers on it share."""
    matrix = plan.grid.matrix(window.zoom)
    if plan.order.chip_size is None:
        return f"{plan.grid.crs}/{window.zoom}/{window.y // matrix.tile_height}/{window.x // matrix.tile_width}"
    return plan.grid.name_of(window)


def _iso(time: datetime | None) -> str:
    return "" if time is None else iso(time)
