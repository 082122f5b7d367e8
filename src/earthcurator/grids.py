"""Tile matrix sets (OGC 07-057r7, WMTS 1.0): where the pixels of each level lie, and which tiles a region touches.

A level is one large raster. A `Tile` is one file of it, a `Window` any rectangle of its pixels. Columns and pixels to
the right of the world wrap around where the coordinate system does (degrees); elsewhere they do not exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from earthcurator.errors import BadBox, BadInput
from earthcurator.models import Box
from earthcurator.regions import Region, only_polygons, projected, region_of_bounds

METRES_PER_DEGREE = 6378137 * math.pi / 180
"""Along the equator of WGS 84, as WMTS' scale denominators have it."""

Bounds = tuple[float, float, float, float]
"""Left, bottom, right, top in the units of a coordinate system."""

GIBS_SETS: Mapping[str, Mapping[str, int]] = {
    "EPSG:4326": {"16km": 3, "2km": 6, "1km": 7, "500m": 8, "250m": 9, "31.25m": 12, "15.625m": 13},
    "EPSG:3413": {"1km": 4, "500m": 5, "250m": 6, "31.25m": 9},
    "EPSG:3031": {"1km": 4, "500m": 5, "250m": 6},
    "EPSG:3857": {f"GoogleMapsCompatible_Level{finest}": finest + 1 for finest in (3, 6, 7, 8, 9, 12, 13)},
}
"""Coordinate system → name of GIBS' tile matrix set → how many levels it has (OnEarth, `tilematrixsets.xml`)."""

Columns = NDArray[np.int64]
Chosen = NDArray[np.bool_]

_MERCATOR = 6378137 * math.pi

# World, pixels along a tile, and units a pixel of the coarsest matrix. Each next one has twice as many pixels.
_GIBS_LEVEL_0: Mapping[str, tuple[Bounds, int, float]] = {
    "EPSG:4326": ((-180.0, -90.0, 180.0, 90.0), 512, 0.5625),
    "EPSG:3413": ((-4194304.0, -4194304.0, 4194304.0, 4194304.0), 512, 8192.0),
    "EPSG:3031": ((-4194304.0, -4194304.0, 4194304.0, 4194304.0), 512, 8192.0),
    "EPSG:3857": ((-_MERCATOR, -_MERCATOR, _MERCATOR, _MERCATOR), 256, _MERCATOR / 128),
}

# Edges that agree to a millionth of a pixel are the same edge: third parties print resolutions with rounding errors.
_SAME = 1e-6


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A position in a tile matrix set. Row before column, as in WMTS."""

    zoom: int
    """Number of the matrix, from 0, the coarsest."""
    row: int
    """From the top."""
    column: int
    """From the left."""

    def __str__(self) -> str:
        return f"{self.zoom}/{self.row}/{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A rectangle of the pixels of one level."""

    zoom: int
    x: int
    """Leftmost pixel, from the left edge of the level."""
    y: int
    """Topmost pixel, from the top edge of the level."""
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """One level of a grid."""

    identifier: str
    """What the server calls it, mostly `0`, `1`, …, at times `00`."""
    resolution: float
    """Units of the coordinate system a pixel."""
    left: float
    """Left edge of column 0."""
    top: float
    """Top edge of row 0."""
    tile_width: int
    """Pixels."""
    tile_height: int
    """Pixels."""
    columns: int
    rows: int


