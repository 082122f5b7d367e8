"""Jobs that bring chips in: a download, an import of what was uploaded, and the demo. Each goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from earthcurator.demo import cut_globe, data_folder
from earthcurator.errors import BadInput, Conflict
from earthcurator.imagery import Progress, Where, orders
from earthcurator.ingest import SceneOptions
from earthcurator.jobs.kinds.work import Work
from earthcurator.jobs.uploads import find_upload, remove_upload
from earthcurator.models import Box
from earthcurator.orders import Inside, Order
from earthcurator.project import Project
from earthcurator.regions import parse_region

MOST_REGION_BYTES = 100_000
"""A region is kept with its job, and goes over the network whenever somebody looks at it."""

Degrees = tuple[float, float, float, float]
"""West, south, east, north."""


class Download(Work):
    """Bring imagery in as chips, from the server's imagery source: some layers, a place and dates.

    Another source cannot be named: the server would open addresses for strangers.
    """

    kind = "download"
    long = True

    layers: tuple[str, ...] = Field(default=(), max_length=100)
    bbox: Degrees | None = Field(
        default=None, description="West, south, east, north; west > east crosses the antimeridian."
    )
    region: dict[str, Any] | None = Field(default=None, description="Polygons as a GeoJSON object.")
    worldview: str | None = Field(default=None, max_length=8000, description="A link to NASA Worldview.")
    dates: str | None = Field(
        default=None, max_length=100, description="A, A/B or A/B/STEP, e.g. 2020-08-16/2020-08-22"
    )
    crs: str | None = Field(default=None, pattern=r"^EPSG:[0-9]{4,6}$")
    zoom: int | None = Field(default=None, ge=0, le=30)
    resolution: float | None = None
    chip_size: int | None = None
    stride: int | None = None
    edge: Inside = "touch"
    min_valid: float = 0.5
    mask: str = ""
    clouds: str = ""
    max_clouds: float = 1.0
    bands: tuple[str, ...] = Field(default=(), max_length=3)
    limit: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="At most so many chips, spread over times and places: to try first. "
        "The same without it gets the rest.",
    )

    def check(self, project: Project) -> None:
        """Whether it makes sense; asks no server."""
        del project
        self.orders()

    def orders(self) -> list[Order]:
        """What is asked for, in typed values. Raises BadInput when it makes no sense."""
        return orders(self.layers, self._where(), self.dates, **self._options())

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """What was downloaded before is not asked for again."""
        del folder
        done = project.download(self.layers, self._where(), self.dates, progress=report, **self._options())
        return {**asdict(done), "report": _within(project, done.report)}

    def _where(self) -> Where:
        given = [place for place in (self.bbox, self.region, self.worldview) if place is not None]
        if len(given) != 1:
            raise BadInput(
                "say where, once" if not given else "there are several places",
                hint="give one of bbox, region and worldview",
            )
        if self.region is not None:
            return parse_region(_json(self.region))
        if self.bbox is not None:
            return _box(self.bbox)
        link = str(self.worldview)
        if "://" not in link:  # it would be the path of a file
            raise BadInput(f"{link!r:.200} is not a link", hint="copy the address from the browser, with https://")
        return link

    def _options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"layers", "bbox", "region", "worldview", "dates"}, exclude_none=True)


class Import(Work):
    """Bring in one file that was uploaded: a picture, a zip or tar archive, or a GeoTIFF scene."""

    kind = "import"

    upload: str = Field(pattern=r"^[0-9a-f]{32}$", description="Id of the upload.")
    chip_size: int = 256
    stride: int | None = None
    edge: Literal["shift", "pad", "drop"] = "shift"
    bands: tuple[int, ...] | None = Field(default=None, max_length=3, min_length=1)
    min_valid: float = 0.0
    bbox: Degrees | None = Field(default=None, description="What the picture covers; it is cut like a GeoTIFF.")
    layer: str | None = Field(default=None, max_length=200)
    time: AwareDatetime | None = Field(default=None, description="When it was taken.")

    def check(self, project: Project) -> None:
        """Whether the upload is there."""
        self._scenes()
        find_upload(project, self.upload)

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """Chips that were committed before are left alone."""
        del folder
        done = project.import_pictures([find_upload(project, self.upload)], scenes=self._scenes(), progress=report)
        left_out = sum(done.quarantined.values())
        if left_out > done.quarantined.get("duplicate", 0) and not (done.added or done.present or done.skipped):
            files = "the file was" if left_out == 1 else f"all {left_out:,} files were"
            raise BadInput(f"nothing came in: {files} left out, {done.reason}", hint="send pictures that can be read")
        return {**asdict(done), "report": _within(project, done.report)}

    def clean_up(self, project: Project) -> None:
        """The chips are in the project."""
        remove_upload(project, self.upload)

    def _scenes(self) -> SceneOptions:
        options = self.model_dump(exclude={"upload", "bbox"})
        return SceneOptions(**options, box=None if self.bbox is None else _box(self.bbox))


class Demo(Work):
    """Fill an empty project with NASA's Blue Marble, cut into chips and embedded."""

    kind = "demo"

    def check(self, project: Project) -> None:
        """Whether the picture is installed, and the project empty."""
        data_folder()
        if project.chips.version() and len(project.chips):
            raise Conflict(
                f"this project has {len(project.chips):,} chips, and the demo is for an empty one",
                hint="make a new project for it: curator init DIR",
            )

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """What was cut or embedded before is left alone."""
        del folder
        cut_globe(project, progress=report)
        done = project.embed(progress=report)
        return {"chips": len(project.chips), "vectors": done.total, "encoder": done.encoder}


def _box(degrees: Degrees) -> Box:
    west, south, east, north = degrees
    return Box(west=west, south=south, east=east, north=north)


def _json(region: Mapping[str, Any]) -> str:
    hint = "give polygons as RFC 7946 has them"
    try:
        text = json.dumps(region, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (ValueError, RecursionError) as error:  # not finite, a lone surrogate, a thousand brackets
        raise BadInput(f"the region is no GeoJSON: {error}", hint=hint) from error
    if size > MOST_REGION_BYTES:
        raise BadInput(
            f"the region has {size:,} bytes, and {MOST_REGION_BYTES:,} are the most", hint="simplify its outline"
        )
    return text


def _within(project: Project, path: str | None) -> str | None:
    """A path in the project without where that is."""
    return None if path is None else path.removeprefix(f"{project.location}/")
