"""From colours back to values: GIBS' colour maps (ColorMap v1.3) and tiles that were painted with them.

A colour stands for an interval or a class. Only PNG tiles on GIBS' own grids can be read back: JPEG and resampling make
colours that no map has. Colours that are not in the map are counted, never guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from earthcurator.errors import BadInput, SourceUnreachable
from earthcurator.gibs.capabilities import read_xml
from earthcurator.models import Values
from earthcurator.pictures import inspect

_NUMBER = re.compile(r"[-+]?(?:inf\w*|\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one colour of a map stands for."""

    rgb: tuple[int, int, int]
    transparent: bool = False
    """Painted as nothing: tiles have transparent pixels there."""
    nodata: bool = False
    low: float = math.nan
    """Lower end of the interval; -inf when it is open below; NaN for a class without a value."""
    high: float = math.nan
    """Upper end of the interval; the lower one for a single value."""
    closed: tuple[bool, bool] = (True, True)
    """Whether the ends belong to the interval."""
    label: str = ""
    """What the legend says, if it says anything."""
    is_class: bool = False
    """Whether the label is what counts."""

    @property
    def middle(self) -> float:
        """One number for the interval: its middle, or its finite end when the other one is open."""
        if math.isinf(self.low) or math.isinf(self.high):
            return next((end for end in (self.low, self.high) if math.isfinite(end)), math.nan)
        return (self.low + self.high) / 2


@dataclass(frozen=True, eq=False)
class Readings:
    """What each pixel of some (h, w) stands for. The arrays are made when they are asked for."""

    rows: NDArray[np.intp]
    """(h, w): which row of the table a pixel has."""
    table: _Table

    @cached_property
    def middle(self) -> NDArray[np.float32]:
        """(h, w) float32: the middle of the interval; NaN where there is no value."""
        return self.table.middle[self.rows]

    @cached_property
    def low(self) -> NDArray[np.float32]:
        """(h, w) float32: the lower end, -inf when open; NaN where there is no value."""
        return self.table.low[self.rows]

    @cached_property
    def high(self) -> NDArray[np.float32]:
        """(h, w) float32: the upper end, inf when open; NaN where there is no value."""
        return self.table.high[self.rows]

    @cached_property
    def classes(self) -> NDArray[np.int16]:
        """(h, w) int16: number of the class in `Colormap.classes`; -1 where there is none."""
        return self.table.classes[self.rows]

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """How many pixels each row of the table has."""
        return np.bincount(self.rows.ravel(), minlength=len(self.table.middle))

    @property
    def unknown(self) -> int:
        """How many pixels have a colour that is not in the map."""
        return int(self.counts[self.table.unknown].sum())


