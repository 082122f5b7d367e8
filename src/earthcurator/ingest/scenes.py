"""Cuts scenes (GeoTIFF, COG, JPEG 2000, pictures with a world file) into chips, window by window.

A scene is never held whole: each chip is one window read, stretched to 8 bit and kept as PNG.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.transform import Affine
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from earthcurator import pictures
from earthcurator.errors import BadDates, BadInput, BadScene, PictureTooLarge
from earthcurator.geo import Edge, window_starts, wrap_longitude
from earthcurator.ingest import stretch
from earthcurator.ingest.stretch import Palette, Stretch, StretchRule
from earthcurator.models import Arrival, Box, Chip, Skipped

log = logging.getLogger(__name__)

_DEGREES = CRS.from_epsg(4326)
_OVERVIEW = 1024
"""A stretch is measured on a reading of the scene that is at most this many pixels a side."""

_PIXELS_PER_BYTE = 4096
"""No lossless compression does better than this on real scenes; Deflate ends at 1032."""
_BLOCK_PIXELS = 256_000_000
"""GDAL decodes a tile or strip at once, so this bounds memory."""

_GDAL_OPTIONS = {
    "GDAL_CACHEMAX": 256 * 1024 * 1024,  # its own idea is 5 % of the machine
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",  # asks for each sidecar by name instead of listing a huge folder
}

# One driver for each format: GDAL is never left to guess, as some of its formats open other files and addresses.
_DRIVERS = {
    "image/bmp": "BMP",
    "image/gif": "GIF",
    "image/jp2": "JP2OpenJPEG",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/tiff": "GTiff",
    "image/webp": "WEBP",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneOptions:
    """How scenes become chips. `layer` and `time` are written on every chip of an import."""

    chip_size: int = 256
    """Pixels a side of each chip."""
    stride: int | None = None
    """Pixels from one chip to the next; `chip_size` when None."""
    edge: Edge = "shift"
    """The last chip of a row: moved inwards, padded with black, or left out. A scene smaller than a chip becomes one
    smaller chip, a padded one, or none."""
    bands: tuple[int, ...] | None = None
    """One or three band numbers from 1, as red, green, blue. None takes the first three, or the first as grey."""
    stretch: StretchRule = "auto"
    min_valid: float = 0.0
    """Chips with a smaller share of pixels with data are left out."""
    box: Box | None = None
    """Every picture covers this box, in EPSG:4326, whatever its file says; it is then cut like a scene."""
    layer: str | None = None
    time: datetime | None = None
    """When it was taken, timezone-aware. Dates in TIFF tags mostly say when a file was written, and are not used."""

    def __post_init__(self) -> None:
        if not 8 <= self.chip_size <= 8192:
            raise BadInput(f"a chip is 8 to 8192 pixels a side, not {self.chip_size}")
        if self.stride is not None and self.stride < 1:
            raise BadInput(f"the stride must be at least 1 pixel, not {self.stride}")
        if self.edge not in ("shift", "pad", "drop"):
            raise BadInput(f"there is no edge rule {self.edge!r}", hint="use shift, pad or drop")
        if self.bands is not None and (len(self.bands) not in (1, 3) or min(self.bands) < 1):
            raise BadInput(f"bands are one or three numbers from 1, not {self.bands}", hint="e.g. 4,3,2")
        if not 0 <= self.min_valid <= 1:
            raise BadInput(f"the share of valid pixels must be within 0..1, not {self.min_valid:g}")
        if self.time is not None and self.time.tzinfo is None:
            raise BadDates(f"{self.time} has no time zone", hint="use datetime(..., tzinfo=timezone.utc)")
        stretch.check(self.stretch)

    @property
    def time_utc(self) -> datetime | None:
        """`time`, in UTC."""
        return None if self.time is None else self.time.astimezone(UTC)


class Scene:
    """A raster whose windows become chips. Many threads may call `cut`; each gets a GDAL handle of its own."""

    def __init__(
        self, source: Path | bytes, media_type: str, *, origin: str, folder: str | None, options: SceneOptions
    ) -> None:
        self.origin = origin
        self._source, self._driver = source, _DRIVERS[media_type]
        self._folder, self._options = folder, options
        self._sha256 = _sha256(source)
        self._open_handles = ExitStack()
        self._idle: list[DatasetReader] = []
        self._lock = threading.Lock()
        with _gdal(), _opened(source, self._driver) as dataset:
            _check_size(dataset, source)
            self.width, self.height = dataset.width, dataset.height
            self._crs, self._transform = _georeference(dataset, media_type, options.box)
            self._bands = _choose_bands(dataset, options.bands)
            self._stretch = _choose_stretch(dataset, self._bands, options.stretch)
            epsg = self._crs.to_epsg() if self._crs else None
        self._crs_name = f"EPSG:{epsg}" if epsg else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open_handles.close()

    @property
    def chip_shape(self) -> tuple[int, int]:
        """Width and height of its chips."""
        size = self._options.chip_size
        return (min(size, self.width), min(size, self.height)) if self._options.edge == "shift" else (size, size)

    @property
    def chip_bytes(self) -> int:
        """Roughly what one chip takes in memory while it is cut."""
        return self._options.chip_size**2 * 16 * len(self._bands)

    def windows(self) -> Iterator[tuple[int, int]]:
        """Left and top of every window, row by row."""
        options = self._options
        size, stride = options.chip_size, options.stride or options.chip_size
        columns = window_starts(self.width, size, stride, options.edge)
        for y in window_starts(self.height, size, stride, options.edge):
            for x in columns:
                yield x, y

    def name(self, x: int, y: int) -> str:
        """Everything that decides the pixels of a chip, but the scene itself."""
        width, height = self.chip_shape
        bands = "-".join(map(str, self._bands))
        return f"x={x},y={y},w={width},h={height},bands={bands},stretch={self._stretch.name}"

    def cut(self, x: int, y: int) -> Arrival | Skipped:
        """The chip whose upper left pixel is (x, y), unless too few of its pixels carry data."""
        options, (width, height), name = self._options, self.chip_shape, self.name(x, y)
        with _gdal():
            pixels, valid = self._read(x, y)
        if valid < options.min_valid:
            return Skipped(f"{self.origin}#{name}")
        picture = pictures.encode_png(pixels)
        chip = Chip(
            id=hashlib.sha256(f"{self._sha256}#{name}".encode()).hexdigest()[:32],
            media_type="image/png",
            width=width,
            height=height,
            sha256=hashlib.sha256(picture).hexdigest(),
            origin=f"{self.origin}#{name}",
            folder=self._folder,
            layer=options.layer,
            time=options.time_utc,
            crs=self._crs_name,
            box=self._box(x, y),
            valid=valid,
        )
        return Arrival(chip, picture)

    def _read(self, x: int, y: int) -> tuple[NDArray[np.uint8], float]:
        """Pixels (height, width, 3), black where there is no data, and the share of them that has data."""
        width, height = self.chip_shape
        inside = Window(x, y, min(width, self.width - x), min(height, self.height - y))
        with self._borrowed() as dataset:
            values = dataset.read(self._bands, window=inside, masked=True)
        missing = _missing(values)
        colours = np.where(missing, 0, self._stretch.apply(values.data))
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[: inside.height, : inside.width] = np.moveaxis(colours, 0, 2)
        return pixels, float(np.count_nonzero(~missing.all(axis=0)) / (width * height))

    def _box(self, x: int, y: int) -> Box | None:
        if self._crs is None:
            return None
        width, height = self.chip_shape
        a, b, c, d, e, f = self._transform[:6]  # spelt out: releases of affine disagree on the operator
        corners = [(x + dx, y + dy) for dx in (0, width) for dy in (0, height)]
        across = [a * column + b * row + c for column, row in corners]
        down = [d * column + e * row + f for column, row in corners]
        return box_in_degrees(self._crs, min(across), min(down), max(across), max(down))

    @contextmanager
    def _borrowed(self) -> Iterator[DatasetReader]:
        with self._lock:
            dataset = self._idle.pop() if self._idle else None
        if dataset is None:
            dataset = _open_into(self._open_handles, self._source, self._driver)
        try:
            yield dataset
        finally:
            self._idle.append(dataset)


def box_in_degrees(crs: CRS, left: float, bottom: float, right: float, top: float) -> Box | None:
    """Bounds on the globe of a rectangle in any coordinate system; None where the rectangle is off the globe."""
    if crs != _DEGREES:
        try:
            # Points along the edges count too, so that a pole or a bulge inside is not cut off.
            left, bottom, right, top = transform_bounds(crs, _DEGREES, left, bottom, right, top, densify_pts=21)
        except (RasterioError, CPLE_BaseError):
            return None
    if not all(map(math.isfinite, (left, bottom, right, top))):
        return None
    south, north = max(-90.0, bottom), min(90.0, top)
    if south > north:
        return None
    # A hair of tolerance, because pixel sizes in files are rounded.
    if right - left >= 360 - 1e-9 or (right > left and left <= -180 + 1e-9 and right >= 180 - 1e-9):
        return Box(west=-180, south=south, east=180, north=north)
    west, east = wrap_longitude(round(left, 9)), wrap_longitude(round(right, 9))
    return Box(west=-180 if west == 180 else west, south=south, east=180 if east == -180 else east, north=north)


@contextmanager
def _gdal() -> Iterator[None]:
    """A bounded cache, and `BadScene` for whatever GDAL raises."""
    try:
        with rasterio.Env(**_GDAL_OPTIONS):
            yield
    except (RasterioError, CPLE_BaseError, OSError) as exc:  # rasterio lets some of GDAL's own through
        raise BadScene(
            f"the scene is damaged ({exc.__cause__ or exc})", hint="copy or download it again; gdalinfo says more"
        ) from exc


@contextmanager
def _opened(source: Path | bytes, driver: str) -> Iterator[DatasetReader]:
    with ExitStack() as handles:
        yield _open_into(handles, source, driver)


def _open_into(handles: ExitStack, source: Path | bytes, driver: str) -> DatasetReader:
    # A scene without a place is fine here; `catch_warnings` would not be safe across threads.
    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
    # Not as context managers: rasterio's are tied to one thread, and these are closed by another than opened them.
    if isinstance(source, bytes):
        memory = MemoryFile(source)
        handles.callback(memory.close)
        dataset = memory.open(driver=driver)
    else:
        dataset = rasterio.open(source, driver=driver)
    handles.callback(dataset.close)
    return dataset


def _check_size(dataset: DatasetReader, source: Path | bytes) -> None:
    """Refuse a header that claims what its file cannot hold, before anyone cuts millions of black chips from it."""
    stored = len(source) if isinstance(source, bytes) else source.stat().st_size
    block = max(height * width for height, width in dataset.block_shapes)
    if dataset.width * dataset.height > max(pictures.MAX_PIXELS, stored * _PIXELS_PER_BYTE) or block > _BLOCK_PIXELS:
        raise PictureTooLarge(
            f"its header claims {dataset.width} x {dataset.height} pixels, in a file of {stored:,} bytes",
            hint="it is probably damaged; if not, write it again in tiles (gdal_translate -of COG)",
        )


def _sha256(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _georeference(dataset: DatasetReader, media_type: str, box: Box | None) -> tuple[CRS | None, Affine]:
    """Coordinate system (None: place unknown) and the way from pixels to it."""
    if box is not None:
        across = (box.east - box.west) % 360 or 360
        down = box.north - box.south
        return _DEGREES, Affine(across / dataset.width, 0, box.west, 0, -down / dataset.height, box.north)
    if dataset.crs or dataset.transform.is_identity or media_type not in ("image/jpeg", "image/png"):
        return dataset.crs, dataset.transform
    # A world file has numbers but no coordinate system. Degrees are the only one its numbers can give away.
    left, bottom, right, top = dataset.bounds
    if -180.001 <= left < right <= 180.001 and -90.001 <= bottom < top <= 90.001:
        return _DEGREES, dataset.transform
    raise BadScene(
        f"its world file places it at {left:g}, {bottom:g}, which is not in degrees",
        hint="convert it to a GeoTIFF with its coordinate system (gdal_translate -a_srs EPSG:...)",
    )


def _choose_bands(dataset: DatasetReader, wanted: tuple[int, ...] | None) -> tuple[int, ...]:
    if wanted is None:
        colours = [
            band
            for band, meaning in zip(dataset.indexes, dataset.colorinterp, strict=True)
            if meaning != ColorInterp.alpha
        ]
        wanted = tuple(colours[:3] if len(colours) >= 3 else colours[:1])
    if not wanted or max(wanted) > dataset.count:
        raise BadScene(f"it has {dataset.count} bands, so not {wanted}", hint="choose others with --bands")
    return wanted


def _choose_stretch(dataset: DatasetReader, bands: tuple[int, ...], rule: StretchRule) -> Stretch | Palette:
    if rule == "auto" and len(bands) == 1 and dataset.colorinterp[bands[0] - 1] == ColorInterp.palette:
        return _palette(dataset, bands[0])
    dtype = np.dtype(np.result_type(*(dataset.dtypes[band - 1] for band in bands)))
    if dtype.kind not in "iuf":
        raise BadScene(f"its values are {dtype}, which is not a brightness", hint="convert it to real numbers")
    rule = stretch.resolve(rule, dtype)
    if rule not in ("minmax", "percentile"):
        return stretch.measure(rule, np.ma.zeros((len(bands), 1, 1)))
    shrink = max(1.0, max(dataset.width, dataset.height) / _OVERVIEW)
    shape = (len(bands), max(1, round(dataset.height / shrink)), max(1, round(dataset.width / shrink)))
    return stretch.measure(rule, dataset.read(bands, out_shape=shape, masked=True))


def _palette(dataset: DatasetReader, band: int) -> Palette:
    colours = np.zeros((np.iinfo(dataset.dtypes[band - 1]).max + 1, 3), np.uint8)
    for value, (red, green, blue, _) in dataset.colormap(band).items():
        colours[value] = red, green, blue
    return Palette(colours)


def _missing(values: np.ma.MaskedArray[tuple[int, ...], np.dtype[np.generic]]) -> NDArray[np.bool_]:
    missing = np.ma.getmaskarray(values)
    return missing | ~np.isfinite(values.data) if values.dtype.kind == "f" else missing
