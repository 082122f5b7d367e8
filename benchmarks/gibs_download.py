"""Tiles a second from a WMTS server with added latency, against GDAL's own reading of the same service.

    python benchmarks/gibs_download.py --server http://127.0.0.1:8650

The server is a GIBS-like one that other people wrote (Apache MapCache or MapProxy) behind a proxy that adds latency and
counts requests (`/__fault__`). Region and days are those of its data: California, three days, level 8: 429 tiles of
64 KB. GDAL reads the same tiles through its TiledWMS (as the first GIBS downloader did), TMS and WMTS drivers, one day
after another.

Curator is measured twice: free, to see what the client can do, and at NASA's 50 Mb/s, whose time no client may beat.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import rasterio
from common import record

import earthcurator as ec
from earthcurator.gibs.fetch import Fetcher
from earthcurator.gibs.plan import tile_request
from earthcurator.gibs.politeness import Policy
from earthcurator.imagery import Imagery, orders
from earthcurator.settings import Settings
from earthcurator.store import SqliteTileCache

LAYER = "MODIS_Terra_CorrectedReflectance_TrueColor"
BOX = ec.Box(west=-125, south=32, east=-112, north=43)
WINDOW = (-126, 43.875, -111.375, 31.5)  # the same, rounded to whole tiles: left, top, right, bottom
DAYS = ("2020-08-16", "2020-08-17", "2020-08-18")
ZOOM = 8
LATENCIES = (0, 40, 80, 200)
MEGABITS = 50

TMS = """<GDAL_WMS><Service name="TMS"><ServerUrl>{address}</ServerUrl></Service><DataWindow>
<UpperLeftX>-180</UpperLeftX><UpperLeftY>90</UpperLeftY><LowerRightX>396</LowerRightX><LowerRightY>-198</LowerRightY>
<TileLevel>8</TileLevel><TileCountX>2</TileCountX><TileCountY>1</TileCountY><YOrigin>top</YOrigin></DataWindow>
<Projection>EPSG:4326</Projection><BlockSizeX>512</BlockSizeX><BlockSizeY>512</BlockSizeY><BandsCount>3</BandsCount>
</GDAL_WMS>"""
TILED_WMS = """<GDAL_WMS><Service name="TiledWMS"><ServerUrl>{server}/twms/epsg4326/best/twms.cgi?</ServerUrl>
<TiledGroupName>MODIS Terra CorrectedReflectance TrueColor tileset</TiledGroupName>
<Change key="${{time}}">{day}</Change></Service></GDAL_WMS>"""
# Of the latest day, each time.
WMTS = "WMTS:{server}/wmts/epsg4326/best/wmts.cgi?SERVICE=WMTS&REQUEST=GetCapabilities,layer={layer},tilematrix=8"
PEERS = ("TiledWMS", "TMS", "WMTS")
READ = """
import sys, rasterio
from rasterio.windows import from_bounds
source, out, *edges = sys.argv[1:]
left, top, right, bottom = map(float, edges)
with rasterio.open(source) as service:
    window = from_bounds(left, bottom, right, top, service.transform).round_offsets().round_lengths()
    pixels = service.read((1, 2, 3), window=window)
shape = dict(count=3, dtype="uint8", width=pixels.shape[2], height=pixels.shape[1])
with rasterio.open(out, "w", driver="GTiff", **shape) as raster:
    raster.write(pixels)
"""


class Server:
    """The proxy in front of the server."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def latency(self, milliseconds: int) -> None:
        self._post({"latency": milliseconds, "reset": True})

    def requests(self) -> int:
        with urlopen(f"{self.url}/__fault__", timeout=30) as answer:
            return int(json.load(answer)["counts"].get("requests", 0))

    def _post(self, rules: dict[str, object]) -> None:
        asked = Request(f"{self.url}/__fault__", json.dumps(rules).encode(), {"Content-Type": "application/json"})
        urlopen(asked, timeout=30).close()


@contextmanager
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def curator(server: Server, folder: Path, megabits: float) -> tuple[int, int]:
    """Fetch all tiles into an empty cache; tiles and bytes."""
    settings = Settings(cache=folder, source=server.url, megabits_per_second=megabits)
    with Imagery(settings=settings) as imagery:
        (order,) = orders(LAYER, BOX, f"{DAYS[0]}/{DAYS[-1]}", zoom=ZOOM)
        requests = list(imagery.wmts.plan(order).requests())
        for answer in imagery.fetcher.tiles(requests):
            assert hasattr(answer, "stored"), answer
        return len(requests), imagery.fetcher.stats.bytes


