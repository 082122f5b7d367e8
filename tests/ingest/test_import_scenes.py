"""Scenes become chips that know where they are, whatever their grid, values and gaps."""

from __future__ import annotations

import math
import threading
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio import Affine
from rasterio.warp import transform

from earthcurator.errors import BadDates, BadInput
from earthcurator.geo import Edge
from earthcurator.ingest import SceneOptions, arrivals
from earthcurator.ingest.scenes import box_in_degrees
from earthcurator.models import Arrival, Box, Quarantined, Skipped
from earthcurator.pictures import decode


def from_origin(west: float, north: float, across: float, down: float) -> Affine:
    return Affine(across, 0, west, 0, -down, north)


UTM33 = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_000_000, 10, 10)}


def values(bands: int, height: int, width: int, dtype: str = "uint8") -> NDArray[Any]:
    rng = np.random.default_rng(bands * height + width)
    return rng.integers(1, 255 if dtype == "uint8" else 4000, (bands, height, width)).astype(dtype)


def write_tiff(path: Path, data: NDArray[Any], **options: Any) -> Path:
    bands, height, width = data.shape
    profile = {"driver": "GTiff", "count": bands, "height": height, "width": width, "dtype": data.dtype.name}
    if bands == 3:
        profile["photometric"] = "RGB"
    with rasterio.open(path, "w", **profile | UTM33 | options) as dataset:
        dataset.write(data)
    return path


def cut(path: Path, **options: Any) -> list[Arrival]:
    items = list(arrivals([path], scenes=SceneOptions(**options), threads=2))
    assert not [item for item in items if isinstance(item, Quarantined)]
    return [item for item in items if isinstance(item, Arrival)]


def pixels(arrival: Arrival) -> NDArray[np.uint8]:
    return decode(arrival.picture)


def corner(arrival: Arrival) -> tuple[int, int]:
    fields = dict(field.split("=") for field in arrival.chip.origin.split("#")[1].split(","))
    return int(fields["x"]), int(fields["y"])


@pytest.mark.parametrize(("edge", "starts"), [("shift", (0, 64, 86)), ("pad", (0, 64, 128)), ("drop", (0, 64))])
def test_edge_policies(tmp_path: Path, edge: Edge, starts: tuple[int, ...]) -> None:
    data = values(3, 150, 150)
    chips = cut(write_tiff(tmp_path / "a.tif", data), chip_size=64, edge=edge)
    assert [corner(chip) for chip in chips] == [(x, y) for y, x in product(starts, starts)]
    for chip in chips:
        x, y = corner(chip)
        inside = data[:, y : y + 64, x : x + 64]
        expected = np.zeros((64, 64, 3), np.uint8)
        expected[: inside.shape[1], : inside.shape[2]] = np.moveaxis(inside, 0, 2)
        np.testing.assert_array_equal(pixels(chip), expected)
        assert chip.chip.valid == inside.shape[1] * inside.shape[2] / 64**2


@pytest.mark.parametrize(("edge", "shapes"), [("shift", [(30, 20)]), ("pad", [(64, 64)]), ("drop", [])])
def test_scene_smaller_than_a_chip(tmp_path: Path, edge: Edge, shapes: list[tuple[int, int]]) -> None:
    chips = cut(write_tiff(tmp_path / "a.tif", values(3, 20, 30)), chip_size=64, edge=edge)
    assert [(chip.chip.width, chip.chip.height) for chip in chips] == shapes
    assert [pixels(chip).shape[1::-1] for chip in chips] == shapes


def test_stride_overlaps_chips(tmp_path: Path) -> None:
    chips = cut(write_tiff(tmp_path / "a.tif", values(3, 64, 128)), chip_size=64, stride=32)
    assert [corner(chip) for chip in chips] == [(0, 0), (32, 0), (64, 0)]


def test_utm_bounds_hold_the_window_and_no_more(tmp_path: Path) -> None:
    for chip in cut(write_tiff(tmp_path / "a.tif", values(3, 128, 128)), chip_size=64):
        x, y = corner(chip)
        eastings = [500_000 + 10 * (x + dx) for dx in (0, 64) for _ in range(2)]
        northings = [5_000_000 - 10 * (y + dy) for _ in range(2) for dy in (0, 64)]
        longitudes, latitudes = transform("EPSG:32633", "EPSG:4326", eastings, northings)
        box = chip.chip.box
        assert box is not None
        assert (box.west, box.east) == pytest.approx((min(longitudes), max(longitudes)), abs=1e-6)
        assert (box.south, box.north) == pytest.approx((min(latitudes), max(latitudes)), abs=1e-6)
        assert chip.chip.crs == "EPSG:32633"


