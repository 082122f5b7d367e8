"""Chips come back as they went in."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest

from earthcurator.errors import NotFound
from earthcurator.models import Arrival, Box, Chip
from earthcurator.store import Chips, LocalFiles


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
