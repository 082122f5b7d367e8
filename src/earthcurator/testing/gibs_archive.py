"""What the fake GIBS holds: layers that do not exist, painted so that every pixel says where and when it is.

JPEG tiles: red and green are waves over the pixels of the whole level (`waves`), without seams, so a mosaic can be
compared with the formula; blue is a shade of its own for each layer, version, time and tile (`shade`), with the tile's
name written in it. PNG tiles have a palette whose index is the same wave (`reading`); index 0 is transparent.
"""

from __future__ import annotations

import hashlib
import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from itertools import count, takewhile
from math import ceil, pi
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Painting = Literal["true colour", "continuous", "fraction", "classes", "mask"]


def _never(_time: str, _zoom: int, _row: int, _column: int) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeLayer:
    """One imagery product of the fake."""

    id: str
    title: str
    painting: Painting = "true colour"
    """What its tiles look like. True colour is JPEG, everything else PNG with a palette and a colormap."""
    sets: Mapping[str, str] = field(default_factory=lambda: {"epsg4326": "250m"})
    """Projection → tile matrix set."""
    periods: str = ""
    """`start/end/step,…` as in capabilities; empty for a layer without times."""
    timed: bool = True
    """Whether addresses have a time. With `periods` empty this is a broken layer, as GIBS has a few: all tiles 404."""
    limits: Mapping[int, tuple[int, int, int, int]] = field(default_factory=dict)
    """For some zooms: first row, last row, first column, last column that hold imagery."""
    nrt_from: str = "9999"
    """From this time on tiles are of the near-real-time version; sorts as text."""
    blank: Callable[[str, int, int, int], bool] = _never
    """Which tiles (time as in `Layer-Time-Actual`, zoom, row, column) are empty."""
    gaps: bool = False
    """Whether there are slanted stripes without data (`in_gap`), which move from day to day."""
    grain: int = 0
    """Amplitude of noise in blue: 12 makes a JPEG tile about as large as NASA's, 64 KB."""
    subtitle: str = "Terra / MODIS"
    measurement: str = "Corrected Reflectance"
    ongoing: bool = True
    day_night: str = "day"

    @property
    def media_type(self) -> str:
        """Of its tiles."""
        return "image/jpeg" if self.painting == "true colour" else "image/png"

    @property
    def extension(self) -> str:
        """At the end of a tile's address."""
        return "jpg" if self.painting == "true colour" else "png"

    def version(self, time: str) -> str:
        """`Layer-Identifier-Actual` for a time."""
        return f"{self.id}_v6_{'NRT' if time >= self.nrt_from else 'STD'}"


_EVERYWHERE = {"epsg4326": "250m", "epsg3413": "250m", "epsg3031": "250m", "epsg3857": "GoogleMapsCompatible_Level9"}

