"""Tiles and windows, against morecantile, against GIBS' own tiles, and against counting points."""

from __future__ import annotations

import doctest
import json
import math
from pathlib import Path

import morecantile
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rasterio.warp import transform

from earthcurator import grids
from earthcurator.errors import BadBox, BadInput
from earthcurator.geo import contains, parse_box
from earthcurator.grids import GIBS_SETS, METRES_PER_DEGREE, Grid, Matrix, Tile, Window, gibs_grid
from earthcurator.models import Box
from earthcurator.regions import Region, parse_region, region_of_box

DEGREES = gibs_grid("EPSG:4326", "15.625m")
ARCTIC = gibs_grid("EPSG:3413", "250m")
ANTARCTIC = gibs_grid("EPSG:3031", "250m")
MERCATOR = gibs_grid("EPSG:3857", "GoogleMapsCompatible_Level9")

WORLD = "-180,-90,180,90"


def region(box: str) -> Region:
    return region_of_box(parse_box(box))


def polygon(*corners: tuple[float, float], hole: tuple[tuple[float, float], ...] = ()) -> Region:
    rings = [[*corners, corners[0]]] + ([[*hole, hole[0]]] if hole else [])
    return parse_region(
        str({"type": "Polygon", "coordinates": [[list(p) for p in r] for r in rings]}).replace("'", '"')
    )


def second_opinion(grid: Grid) -> morecantile.TileMatrixSet:
    """The same matrices, as morecantile understands them."""
    matrices = [
        {
            "id": m.identifier,
            "scaleDenominator": m.resolution * METRES_PER_DEGREE / 0.00028,
            "cellSize": m.resolution,
            "pointOfOrigin": [m.left, m.top],
            "tileWidth": m.tile_width,
            "tileHeight": m.tile_height,
            "matrixWidth": m.columns,
            "matrixHeight": m.rows,
        }
        for m in grid.matrices
    ]
    return morecantile.TileMatrixSet.model_validate(
        {
            "id": "other",
            "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            "orderedAxes": ["Lon", "Lat"],
            "tileMatrices": matrices,
        }
    )


OTHER = second_opinion(DEGREES)


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(grids).failed == 0


@pytest.mark.parametrize(
    ("crs", "name", "levels", "finest", "columns", "rows"),
    [
        ("EPSG:4326", "16km", 3, 0.140625, 5, 3),
        ("EPSG:4326", "2km", 6, 0.017578125, 40, 20),
        ("EPSG:4326", "1km", 7, 0.0087890625, 80, 40),
        ("EPSG:4326", "500m", 8, 0.00439453125, 160, 80),
        ("EPSG:4326", "250m", 9, 0.002197265625, 320, 160),
        ("EPSG:4326", "31.25m", 12, 0.5625 / 2**11, 2560, 1280),
        ("EPSG:4326", "15.625m", 13, 0.5625 / 2**12, 5120, 2560),
        ("EPSG:3413", "1km", 4, 1024, 16, 16),
        ("EPSG:3413", "500m", 5, 512, 32, 32),
        ("EPSG:3413", "250m", 6, 256, 64, 64),
        ("EPSG:3413", "31.25m", 9, 32, 512, 512),
        ("EPSG:3031", "1km", 4, 1024, 16, 16),
        ("EPSG:3031", "500m", 5, 512, 32, 32),
        ("EPSG:3031", "250m", 6, 256, 64, 64),
        *(
            ("EPSG:3857", f"GoogleMapsCompatible_Level{z}", z + 1, 156543.03392804097 / 2**z, 2**z, 2**z)
            for z in (3, 6, 7, 8, 9, 12, 13)
        ),
    ],
)
def test_gibs_tile_matrix_sets_are_as_onearth_defines_them(
    crs: str, name: str, levels: int, finest: float, columns: int, rows: int
) -> None:
    last = gibs_grid(crs, name).matrices[-1]
    assert len(gibs_grid(crs, name).matrices) == levels
    assert math.isclose(last.resolution, finest, rel_tol=1e-12)
    assert (last.columns, last.rows, last.identifier) == (columns, rows, str(levels - 1))


