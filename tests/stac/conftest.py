"""A STAC catalogue of painted scenes, as files, as files on a web server, and behind a small STAC API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.shutil import copy
from rasterio.warp import transform, transform_bounds

SIDE = 600
"""Pixels of 10 m of each scene."""
WEST, NORTH = 500_000.0, 5_000_000.0
"""Upper left corner of the scenes in UTM zone 33: 15 degrees east, 45.15 north."""
PER_DEGREE = 12_000
"""Values a degree: steep enough to tell one pixel of level 12 (.000137 degrees) from the next."""
EAST_OF, NORTH_OF = 15.0, 45.1

Documents = dict[str, dict[str, Any]]


def painted(crs: str = "EPSG:32633", west: float = WEST, north: float = NORTH) -> NDArray[np.uint16]:
    """Red grows with longitude, green with latitude, blue is the same everywhere; (3, SIDE, SIDE)."""
    columns, rows = np.meshgrid(np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5)
    longitudes, latitudes = transform(crs, "EPSG:4326", (west + 10 * columns).ravel(), (north - 10 * rows).ravel())
    red = 100 + PER_DEGREE * (np.array(longitudes) - EAST_OF)
    green = 100 + PER_DEGREE * (np.array(latitudes) - NORTH_OF)
    return np.rint([red, green, np.full(SIDE * SIDE, 700)]).reshape(3, SIDE, SIDE).clip(1, 60_000).astype(np.uint16)


def write_cog(path: Path, values: NDArray[Any], *, crs: str = "EPSG:32633", nodata: float | None = 0) -> None:
    bands, height, width = values.shape
    plain = path.with_suffix(".plain")
    with rasterio.open(
        plain, "w", driver="GTiff", count=bands, height=height, width=width, dtype=values.dtype.name, crs=crs,
        transform=Affine(10, 0, WEST, 0, -10, NORTH), nodata=nodata,
    ) as dataset:  # fmt: skip
        dataset.write(values)
    copy(plain, path, driver="COG", compress="DEFLATE", blocksize=128)
    plain.unlink()


@dataclass
class Scenes:
    """A folder with a static catalogue."""

    folder: Path
    items: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, name: str, time: str, values: NDArray[Any], *, cloud: float | None = 10.0, visual: bool = False,
        crs: str = "EPSG:32633", nodata: float | None = 0, collection: str = "scenes",
    ) -> None:  # fmt: skip
        """Write a scene and its item; three files of one band each, or one `visual` of three."""
        place = self.folder / collection / name
        place.mkdir(parents=True)
        bounds = (WEST, NORTH - 10 * SIDE, WEST + 10 * SIDE, NORTH)
        west, south, east, north = transform_bounds(crs, "EPSG:4326", *bounds)
        assets: dict[str, Any] = {"thumbnail": {"href": "./thumbnail.png", "type": "image/png"}}
        if visual:
            write_cog(place / "visual.tif", values, crs=crs, nodata=nodata)
            assets["visual"] = {"href": "./visual.tif", "type": "image/tiff; application=geotiff", "roles": ["visual"]}
        else:
            for band, colour in enumerate(("red", "green", "blue")):
                write_cog(place / f"{colour}.tif", values[band : band + 1], crs=crs, nodata=nodata)
                assets[f"b{band}"] = {
                    "href": f"./{colour}.tif", "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                    "eo:bands": [{"name": f"b{band}", "common_name": colour}],
                }  # fmt: skip
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        self.items.append(
            {
                "type": "Feature",
                "stac_version": "1.0.0",
                "id": name,
                "collection": collection,
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "bbox": [west, south, east, north],
                "properties": {"datetime": time} | ({} if cloud is None else {"eo:cloud_cover": cloud}),
                "links": [{"rel": "collection", "href": "../collection.json"}],
                "assets": assets,
            }
        )

    def write(self) -> Path:
        """Write the catalogue's own files; returns its root."""
        names = sorted({item["collection"] for item in self.items})
        links = [{"rel": "child", "href": f"./{name}/collection.json"} for name in names]
        _write(self.folder / "catalog.json", _catalog("root", links))
        for name in names:
            mine = [item for item in self.items if item["collection"] == name]
            links = [{"rel": "item", "href": f"./{item['id']}/item.json"} for item in mine]
            _write(self.folder / name / "collection.json", collection(name, links))
        for item in self.items:
            _write(self.folder / item["collection"] / item["id"] / "item.json", item)
        return self.folder / "catalog.json"


def _catalog(name: str, links: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "Catalog", "stac_version": "1.0.0", "id": name, "description": name, "links": links}


def collection(name: str, links: list[dict[str, Any]]) -> dict[str, Any]:
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
    return _catalog(name, links) | {"type": "Collection", "license": "other", "extent": extent}


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document))


