"""How much there will be: from layers, dates and the size of chips to bytes, hours, memory, milliseconds and dollars.

Arithmetic only: nothing is asked of a server. Every constant stands in `FIGURES` with where it is from: most were
measured by our own benchmarks on one kind of machine, some are other people's figures or estimates and say so. So every
answer is a range. What depends on the content (how many chips are blank and left out) is not known, and counts in full.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from earthcurator.errors import BadInput
from earthcurator.grids import Grid
from earthcurator.regions import Region

INDEX_FROM = 300_000
"""Vectors from which a search goes through an index, as in `store.vectors`."""
SEARCH_POINT = 1_000_000
"""Vectors at which a search through the index was measured; its time at others is extrapolated from there."""
MEASURED_TO = 10_000_000
"""Vectors beyond which nothing was measured."""
HOURS_A_MONTH = 730
SERVER_CORES = 2
"""Of the machine that answers searches, as it was measured."""


@dataclass(frozen=True, slots=True)
class Range:
    """A number that is known to lie between two others, or supposed to."""

    low: float
    high: float

    def __add__(self, other: Range | float) -> Range:
        more = _range(other)
        return Range(self.low + more.low, self.high + more.high)

    def __mul__(self, factor: Range | float) -> Range:
        by = _range(factor)
        return Range(self.low * by.low, self.high * by.high)

    def per(self, rate: Range | float) -> Range:
        """How long this takes at a rate: the fewest at the highest."""
        by = _range(rate)
        return Range(self.low / by.high, self.high / by.low)


@dataclass(frozen=True, slots=True)
class Figure:
    """A constant of the model, and where it is from."""

    range: Range
    source: str


FIGURES: Mapping[str, Figure] = {
    "jpeg bytes a pixel": Figure(Range(0.17, 0.25), "six tiles of GIBS: .19 to .23; NASA says 64 kB for 512 x 512"),
    "png bytes a pixel": Figure(Range(0.1, 0.6), "NASA says 150 kB for 512 x 512; layers of few colours take less"),
    "cut bytes a pixel": Figure(Range(0.8, 2.0), "PNG of true colour: 1.7 for a clouded MODIS tile; an estimate"),
    "fetch CPU seconds a tile": Figure(Range(0.8e-3, 1.0e-3), "gibs_download: .83 ms to fetch, check and keep one"),
    "cut CPU seconds a pixel": Figure(Range(1.5e-7, 4e-7), "encoding PNG: 20 ms for 256 x 256, one trial"),
    "decode CPU seconds a chip": Figure(Range(4.3e-5, 4.4e-5), "embed_throughput: decode only, 64 and 256 pixels"),
    "decode CPU seconds a pixel": Figure(
        Range(3.3e-9, 1e-8), "embed_throughput, JPEG; the upper end is a guess for PNG"
    ),
    "encode CPU seconds a pixel": Figure(Range(1.8e-7, 2.0e-7), "embed_throughput: inference only, lite0-64 and -128"),
    "GPU chips a second": Figure(Range(2_000, 10_000), "an estimate for an NVIDIA L4 with 4 cores, not measured"),
    "columns bytes a vector": Figure(Range(48, 80), "search_speed: 304 bytes a row less 2 a number; ids of 14 to 32"),
    "sidecar bytes a vector": Figure(Range(58, 80), "search_speed: 570 bytes a row less 4 a number; ids of 14 to 32"),
    "index bytes a vector": Figure(Range(25, 35), "search_speed: 379 less 304 bytes a row, less 3 bits a number"),
    "index CPU seconds a vector": Figure(Range(13e-6, 17e-6), "a million: query_scale 13.5, append_cost 16.7 CPU-s"),
    "index growth exponent": Figure(Range(0, 0.2), "query_scale: 19 CPU-s a million at ten million"),
    "server bytes": Figure(Range(1.0e8, 3.5e8), "a whole `curator embed` or server: 150 to 384 MB"),
    "index share in memory": Figure(Range(0.45, 1.1), "ten million: .5 GB after 1,000 queries, 1.14 when all is hot"),
    "ids bytes a chip": Figure(Range(36, 48), "ids of 32 letters that a server holds"),
    "exact search ms a number": Figure(Range(3.8e-7, 4.6e-7), "search_speed: 5.3 CPU-ms for 100,000 x 128"),
    "index search ms": Figure(Range(1.5, 2.0), "search_speed, a million: p50 1.5 ms, 1.9 CPU-ms"),
    "index search exponent": Figure(Range(0.16, 0.42), "ten million: 2.7 to 5 ms, from 1.9 at one"),
    "HTTP ms": Figure(Range(2.3, 22), "search_http: 2.4 more than in Python; 22 for 100 chips not shown before"),
}
"""What the model reckons with; tests hold it against `benchmarks/results`."""


# -- what is wanted ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What one instant of a layer takes."""

    chips: int
    tiles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One layer of what is planned."""

    layer: str
    media_type: str
    """Of its tiles."""
    instants: int
    coverage: Coverage
    tile_pixels: int
    """Of one tile."""
    chip_pixels: int
    """Of one chip."""
    is_cut: bool
    """Whether chips are windows of their own, kept as PNG, rather than the tiles as they come."""

    @property
    def chips(self) -> int:
        """Of all instants."""
        return self.instants * self.coverage.chips

    @property
    def tiles(self) -> int:
        """Of all instants."""
        return self.instants * self.coverage.tiles

    @property
    def tile_bytes(self) -> Range:
        """What is downloaded."""
        kind = "jpeg" if self.media_type == "image/jpeg" else "png"
        return _figure(f"{kind} bytes a pixel") * self.tile_pixels * self.tiles

    @property
    def chip_bytes(self) -> Range:
        """What is kept."""
        if not self.is_cut:
            return self.tile_bytes
        return _figure("cut bytes a pixel") * self.chip_pixels * self.chips


def coverage(grid: Grid, zoom: int, region: Region, *, size: int | None = None, stride: int | None = None) -> Coverage:
    """How many chips and tiles an instant has in the box around a region; without a `size` each tile is a chip.

    The same as listing them with `Grid.lattice`, which takes a while where there are millions.
    """
    matrix, window, (width, height) = grid.matrix(zoom), grid.window_of(region, zoom), grid.size(zoom)
    side = size or matrix.tile_width
    step = stride or side
    rows = _starts(window.y, window.height, height, side, step, wraps=False)
    columns = _starts(window.x, window.width, width, side, step, wraps=grid.wraps)
    across = _tiles(columns, side, matrix.tile_width, width, wraps=grid.wraps)
    down = _tiles(rows, side, matrix.tile_height, height, wraps=False)
    return Coverage(chips=len(rows) * len(columns), tiles=len(across) * len(down))


def _starts(first: int, length: int, world: int, size: int, stride: int, *, wraps: bool) -> list[int]:
    """Where the windows begin, along one axis, that share pixels with a stretch of it. The stretch may wrap around."""

    def meets(start: int) -> bool:
        spans = [(start, min(start + size, world))]
        if wraps and start + size > world:
            spans.append((0, start + size - world))
        wanted = [(first, min(first + length, world)), (0, first + length - world if wraps else 0)]
        return any(a < d and c < b for a, b in spans for c, d in wanted)

    return [start for start in range(0, world, stride) if meets(start)]


def _tiles(starts: Sequence[int], side: int, tile: int, world: int, *, wraps: bool) -> set[int]:
    """Which tiles these windows need, along one axis."""
    pixels = {pixel for start in starts for pixel in (*range(start, start + side, tile), start + side - 1)}
    return {pixel % world // tile for pixel in pixels if wraps or pixel < world}


# -- prices --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one unit costs, who says so, and when."""

    dollars: float
    date: date
    source: str