def test_every_set_that_gibs_names_is_there() -> None:
    assert sum(len(names) for names in GIBS_SETS.values()) == 21
    assert [(m.columns, m.rows) for m in DEGREES.matrices[:5]] == [(2, 1), (3, 2), (5, 3), (10, 5), (20, 10)]


@pytest.mark.parametrize(("crs", "name", "known"), [("EPSG:4326", "125m", "250m"), ("EPSG:9999", "250m", "EPSG:4326")])
def test_an_unknown_set_is_refused_with_the_known_ones(crs: str, name: str, known: str) -> None:
    with pytest.raises(BadInput) as caught:
        gibs_grid(crs, name)
    assert known in caught.value.hint


@pytest.mark.parametrize(
    ("metres", "zoom"), [(1e6, 0), (62617, 0), (62000, 0), (250, 8), (245, 8), (240, 9), (30, 12), (1, 12)]
)
def test_the_coarsest_level_that_is_fine_enough_is_chosen(metres: float, zoom: int) -> None:
    assert DEGREES.zoom_for(metres) == zoom


def test_the_coarse_levels_are_cropped_to_the_world() -> None:
    assert [DEGREES.size(z) for z in range(4)] == [(640, 320), (1280, 640), (2560, 1280), (5120, 2560)]
    assert DEGREES.visible(Tile(0, 0, 1)) == Window(0, 512, 0, 128, 320)
    assert DEGREES.box_of_tile(Tile(0, 0, 1)) == parse_box("108,-90,180,90")
    assert DEGREES.box_of_tile(Tile(1, 1, 2)) == parse_box("108,-90,180,-54")
    assert DEGREES.box_of_tile(Tile(2, 2, 4)) == parse_box("108,-90,180,-54")
    assert [len(DEGREES.cover(region(WORLD), z)) for z in range(5)] == [2, 6, 15, 50, 200]


def test_golden_tiles_of_gibs_lie_where_their_pictures_are() -> None:
    # Genuine tiles; scripts/check_golden_tiles.py compares their pictures where they are at hand.
    golden = json.loads((Path(__file__).parent / "golden_tiles.json").read_text())
    for tile in golden["tiles"]:
        assert DEGREES.box_of_tile(Tile(*tile["tile"])) == parse_box(tile["box"])


def test_example_in_the_documentation_of_gibs() -> None:
    assert DEGREES.cover(region("-18,27,-13.5,31.5"), 6) == [Tile(6, 13, 36)]


def test_a_tile_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadInput, match="no tile 5/20/0"):
        DEGREES.box_of_tile(Tile(5, 20, 0))
    with pytest.raises(BadInput, match="no level 13"):
        DEGREES.size(13)


inner = st.tuples(st.floats(-179.9, 179.9), st.floats(-89.9, 89.9), st.floats(0.01, 1), st.floats(0.01, 1))


@settings(deadline=None, max_examples=200)
@given(inner, st.integers(0, 12), st.integers(1, 6))
def test_cover_agrees_with_morecantile(place: tuple[float, float, float, float], zoom: int, tiles: int) -> None:
    west, south, width, height = place
    span = tiles * 288 / 2**zoom
    east, north = west + min(width * span, 350), min(south + height * span, 90)
    side = 288 / 2**zoom
    edges = [(west + 180) / side, (east + 180) / side, (90 - south) / side, (90 - north) / side]
    # What reaches into a tile by less than a millionth of a pixel has no part of it here, and has there.
    assume(not any(0 < abs(edge - round(edge)) < 1e-8 for edge in edges))
    east = east - 360 if east > 180 else east
    box = Box(west=west, south=south, east=east, north=north)
    expected = {Tile(zoom, t.y, t.x) for t in OTHER.tiles(west, south, east, north, zoom)}
    covered = DEGREES.cover(region_of_box(box), zoom)
    assert set(covered) == expected
    assert covered == sorted(covered)
    assert len(covered) == len(set(covered))


