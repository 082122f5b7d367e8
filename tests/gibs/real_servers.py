"""What every real WMTS server must give through Curator: an archive of painted tiles on disk, and tests to inherit.

A module of tests starts its server over `paint_archive`, offers it as the fixture `server`, and inherits `Contract`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

import earthcurator as ec
from earthcurator.errors import BadDates
from earthcurator.gibs.fetch import Fetcher
from earthcurator.gibs.pixels import decode_tile
from earthcurator.gibs.tiles import Failed, Fetched, TileRequest
from earthcurator.grids import Tile, Window, gibs_grid
from earthcurator.imagery import Imagery, orders
from earthcurator.settings import Settings
from earthcurator.store.tilecache import SqliteTileCache
from earthcurator.testing import gibs_archive as archive

LAYERS = {
    "True_Colour": archive.FakeLayer(id="True_Colour", title="True Colour"),
    "Temperature": archive.FakeLayer(id="Temperature", title="Temperature", painting="continuous"),
}
DAYS = ("2020-08-16", "2020-08-17", "2020-08-19")
"""With a gap, so that nobody gets away with counting days."""
LEVELS = {"EPSG:4326": 9, "EPSG:3413": 6, "EPSG:3031": 6}
"""Of the matrix set 250m."""

CALIFORNIA = ec.Box(west=-124, south=37, east=-118, north=41)
FIJI = ec.Box(west=178, south=-8, east=-178, north=-2)
WORLD = ec.Box(west=-180, south=-90, east=180, north=90)
SVALBARD = ec.Box(west=10, south=76, east=34, north=80)
ROSS_SEA = ec.Box(west=160, south=-78, east=-170, north=-72)

# Level, rows and columns that have imagery. At level 6 of 4326 tiles are 4.5 degrees wide, at level 5 twice that.
PAINTED: Mapping[str, Sequence[tuple[int, Sequence[int], Sequence[int]]]] = {
    "EPSG:4326": [
        (0, range(1), range(2)),
        (1, range(2), range(3)),
        (5, range(10, 11), (0, 39)),
        (6, range(10, 12), range(12, 14)),
    ],
    # What SVALBARD and ROSS_SEA touch, found by projecting four million points of each with pyproj.
    "EPSG:3413": [(3, range(8, 10), range(9, 11))],
    "EPSG:3031": [(3, range(10, 12), range(7, 10))],
}


@dataclass(frozen=True, slots=True)
class RealServer:
    """A server that runs."""

    url: str
    """Below which it has GIBS' addresses: `{url}/wmts/epsg4326/best/1.0.0/WMTSCapabilities.xml`."""
    archive: Path
    tile_requests: Callable[[], int]
    """How many it has answered so far, by its own count."""

    @property
    def capabilities(self) -> str:
        """The address of the document of EPSG:4326."""
        return f"{self.url}/wmts/epsg4326/best/1.0.0/WMTSCapabilities.xml"

    def address(self, layer: str, day: str, tile: Tile) -> str:
        """Of a tile in EPSG:4326, whether there is one or not."""
        suffix = LAYERS[layer].media_type.removeprefix("image/")
        return f"{self.url}/wmts/epsg4326/best/{layer}/default/{day}/250m/{tile}.{suffix}"

    def file(self, layer: str, day: str, tile: Tile, crs: str = "EPSG:4326") -> bytes:
        """The bytes of a tile on the server's disk."""
        return tile_file(self.archive, layer, crs, day, tile).read_bytes()


def tile_file(folder: Path, layer: str, crs: str, day: str, tile: Tile) -> Path:
    """Where both servers look for a tile."""
    suffix = LAYERS[layer].media_type.removeprefix("image/")
    return folder / _projection(crs) / layer / f"time-{day}/{tile.zoom}/{tile.column}/{tile.row}.{suffix}"


def paint_archive(folder: Path, *systems: str) -> None:
    """Write every tile of `PAINTED` for some coordinate systems."""
    for crs in systems:
        for zoom, rows, columns in PAINTED[crs]:
            for tile in (Tile(zoom, row, column) for row in rows for column in columns):
                for name, layer in LAYERS.items():
                    for day in DAYS:
                        file = tile_file(folder, name, crs, day, tile)
                        file.parent.mkdir(parents=True, exist_ok=True)
                        file.write_bytes(archive.paint(layer, _projection(crs), f"{day}T00:00:00Z", *_place(tile)))


def _projection(crs: str) -> str:
    return crs.lower().replace(":", "")


