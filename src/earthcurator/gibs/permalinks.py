"""What a link to NASA Worldview shows: layers, place, time, the other side of a comparison, an animation.

Worldview writes its whole state into the address (`doc/url_parameters.md` in nasa-gibs/worldview). What only decorates
the page, such as opacity or palettes, is read over. `read_permalink` tells what the address says, as the browser
extension's `extension/src/permalink.ts` does, and `tests/permalinks.json` keeps the two in agreement;
`parse_permalink` makes of it what can be ordered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from earthcurator.errors import BadBox, BadDates, BadInput
from earthcurator.geo import wrap_longitude
from earthcurator.grids import Bounds, gibs_grid
from earthcurator.models import Box
from earthcurator.regions import Region, region_of_bounds, region_of_box

_PROJECTIONS = {"geographic": "EPSG:4326", "arctic": "EPSG:3413", "antarctic": "EPSG:3031"}
_DRAWN = ("Reference_", "Coastlines")  # labels and lines over the imagery
_STEPS = {"1": "P{}Y", "2": "P{}M", "3": "P{}D", "4": "PT{}H", "5": "PT{}M"}
_LAYER = re.compile(r"!?[A-Za-z0-9_.-]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:-?[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?Z?)?", re.ASCII)
_OLD_NAMES = {"products": "l", "time": "t", "map": "v", "switch": "p"}  # of Worldview's first years
_WORLDS: Mapping[str, Bounds] = {crs: gibs_grid(crs, "1km").world for crs in _PROJECTIONS.values()}
_LONGEST = 20_000  # letters; browsers and servers stop at fewer
_WAITS = timedelta(hours=3)

FURTHEST = 1e9
"""No edge of a rectangle is further from the middle of the map, in degrees or metres."""


Side = Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class LinkedLayer:
    """A layer that a link names."""

    id: str
    visible: bool
    """False when it is switched off."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What one side of a comparison, or the whole map, shows."""

    layers: tuple[LinkedLayer, ...]
    """Topmost first. Empty when the link names none: Worldview shows its own choice then."""
    time: datetime
    """UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link says."""

    scenes: tuple[Scene, ...]
    """One, or sides A and B of a comparison."""
    side: Side
    """The one that is active; `a` without a comparison."""
    crs: str
    """`EPSG:4326`, or `EPSG:3413` and `EPSG:3031` for the arctic and antarctic views."""
    view: Bounds
    """The part of the map that is on the screen, in units of `crs`. Longitudes may lie beyond 180."""
    rotation: float
    """Of the map, in degrees."""
    animation: tuple[datetime, datetime, str] | None
    """First and last moment and the step between pictures, an ISO 8601 duration; None when no animation is open."""

    @property
    def active(self) -> Scene:
        """The side that is active."""
        return self.scene(self.side)

    def scene(self, side: Side) -> Scene:
        """One side. Raises BadInput for side B of a link that compares nothing."""
        if side == "b" and len(self.scenes) == 1:
            raise BadInput("the link compares nothing, so it has no side b", hint="leave the side out")
        return self.scenes["ab".index(side)]


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


def today_at(now: datetime) -> date:
    """The day that Worldview shows at a moment, UTC, without being told one: until 03:00 yesterday, as imagery is late.

    >>> today_at(datetime(2024, 5, 17, 2, 59))
    datetime.date(2024, 5, 16)
    """
    return (now - _WAITS).date()


def parse_permalink(url: str, *, today: date) -> Permalink:
    """What a link to Worldview, of any of its hosts, asks for. `today` is what a link without a time shows.

    >>> link = parse_permalink("https://worldview.earthdata.nasa.gov/?v=-125,37,-120,41&l=A,B(hidden)", today=date.max)
    >>> link.views[0].layers, link.region.box.west
    (('A',), -125.0)
    """
    link = read_permalink(url, today=today)
    if not link.scenes[0].layers:
        raise BadInput(
            f"the link {url!r:.100} names no layers",
            hint="change something in Worldview, so that it writes its layers into the address, and copy that again",
        )
    geographic = link.crs == "EPSG:4326"
    region, notes = _on_the_globe(link.view) if geographic else (_around_the_pole(link.view, link.crs), ())
    views = tuple(map(_view, link.scenes))
    return Permalink(views=views, region=region, crs=link.crs, animation=link.animation, notes=notes)


def read_permalink(url: str, *, today: date) -> Link:
    """What a link to Worldview says, word for word; `today` is what it shows without a time.

    >>> link = read_permalink("https://worldview.earthdata.nasa.gov/?l=A,B(hidden)&ca=false&t1=2020-08-16&r=30", today=date.max)
    >>> link.side, link.active.time.year, link.rotation
    ('b', 2020, 30.0)
    """  # noqa: E501 - an address
    asked = _parameters(url)
    crs = _PROJECTIONS.get(asked.get("p") or "geographic")
    if crs is None:
        raise BadInput(f"Worldview has no projection {asked['p']!r:.40}", hint=f"p is one of {', '.join(_PROJECTIONS)}")
    return Link(
        scenes=_scenes(asked, today),
        side="b" if asked.get("ca") == "false" else "a",
        crs=crs,
        view=_extent(asked["v"]) if asked.get("v") else _WORLDS[crs],
        rotation=_number(asked.get("r", "")) or 0.0,
        animation=_animation(asked),
    )