@settings(deadline=None)
@given(st.floats(-180, 179.999), st.floats(-89.999, 90), st.integers(3, 12))
def test_tile_and_bounds_agree_with_morecantile(longitude: float, latitude: float, zoom: int) -> None:
    other = OTHER.tile(longitude, latitude, zoom)
    tile = Tile(zoom, other.y, other.x)
    point = Box(west=longitude, south=latitude, east=longitude, north=latitude)
    assert tile in DEGREES.cover(region_of_box(point), zoom)
    bounds = OTHER.bounds(other)
    assert DEGREES.bounds_of_window(DEGREES.window_of_tile(tile)) == pytest.approx(tuple(bounds), abs=1e-9)


def test_a_box_over_the_antimeridian_is_covered_on_both_sides() -> None:
    covered = DEGREES.cover(region("170,-10,-170,10"), 5)
    assert len(covered) == 16
    assert sorted({tile.column for tile in covered}) == [0, 1, 38, 39]
    window = DEGREES.window_of(region("170,-10,-170,10"), 5)
    assert window.x + window.width > DEGREES.size(5)[0]
    assert [tile.column for tile in DEGREES.tiles_of(window)[:4]] == [38, 39, 0, 1]
    box = DEGREES.box_of_window(window)
    assert box is not None
    assert box.crosses_antimeridian
    assert [box.west, box.east] == pytest.approx([170, -170], abs=0.02)


@pytest.mark.parametrize(("zoom", "columns", "second"), [(0, [1, 0], 128), (1, [2, 0], 256), (2, [4, 0], 512)])
def test_a_window_continues_at_column_0_though_the_last_tile_is_narrow(
    zoom: int, columns: list[int], second: int
) -> None:
    width = DEGREES.size(zoom)[0]
    window = Window(zoom, width - 10, 0, 30, 10)
    assert [tile.column for tile in DEGREES.tiles_of(window)] == columns
    assert DEGREES.parts(window) == [Window(zoom, width - 10, 0, 10, 10), Window(zoom, 0, 0, 20, 10)]
    assert DEGREES.visible(Tile(zoom, 0, columns[0])).width == second


def test_a_window_all_the_way_round_has_each_pixel_once() -> None:
    window = Window(3, 700, 0, 5120, 10)
    assert DEGREES.parts(window) == [Window(3, 700, 0, 4420, 10), Window(3, 0, 0, 700, 10)]
    assert len(DEGREES.tiles_of(window)) == 10
    assert DEGREES.box_of_window(window) == Box(west=-180, south=90 - 10 * 0.0703125, east=180, north=90)


def test_a_window_beyond_the_poles_has_no_pixels() -> None:
    assert DEGREES.box_of_window(Window(3, 0, 2560, 256, 256)) is None
    assert DEGREES.tiles_of(Window(3, 0, 2560, 256, 256)) == []
    assert DEGREES.box_of_window(Window(3, 0, 2550, 256, 256)) == parse_box("-180,-90,-162,-89.296875")


@pytest.mark.parametrize(
    "box", [WORLD, "-180,-90,180,-89", "0,89,0,90", "180,0,180,0", "-180,90,180,90", "12,-3,12,-3"]
)
@pytest.mark.parametrize("zoom", [0, 2, 3, 6])
def test_the_window_of_a_region_lies_in_the_world_and_holds_its_tiles(box: str, zoom: int) -> None:
    window, (width, height) = DEGREES.window_of(region(box), zoom), DEGREES.size(zoom)
    assert 0 <= window.x < width
    assert 0 <= window.y < height
    assert 1 <= window.width <= width
    assert 1 <= window.height <= height - window.y
    assert DEGREES.tiles_of(window) == DEGREES.cover(region(box), zoom)