DEFAULT_LAYERS = (
    FakeLayer(
        id="MODIS_Terra_CorrectedReflectance_TrueColor",
        title="Corrected Reflectance (True Color, Best Available, MODIS, Terra)",
        sets=_EVERYWHERE,
        periods="2000-02-24/2001-06-14/P1D,2001-07-03/2026-11-20/P1D",
        nrt_from="2026-11-10",
        gaps=True,
        blank=lambda time, *_: time.startswith("2020-12-25"),
    ),
    FakeLayer(
        id="VIIRS_SNPP_CorrectedReflectance_TrueColor",
        title="Corrected Reflectance (True Color, VIIRS, SNPP)",
        subtitle="Suomi NPP / VIIRS",
        # 130 periods, each two days long with one day missing between them: capabilities list the last hundred.
        periods=",".join(
            f"{datetime(2020, 1, 1) + timedelta(3 * n):%F}/{datetime(2020, 1, 2) + timedelta(3 * n):%F}/P1D"  # noqa: DTZ001
            for n in range(130)
        ),
    ),
    FakeLayer(
        id="AIRS_L2_Surface_Air_Temperature_Day",
        title="Surface Air Temperature (L2, Day, AIRS, Aqua)",
        painting="continuous",
        sets={"epsg4326": "2km"},
        periods="2002-08-30/2026-11-19/P1D",
        gaps=True,
        subtitle="Aqua / AIRS",
        measurement="Surface Air Temperature",
    ),
    FakeLayer(
        id="MODIS_Combined_L3_IGBP_Land_Cover_Type_Annual",
        title="Land Cover Type (L3, IGBP, Annual, Combined, MODIS)",
        painting="classes",
        sets={"epsg4326": "500m"},
        periods="2001-01-01/2024-01-01/P1Y",
        subtitle="Terra and Aqua / MODIS",
        measurement="Land Cover",
    ),
    FakeLayer(
        id="GOES-East_ABI_GeoColor",
        title="GeoColor (True Color (Day), Multispectral IR (Night), ABI, GOES-East)",
        sets={"epsg4326": "1km"},
        periods="2026-10-21T00:00:00Z/2026-11-20T23:50:00Z/PT10M",
        limits={zoom: (0, 5 * 2 ** (zoom - 3) - 1, 0, 5 * 2 ** (zoom - 3) - 1) for zoom in range(3, 7)},  # the west
        nrt_from="2026",
        subtitle="GOES-East / ABI",
        measurement="Geocolor",
        day_night="both",
    ),
    FakeLayer(
        id="MODIS_Terra_L3_NDVI_Monthly",
        title="Vegetation Index (L3, NDVI, Monthly, Terra, MODIS)",
        painting="continuous",
        sets={"epsg4326": "1km"},
        periods="2000-02-01/2026-10-01/P1M",
        measurement="Vegetation Indices",
    ),
    FakeLayer(
        id="MODIS_Terra_L3_Snow_Cover_8Day",
        title="Snow Cover (L3, 8-Day, Terra, MODIS)",
        painting="continuous",
        sets={"epsg4326": "500m", "epsg3413": "500m"},
        periods=",".join(f"{year}-01-01/{year}-12-{26 if year % 4 == 0 else 27}/P8D" for year in range(2018, 2026)),
        measurement="Snow Cover",
    ),
    FakeLayer(
        id="BlueMarble_ShadedRelief_Bathymetry",
        title="Blue Marble Shaded Relief and Bathymetry (MODIS, Terra)",
        sets={"epsg4326": "500m", "epsg3413": "500m", "epsg3031": "500m"},
        timed=False,
        measurement="Blue Marble",
        ongoing=False,
    ),
    FakeLayer(
        id="MODIS_Terra_Data_No_Data",
        title="No Data (Mask, Terra, MODIS)",
        painting="mask",
        periods="2000-02-24/2001-06-14/P1D,2001-07-03/2026-11-20/P1D",
        gaps=True,
        measurement="Data-No-Data",
    ),
    FakeLayer(
        id="MODIS_Terra_Cloud_Fraction_Day",
        title="Cloud Fraction (Day, Terra, MODIS)",
        painting="fraction",
        sets={"epsg4326": "2km"},
        periods="2000-02-24/2026-11-20/P1D",
        measurement="Cloud Fraction",
    ),
    FakeLayer(id="Retired_Layer_Without_Dimension", title="A layer that lost its times", measurement="Retired"),
)


# --- where --------------------------------------------------------------------------------------------------------

LEVELS = {
    "epsg4326": {"16km": 3, "2km": 6, "1km": 7, "500m": 8, "250m": 9, "31.25m": 12, "15.625m": 13},
    "epsg3413": {"1km": 4, "500m": 5, "250m": 6, "31.25m": 9},
    "epsg3031": {"1km": 4, "500m": 5, "250m": 6},
    "epsg3857": {f"GoogleMapsCompatible_Level{n}": n + 1 for n in (3, 6, 7, 8, 9, 12, 13)},
}
"""Projection → tile matrix set → how many levels."""

_MERCATOR = 6378137 * pi
_WORLDS = {
    # Left, top, width, height, units a pixel at level 0, pixels of a tile, metres a unit.
    "epsg4326": (-180.0, 90.0, 360.0, 180.0, 0.5625, 512, 6378137 * pi / 180),
    "epsg3413": (-4194304.0, 4194304.0, 8388608.0, 8388608.0, 8192.0, 512, 1.0),
    "epsg3031": (-4194304.0, 4194304.0, 8388608.0, 8388608.0, 8192.0, 512, 1.0),
    "epsg3857": (-_MERCATOR, _MERCATOR, 2 * _MERCATOR, 2 * _MERCATOR, 2 * _MERCATOR / 256, 256, 1.0),
}


