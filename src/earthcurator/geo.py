"""Arithmetic with boxes in degrees and with windows in pixels. Pure functions; no files, no coordinate systems."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earthcurator.errors import BadBox, BadInput
from earthcurator.models import Box

Edge = Literal["shift", "pad", "drop"]
"""What happens where windows do not fit: move the last one inwards, let it hang over, or leave the rest out."""


def parse_box(text: str) -> Box:
    """Read `west,south,east,north` in degrees.

    >>> parse_box("170,-20,-170,-10").crosses_antimeridian
    True
    """
    hint = "write west,south,east,north in degrees, e.g. -125,37,-120,41"
    parts = text.split(",")
    if len(parts) != 4:
        raise BadBox(f"a box has four numbers, not {len(parts)}: {text!r}", hint=hint)
    try:
        west, south, east, north = (float(part) for part in parts)
    except ValueError as exc:
        raise BadBox(f"{text!r} is not four numbers", hint=hint) from exc
    return Box(west=west, south=south, east=east, north=north)


def contains(box: Box, longitude: ArrayLike, latitude: ArrayLike) -> NDArray[np.bool_]:
    """Which points lie in the box, edges included. The two arrays are broadcast; NaN lies nowhere."""
    longitude, latitude = np.asarray(longitude), np.asarray(latitude)
    in_rows = (box.south <= latitude) & (latitude <= box.north)
    east_of, west_of = box.west <= longitude, longitude <= box.east
    return np.asarray(in_rows & (east_of | west_of if box.crosses_antimeridian else east_of & west_of))


def wrap_longitude(longitude: float) -> float:
    """The same meridian within -180..180; 180 stays 180.

    >>> wrap_longitude(190), wrap_longitude(-540), wrap_longitude(180)
    (-170, -180, 180)
    """
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180


def window_starts(length: int, size: int, stride: int, edge: Edge) -> tuple[int, ...]:
    """Where windows of `size` begin along an axis of `length` pixels.

    An axis shorter than one window has one window that hangs over, or with `drop` none.

    >>> [window_starts(600, 256, 256, edge) for edge in ("shift", "pad", "drop")]
    [(0, 256, 344), (0, 256, 512), (0, 256)]
    """
    if min(length, size, stride) < 1:
        raise BadInput(f"length {length}, size {size} and stride {stride} must all be at least 1")
    whole = tuple(range(0, length - size + 1, stride))
    covered = whole[-1] + size if whole else 0
    if covered >= length or edge == "drop":
        return whole
    if edge == "pad":
        return (*whole, whole[-1] + stride) if whole else (0,)
    return (*whole, max(0, length - size))