Prices = Mapping[str, Price]
"""Name of the unit → its price."""


@cache
def default_prices() -> Prices:
    """Those that ship with Curator: `prices.toml` beside this file."""
    return _prices(tomllib.loads((files("earthcurator") / "prices.toml").read_text("utf-8")), "prices.toml")


def read_prices(path: Path) -> Prices:
    """The prices in a TOML file of the same form as `prices.toml`; what it leaves out is as in that."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(
            f"{path} cannot be read as prices: {error}", hint="write it as the guide on capacity shows"
        ) from error
    known = default_prices()
    for name in tables.keys() - known.keys():
        raise BadInput(f"{path} has a price of {name}, which is not known", hint=f"there are {', '.join(known)}")
    return {**known, **_prices(tables, str(path))}


def _prices(tables: Mapping[str, Any], where: str) -> dict[str, Price]:
    found = {}
    for name, table in tables.items():
        match table:
            case {"dollars": int() | float() as dollars, "date": date() as day, "source": str() as source} if (
                dollars >= 0 and len(table) == len(Price.__slots__)
            ):
                found[name] = Price(dollars=float(dollars), date=day, source=source)
            case _:
                raise BadInput(
                    f"{where}: [{name}] needs dollars (0 or more), a date such as 2026-11-21, and a source",
                    hint="say where and when you read the price, so that others can check it",
                )
    return found


# -- the model -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What a plan takes."""

    instants: int
    """Over all layers."""
    tiles: int
    """That are asked for, at most."""
    chips: int
    """At most: blank ones and those with too little data are left out."""
    download_bytes: Range
    download_days: Range
    """At the rate that the source allows."""
    picture_bytes: Range
    """Of the chips in the project."""
    vector_bytes: Range
    """Of the vectors in the project, with what searches filter on."""
    index_bytes: Range
    """Of the vector index in the project; none where every vector is compared."""
    cache_bytes: Range
    """On the disk of each machine that searches: the vectors, laid out for quick search."""
    intake_cpu_hours: Range
    """To fetch tiles, check them, cut them and keep the chips."""
    embed_cpu_hours: Range
    embed_gpu_hours: Range
    """Instead, on one GPU."""
    index_cpu_hours: Range
    """To store vectors and build the index."""
    memory_bytes: Range
    """That a server needs for itself. More, up to `cache_bytes`, makes the first searches after a start faster."""
    search_ms: Range
    """One search by one person, through HTTP."""
    dollars_once: Range
    """To bring everything in and embed it."""
    dollars_month: Range
    """To keep it in a bucket, with one server that is always on."""
    notes: tuple[str, ...]
    """What a person should know of these figures."""


