"""What a link to NASA Worldview means for a project: which of its layers is shown, and a picture of a part of it.

The picture comes from the project's source, cut as its chips are, so that searching by it compares like with like.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from earthcurator.errors import BadBox, BadInput, Conflict, CuratorError, SourceUnreachable
from earthcurator.gibs.layers import Layer
from earthcurator.gibs.permalinks import (
    FURTHEST,
    Link,
    Scene,
    Side,
    across_dateline,
    is_drawn,
    read_permalink,
    today_at,
)
from earthcurator.gibs.plan import pyramid_of
from earthcurator.gibs.politeness import Policy
from earthcurator.grids import METRES_PER_DEGREE, Bounds, Grid, gibs_grid
from earthcurator.imagery import Imagery
from earthcurator.models import Arrival, Box, Chip, Filter
from earthcurator.project.project import Project
from earthcurator.settings import Settings

USUAL_PIXELS = 256
USUAL_METRES = 250.0
"""Of a chip and its pixels, where the project's chips do not tell."""
_LOOKED_AT = 100  # chips of a layer, to see what is usual
_PATIENCE = {"tries": 3, "total_timeout_seconds": 30.0, "retry_after_cap_seconds": 10.0}  # somebody waits


@dataclass(frozen=True, slots=True)
class SeenLayer:
    """A layer of a link, and what this project can do with it."""

    id: str
    title: str
    visible: bool
    known: bool
    """Whether the project has chips of it."""
    available: bool
    """Whether the source has it in the link's projection."""


