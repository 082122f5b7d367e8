"""Mosaics hold the painted pixels in the right place, on every grid and across every edge."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

from earthcurator.errors import BadInput, BadPicture, Conflict, NotAllowed
from earthcurator.geo import parse_box
from earthcurator.gibs.mosaic import Format, write_mosaic
from earthcurator.gibs.pixels import decode_tile
from earthcurator.grids import Grid, Tile, Window, gibs_grid
from earthcurator.pictures import encode_png
from earthcurator.regions import region_of_box

Unprivileged = Callable[[], AbstractContextManager[None]]

GLOBE = gibs_grid("EPSG:4326", "250m")
ARCTIC = gibs_grid("EPSG:3413", "250m")
FORMATS: tuple[Format, ...] = ("geotiff", "cog", "png")
SUFFIX = {"geotiff": ".tif", "cog": ".tif", "png": ".png"}


def level(grid: Grid, window: Window) -> NDArray[np.uint8]:
    """What is painted on the pixels of a window, (height, width, 4): smooth, bright enough for JPEG to be data."""
    world, _ = grid.size(window.zoom)
    x = np.arange(window.x, window.x + window.width)
    x = x % world if grid.wraps else x
    y = np.arange(window.y, window.y + window.height)[:, None]
    waves = [128 + 80 * np.sin(x / 31 + phase) * np.cos(y / 43 + phase) for phase in range(3)]
    return np.dstack([*waves, np.full((window.height, window.width), 255)]).astype(np.uint8)


def png(grid: Grid, tile: Tile) -> bytes:
    return encode_png(level(grid, grid.window_of_tile(tile)))


def jpeg(grid: Grid, tile: Tile) -> bytes:
    out = BytesIO()
    Image.fromarray(level(grid, grid.window_of_tile(tile))[..., :3]).save(out, "JPEG", quality=95)
    return out.getvalue()


def tiles(grid: Grid, window: Window, paint: Callable[[Grid, Tile], bytes] = png) -> Iterator[tuple[Tile, bytes]]:
    return ((tile, paint(grid, tile)) for tile in grid.tiles_of(window))


def window_of(grid: Grid, box: str, zoom: int) -> Window:
    return grid.window_of(region_of_box(parse_box(box)), zoom)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize(
    ("grid", "window"),
    [
        (GLOBE, window_of(GLOBE, "-18.3,27.2,-9.1,31.9", 5)),
        (GLOBE, window_of(GLOBE, "170,-10,-170,10", 4)),
        (GLOBE, Window(3, 700, 400, 1, 1)),
        (ARCTIC, window_of(ARCTIC, "10,76,30,81", 2)),
    ],
    ids=["africa", "antimeridian", "one pixel", "arctic"],
)
def test_pixels_and_corners_are_exact(tmp_path: Path, format_name: Format, grid: Grid, window: Window) -> None:
    out = tmp_path / f"a{SUFFIX[format_name]}"
    facts = write_mosaic(out, grid, window, tiles(grid, window), format=format_name, media_type="image/png")
    with rasterio.open(out) as dataset:
        np.testing.assert_array_equal(np.moveaxis(dataset.read(), 0, 2), level(grid, window))
        assert tuple(dataset.bounds) == pytest.approx(grid.bounds_of_window(window), abs=1e-9)
        assert dataset.transform.a == -dataset.transform.e == grid.matrix(window.zoom).resolution
        assert dataset.crs == (None if format_name == "png" else grid.crs)
    assert (facts.width, facts.height, facts.bands) == (window.width, window.height, 4)
    assert (facts.valid, facts.missing, facts.tiles) == (1, 0, len(grid.tiles_of(window)))
    assert facts.bytes == out.stat().st_size


@pytest.mark.parametrize("zoom", [0, 1, 2])
def test_whole_world_ends_at_its_edge(tmp_path: Path, zoom: int) -> None:
    width, height = GLOBE.size(zoom)
    window = Window(zoom, 0, 0, width, height)
    write_mosaic(tmp_path / "a.tif", GLOBE, window, tiles(GLOBE, window), format="geotiff", media_type="image/png")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert tuple(dataset.bounds) == (-180, -90, 180, 90)
        np.testing.assert_array_equal(np.moveaxis(dataset.read(), 0, 2), level(GLOBE, window))


@pytest.mark.parametrize("zoom", [0, 1, 2])
def test_antimeridian_where_edge_tiles_stick_out(tmp_path: Path, zoom: int) -> None:
    window = window_of(GLOBE, "150,-20,-150,20", zoom)
    write_mosaic(tmp_path / "a.tif", GLOBE, window, tiles(GLOBE, window), format="geotiff", media_type="image/png")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.bounds.left == pytest.approx(150, abs=GLOBE.matrix(zoom).resolution)
        assert dataset.bounds.right == pytest.approx(210, abs=GLOBE.matrix(zoom).resolution)
        np.testing.assert_array_equal(np.moveaxis(dataset.read(), 0, 2), level(GLOBE, window))


def test_order_of_tiles_does_not_matter(tmp_path: Path) -> None:
    window = window_of(GLOBE, "-18.3,27.2,-9.1,31.9", 5)
    shuffled = sorted(tiles(GLOBE, window), key=lambda tile: hash(tile[1]))
    write_mosaic(tmp_path / "a.tif", GLOBE, window, shuffled, format="geotiff", media_type="image/png")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(np.moveaxis(dataset.read(), 0, 2), level(GLOBE, window))


@pytest.mark.parametrize("format_name", FORMATS)
def test_jpeg_layers_have_a_mask_where_a_tile_is_missing_or_black(tmp_path: Path, format_name: Format) -> None:
    window = Window(5, 512 * 10, 512 * 6, 3 * 512, 512)
    first, second, third = GLOBE.tiles_of(window)
    half = level(GLOBE, GLOBE.window_of_tile(second))[..., :3].copy()
    half[:, 256:] = 0
    swath = BytesIO()
    Image.fromarray(half).save(swath, "JPEG", quality=95)
    contents = [(first, jpeg(GLOBE, first)), (second, swath.getvalue()), (third, None)]
    out = tmp_path / f"a{SUFFIX[format_name]}"
    facts = write_mosaic(out, GLOBE, window, contents, format=format_name, media_type="image/jpeg")
    with rasterio.open(out) as dataset:
        mask, colours = dataset.dataset_mask(), np.moveaxis(dataset.read([1, 2, 3]), 0, 2)
        assert dataset.count == (4 if format_name == "png" else 3)
    assert mask[:, : 512 + 250].all()
    assert not mask[:, 512 + 264 :].any()
    np.testing.assert_array_equal(colours[:, :512], decode_tile(jpeg(GLOBE, first))[..., :3])
    assert (facts.tiles, facts.missing) == (2, 1)
    assert facts.valid == pytest.approx(np.count_nonzero(mask) / mask.size)


def test_a_tile_that_comes_twice_counts_once(tmp_path: Path) -> None:
    window = Window(5, 0, 512, 700, 512)
    contents = [*tiles(GLOBE, window), *tiles(GLOBE, window)]
    facts = write_mosaic(tmp_path / "a.tif", GLOBE, window, contents, format="cog", media_type="image/png")
    assert (facts.tiles, facts.valid) == (2, 1)


def test_all_tiles_missing_is_all_masked(tmp_path: Path) -> None:
    window = Window(5, 0, 0, 600, 100)
    nothing = [(tile, None) for tile in GLOBE.tiles_of(window)]
    facts = write_mosaic(tmp_path / "a.tif", GLOBE, window, nothing, format="geotiff", media_type="image/jpeg")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert not dataset.dataset_mask().any()
    assert (facts.valid, facts.missing) == (0, 2)


def test_palettes_become_colours_with_transparency(tmp_path: Path) -> None:
    window = Window(5, 0, 512, 512, 512)
    (tile,) = GLOBE.tiles_of(window)
    image = Image.fromarray(np.arange(512 * 512, dtype=np.uint32).reshape(512, 512).astype(np.uint8) % 3)
    image.putpalette([0, 0, 0, 250, 10, 20, 30, 240, 50])
    out = BytesIO()
    image.save(out, "PNG", transparency=0)
    facts = write_mosaic(
        tmp_path / "a.tif", GLOBE, window, [(tile, out.getvalue())], format="cog", media_type="image/png"
    )
    with rasterio.open(tmp_path / "a.tif") as dataset:
        pixels = np.moveaxis(dataset.read(), 0, 2)
    indexes = np.asarray(image)
    np.testing.assert_array_equal(
        pixels[indexes == 1], np.full((np.count_nonzero(indexes == 1), 4), (250, 10, 20, 255))
    )
    assert not pixels[indexes == 0, 3].any()
    assert facts.valid == np.count_nonzero(indexes) / indexes.size


@pytest.mark.parametrize("format_name", ["geotiff", "cog"])
def test_geotiffs_have_blocks_overviews_and_tags(tmp_path: Path, format_name: Format) -> None:
    window = Window(6, 1000, 1000, 2200, 1100)
    tags = {"layer": "MODIS_Terra", "acknowledgement": "We acknowledge …"}
    contents = tiles(GLOBE, window, jpeg)
    write_mosaic(tmp_path / "a.tif", GLOBE, window, contents, format=format_name, media_type="image/jpeg", tags=tags)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.overviews(1) == [2, 4, 8]
        assert dataset.block_shapes[0] == (512, 512)
        assert dataset.compression.value == "DEFLATE"
        assert dataset.tags().items() >= tags.items()
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        half = dataset.read(1, out_shape=(550, 1100))
        full = dataset.read(1)
    averaged = full.reshape(550, 2, 1100, 2).mean(axis=(1, 3))
    assert np.abs(half - averaged).max() <= 1, "overviews are averages, not every second pixel"
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_png_has_a_world_file_and_nothing_else(tmp_path: Path) -> None:
    window = Window(3, 100, 200, 300, 100)
    write_mosaic(tmp_path / "a.png", GLOBE, window, tiles(GLOBE, window), format="png", media_type="image/png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pgw", "a.png"]
    size = 0.0703125
    numbers = [float(line) for line in (tmp_path / "a.pgw").read_text().splitlines()]
    assert numbers == [size, 0, 0, -size, -180 + 100.5 * size, 90 - 200.5 * size]


def test_png_is_bounded_and_geotiff_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="10000 x 10000 pixels are too many for a PNG") as caught:
        write_mosaic(
            tmp_path / "a.png", GLOBE, Window(8, 0, 0, 10_000, 10_000), [], format="png", media_type="image/png"
        )
    assert "GeoTIFF" in caught.value.hint


def test_existing_files_are_kept_unless_asked(tmp_path: Path) -> None:
    window = Window(3, 0, 0, 10, 10)
    for taken in ("a.png", "a.pgw"):
        (tmp_path / taken).write_bytes(b"mine")
        with pytest.raises(Conflict, match=f"{taken} exists already"):
            write_mosaic(tmp_path / "a.png", GLOBE, window, [], format="png", media_type="image/png")
        assert [path.name for path in tmp_path.iterdir()] == [taken]
        assert (tmp_path / taken).read_bytes() == b"mine"
        (tmp_path / taken).unlink()
    (tmp_path / "a.png").write_bytes(b"mine")
    contents = tiles(GLOBE, window)
    write_mosaic(tmp_path / "a.png", GLOBE, window, contents, format="png", media_type="image/png", overwrite=True)
    with rasterio.open(tmp_path / "a.png") as dataset:
        assert dataset.shape == (10, 10)


def test_wrong_ending_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.jpg does not end in \.tif or \.tiff") as caught:
        write_mosaic(tmp_path / "a.jpg", GLOBE, Window(3, 0, 0, 9, 9), [], format="cog", media_type="image/png")
    assert "a.tif" in caught.value.hint


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_failure_on_the_way_leaves_nothing(tmp_path: Path, format_name: Format) -> None:
    window = Window(5, 0, 0, 2000, 1000)
    out = tmp_path / f"a{SUFFIX[format_name]}"

    def interrupted() -> Iterator[tuple[Tile, bytes]]:
        yield from itertools.islice(tiles(GLOBE, window), 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mosaic(out, GLOBE, window, interrupted(), format=format_name, media_type="image/png")
    damaged = [(Tile(5, 0, 0), png(GLOBE, Tile(5, 0, 0))[:5000])]
    with pytest.raises(BadPicture, match="tile 5/0/0"):
        write_mosaic(out, GLOBE, window, damaged, format=format_name, media_type="image/png")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, unprivileged: Unprivileged) -> None:
    with unprivileged(), pytest.raises(NotAllowed, match=r"a\.tif may not be written"):
        write_mosaic(tmp_path / "a.tif", GLOBE, Window(3, 0, 0, 9, 9), [], format="cog", media_type="image/png")


@pytest.mark.skipif(os.name == "nt", reason="limits on the size of files are Unix'")
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    # A limit on the size of a process' files fails like a full disk does; it cannot be lifted again, so: a child.
    program = f"""
import resource, signal
from pathlib import Path
import numpy as np
from earthcurator.errors import StorageFailed
from earthcurator.gibs.mosaic import write_mosaic
from earthcurator.grids import Window, gibs_grid
from earthcurator.pictures import encode_png
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
grid, window = gibs_grid("EPSG:4326", "250m"), Window(5, 0, 0, 1024, 1024)
noise = encode_png(np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8))
for format in ("geotiff", "cog", "png"):
    out = Path({str(tmp_path)!r}) / ("a.png" if format == "png" else "a.tif")
    try:
        tiles = [(tile, noise) for tile in grid.tiles_of(window)]
        write_mosaic(out, grid, window, tiles, format=format, media_type="image/png")
    except StorageFailed as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.count("cannot be written") == 3, done
    assert list(tmp_path.iterdir()) == []
