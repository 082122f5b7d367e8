"""Searching from NASA Worldview: what a link shows, and pictures of a part of it as examples."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from earthcurator.models import Box, Person
from earthcurator.project import Project
from earthcurator.project.worldview import Picture, Reading, Wish, read_link, take_picture
from earthcurator.web.chips import check_folders
from earthcurator.web.context import Here, Viewer
from earthcurator.web.lanes import Lanewise
from earthcurator.web.search import (
    MOST_EXAMPLES,
    Asked,
    Example,
    Found,
    PictureExample,
    SearchQuery,
    Strict,
    run_search,
)

router = APIRouter(tags=["worldview"])

Edges = tuple[float, float, float, float]


class LinkAsked(Strict):
    """A link to NASA Worldview."""

    permalink: str = Field(
        min_length=1,
        max_length=20_000,
        examples=["https://worldview.earthdata.nasa.gov/?v=-125,37,-120,41&l=Terra&t=2020-08-16"],
    )


class CaptureAsked(LinkAsked):
    """A part of what a link shows."""

    rectangle: Edges | None = Field(
        default=None,
        description="Left, bottom, right, top in units of the link's projection; by default the footprint of a chip in "
        "the middle of the view. Longitudes beyond 180 are those of the neighbouring day, as Worldview has it.",
    )
    layer: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="By default the topmost visible one that the project has chips of."
    )
    side: Literal["a", "b"] | None = Field(
        default=None, description="Of a comparison; by default the one that is active."
    )


class WorldviewQuery(CaptureAsked, Asked):
    """A search by a part of what a link shows, and by further examples."""

    positives: list[Example] = Field(default=[], max_length=MOST_EXAMPLES - 1)
    negatives: list[Example] = Field(default=[], max_length=MOST_EXAMPLES)


class Capture(BaseModel):
    """A part of what a link showed, kept as an example."""

    id: str = Field(description="Of the example: GET /api/v1/examples/{id} is the picture.")
    layer: str
    time: datetime = Field(description="Of the imagery.")
    crs: str
    rectangle: Edges = Field(description="What the picture covers, in units of crs; the right edge may pass 180.")
    box: Edges = Field(description="West, south, east, north in degrees.")
    width: int
    height: int
    source: Literal["source"] = Field(default="source", alias="from", description="Where the pixels are from.")
    notes: list[str]


@dataclass(frozen=True, slots=True)
class FoundFromWorldview(Found):
    """The ranked answer, and what it is by."""

    capture: Capture


@router.post("/worldview/read")
async def read_worldview_link(project: Here, _who: Viewer, lanes: Lanewise, asked: LinkAsked) -> Reading:
    """What a link shows, and what of it this project can search by."""
    return await lanes.captures.run(lambda: read_link(project, asked.permalink))


@router.post("/examples/worldview", status_code=201)
async def take_example(project: Here, _who: Viewer, lanes: Lanewise, asked: CaptureAsked) -> Capture:
    """Keep a picture of a part of what a link shows. It comes from the project's source, cut as its chips are."""
    return await lanes.captures.run(lambda: _capture(project, asked))


@router.post("/search/worldview")
async def search_from_worldview(
    project: Here, who: Viewer, lanes: Lanewise, query: WorldviewQuery
) -> FoundFromWorldview:
    """Rank the chips by likeness to a part of what a link shows."""
    check_folders(who, query.filter.folders)
    capture = await lanes.captures.run(lambda: _capture(project, query))
    return await lanes.search.run(lambda: _search(project, query, who, capture))


def _capture(project: Project, asked: CaptureAsked) -> Capture:
    wish = Wish(permalink=asked.permalink, rectangle=asked.rectangle, layer=asked.layer, side=asked.side)
    return _shown(take_picture(project, wish))


def _shown(made: Picture) -> Capture:
    return Capture(
        id=made.id,
        layer=made.layer,
        time=made.time,
        crs=made.crs,
        rectangle=made.rectangle,
        box=_edges(made.box),
        width=made.width,
        height=made.height,
        notes=made.notes,
    )


def _search(project: Project, query: WorldviewQuery, who: Person, capture: Capture) -> FoundFromWorldview:
    common = {name: getattr(query, name) for name in Asked.model_fields}
    examples = [PictureExample(example=capture.id), *query.positives]
    found = run_search(project, SearchQuery(**common, positives=examples, negatives=query.negatives), who)
    return FoundFromWorldview(**{field.name: getattr(found, field.name) for field in fields(found)}, capture=capture)


def _edges(box: Box) -> Edges:
    return box.west, box.south, box.east, box.north
