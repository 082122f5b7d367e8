"""Which chips a training never sees: about a tenth, whole places of them where that can be."""

from __future__ import annotations

import pytest

from earthcurator.models import Box, Chip
from earthcurator.project.training import Options, _hold_out


def mosaic(columns: int, rows: int, *, west: float = 0.0, side: float = 0.1) -> list[Chip]:
    """Chips without gaps between them."""
    return [_chip(west + column * side, row * side, side) for column in range(columns) for row in range(rows)]


def apart(count: int) -> list[Chip]:
    """Chips with gaps wider than themselves."""
    return [_chip(column, row, 0.1) for column in range(count) for row in range(count)]


def _chip(west: float, south: float, side: float) -> Chip:
    name, box = f"{west:.2f} {south:.2f}", Box(west=west, south=south, east=west + side, north=south + side)
    return Chip(id=name, media_type="image/png", width=8, height=8, sha256="0" * 64, origin=name, box=box)


@pytest.mark.parametrize(
    "chips",
    [
        pytest.param(apart(30), id="all apart"),
        pytest.param(mosaic(60, 60), id="one region"),
        pytest.param(mosaic(60, 60) + mosaic(2, 2, west=50), id="a region and a trial"),
        pytest.param(mosaic(40, 40) + mosaic(40, 40, west=50), id="two regions"),
    ],
)
def test_about_a_tenth_is_held_out_by_place_however_the_chips_lie(chips: list[Chip]) -> None:
    learned, asked, by = _hold_out(chips, Options())
    assert by == "place"
    assert not set(learned) & set(asked)
    assert len(learned) + len(asked) >= 0.7 * len(chips)
    assert 0.03 <= len(asked) / (len(learned) + len(asked)) <= 0.2


def test_few_chips_that_touch_are_held_out_at_random() -> None:
    learned, asked, by = _hold_out(mosaic(8, 8), Options())
    assert by == "random"
    assert (len(learned), len(asked)) == (58, 6)


def test_what_is_asked_for_is_done() -> None:
    two = mosaic(20, 20) + mosaic(20, 20, west=50)
    assert [len(side) for side in _hold_out(two, Options(hold_out="place"))[:2]] == [400, 400]
    assert _hold_out(two, Options(hold_out="random"))[2] == "random"