@dataclass(frozen=True, slots=True)
class Size:
    """In units of a projection."""

    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a link shows."""

    layers: list[SeenLayer]
    """Topmost first."""
    layer: str | None
    """The one that a picture is taken of unless another is named."""
    time: datetime
    crs: str
    view: Bounds
    """Left, bottom, right, top in units of `crs`."""
    footprint: Size
    """Of the project's usual chip of that layer; without one, of the topmost visible layer that it has chips of."""
    notes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A part of what a link shows."""

    permalink: str
    rectangle: Bounds | None = None
    """Left, bottom, right, top in units of the link's projection; None for the usual chip in the middle."""
    layer: str | None = None
    side: Side | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A part of what a link showed, as an example of this project."""

    id: str
    """Of the example."""
    layer: str
    time: datetime
    """What the source showed; what was asked for, of a layer without times."""
    crs: str
    rectangle: Bounds
    """What the picture covers: the pixels next to what was asked for. The right edge may lie beyond 180 degrees."""
    box: Box
    width: int
    height: int
    notes: list[str]


@dataclass(frozen=True, slots=True)
class _Usual:
    """A chip as most are."""

    width: int
    height: int
    metres: float
    """A pixel."""

    def footprint(self, crs: str) -> Size:
        unit = self.metres / (METRES_PER_DEGREE if crs == "EPSG:4326" else 1)
        return Size(self.width * unit, self.height * unit)


def read_link(project: Project, permalink: str, *, today: date | None = None) -> Reading:
    """What a link shows, and what of it this project can search by."""
    link = read_permalink(permalink, today=today or today_at(datetime.now(UTC)))
    scene, notes = link.active, _notes_of(link)
    with _imagery(project.settings) as imagery:
        found, unreachable = _layers_of(imagery, scene)
        seen = _seen(project, scene, link.crs, found)
        layer = next((each.id for each in seen if each.visible and each.known and each.available), None)
        measured = layer or next((each.id for each in seen if each.visible and each.known), None)
        footprint = _usual(project, measured, found).footprint(link.crs)
    if layer is None and not unreachable:
        notes.append(str(_no_layer(project, seen, link.crs)))
    return Reading(
        layers=seen,
        layer=layer,
        time=scene.time,
        crs=link.crs,
        view=link.view,
        footprint=footprint,
        notes=notes + unreachable,
    )


def take_picture(project: Project, wish: Wish, *, today: date | None = None) -> Picture:
    """Keep a picture of a part of what a link shows, as an example."""
    link = read_permalink(wish.permalink, today=today or today_at(datetime.now(UTC)))
    scene = link.scene(wish.side or link.side)
    with _imagery(project.settings) as imagery:
        found, unreachable = _layers_of(imagery, scene)
        if unreachable:
            raise SourceUnreachable(unreachable[0], hint="try again in a moment")
        layer = _wanted(project, wish.layer, _seen(project, scene, link.crs, found), link.crs)
        usual = _usual(project, layer, found)
        asked = _checked(wish.rectangle) or _in_the_middle(link.view, usual.footprint(link.crs))
        rectangle, time = across_dateline(asked, scene.time) if link.crs == "EPSG:4326" else (asked, scene.time)
        made, covered = imagery.capture(layer, rectangle, crs=link.crs, resolution=usual.metres, time=time)
    chip = made.chip
    assert chip.box is not None  # a window of a grid has one
    return Picture(
        id=project.examples.add(made.picture),
        layer=layer,
        time=chip.time or time,
        crs=link.crs,
        rectangle=covered,
        box=chip.box,
        width=chip.width,
        height=chip.height,
        notes=_notes_on(made, scene, time),
    )


# -- the link --------------------------------------------------------------------------------------------------------


def _notes_of(link: Link) -> list[str]:
    notes = []
    if not link.active.layers:
        notes.append("the link names no layers: Worldview writes them once something is changed there")
    if len(link.scenes) == 2:
        notes.append(f"the link compares two sides: this is side {link.side.upper()}")
    return notes


def _checked(rectangle: Bounds | None) -> Bounds | None:
    if rectangle is None:
        return None
    left, bottom, right, top = rectangle
    if not (all(abs(edge) <= FURTHEST for edge in rectangle) and left < right and bottom < top):
        raise BadBox(f"{rectangle} is not left, bottom, right, top", hint="draw the rectangle again")
    return rectangle


def _in_the_middle(view: Bounds, size: Size) -> Bounds:
    x, y = (view[0] + view[2]) / 2, (view[1] + view[3]) / 2
    return x - size.width / 2, y - size.height / 2, x + size.width / 2, y + size.height / 2


# -- layers ----------------------------------------------------------------------------------------------------------


def _imagery(settings: Settings) -> Imagery:
    manners = {"connections": settings.connections, "megabits_per_second": settings.megabits_per_second}
    return Imagery(settings=settings, policy=Policy(**manners, **_PATIENCE))  # type: ignore[arg-type]  # of several types


def _layers_of(imagery: Imagery, scene: Scene) -> tuple[dict[str, Layer], list[str]]:
    """Those layers that the source has, and why nothing is known of it."""
    found: dict[str, Layer] = {}
    for seen in scene.layers:
        try:
            found[seen.id] = imagery.layer(seen.id)
        except SourceUnreachable as error:
            return found, [str(error)]
        except CuratorError:
            continue  # it has none of this name
    return found, []


def _seen(project: Project, scene: Scene, crs: str, found: Mapping[str, Layer]) -> list[SeenLayer]:
    known = project.chips.survey().layers
    return [
        SeenLayer(
            layer.id,
            found[layer.id].title if layer.id in found else layer.id,
            layer.visible,
            layer.id in known,
            layer.id in found and _is_offered(found[layer.id], crs),
        )
        for layer in scene.layers
    ]


def _is_offered(layer: Layer, crs: str) -> bool:
    try:
        pyramid_of(layer, crs)
    except BadInput:
        return False
    return True


def _wanted(project: Project, name: str | None, seen: Sequence[SeenLayer], crs: str) -> str:
    """The layer that is named, else the topmost that can be had. Raises what stands in the way.

    One that the map shows may be named though the project has no chips of it: who asks for it means it.
    """
    if name is not None:
        on_the_map = any(layer.id == name and layer.available for layer in seen)
        if not (on_the_map or name in project.chips.survey().layers):
            raise Conflict(f"this project has no chips of {name:.100}", hint=_has(project))
        return name
    for layer in seen:
        if layer.visible and layer.known and layer.available:
            return layer.id
    raise _no_layer(project, seen, crs)


def _no_layer(project: Project, seen: Sequence[SeenLayer], crs: str) -> CuratorError:
    visible = [layer for layer in seen if layer.visible and not is_drawn(layer.id)]
    if not visible:
        return BadInput("the link shows no imagery", hint="switch a layer on in Worldview, and take the link again")
    names = ", ".join(layer.id for layer in visible[:5])
    known = [layer.id for layer in visible if layer.known]
    if known:
        return Conflict(f"the source has no pictures of {known[0]} in {crs}", hint="choose another map or layer")
    return Conflict(f"this project has no chips of what the link shows: {names}", hint=_has(project))


def _has(project: Project) -> str:
    names = sorted(project.chips.survey().layers, key=lambda name: -project.chips.survey().layers[name])
    if not names:
        return "it has none with a layer at all: search by a picture, or download imagery first"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"it has {', '.join(names[:5])}{more}: switch one of them on in Worldview"


# -- the usual chip --------------------------------------------------------------------------------------------------


def _usual(project: Project, name: str | None, found: Mapping[str, Layer]) -> _Usual:
    """What most chips of a layer are like; by default 256 pixels a side on its finest level."""
    chips = project.chips.page(0, _LOOKED_AT, Filter(layers=(name,))).chips if name else []
    layer = found.get(name) if name else None
    sizes = Counter((chip.width, chip.height, metres) for chip in chips if (metres := _metres(chip, layer)) is not None)
    if sizes:
        [(usual, _)] = sizes.most_common(1)
        return _Usual(*usual)
    grids = [pyramid.grid for crs, pyramid in layer.pyramids.items() if crs != "EPSG:3857"] if layer else []
    finest = min((grid.metres_per_pixel(len(grid.matrices) - 1) for grid in grids), default=USUAL_METRES)
    return _Usual(USUAL_PIXELS, USUAL_PIXELS, finest)


def _metres(chip: Chip, layer: Layer | None) -> float | None:
    """What a pixel of a chip measures: by its place in the tile grid, else by its box."""
    crs, _, place = (chip.tile or "").partition("/")
    grid = _grid(crs, layer)
    if grid is not None and place:
        zoom, finest = int(place.partition("/")[0]), len(grid.matrices) - 1
        # Beyond the finest, chips are of a finer layer's grid.
        return grid.metres_per_pixel(min(zoom, finest)) / float(2 ** max(0, zoom - finest))
    if chip.crs == "EPSG:4326" and chip.box is not None:
        return (chip.box.north - chip.box.south) / chip.height * METRES_PER_DEGREE
    return None


def _grid(crs: str, layer: Layer | None) -> Grid | None:
    """That of a layer; where the source does not say it, of GIBS for the polar maps, where no box tells the size."""
    if layer is not None and crs in layer.pyramids:
        return layer.pyramids[crs].grid
    return gibs_grid(crs, "1km") if crs in ("EPSG:3413", "EPSG:3031") else None


# -- the picture -----------------------------------------------------------------------------------------------------


def _notes_on(made: Arrival, scene: Scene, asked: datetime) -> list[str]:
    chip, notes = made.chip, []
    if asked != scene.time:
        notes.append(f"beyond longitude 180 Worldview shows a neighbouring day: this is of {asked:%Y-%m-%d}")
    if chip.box is not None and chip.box.crosses_antimeridian:
        notes.append(f"it crosses longitude 180, where Worldview changes the day: all of it is of {asked:%Y-%m-%d}")
    if chip.time is not None and chip.requested is not None and chip.time != chip.requested:
        notes.append(f"the source shows {chip.time:%Y-%m-%d %H:%M} instead of {chip.requested:%Y-%m-%d %H:%M}")
    others = [each.id for each in scene.layers if each.visible and each.id != chip.layer and not is_drawn(each.id)]
    if others:
        notes.append(f"only {chip.layer} is in the picture, not {', '.join(others[:5])}")
    if chip.valid < 0.5:
        notes.append(f"only {chip.valid:.0%} of it has imagery")
    return notes