def across_dateline(rectangle: Bounds, time: datetime) -> tuple[Bounds, datetime]:
    """A rectangle in degrees whose middle may lie beyond 180, as it is on the globe; and the day that is shown there.

    Worldview goes on with the next day to the left of -180, and with the day before to the right of 180.

    >>> across_dateline((181, -5, 185, 5), datetime(2020, 8, 16))
    ((-179, -5, -175, 5), datetime.datetime(2020, 8, 15, 0, 0))
    """
    left, bottom, right, top = rectangle
    middle = (left + right) / 2
    turns = 0 if -180 <= middle <= 180 else math.floor((middle + 180) / 360)
    try:
        return (left - 360 * turns, bottom, right - 360 * turns, top), time - timedelta(days=turns)
    except OverflowError as exc:
        raise BadDates(
            f"at longitude {middle:g} Worldview shows a day {abs(turns):,} from {time.date()}, which no calendar has",
            hint="choose another date, or a place between longitudes -180 and 180",
        ) from exc


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
    return _renewed(asked) if "products" in asked and not asked.get("l") else asked


def _renewed(asked: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a link of Worldview's first years under their present names.

    There `products=baselayers,A,!B~overlays,C` (or with full stops) are layers A, B, switched off, and C.
    """
    layers = [name for name in re.split("[~,.]", asked["products"]) if name not in ("", "baselayers", "overlays")]
    renamed = {_OLD_NAMES[name]: asked[name] for name in _OLD_NAMES if name in asked}
    return {**renamed, **asked, "l": ",".join(layers)}


def _scenes(asked: Mapping[str, str], today: date) -> tuple[Scene, ...]:
    """Side A, and side B when a comparison is on. Worldview's B is a week ago unless it says otherwise."""
    midnight = datetime.combine(today, time(), UTC)
    layers = _layers(asked.get("l", ""))
    first = Scene(layers, _moment(asked["t"]) if asked.get("t") else midnight)
    if "ca" not in asked:  # Worldview, too, goes by this alone
        return (first,)
    moment = _moment(asked["t1"]) if asked.get("t1") else midnight - timedelta(days=7)
    return first, Scene(_layers(asked["l1"]) if asked.get("l1") else layers, moment)


def _layers(text: str) -> tuple[LinkedLayer, ...]:
    found: dict[str, LinkedLayer] = {}
    for entry in _split(text):
        name, _, options = entry.partition("(")
        name = name.strip()
        if not name:
            continue
        if not _LAYER.fullmatch(name):
            raise BadInput(f"{name!r:.60} in the link is not the name of a layer", hint="copy the link again")
        hidden = name.startswith("!") or "hidden" in _split(options.rstrip(") "))
        name = name.removeprefix("!")
        found.setdefault(name, LinkedLayer(name, not hidden))
    return tuple(found.values())


def is_drawn(layer: str) -> bool:
    """Whether a layer is only labels and lines over the imagery."""
    return layer.startswith(_DRAWN)


def _view(scene: Scene) -> View:
    """What can be seen of a scene. Raises BadInput when nothing can."""
    shown = tuple(layer.id for layer in scene.layers if layer.visible and not is_drawn(layer.id))
    left_out = tuple(layer.id for layer in scene.layers if layer.id not in shown)
    if not shown:
        raise BadInput(
            f"the link shows no imagery: {', '.join(left_out)} is hidden or only labels",
            hint="switch a layer on in Worldview and copy the link again",
        )
    return View(shown, left_out, scene.time)


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


def _number(text: str) -> float | None:
    """A finite number, or None: `float` also reads `1_0`, `nan` and digits that no browser writes."""
    number = float(text) if _NUMBER.fullmatch(text.strip()) else math.inf
    return number if math.isfinite(number) else None


def _extent(text: str) -> Bounds:
    numbers = [number for part in text.split(",") if (number := _number(part)) is not None]
    if len(numbers) != 4 or text.count(",") != 3:
        raise BadBox(f"the view {text!r:.80} in the link is not four numbers", hint="copy the link again")
    left, bottom, right, top = numbers
    if max(map(abs, numbers)) > FURTHEST:
        raise BadBox(f"the view {text!r:.80} in the link is far off the map", hint="copy the link again")
    if not (left < right and bottom < top):
        raise BadBox(f"the view {text!r:.80} in the link is not left, bottom, right, top", hint="copy the link again")
    return left, bottom, right, top


def _on_the_globe(extent: Bounds) -> tuple[Region, tuple[str, ...]]:
    west, south, east, north = extent
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


def _around_the_pole(extent: Bounds, crs: str) -> Region:
    """Cut to where there is imagery: windows on the map are wider than that."""
    world = _WORLDS[crs]
    left, bottom, right, top = extent
    bounds = max(left, world[0]), max(bottom, world[1]), min(right, world[2]), min(top, world[3])
    if not (bounds[0] < bounds[2] and bounds[1] < bounds[3]):
        raise BadBox("the view in the link lies beyond all polar imagery", hint="move the map and copy it again")
    return region_of_bounds(bounds, crs)
