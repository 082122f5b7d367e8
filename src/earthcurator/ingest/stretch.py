"""How a scene's values, of any type and range, become 0..255. Decided once for a scene, so that its chips agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earthcurator.errors import BadInput, BadScene

StretchRule = Literal["auto", "none", "minmax", "percentile"] | tuple[float, float]
"""`auto` leaves 8-bit values alone and is `percentile` for all others; `none` cuts values off at 0 and 255; `minmax`
and `percentile` (2 % to 98 %) are measured for each band over the whole scene; two numbers are black and white."""

_PERCENTILES = (2, 98)


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """A straight line from values to 0..255 for each band; what lies beyond its ends is cut off."""

    name: str
    """The rule in a word for a chip's origin, e.g. `2-98%`."""
    low: NDArray[np.float64]
    """Values that become 0, (bands,)."""
    high: NDArray[np.float64]
    """Values that become 255, (bands,)."""

    def apply(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Pixels of the same shape, (bands, height, width) uint8."""
        if values.dtype == np.uint8 and self.name == "none":
            return np.asarray(values, np.uint8)
        low, span = self.low[:, None, None], (self.high - self.low)[:, None, None]
        scaled = (values.astype(np.float64) - low) * (255 / span)
        return np.asarray(np.nan_to_num(np.clip(np.rint(scaled), 0, 255)), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """The colours of a class map (land cover, say), as its file gives them."""

    colours: NDArray[np.uint8]
    """(values, 3): the colour of each value from 0."""
    name: str = "palette"

    def apply(self, values: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Colours (3, height, width) of the values (1, height, width)."""
        return np.asarray(np.moveaxis(self.colours[np.asarray(values[0], np.intp)], 2, 0), np.uint8)


def resolve(rule: StretchRule, dtype: np.dtype[np.generic]) -> StretchRule:
    """The rule that `auto` stands for with values of this type."""
    if rule != "auto":
        return rule
    return "none" if dtype == np.uint8 else "percentile"


def measure(rule: StretchRule, values: np.ma.MaskedArray[tuple[int, ...], np.dtype[np.generic]]) -> Stretch:
    """Settle a resolved rule for a scene from a small reading of it, (bands, height, width) with missing masked."""
    bands = len(values)
    match rule:
        case "none":
            return Stretch("none", np.zeros(bands), np.full(bands, 255.0))
        case (low, high):
            return Stretch(f"{low:g}..{high:g}", np.full(bands, float(low)), np.full(bands, float(high)))
        case "minmax":
            return _measured("min-max", values, (0, 100))
        case "percentile":
            return _measured("2-98%", values, _PERCENTILES)
    raise BadScene(f"there is no stretch {rule!r}")


def check(rule: StretchRule) -> None:
    """Refuse a rule that nobody knows or that has no width."""
    if isinstance(rule, tuple):
        if len(rule) != 2 or not rule[0] < rule[1]:
            raise BadInput(f"a stretch runs from a lower to a higher value, not {rule}", hint="e.g. 0,3000")
    elif rule not in ("auto", "none", "minmax", "percentile"):
        raise BadInput(f"there is no stretch {rule!r}", hint="use auto, none, minmax, percentile, or two numbers")


def _measured(
    name: str, values: np.ma.MaskedArray[tuple[int, ...], np.dtype[np.generic]], percentiles: tuple[int, int]
) -> Stretch:
    low, high = [], []
    for band in values:
        present = band.compressed().astype(np.float64)
        present = present[np.isfinite(present)]
        first, last = np.percentile(present, percentiles) if present.size else (0.0, 1.0)
        low.append(first)
        high.append(last if last > first else first + 1)  # a band of one value is black, not a division by zero
    return Stretch(name, np.array(low), np.array(high))
