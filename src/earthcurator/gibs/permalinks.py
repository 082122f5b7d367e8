"""What a link to NASA Worldview shows: layers, place, time, the other side of a comparison, an animation.

Worldview writes its whole state into the address (`doc/url_parameters.md` in nasa-gibs/worldview). What only decorates
the page, such as opacity, palettes or rotation, is read over.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

from earthcurator.errors import BadBox, BadDates, BadInput
from earthcurator.geo import wrap_longitude
from earthcurator.grids import gibs_grid
from earthcurator.models import Box
from earthcurator.regions import Region, region_of_bounds, region_of_box

_PROJECTIONS = {"geographic": "EPSG:4326", "arctic": "EPSG:3413", "antarctic": "EPSG:3031"}
_DRAWN = ("Reference_", "Coastlines")  # labels and lines over the imagery
_STEPS = {"1": "P{}Y", "2": "P{}M", "3": "P{}D", "4": "PT{}H", "5": "PT{}M"}
_LAYER = re.compile(r"[\w.-]+")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:-?[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?Z?)?")
_LONGEST = 20_000  # letters; browsers and servers stop at fewer


@dataclass(frozen=True, slots=True)
class View:
    """One picture that Worldview shows; a comparison has two."""

    layers: tuple[str, ...]
    """The imagery that can be seen, topmost first. Never empty."""
    left_out: tuple[str, ...]
    """Layers that are hidden, or only draw labels and lines."""
    time: datetime
    """UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permalink:
    """What a link shows."""

    views: tuple[View, ...]
    """One, or sides A and B of a comparison."""
    region: Region
    crs: str
    """`EPSG:4326`, or `EPSG:3413` and `EPSG:3031` for the arctic and antarctic views."""
    animation: tuple[datetime, datetime, str] | None
    """First and last moment and the step between pictures, an ISO 8601 duration; None when no animation is open."""
    notes: tuple[str, ...] = ()
    """What a person should know: where the region is not quite what Worldview shows."""


def parse_permalink(url: str, *, today: date) -> Permalink:
    """Read a link to Worldview, of any of its hosts. `today` is what a link without a time shows.

    >>> link = parse_permalink("https://worldview.earthdata.nasa.gov/?v=-125,37,-120,41&l=A,B(hidden)", today=date.max)
    >>> link.views[0].layers, link.region.box.west
    (('A',), -125.0)
    """
    asked = _parameters(url)
    crs = _PROJECTIONS.get(asked.get("p") or "geographic")
    if crs is None:
        raise BadInput(f"Worldview has no projection {asked['p']!r:.40}", hint=f"p is one of {', '.join(_PROJECTIONS)}")
    extent = _extent(asked["v"]) if asked.get("v") else None
    region, notes = _on_the_globe(extent) if crs == "EPSG:4326" else (_around_the_pole(extent, crs), ())
    return Permalink(views=_views(asked, today), region=region, crs=crs, animation=_animation(asked), notes=notes)


def _parameters(url: str) -> dict[str, str]:
    text = url.strip(" \t\r\n<>\"'")
    if "://" not in text:
        text = unquote(text)
    hint = "copy the address from the browser while Worldview shows what you want"
    try:
        parts = urlsplit(text.replace("&amp;", "&"))
        asked = {name: unquote(value) for name, value in parse_qsl(parts.query)}
    except ValueError as exc:
        raise BadInput(f"{url!r:.100} is not a web address: {exc}", hint=hint) from exc
    known = "worldview" in parts.netloc or "l" in asked or "v" in asked
    if parts.scheme not in ("http", "https") or not parts.netloc or not known or len(text) > _LONGEST:
        raise BadInput(f"{url!r:.100} is not a link to Worldview", hint=hint)
    if not asked.get("l"):
        raise BadInput(
            f"the link {url!r:.100} names no layers",
            hint="change something in Worldview, so that it writes its layers into the address, and copy that again",
        )
    return asked


def _views(asked: Mapping[str, str], today: date) -> tuple[View, ...]:
    """Side A, and side B when a comparison is on. Worldview's B is a week ago unless it says otherwise."""
    midnight = datetime.combine(today, time(), UTC)
    first = _view(asked["l"], _moment(asked["t"]) if asked.get("t") else midnight)
    if not any(name in asked for name in ("l1", "t1", "ca")):
        return (first,)
    moment = _moment(asked["t1"]) if asked.get("t1") else midnight - timedelta(days=7)
    return first, _view(asked.get("l1") or asked["l"], moment)