def test_a_point_gets_the_tile_it_lies_in_and_all_four_at_a_corner() -> None:
    assert DEGREES.cover(region("-16,28,-16,28"), 6) == [Tile(6, 13, 36)]
    assert DEGREES.cover(region("0,0,0,0"), 5) == [Tile(5, 9, 19), Tile(5, 9, 20), Tile(5, 10, 19), Tile(5, 10, 20)]
    assert len(ANTARCTIC.cover(region("0,-90,0,-90"), 5)) == 4
    assert len(ARCTIC.cover(region("20,80,20,80"), 5)) == 1


def test_a_triangle_gets_only_the_tiles_it_touches() -> None:
    # Half of a square of 4 x 4 tiles, its diagonal through their corners.
    triangle = polygon((0, 0), (36, 0), (0, 36))
    assert len(DEGREES.cover(triangle, 5)) == 10
    assert len(DEGREES.tiles_of(DEGREES.window_of(triangle, 5))) == 16


def test_tiles_in_a_hole_are_left_out() -> None:
    ring = polygon((0, 0), (45, 0), (45, 45), (0, 45), hole=((9, 9), (36, 9), (36, 36), (9, 36)))
    assert len(DEGREES.cover(ring, 5)) == 25 - 9


def test_grids_of_third_parties_may_have_rounding_errors() -> None:
    resolution = 0.017578125 * (1 + 1e-13)
    matrix = Matrix(
        identifier="05", resolution=resolution, left=-180, top=90, tile_width=512, tile_height=512, columns=40, rows=20
    )
    grid = Grid("near", "EPSG:4326", (matrix,), (-180.0, -90.0, 180.0, 90.0))
    assert grid.cover(region("-90,36,-81,45"), 0) == [Tile(0, 5, 10)]
    assert grid.box_of_tile(Tile(0, 19, 39)).east == 180


