"""Reading areas: what people draw, what programs write, and what is neither."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from earthcurator.errors import BadBox, BadInput, CuratorError, NotFound
from earthcurator.geo import parse_box
from earthcurator.models import Box
from earthcurator.regions import MAX_BYTES, Region, parse_region, read_region, region_of_bounds, region_of_box


def ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def geojson(*rings: list[Any], kind: str = "Polygon") -> dict[str, Any]:
    return {"type": kind, "coordinates": list(rings)}


def parse(item: object) -> Region:
    return parse_region(json.dumps(item))


SQUARE = geojson(ring(10, 20, 12, 22))
FARTHER = geojson(ring(20, 20, 22, 22))


@pytest.mark.parametrize(
    "item",
    [
        SQUARE,
        {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]]},
        {"type": "Feature", "geometry": SQUARE, "properties": None},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": SQUARE}]},
        {"type": "GeometryCollection", "geometries": [SQUARE]},
        SQUARE | {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}},
        SQUARE | {"crs": None},
        geojson([[*point, 300.0] for point in ring(10, 20, 12, 22)]),
        geojson(ring(10, 20, 12, 22)[:-1]),
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": g} for g in (SQUARE, None)]},
    ],
)
def test_every_way_to_write_a_polygon_is_read(item: object) -> None:
    found = parse(item)
    assert found.box == parse_box("10,20,12,22")
    assert found.geometry.area == pytest.approx(4)


def test_several_polygons_are_one_region() -> None:
    overlapping = geojson(ring(11, 20, 13, 22))
    found = parse({"type": "GeometryCollection", "geometries": [SQUARE, overlapping, FARTHER]})
    assert found.geometry.area == pytest.approx(6 + 4)
    assert found.box == parse_box("10,20,22,22")


def test_a_hole_is_not_part_of_the_region() -> None:
    assert parse(geojson(ring(0, 0, 10, 10), ring(2, 2, 4, 4))).geometry.area == pytest.approx(96)


@pytest.mark.parametrize(
    ("drawn", "box", "area"),
    [
        (ring(170, -10, 190, 10), "170,-10,-170,10", 400),  # runs on
        (ring(-190, -10, -170, 10), "170,-10,-170,10", 400),
        (ring(170, -10, -170, 10), "170,-10,-170,10", 400),  # jumps
        (ring(-170, -10, 170, 10), "170,-10,-170,10", 400),
        (ring(200, 0, 210, 10), "-160,0,-150,10", 100),
        (ring(-180, -90, 180, 90), "-180,-90,180,90", 360 * 180),
        (ring(0, -90, 360, 90), "-180,-90,180,90", 360 * 180),
        (ring(-180, 60, 180, 90), "-180,60,180,90", 360 * 30),
        (ring(10, 0, 350, 1), "10,0,-10,1", 340),
        (ring(0, 0, 180, 10), "0,0,180,10", 1800),
    ],
)
def test_polygons_over_the_antimeridian_are_cut_there(drawn: list[list[float]], box: str, area: float) -> None:
    found = parse(geojson(drawn))
    assert found.box == parse_box(box)
    assert found.geometry.area == pytest.approx(area)
    west, _, east, _ = found.geometry.bounds
    assert -180 <= west <= east <= 180


def test_a_polygon_cut_at_the_antimeridian_has_a_narrow_box() -> None:
    halves = {"type": "MultiPolygon", "coordinates": [[ring(170, 0, 180, 10)], [ring(-180, 0, -175, 10)]]}
    assert parse(halves).box == parse_box("170,0,-175,10")


def test_the_box_leaves_out_the_widest_gap() -> None:
    parts = {"type": "MultiPolygon", "coordinates": [[ring(-100, 0, -90, 10)], [ring(100, 0, 110, 10)]]}
    assert parse(parts).box == parse_box("100,0,-90,10")
    parts = {"type": "MultiPolygon", "coordinates": [[ring(-80, 0, -70, 10)], [ring(70, 0, 80, 10)]]}
    assert parse(parts).box == parse_box("-80,0,80,10")


@pytest.mark.parametrize(("latitude", "box"), [(70, "-180,70,180,90"), (-70, "-180,-90,180,-70")])
@pytest.mark.parametrize("way", [1, -1])
def test_a_ring_once_around_the_globe_encloses_the_nearer_pole(latitude: float, box: str, way: int) -> None:
    around = [[float(longitude), latitude] for longitude in range(-175, 180, 10)][::way]
    found = parse(geojson([*around, around[0]]))
    assert found.box == parse_box(box)
    assert found.geometry.area == pytest.approx(360 * 20)


def test_a_ring_around_the_pole_with_a_hole_around_it() -> None:
    outer, inner = ([[float(x), y] for x in range(start, start + 360, 10) if x < 180] for y, start in ((60, -180), (80, -175)))  # noqa: E501  # fmt: skip
    found = parse(geojson([*outer, outer[0]], [*inner, inner[0]]))
    assert found.geometry.area == pytest.approx(360 * 20)


def test_a_bow_tie_keeps_both_its_halves() -> None:
    found = parse(geojson([[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]))
    assert found.geometry.area == pytest.approx(50)
    assert found.geometry.is_valid


@pytest.mark.parametrize(
    ("item", "error", "says"),
    [
        (geojson([[0, 0], [5, 5], [0, 0]]), BadBox, "no area"),
        (geojson(), BadBox, "no area"),
        ({"type": "FeatureCollection", "features": []}, BadBox, "no area"),
        ({"type": "Point", "coordinates": [1, 2]}, BadInput, "Point"),
        ({"type": "LineString", "coordinates": [[1, 2], [3, 4]]}, BadInput, "LineString"),
        ({"type": "Topology"}, BadInput, "Topology"),
        ({"hello": 1}, BadInput, "not GeoJSON"),
        ([1, 2], BadInput, "not GeoJSON"),
        ({"type": "Polygon"}, BadInput, "coordinates"),
        ({"type": "Polygon", "coordinates": 5}, BadInput, "understand"),
        ({"type": "Polygon", "coordinates": [[["a", "b"]]]}, BadInput, "understand"),
        ({"type": "Feature"}, BadInput, "geometry"),
        ({"type": "Polygon", "coordinates": [[[10**400, 0]]]}, BadInput, "understand"),
        (SQUARE | {"crs": {"type": "name", "properties": {"name": "EPSG:32633"}}}, BadInput, "32633"),
        (geojson(ring(500000, 4000000, 510000, 4010000)), BadBox, "500000"),
        (geojson(ring(0, 80, 10, 95)), BadBox, "95"),
    ],
)
def test_what_is_no_area_is_refused_by_name(item: object, error: type[CuratorError], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        parse(item)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "{", "\x00", "[" * 100_000, '{"type": "Polygon", "coordinates": [[[NaN, 0]]]}'])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_region(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "coordinates", "geometry", "features", "crs"]), inner, max_size=4)
    ),
    max_leaves=12,
)
kinds = st.sampled_from(["Polygon", "MultiPolygon", "Feature", "FeatureCollection", "GeometryCollection", 7])


@settings(deadline=None, max_examples=300)
@given(json_values, kinds)
def test_no_document_breaks_the_reader(value: Any, kind: object) -> None:
    for item in (
        value,
        {"type": kind, "coordinates": value, "geometry": value, "features": value, "geometries": value},
    ):
        with suppress(CuratorError):
            parse(item)


corners = st.tuples(st.floats(-250, 250) | st.sampled_from([-180, 0, 180]), st.floats(-90, 90) | st.just(90))


@settings(deadline=None, max_examples=300)
@given(st.lists(corners, min_size=3, max_size=9))
def test_whatever_is_drawn_becomes_valid_polygons_in_their_box(drawn: list[tuple[float, float]]) -> None:
    try:
        found = parse(geojson([*drawn, drawn[0]]))
    except BadBox:
        return  # no area
    assert found.geometry.is_valid
    west, south, east, north = found.geometry.bounds
    assert -180 <= west <= east <= 180
    assert -90 <= south <= north <= 90
    assert found.geometry.difference(region_of_box(found.box).geometry.buffer(1e-6)).area == 0


def test_coordinates_that_are_nearly_nothing_are_drawn_as_nothing() -> None:
    ring = [(0, 90), (-7.111e-40, 3.486), (180, 2.047e-35), (0, 3.486), (180, 0), (0, 90)]
    assert parse(geojson(ring)).geometry.equals(shapely.Polygon([(0, 3.486), (0, 90), (180, 0)]))


def test_a_file_is_read_and_named_in_errors(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.geojson", tmp_path / "bad.geojson"
    good.write_text("\ufeff" + json.dumps(SQUARE), encoding="utf-8")
    bad.write_bytes(b"\xff\xfe\x00")
    assert read_region(good).box == parse_box("10,20,12,22")
    with pytest.raises(BadInput, match=r"bad\.geojson"):
        read_region(bad)
    with pytest.raises(NotFound, match=r"none\.geojson"):
        read_region(tmp_path / "none.geojson")
    with pytest.raises(BadInput, match="cannot be read"):
        read_region(tmp_path)
    with bad.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(BadInput, match="50 MB"):
        read_region(bad)


boxes = st.builds(
    lambda west, east, ys: Box(west=west, south=min(ys), east=east, north=max(ys)),
    st.floats(-180, 180),
    st.floats(-180, 180),
    st.tuples(st.floats(-90, 90), st.floats(-90, 90)),
)


@settings(deadline=None)
@given(boxes)
def test_the_region_of_a_box_is_that_box(box: Box) -> None:
    found = region_of_box(box)
    assert found.box == box
    assert not found.geometry.is_empty
    assert found.geometry.is_valid
    width = box.east - box.west + (360 if box.crosses_antimeridian else 0)
    assert found.geometry.area == pytest.approx(width * (box.north - box.south))


def test_a_rectangle_of_metres_around_a_pole_is_a_region() -> None:
    found = region_of_bounds((-1e6, -1e6, 1e6, 1e6), "EPSG:3413")
    assert (found.box.west, found.box.east, found.box.north) == (-180, 180, 90)
    assert 76 < found.box.south < 79
    beside = region_of_bounds((0, -1e6, 1e6, 0), "EPSG:3413")
    assert beside.box.west == pytest.approx(-45)
    assert beside.box.east == pytest.approx(45)


@pytest.mark.parametrize("bounds", [(0, 0, 0, 0), (1, 0, 0, 1), (float("nan"), 0, 1, 1), (0, 0, float("inf"), 1)])
def test_a_rectangle_of_nothing_is_refused(bounds: tuple[float, float, float, float]) -> None:
    with pytest.raises(BadBox):
        region_of_bounds(bounds, "EPSG:3413")
