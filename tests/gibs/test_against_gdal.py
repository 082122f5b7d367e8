"""Mosaics against GDAL's own reading of the same server: a second implementation of grid, fetching and decoding."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from earthcurator.geo import parse_box
from earthcurator.imagery import Imagery, orders
from earthcurator.testing.gibs import FakeGibs

from .conftest import TRUE_COLOUR

# GDAL's TMS driver; in another process, as GDAL waits for the server while it holds Python's lock.
READ = """
import sys, numpy, rasterio
from rasterio.windows import Window
url, out, x, y, width, height = sys.argv[1:]
service = f'''<GDAL_WMS><Service name="TMS"><ServerUrl>{url}</ServerUrl></Service><DataWindow>
<UpperLeftX>-180</UpperLeftX><UpperLeftY>90</UpperLeftY><LowerRightX>396</LowerRightX><LowerRightY>-198</LowerRightY>
<TileLevel>6</TileLevel><TileCountX>2</TileCountX><TileCountY>1</TileCountY><YOrigin>top</YOrigin></DataWindow>
<Projection>EPSG:4326</Projection><BlockSizeX>512</BlockSizeX><BlockSizeY>512</BlockSizeY><BandsCount>3</BandsCount>
</GDAL_WMS>'''
with rasterio.open(service) as dataset:
    numpy.save(out, dataset.read(window=Window(*map(int, (x, y, width, height)))))
"""


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_mosaic_equals_what_gdal_reads(imagery: Imagery, gibs: FakeGibs, tmp_path: Path, suffix: str) -> None:
    (order,) = orders(TRUE_COLOUR, parse_box("-124,37,-116,41"), "2020-08-16", zoom=6)
    imagery.mosaic(order, tmp_path / f"ours.{suffix}", format="png" if suffix == "png" else "geotiff")
    with rasterio.open(tmp_path / f"ours.{suffix}") as dataset:
        ours, transform = dataset.read((1, 2, 3)).astype(int), dataset.transform
    x, y = round((transform.c + 180) / transform.a), round((90 - transform.f) / transform.a)
    url = f"{gibs.url}/wmts/epsg4326/best/{TRUE_COLOUR}/default/2020-08-16/250m/${{z}}/${{y}}/${{x}}.jpg"
    window = [str(number) for number in (x, y, ours.shape[2], ours.shape[1])]
    command = [sys.executable, "-W", "ignore", "-c", READ, url, str(tmp_path / "theirs.npy"), *window]
    subprocess.run(command, check=True, env={**os.environ, "GDAL_DEFAULT_WMS_CACHE_PATH": str(tmp_path / "gdal")})
    difference = np.abs(ours - np.load(tmp_path / "theirs.npy"))
    assert (difference == 0).mean() >= 0.997  # two builds of libjpeg
    assert difference.max() <= 6
