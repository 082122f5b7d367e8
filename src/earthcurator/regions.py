"""Where: areas on the globe, reading them from GeoJSON (RFC 7946), and what they look like in another projection.

Edges are straight lines of longitude and latitude, as RFC 7946 has it. Everything is kept within -180..180: what
crosses the antimeridian is cut there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from earthcurator.errors import BadBox, BadInput, NotFound
from earthcurator.models import Box

MAX_BYTES = 50_000_000
"""Larger GeoJSON files are refused before they are read."""

# Where a projection is of use; the rest of the globe is cut off before projecting. Not listed: everywhere.
_LATITUDES = {"EPSG:3413": (0.0, 90.0), "EPSG:3031": (-90.0, 0.0), "EPSG:3857": (-85.06, 85.06)}

# Edges bend when they are projected. With points this far apart, an arc of the largest circle that GIBS' polar grids
# hold is met to half a metre.
_DEGREES_BETWEEN_POINTS = 0.05
_POINTS_A_SIDE = 128

_WGS84 = ("CRS84", "EPSG::4326", "EPSG:4326", "WGS84", "WGS 84")

Points = NDArray[np.float64]
"""(n, 2) float64: x and y, or longitude and latitude."""


@dataclass(frozen=True, slots=True)
class Region:
    """An area on the globe."""

    geometry: BaseGeometry
    """Polygons in degrees of longitude and latitude, longitudes within -180..180: what crosses the antimeridian is cut
    there (RFC 7946, 3.1.9). A point or a line only where a box without area was asked for."""
    box: Box
    """The smallest box around it; `west > east` when it crosses the antimeridian."""


def region_of_box(box: Box) -> Region:
    """The region that a box covers."""
    if not box.crosses_antimeridian:
        return Region(_rectangle(box.west, box.south, box.east, box.north), box)
    halves = [_rectangle(box.west, box.south, 180, box.north), _rectangle(-180, box.south, box.east, box.north)]
    areas = only_polygons(shapely.geometrycollections(halves))
    return Region(shapely.union_all(halves) if areas.is_empty else areas, box)


def region_of_bounds(bounds: tuple[float, float, float, float], crs: str) -> Region:
    """The region that a rectangle (left, bottom, right, top) of another coordinate system covers, poles included."""
    left, bottom, right, top = bounds
    # A millimetre inwards: a pole is then on one side of the outline, never on it, and 180 never becomes -180.
    left, bottom, right, top = left + 1e-3, bottom + 1e-3, right - 1e-3, top - 1e-3
    if not (math.isfinite(sum(bounds)) and left < right and bottom < top):
        raise BadBox(f"{bounds} is not left, bottom, right, top in {crs}")
    way = np.linspace(0, 1, _POINTS_A_SIDE, endpoint=False)
    corners = np.array([(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)])
    outline = np.concatenate([a + np.outer(way, b - a) for a, b in pairwise(corners)])
    area = _ring_area(np.round(transform(outline, crs, "EPSG:4326"), 7))
    return _region([area], f"{bounds} in {crs}")


def read_region(path: Path) -> Region:
    """The polygons of a GeoJSON file: a geometry, a Feature or a FeatureCollection."""
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise BadInput(
                f"{path} has {size / 1e6:.0f} MB; Curator reads GeoJSON up to {MAX_BYTES / 1e6:.0f} MB",
                hint="simplify the polygons, e.g. with `ogr2ogr -simplify 0.001`",
            )
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as exc:
        raise NotFound(f"there is no file {path}", hint="give the path of a GeoJSON file") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"{path} cannot be read as text: {exc}", hint="give the path of a GeoJSON file") from exc
    return parse_region(text, name=str(path))


def parse_region(text: str, *, name: str = "the region") -> Region:
    """The polygons of a GeoJSON text. `name` is what error messages call it."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise BadInput(f"{name} is not JSON: {exc}", hint="give a GeoJSON file with polygons") from exc
    try:
        areas = [_polygon_area(rings) for rings in _polygons(document, name)]
    except (TypeError, ValueError, LookupError, OverflowError, RecursionError) as exc:
        raise BadInput(f"{name} is not GeoJSON that Curator understands: {exc}", hint="see RFC 7946") from exc
    return _region(areas, name)


def projected(region: Region, crs: str) -> BaseGeometry:
    """The region in another coordinate system, its edges bent as they should be. Empty where it cannot be shown."""
    south, north = _LATITUDES.get(crs, (-90.0, 90.0))
    shape = shapely.intersection(region.geometry, shapely.box(-180, south, 180, north))
    shape = shapely.segmentize(shape, _DEGREES_BETWEEN_POINTS)
    shape = shapely.transform(shape, lambda points: transform(points, "EPSG:4326", crs))
    # A ring around a pole runs along the antimeridian twice, there and back.
    return shapely.make_valid(shape, method="structure", keep_collapsed=False) if region.geometry.area else shape


def transform(points: Points, source: str, target: str) -> Points:
    """Points from one coordinate system to another; degrees are longitude, latitude."""
    from rasterio.warp import transform as warp  # GDAL is slow to import

    if not len(points):
        return points
    result = np.column_stack(warp(source, target, points[:, 0], points[:, 1]))
    if not np.isfinite(result).all():
        raise BadBox(f"a part of the region has no place in {target}", hint="choose a smaller region")
    return result


def only_polygons(geometry: BaseGeometry) -> BaseGeometry:
    """The parts that have an area; empty when no part has."""
    parts = [part for part in shapely.get_parts(geometry) if part.area > 0]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _region(areas: Iterable[BaseGeometry], name: str) -> Region:
    geometry = only_polygons(shapely.union_all(list(areas)))
    if geometry.is_empty:
        raise BadBox(f"{name} covers no area", hint="draw at least one polygon with three different corners")
    return Region(geometry, _box_around(geometry))


