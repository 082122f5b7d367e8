"""A static catalogue and an API give the same chips, in the right place, and say what they could not read."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthcurator.errors import BadDates, BadInput, NotFound, SourceUnreachable
from earthcurator.geo import parse_box
from earthcurator.grids import gibs_grid
from earthcurator.models import Arrival, Chip, Quarantined, Skipped
from earthcurator.pictures import decode
from earthcurator.regions import Region, region_of_box
from earthcurator.stac import Expected, expect, search_items, stac_chips
from tests.stac.conftest import EAST_OF, NORTH_OF, PER_DEGREE, SIDE, Scenes, Served, painted

GRID = gibs_grid("EPSG:4326", "15.625m")
ZOOM = 12
PIXEL = GRID.matrix(ZOOM).resolution
YEAR = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
NOW = datetime(2026, 1, 2, tzinfo=UTC)
Serve = Callable[[], Served]


def region(box: str = "15.01,45.11,15.06,45.14") -> Region:
    return region_of_box(parse_box(box))


def cut(url: object, where: Region | None = None, **options: Any) -> list[Arrival | Skipped | Quarantined]:
    wanted: dict[str, Any] = {"chip_size": 64, "min_valid": 0.0, "now": lambda: NOW, "threads": 2} | options
    return list(stac_chips(str(url), ["scenes"], GRID, ZOOM, where or region(), *YEAR, **wanted))


def arrived(results: list[Arrival | Skipped | Quarantined]) -> list[Arrival]:
    assert [result for result in results if isinstance(result, Quarantined)] == []
    return [result for result in results if isinstance(result, Arrival)]


def found(url: object, box: str = "15.01,45.11,15.06,45.14", **options: Any) -> list[str]:
    asked: dict[str, Any] = {"collections": ["scenes"], "start": YEAR[0], "end": YEAR[1]} | options
    return sorted(item.id for item in search_items(str(url), where=region(box), **asked))


@pytest.fixture
def three(scenes: Scenes) -> Scenes:
    scenes.add("spring", "2020-03-01T10:00:00Z", painted(), cloud=5)
    scenes.add("summer", "2020-07-01T10:00:00Z", painted(), cloud=80)
    scenes.add("autumn", "2020-10-01T10:00:00Z", painted(), cloud=None)
    return scenes


def test_files_web_and_api_give_equal_chips(three: Scenes, serve: Serve) -> None:
    served = serve()
    sources = [
        three.folder / "catalog.json",
        f"{served.url}/catalog.json",
        f"{served.url}/api",
        f"{served.url}/api-get",
    ]
    chips = [{a.chip.id: a.picture for a in arrived(cut(source))} for source in sources]
    assert len(chips[0]) > 3 * 4
    for other in chips[1:]:
        assert other == chips[0]
    assert "POST /api/search" in served.asked
    assert any(request.startswith("GET /api/search?") for request in served.asked)
    ranges = [request for request in served.asked if request.endswith("red.tif")]
    assert ranges, "pixels came by ranges"


def test_a_painted_gradient_is_recovered_within_a_pixel(scenes: Scenes) -> None:
    scenes.add("a", "2020-03-01T10:00:00Z", painted())
    # With this range a step of the eight-bit values is .6 of a pixel; it spans the first 155 pixels of the region.
    results = cut(scenes.write(), region("15.002,45.102,15.018,45.118"), value_range=(100, 355))
    whole = [arrival for arrival in arrived(results) if arrival.chip.valid == 1]
    assert len(whole) >= 4
    for arrival in whole:
        box, pixels = arrival.chip.box, decode(arrival.picture).astype(float)
        assert box is not None
        unclipped = ((pixels[..., :2] > 0) & (pixels[..., :2] < 255)).all(axis=2)
        longitudes = EAST_OF + pixels[..., 0] / PER_DEGREE
        latitudes = NORTH_OF + pixels[..., 1] / PER_DEGREE
        east = (longitudes - (box.west + (np.arange(64) + 0.5) * PIXEL))[unclipped] / PIXEL
        north = (latitudes - (box.north - (np.arange(64)[:, None] + 0.5) * PIXEL))[unclipped] / PIXEL
        assert unclipped.sum() > 500
        assert max(np.abs(east).max(), np.abs(north).max()) < 1
        assert max(abs(east.mean()), abs(north.mean())) < 0.2, "no shift"


def test_chips_say_where_when_and_from_what_they_are(scenes: Scenes) -> None:
    scenes.add("a", "2020-03-01T12:00:00+02:00", painted())
    for arrival in arrived(cut(scenes.write())):
        chip = arrival.chip
        x, y = (int(part[1:].partition("+")[0]) for part in str(chip.tile).split("/")[2:])
        assert x % 64 == y % 64 == 0
        assert chip.tile == f"EPSG:4326/12/x{x}+64/y{y}+64"
        name = f"stac|scenes|a|EPSG:4326|12|{x}|{y}|64"
        assert chip.id == hashlib.sha256(name.encode()).hexdigest()[:32]
        assert chip.box is not None
        assert chip.box.west == pytest.approx(-180 + x * PIXEL)
        assert chip.box.north == pytest.approx(90 - y * PIXEL)
        assert (chip.layer, chip.time, chip.crs) == ("scenes", datetime(2020, 3, 1, 10, tzinfo=UTC), "EPSG:4326")
        assert chip.origin == str(scenes.folder / "scenes" / "a" / "item.json")
        assert (chip.media_type, chip.width, chip.height, chip.retrieved) == ("image/png", 64, 64, NOW)
        assert chip.sha256 == hashlib.sha256(arrival.picture).hexdigest()


def test_other_bands_or_brightness_are_other_chips(scenes: Scenes) -> None:
    scenes.add("a", "2020-03-01T10:00:00Z", painted())
    root = scenes.write()
    variants: list[dict[str, Any]] = [{}, {"value_range": (0, 1000)}, {"bands": ("b2",)}, {"bands": ("b2", "b1", "b0")}]
    chips = [{arrival.chip.id for arrival in arrived(cut(root, **variant))} for variant in variants]
    assert len(set.union(*chips)) == sum(map(len, chips))
    grey = decode(arrived(cut(root, bands=("b2",)))[0].picture)
    assert (grey.max(), np.ptp(grey, axis=2).max()) == (round(700 / 3000 * 255), 0)


def test_stretch_is_fixed_and_eight_bit_is_left_alone(scenes: Scenes) -> None:
    dark, bright = np.full((3, SIDE, SIDE), 300, np.uint16), np.full((3, SIDE, SIDE), 9000, np.uint16)
    scenes.add("dark", "2020-03-01T10:00:00Z", dark)
    scenes.add("bright", "2020-03-02T10:00:00Z", bright)
    scenes.add("byte", "2020-03-03T10:00:00Z", np.full((3, SIDE, SIDE), 77, np.uint8), visual=True)
    chips = arrived(cut(scenes.write(), region("15.03,45.12,15.031,45.121")))
    assert {a.chip.time.day: int(decode(a.picture).max()) for a in chips if a.chip.time} == {1: 26, 2: 255, 3: 77}


def test_nodata_counts_and_too_little_data_is_skipped(scenes: Scenes) -> None:
    values = painted()
    values[:, :, : SIDE // 2] = 0
    scenes.add("half", "2020-03-01T10:00:00Z", values)
    root = scenes.write()
    chips = arrived(cut(root))
    shares = [arrival.chip.valid for arrival in chips]
    assert max(shares) == 1
    for arrival in chips:
        black = (decode(arrival.picture) == 0).all(axis=2).mean()
        assert arrival.chip.valid == pytest.approx(1 - black)
    edge = [share for share in shares if 0 < share < 1]
    assert edge
    kept = cut(root, min_valid=0.9)
    assert len(arrived(kept)) == sum(share >= 0.9 for share in shares)
    assert sum(isinstance(result, Skipped) for result in kept) == len(cut(root)) - len(arrived(kept))


def test_without_declared_nodata_what_lies_outside_the_scene_has_none(scenes: Scenes) -> None:
    scenes.add("a", "2020-03-01T10:00:00Z", np.full((3, SIDE, SIDE), 50, np.uint8), visual=True, nodata=None)
    corner = cut(scenes.write(), region("14.99,45.14,15.01,45.16"))
    partial = [arrival for arrival in arrived(corner) if arrival.chip.valid < 1]
    assert partial
    for arrival in partial:
        assert set(np.unique(decode(arrival.picture))) == {0, 50}


def test_only_windows_that_touch_region_and_footprint(three: Scenes) -> None:
    root = three.write()
    triangle = Region(
        region("15.0,45.10,15.07,45.15").geometry.convex_hull.buffer(-0.02), parse_box("15,45.1,15.07,45.15")
    )
    items = list(search_items(str(root), ["scenes"], triangle, *YEAR))
    expected = expect(items, GRID, ZOOM, triangle, chip_size=64)
    results = cut(root, triangle)
    assert expected == Expected(3, len(results))
    for arrival in arrived(results):
        assert arrival.chip.box is not None
        assert region_of_box(arrival.chip.box).geometry.intersects(triangle.geometry)
    assert cut(root, region("20,45,21,46")) == []


def test_stride_overlaps(scenes: Scenes) -> None:
    scenes.add("a", "2020-03-01T10:00:00Z", painted())
    root = scenes.write()
    assert len(cut(root, stride=32)) > 3 * len(cut(root))


def test_coarse_levels_read_overviews(scenes: Scenes, serve: Serve) -> None:
    scenes.add("a", "2020-03-01T10:00:00Z", painted())
    url = serve().url
    chips = arrived(list(stac_chips(f"{url}/api", ["scenes"], GRID, 9, region(), *YEAR, chip_size=64, min_valid=0)))
    arrival = max(chips, key=lambda arrival: arrival.chip.valid)
    box = arrival.chip.box
    assert box is not None
    pixels, pixel = decode(arrival.picture).astype(float), GRID.matrix(9).resolution
    longitudes = np.broadcast_to(box.west + (np.arange(64) + 0.5) * pixel, (64, 64))
    there = pixels[..., 2] > 0
    there[1:-1, 1:-1] &= there[:-2, 1:-1] & there[2:, 1:-1] & there[1:-1, :-2] & there[1:-1, 2:]
    seen = EAST_OF + (pixels[..., 0] * 3000 / 255 - 100) / PER_DEGREE
    assert there.sum() > 20
    assert np.abs((seen - longitudes)[there]).mean() < pixel


def test_antimeridian_scene_is_cut_on_both_sides(scenes: Scenes) -> None:
    # Far east of its zone's middle, the same corner in zone 60 and beyond: see `Scenes.add` for where it lies.
    scenes.add(
        "a", "2020-03-01T10:00:00Z", np.full((3, SIDE, SIDE), 90, np.uint8), visual=True, crs="+proj=utm +zone=60"
    )
    item = scenes.items[0]
    assert 176 < item["bbox"][0] < 178
    scenes.items.clear()
    crs = "+proj=tmerc +lon_0=180 +k=0.9996 +x_0=503000 +ellps=WGS84 +units=m"
    scenes.add("b", "2020-03-01T10:00:00Z", np.full((3, SIDE, SIDE), 90, np.uint8), visual=True, crs=crs)
    box = scenes.items[0]["bbox"]
    assert box[0] > box[2], "it lies on both sides"
    ring = [[box[0], box[1]], [box[2] + 360, box[1]], [box[2] + 360, box[3]], [box[0], box[3]], [box[0], box[1]]]
    scenes.items[0]["geometry"]["coordinates"] = [ring]
    chips = arrived(cut(scenes.write(), region("179.9,45.1,-179.9,45.2")))
    assert {arrival.chip.valid for arrival in chips} >= {1.0}
    whole = [arrival.chip.box for arrival in chips if arrival.chip.valid == 1]
    assert {box.west > 0 for box in whole if box} == {True, False}


def test_a_truncated_file_is_quarantined_and_the_rest_arrives(three: Scenes, serve: Serve) -> None:
    broken = three.folder / "scenes" / "summer" / "green.tif"
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    (three.folder / "scenes" / "autumn" / "red.tif").unlink()
    url = serve().url
    results = cut(f"{url}/api")
    left_out = {result.origin.split("/")[-2]: result for result in results if isinstance(result, Quarantined)}
    assert set(left_out) == {"summer", "autumn"}
    assert left_out["summer"].kind == "unreadable"
    assert left_out["autumn"].kind == "unreachable"
    assert "404" in left_out["autumn"].reason
    assert {result.chip.time.month for result in results if isinstance(result, Arrival) and result.chip.time} >= {3}


def test_an_item_without_colours_is_quarantined_with_what_it_has(scenes: Scenes) -> None:
    scenes.add("a", "2020-03-01T10:00:00Z", painted())
    for asset in scenes.items[0]["assets"].values():
        asset.pop("eo:bands", None)
    (result,) = cut(scenes.write())
    assert isinstance(result, Quarantined)
    assert "thumbnail, b0, b1, b2" in result.reason
    (result,) = cut(scenes.folder / "catalog.json", bands=("nir",))
    assert isinstance(result, Quarantined)
    assert "no asset nir" in result.reason


@pytest.mark.parametrize("names", [("red", "green", "blue"), ("B04", "B03", "B02")])
def test_usual_names_are_recognised(scenes: Scenes, names: tuple[str, ...]) -> None:
    scenes.add("a", "2020-03-01T10:00:00Z", painted())
    assets = scenes.items[0]["assets"]
    for number, name in enumerate(names):
        asset = assets.pop(f"b{number}")
        del asset["eo:bands"]
        assets[name] = asset
    assert arrived(cut(scenes.write()))


@pytest.mark.parametrize(
    "href", ["file:///etc/hostname.tif", "/vsicurl/http://127.0.0.1/a.tif", "zip+file:///a.zip!a.tif"]
)
def test_a_catalogue_on_the_web_cannot_name_files_of_this_machine(scenes: Scenes, serve: Serve, href: str) -> None:
    scenes.add("a", "2020-03-01T10:00:00Z", painted(), visual=False)
    scenes.items[0]["assets"]["b0"]["href"] = href
    url = serve().url
    (result,) = cut(f"{url}/catalog.json")
    assert isinstance(result, Quarantined)


def test_search_conditions(three: Scenes, serve: Serve) -> None:
    three.add("elsewhere", "2020-07-01T10:00:00Z", painted(), collection="others")
    url = serve().url
    for source in (three.folder / "catalog.json", f"{url}/api"):
        assert found(source) == ["autumn", "spring", "summer"]
        assert found(source, collections=[]) == ["autumn", "elsewhere", "spring", "summer"]
        assert found(source, box="10,45,11,46") == []
        assert found(source, max_cloud=50) == ["spring"]
        assert len(found(source, limit=2)) == 2
        july = datetime(2020, 7, 1, 10, tzinfo=UTC)
        assert found(source, start=july) == ["autumn", "summer"], "start counts"
        assert found(source, end=july) == ["spring"], "end does not"
    assert found(three.folder / "scenes" / "collection.json") == ["autumn", "spring", "summer"]


def test_mistakes_get_one_clear_sentence(three: Scenes, serve: Serve, tmp_path: Path) -> None:
    url = serve().url
    for source in (three.folder / "catalog.json", f"{url}/api"):
        with pytest.raises(NotFound, match="no collection 'scene'") as caught:
            found(source, collections=["scene"])
        assert "scenes" in caught.value.hint
    page, table = tmp_path / "page.html", tmp_path / "table.json"
    page.write_text("<html>")
    table.write_text(json.dumps({"rows": []}))
    for wrong in (page, table, f"{url}/scenes/spring/red.tif"):
        with pytest.raises(BadInput, match="is not a STAC catalogue"):
            found(wrong)
    with pytest.raises(NotFound, match="no file"):
        found(tmp_path / "nowhere.json")
    with pytest.raises(NotFound, match="404"):
        found(f"{url}/nowhere.json")
    with pytest.raises(BadDates, match="no span of time"):
        found(f"{url}/api", end=YEAR[0])
    with pytest.raises(BadInput, match="stands where a list belongs"):
        found(f"{url}/api", collections="scenes")
    with pytest.raises(BadInput, match="no level 40"):
        list(stac_chips(f"{url}/api", ["scenes"], GRID, 40, region(), *YEAR))
    with pytest.raises(BadInput, match="one or three"):
        cut(f"{url}/api", bands=("a", "b"))


def test_unreachable_host(monkeypatch: pytest.MonkeyPatch) -> None:
    from earthcurator.stac import catalogue

    monkeypatch.setattr(catalogue, "_RETRY", catalogue._RETRY.new(total=1, backoff_factor=0))  # patience costs seconds
    with pytest.raises(SourceUnreachable, match="does not answer"):
        found("http://127.0.0.1:9/api")


def test_without_pystac_client_the_remedy_is_named() -> None:
    program = """
import sys
sys.modules["pystac_client"] = None  # as if it were not installed
from earthcurator.errors import BadInput
try:
    import earthcurator.stac
except BadInput as error:
    print(error, error.hint)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert "need the package pystac_client" in done.stdout
    assert "earthcurator[stac]" in done.stdout


def test_chips_are_values_of_their_place_alone(three: Scenes) -> None:
    def by_id(results: list[Arrival | Skipped | Quarantined]) -> dict[str, Chip]:
        return {arrival.chip.id: arrival.chip for arrival in arrived(results)}

    root = three.write()
    west, both = by_id(cut(root, region("15.01,45.11,15.03,45.14"))), by_id(cut(root))
    assert set(west) < set(both)
    assert all(both[name] == chip for name, chip in west.items())
