"""The map of a data card: where the chips are, as an SVG file that opens anywhere and loads nothing.

Longitude and latitude are drawn as x and y, with a labelled graticule around the chips. There are no coastlines: those
would be somebody else's data. Classes differ in shape as well as in colour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, cos, floor, radians

import numpy as np
from numpy.typing import NDArray

from earthcurator.export.labelled import SPLITS

Points = NDArray[np.float32]
"""Longitude and latitude in degrees: (n, 2)."""

WIDTH = 640
_LEFT, _TOP, _BELOW = 80, 34, 28
"""Around each panel: latitudes, its title, longitudes."""
_HIGHEST = 430
_APART = 4
"""Marks that come nearer to another of their class, in pixels, are drawn once."""
_STEPS = (30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
_MARKS = (
    ("#0072b2", "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0"),  # circle
    ("#d55e00", "m0-4.5l4.2 7.5h-8.4z"),  # triangle
    ("#009e73", "m-3-3h6v6h-6z"),  # square
    ("#cc79a7", "m0-4.8l4.8 4.8l-4.8 4.8l-4.8-4.8z"),  # diamond
    ("#b58900", "m-1.3-4.5h2.6v3.2h3.2v2.6h-3.2v3.2h-2.6v-3.2h-3.2v-2.6h3.2z"),  # cross
    ("#56b4e9", "m0 4.5l4.2-7.5h-8.4z"),  # triangle on its tip
    ("#000000", "m-4.5-3.2l9 6.4v-6.4l-9 6.4z"),  # bow
    ("#777777", "m-4.5-1.2h9v2.4h-9z"),  # bar
)
"""Colours that the colour-blind can tell apart (Okabe and Ito, https://jfly.uni-koeln.de/color/), each with a shape."""
_OTHERS = "other classes"


@dataclass(frozen=True, slots=True)
class Extent:
    """What a map shows, in degrees. It may run over the antimeridian."""

    west: float
    south: float
    width: float
    height: float


def draw_map(places: Mapping[tuple[str, str], Points]) -> str:
    """SVG text from (split, classes) → places, of which there must be one: a panel for each split, one legend."""
    extent = extent_around(np.concatenate(list(places.values())))
    squeeze = _squeeze(extent.south + extent.height / 2)
    height = min(_HIGHEST, max(WIDTH / 3, WIDTH * extent.height / (extent.width * squeeze)))
    drawn = _most_frequent(places)
    splits = list(dict.fromkeys(split for split, _ in drawn))
    names = list(dict.fromkeys(name for _, name in drawn))
    lines: list[str] = []
    for number, split in enumerate(splits):
        shown = [(name, drawn[split, name]) for name in names if (split, name) in drawn]
        top = number * (_TOP + height + _BELOW) + _TOP
        lines += _panel(split, shown, names, extent, top=top, height=height)
    top = len(splits) * (_TOP + height + _BELOW) + 20
    totals = {name: sum(len(points) for (_, other), points in drawn.items() if other == name) for name in names}
    lines += _legend(totals, top)
    return _document(lines, top + 22 * ceil(len(names) / 2), sum(totals.values()))


def extent_around(points: Points) -> Extent:
    """The smallest part of the globe that shows all points, with a margin, in a shape that can be looked at."""
    west, width = _arc(points[:, 0])
    south, north = float(points[:, 1].min()), float(points[:, 1].max())
    middle = (south + north) / 2
    squeeze = _squeeze(middle)
    wide, high = max(1.16 * width, 0.02), max(1.16 * (north - south), 0.02)
    high = min(180.0, max(high, wide * squeeze / 2.4))
    wide = max(wide, 1.5 * high / squeeze)
    south = min(max(-90.0, middle - high / 2), 90 - high)
    if wide >= 360:
        return Extent(-180.0, south, 360.0, high)
    return Extent((west - (wide - width) / 2 + 180) % 360 - 180, south, wide, high)


def _arc(longitudes: NDArray[np.float32]) -> tuple[float, float]:
    """Western end and width of the shortest arc that holds all longitudes: the circle without its widest gap."""
    around = np.unique(np.mod(longitudes.astype(np.float64), 360))
    gaps = np.diff(around, append=around[0] + 360)
    widest = int(np.argmax(gaps))
    return float(around[(widest + 1) % len(around)]), float(360 - gaps[widest])


def _squeeze(latitude: float) -> float:
    """How long a degree of longitude is drawn against one of latitude; not less than a tenth, near the poles."""
    return max(0.1, cos(radians(latitude)))


def _most_frequent(places: Mapping[tuple[str, str], Points]) -> dict[tuple[str, str], Points]:
    """The same with no more kinds than there are marks, the most frequent first: the rest are `_OTHERS`."""
    totals: dict[str, int] = {}
    for (_, name), points in places.items():
        totals[name] = totals.get(name, 0) + len(points)
    names = sorted(totals, key=lambda name: (-totals[name], name))
    if len(names) > len(_MARKS):
        names = [name for name in names if name != _OTHERS][: len(_MARKS) - 1]
    splits = [split for split in ("", *SPLITS) if any(split == side for side, _ in places)]
    found = {(split, name): places[split, name] for split in splits for name in names if (split, name) in places}
    for split in splits:
        rest = [points for (side, name), points in places.items() if side == split and name not in names]
        if rest:
            found[split, _OTHERS] = np.concatenate(rest)
    return dict(sorted(found.items(), key=lambda item: (splits.index(item[0][0]), [*names, _OTHERS].index(item[0][1]))))


def _panel(
    split: str, shown: Sequence[tuple[str, Points]], names: Sequence[str], extent: Extent, *, top: float, height: float
) -> Iterator[str]:
    scale = np.array([WIDTH / extent.width, height / extent.height])
    if split:
        count = sum(len(points) for _, points in shown)
        yield f'<text x="{_LEFT}" y="{top - 12:.0f}" class="title">{split}: {count:,}</text>'
    yield f'<rect x="{_LEFT}" y="{top:.1f}" width="{WIDTH}" height="{height:.1f}" class="frame"/>'
    for degrees, label in _lines_of_longitude(extent):
        x = _LEFT + degrees * scale[0]
        yield f'<path d="M{x:.1f} {top:.1f}v{height:.1f}" class="line"/>'
        yield f'<text x="{x:.1f}" y="{top + height + 16:.1f}" text-anchor="middle">{label}</text>'
    for degrees, label in _lines_of_latitude(extent):
        y = top + degrees * scale[1]
        yield f'<path d="M{_LEFT} {y:.1f}h{WIDTH}" class="line"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    for name, points in shown:
        at = points.astype(np.float64)
        xy = np.column_stack([np.mod(at[:, 0] - extent.west, 360), extent.south + extent.height - at[:, 1]]) * scale
        yield _marks(xy + np.array([_LEFT, top]), *_MARKS[names.index(name)])


def _marks(xy: NDArray[np.float64], colour: str, shape: str) -> str:
    _, first = np.unique(np.floor(xy / _APART), axis=0, return_index=True)
    path = "".join(f"M{x:.1f} {y:.1f}{shape}" for x, y in xy[np.sort(first)])
    return f'<path d="{path}" fill="{colour}" class="mark"/>'


def _lines_of_longitude(extent: Extent) -> Iterator[tuple[float, str]]:
    """Degrees from the western edge, and what to write there."""
    step = _step(extent.width)
    for number in range(ceil(extent.west / step - 1e-9), floor((extent.west + extent.width) / step + 1e-9) + 1):
        longitude = (number * step + 180) % 360 - 180
        yield number * step - extent.west, _degrees(longitude, step, "W", "E") if abs(longitude) < 180 else "180°"


def _lines_of_latitude(extent: Extent) -> Iterator[tuple[float, str]]:
    """Degrees from the northern edge, and what to write there."""
    step = _step(extent.height)
    north = extent.south + extent.height
    for number in range(ceil(extent.south / step - 1e-9), floor(north / step + 1e-9) + 1):
        yield north - number * step, _degrees(number * step, step, "S", "N")


def _step(degrees: float) -> float:
    return next((step for step in reversed(_STEPS) if degrees / step <= 6.5), 60)


def _degrees(value: float, step: float, below: str, above: str) -> str:
    decimals = len(f"{step:g}".partition(".")[2])
    text = f"{abs(value):.{decimals}f}°"
    if abs(value) < step / 2:
        return text
    return f"{text} {above if value > 0 else below}"


def _legend(totals: Mapping[str, int], top: float) -> Iterator[str]:
    for number, (name, count) in enumerate(totals.items()):
        x, y = _LEFT + 8 + number % 2 * WIDTH / 2, top + number // 2 * 22
        colour, shape = _MARKS[number]
        short = name if len(name) <= 34 else f"{name[:33]}…"
        yield f'<path d="M{x:.0f} {y:.0f}{shape}" fill="{colour}" class="mark"/>'
        # The isolates keep a name that runs from right to left from taking its count with it.
        yield f'<text x="{x + 12:.0f}" y="{y + 4:.0f}">\u2068{_text(short) or "no class"}\u2069 ({count:,})</text>'


def _document(lines: Sequence[str], height: float, count: int) -> str:
    width = _LEFT + WIDTH + 24
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" width="{width}" role="img">'
    style = (
        "text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600;font-size:14px}"
        ".frame{fill:#f7f8fa;stroke:#889}.line{fill:none;stroke:#ccd2d8}"
        ".mark{stroke:#fff;stroke-width:.5;fill-opacity:.85}"
    )
    title = f"Map of the middles of {count:,} chips by class"
    paper = f'<rect width="{width}" height="{height:.0f}" fill="#fff"/>'
    return "\n".join([head, f"<title>{title}</title>", f"<style>{style}</style>", paper, *lines, "</svg>", ""])


def _text(text: str) -> str:
    """Escaped, and without what XML cannot hold."""
    return escape(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", text))