def _polygons(item: Any, name: str) -> Iterator[list[Any]]:
    """The rings of each polygon in a GeoJSON object. `Any`: it is whatever the file holds."""
    if not isinstance(item, dict) or "type" not in item:
        raise BadInput(f"{name} is JSON, but not GeoJSON", hint='a GeoJSON object has a "type", e.g. "Polygon"')
    if "crs" in item:
        _refuse_other_crs(item["crs"], name)
    match item["type"]:
        case "FeatureCollection":
            for feature in item["features"]:
                yield from _polygons(feature, name)
        case "Feature":
            if item["geometry"] is not None:
                yield from _polygons(item["geometry"], name)
        case "GeometryCollection":
            for geometry in item["geometries"]:
                yield from _polygons(geometry, name)
        case "MultiPolygon":
            yield from item["coordinates"]
        case "Polygon":
            yield item["coordinates"]
        case other:
            raise BadInput(
                f"{name} holds a {other!s:.40}; a region is made of polygons",
                hint="draw an area around it, e.g. with a buffer, or give a box",
            )


def _refuse_other_crs(crs: Any, name: str) -> None:
    """Before RFC 7946, GeoJSON could name a coordinate system; null stood for none."""
    if crs is not None and not any(known in str(crs) for known in _WGS84):
        raise BadInput(
            f"{name} is in the coordinate system {crs!s:.80}",
            hint="convert it to longitude and latitude (WGS 84), e.g. with `ogr2ogr -t_srs EPSG:4326`",
        )


def _polygon_area(rings: Sequence[Any]) -> BaseGeometry:
    """What a polygon covers: its first ring less the others."""
    if not rings:
        return shapely.Polygon()
    shell, *holes = (_ring_area(_corners(ring)) for ring in rings)
    return shapely.difference(shell, shapely.union_all(holes)) if holes else shell


def _corners(ring: Sequence[Sequence[float]]) -> Points:
    """Longitudes and latitudes of a ring; heights are dropped."""
    points = np.array([position[:2] for position in ring], dtype=np.float64).reshape(-1, 2)
    # Up to two turns are wrapped; NaN fails the comparison.
    for longitude, latitude in points[~((np.abs(points) <= (720, 90)).all(axis=1))]:
        raise BadBox(
            f"{longitude:g}, {latitude:g} is not a longitude and latitude",
            hint="GeoJSON is in degrees, longitude first; convert metres with `ogr2ogr -t_srs EPSG:4326`",
        )
    return points


def _ring_area(ring: Points) -> BaseGeometry:
    """What a ring encloses, within -180..180. A ring that goes once around the globe encloses the nearer pole."""
    if len(ring) < 3:
        return shapely.Polygon()
    # To a tenth of a millimetre: GEOS stumbles over numbers of 1e-40.
    closed = np.round(np.append(ring, ring[:1], axis=0), 9)
    longitudes, latitudes = np.round(_unwrap(closed[:, 0]), 9), closed[:, 1]
    outline = list(zip(longitudes, latitudes, strict=True))
    if abs(longitudes[-1] - longitudes[0]) > 180:
        pole = math.copysign(90, latitudes.mean())
        outline += [(longitudes[-1], pole), (longitudes[0], pole)]
    # Self-crossings are drawing mistakes: what any loop encloses is kept.
    return _cut(shapely.make_valid(shapely.Polygon(outline), method="structure", keep_collapsed=False))


def _unwrap(longitudes: Points) -> Points:
    """Let longitudes run on beyond 180 where an edge jumps by more than that: it means the short way round.

    An edge from -180 to 180 is meant as drawn, and so is all of a ring that already runs beyond.
    """
    steps = np.diff(longitudes)
    jumps = (np.abs(steps) > 180) & (np.abs(steps) < 360)
    if np.abs(longitudes).max() <= 180:
        steps = np.where(jumps, steps - np.copysign(360, steps), steps)
        return np.asarray(np.concatenate([longitudes[:1], longitudes[0] + np.cumsum(steps)]))
    return longitudes


def _cut(area: BaseGeometry) -> BaseGeometry:
    """Move what lies beyond -180..180 to where it is on the globe."""
    if area.is_empty:
        return area
    left, _, right, _ = area.bounds
    turns = range(math.floor((left + 180) / 360), math.ceil((right - 180) / 360) + 1)
    pieces = []
    for turn in turns:
        piece = shapely.intersection(area, shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90))
        if turn:  # rounded, for the difference would end in noise
            piece = shapely.transform(piece, lambda points, turn=turn: np.round(points - (360 * turn, 0), 9))
        pieces.append(piece)
    return shapely.union_all(pieces)


def _rectangle(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A polygon; a line or a point when two edges coincide."""
    if west < east and south < north:
        return shapely.box(west, south, east, north)
    if west == east and south == north:
        return shapely.Point(west, south)
    return shapely.LineString([(west, south), (east, north)])


def _box_around(geometry: BaseGeometry) -> Box:
    """The smallest box: what it leaves out is the widest gap between the parts, over the antimeridian or not."""
    bounds = shapely.bounds(shapely.get_parts(geometry)).tolist()
    spans = sorted((left, right) for left, _, right, _ in bounds)
    west, east = spans[0][0], max(right for _, right in spans)
    gap = max(west + 360 - east, 1e-9)  # parts that nearly touch have no gap
    reached = spans[0][1]
    for left, right in spans[1:]:
        if left - reached > gap:
            west, east, gap = left, reached, left - reached
        reached = max(reached, right)
    south, north = min(bound[1] for bound in bounds), max(bound[3] for bound in bounds)
    return Box(west=west, south=south, east=east, north=north)