def test_antimeridian_scene_in_utm(tmp_path: Path) -> None:
    # UTM zone 60 ends at 180 degrees, about 834 km east of its origin at the equator.
    path = write_tiff(
        tmp_path / "a.tif", values(3, 64, 64), crs="EPSG:32660", transform=from_origin(800_000, 100_000, 1000, 1000)
    )
    (chip,) = cut(path, chip_size=64)
    box = chip.chip.box
    assert box is not None
    assert box.crosses_antimeridian
    assert 179 < box.west < 180
    assert -180 < box.east < -179


def test_antimeridian_scene_in_degrees(tmp_path: Path) -> None:
    path = write_tiff(
        tmp_path / "a.tif", values(3, 64, 128), crs="EPSG:4326", transform=from_origin(170, 10, 0.15625, 0.15625)
    )
    boxes = [chip.chip.box for chip in cut(path, chip_size=64)]
    assert boxes == [Box(west=170, south=0, east=180, north=10), Box(west=-180, south=0, east=-170, north=10)]


def test_polar_scene_reaches_the_pole(tmp_path: Path) -> None:
    path = write_tiff(
        tmp_path / "a.tif", values(3, 64, 64), crs="EPSG:3413", transform=from_origin(-320_000, 320_000, 10_000, 10_000)
    )
    (chip,) = cut(path, chip_size=64)
    box = chip.chip.box
    assert box is not None
    assert (box.west, box.east, box.north) == (-180, 180, 90)
    assert 85 < box.south < 88


def test_off_the_globe_there_is_no_box() -> None:
    wide = 6_000_000
    assert box_in_degrees(rasterio.CRS.from_proj4("+proj=geos +h=35785831 +lon_0=0"), -wide, 5e6, -5e6, wide) is None


def test_whole_globe_from_0_to_360() -> None:
    globe = box_in_degrees(rasterio.CRS.from_epsg(4326), 0, -90, 360, 90)
    assert globe == Box(west=-180, south=-90, east=180, north=90)
    assert box_in_degrees(rasterio.CRS.from_epsg(4326), 180, 0, 270, 10) == Box(west=-180, south=0, east=-90, north=10)


def test_without_a_coordinate_system_there_is_no_box(tmp_path: Path) -> None:
    Image.fromarray(values(1, 64, 64, "uint16")[0]).save(tmp_path / "a.tif")
    (chip,) = cut(tmp_path / "a.tif", chip_size=64)
    assert (chip.chip.box, chip.chip.crs) == (None, None)


def test_four_band_uint16_with_nodata(tmp_path: Path) -> None:
    data = values(4, 128, 128, "uint16") + 1000
    data[:, :, :32] = 0
    left, right, *_ = cut(write_tiff(tmp_path / "a.tif", data, nodata=0), chip_size=64, bands=(4, 3, 2))
    assert (left.chip.valid, right.chip.valid) == (0.5, 1.0)
    assert not pixels(left)[:, :32].any()
    low, high = np.percentile(data[3, :, 32:], (2, 98))
    expected = np.clip(np.rint((data[3, :64, 64:] - low) * 255 / (high - low)), 0, 255)
    np.testing.assert_array_equal(pixels(right)[..., 0], expected)
    assert left.chip.origin.endswith("#x=0,y=0,w=64,h=64,bands=4-3-2,stretch=2-98%")


def test_neighbouring_chips_share_one_stretch(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(128, dtype="uint16") * 100, (1, 64, 1))
    left, right = (pixels(chip) for chip in cut(write_tiff(tmp_path / "a.tif", ramp), chip_size=64, stretch="minmax"))
    row = np.concatenate([left[0, :, 0], right[0, :, 0]]).astype(int)
    assert (row[0], row[-1]) == (0, 255)
    assert set(np.diff(row)) == {2, 3} or set(np.diff(row)) == {2}


