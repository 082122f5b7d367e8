"""Joins tiles into one raster on the layer's own grid: GeoTIFF, Cloud Optimized GeoTIFF, or PNG with a world file.

Pixels are those of the tiles, copied: nothing is resampled, blended or compressed with loss. JPEG layers give three
bands and a mask (what counts as no data: see `gibs.pixels`). PNG layers, their palettes resolved, give four bands, the
last of them transparency, as does every mosaic that is written as PNG. A mosaic over the antimeridian goes on past 180
degrees, up to 540, as GIS software expects.
"""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from rasterio import windows
from rasterio.io import DatasetWriter
from rasterio.shutil import copy
from rasterio.transform import Affine

from earthcurator import pictures
from earthcurator.errors import BadInput, BadPicture
from earthcurator.gibs.outfiles import complete_or_absent, suffix_of
from earthcurator.gibs.pixels import Pixels, decode_tile
from earthcurator.grids import Grid, Tile, Window
from earthcurator.parallel import Job, in_order

Format = Literal["geotiff", "cog", "png"]
"""`geotiff` is cloud optimised too: there is no reason to write any other."""

_SUFFIXES: dict[Format, tuple[str, ...]] = {"geotiff": (".tif", ".tiff"), "cog": (".tif", ".tiff"), "png": (".png",)}
_BLOCK = 512
"""Pixels a side of the blocks that a GeoTIFF is stored in."""
_DECODERS = 4
_TILE_BYTES = 4 * 512 * 512