@dataclass(frozen=True)
class Colormap:
    """What the colours of a layer stand for."""

    title: str
    units: str
    """E.g. `K` or `mm/hr`; empty for classes."""
    entries: tuple[Entry, ...]
    """At least one."""

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The labels of the classes, in the order of the map."""
        return tuple(dict.fromkeys(entry.label for entry in self.entries if entry.is_class))

    def invert(self, pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> Readings:
        """Readings of (h, w, 3) RGB or (h, w, 4) RGBA pixels, or of (h, w) numbers in a (n, 3 or 4) palette.

        Transparent pixels have no value. A palette is faster: each of its colours is looked up once.
        """
        if palette is not None:
            if pixels.size and int(pixels.max()) >= len(palette):
                raise BadInput(f"a pixel has colour {pixels.max()} of a palette of {len(palette)}")
            return Readings(pixels.astype(np.intp), self._table.take(self._rows(palette)))
        if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
            raise BadInput(f"pixels of the shape {pixels.shape} have no colours", hint="pass (h, w, 3) or (h, w, 4)")
        return Readings(self._rows(pixels), self._table)

    def summarise(self, pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> Values:
        """Pixels in numbers, by the middles of their intervals; arguments as for `invert`."""
        readings = self.invert(pixels, palette)
        table, counts = readings.table, readings.counts
        valued = np.isfinite(table.middle) & (counts > 0)
        weights, middles = counts[valued], table.middle[valued].astype(np.float64)
        of_class = np.bincount(table.classes + 1, weights=counts, minlength=1)[1:]
        total = max(readings.rows.size, 1)
        return Values(
            unit=self.units,
            mean=float(np.average(middles, weights=weights)) if valued.any() else None,
            minimum=float(middles.min()) if valued.any() else None,
            maximum=float(middles.max()) if valued.any() else None,
            label=self.classes[int(of_class.argmax())] if of_class.any() else None,
            known=float(counts[np.isfinite(table.middle) | (table.classes >= 0)].sum() / total),
            unknown=readings.unknown / total,
        )

    def _rows(self, colours: NDArray[np.uint8]) -> NDArray[np.intp]:
        """Which row of the table each of (..., 3 or 4) colours has. The last two are for transparent and unknown."""
        codes = _codes(colours)
        rows = self._hash(codes)
        rows[self._colours[rows] != codes] = len(self._colours) + 1
        if colours.shape[-1] == 4:
            rows[colours[..., 3] == 0] = len(self._colours)
        return rows

    @cached_property
    def _colours(self) -> NDArray[np.uint32]:
        return np.unique(_codes(np.array([entry.rgb for entry in self.entries], np.uint8)))

    @cached_property
    def _hash(self) -> Callable[[NDArray[np.uint32]], NDArray[np.intp]]:
        """The row that a colour has if it is in the map: a multiplication and one look-up, no search.

        Multipliers are tried until no two colours of the map meet; from 24 bits on none can.
        """
        for bits in range(16, 25):
            for multiplier in (1 << 8, *range(0x9E3779B1, 0x9E3779B1 + 64, 2)):
                factor, shift = np.uint32(multiplier), np.uint32(32 - bits)
                buckets = (self._colours * factor) >> shift
                if len(np.unique(buckets)) == len(self._colours):
                    rows = np.zeros(1 << bits, np.intp)
                    rows[buckets] = np.arange(len(self._colours))
                    return lambda codes: rows[(codes * factor) >> shift]
        raise AssertionError("a bucket for each of 2^24 colours")

    @cached_property
    def _table(self) -> _Table:
        by_colour: dict[int, list[Entry]] = {}
        for entry, code in zip(self.entries, _codes(np.array([e.rgb for e in self.entries], np.uint8)), strict=True):
            by_colour.setdefault(int(code), []).append(entry)
        merged = [_union(by_colour[code]) for code in self._colours.tolist()] + [None, None]
        number = {label: at for at, label in enumerate(self.classes)}
        return _Table(
            middle=np.array([entry.middle if entry else math.nan for entry in merged], np.float32),
            low=np.array([entry.low if entry else math.nan for entry in merged], np.float32),
            high=np.array([entry.high if entry else math.nan for entry in merged], np.float32),
            classes=np.array([number[entry.label] if entry and entry.is_class else -1 for entry in merged], np.int16),
            unknown=np.arange(len(merged)) == len(merged) - 1,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """A row for each colour: what it stands for."""

    middle: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    classes: NDArray[np.int16]
    unknown: NDArray[np.bool_]

    def take(self, rows: NDArray[np.intp]) -> _Table:
        return _Table(self.middle[rows], self.low[rows], self.high[rows], self.classes[rows], self.unknown[rows])


def read_colormap(xml: bytes, *, source: str = "the server") -> Colormap:
    """Read a file of colour maps: values, classes and no-data often stand in one map each."""
    maps = read_xml(xml, "ColorMaps", source).findall("ColorMap")
    try:
        entries = [
            _entry(found, legend) for one in maps for legend in [_legend(one)] for found in one.iter("ColorMapEntry")
        ]
    except ValueError as exc:
        raise SourceUnreachable(f"a colour map of {source} cannot be read: {exc}", hint="try later") from exc
    if not entries:
        raise SourceUnreachable(f"{source} answered with a colour map without colours", hint="try later")
    first = max(maps, key=lambda one: (bool(one.get("units")), len(list(one.iter("ColorMapEntry")))))
    return Colormap(first.get("title", ""), first.get("units", ""), tuple(entries))


def read_values(png: bytes, colormap: Colormap) -> Readings:
    """What the pixels of a tile stand for. Raises `BadInput` unless it is a PNG: others change colours."""
    facts = inspect(png)
    if facts.media_type != "image/png":
        raise BadInput(f"a tile of {facts.media_type} has no exact colours", hint="values can be read from PNG layers")
    with PngImageFile(BytesIO(png)) as image:
        if image.mode != "P":
            return colormap.invert(np.asarray(image.convert("RGBA")))
        pixels = np.asarray(image)
        image.apply_transparency()  # otherwise the palette does not know its alpha
        palette = np.array(image.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    return colormap.invert(pixels, palette)


def _legend(colormap: Element) -> tuple[bool, dict[str, str]]:
    """Whether the map is of classes, and its labels by id."""
    legend = colormap.find("Legend")
    if legend is None:
        return False, {}
    labels = {
        found.get("id", ""): found.get("tooltip") or found.get("label") or "" for found in legend.iter("LegendEntry")
    }
    return legend.get("type") == "classification", labels


def _entry(element: Element, legend: tuple[bool, dict[str, str]]) -> Entry:
    classification, labels = legend
    red, green, blue = (int(part) for part in element.get("rgb", "").split(","))
    if not all(0 <= part <= 255 for part in (red, green, blue)):
        raise ValueError(f"{element.get('rgb')} is no colour")
    text = element.get("value", "").strip()
    low, high = _interval(text)
    nodata, transparent = element.get("nodata") == "true", element.get("transparent") == "true"
    label = labels.get(element.get("ref", ""), "") or element.get("label", "")
    return Entry(
        rgb=(red, green, blue),
        transparent=transparent,
        nodata=nodata,
        low=low,
        high=high,
        closed=(not text.startswith("("), not text.endswith(")")),
        label=label,
        is_class=bool(label) and not (nodata or transparent) and (classification or math.isnan(low)),
    )


def _interval(text: str) -> tuple[float, float]:
    """Ends of `[x]`, `[a,b)`, `(-INF,a)` or a list of such; NaN for none."""
    numbers = [float(number) for number in _NUMBER.findall(text)]
    return (min(numbers), max(numbers)) if numbers else (math.nan, math.nan)


def _codes(colours: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """One number for each of (..., 3 or 4) colours, alpha left out."""
    if colours.shape[-1] == 4:
        whole: NDArray[np.uint32] = np.ascontiguousarray(colours).view("<u4")[..., 0].astype(np.uint32, copy=False)
        return whole & np.uint32(0xFFFFFF)
    red, green, blue = (colours[..., channel].astype(np.uint32) for channel in range(3))
    return np.asarray(red | green << np.uint32(8) | blue << np.uint32(16), np.uint32)


def _union(entries: Sequence[Entry]) -> Entry | None:
    """What a colour stands for that several entries have; None when it may be no data: no value beats a wrong one."""
    if any(entry.nodata or entry.transparent for entry in entries):
        return None
    lows, highs = [entry.low for entry in entries], [entry.high for entry in entries]
    labels = {entry.label for entry in entries if entry.is_class}
    return Entry(
        rgb=entries[0].rgb,
        low=float(np.fmin.reduce(lows)),
        high=float(np.fmax.reduce(highs)),
        label=next(iter(labels)) if len(labels) == 1 else "",
        is_class=len(labels) == 1,
    )
