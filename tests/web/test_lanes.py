"""Bounded room for work that costs."""

from __future__ import annotations

import asyncio

import pytest

from earthcurator.errors import Busy
from earthcurator.web.lanes import Lane, Lanes


def test_place_is_taken_while_a_body_is_read() -> None:
    lane = Lane("pictures", threads=1, waiting=1)
    with lane.admit(), lane.admit():
        with pytest.raises(Busy, match="2 requests for pictures"), lane.admit():
            pass
        with pytest.raises(Busy):
            asyncio.run(lane.run(lambda: None))
        assert asyncio.run(lane.go_on(lambda: "done")) == "done"
    assert asyncio.run(lane.run(lambda: "done")) == "done"


def test_place_is_given_back_when_reading_fails() -> None:
    lane = Lane("pictures", threads=1, waiting=0)
    with pytest.raises(OSError, match="gone"), lane.admit():
        raise OSError("gone")
    assert asyncio.run(lane.run(lambda: "done")) == "done"


def test_sixteen_examples_are_read_at_once_and_no_more() -> None:
    lane = Lanes(threads=8).uploads
    places = [lane.admit() for _ in range(17)]
    for place in places[:16]:
        place.__enter__()
    with pytest.raises(Busy):
        places[16].__enter__()