def project(crs: str, longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = transform("EPSG:4326", crs, longitude.ravel(), latitude.ravel())
    return np.array(x), np.array(y)


def tiles_of_points(grid: Grid, box: Box, zoom: int) -> set[Tile]:
    """Tiles found by projecting many points, one at a time: another way to the same answer."""
    east = box.east + 360 if box.crosses_antimeridian else box.east
    # A hair inside: the axes of the projection are meridians, and edges of tiles, and of some of our boxes.
    longitude, latitude = np.meshgrid(
        np.linspace(box.west + 1e-4, east - 1e-4, 1201), np.linspace(box.south + 1e-4, box.north - 1e-4, 601)
    )
    x, y = project(grid.crs, longitude, latitude)
    m = grid.matrix(zoom)
    side = m.resolution * m.tile_width
    columns, rows = np.floor((x - m.left) / side).astype(int), np.floor((m.top - y) / side).astype(int)
    there = (columns >= 0) & (columns < m.columns) & (rows >= 0) & (rows < m.rows)
    return {
        Tile(zoom, row, column) for row, column in set(zip(rows[there].tolist(), columns[there].tolist(), strict=True))
    }


def shares_points(grid: Grid, tile: Tile, box: Box) -> bool:
    """Whether the pixels of a tile, sent back to degrees, lie in the box. Edges are looked at closely."""
    left, bottom, right, top = grid.bounds_of_window(grid.window_of_tile(tile))
    x, y = np.meshgrid(np.linspace(left, right, 513), np.linspace(bottom, top, 513))
    longitude, latitude = (np.array(v) for v in transform(grid.crs, "EPSG:4326", x.ravel(), y.ravel()))
    return bool(contains(box, longitude, latitude).any())


@pytest.mark.parametrize(
    ("grid", "box", "tiles"),
    [
        (ARCTIC, "10,76,34,80", 24),  # Svalbard; the box around its projection has 36
        (ARCTIC, "170,60,-160,72", 138),  # Bering Strait, over the antimeridian; 225
        (ARCTIC, "-180,85,180,90", None),
        (ARCTIC, "-180,86,180,88", None),
        (ARCTIC, "135,70,-135,80", None),
        (ARCTIC, "-60,-30,-30,85", None),
        (ANTARCTIC, "-180,-90,180,-85", None),
        (ANTARCTIC, "160,-80,-150,-60", None),
        (ANTARCTIC, "0,-90,90,-50", None),
    ],
)
def test_polar_regions_are_covered_as_their_points_are(grid: Grid, box: str, tiles: int | None) -> None:
    area = parse_box(box)
    covered = grid.cover(region_of_box(area), 5)
    if tiles is not None:
        assert len(covered) == tiles
    found = tiles_of_points(grid, area, 5)
    assert found <= set(covered)
    doubtful = set(covered) - found
    assert len(doubtful) <= len(covered) * 0.05
    assert all(shares_points(grid, tile, area) for tile in doubtful)


def test_a_polygon_around_the_pole_is_covered_there() -> None:
    # A floe edge drawn around the pole, once over the antimeridian.
    around = polygon(*((longitude, 82.0 + 2 * (longitude % 60 == 0)) for longitude in range(-180, 180, 20)))
    covered = ARCTIC.cover(around, 5)
    assert {Tile(5, row, column) for row in (31, 32) for column in (31, 32)} <= set(covered)
    assert tiles_of_points(ARCTIC, parse_box("-180,84,180,90"), 5) <= set(covered)


def test_the_whole_world_fills_each_polar_grid() -> None:
    assert len(ARCTIC.cover(region(WORLD), 3)) == len(ANTARCTIC.cover(region(WORLD), 3)) == 256


@pytest.mark.parametrize(
    ("grid", "box"), [(ARCTIC, "0,-60,10,-50"), (ARCTIC, "0,-10,10,0"), (ANTARCTIC, "0,1,10,2"), (ARCTIC, "0,5,10,10")]
)
def test_a_region_that_the_grid_does_not_show_is_refused(grid: Grid, box: str) -> None:
    with pytest.raises(BadBox, match="lies outside what 250m of EPSG") as caught:
        grid.cover(region(box), 4)
    assert caught.value.hint


def test_boxes_of_polar_windows() -> None:
    quarter = ARCTIC.box_of_tile(Tile(0, 0, 0))
    assert [quarter.west, quarter.east, quarter.north] == pytest.approx([135, -135, 90])
    around = ARCTIC.box_of_window(Window(5, 16000, 16000, 1000, 1000))
    assert around is not None
    assert (around.west, around.east, around.north) == (-180, 180, 90)
    beside = ARCTIC.box_of_window(Window(5, 16384, 16384, 500, 500))
    assert beside is not None
    assert [beside.west, beside.east] == pytest.approx([-45, 45], abs=1e-4)
    south = ANTARCTIC.box_of_window(Window(5, 16000, 16000, 1000, 1000))
    assert south is not None
    assert (south.west, south.south, south.east) == (-180, -90, 180)
    assert ARCTIC.box_of_window(Window(5, 32768, 0, 10, 10)) is None


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 63), st.integers(0, 63))
def test_the_box_of_a_polar_tile_holds_its_pixels(row: int, column: int) -> None:
    box = ARCTIC.box_of_tile(Tile(5, row, column))
    left, bottom, right, top = ARCTIC.bounds_of_window(ARCTIC.window_of_tile(Tile(5, row, column)))
    x, y = np.meshgrid(np.linspace(left, right, 20)[1:-1], np.linspace(bottom, top, 20)[1:-1])
    longitude, latitude = transform("EPSG:3413", "EPSG:4326", x.ravel(), y.ravel())
    assert contains(box, longitude, latitude).all()