def _place(tile: Tile) -> tuple[int, int, int]:
    return tile.zoom, tile.row, tile.column


def painted_temperature(crs: str, window: Window, day: str = DAYS[0]) -> NDArray[np.uint8]:
    """What is painted on the pixels of a window, (height, width, 4): by the formula, without tiles."""
    layer, level = LAYERS["Temperature"], archive.matrix(_projection(crs), window.zoom)
    palette = np.array([(*archive.colour(layer, index), 255) for index in range(archive.entries(layer) + 1)], np.uint8)
    x = np.arange(window.x, window.x + window.width) % level.width
    y = np.arange(window.y, window.y + window.height)
    painted: NDArray[np.uint8] = palette[archive.reading(layer, f"{day}T00:00:00Z", x[None, :], y[:, None])]
    return painted


class Contract:
    """A person's whole way: the catalogue, chips, a mosaic, and all of it again. Subclasses add what is peculiar."""

    systems: tuple[str, ...] = ("EPSG:4326",)
    """Which the server offers."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(cache=tmp_path / "cache", megabits_per_second=10_000)

    @pytest.fixture
    def imagery(self, server: RealServer, settings: Settings) -> Iterator[Imagery]:
        with Imagery(source=server.url, settings=settings) as made:
            yield made

    @pytest.fixture
    def project(self, tmp_path: Path, settings: Settings) -> Iterator[ec.Project]:
        with ec.create(tmp_path / "project", settings=settings) as made:
            yield made

    @pytest.fixture
    def fetcher(self, tmp_path: Path) -> Iterator[Fetcher]:
        with SqliteTileCache(tmp_path / "tiles") as cache, Fetcher(cache) as made:
            yield made

    def test_catalogue_has_layers_days_and_the_grids_of_gibs(self, imagery: Imagery) -> None:
        assert set(imagery.catalogue.layers) == set(LAYERS)
        for name, painted in LAYERS.items():
            layer = imagery.layer(name)
            assert (layer.title, layer.format) == (painted.title, painted.media_type)
            assert set(layer.pyramids) == set(self.systems)
            assert all(
                pyramid.grid.matrices == _named_alike(crs, pyramid.grid.matrices[0].identifier)
                for crs, pyramid in layer.pyramids.items()
            )
            (order,) = orders(name, CALIFORNIA, "2020-08-01/2020-08-31", zoom=6)
            assert imagery.estimate(order).instants == len(DAYS)

    def test_a_day_in_the_gap_is_refused_with_the_range(self, imagery: Imagery) -> None:
        (order,) = orders("True_Colour", CALIFORNIA, "2020-08-18", zoom=6)
        with pytest.raises(BadDates, match="2020-08-16 to 2020-08-19"):
            imagery.estimate(order)

    def test_chips_are_the_files_of_the_server(self, server: RealServer, imagery: Imagery, project: ec.Project) -> None:
        done = project.fill(orders([*LAYERS], CALIFORNIA, "2020-08-16/2020-08-19", zoom=6), imagery)
        assert (done.added, done.failed, done.skipped) == (4 * len(LAYERS) * len(DAYS), 0, {})
        assert {f"{chip.time:%Y-%m-%d}" for chip in project.chips.all()} == set(DAYS)
        assert_chips_are_files(project, server)

    def test_second_run_asks_for_no_tile(
        self, server: RealServer, settings: Settings, project: ec.Project, tmp_path: Path
    ) -> None:
        place, before = ("True_Colour", CALIFORNIA, "2020-08-16/2020-08-17"), server.tile_requests()
        first = project.download(*place, source=server.url, zoom=6)
        assert server.tile_requests() == before + 8 == before + first.added
        again = project.download(*place, source=server.url, zoom=6)
        with ec.create(tmp_path / "other", settings=settings) as other:
            assert other.download(*place, source=server.url, zoom=6).added == 8
        assert (again.added, again.present, again.requests) == (0, 8, 0)
        assert server.tile_requests() == before + 8

    def test_address_of_the_capabilities_is_a_source_too(self, server: RealServer, project: ec.Project) -> None:
        done = project.download("True_Colour", CALIFORNIA, "2020-08-17", source=server.capabilities, zoom=6)
        assert (done.added, done.failed) == (4, 0)
        assert_chips_are_files(project, server)

    @pytest.mark.parametrize("name", LAYERS)
    def test_an_empty_png_stands_for_a_tile_that_is_not_there(
        self, server: RealServer, fetcher: Fetcher, name: str
    ) -> None:
        answer = ask(fetcher, server.address(name, DAYS[0], Tile(4, 2, 2)))
        assert isinstance(answer, Fetched)
        assert (answer.stored.status, answer.stored.media_type) == ("blank", "image/png")

    def test_where_the_server_has_nothing_no_chip_is_made(self, imagery: Imagery, project: ec.Project) -> None:
        east = ec.Box(west=-124, south=37, east=-113, north=41)  # one column more than there is
        done = project.fill(orders("True_Colour", east, "2020-08-16", zoom=6), imagery)
        assert (done.added, done.failed, done.skipped) == (4, 0, {"blank": 2})

    def test_windows_cross_the_borders_of_tiles_without_a_seam(self, imagery: Imagery, project: ec.Project) -> None:
        wanted = orders("Temperature", CALIFORNIA, DAYS[0], zoom=6, chip_size=150, edge="within")
        assert project.fill(wanted, imagery).added == 4 * 2
        for chip in project.chips.all():
            _, zoom, across, down = str(chip.tile).split("/")
            x, y = (int(part[1:].removesuffix("+150")) for part in (across, down))
            pixels = decode_tile(project.chips.pictures([chip.id])[chip.id])
            np.testing.assert_array_equal(pixels, painted_temperature("EPSG:4326", Window(int(zoom), x, y, 150, 150)))

    @pytest.mark.parametrize(
        ("box", "zoom", "bounds"),
        [(CALIFORNIA, 6, (-124, 37, -118, 41)), (FIJI, 5, (178, -8, 182, -2)), (WORLD, 1, (-180, -90, 180, 90))],
        ids=["inland", "antimeridian", "whole world, whose edge tiles are cut"],
    )
    def test_mosaic_lies_where_it_should_with_the_right_pixels(
        self, imagery: Imagery, tmp_path: Path, box: ec.Box, zoom: int, bounds: tuple[float, ...]
    ) -> None:
        found = mosaic_bounds(imagery, tmp_path / "mosaic.tif", "EPSG:4326", box, zoom)
        assert found == pytest.approx(bounds, abs=archive.matrix("epsg4326", zoom).resolution)


def mosaic_bounds(imagery: Imagery, file: Path, crs: str, box: ec.Box, zoom: int) -> tuple[float, ...]:
    """Where a mosaic says that it lies, after comparing all its pixels with what is painted there."""
    (order,) = orders("Temperature", box, DAYS[0], zoom=zoom, crs=crs)
    facts = imagery.mosaic(order, file)
    level = archive.matrix(_projection(crs), zoom)
    with rasterio.open(file) as dataset:
        place, pixels = dataset.transform, np.moveaxis(dataset.read(), 0, 2)
        assert (dataset.crs, place.a, place.e) == (crs, level.resolution, -level.resolution)
        bounds = tuple(dataset.bounds)
    x, y = (place.c - level.left) / level.resolution, (level.top - place.f) / level.resolution
    assert (x, y) == pytest.approx((round(x), round(y)), abs=1e-6)
    window = Window(zoom, round(x), round(y), facts.width, facts.height)
    np.testing.assert_array_equal(pixels, painted_temperature(crs, window))
    return bounds


def _named_alike(crs: str, first: str) -> object:
    """The matrices of GIBS' own grid, named as this server does: `0` or `00`."""
    matrices = gibs_grid(crs, "250m").matrices
    return tuple(replace(matrix, identifier=f"{zoom:0{len(first)}}") for zoom, matrix in enumerate(matrices))


def assert_chips_are_files(project: ec.Project, server: RealServer) -> None:
    """Each chip of the project is the file on the server's disk for its layer, day and place, byte for byte."""
    chips = list(project.chips.all())
    assert chips
    pictures = project.chips.pictures([chip.id for chip in chips])
    for chip in chips:
        assert chip.layer is not None
        assert chip.tile is not None
        crs, *place = chip.tile.split("/")
        tile = Tile(*map(int, place))
        assert pictures[chip.id] == server.file(chip.layer, f"{chip.time:%Y-%m-%d}", tile, crs), chip.origin


def ask(fetcher: Fetcher, url: str) -> Fetched | Failed:
    """What one address of a tile answers."""
    (answer,) = fetcher.tiles([TileRequest("True_Colour", datetime(2020, 8, 16, tzinfo=UTC), Tile(6, 10, 12), url)])
    return answer