@dataclass(frozen=True)
class Grid:
    """A tile matrix set."""

    identifier: str
    """E.g. `250m`."""
    crs: str
    """E.g. `EPSG:4326`, whose axes are here always longitude, latitude."""
    matrices: tuple[Matrix, ...]
    """From coarse to fine."""
    world: Bounds
    """Where there can be imagery. Edge tiles may stick out of it."""

    @cached_property
    def in_degrees(self) -> bool:
        """Whether the units are degrees of longitude and latitude; else they are metres."""
        return self.crs == "EPSG:4326"

    def matrix(self, zoom: int) -> Matrix:
        """The matrix of a level. Raises `BadInput` for a level that the grid does not have."""
        if not 0 <= zoom < len(self.matrices):
            raise BadInput(
                f"there is no level {zoom} in {self.identifier}", hint=f"choose one from 0 to {len(self.matrices) - 1}"
            )
        return self.matrices[zoom]

    def metres_per_pixel(self, zoom: int) -> float:
        """Nominal size of a pixel: along the equator for degrees."""
        return self.matrix(zoom).resolution * (METRES_PER_DEGREE if self.in_degrees else 1)

    def zoom_for(self, metres_per_pixel: float) -> int:
        """The coarsest level that is at least this fine, give or take 1 %; the finest if none is."""
        fine_enough = (z for z in range(len(self.matrices)) if self.metres_per_pixel(z) <= metres_per_pixel * 1.01)
        return next(fine_enough, len(self.matrices) - 1)

    @cached_property
    def wraps(self) -> bool:
        """Whether the right edge of the world is its left edge."""
        return self.in_degrees and math.isclose(self.world[2] - self.world[0], 360)

    def size(self, zoom: int) -> tuple[int, int]:
        """Width and height of the world in pixels, without what the edge tiles have beyond it."""
        matrix = self.matrix(zoom)
        width = round((self.world[2] - matrix.left) / matrix.resolution)
        height = round((matrix.top - self.world[1]) / matrix.resolution)
        return min(width, matrix.columns * matrix.tile_width), min(height, matrix.rows * matrix.tile_height)

    def window_of_tile(self, tile: Tile) -> Window:
        """All pixels of a tile, those beyond the world too."""
        matrix = self.matrix(tile.zoom)
        width, height = matrix.tile_width, matrix.tile_height
        return Window(tile.zoom, tile.column * width, tile.row * height, width, height)

    def visible(self, tile: Tile) -> Window:
        """The pixels of a tile that lie in the world."""
        window, (width, height) = self.window_of_tile(tile), self.size(tile.zoom)
        right, bottom = min(window.x + window.width, width), min(window.y + window.height, height)
        return Window(tile.zoom, window.x, window.y, right - window.x, bottom - window.y)

    def parts(self, window: Window) -> list[Window]:
        """The pixels of a window that exist: itself, cut to the world; two windows, left then right, over its edge."""
        width, height = self.size(window.zoom)
        top, bottom = max(window.y, 0), min(window.y + window.height, height)
        if self.wraps:
            left = window.x % width
            right = left + min(window.width, width)
            spans = [(left, min(right, width)), (0, right - width)]
        else:
            spans = [(max(window.x, 0), min(window.x + window.width, width))]
        return [Window(window.zoom, a, top, b - a, bottom - top) for a, b in spans if a < b and top < bottom]

    def tiles_of(self, window: Window) -> list[Tile]:
        """The tiles that hold a window's pixels, row by row, each once."""
        matrix, parts = self.matrix(window.zoom), self.parts(window)
        if not parts:
            return []
        rows = _steps(parts[0].y, parts[0].height, matrix.tile_height)
        columns = dict.fromkeys(c for part in parts for c in _steps(part.x, part.width, matrix.tile_width))
        return [Tile(window.zoom, row, column) for row in rows for column in columns]

    def bounds_of_window(self, window: Window) -> Bounds:
        """The edges of a window in units of the coordinate system; the right one may lie beyond 180 degrees."""
        m = self.matrix(window.zoom)
        left, top = m.left + window.x * m.resolution, m.top - window.y * m.resolution
        return left, top - window.height * m.resolution, left + window.width * m.resolution, top

    def box_of_window(self, window: Window) -> Box | None:
        """The smallest box around those pixels of a window that exist; None when none does."""
        parts = self.parts(window)
        if not parts:
            return None
        if not self.in_degrees:
            return region_of_bounds(self.bounds_of_window(parts[0]), self.crs).box
        west, south, _, north = self.bounds_of_window(parts[0])
        east = self.bounds_of_window(parts[-1])[2]
        if west == east:  # all the way round
            west, east = -180, 180
        return Box(west=max(west, -180), south=max(south, -90), east=min(east, 180), north=min(north, 90))

    def box_of_tile(self, tile: Tile) -> Box:
        """The smallest box around those pixels of a tile that exist. Raises `BadInput` when there is no such tile."""
        box = self.box_of_window(self.visible(tile))
        if box is None:
            raise BadInput(f"there is no tile {tile} in {self.identifier} of {self.crs}")
        return box

    def name_of(self, window: Window) -> str:
        """`crs/zoom/x+width/y+height`: the same for everything that shows these pixels."""
        return f"{self.crs}/{window.zoom}/x{window.x}+{window.width}/y{window.y}+{window.height}"

    def cover(self, region: Region, zoom: int) -> list[Tile]:
        """Every tile that shares an area with the region, by row, then column. `BadBox` when there is none."""
        footprint, matrix, (width, height) = self._footprint(region, zoom), self.matrix(zoom), self.size(zoom)
        left = np.arange(0, width, matrix.tile_width)
        right = np.minimum(left + matrix.tile_width, width)
        tiles = []
        for row in _steps(*_rows(footprint, height), matrix.tile_height):
            top = row * matrix.tile_height
            bottom = min(top + matrix.tile_height, height)
            columns = np.flatnonzero(_overlap(footprint, left, right, top, bottom))
            tiles += [Tile(zoom, row, column) for column in columns.tolist()]
        return tiles

    def window_of(self, region: Region, zoom: int) -> Window:
        """The smallest window around the region. Over the antimeridian it runs on beyond the world's right edge."""
        footprint, (width, height) = self._footprint(region, zoom), self.size(zoom)
        left, _, right, _ = footprint.bounds
        if self.wraps and region.box.crosses_antimeridian:
            matrix = self.matrix(zoom)
            left = (region.box.west - matrix.left) / matrix.resolution
            right = (region.box.east - matrix.left) / matrix.resolution + width
        else:
            right = min(right, width)
        x = max(math.floor(left + _SAME), 0)
        y, rows = _rows(footprint, height)
        return Window(zoom, x % width, y, min(math.ceil(right - _SAME) - x, width), rows)

    def touches(self, region: Region, zoom: int) -> Callable[[Window], bool]:
        """A test whether a window of this level shares an area with the region."""
        footprint = self._footprint(region, zoom)

        def touch(window: Window) -> bool:
            edges = [(w.x, w.x + w.width, w.y, w.y + w.height) for w in self.parts(window)]
            return any(_overlap(footprint, np.array([a]), np.array([b]), c, d)[0] for a, b, c, d in edges)

        return touch

    def lattice(self, region: Region, zoom: int, *, size: int, stride: int, inside: bool = False) -> Iterator[Window]:
        """Square windows at multiples of `stride` that share an area with the region, by row, then column.

        With `inside` only those that lie in the region as a whole. Others may hang over the bottom edge of the world,
        and over its right edge where it does not wrap around: the pixels there do not exist.
        """
        if min(size, stride) < 1:
            raise BadInput(f"size {size} and stride {stride} must both be at least 1")
        footprint, (width, height) = self._footprint(region, zoom), self.size(zoom)
        first, rows = _rows(footprint, height)
        for y in range(max(0, (first - size) // stride + 1) * stride, first + rows, stride):
            bottom, left = min(y + size, height), np.arange(0, width, stride)
            right = left + size
            beyond = np.minimum(right - width, left) if self.wraps else np.zeros_like(left)
            overlap = _overlap(footprint, left, np.minimum(right, width), y, bottom)
            overlap |= _overlap(footprint, np.zeros_like(left), beyond, y, bottom)
            left, right, beyond = left[overlap], right[overlap], beyond[overlap]
            if inside:
                area = _shared_area(footprint, left, np.minimum(right, width), y, bottom)
                area += _shared_area(footprint, np.zeros_like(left), beyond, y, bottom)
                left = left[area > (1 - _SAME) * size * size]
            yield from (Window(zoom, x, y, size, size) for x in left.tolist())

    def _footprint(self, region: Region, zoom: int) -> BaseGeometry:
        """The part of the region that lies in the world, in pixels of a level. Never empty."""
        matrix = self.matrix(zoom)
        shape = region.geometry if self.in_degrees else projected(region, self.crs)
        shape = shapely.intersection(shape, shapely.box(*self.world))
        if region.geometry.area:
            shape = only_polygons(shape)
        if shape.is_empty:
            raise BadBox(
                f"the region {_name(region.box)} lies outside what {self.identifier} of {self.crs} covers",
                hint="choose another projection or another region",
            )
        origin, pixel = (matrix.left, matrix.top), (matrix.resolution, -matrix.resolution)
        shape = shapely.transform(shape, lambda points: (points - origin) / pixel)
        if shape.area <= _SAME * shape.length:  # a point, a line or a hair: give it a little width
            shape = shapely.buffer(shape, 0.01)
        shapely.prepare(shape)
        return shape


@cache
def gibs_grid(crs: str, name: str) -> Grid:
    """One of GIBS' tile matrix sets, e.g. `gibs_grid("EPSG:4326", "250m")`.

    >>> gibs_grid("EPSG:4326", "250m").box_of_tile(Tile(6, 13, 36))
    Box(west=-18.0, south=27.0, east=-13.5, north=31.5)
    """
    sets = GIBS_SETS.get(crs)
    if sets is None:
        raise BadInput(f"GIBS has no projection {crs!r}", hint=f"choose one of {', '.join(GIBS_SETS)}")
    if name not in sets:
        raise BadInput(f"GIBS has no tile matrix set {name!r} in {crs}", hint=f"choose one of {', '.join(sets)}")
    world, pixels, resolution = _GIBS_LEVEL_0[crs]
    left, bottom, right, top = world
    matrices = []
    for zoom in range(sets[name]):
        side = pixels * resolution / 2**zoom
        matrices.append(
            Matrix(
                identifier=str(zoom),
                resolution=resolution / 2**zoom,
                left=left,
                top=top,
                tile_width=pixels,
                tile_height=pixels,
                columns=math.ceil((right - left) / side),
                rows=math.ceil((top - bottom) / side),
            )
        )
    return Grid(name, crs, tuple(matrices), world)


def _steps(start: int, length: int, step: int) -> range:
    """Which intervals of `step` pixels hold those from `start`."""
    return range(start // step, -(-(start + length) // step))


def _rows(footprint: BaseGeometry, height: int) -> tuple[int, int]:
    """The first row of pixels that a footprint touches, and how many it touches."""
    _, top, _, bottom = footprint.bounds
    first = max(math.floor(top + _SAME), 0)
    return first, max(min(math.ceil(bottom - _SAME), height) - first, 1)


def _overlap(footprint: BaseGeometry, left: Columns, right: Columns, top: int, bottom: int) -> Chosen:
    """Which rectangles of a row share an area with the footprint. Where right <= left there is no rectangle."""
    west, _, east, _ = footprint.bounds
    result: Chosen = (left < right) & (left < east) & (west < right)
    boxes = shapely.box(left[result] + _SAME, top + _SAME, right[result] - _SAME, bottom - _SAME)
    result[result] = shapely.intersects(footprint, boxes)
    return result


def _shared_area(footprint: BaseGeometry, left: Columns, right: Columns, top: int, bottom: int) -> NDArray[np.float64]:
    """How many pixels each rectangle of a row shares with the footprint. Where right <= left there is no rectangle."""
    boxes = shapely.box(left, top, np.maximum(right, left), bottom)
    whole = shapely.covers(footprint, boxes)
    area = np.where(whole, shapely.area(boxes), 0.0)
    area[~whole] = shapely.area(shapely.intersection(footprint, boxes[~whole]))
    return np.asarray(area)


def _name(box: Box) -> str:
    return f"{box.west:g},{box.south:g},{box.east:g},{box.north:g}"