def test_fixed_stretch_and_float_with_nan(tmp_path: Path) -> None:
    data = np.full((1, 64, 64), 0.5, "float32")
    data[0, :16] = np.nan
    data[0, 32:] = 9
    (chip,) = cut(write_tiff(tmp_path / "a.tif", data), chip_size=64, stretch=(0.0, 1.0))
    assert chip.chip.valid == 0.75
    assert pixels(chip)[[0, 20, 40], 0].tolist() == [[0, 0, 0], [128] * 3, [255] * 3]


def test_constant_scene_is_black_not_a_warning(tmp_path: Path) -> None:
    (chip,) = cut(write_tiff(tmp_path / "a.tif", np.full((1, 64, 64), 7, "int16")), chip_size=64)
    assert not pixels(chip).any()


def test_alpha_band_counts_as_missing_and_is_no_colour(tmp_path: Path) -> None:
    data = values(4, 64, 64)
    data[3] = 255
    data[3, :16] = 0
    (chip,) = cut(write_tiff(tmp_path / "a.tif", data, photometric="RGB", ALPHA="YES"), chip_size=64)
    assert chip.chip.valid == 0.75
    assert not pixels(chip)[:16].any()
    np.testing.assert_array_equal(pixels(chip)[16:], np.moveaxis(data[:3, 16:], 0, 2))


def test_chips_with_too_little_data_are_left_out_and_counted(tmp_path: Path) -> None:
    data = values(3, 64, 128)
    data[:, :, :48] = 0
    path = write_tiff(tmp_path / "a.tif", data, nodata=0)
    left_out, kept = arrivals([path], scenes=SceneOptions(chip_size=64, min_valid=0.5))
    assert isinstance(left_out, Skipped)
    assert "x=0,y=0" in left_out.origin
    assert isinstance(kept, Arrival)
    assert corner(kept) == (64, 0)


def test_class_map_keeps_the_colours_of_its_palette(tmp_path: Path) -> None:
    data = np.zeros((1, 64, 64), np.uint8)
    data[0, :, 32:] = 7
    path = write_tiff(tmp_path / "landcover.tif", data, photometric="palette")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (10, 200, 30, 255), 7: (0, 0, 255, 255)})
    (chip,) = cut(path, chip_size=64)
    assert pixels(chip)[0, 0].tolist() == [10, 200, 30]
    assert pixels(chip)[0, 63].tolist() == [0, 0, 255]
    assert "stretch=palette" in chip.chip.origin


