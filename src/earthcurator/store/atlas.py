"""What four views of a project need of all chips at once: place, time, layer and folder as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

COLUMNS = ["lon", "lat", "time", "layer", "folder"]
NO_NAME = 65_535
"""Stands for no layer or no folder; also for those after the first 65,535."""


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """One entry a chip, in the order in which they came."""

    lon: NDArray[np.float32]
    """Degrees, of the chip's centre; NaN where it is unknown, as with all columns of numbers."""
    lat: NDArray[np.float32]
    time: NDArray[np.float64]
    """Seconds since 1970, UTC."""
    layer: NDArray[np.uint16]
    """Position in `layers`."""
    folder: NDArray[np.uint16]
    """Position in `folders`."""
    layers: Sequence[str]
    folders: Sequence[str]

    def __len__(self) -> int:
        return len(self.lon)


def atlas(rows: pa.Table) -> Atlas:
    """The atlas of rows with these `COLUMNS`."""
    microseconds = pc.cast(rows["time"], pa.int64())
    layer, layers = _coded(rows["layer"])
    folder, folders = _coded(rows["folder"])
    return Atlas(
        lon=_numbers(rows["lon"]).astype(np.float32),
        lat=_numbers(rows["lat"]).astype(np.float32),
        time=_numbers(pc.cast(microseconds, pa.float64())) / 1e6,
        layer=layer,
        folder=folder,
        layers=layers,
        folders=folders,
    )


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = pc.fill_null(column, np.nan).to_numpy()
    return numbers


def _coded(column: pa.ChunkedArray) -> tuple[NDArray[np.uint16], list[str]]:
    names: list[Any] = sorted(pc.unique(column).drop_null().to_pylist())[:NO_NAME]
    codes = pc.index_in(column, value_set=pa.array(names, pa.string()))
    return pc.fill_null(codes, NO_NAME).to_numpy().astype(np.uint16), names