_GDAL_OPTIONS = {
    "GDAL_CACHEMAX": 256 * 1024 * 1024,
    "GDAL_NUM_THREADS": "ALL_CPUS",
    "GDAL_PAM_ENABLED": "NO",  # else a PNG gets an .aux.xml beside it
    "GDAL_TIFF_INTERNAL_MASK": "YES",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicFacts:
    """What was written."""

    path: Path
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    bands: int
    """3 (and a mask), or 4 with transparency."""
    tiles: int
    """How many tiles with imagery went in."""
    missing: int
    """How many tiles were blank or not there."""
    valid: float
    """Share of pixels that carry data, 0 to 1."""
    bytes: int
    """Size of the file."""


@dataclass(slots=True)
class _Counts:
    tiles: int = 0
    missing: int = 0
    valid_pixels: int = 0
    sum: int = 0
    """Of all values."""


def write_mosaic(
    out: Path,
    grid: Grid,
    window: Window,
    tiles: Iterable[tuple[Tile, bytes | None]],
    *,
    format: Format,  # noqa: A002 - the word everyone uses
    media_type: str,
    tags: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> MosaicFacts:
    """Write a window of the grid from its tiles, in any order; None stands for a tile without imagery.

    `media_type` is that of the layer's tiles. Tiles that come row by row make the smallest GeoTIFF. `tags` are written
    into the file: the layer, its time, the source and its acknowledgement, say.
    """
    suffix_of(out, _SUFFIXES[format])
    if format == "png" and window.width * window.height > pictures.MAX_PIXELS:
        raise BadInput(
            f"{window.width} x {window.height} pixels are too many for a PNG, which takes {pictures.MAX_PIXELS:,}",
            hint="write a GeoTIFF, or choose a coarser level or a smaller region",
        )
    bands = 4 if format == "png" or media_type != "image/jpeg" else 3
    with ExitStack() as finishing:
        if format == "png":  # the outer one, so that what goes wrong with the picture is said of the picture
            world_file = finishing.enter_context(complete_or_absent(out.with_suffix(".pgw"), overwrite=overwrite))
        unfinished = finishing.enter_context(complete_or_absent(out, overwrite=overwrite))
        if format == "png":
            unfinished.with_suffix(".pgw").write_text(_world_file(grid, window), "ascii")
        finishing.enter_context(rasterio.Env(**_GDAL_OPTIONS))
        decoded = finishing.enter_context(closing(_decoded(tiles)))
        raster = unfinished.with_suffix(".raster")
        counts = _write_raster(raster, grid, window, decoded, bands=bands, tags=tags or {})
        copy(raster, unfinished, **({"driver": "PNG"} if format == "png" else _cog_options(media_type)))
        _verify(unfinished, counts.sum)
        if format == "png":
            unfinished.with_suffix(".pgw").replace(world_file)
        size = unfinished.stat().st_size
    return MosaicFacts(
        path=out,
        width=window.width,
        height=window.height,
        bands=bands,
        tiles=counts.tiles,
        missing=counts.missing,
        valid=counts.valid_pixels / (window.width * window.height),
        bytes=size,
    )


# --- the raster ---------------------------------------------------------------------------------------------------


def _write_raster(
    path: Path,
    grid: Grid,
    window: Window,
    tiles: Iterable[tuple[Tile, Pixels | None]],
    *,
    bands: int,
    tags: Mapping[str, str],
) -> _Counts:
    counts, seen = _Counts(), set[Tile]()
    alpha = {"alpha": "NON-PREMULTIPLIED"} if bands == 4 else {}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=window.width,
        height=window.height,
        count=bands,
        dtype="uint8",
        crs=grid.crs,
        transform=_transform(grid, window),
        tiled=True,
        blockxsize=_BLOCK,
        blockysize=_BLOCK,
        compress="zstd",
        zstd_level=1,
        photometric="RGB",
        sparse_ok=True,
        bigtiff="IF_SAFER",
        **alpha,
    ) as dataset:
        dataset.update_tags(**tags)
        if bands == 3:  # so that there is a mask even when no tile has imagery
            dataset.write_mask(np.zeros((1, 1), np.uint8), window=windows.Window(0, 0, 1, 1))
        for tile, pixels in tiles:
            if tile in seen:
                continue
            seen.add(tile)
            counts.tiles += pixels is not None
            counts.missing += pixels is None
            if pixels is not None:
                for source, x, y in _places(grid, window, tile):
                    _write_part(dataset, pixels[source], x, y, counts)
    return counts


def _write_part(dataset: DatasetWriter, part: Pixels, x: int, y: int, counts: _Counts) -> None:
    """Write RGBA pixels with their upper left at (x, y)."""
    place = windows.Window(x, y, part.shape[1], part.shape[0])
    values = np.moveaxis(part[..., : dataset.count], 2, 0)
    dataset.write(values, window=place)
    if dataset.count == 3:
        dataset.write_mask(part[..., 3], window=place)
    counts.valid_pixels += int(np.count_nonzero(part[..., 3]))
    counts.sum += int(values.sum(dtype=np.uint64))


def _cog_options(media_type: str) -> dict[str, str]:
    # Colours of a palette stand for classes or values, whose average would be another class or value.
    resampling = "AVERAGE" if media_type == "image/jpeg" else "NEAREST"
    return {
        "driver": "COG",
        "compress": "DEFLATE",
        "predictor": "YES",
        "blocksize": str(_BLOCK),
        "overview_resampling": resampling,
        "bigtiff": "IF_SAFER",
    }


def _verify(path: Path, expected_sum: int) -> None:
    """Read the file again. On a full disk GDAL loses what it writes last, and says so to nobody when it closes a file.

    In a COG the full picture lies behind its overviews, so if it is whole, so are they.
    """
    with rasterio.open(path) as dataset:
        blocks = (dataset.read(window=window) for _, window in dataset.block_windows(1))
        if sum(int(block.sum(dtype=np.uint64)) for block in blocks) != expected_sum:
            raise OSError(errno.ENOSPC, "parts of it are missing, so the disk is probably full")


def _places(grid: Grid, window: Window, tile: Tile) -> Iterator[tuple[tuple[slice, slice], int, int]]:
    """Which part of a tile (rows, columns) goes where (x, y) in the window. What sticks out of the world is left out.

    A tile may come twice: at both ends of a window that reaches around the globe.
    """
    visible, (world, _) = grid.visible(tile), grid.size(tile.zoom)
    top, bottom = max(visible.y, window.y), min(visible.y + visible.height, window.y + window.height)
    for x in (visible.x, visible.x + world) if grid.wraps else (visible.x,):
        left, right = max(x, window.x), min(x + visible.width, window.x + window.width)
        if left < right and top < bottom:
            part = slice(top - visible.y, bottom - visible.y), slice(left - x, right - x)
            yield part, left - window.x, top - window.y


def _transform(grid: Grid, window: Window) -> Affine:
    matrix = grid.matrix(window.zoom)
    size = matrix.resolution
    return Affine(size, 0, matrix.left + window.x * size, 0, -size, matrix.top - window.y * size)


def _world_file(grid: Grid, window: Window) -> str:
    """Six lines, the last two of which are the middle of the upper left pixel."""
    a, b, c, d, e, f = _transform(grid, window)[:6]
    return "".join(f"{number!r}\n" for number in (a, d, b, e, c + a / 2, f + e / 2))


# --- tiles --------------------------------------------------------------------------------------------------------


def _decoded(tiles: Iterable[tuple[Tile, bytes | None]]) -> Generator[tuple[Tile, Pixels | None]]:
    """The tiles' pixels, in the same order; threads work a few tiles ahead."""
    jobs = (Job(partial(_decode, tile, content), _TILE_BYTES) for tile, content in tiles)
    with (
        ThreadPoolExecutor(_DECODERS, thread_name_prefix="mosaic") as executor,
        closing(in_order(executor, jobs, ahead=4 * _DECODERS)) as results,
    ):
        yield from results


def _decode(tile: Tile, content: bytes | None) -> tuple[Tile, Pixels | None]:
    try:
        return tile, None if content is None else decode_tile(content)
    except BadPicture as error:
        raise BadPicture(f"tile {tile}: {error}", hint=error.hint) from error
