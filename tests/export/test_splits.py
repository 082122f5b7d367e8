"""Splits: every chip once, the shares as near as can be, and nothing of one place or day on both sides."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from earthcurator.errors import BadInput
from earthcurator.export.labelled import Labelled
from earthcurator.export.splits import SHARES, Blocks, By, split, strata
from earthcurator.models import Box, Chip

EARTH_KM = 6371.0088
Rows = list[tuple[Chip, str]]


def chip(key: str, box: Box | None = None, time: datetime | None = None) -> Chip:
    return Chip(id=key, media_type="image/png", width=8, height=8, sha256="0" * 64, origin=key, box=box, time=time)


def square(west: float, south: float, side: float) -> Box:
    def wrapped(x: float) -> float:
        return x - 360 if x > 180 else x

    return Box(west=wrapped(west), south=south, east=wrapped(west + side), north=min(90.0, south + side))


def mosaic(
    columns: int, rows: int, *, side: float = 0.5, west: float = 0.0, south: float = 0.0, label: str = "x"
) -> Rows:
    """Chips that touch all over."""
    return [
        (chip(f"{label} {west:g} {row}/{column}", square(west + column * side, south + row * side, side)), label)
        for row in range(rows)
        for column in range(columns)
    ]


def spans(box: Box) -> list[tuple[float, float]]:
    """Its longitudes, cut at the antimeridian."""
    return [(box.west, 180.0), (-180.0, box.east)] if box.crosses_antimeridian else [(box.west, box.east)]


def touch(one: Box, other: Box) -> bool:
    """Whether they share a point of the globe, by brute force."""
    if one.south > other.north or other.south > one.north:
        return False
    if max(one.south, other.south) == -90 or min(one.north, other.north) == 90:
        return True
    return any(
        a[0] <= b[1] + turn and b[0] + turn <= a[1] for a in spans(one) for b in spans(other) for turn in (-360, 0, 360)
    )


def edge(box: Box) -> list[tuple[float, float]]:
    """Points of its border."""
    width = box.east - box.west + (360 if box.crosses_antimeridian else 0)
    steps = [n / 6 for n in range(7)]
    points = [(box.west + width * t, latitude) for t in steps for latitude in (box.south, box.north)]
    return points + [
        (lon, box.south + (box.north - box.south) * t) for t in steps for lon in (box.west, box.west + width)
    ]


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    (a, b), (c, d) = ([math.radians(angle) for angle in point] for point in (one, other))
    haversine = math.sin((d - b) / 2) ** 2 + math.cos(b) * math.cos(d) * math.sin((c - a) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(haversine)))


def leaks(rows: Rows, sides: Mapping[str, str], buffer_km: float = 0.0) -> list[tuple[str, str]]:
    """Pairs on different sides that touch, or whose borders come within the buffer."""
    kept = [(one.id, one.box, edge(one.box)) for one, _ in rows if one.id in sides and one.box is not None]
    return [
        (a, b)
        for (a, box, border), (b, other, across) in combinations(kept, 2)
        if sides[a] != sides[b]
        and (
            touch(box, other)
            or (buffer_km and min(distance_km(p, q) for p in border for q in across) <= buffer_km)
        )
    ]  # fmt: skip


boxes = st.builds(
    square,
    st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 179.0, 180.0, 0.0])),
    st.one_of(st.floats(-90, 89), st.sampled_from([-90.0, 89.5, 89.0, 0.0])),
    st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0]),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(boxes, min_size=3, max_size=60), st.sampled_from([60.0, 300.0, 2_000.0]), st.integers(0, 3))
def test_no_two_chips_that_touch_are_on_both_sides(found: list[Box], block_km: float, seed: int) -> None:
    rows = [(chip(f"{n:03}", box), "xy"[n % 2]) for n, box in enumerate(found)]
    for between in ("join", "leave out"):
        try:
            sides = split(rows, by="place", block_km=block_km, seed=seed, between=between)
        except BadInput:
            continue
        assert leaks(rows, sides) == []
        if between == "join":
            assert len(sides) == len(rows)


@settings(deadline=None, max_examples=40)
@given(st.lists(boxes, min_size=3, max_size=12), st.sampled_from([5.0, 100.0, 800.0]))
def test_no_two_chips_within_the_buffer_are_on_both_sides(found: list[Box], buffer_km: float) -> None:
    rows = [(chip(f"{n:03}", box), "x") for n, box in enumerate(found)]
    for between in ("join", "leave out"):
        try:
            sides = split(rows, by="place", block_km=300, buffer_km=buffer_km, between=between)
        except BadInput:
            continue
        assert leaks(rows, sides, buffer_km) == []


@given(boxes, st.integers(-1, 1), st.integers(-1, 1), st.sampled_from([30.0, 100.0, 1_000.0]))
def test_boxes_that_touch_reach_a_common_block(one: Box, right: int, up: int, block_km: float) -> None:
    side = one.north - one.south
    other = square((one.west + right * side + 180) % 360 - 180, max(-90.0, min(90.0, one.south + up * side)), side)
    assume(touch(one, other))
    blocks = Blocks(block_km)
    assert set(blocks.reached(one)) & set(blocks.reached(other))


def test_boxes_that_touch_but_for_rounding_reach_a_common_block() -> None:
    blocks = Blocks(100)
    border = 360 / blocks.columns(blocks.rows // 2) * 7 - 180
    south = (blocks.rows // 2 + 0.5) / blocks.rows * 180 - 90
    left = Box(west=border - 0.1, east=border - 1e-12, south=south, north=south + 0.1)
    right = Box(west=border + 1e-12, east=border + 0.1, south=south, north=south + 0.1)
    assert set(blocks.reached(left)) & set(blocks.reached(right))


@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(0, 360), st.floats(0, 1))
def test_points_within_the_buffer_reach_a_common_block(west: float, south: float, bearing: float, part: float) -> None:
    arc, turn, latitude = part * 500 / EARTH_KM, math.radians(bearing), math.radians(south)
    north = math.asin(math.sin(latitude) * math.cos(arc) + math.cos(latitude) * math.sin(arc) * math.cos(turn))
    east = math.atan2(
        math.sin(turn) * math.sin(arc) * math.cos(latitude), math.cos(arc) - math.sin(latitude) * math.sin(north)
    )
    there = (west + math.degrees(east) + 180) % 360 - 180, max(-90.0, min(90.0, math.degrees(north)))
    blocks = Blocks(200, buffer_km=500.001)
    reached = [set(blocks.reached(Box(west=x, east=x, south=y, north=y))) for x, y in ((west, south), there)]
    assert reached[0] & reached[1]


def test_blocks_have_nearly_equal_areas_from_pole_to_pole() -> None:
    blocks = Blocks(100)
    height = math.pi / blocks.rows
    areas = []
    for row in range(blocks.rows):
        band = math.sin(-math.pi / 2 + (row + 1) * height) - math.sin(-math.pi / 2 + row * height)
        areas += [2 * math.pi * EARTH_KM**2 * band / blocks.columns(row)] * blocks.columns(row)
    assert sum(areas) == pytest.approx(4 * math.pi * EARTH_KM**2)
    assert sum(abs(area - 10_000) < 500 for area in areas) / len(areas) > 0.99
    assert max(areas) < 15_000
    assert min(areas) > 7_000


def test_scattered_chips_split_by_place_near_the_shares_and_the_class_balance() -> None:
    chance = random.Random(0)
    rows: Rows = []
    for scene in range(200):
        west, south = chance.uniform(-180, 180), chance.uniform(-75, 75)
        label = chance.choice(["smoke", "smoke", "clear"])
        rows += [(chip(f"{scene}/{n}", square(west, south, 0.2)), label) for n in range(chance.randint(1, 9))]
    sides = split(rows, by="place", block_km=100)
    assert len(sides) == len(rows)
    counts = Counter((label, sides[one.id]) for one, label in rows)
    for label, total in Counter(label for _, label in rows).items():
        for name, share in SHARES.items():
            assert counts[label, name] / total == pytest.approx(share, abs=0.02)


def test_places_over_the_antimeridian_and_on_the_poles_stay_whole() -> None:
    over = [*mosaic(4, 2, west=179, label="over"), *mosaic(2, 2, west=-178.5, label="east of it")]
    pole = [(chip(f"pole {n}", square(west, 89.5, 0.5)), "pole") for n, west in enumerate((-170, -40, 100))]
    rows = over + pole + mosaic(2, 2, west=60, label="far away")
    sides = split(rows, by="place", block_km=50)
    assert len({sides[one.id] for one, label in rows if label in {"over", "east of it"}}) == 1
    assert len({sides[one.id] for one, label in rows if label == "pole"}) == 1
    assert set(sides.values()) == set(SHARES)


def test_a_gapless_mosaic_is_one_place_unless_borders_are_left_out() -> None:
    rows = mosaic(40, 40)
    with pytest.raises(BadInput, match="1,600 chips hang together in 1 places, too few for 3 sides") as refused:
        split(rows, by="place")
    assert "leave out" in refused.value.hint
    sides = split(rows, by="place", between="leave out")
    assert leaks(rows, sides) == []
    assert set(sides.values()) == set(SHARES)
    assert len(sides) > len(rows) / 2


def test_borders_are_left_out_by_themselves_where_too_many_chips_touch() -> None:
    touching, scattered = mosaic(40, 40), [(chip(f"{n}", square(8 * n - 170, 0, 1)), "x") for n in range(40)]
    assert split(touching, by="place", between="auto") == split(touching, by="place", between="leave out")
    assert split(scattered, by="place", between="auto") == split(scattered, by="place")
    assert split(scattered[:1], by="place", between="auto").keys() == {"0"}
    nearly_one = [*mosaic(30, 30), *((chip(f"far {n}", square(100 + 5 * n, 0, 0.5)), "x") for n in range(3))]
    sides = Counter(split(nearly_one, by="place", between="auto").values())
    assert sides["train"] < 0.9 * sides.total()


def test_blocks_that_leave_a_side_empty_are_refused() -> None:
    with pytest.raises(BadInput, match="chips are left, and none for"):
        split(mosaic(12, 12), by="place", block_km=60, between="leave out", buffer_km=50)


def test_chips_without_a_place_or_time_are_counted_and_random_is_named() -> None:
    rows = [(chip("a"), "x"), (chip("b", square(0, 0, 1), datetime(2026, 1, 1, tzinfo=UTC)), "x"), (chip("c"), "x")]
    by: By
    for by in ("place", "time"):
        with pytest.raises(BadInput, match=f"2 of 3 chips have no {by}") as refused:
            split(rows, by=by)
        assert refused.value.hint == "split at random"


@example(["a"] * 32 + ["b"] * 30, 0)  # 21 of the 30 are a whole share: train must not get one more
@given(st.lists(st.sampled_from("aabbbcdefg"), max_size=150), st.integers(0, 5))
def test_a_random_split_gives_each_class_its_share_to_the_chip(labels: list[str], seed: int) -> None:
    rows = [(chip(f"{n:03}"), label) for n, label in enumerate(labels)]
    sides = split(rows, by="random", seed=seed)
    assert set(sides) == {one.id for one, _ in rows}
    counts = Counter((label, sides[one.id]) for one, label in rows)
    for label, total in Counter(labels).items():
        assert all(abs(counts[label, name] - share * total) < 1 for name, share in SHARES.items())
    # What one class rounds away the next gets back: classes of a chip or two do not all go to train.
    totals = Counter(sides.values())
    assert all(abs(totals[name] - share * len(rows)) < 2 for name, share in SHARES.items())


def test_thousands_of_tiny_classes_still_meet_the_shares() -> None:
    rows = [(chip(f"{n}"), f"class {n // 3}") for n in range(3_000)]
    assert Counter(split(rows, by="random").values()) == {"train": 2_100, "val": 450, "test": 450}


def test_rare_combinations_keep_their_rarest_class_in_balance() -> None:
    common = [labels for number in range(20) for labels in [(f"class {number:02d}",)] * 40]
    rare = [(f"class {number:02d}", "fire") for number in range(20)] * 2
    rows = [Labelled(chip(f"{number:04d}"), labels[0], labels=labels) for number, labels in enumerate([*common, *rare])]
    kept = strata(rows, 3)
    assert kept[-1] == "fire"
    sides = split(zip((row.chip for row in rows), kept, strict=True), by="random")
    fires = Counter(sides[row.chip.id] for row in rows if "fire" in row.labels)
    assert fires == {"train": 28, "val": 6, "test": 6}


def test_frequent_combinations_and_chips_without_a_class_are_divided_by_themselves() -> None:
    kinds = {("a",): 40, ("a", "b"): 20, (): 20}
    every = [labels for labels, count in kinds.items() for _ in range(count)]
    rows = [
        Labelled(chip(f"{number:04d}"), labels[0] if labels else "", labels=labels)
        for number, labels in enumerate(every)
    ]
    sides = split(zip((row.chip for row in rows), strata(rows, 3), strict=True), by="random")
    found = Counter((row.labels, sides[row.chip.id]) for row in rows)
    assert [found[labels, "test"] for labels in kinds] == [6, 3, 3]


def days(count: int, *, each: int = 4) -> Rows:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    times = [start + timedelta(days=day, hours=23 * n / max(1, each - 1)) for day in range(count) for n in range(each)]
    return [(chip(f"{n:04}", time=time), "x") for n, time in enumerate(times)]


@given(st.integers(3, 40), st.integers(1, 5))
def test_a_split_by_time_keeps_days_whole_and_tests_on_the_latest(count: int, each: int) -> None:
    rows = days(count, each=each)
    sides = split(rows, by="time")
    assert len(sides) == len(rows)
    held = {name: {one.time.date() for one, _ in rows if one.time and sides[one.id] == name} for name in SHARES}
    assert all(held.values())
    assert max(held["train"]) < min(held["val"])
    assert max(held["val"]) < min(held["test"])
    for name, share in SHARES.items():
        assert count < 12 or len(held[name]) == pytest.approx(share * count, abs=1.01)


def test_periods_may_be_longer_than_a_day() -> None:
    rows = days(60)
    sides = split(rows, {"train": 0.5, "test": 0.5}, by="time", every=timedelta(days=16))
    assert len({sides[one.id] for one, _ in rows if one.time and one.time.month == 3 and one.time.day < 5}) == 1
    with pytest.raises(BadInput, match=r"the chips are of 2 periods of 1 day, 0:00:00, too few for 3 sides"):
        split(days(2), by="time")


@pytest.mark.parametrize("by", ["random", "place", "time"])
def test_order_does_not_matter_and_the_seed_does(by: By) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [
        (chip(f"{n:03}", square(n * 1.7 - 170, n * 0.7 - 70, 0.3), start + timedelta(days=n)), "abc"[n % 3])
        for n in range(200)
    ]
    shuffled = random.Random(0).sample(rows, len(rows))
    assert split(shuffled, by=by, seed=1, block_km=50) == split(rows, by=by, seed=1, block_km=50)
    touching = [*mosaic(20, 20), *mosaic(3, 3, west=40), *mosaic(3, 3, west=60), *mosaic(3, 3, west=80)]
    shuffled = random.Random(1).sample(touching, len(touching))
    if by == "place":
        assert split(shuffled, by=by) == split(touching, by=by)
        assert split(shuffled, by=by, between="leave out") == split(touching, by=by, between="leave out")
    assert (split(rows, by=by, seed=2, block_km=50) == split(rows, by=by, seed=1, block_km=50)) is (by == "time")


@pytest.mark.parametrize("by", ["random", "place", "time"])
def test_no_chips_and_one_chip_are_split_too(by: By) -> None:
    one = chip("a", square(179.9, 89, 0.5), datetime(2026, 1, 1, tzinfo=UTC))
    assert split([], by=by) == {}
    assert len(split([(one, "x")], by=by)) == 1


@pytest.mark.parametrize(
    "shares", [{}, {"train": 0.5}, {"train": 1.5, "test": -0.5}, {"a": 1, "b": 0}, {"a": math.nan}]
)
def test_shares_that_make_no_sense_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="share"):
        split(days(9), shares, by="random")


def test_impossible_blocks_buffers_periods_and_doubles_are_refused() -> None:
    rows = mosaic(3, 3)
    wrong: Sequence[Mapping[str, object]] = [
        {"by": "place", "block_km": 0}, {"by": "place", "block_km": math.nan}, {"by": "place", "buffer_km": -1},
        {"by": "place", "block_km": 0.001}, {"by": "time", "every": timedelta()},
    ]  # fmt: skip
    for options in wrong:
        with pytest.raises(BadInput):
            split(rows, **options)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(BadInput, match="is there twice"):
        split(rows + rows, by="random")
