"""A contract test against a server that we did not write: MapProxy with GIBS' grids and tiles painted here."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from earthcurator.gibs.fetch import Fetcher
from earthcurator.gibs.tiles import Failed, Fetched, TileRequest
from earthcurator.grids import Tile
from earthcurator.store.tilecache import SqliteTileCache
from earthcurator.testing import gibs_archive as archive

# MapProxy's and its libraries' own remarks; none of them is about us.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*pkg_resources.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mapproxy.*"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
]

LAYERS = {
    "True_Colour": archive.FakeLayer(id="True_Colour", title="True Colour"),
    "Temperature": archive.FakeLayer(id="Temperature", title="Temperature", painting="continuous"),
}
DAYS = ("2020-08-16", "2020-08-17")
TILES = [
    Tile(zoom, row, column)
    for zoom in (0, 1, 3)
    for row in range(archive.matrix("epsg4326", zoom).rows)
    for column in range(archive.matrix("epsg4326", zoom).columns)
]
NOT_THERE = Tile(4, 2, 2)

StartResponse = Callable[..., Any]


def _configuration(folder: Path) -> dict[str, Any]:
    resolutions = [archive.matrix("epsg4326", zoom).resolution for zoom in range(9)]
    kinds = {name: layer.media_type for name, layer in LAYERS.items()}
    template = "/{Layer}/default/{Time}/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}.{Format}"
    return {
        "services": {"wmts": {"restful": True, "kvp": False, "restful_template": template}},
        "layers": [
            {
                "name": name,
                "title": name,
                "tile_sources": [f"{name}_cache"],
                "dimensions": {"Time": {"values": list(DAYS), "default": DAYS[0]}},
            }
            for name in LAYERS
        ],
        "caches": {
            f"{name}_cache": {
                "sources": [],
                "grids": ["250m"],
                "format": kind,
                "cache": {"type": "file", "directory_layout": "tms", "directory": str(folder / name)},
            }
            for name, kind in kinds.items()
        },
        "grids": {
            "250m": {
                "srs": "OGC:CRS84",
                "bbox": [-180, -90, 180, 90],
                "origin": "ul",
                "tile_size": [512, 512],
                "res": resolutions,
            }
        },
        "globals": {"cache": {"base_dir": str(folder), "lock_dir": str(folder / "locks")}},
    }


def _paint(folder: Path) -> None:
    for name, layer in LAYERS.items():
        extension = layer.media_type.removeprefix("image/")
        for day in DAYS:
            for tile in TILES:
                file = folder / name / f"time-{day}" / f"{tile.zoom}/{tile.column}/{tile.row}.{extension}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(archive.paint(layer, "epsg4326", f"{day}T00:00:00Z", tile.zoom, tile.row, tile.column))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of MapProxy, laid out as GIBS lays out its tiles."""
    folder = tmp_path_factory.mktemp("mapproxy")
    _paint(folder)
    (folder / "mapproxy.yaml").write_text(json.dumps(_configuration(folder)))  # JSON is YAML
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mapproxy.wsgiapp import make_wsgi_app
        from waitress.server import create_server

        proxy = make_wsgi_app(str(folder / "mapproxy.yaml"))

    def application(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/wmts/epsg4326/best").replace(".jpg", ".jpeg")
        environ["PATH_INFO"] = f"/wmts{environ['PATH_INFO']}"
        answer: Iterable[bytes] = proxy(environ, start)
        return answer

    running = create_server(application, host="127.0.0.1", port=0, threads=16)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.effective_port}/wmts/epsg4326/best"
    running.close()
    thread.join(5)


@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[Fetcher]:
    with SqliteTileCache(tmp_path) as cache, Fetcher(cache) as made:
        yield made


def request_for(server: str, name: str, day: str, tile: Tile) -> TileRequest:
    url = f"{server}/{name}/default/{day}/250m/{tile}.{LAYERS[name].extension}"
    return TileRequest(name, datetime.fromisoformat("2020-08-16").replace(tzinfo=UTC), tile, url)


def test_every_tile_is_byte_identical(server: str, fetcher: Fetcher) -> None:
    requests = [request_for(server, name, day, tile) for name in LAYERS for day in DAYS for tile in TILES]
    answers = list(fetcher.tiles(requests))
    assert len(answers) == len(requests)
    for answer in answers:
        assert isinstance(answer, Fetched), answer
        asked, day = answer.request.tile, answer.request.url.split("/default/")[1][:10]
        layer = LAYERS[answer.request.layer]
        true = archive.paint(layer, "epsg4326", f"{day}T00:00:00Z", asked.zoom, asked.row, asked.column)
        assert answer.content == true
        assert answer.stored.status == "picture"


@pytest.mark.parametrize("name", LAYERS)
def test_an_empty_png_stands_for_a_tile_that_is_not_there(server: str, fetcher: Fetcher, name: str) -> None:
    (answer,) = fetcher.tiles([request_for(server, name, DAYS[0], NOT_THERE)])
    assert isinstance(answer, Fetched)
    assert (answer.stored.status, answer.stored.media_type) == ("blank", "image/png")


@pytest.mark.parametrize(
    ("day", "tile", "words"), [("1999-01-01", Tile(3, 0, 0), "400"), (DAYS[0], Tile(3, 99, 0), "400")]
)
def test_what_the_server_refuses_fails_with_its_words(
    server: str, fetcher: Fetcher, day: str, tile: Tile, words: str
) -> None:
    (answer,) = fetcher.tiles([request_for(server, "True_Colour", day, tile)])
    assert isinstance(answer, Failed)
    assert words in answer.reason
    assert len(answer.reason) > 60
    assert fetcher.stats.requests == 1
