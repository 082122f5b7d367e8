"""The capacity model says what our benchmarks measured, and counts what the downloader would ask for."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from earthcurator import capacity as model
from earthcurator.capacity import Coverage, Range, Wanted, capacity, coverage, default_prices, read_prices
from earthcurator.errors import BadInput
from earthcurator.gibs.politeness import Policy
from earthcurator.grids import gibs_grid
from earthcurator.models import Box
from earthcurator.regions import region_of_box
from earthcurator.store import vectors

RESULTS = Path(__file__).parents[1] / "benchmarks/results"
WORLD = region_of_box(Box(west=-180, south=-90, east=180, north=90))
FACTOR = 1.3
"""How far outside a range a measured point may lie: what one run of a benchmark differs from the next."""


def measured(benchmark: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((RESULTS / f"{benchmark}.json").read_text())["figures"]
    return figures


def is_near(point: float, expected: Range) -> bool:
    return expected.low / FACTOR <= point <= expected.high * FACTOR


# -- against what was measured -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pictures", "chip_side", "input_side"), [("eurosat", 64, 64), ("ucmerced", 256, 128)])
def test_embedding_time_is_what_was_measured(pictures: str, chip_side: int, input_side: int) -> None:
    rates = measured("embed_throughput")[pictures]["rates"]
    rate = next(row["pictures/CPU-s"] for row in rates if row["what"] == "end to end")
    assert is_near(1000 / rate, model.embed_seconds(1000, chip_side**2, input_side))


@pytest.mark.parametrize("size", measured("search_speed")["sizes"])
def test_search_time_bytes_and_memory_are_what_was_measured(size: str) -> None:
    speed = measured("search_speed")
    count, ours = int(size), speed["sizes"][size]["engines"]["curator"]
    assert is_near(ours["p50_ms"], model.search_only_ms(count, speed["dim"]))
    kept = model.vector_bytes(count, speed["dim"]) + model.index_bytes(count, speed["dim"])
    assert is_near(ours["disk_bytes_per_vector"]["table and index"] * count, kept)
    assert is_near(ours["disk_bytes_per_vector"]["sidecar"] * count, model.cache_bytes(count, speed["dim"]))
    assert ours["anon_mb"] * 1e6 < model.memory_bytes(count, speed["dim"]).high


def test_search_time_through_http_is_what_was_measured() -> None:
    alone = [trial for trial in measured("search_http")["trials"] if trial["clients"] == 1]
    assert len(alone) == 2
    for trial in alone:
        assert is_near(trial["p50_ms"] - trial["python_p50_ms"], model.FIGURES["HTTP ms"].range)


@pytest.mark.parametrize("stage", measured("query_scale")["stages"], ids=lambda stage: str(stage["vectors"]))
def test_searches_among_millions_take_what_was_measured(stage: dict[str, Any]) -> None:
    count = stage["vectors"]
    assert is_near(stage["build CPU s"]["index"], model.index_seconds(count))
    if "again" in stage["python"]:  # not measured in the first stages
        assert is_near(stage["python"]["again"]["p50_ms"], model.search_only_ms(count, 128))
    assert is_near(stage["http"]["again"]["p50_ms"], model.search_ms(count, 128))
    assert stage["http"]["anon_mb"] * 1e6 < model.memory_bytes(count, 128).high * FACTOR


def test_download_time_is_what_was_measured_at_the_rate_that_nasa_asks_for() -> None:
    for run in measured("gibs_download")["runs"]:
        tiles = tiles_of(run["tiles"])
        days = planned(tiles).download_days
        assert is_near(run["curator_50mbps_s"], days * 86_400)


def test_tables_for_ten_million_lie_within_what_was_measured_by_hand() -> None:
    # vectors.md of the design: 2.7 to 3.5 CPU-ms a search, .5 to 1.14 GB of memory without ids and server
    assert is_near(2.7, model.search_only_ms(10_000_000, 128))
    assert is_near(3.5, model.search_only_ms(10_000_000, 128))
    assert is_near(1.1e9, model.memory_bytes(10_000_000, 128))


def test_the_index_begins_where_searches_begin_to_use_it() -> None:
    assert model.INDEX_FROM == vectors.INDEX_FROM
    assert model.index_bytes(vectors.INDEX_FROM - 1, 128).high == 0


# -- counting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grid", "size", "stride", "chips"),
    [
        ("250m", 512, 512, 51_200),
        ("250m", 256, 256, 204_800),
        ("250m", 256, 128, 819_200),
        ("500m", 512, 512, 12_800),
        ("1km", 512, 512, 3_200),
        ("2km", 512, 512, 800),
        ("31.25m", 512, 512, 3_276_800),
    ],
)
def test_a_day_of_the_whole_earth_has_as_many_chips_as_were_counted_by_hand(
    grid: str, size: int, stride: int, chips: int
) -> None:
    whole = gibs_grid("EPSG:4326", grid)
    zoom = len(whole.matrices) - 1
    counted = coverage(whole, zoom, WORLD, size=size, stride=stride)
    assert counted.chips == chips
    assert counted.tiles == coverage(whole, zoom, WORLD).chips


BOXES = {
    "a place": Box(west=-124.3, south=37.1, east=-118.7, north=41.2),
    "over the antimeridian": Box(west=170, south=-20, east=-170, north=-10),
    "a pole": Box(west=-180, south=80, east=180, north=90),
    "the last degree before the antimeridian": Box(west=179, south=-90, east=180, north=-89),
    "a point": Box(west=10, south=10, east=10, north=10),
    "the whole Earth": Box(west=-180, south=-90, east=180, north=90),
}


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
@pytest.mark.parametrize(("size", "stride"), [(512, 512), (256, 256), (256, 128), (200, 300), (700, 512)])
def test_counting_is_the_same_as_listing(box: Box, size: int, stride: int) -> None:
    grid, zoom, region = gibs_grid("EPSG:4326", "1km"), 3, region_of_box(box)
    windows = list(grid.lattice(region, zoom, size=size, stride=stride))
    tiles = {tile for window in windows for tile in grid.tiles_of(window)}
    assert coverage(grid, zoom, region, size=size, stride=stride) == Coverage(chips=len(windows), tiles=len(tiles))


def test_where_the_grid_does_not_wrap_windows_end_at_its_edge() -> None:
    grid, region = gibs_grid("EPSG:3413", "1km"), region_of_box(Box(west=-180, south=20, east=180, north=90))
    assert coverage(grid, 2, region, size=700) == Coverage(chips=6 * 6, tiles=8 * 8)


# -- the whole -----------------------------------------------------------------------------------------------------


def test_a_year_of_one_layer_is_what_the_design_reckoned() -> None:
    # scenario A of scale.md: 18.7 million chips, .83 TB of JPEG
    found = planned(tiles_of(51_200, instants=365))
    assert found.chips == found.tiles == 18_688_000
    assert found.picture_bytes.low <= 0.84e12
    assert found.picture_bytes.high <= 1.3e12
    assert found.picture_bytes == found.download_bytes


def test_more_of_everything_takes_more() -> None:
    plans = [planned(tiles_of(51_200, instants=instants)) for instants in (1, 5, 6, 7, 30, 365, 9766)]
    for fewer, more in pairwise(plans):
        for name in ("download_days", "picture_bytes", "vector_bytes", "memory_bytes", "dollars_once", "dollars_month"):
            assert getattr(fewer, name).high < getattr(more, name).high, name


def test_no_range_is_upside_down() -> None:
    found = planned(tiles_of(51_200, instants=3), tiles_of(3_200, instants=9, media_type="image/png", is_cut=True))
    for value in [getattr(found, name) for name in type(found).__slots__]:
        assert not isinstance(value, Range) or 0 <= value.low <= value.high


def test_small_plans_compare_every_vector_and_have_no_index() -> None:
    found = planned(tiles_of(1000))
    assert found.index_bytes == Range(0, 0)
    assert found.search_ms.high < 30


def test_every_constant_says_where_it_is_from() -> None:
    for name, figure in model.FIGURES.items():
        assert figure.source, name
        assert 0 <= figure.range.low <= figure.range.high, name


# -- prices --------------------------------------------------------------------------------------------------------


def test_prices_of_ones_own_count_and_the_others_stay(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[storage_gb_month]\ndollars = 0.2\ndate = 2026-01-02\nsource = "our contract"\n')
    prices = read_prices(file)
    assert prices["storage_gb_month"].dollars == pytest.approx(0.2)
    assert prices["gpu_hour"] == default_prices()["gpu_hour"]
    dear, usual = (planned(tiles_of(51_200, instants=9766), prices=each) for each in (prices, None))
    assert dear.dollars_month.low > 8 * usual.dollars_month.low
    assert dear.dollars_once == usual.dollars_once


@pytest.mark.parametrize(
    "text",
    [
        "[storage_gb_month]\ndollars = 0.2\n",
        '[storage_gb_month]\ndollars = -1\ndate = 2026-01-02\nsource = "x"\n',
        '[storage_gb_month]\ndollars = 1\ndate = 2026-01-02\nsource = "x"\nper = "day"\n',
        '[storage]\ndollars = 1\ndate = 2026-01-02\nsource = "x"\n',
        "storage_gb_month = 1\n",
        "[[",
        "\0",
    ],
)
def test_prices_without_date_and_source_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(BadInput) as refused:
        read_prices(file)
    assert "mine.toml" in str(refused.value)
    assert refused.value.hint


def tiles_of(
    count: int, *, instants: int = 1, media_type: str = "image/jpeg", is_cut: bool = False, pixels: int = 512**2
) -> Wanted:
    return Wanted(
        layer="layer",
        media_type=media_type,
        instants=instants,
        coverage=Coverage(chips=count, tiles=count),
        tile_pixels=pixels,
        chip_pixels=pixels,
        is_cut=is_cut,
    )


def planned(*wanted: Wanted, prices: model.Prices | None = None) -> model.Capacity:
    rate = Policy().megabits_per_second
    return capacity(wanted, input_side=128, dim=128, megabits_per_second=rate, prices=prices)
