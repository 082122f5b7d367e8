"""Plans: what an order needs, without any server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from earthcurator.errors import BadDates, BadInput
from earthcurator.geo import parse_box
from earthcurator.gibs.layers import Layer, Pyramid
from earthcurator.gibs.plan import make_plan
from earthcurator.gibs.times import parse_periods
from earthcurator.grids import gibs_grid
from earthcurator.imagery import orders
from earthcurator.orders import Order

TEMPLATE = "http://127.0.0.1/{Time}/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}.jpg"
CALIFORNIA = parse_box("-124,37,-118,41")


def layer(periods: str = "2000-01-01/2026-01-01/P1D", grid: str = "250m", **options: object) -> Layer:
    pyramid = Pyramid(grid=gibs_grid("EPSG:4326", grid), template=TEMPLATE)
    facts = {"id": "A", "title": "A", "format": "image/jpeg", "pyramids": {"EPSG:4326": pyramid}}
    return Layer(**(facts | {"periods": parse_periods(periods)} | options))  # type: ignore[arg-type]


def order(dates: str | None = "2020-08-16", **options: Any) -> Order:
    (made,) = orders("A", CALIFORNIA, dates, **options)
    return made


def addresses(wanted: Order, known: Layer) -> list[str]:
    return [request.url for request in make_plan(wanted, {"A": known}).requests()]


def test_addresses_say_day_set_level_row_and_column() -> None:
    assert addresses(order(zoom=6), layer()) == [
        f"http://127.0.0.1/2020-08-16/250m/6/{row}/{column}.jpg" for row in (10, 11) for column in (12, 13)
    ]


def test_sub_daily_layers_are_asked_with_hours() -> None:
    ten_minutes = layer("2020-08-01T00:00:00Z/2020-08-31T23:50:00Z/PT10M")
    urls = addresses(order("2020-08-16T23:50/2020-08-17T00:05", zoom=3), ten_minutes)
    assert [url.split("/")[3] for url in urls] == ["2020-08-16T23:50:00Z", "2020-08-17T00:00:00Z"]


def test_months_from_the_31st_are_asked_on_the_last_of_short_months() -> None:
    monthly = layer("2020-01-31/2020-12-31/P1M")
    urls = addresses(order("2020-02/2020-04", zoom=3), monthly)
    assert [url.split("/")[3] for url in urls] == ["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"]


def test_gap_between_periods_is_not_asked_for() -> None:
    broken = layer("2020-08-01/2020-08-10/P1D,2020-08-20/2020-08-31/P1D")
    urls = addresses(order("2020-08-09/2020-08-21", zoom=3), broken)
    assert [url.split("/")[3] for url in urls] == ["2020-08-09", "2020-08-10", "2020-08-20", "2020-08-21"]
    with pytest.raises(BadDates, match="2020-08-01 to 2020-08-31"):
        addresses(order("2020-08-12/2020-08-15"), broken)


def test_step_that_is_finer_than_the_layer_asks_once() -> None:
    urls = addresses(order("2020-08-01/2020-08-31/P3D", zoom=3), layer("2020-01-01/2020-12-01/P1M"))
    assert [url.split("/")[3] for url in urls] == ["2020-08-01"]


def test_layer_without_times_needs_no_dates() -> None:
    static = layer("", default_time="")
    assert addresses(order(None, zoom=3), static) == ["http://127.0.0.1/default/250m/3/1/1.jpg"]


def test_tiles_outside_the_limits_of_a_layer_are_not_asked_for() -> None:
    known = layer()
    limited = replace(known.pyramids["EPSG:4326"], limits={6: (0, 10, 0, 12)})
    urls = addresses(order(zoom=6), replace(known, pyramids={"EPSG:4326": limited}))
    assert urls == ["http://127.0.0.1/2020-08-16/250m/6/10/12.jpg"]


def test_resolution_takes_the_coarsest_level_that_is_fine_enough() -> None:
    assert make_plan(order(resolution=1000), {"A": layer()}).zoom == 6
    assert make_plan(order(), {"A": layer()}).zoom == 8


def test_windows_share_tiles_and_each_is_asked_for_once() -> None:
    urls = addresses(order(zoom=6, chip_size=128, stride=64), layer())
    assert len(urls) == len(set(urls)) == 4


def test_coarser_layer_is_read_on_its_own_finest_level() -> None:
    fine, coarse = layer(), layer(grid="2km", id="B")
    (wanted,) = orders(("A", "B"), CALIFORNIA, "2020-08-16", zoom=8)
    plan = make_plan(wanted, {"A": fine, "B": coarse})
    (first, _), (second, _) = plan.parts
    assert (first.zoom, first.factor, second.zoom, second.factor) == (8, 1, 5, 8)


def test_layers_of_vectors_are_refused() -> None:
    with pytest.raises(BadInput, match="not as pictures"):
        make_plan(order(), {"A": layer(format="application/vnd.mapbox-vector-tile")})


def test_far_too_many_chips_are_refused_before_they_are_counted() -> None:
    (wanted,) = orders("A", parse_box("-180,-90,180,90"), "2020-08-16", chip_size=64)
    with pytest.raises(BadInput, match="over 2,000,000 chips"):
        make_plan(wanted, {"A": layer()})


def test_whole_world_of_twenty_years_is_planned_from_numbers() -> None:
    plan = make_plan(orders("A", parse_box("-180,-90,180,90"), "2000/2020", zoom=8)[0], {"A": layer()})
    assert plan.chips == 51_200 * (datetime(2021, 1, 1, tzinfo=UTC) - datetime(2000, 1, 1, tzinfo=UTC)).days


def test_comparison_on_worldview_gives_two_orders_and_an_animation_its_dates() -> None:
    base = "https://worldview.earthdata.nasa.gov/?v=-124,37,-118,41&l=A&t=2020-08-20"
    both = orders(
        (), f"{base}&l1=B&t1=2020-08-10&ca=true&cm=swipe&cv=50", today=datetime(2026, 1, 1, tzinfo=UTC).date()
    )
    assert [(made.layers, made.start and made.start.day) for made in both] == [(("A",), 20), (("B",), 10)]
    (film,) = orders((), f"{base}&ab=on&as=2020-08-01-T00:00:00Z&ae=2020-08-11-T00:00:00Z&icd=2&ici=3&ics=true")
    assert addresses(replace(film, zoom=3), layer()) == [
        f"http://127.0.0.1/2020-08-{day:02}/250m/3/1/1.jpg" for day in (1, 3, 5, 7, 9, 11)
    ]


@pytest.mark.parametrize(
    "asked", ["t=9999-12-31-T23:59:59Z", "t=2020-08-20&ab=on&as=2020-08-01&ae=9999-12-31-T23:59:59Z"]
)
def test_the_end_of_the_calendar_is_refused_in_a_sentence(asked: str) -> None:
    with pytest.raises(BadDates, match="9999-12-31 23:59:59"):
        orders((), f"https://worldview.earthdata.nasa.gov/?v=-124,37,-118,41&l=A&{asked}")


def test_limited_order_is_a_part_of_the_whole_spread_over_instants() -> None:
    whole = make_plan(order("2020-08-01/2020-08-07", zoom=7, chip_size=64), {"A": layer()})
    some = make_plan(order("2020-08-01/2020-08-07", zoom=7, chip_size=64, limit=20), {"A": layer()})
    assert (some.chips, sum(len(windows) for _, _, windows in some.cuts())) == (20, 20)
    assert [len(windows) for _, _, windows in some.cuts()] == [2, 3, 3, 3, 3, 3, 3]
    for (_, _, few), (_, _, every) in zip(some.cuts(), whole.cuts(), strict=True):
        assert set(few) < set(every)
    assert list(some.cuts()) == list(some.cuts())
    asked = [request.url for request in some.requests()]
    assert some.tiles == len(asked) == len(set(asked)) < whole.tiles
    assert set(asked) < {request.url for request in whole.requests()}


def test_limit_beyond_the_whole_changes_nothing() -> None:
    whole, limited = (make_plan(order(zoom=6, limit=limit), {"A": layer()}) for limit in (None, 1000))
    assert (limited.chips, limited.tiles) == (whole.chips, whole.tiles) == (4, 4)
    assert list(limited.requests()) == list(whole.requests())


def test_sides_of_a_comparison_share_a_limit() -> None:
    link = "https://worldview.earthdata.nasa.gov/?v=0,0,1,1&l=A&t=2020-08-16&ca=true&l1=B&t1=2020-08-17"
    assert [(each.layers, each.limit) for each in orders((), link, limit=5)] == [(("A",), 2), (("B",), 3)]
    assert [each.layers for each in orders((), link, limit=1)] == [("B",)]
    with pytest.raises(BadInput, match="1 chip at least"):
        order(limit=0)