def capacity(
    wanted: Sequence[Wanted], *, input_side: int, dim: int, megabits_per_second: float, prices: Prices | None = None
) -> Capacity:
    """What these layers take, embedded by an encoder that sees `input_side` pixels a side and gives `dim` numbers."""
    price = default_prices() if prices is None else prices
    chips = sum(each.chips for each in wanted)
    download = _sum(each.tile_bytes for each in wanted)
    download_days = download.per(megabits_per_second * 1e6 / 8 * 86_400)
    pictures = _sum(each.chip_bytes for each in wanted)
    vectors = vector_bytes(chips, dim)
    index = index_bytes(chips, dim)
    intake = _sum(map(_intake_seconds, wanted)).per(3600)
    embed_cpu = _sum(embed_seconds(each.chips, each.chip_pixels, input_side) for each in wanted).per(3600)
    embed_gpu = (Range(1, 1) * chips).per(_figure("GPU chips a second") * 3600)
    index_cpu = index_seconds(chips).per(3600)
    memory = memory_bytes(chips, dim)
    core, gpu = price["cpu_core_hour"].dollars, price["gpu_hour"].dollars
    embedding = _either(embed_cpu * core, embed_gpu * gpu)
    fetching = _larger(download_days * 24, intake)  # a core is there all the time, however little it has to do
    server = memory * (price["memory_gb_hour"].dollars / 1e9) + SERVER_CORES * core
    stored = (pictures + vectors + index) * (price["storage_gb_month"].dollars / 1e9)
    return Capacity(
        instants=sum(each.instants for each in wanted),
        tiles=sum(each.tiles for each in wanted),
        chips=chips,
        download_bytes=download,
        download_days=download_days,
        picture_bytes=pictures,
        vector_bytes=vectors,
        index_bytes=index,
        cache_bytes=cache_bytes(chips, dim),
        intake_cpu_hours=intake,
        embed_cpu_hours=embed_cpu,
        embed_gpu_hours=embed_gpu,
        index_cpu_hours=index_cpu,
        memory_bytes=memory,
        search_ms=search_ms(chips, dim),
        dollars_once=(fetching + index_cpu) * core + embedding,
        dollars_month=stored + server * HOURS_A_MONTH,
        notes=tuple(_notes(chips)),
    )


