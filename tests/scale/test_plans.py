"""Plans are small, always the same, and every shard's work follows from its number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import earthcurator as ec
from earthcurator.errors import BadInput, Conflict
from earthcurator.imagery import Imagery, orders
from earthcurator.orders import Order
from earthcurator.regions import parse_region
from earthcurator.scale.planning import plan_download, plan_embed
from earthcurator.scale.plans import (
    DownloadPlan,
    EmbedPlan,
    check_index,
    order_from_json,
    order_to_json,
    ranges_of,
    read_plan,
    runs_of,
    write_plan,
)
from earthcurator.settings import Settings

LAYERS = (
    "MODIS_Terra_CorrectedReflectance_TrueColor",
    "MODIS_Terra_CorrectedReflectance_Bands721",
    "MODIS_Terra_CorrectedReflectance_Bands367",
)


@pytest.fixture
def nasa(tmp_path: Path) -> Settings:
    """NASA GIBS by the catalogue that ships with Curator; nothing is asked of it."""
    return Settings(cache=tmp_path / "cache", source="https://gibs.earthdata.nasa.gov")


def test_plan_of_27000_layer_days_is_a_small_file(tmp_path: Path, nasa: Settings) -> None:
    [order] = orders(LAYERS, ec.Box(west=-180, south=-90, east=180, north=90), "2000-02-24/2024-12-31", resolution=4000)
    with ec.create(tmp_path / "project", settings=nasa) as project, Imagery(settings=nasa) as imagery:
        name = plan_download(project, order, imagery)
        again = plan_download(project, order, imagery)
        whole = imagery.plan(order)
        plan = read_plan(project.shards.plan(name))
    assert name == again
    assert isinstance(plan, DownloadPlan)
    assert plan.instants >= 27_000
    assert len(project.shards.plan(name)) < 50_000
    assert whole is not None
    listed = [(part.layer.id, time) for part, times in whole.parts for time in times]
    assert len(listed) == plan.instants
    for number in (0, 1, 9_000, len(listed) // 2, len(listed) - 1):
        pieces = [plan.piece(number * plan.bands + band) for band in range(plan.bands)]
        assert {(piece.layer, piece.time) for piece in pieces} == {listed[number]}
        assert [place for piece in pieces for place in range(piece.first, piece.last)] == list(range(plan.places))


instants = st.lists(st.integers(0, 400), unique=True).map(
    lambda days: [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in sorted(days)]
)


@given(instants)
def test_runs_stand_for_exactly_the_instants_they_were_made_of(moments: list[datetime]) -> None:
    assert [run.at(number) for run in runs_of(moments) for number in range(run.count)] == moments


def test_layer_without_times_is_one_run() -> None:
    [run] = runs_of([None])
    assert (run.count, run.at(0)) == (1, None)


@given(st.sets(st.integers(0, 300), min_size=1), st.integers(1, 50))
def test_every_waiting_row_is_in_one_shard(rows: set[int], size: int) -> None:
    plan = EmbedPlan(encoder="e", rows=ranges_of(np.array(sorted(rows))), size=size)
    shards = [plan.rows_of(index).tolist() for index in range(plan.shards)]
    assert [row for shard in shards for row in shard] == sorted(rows)
    assert {len(shard) for shard in shards[:-1]} <= {size}


def test_plan_is_read_as_it_was_written() -> None:
    plan = EmbedPlan(encoder="e", rows=((0, 5), (7, 9)))
    assert read_plan(write_plan(plan)) == plan


def test_plan_that_is_none_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_plan('{"kind": "bake"}')


@pytest.mark.parametrize("index", [-1, 2])
def test_number_of_no_shard_is_refused(index: int) -> None:
    with pytest.raises(BadInput, match="there is no shard"):
        check_index(EmbedPlan(encoder="e", rows=((0, 5),), size=3), index)


def test_order_is_read_as_it_was_written() -> None:
    corner = '{"type": "Polygon", "coordinates": [[[170.1, -10], [-170, -10], [-170, 10.3], [170.1, -10]]]}'
    order = Order(
        layers=("a", "b"), region=parse_region(corner), start=datetime(2020, 1, 1, tzinfo=UTC),
        end=datetime(2020, 2, 1, tzinfo=UTC), chip_size=64, stride=32, edge="within", clouds="c", max_clouds=0.5,
    )  # fmt: skip
    assert order_from_json(order_to_json(order)) == order


def test_limited_download_is_not_shared_out(tmp_path: Path, nasa: Settings) -> None:
    [order] = orders(LAYERS[:1], ec.Box(west=0, south=0, east=9, north=9), "2020-08-16", limit=5)
    with (
        ec.create(tmp_path / "project", settings=nasa) as project,
        Imagery(settings=nasa) as imagery,
        pytest.raises(BadInput, match="limit"),
    ):
        plan_download(project, order, imagery)


def test_nothing_to_embed_is_no_plan(folder: str) -> None:
    with ec.open(folder) as project:
        project.embed()
        with pytest.raises(Conflict, match="every chip"):
            plan_embed(project)