def _view(layers: str, moment: datetime) -> View:
    shown: list[str] = []
    left_out: list[str] = []
    for entry in _split(layers):
        name, _, options = entry.partition("(")
        name = name.strip()
        if not name:
            continue
        if not _LAYER.fullmatch(name):
            raise BadInput(f"{name!r:.60} in the link is not the name of a layer", hint="copy the link again")
        hidden = "hidden" in _split(options.rstrip(") ")) or name.startswith(_DRAWN)
        (left_out if hidden else shown).append(name)
    if not shown:
        raise BadInput(
            f"the link shows no imagery: {', '.join(left_out) or layers!r:.60} is hidden or only labels",
            hint="switch a layer on in Worldview and copy the link again",
        )
    return View(tuple(dict.fromkeys(shown)), tuple(dict.fromkeys(left_out)), moment)


def _split(text: str) -> list[str]:
    """Cut at commas outside brackets: `A(opacity=0.5,hidden),B` are two."""
    pieces, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}" and depth > 0)
        if letter == "," and not depth:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces


def _moment(text: str) -> datetime:
    """Read `2020-08-16`, `2020-08-16T12:30:00Z`, and Worldview's own `2020-08-16-T12:30:00Z`."""
    found = _MOMENT.fullmatch(text.strip())
    try:
        if found:
            return datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}").replace(tzinfo=UTC)
    except ValueError:
        pass  # the 31st of February
    raise BadDates(f"{text!r:.40} in the link is not a time", hint="Worldview writes t=2020-08-16-T00:00:00Z")


def _animation(asked: Mapping[str, str]) -> tuple[datetime, datetime, str] | None:
    """The range of an open animation. Old versions of Worldview wrote `as` and `ae` even when none was: `ab` tells."""
    if asked.get("ab") != "on" or not (asked.get("as") and asked.get("ae")):
        return None
    start, end = _moment(asked["as"]), _moment(asked["ae"])
    if start > end:
        raise BadDates(f"the animation in the link ends on {end:%Y-%m-%d}, before it starts", hint="copy it again")
    custom = asked.get("ics") != "false" and ("ici" in asked or "icd" in asked)
    unit, count = (asked.get("ici", "3"), asked.get("icd", "1")) if custom else (asked.get("i", "3"), "1")
    if unit not in _STEPS or not re.fullmatch(r"[1-9][0-9]{0,3}", count):
        raise BadDates(
            f"{count!r:.20} times unit {unit!r:.20} in the link is no step of an animation",
            hint="units are 1 (year) to 5 (minute), at most 9999 of them",
        )
    return start, end, _STEPS[unit].format(count)


def _extent(text: str) -> tuple[float, float, float, float]:
    try:
        left, bottom, right, top = (float(part) for part in text.split(","))
    except ValueError as exc:
        raise BadBox(f"the view {text!r:.80} in the link is not four numbers", hint="copy the link again") from exc
    if not (math.isfinite(left + bottom + right + top) and left < right and bottom < top):
        raise BadBox(f"the view {text!r:.80} in the link is not left, bottom, right, top", hint="copy the link again")
    return left, bottom, right, top


def _on_the_globe(extent: tuple[float, float, float, float] | None) -> tuple[Region, tuple[str, ...]]:
    west, south, east, north = extent or (-180, -90, 180, 90)
    if south >= 90 or north <= -90:
        raise BadBox(f"the view in the link, {south:g} to {north:g} north, is off the globe", hint="copy it again")
    notes: tuple[str, ...] = ()
    if west < -180 or east > 180:
        notes = (
            "The view runs over longitude 180, beyond which Worldview shows a neighbouring day; "
            "Curator takes the same day everywhere.",
        )
    if east - west >= 360:
        west, east = -180, 180
    west, east = wrap_longitude(west), wrap_longitude(east)
    return region_of_box(Box(west=west, south=max(south, -90), east=east, north=min(north, 90))), notes


def _around_the_pole(extent: tuple[float, float, float, float] | None, crs: str) -> Region:
    """Cut to where there is imagery: windows on the map are wider than that."""
    world = gibs_grid(crs, "250m").world
    left, bottom, right, top = extent or world
    bounds = max(left, world[0]), max(bottom, world[1]), min(right, world[2]), min(top, world[3])
    if not (bounds[0] < bounds[2] and bounds[1] < bounds[3]):
        raise BadBox("the view in the link lies beyond all polar imagery", hint="move the map and copy it again")
    return region_of_bounds(bounds, crs)