def vector_bytes(count: int, dim: int) -> Range:
    """Of so many vectors in the table: half-precision numbers and the columns beside them."""
    return (_figure("columns bytes a vector") + 2 * dim) * count


def cache_bytes(count: int, dim: int) -> Range:
    """Of so many vectors in the copy that searches read: single precision."""
    return (_figure("sidecar bytes a vector") + 4 * dim) * count


def index_bytes(count: int, dim: int) -> Range:
    """Of the vector index: 3 bits a number, and what the index says of each vector."""
    return (_figure("index bytes a vector") + dim * 3 / 8) * count if count >= INDEX_FROM else Range(0, 0)


def memory_bytes(count: int, dim: int) -> Range:
    """That a server with so many vectors takes for itself, without the files that it maps."""
    hot = index_bytes(count, dim) * _figure("index share in memory")
    return _figure("server bytes") + hot + _figure("ids bytes a chip") * count


def search_ms(count: int, dim: int) -> Range:
    """One search through HTTP, with nobody else asking."""
    return _figure("HTTP ms") + search_only_ms(count, dim)


def search_only_ms(count: int, dim: int) -> Range:
    """The search itself: every vector compared, or through the index."""
    if count < INDEX_FROM:
        return _figure("exact search ms a number") * dim * count
    return _figure("index search ms") * _growth(count, "index search exponent")


def index_seconds(count: int) -> Range:
    """CPU-seconds that building the vector index of so many vectors takes."""
    if count < INDEX_FROM:
        return Range(0, 0)
    return _figure("index CPU seconds a vector") * _growth(count, "index growth exponent") * count


def _growth(count: int, exponent: str) -> Range:
    """How many times as much as at SEARCH_POINT something is that grows by a power."""
    power, times = _figure(exponent), count / SEARCH_POINT
    return Range(*sorted((times**power.low, times**power.high)))


def embed_seconds(chips: int, chip_pixels: int, input_side: int) -> Range:
    """CPU-seconds from pictures to vectors."""
    decode = _figure("decode CPU seconds a chip") + _figure("decode CPU seconds a pixel") * chip_pixels
    return (decode + _figure("encode CPU seconds a pixel") * input_side**2) * chips


def _intake_seconds(wanted: Wanted) -> Range:
    fetch = _figure("fetch CPU seconds a tile") * wanted.tiles
    return fetch + _figure("cut CPU seconds a pixel") * wanted.chip_pixels * wanted.chips if wanted.is_cut else fetch


def _notes(chips: int) -> list[str]:
    notes = ["chips count in full: blank ones, and those with too little data, are left out of a download"]
    if chips > MEASURED_TO:
        notes.append(f"searches are measured up to {MEASURED_TO:,} vectors; beyond, their time is extrapolated")
    return notes


def _figure(name: str) -> Range:
    return FIGURES[name].range


def _range(value: Range | float) -> Range:
    return value if isinstance(value, Range) else Range(value, value)


def _sum(ranges: Iterable[Range]) -> Range:
    total = Range(0, 0)
    for each in ranges:
        total += each
    return total


def _either(one: Range, other: Range) -> Range:
    return Range(min(one.low, other.low), max(one.high, other.high))


def _larger(one: Range, other: Range) -> Range:
    return Range(max(one.low, other.low), max(one.high, other.high))