@dataclass(frozen=True, slots=True)
class FakeMatrix:
    """One level of a tile matrix set."""

    left: float
    top: float
    resolution: float
    scale: float
    """ScaleDenominator."""
    side: int
    """Pixels of a tile, both ways."""
    columns: int
    rows: int
    width: int
    """Pixels of the world at this level; edge tiles may stick out of it."""
    height: int


@cache
def matrix(projection: str, zoom: int) -> FakeMatrix:
    """The numbers of a level, which are the same in all matrix sets of a projection."""
    left, top, width, height, coarsest, side, metres = _WORLDS[projection]
    resolution = coarsest / 2**zoom
    columns, rows = ceil(width / resolution / side), ceil(height / resolution / side)
    scale = resolution * metres / 0.00028
    return FakeMatrix(
        left, top, resolution, scale, side, columns, rows, round(width / resolution), round(height / resolution)
    )


# --- when ---------------------------------------------------------------------------------------------------------

_STEP = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def snap(periods: str, time: str) -> str | None:
    """The time whose imagery is shown for `time` (`default`: the last one), as `Layer-Time-Actual` writes it."""
    wanted = None if time == "default" else _parse(time)
    found: datetime | None = None
    for period in filter(None, periods.split(",")):
        first, last, step = period.split("/")
        at = _begin(_parse(first), _parse(last), step, wanted)
        found = at or found
        if at is not None and wanted is not None:
            break
    return None if found is None else f"{found:%FT%TZ}"


def _begin(first: datetime, last: datetime, step: str, wanted: datetime | None) -> datetime | None:
    """The start of the step in which `wanted` lies; the last step without it; None when it lies outside."""
    match = _STEP.fullmatch(step)
    years, months, days, hours, minutes, seconds = (int(n or 0) for n in match.groups()) if match else (0,) * 6
    whole_months = 12 * years + months
    if not whole_months:
        length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        at = first + ((wanted or last) - first) // length * length
        return at if first <= at <= last else None
    begun = (_months_after(first, number) for number in count(0, whole_months))
    starts = list(takewhile(lambda start: start <= min(last, wanted or last), begun))
    if not starts or (wanted is not None and wanted >= _months_after(first, len(starts) * whole_months)):
        return None
    return starts[-1]


def _months_after(first: datetime, months: int) -> datetime:
    """The same day of a later month; the last of the month where there is no such day."""
    month = first.year * 12 + first.month - 1 + months
    year, month = month // 12, month % 12 + 1
    return first.replace(year=year, month=month, day=min(first.day, monthrange(year, month)[1]))


