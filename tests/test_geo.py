"""Boxes and windows: small arithmetic with sharp corners."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthcurator import geo
from earthcurator.errors import BadBox, BadInput
from earthcurator.geo import Edge, contains, parse_box, window_starts, wrap_longitude
from earthcurator.models import Box

longitudes = st.floats(-180, 180)
latitudes = st.floats(-90, 90)


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(geo).failed == 0


def test_box_is_read_with_spaces() -> None:
    assert parse_box(" -125, 37 ,-120,41.5") == Box(west=-125, south=37, east=-120, north=41.5)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "0,0,nan,0", "0,10,0,-10", "0,0,200,10"])
def test_bad_box_comes_with_a_hint(text: str) -> None:
    with pytest.raises(BadBox) as caught:
        parse_box(text)
    assert caught.value.hint


@given(longitudes, longitudes, longitudes)
def test_a_box_over_the_antimeridian_holds_what_lies_in_one_of_its_halves(
    west: float, east: float, longitude: float
) -> None:
    box = Box(west=west, south=-45, east=east, north=45)
    halves = [(west, 180.0), (-180.0, east)] if west > east else [(west, east)]
    assert bool(contains(box, longitude, 0)) == any(low <= longitude <= high for low, high in halves)


def test_contains_takes_arrays_and_refuses_nan() -> None:
    box = parse_box("170,-20,-170,-10")
    inside = contains(box, np.array([175, -175, 0, 170, np.nan]), np.array([-15, -15, -15, -20, -15]))
    assert inside.tolist() == [True, True, False, True, False]


@pytest.mark.parametrize(("longitude", "wrapped"), [(0, 0), (181, -179), (-181, 179), (180, 180), (-180, -180)])
def test_longitude_is_wrapped(longitude: float, wrapped: float) -> None:
    assert wrap_longitude(longitude) == wrapped


@pytest.mark.parametrize(
    ("length", "edge", "starts"),
    [
        (512, "shift", (0, 256)),
        (512, "pad", (0, 256)),
        (512, "drop", (0, 256)),
        (100, "shift", (0,)),
        (100, "pad", (0,)),
        (100, "drop", ()),
        (257, "shift", (0, 1)),
    ],
)
def test_windows_of_256(length: int, edge: Edge, starts: tuple[int, ...]) -> None:
    assert window_starts(length, 256, 256, edge) == starts


@given(st.integers(1, 500), st.integers(1, 100), st.integers(1, 100))
def test_shift_and_pad_cover_what_drop_covers_and_reach_the_end(length: int, size: int, stride: int) -> None:
    drop = set(window_starts(length, size, stride, "drop"))
    shift = set(window_starts(length, size, stride, "shift"))
    pad = set(window_starts(length, size, stride, "pad"))
    assert drop <= shift
    assert drop <= pad
    assert max(shift) + size >= length
    assert all(start + size <= max(length, size) for start in shift)
    if stride <= size:
        assert max(pad) + size >= length


def test_nonsense_windows_are_refused() -> None:
    with pytest.raises(BadInput):
        window_starts(100, 10, 0, "shift")