def gdal(server: Server, folder: Path, peer: str) -> None:
    """One of GDAL's readers, one process a day, as the first GIBS downloader called gdal_translate."""
    for day in DAYS:
        address = f"{server.url}/wmts/epsg4326/best/{LAYER}/default/{day}/250m/${{z}}/${{y}}/${{x}}.jpg"
        template = {"TMS": TMS, "TiledWMS": TILED_WMS, "WMTS": WMTS}[peer]
        source = template.format(address=address, server=server.url, layer=LAYER, day=day)
        arguments = [source, str(folder / f"{day}.tif"), *map(str, WINDOW)]
        environment = {**os.environ, "GDAL_DEFAULT_WMS_CACHE_PATH": str(folder / f"cache-{day}")}  # an empty one
        subprocess.run([sys.executable, "-W", "ignore", "-c", READ, *arguments], check=True, env=environment)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(server: Server, latency: int, rounds: int) -> dict[str, object]:
    free, polite = [], []
    asked: dict[str, int] = {}
    tiles = received = 0
    for _ in range(rounds):
        with scratch() as folder:
            server.latency(latency)
            free.append(timed(lambda: curator(server, folder / "free", 10_000)))
            asked["curator"] = server.requests()
            server.latency(latency)
            timed(lambda: curator(server, folder / "free", 10_000))
            asked["curator, second run"] = server.requests()
            server.latency(latency)
            started = time.perf_counter()
            tiles, received = curator(server, folder / "polite", MEGABITS)
            polite.append(time.perf_counter() - started)
    others = {}
    for peer in PEERS:  # once: their time is latency, which does not vary
        with scratch() as folder:
            server.latency(latency)
            started = time.perf_counter()
            gdal(server, folder, peer)
            others[peer] = time.perf_counter() - started
            asked[f"GDAL {peer}"] = server.requests()
    bound = received * 8 / (MEGABITS * 1e6)
    fast, kind, slow = statistics.median(free), statistics.median(polite), min(others.values())
    return {
        "latency_ms": latency,
        "tiles": tiles,
        "curator_s": round(fast, 2),
        "curator_50mbps_s": round(kind, 2),
        "bound_50mbps_s": round(bound, 2),
        "gdal_s": {peer: round(seconds, 2) for peer, seconds in others.items()},
        "ratio_to_fastest_gdal": round(slow / fast, 1),
        "ratio_at_50mbps": round(slow / kind, 1),
        "over_bound": round(kind / bound, 3),
        "requests": asked,
    }


def cpu_per_tile(server: Server, rounds: int) -> dict[str, float]:
    """CPU milliseconds of this process a tile: fetched, checked and kept verbatim; and read back from the cache."""
    fetched: list[float] = []
    cached: list[float] = []
    server.latency(0)
    for _ in range(3 * rounds):
        with scratch() as folder:
            settings = Settings(cache=folder, source=server.url)
            with Imagery(settings=settings) as imagery:
                (order,) = orders(LAYER, BOX, f"{DAYS[0]}/{DAYS[-1]}", zoom=ZOOM)
                plan = imagery.wmts.plan(order)
            with (
                SqliteTileCache(folder / "tiles") as cache,
                Fetcher(cache, Policy(megabits_per_second=10_000)) as client,
            ):
                for spent in (fetched, cached):
                    started, count = time.process_time(), 0
                    for part, times in plan.parts:
                        wanted = [
                            tile_request(part.layer, part.pyramid, when, tile)
                            for when in times
                            for tile in plan.grid.cover(order.region, ZOOM)
                        ]
                        count += sum(1 for _ in client.tiles(wanted))
                    spent.append((time.process_time() - started) / count * 1000)
    return {
        "fetch_and_store_ms": round(statistics.median(fetched), 3),
        "from_cache_ms": round(statistics.median(cached), 3),
    }


def pixels_equal(server: Server) -> dict[str, float]:
    """Share of samples of a mosaic that equal GDAL's reading, and the largest difference."""
    server.latency(0)
    with scratch() as folder:
        gdal(server, folder, "TMS")
        with rasterio.open(folder / f"{DAYS[0]}.tif") as raster:
            theirs = raster.read()
        with Imagery(settings=Settings(cache=folder / "cache", source=server.url)) as imagery:
            box = ec.Box(west=WINDOW[0], south=WINDOW[3], east=WINDOW[2], north=WINDOW[1])
            (order,) = orders(LAYER, box, DAYS[0], zoom=ZOOM)
            imagery.mosaic(order, folder / "mosaic.tif")
        with rasterio.open(folder / "mosaic.tif") as raster:
            ours = raster.read()
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    different = np.abs(ours.astype(int) - theirs.astype(int))
    return {"equal_share": round(float((different == 0).mean()), 5), "largest_difference": int(different.max())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the proxy in front of the WMTS server")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    server = Server(asked.server)
    rows = [measure(server, latency, asked.rounds) for latency in LATENCIES]
    print(*rows, sep="\n")
    cpu, equal = cpu_per_tile(server, asked.rounds), pixels_equal(server)
    print(cpu, equal)
    server.latency(0)
    record("gibs_download", {"rounds": asked.rounds, "runs": rows, "cpu": cpu, "mosaic_against_gdal": equal})


if __name__ == "__main__":
    main()