def test_ids_are_stable_and_tell_windows_bands_and_stretches_apart(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", values(3, 64, 128, "uint16"))
    first, again = cut(path, chip_size=64), cut(path, chip_size=64)
    assert first == again
    others = [*cut(path, chip_size=64, bands=(3, 2, 1)), *cut(path, chip_size=64, stretch="minmax")]
    ids = {chip.chip.id for chip in [*first, *others]}
    assert len(ids) == 6
    assert all(len(name) == 32 for name in ids)


def test_large_plain_tiff_is_a_scene_and_a_small_one_a_picture(tmp_path: Path) -> None:
    small, large = tmp_path / "small.tif", tmp_path / "large.tif"
    Image.fromarray(np.moveaxis(values(3, 256, 256), 0, 2)).save(small)
    Image.fromarray(np.moveaxis(values(3, 40, 1025), 0, 2)).save(large)
    assert [chip.picture for chip in cut(small)] == [small.read_bytes()]
    assert len(cut(large, chip_size=40)) == math.ceil(1025 / 40)


def test_layer_and_time_are_written_on_chips(tmp_path: Path) -> None:
    noon = datetime(2020, 8, 16, 12, tzinfo=timezone(timedelta(hours=2)))
    (chip,) = cut(write_tiff(tmp_path / "a.tif", values(3, 64, 64)), layer="Sentinel-2", time=noon)
    assert (chip.chip.layer, chip.chip.time) == ("Sentinel-2", datetime(2020, 8, 16, 10, tzinfo=UTC))


def test_picture_with_a_box_is_cut_like_a_scene(tmp_path: Path) -> None:
    Image.fromarray(np.moveaxis(values(3, 64, 128), 0, 2)).save(tmp_path / "globe.png")
    chips = cut(tmp_path / "globe.png", chip_size=64, box=Box(west=-180, south=-90, east=180, north=90))
    assert [chip.chip.box for chip in chips] == [
        Box(west=-180, south=-90, east=0, north=90),
        Box(west=0, south=-90, east=180, north=90),
    ]


def test_box_over_the_antimeridian(tmp_path: Path) -> None:
    Image.fromarray(np.moveaxis(values(3, 64, 128), 0, 2)).save(tmp_path / "fiji.jpg")
    left, right = cut(tmp_path / "fiji.jpg", chip_size=64, box=Box(west=170, south=-20, east=-170, north=-10))
    assert left.chip.box == Box(west=170, south=-20, east=180, north=-10)
    assert right.chip.box == Box(west=-180, south=-20, east=-170, north=-10)


@pytest.mark.parametrize(("name", "world"), [("a.jpg", "a.jgw"), ("a.png", "a.pgw")])
def test_world_file_in_degrees_places_a_picture(tmp_path: Path, name: str, world: str) -> None:
    Image.fromarray(np.moveaxis(values(3, 64, 64), 0, 2)).save(tmp_path / name)
    (tmp_path / world).write_text("0.5\n0\n0\n-0.5\n10.25\n39.75\n")
    (chip,) = cut(tmp_path)
    assert chip.chip.box == Box(west=10, south=8, east=42, north=40)
    assert chip.chip.crs == "EPSG:4326"


def test_world_file_in_metres_is_quarantined_with_a_hint(tmp_path: Path) -> None:
    Image.fromarray(np.moveaxis(values(3, 64, 64), 0, 2)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jgw").write_text("10\n0\n0\n-10\n500000\n5000000\n")
    (refused,) = arrivals([tmp_path])
    assert isinstance(refused, Quarantined)
    assert "gdal_translate" in refused.reason


def test_jpeg_2000_is_a_scene(tmp_path: Path) -> None:
    path = write_tiff(
        tmp_path / "a.jp2", values(3, 64, 64), driver="JP2OpenJPEG", REVERSIBLE="YES", QUALITY="100", photometric=None
    )
    (chip,) = cut(path)
    assert chip.chip.crs == "EPSG:32633"
    assert chip.chip.media_type == "image/png"


def test_scene_in_an_archive(tmp_path: Path) -> None:
    scene = write_tiff(tmp_path / "a.tif", values(3, 64, 128))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(scene, "scenes/a.tif")
    packed, loose = cut(tmp_path / "a.zip", chip_size=64), cut(scene, chip_size=64)
    assert [chip.chip.id for chip in packed] == [chip.chip.id for chip in loose]
    assert packed[0].chip.origin.startswith(f"{tmp_path / 'a.zip'}!scenes/a.tif#x=0")
    assert packed[0].chip.folder == "scenes"


def test_truncated_scene_keeps_the_chips_before_the_damage(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", values(3, 256, 64))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    items = list(arrivals([path], scenes=SceneOptions(chip_size=64), threads=2))
    assert isinstance(items[0], Arrival)
    assert isinstance(items[-1], Quarantined)
    assert len(items) == 4


def test_header_that_claims_more_than_its_file_holds_is_too_large(tmp_path: Path) -> None:
    huge = {"height": 200_000, "width": 200_000, "tiled": True, "compress": "deflate", "SPARSE_OK": "TRUE"}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", count=1, dtype="uint8", **UTM33 | huge):
        pass
    (refused,) = arrivals([tmp_path])
    assert isinstance(refused, Quarantined)
    assert refused.kind == "too large"


def test_missing_band_is_quarantined_with_a_reason(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", values(3, 64, 64))
    (refused,) = arrivals([path], scenes=SceneOptions(bands=(8, 4, 3)))
    assert isinstance(refused, Quarantined)
    assert "3 bands" in refused.reason


def test_closing_in_the_middle_of_a_scene_stops_the_threads(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", values(3, 512, 512))
    before = set(threading.enumerate())
    stream = arrivals([path], scenes=SceneOptions(chip_size=16), threads=4)
    assert len(list(islice(stream, 3))) == 3
    stream.close()
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize(
    "options",
    [
        {"chip_size": 0},
        {"stride": 0},
        {"edge": "wrap"},
        {"bands": (1, 2)},
        {"bands": (0, 1, 2)},
        {"stretch": "magic"},
        {"stretch": (5.0, 1.0)},
        {"min_valid": 1.5},
    ],
)
def test_nonsense_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        SceneOptions(**options)


def test_time_needs_a_zone() -> None:
    with pytest.raises(BadDates):
        SceneOptions(time=datetime(2020, 1, 1))  # noqa: DTZ001