def test_mercator_is_covered_as_web_maps_are() -> None:
    web = morecantile.tms.get("WebMercatorQuad")
    assert len(MERCATOR.cover(region(WORLD), 3)) == 64
    for box in ("-12.3,40.1,17.9,55.5", "100,-60,179.9,-1"):
        west, south, east, north = (float(v) for v in box.split(","))
        assert set(MERCATOR.cover(region(box), 6)) == {
            Tile(6, t.y, t.x) for t in web.tiles(west, south, east, north, 6)
        }
    box_of_all = MERCATOR.box_of_tile(Tile(0, 0, 0))
    assert (box_of_all.west, box_of_all.east) == (-180, 180)
    assert box_of_all.north == pytest.approx(85.0511288)


def test_a_lattice_is_the_windows_that_touch() -> None:
    area, zoom, size, stride = region("-20,10,-9,21"), 5, 256, 128
    windows = list(DEGREES.lattice(area, zoom, size=size, stride=stride))
    touches = DEGREES.touches(area, zoom)
    width, height = DEGREES.size(zoom)
    assert windows == [
        window
        for y in range(0, height, stride)
        for x in range(0, width, stride)
        if touches(window := Window(zoom, x, y, size, size))
    ]
    assert windows


def test_lattice_windows_inside_lie_in_the_region() -> None:
    area = polygon((0, 0), (30, 0), (0, 30))
    inside = list(DEGREES.lattice(area, 5, size=256, stride=256, inside=True))
    touching = list(DEGREES.lattice(area, 5, size=256, stride=256))
    assert 0 < len(inside) < len(touching)
    assert set(inside) <= set(touching)
    for window in touching:
        box = DEGREES.box_of_window(window)
        assert box is not None
        assert (window in inside) == area.geometry.buffer(1e-9).covers(region_of_box(box).geometry)


def test_a_lattice_runs_over_the_antimeridian() -> None:
    windows = list(DEGREES.lattice(region("179,0,-179,1"), 5, size=300, stride=300))
    width = DEGREES.size(5)[0]
    over = [window for window in windows if window.x + window.width > width]
    assert over
    assert all(0 <= window.x < width for window in windows)
    assert all(DEGREES.touches(region("-180,0,-179,1"), 5)(window) for window in over)
    inside = DEGREES.lattice(region("170,-10,-170,10"), 5, size=300, stride=300, inside=True)
    assert any(window.x + window.width > width for window in inside)


def test_lattice_windows_hang_over_the_bottom_but_never_begin_beyond_it() -> None:
    south = list(DEGREES.lattice(region("0,-90,10,-85"), 2, size=100, stride=100))
    assert max(window.y for window in south) == 1200
    assert all(
        window.y + 100 <= 1280 for window in DEGREES.lattice(region(WORLD), 2, size=100, stride=100, inside=True)
    )


def test_polar_lattice_inside_has_no_gap_where_the_antimeridian_runs() -> None:
    # Two parts that meet at 180 degrees, and a ring around the pole that is cut there.
    for box in ("150,75,-150,85", "-180,75,180,90"):
        inside = set(ARCTIC.lattice(region(box), 3, size=64, stride=64, inside=True))
        x, y = project("EPSG:3413", np.full(50, 180.0), np.linspace(78, 84, 50))
        columns, rows = (x + 4194304) // (1024 * 64), (4194304 - y) // (1024 * 64)
        seam = {Window(3, int(c) * 64, int(r) * 64, 64, 64) for c, r in zip(columns, rows, strict=True)}
        assert seam <= inside


@pytest.mark.parametrize(("size", "stride"), [(0, 1), (1, 0)])
def test_a_lattice_of_nothing_is_refused(size: int, stride: int) -> None:
    with pytest.raises(BadInput, match="at least 1"):
        list(DEGREES.lattice(region(WORLD), 0, size=size, stride=stride))
