"""What the chips of a project are as a whole: how many of which layer, from when to when, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from earthcurator.models import Box

COLUMNS = ["layer", "folder", "time", "west", "south", "east", "north"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """All chips of a project in a few numbers."""

    chips: int
    layers: Mapping[str, int]
    """Layer → how many chips it has; chips whose layer is unknown are not counted."""
    folders: Mapping[str, int]
    """Class folder → how many chips were imported with it."""
    first: datetime | None
    """When the earliest was taken; None when no time is known."""
    last: datetime | None
    box: Box | None
    """The smallest box around all of them; None when no place is known."""


def survey(rows: pa.Table) -> Survey:
    """The survey of rows with these `COLUMNS`."""
    times = pc.min_max(rows["time"]).as_py()
    return Survey(
        chips=len(rows),
        layers=_counts(rows["layer"]),
        folders=_counts(rows["folder"]),
        first=times["min"],
        last=times["max"],
        box=_around(rows.select(["west", "south", "east", "north"]).drop_null()),
    )


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    found = pc.value_counts(column.drop_null()).to_pylist()
    return {entry["values"]: entry["counts"] for entry in sorted(found, key=lambda entry: str(entry["values"]))}


def _around(boxes: pa.Table) -> Box | None:
    if not len(boxes):
        return None
    west, east = _span(boxes["west"].to_numpy(), boxes["east"].to_numpy())
    return Box(west=west, south=pc.min(boxes["south"]).as_py(), east=east, north=pc.max(boxes["north"]).as_py())


def _span(west: NDArray[np.float64], east: NDArray[np.float64]) -> tuple[float, float]:
    """Edges of the shortest arc that covers all of these: what is left beside the widest gap between them."""
    order = np.argsort(west)
    begins = west[order]
    ends = np.where(east < west, east + 360, east)[order]
    covered = np.maximum.accumulate(np.concatenate([[ends.max() - 360], ends]))[:-1]  # to where, before each begins
    gaps = begins - covered
    widest = int(np.argmax(gaps))
    if gaps[widest] <= 0:
        return -180.0, 180.0
    end = float(covered[widest])
    return float(begins[widest]), end + 360 if end < -180 else end