def _parse(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- pixels -------------------------------------------------------------------------------------------------------

_Pixels = NDArray[np.integer[Any]]


def waves(x: _Pixels, y: _Pixels) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Red and green of a true-colour layer at pixels of a level, counted from its top left corner; 40..215."""
    return _wave(x, 1000), _wave(y, 700)


def shade(layer: FakeLayer, time: str, zoom: int, row: int, column: int) -> int:
    """Blue of a true-colour tile, 60..219: which tile, when, of which version."""
    name = f"{layer.version(time)} {time} {zoom}/{row}/{column}"
    return 60 + hashlib.sha256(name.encode()).digest()[0] % 160


def reading(layer: FakeLayer, time: str, x: _Pixels, y: _Pixels) -> NDArray[np.uint8]:
    """Palette index of a PNG layer at pixels of a level; 0 is transparent: no data."""
    gap = in_gap(time, x, y) if layer.gaps else np.zeros(np.broadcast_shapes(x.shape, y.shape), np.bool_)
    if layer.painting == "mask":
        return gap.astype(np.uint8)
    across, down = (wave.astype(np.uint16) - 40 for wave in waves(x, y))  # 0..175
    if layer.painting == "classes":
        index = 1 + (across // 44 + down // 44) % len(CLASSES)
    else:
        index = 1 + (across + down) * (entries(layer) - 1) // 350
    return np.where(gap, 0, index).astype(np.uint8)


def in_gap(time: str, x: _Pixels, y: _Pixels) -> NDArray[np.bool_]:
    """Where the satellite did not look: stripes of 60 of every 1,500 pixels."""
    day = _parse(time).toordinal() if time else 0
    inside: NDArray[np.bool_] = (x + y // 4 + 400 * day) % 1500 < 60
    return inside


CLASSES = ("Water", "Evergreen Needleleaf Forest", "Savannas", "Croplands", "Urban and Built-up", "Snow and Ice")


def entries(layer: FakeLayer) -> int:
    """How many colours a PNG layer has, without the transparent one."""
    return {"continuous": 250, "fraction": 100, "classes": len(CLASSES), "mask": 1, "true colour": 0}[layer.painting]


def colour(layer: FakeLayer, index: int) -> tuple[int, int, int]:
    """RGB of a palette index; every index has its own."""
    if layer.painting == "mask" or index == 0:
        return 0, 0, 0
    if layer.painting == "classes":
        return index * 40, 255 - index * 30, 17 * index % 256
    return index, 250 - abs(index - 125), 255 - index


def paint(layer: FakeLayer, projection: str, time: str, zoom: int, row: int, column: int) -> bytes:
    """The tile as the server sends it. `time` is an instant that exists, as in `Layer-Time-Actual`."""
    level = matrix(projection, zoom)
    if is_empty(layer, time, zoom, row, column):
        return blank_jpeg(level.side) if layer.painting == "true colour" else blank_png(level.side)
    x = (column * level.side + np.arange(level.side))[None, :]
    y = (row * level.side + np.arange(level.side))[:, None]
    outside = (x >= level.width) | (y >= level.height)
    if layer.painting != "true colour":
        return _png(layer, np.where(outside, np.uint8(0), reading(layer, time, x, y)))
    pixels = np.empty((level.side, level.side, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = waves(x, y)
    pixels[..., 2] = _lettered(layer, time, zoom, row, column, level.side)
    pixels[outside | (in_gap(time, x, y) if layer.gaps else outside)] = 0
    return _encoded(Image.fromarray(pixels), "jpeg", quality=85, subsampling=0)


def is_empty(layer: FakeLayer, time: str, zoom: int, row: int, column: int) -> bool:
    """Whether the server answers with its empty tile."""
    first_row, last_row, first_column, last_column = layer.limits.get(zoom, (0, row, 0, column))
    inside = first_row <= row <= last_row and first_column <= column <= last_column
    return not inside or layer.blank(time, zoom, row, column)


@cache
def blank_jpeg(side: int) -> bytes:
    """OnEarth's `Blank_RGB`, byte for byte: Pillow's default JPEG of black."""
    return _encoded(Image.new("RGB", (side, side)), "jpeg", quality=75)


@cache
def blank_png(side: int) -> bytes:
    """A transparent PNG, as OnEarth's `Blank_RGBA` but of other bytes."""
    return _encoded(Image.new("RGBA", (side, side)), "png")


def _wave(position: _Pixels, period: int) -> NDArray[np.uint8]:
    """Up and down in a straight line, 40..215."""
    up_and_down = np.abs(position % period * 2 - period)
    return (40 + up_and_down * 175 // period).astype(np.uint8)


def _lettered(layer: FakeLayer, time: str, zoom: int, row: int, column: int, side: int) -> NDArray[np.uint8]:
    """The blue channel: the tile's shade, with its name written into it."""
    plate = Image.new("L", (side, side), shade(layer, time, zoom, row, column))
    name = f"{layer.version(time)}\n{time}\n{zoom}/{row}/{column}"
    ImageDraw.Draw(plate).text((24, 24), name, fill=250, font=ImageFont.load_default(size=16))
    blue = np.asarray(plate)
    if layer.grain:
        rng = np.random.default_rng(int(hashlib.sha256(f"{layer.id} {name}".encode()).hexdigest()[:8], 16))
        noise = rng.integers(-layer.grain, layer.grain + 1, blue.shape)
        blue = np.clip(blue.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    return blue


def _png(layer: FakeLayer, indices: NDArray[np.uint8]) -> bytes:
    picture = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    picture.putpalette([part for index in range(entries(layer) + 1) for part in colour(layer, index)])
    return _encoded(picture, "png", transparency=0, compress_level=1)


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()
