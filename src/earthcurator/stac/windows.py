"""Reads windows of the chip grid out of an item's Cloud Optimized GeoTIFFs, wherever they are.

GDAL warps each window from the scene's own coordinate system, bilinearly, and fetches only the blocks that it needs.
Eight-bit values are kept as they are. Others are stretched by the same two numbers for every chip of every scene, so
that brightness means the same everywhere.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Self
from urllib.parse import urlsplit

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT

from earthcurator.errors import BadScene
from earthcurator.grids import METRES_PER_DEGREE, Grid, Window
from earthcurator.stac.items import Asset, Item, choose_assets

REFLECTANCE = (0.0, 3000.0)
"""Black and white for values that are not eight-bit: reflectance of 0 to .3 as Sentinel-2 level 2A stores it (times
10,000), the range its own true-colour pictures show."""

_GDAL_OPTIONS = {
    "GDAL_CACHEMAX": 256 * 1024 * 1024,
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # one request to open a file, none for what might lie beside it
    "GDAL_HTTP_CONNECTTIMEOUT": "15",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_RETRY_CODES": "429,500,502,503,504",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
}


class ItemPictures:
    """An item as pictures on a grid. Many threads may call `read`; each gets GDAL handles of its own."""

    def __init__(
        self,
        item: Item,
        grid: Grid,
        *,
        bands: tuple[str, ...] | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self._assets = choose_assets(item, bands)
        for asset in self._assets:
            _check_href(asset, item)
        self._grid, self._value_range = grid, value_range
        self._open_handles = ExitStack()
        self._idle: list[list[DatasetReader]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open_handles.close()

    def read(self, window: Window) -> tuple[NDArray[np.uint8], float]:
        """Pixels of a window, (height, width, 3), black where there is no data, and the share of them that has data.

        Raises `BadScene` when a file cannot be read.
        """
        with _gdal(), self._borrowed(window.zoom) as datasets:
            parts = [_warped(dataset, self._grid, window) for dataset in datasets]
        there = np.logical_and.reduce([mask for _, mask in parts])
        bands = [band for values, _ in parts for band in values]
        colours = np.stack(
            [self._stretched(band) for band in (bands if len(bands) >= 3 else bands[:1] * 3)[:3]], axis=2
        )
        return np.where(there[..., None], colours, np.uint8(0)), float(np.count_nonzero(there) / there.size)

    def _stretched(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        if values.dtype == np.uint8 and self._value_range is None:
            return np.asarray(values, np.uint8)
        low, high = self._value_range or REFLECTANCE
        scaled = (values.astype(np.float64) - low) * (255 / (high - low))
        return np.asarray(np.nan_to_num(np.clip(np.rint(scaled), 0, 255)), np.uint8)

    @contextmanager
    def _borrowed(self, zoom: int) -> Iterator[list[DatasetReader]]:
        """Open files that no other thread uses at the moment."""
        with self._lock:
            datasets = self._idle.pop() if self._idle else None
        if datasets is None:
            datasets = [self._open(asset, zoom) for asset in self._assets]
        try:
            yield datasets
        finally:
            self._idle.append(datasets)

    def _open(self, asset: Asset, zoom: int) -> DatasetReader:
        """A file, at the coarsest of its overviews that is no coarser than the grid."""
        # Not as a context manager: rasterio's are tied to one thread, and these are closed by another than opened them.
        dataset = rasterio.open(asset.href, driver="GTiff")
        if dataset.crs is None:
            raise BadScene(f"the asset {asset.key} does not say in which coordinate system it is")
        pixel = dataset.res[0] * (METRES_PER_DEGREE if dataset.crs.is_geographic else 1)
        shrink = self._grid.metres_per_pixel(zoom) / pixel
        level = sum(factor <= shrink * 1.01 for factor in dataset.overviews(1)) - 1
        if level >= 0:
            dataset.close()
            dataset = rasterio.open(asset.href, driver="GTiff", overview_level=level)
        self._open_handles.callback(dataset.close)
        return dataset


def _warped(dataset: DatasetReader, grid: Grid, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """The first three bands (or one) of a file on a window, (bands, height, width), and where they have data."""
    size = grid.matrix(window.zoom).resolution
    left, _, _, top = grid.bounds_of_window(window)
    has_alpha = ColorInterp.alpha in dataset.colorinterp
    with WarpedVRT(
        dataset,
        crs=grid.crs,
        transform=Affine(size, 0, left, 0, -size, top),
        width=window.width,
        height=window.height,
        resampling=Resampling.bilinear,
        src_nodata=dataset.nodata,
        add_alpha=not has_alpha,
    ) as warped:
        alpha = warped.colorinterp.index(ColorInterp.alpha) + 1
        colours = [band for band in warped.indexes if band != alpha]
        values = warped.read([*colours[: 3 if len(colours) >= 3 else 1], alpha])
    return values[:-1], values[-1] > 0


def _check_href(asset: Asset, item: Item) -> None:
    """GDAL would open far more than files on the web: archives, databases, any file of this machine."""
    local = ("", "file")
    scheme = _scheme(asset.href)
    beside = scheme in local and _scheme(item.href) in local and not asset.href.startswith("/vsi")
    if scheme not in ("http", "https", "s3") and not beside:
        raise BadScene(
            f"the asset {asset.key} is at {asset.href:.200}, which is neither on the web nor a local item's file"
        )


def _scheme(href: str) -> str:
    scheme = urlsplit(href).scheme
    return "" if len(scheme) == 1 else scheme  # c:\scenes\...


@contextmanager
def _gdal() -> Iterator[None]:
    """Our settings, and `BadScene` for whatever GDAL raises."""
    try:
        with rasterio.Env(**_GDAL_OPTIONS):
            yield
    except (RasterioError, CPLE_BaseError, OSError) as error:  # rasterio lets some of GDAL's own through
        raise BadScene(f"its file cannot be read ({error.__cause__ or error})") from error