class Handler(SimpleHTTPRequestHandler):
    """Files with byte ranges, and a STAC API under /api that gives one item a page."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, *args: Any, scenes: Scenes, asked: list[str], **options: Any) -> None:
        self.scenes, self.asked = scenes, asked
        super().__init__(*args, directory=str(scenes.folder), **options)

    def log_message(self, *_: Any) -> None:
        pass

    @property
    def root(self) -> str:
        return f"http://{self.headers['Host']}"

    def do_POST(self) -> None:
        self.asked.append(f"POST {self.path}")
        self._search(json.loads(self.rfile.read(int(self.headers["Content-Length"]))), "POST")

    def do_GET(self) -> None:
        self.asked.append(f"GET {self.path}")
        url = urlsplit(self.path)
        if url.path in ("/api", "/api-get"):
            self._answer(self._landing(url.path))
        elif url.path == "/api/search":
            asked: dict[str, Any] = {key: value[0] for key, value in parse_qs(url.query).items()}
            asked["bbox"] = [float(number) for number in asked["bbox"].split(",")]
            asked["collections"] = asked["collections"].split(",") if "collections" in asked else None
            self._search(asked, "GET")
        elif url.path == "/api/collections":
            names = sorted({item["collection"] for item in self.scenes.items})
            self._answer({"collections": [collection(name, []) for name in names], "links": []})
        elif url.path.startswith("/api/collections/"):
            name = url.path.rpartition("/")[2]
            known = any(item["collection"] == name for item in self.scenes.items)
            self._answer(collection(name, []) if known else {"code": "NotFound"}, 200 if known else 404)
        elif "Range" in self.headers and (self.scenes.folder / url.path[1:]).is_file():
            self._part((self.scenes.folder / url.path[1:]).read_bytes())
        else:
            super().do_GET()

    def _landing(self, path: str) -> dict[str, Any]:
        methods = ["GET"] if path == "/api-get" else ["GET", "POST"]
        search = [
            {"rel": "search", "href": f"{self.root}/api/search", "type": "application/geo+json", "method": method}
            for method in methods
        ]
        kinds = ("core", "item-search", "collections", "ogcapi-features")
        links = [
            {"rel": "self", "href": f"{self.root}{path}"},
            {"rel": "root", "href": f"{self.root}{path}"},
            {"rel": "data", "href": f"{self.root}/api/collections"},
            *search,
        ]
        return _catalog("api", links) | {"conformsTo": [f"https://api.stacspec.org/v1.0.0/{kind}" for kind in kinds]}

    def _search(self, asked: dict[str, Any], method: str) -> None:
        """Only what the core of item search promises: collections, bbox and datetime; one item a page."""
        west, south, east, north = asked["bbox"]
        start, end = asked["datetime"].split("/")
        found = [
            item
            for item in self.scenes.items
            if not asked.get("collections") or item["collection"] in asked["collections"]
            if item["bbox"][0] <= east and item["bbox"][2] >= west
            if item["bbox"][1] <= north and item["bbox"][3] >= south
            if start <= item["properties"]["datetime"] <= end
        ]
        token = int(asked.get("token", 0))
        links: list[dict[str, Any]] = []
        if token + 1 < len(found):
            more = asked | {"token": token + 1}
            links = [{"rel": "next", "href": f"{self.root}/api/search", "method": "POST", "body": more}]
            if method == "GET":
                text = more | {"bbox": ",".join(map(str, more["bbox"]))}
                text |= {"collections": ",".join(more["collections"] or [])}
                links = [{"rel": "next", "href": f"{self.root}/api/search?{urlencode(text)}"}]
        page = [self._absolute(item) for item in found[token : token + 1]]
        self._answer({"type": "FeatureCollection", "features": page, "links": links})

    def _absolute(self, item: dict[str, Any]) -> dict[str, Any]:
        place = f"{self.root}/{item['collection']}/{item['id']}"
        assets = {key: asset | {"href": place + asset["href"][1:]} for key, asset in item["assets"].items()}
        return item | {"assets": assets, "links": [{"rel": "self", "href": f"{place}/item.json"}]}

    def _part(self, content: bytes) -> None:
        first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or len(content) - 1), len(content) - 1)
        if begin >= len(content):
            self.send_error(416)
            return
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {begin}-{end}/{len(content)}")
        self._body(content[begin : end + 1])

    def _answer(self, document: dict[str, Any], status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self._body(json.dumps(document).encode())

    def _body(self, content: bytes) -> None:
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def scenes(tmp_path: Path) -> Scenes:
    """An empty static catalogue."""
    folder = tmp_path / "catalogue"
    folder.mkdir()
    return Scenes(folder)


@dataclass
class Served:
    """A catalogue on loopback."""

    url: str
    asked: list[str]
    """Method and path of every request."""


@pytest.fixture
def serve(scenes: Scenes) -> Iterator[Callable[[], Served]]:
    """Put the scenes on a web server."""
    servers = []

    def start() -> Served:
        scenes.write()
        asked: list[str] = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, scenes=scenes, asked=asked))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return Served(f"http://127.0.0.1:{server.server_address[1]}", asked)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
