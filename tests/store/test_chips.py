"""Chips come back as they went in."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from earthcurator.errors import NotFound
from earthcurator.models import Arrival, Box, Chip, Filter
from earthcurator.store import Chips, LocalFiles, Page


def arrival(name: str, **facts: object) -> Arrival:
    made = {"id": name, "media_type": "image/png", "width": 2, "height": 3, "sha256": "0" * 64, "origin": f"/{name}"}
    return Arrival(Chip(**{**made, **facts}), f"picture of {name}".encode())  # type: ignore[arg-type]


@pytest.fixture
def chips(tmp_path: Path) -> Chips:
    return Chips(LocalFiles(tmp_path))


def test_every_fact_comes_back(chips: Chips) -> None:
    full = arrival(
        "full-chip",
        folder="größe/雪",
        layer="L",
        time=datetime(2020, 8, 16, 10, 30, tzinfo=UTC),
        crs="EPSG:4326",
        box=Box(west=179, south=-1, east=-179, north=1),
        tile="5/1/2",
        valid=0.5,
    )
    chips.add([full, arrival("bare-chip")])
    assert list(chips.all()) == [full.chip, arrival("bare-chip").chip]
    assert chips.pictures(["full-chip"]) == {"full-chip": full.picture}


def test_the_same_chip_twice_is_one(chips: Chips) -> None:
    assert chips.add([arrival("one"), arrival("one")]) == 1
    assert chips.add([arrival("one"), arrival("two")]) == 1
    assert len(chips) == 2


def test_get_keeps_the_order_asked_and_leaves_out_what_is_not_there(chips: Chips) -> None:
    chips.add([arrival(name) for name in ("a", "b", "c")])
    assert [chip.id for chip in chips.get(["c", "nope", "a"])] == ["c", "a"]
    assert chips.get([]) == []


def test_find_takes_a_unique_beginning(chips: Chips) -> None:
    chips.add([arrival("abcdef12"), arrival("abcdef34"), arrival("abcdef")])
    assert chips.find("abcdef1") == "abcdef12"
    assert chips.find("abcdef34") == "abcdef34"
    with pytest.raises(NotFound):
        chips.find("abcde")
    with pytest.raises(NotFound):
        chips.find("zzzzzz")


def test_an_id_wins_over_longer_ids_that_begin_with_it(chips: Chips) -> None:
    chips.add([arrival("abcdef-2"), arrival("abcdef-1"), arrival("abcdef")])
    assert chips.find("abcdef") == "abcdef"


def test_no_chips_at_all(chips: Chips) -> None:
    assert len(chips) == 0
    assert list(chips.all()) == []
    assert chips.pictures(["a"]) == {}
    with pytest.raises(NotFound):
        chips.find("abcdef")


def test_threads_that_add_the_same_chips_add_them_once(tmp_path: Path) -> None:
    def work(_: int) -> int:
        own = Chips(LocalFiles(tmp_path))
        return sum(own.add([arrival(f"{batch}-{number}") for number in range(10)]) for batch in range(5))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 50
    assert len(Chips(LocalFiles(tmp_path))) == 50


def _add_some(root: Path) -> int:
    own = Chips(LocalFiles(root))
    return sum(own.add([arrival(f"{batch}-{number}") for number in range(10)]) for batch in range(5))


def test_processes_that_add_the_same_chips_add_them_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:  # Lance is not fork-safe
        assert sum(pool.map(_add_some, [tmp_path, tmp_path])) == 50
    assert len({chip.id for chip in Chips(LocalFiles(tmp_path)).all()}) == 50


def test_pages_hold_each_chip_once_in_the_order_in_which_they_came(chips: Chips) -> None:
    for start in (0, 4):
        chips.add([arrival(f"chip-{number}", layer="LM"[number % 2]) for number in range(start, start + 4)])
    first = chips.page(0, 5)
    assert [chip.id for chip in first.chips] == [f"chip-{number}" for number in range(5)]
    assert (first.next, first.total) == (5, 8)
    assert [chip.id for chip in chips.page(5, 5).chips] == ["chip-5", "chip-6", "chip-7"]
    assert chips.page(5, 3).next is None
    assert chips.page(100, 5) == Page([], None, 8)
    some = chips.page(1, 2, Filter(layers=("M",)))
    assert ([chip.id for chip in some.chips], some.next, some.total) == (["chip-3", "chip-5"], 3, 4)


def test_new_chips_are_on_the_last_page_of_a_filter_too(chips: Chips) -> None:
    chips.add([arrival("one", layer="L")])
    assert chips.page(0, 10, Filter(layers=("L",))).total == 1
    chips.add([arrival("two", layer="L")])
    assert [chip.id for chip in chips.page(1, 10, Filter(layers=("L",))).chips] == ["two"]


def test_what_is_unknown_passes_no_filter(chips: Chips) -> None:
    box, time = Box(west=170, south=-1, east=-170, north=1), datetime(2020, 8, 16, tzinfo=UTC)
    chips.add([arrival("known", box=box, time=time, folder="f"), arrival("bare")])
    for condition in (
        Filter(box=Box(west=179, south=-1, east=-179, north=1)),
        Filter(start=time),
        Filter(end=time + timedelta(seconds=1)),
        Filter(folders=("f",)),
    ):
        assert [chip.id for chip in chips.page(0, 10, condition).chips] == ["known"]
    assert chips.page(0, 10, Filter(end=time)).total == 0


def test_an_empty_project_has_an_empty_page_and_survey(chips: Chips) -> None:
    assert chips.page(0, 10) == Page([], None, 0)
    found = chips.survey()
    assert (found.chips, found.layers, found.first, found.box) == (0, {}, None, None)


def test_the_survey_counts_and_finds_the_smallest_box(chips: Chips) -> None:
    fiji = Box(west=177, south=-20, east=-179, north=-16)
    samoa = Box(west=-173, south=-15, east=-171, north=-13)
    times = [datetime(2020, 1, day, tzinfo=UTC) for day in (2, 1)]
    chips.add([arrival("fiji", box=fiji, time=times[0], layer="L"), arrival("samoa", box=samoa, time=times[1])])
    found = chips.survey()
    assert (found.chips, found.layers, found.first, found.last) == (2, {"L": 1}, times[1], times[0])
    assert found.box == Box(west=177, south=-20, east=-171, north=-13)


def test_chips_all_around_the_globe_have_the_globe_as_their_box(chips: Chips) -> None:
    boxes = [Box(west=west, south=0, east=west + 60, north=1) for west in range(-180, 180, 60)]
    chips.add([arrival(f"at{box.west}", box=box) for box in boxes])
    assert chips.survey().box == Box(west=-180, south=0, east=180, north=1)


def test_the_box_of_one_chip_is_its_own(chips: Chips) -> None:
    box = Box(west=179, south=-1, east=-179, north=1)
    chips.add([arrival("one", box=box)])
    assert chips.survey().box == box
