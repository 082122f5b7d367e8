"""Imagery over HTTP: the catalogue of layers, and what an order would take. Downloads themselves are jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from shapely.geometry import mapping

from earthcurator.gibs.catalogue import Catalogue
from earthcurator.gibs.layers import Layer, Pyramid
from earthcurator.gibs.plan import Plan
from earthcurator.gibs.times import first_and_last, iso, period_name
from earthcurator.grids import Bounds
from earthcurator.imagery import Imagery
from earthcurator.jobs import Download
from earthcurator.orders import Estimate, Order
from earthcurator.project import Project
from earthcurator.regions import transform
from earthcurator.settings import Settings
from earthcurator.web.context import Curator, Here, Viewer
from earthcurator.web.lanes import Lanewise

router = APIRouter(tags=["imagery"])

MOST_OUTLINES = 2000
"""Outlines of chips in an estimate: more than these are a grey area on any map."""
MOST_PERIODS = 100
MERCATOR = "EPSG:3857"
"""Offered for web maps; chips are not cut from it, because it shows nothing as large as it is."""

Crs = Annotated[str, Query(pattern=r"^(EPSG:[0-9]{4,6})?$", description="Only layers offered in this projection.")]
LayerId = Annotated[str, Path(min_length=1, max_length=200, description="The layer's id, as the list shows it.")]


class LayerFacts(BaseModel):
    """A product of imagery, in a line."""

    id: str
    title: str
    subtitle: str = Field(description="Platform and instrument.")
    measurement: str
    period: str = Field(description="How often there is imagery, e.g. `daily`; empty for a layer without times.")
    first: str | None = Field(description="The first day with imagery.")
    last: str | None = Field(description="The last one that the catalogue knows.")
    ongoing: bool | None = Field(description="Whether new imagery still arrives; null when unknown.")
    metres_per_pixel: int
    format: str = Field(description="Media type of its tiles.")
    projections: list[str]
    values: bool = Field(description="Whether its colours stand for numbers or classes.")


class LayerPage(BaseModel):
    """Some layers of the catalogue, the best match first."""

    layers: list[LayerFacts]
    total: int = Field(description="How many match.")
    next: int | None = Field(description="`start` of the next page; null when this is the last.")
    catalogue: str = Field(description="The day on which the catalogue was written.")
    source: str = Field(description="Where it is from.")


class Level(BaseModel):
    """One level of a tile grid."""

    metres_per_pixel: float
    resolution: float = Field(description="In units of the projection a pixel.")
    origin: tuple[float, float] = Field(description="Left and upper edge of the first tile.")
    tile: tuple[int, int] = Field(description="Pixels of a tile, across and down.")
    tiles: tuple[int, int] = Field(description="How many tiles there are, across and down.")


class TileGrid(BaseModel):
    """Where the tiles of a layer lie in one projection."""

    name: str
    world: Bounds = Field(description="West, south, east and north edge in units of the projection.")
    levels: list[Level] = Field(description="From coarse to fine; a level's place in this list is its number.")


class LayerDetails(LayerFacts):
    """All that is known of a layer."""

    grids: dict[str, TileGrid] = Field(description="Projection → tile grid.")
    periods: list[str] = Field(description="When there is imagery, as start/end/step; the latest hundred.")


class Asked(BaseModel):
    """One of the orders that a wish stands for, as it is understood: a link that compares two days has two."""

    layers: list[str]
    crs: str
    zoom: int | None = Field(description="The level of the tile grid; null for a source without one.")
    start: str | None
    end: str | None
    region: dict[str, Any] = Field(description="GeoJSON geometry.")
    estimate: Estimate


class Outlook(BaseModel):
    """What a download takes, all its orders together."""

    chips: int = Field(description="At most; those that are blank or hold too little data are left out.")
    tiles: int
    cached: int = Field(description="Tiles that need not be asked for again.")
    download_bytes: int
    disk_bytes: int
    seconds: float
    notes: list[str] = Field(description="What a person should know before they begin.")
    orders: list[Asked]
    grid: dict[str, Any] = Field(
        description="Outlines of the chips as a GeoJSON feature collection, at most 2,000. A line between two corners "
        "is straight in the projection of the order; longitudes may be beyond 180."
    )
    outlines: int = Field(description="How many there would be.")


@router.get("/layers")
def list_layers(
    project: Here,
    _who: Viewer,
    words: Annotated[str, Query(max_length=200, description="All of these are in a layer's names.")] = "",
    crs: Crs = "",
    period: Annotated[str, Query(max_length=40, description="E.g. daily, 8-day or monthly.")] = "",
    start: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> LayerPage:
    """Search the catalogue of imagery. That of NASA GIBS ships with Curator: nothing is asked of the network."""
    catalogue = _catalogue(project.settings)
    found = catalogue.search(words.split(), projection=crs or None, period=period or None)
    page = found[start : start + limit]
    end = start + len(page)
    return LayerPage(
        layers=[LayerFacts(**_facts(layer)) for layer in page],
        total=len(found),
        next=end if page and end < len(found) else None,
        catalogue=catalogue.written.isoformat(),
        source=catalogue.source,
    )


@router.get("/layers/{layer}")
def show_layer(project: Here, _who: Viewer, layer: LayerId) -> LayerDetails:
    """One layer: when there is imagery, and on which tile grids."""
    found = _catalogue(project.settings).get(layer)
    return LayerDetails(
        **_facts(found),
        grids={crs: _grid(pyramid) for crs, pyramid in found.pyramids.items()},
        periods=[str(period) for period in found.periods[-MOST_PERIODS:]],
    )


@router.post("/imagery/estimate")
async def estimate_download(project: Here, _who: Curator, lanes: Lanewise, asked: Download) -> Outlook:
    """What a download would take, and the grid its chips lie on. The fields are those of a job `download`."""
    return await lanes.search.run(lambda: _outlook(project, asked))


def _outlook(project: Project, asked: Download) -> Outlook:
    with Imagery(settings=project.settings) as imagery:
        wanted = [imagery.available(order) for order in asked.orders()] if not asked.layers else asked.orders()
        found = [(order, imagery.estimate(order), imagery.plan(order)) for order in wanted]
    estimates = [estimate for _, estimate, _ in found]
    plans = [plan for _, _, plan in found if plan is not None]
    return Outlook(
        **{name: sum(getattr(each, name) for each in estimates) for name in _SUMS},
        notes=list(dict.fromkeys(note for order, each, _ in found for note in (*order.notes, *each.notes))),
        orders=[_asked(*each) for each in found],
        grid={"type": "FeatureCollection", "features": [feature for plan in plans for feature in _outlines(plan)]},
        outlines=sum(len(plan.windows) for plan in plans),
    )


_SUMS = ("chips", "tiles", "cached", "download_bytes", "disk_bytes", "seconds")


def _asked(order: Order, estimate: Estimate, plan: Plan | None) -> Asked:
    return Asked(
        layers=list(order.layers),
        crs=order.crs,
        zoom=None if plan is None else plan.zoom,
        start=iso(order.start) if order.start else None,
        end=iso(order.end) if order.end else None,
        region=mapping(order.region.geometry),
        estimate=estimate,
    )


def _outlines(plan: Plan) -> Iterator[dict[str, Any]]:
    """Corners of the first chips, in degrees."""
    bounds = np.array([plan.grid.bounds_of_window(window) for window in plan.windows[:MOST_OUTLINES]])
    corners = bounds[:, [[0, 3], [0, 1], [2, 1], [2, 3], [0, 3]]]  # counter-clockwise from the upper left one
    if not plan.grid.in_degrees:
        corners = transform(corners.reshape(-1, 2), plan.grid.crs, "EPSG:4326").reshape(corners.shape)
    for number, ring in enumerate(corners.round(6).tolist()):
        shape = {"type": "Polygon", "coordinates": [ring]}
        yield {"type": "Feature", "id": number, "properties": {}, "geometry": shape}


@lru_cache(maxsize=2)
def _catalogue(settings: Settings) -> Catalogue:
    """Read once a server: a refreshed one counts from its next start."""
    with Imagery(settings=settings) as imagery:
        return imagery.catalogue


def _facts(layer: Layer) -> Mapping[str, Any]:
    span = first_and_last(layer.periods)
    grids = [pyramid.grid for crs, pyramid in layer.pyramids.items() if crs != MERCATOR]
    return {
        "id": layer.id,
        "title": layer.title,
        "subtitle": layer.subtitle,
        "measurement": layer.measurement,
        "period": period_name(layer.periods) or "",
        "first": f"{span[0]:%Y-%m-%d}" if span else None,
        "last": f"{span[1]:%Y-%m-%d}" if span else None,
        "ongoing": layer.ongoing,
        "metres_per_pixel": round(min((grid.metres_per_pixel(len(grid.matrices) - 1) for grid in grids), default=0)),
        "format": layer.format,
        "projections": [crs for crs in layer.pyramids if crs != MERCATOR],
        "values": bool(layer.colormap),
    }


def _grid(pyramid: Pyramid) -> TileGrid:
    grid = pyramid.grid
    levels = [
        Level(
            metres_per_pixel=grid.metres_per_pixel(zoom),
            resolution=matrix.resolution,
            origin=(matrix.left, matrix.top),
            tile=(matrix.tile_width, matrix.tile_height),
            tiles=(matrix.columns, matrix.rows),
        )
        for zoom, matrix in enumerate(grid.matrices)
    ]
    return TileGrid(name=grid.identifier, world=grid.world, levels=levels)
