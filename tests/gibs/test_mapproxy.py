"""A contract test against a server that we did not write: MapProxy with GIBS' grids, addresses and projections."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyproj
import pytest

import earthcurator as ec
from earthcurator.gibs.fetch import Fetcher
from earthcurator.gibs.tiles import Failed
from earthcurator.grids import Tile
from earthcurator.imagery import Imagery, orders
from earthcurator.testing import gibs_archive as archive

from .real_servers import (
    DAYS,
    LAYERS,
    LEVELS,
    PAINTED,
    ROSS_SEA,
    SVALBARD,
    Contract,
    RealServer,
    ask,
    assert_chips_are_files,
    mosaic_bounds,
    paint_archive,
)

# MapProxy's and its libraries' own remarks; none of them is about us.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*pkg_resources.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mapproxy.*"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
]

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def _configuration(folder: Path, crs: str) -> dict[str, Any]:
    """One for each projection, as a matrix set of GIBS has the same name in all of them."""
    projection = crs.lower().replace(":", "")
    coarsest = archive.matrix(projection, 0)
    right = coarsest.left + coarsest.width * coarsest.resolution
    bottom = coarsest.top - coarsest.height * coarsest.resolution
    # The template stands behind `/wmts`: with the projection in it, the capabilities have GIBS' own addresses.
    template = (
        f"/{projection}/best/{{Layer}}/default/{{Time}}/{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}"
        ".{Format}"
    )
    return {
        "services": {"wmts": {"restful": True, "kvp": False, "restful_template": template}},
        "layers": [
            {
                "name": name,
                "title": layer.title,
                "tile_sources": [f"{name}_cache"],
                "dimensions": {"Time": {"values": list(DAYS), "default": DAYS[-1]}},
            }
            for name, layer in LAYERS.items()
        ],
        "caches": {
            f"{name}_cache": {
                "sources": [],
                "grids": ["250m"],
                "format": layer.media_type,
                "cache": {"type": "file", "directory_layout": "tms", "directory": str(folder / projection / name)},
            }
            for name, layer in LAYERS.items()
        },
        "grids": {
            "250m": {
                "srs": "OGC:CRS84" if crs == "EPSG:4326" else crs,
                "bbox": [coarsest.left, bottom, right, coarsest.top],
                "origin": "ul",
                "tile_size": [coarsest.side, coarsest.side],
                "res": [archive.matrix(projection, zoom).resolution for zoom in range(LEVELS[crs])],
            }
        },
        "globals": {"cache": {"base_dir": str(folder), "lock_dir": str(folder / "locks")}},
    }


def _proxies(folder: Path) -> dict[str, Application]:
    """MapProxy for each projection, by its name in addresses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mapproxy.wsgiapp import make_wsgi_app

        proxies = {}
        for crs in LEVELS:
            projection = crs.lower().replace(":", "")
            (folder / f"{projection}.yaml").write_text(json.dumps(_configuration(folder, crs)))  # JSON is YAML
            proxies[projection] = make_wsgi_app(str(folder / f"{projection}.yaml"))
    return proxies


class Gibs:
    """The projections under one roof, and a count of the tiles that were asked for."""

    def __init__(self, proxies: dict[str, Application]) -> None:
        self._proxies = proxies
        self._paths: list[str] = []

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.endswith((".png", ".jpeg")):
            self._paths.append(path)
        projection = path.removeprefix("/wmts/").partition("/")[0]
        if projection not in self._proxies:
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"Not Found. The requested URL was not found on this server."]
        environ["PATH_INFO"] = path.replace(f"/{projection}/best/1.0.0/", "/1.0.0/")
        return self._proxies[projection](environ, start)

    def tile_requests(self) -> int:
        return len(self._paths)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """MapProxy, laid out as GIBS lays out its tiles."""
    from waitress.server import create_server

    folder = tmp_path_factory.mktemp("mapproxy")
    paint_archive(folder, *LEVELS)
    gibs = Gibs(_proxies(folder))
    running = create_server(gibs, host="127.0.0.1", port=0, threads=16)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    yield RealServer(f"http://127.0.0.1:{running.effective_port}", folder, gibs.tile_requests)
    running.close()
    thread.join(5)


class TestMapProxy(Contract):
    systems = tuple(LEVELS)

    def test_it_differs_as_we_think(self, server: RealServer, imagery: Imagery) -> None:
        """What the contract is worth here: numbered names of levels, days in a list, and axes swapped in one system."""
        geographic = imagery.fetcher.document(server.capabilities).decode()
        assert "<ows:Identifier>00</ows:Identifier>" in geographic
        assert all(f"<Value>{day}</Value>" in geographic for day in DAYS)
        antarctic = imagery.fetcher.document(server.capabilities.replace("4326", "3031")).decode()
        assert "<TopLeftCorner>4194304.0 -4194304.0</TopLeftCorner>" in antarctic

    @pytest.mark.parametrize(
        ("crs", "box"), [("EPSG:3413", SVALBARD), ("EPSG:3031", ROSS_SEA)], ids=["arctic", "antarctic"]
    )
    def test_polar_chips_are_the_files_of_the_server(
        self, server: RealServer, imagery: Imagery, project: ec.Project, crs: str, box: ec.Box
    ) -> None:
        [(zoom, rows, columns)] = PAINTED[crs]
        done = project.fill(orders([*LAYERS], box, "2020-08-16/2020-08-17", zoom=zoom, crs=crs), imagery)
        assert (done.added, done.failed, done.skipped) == (len(rows) * len(columns) * len(LAYERS) * 2, 0, {})
        assert_chips_are_files(project, server)

    @pytest.mark.parametrize(
        ("crs", "box"), [("EPSG:3413", SVALBARD), ("EPSG:3031", ROSS_SEA)], ids=["arctic", "antarctic"]
    )
    def test_polar_mosaic_lies_where_it_should_with_the_right_pixels(
        self, imagery: Imagery, tmp_path: Path, crs: str, box: ec.Box
    ) -> None:
        left, bottom, right, top = mosaic_bounds(imagery, tmp_path / "mosaic.tif", crs, box, zoom=3)
        transformer = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        x, y = transformer.transform(*box.center)
        assert left < x < right
        assert bottom < y < top

    @pytest.mark.parametrize(
        ("day", "tile"), [("1999-01-01", Tile(6, 10, 12)), (DAYS[0], Tile(6, 99, 12))], ids=["day", "row"]
    )
    def test_what_the_server_refuses_fails_with_its_words(
        self, server: RealServer, fetcher: Fetcher, day: str, tile: Tile
    ) -> None:
        answer = ask(fetcher, server.address("True_Colour", day, tile))
        assert isinstance(answer, Failed)
        assert "400" in answer.reason
        assert len(answer.reason) > 60
        assert fetcher.stats.requests == 1
