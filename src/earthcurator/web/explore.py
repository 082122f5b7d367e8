"""All chips at once: the map that views of everything are drawn from, and where the finds of a task lie.

The map is one binary answer, a few dozen bytes a chip before compression, that a browser reads without parsing. What
was said in a task comes in the same form.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Annotated, Any, Generic, TypeVar
from zlib import crc32

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from earthcurator.jobs import Demo, request
from earthcurator.models import Job, Person
from earthcurator.project import Project
from earthcurator.project.maps import ChipMap, Method, chip_map, label_map
from earthcurator.web.asked import ClassName, TaskId
from earthcurator.web.chips import unchanged
from earthcurator.web.context import Here, Owner, Viewer, is_blind
from earthcurator.web.finds import finds
from earthcurator.web.lanes import Lanewise

router = APIRouter(tags=["explore"])

FORMAT = """All chips of the project as arrays, for views of everything at once.

The answer is little-endian: four bytes with the length of what follows as JSON (`MapFacts` and `columns`), that JSON,
and the arrays. `columns` says of each its `name`, its `type` (`float64`, `float32`, `uint16` or `uint8`) and the
`offset` of its first byte from the beginning of the answer, a multiple of 8. Entry number n of every array is chip
number n of `GET /api/v1/chips`. `time` is in seconds since 1970 (UTC), `lon` and `lat` in degrees, `x` and `y` within
-1..1; NaN is unknown. `layer` and `folder` are positions in `layers` and `folders`, 65535 is none.
"""
LABELS = """What was said in a task of every chip of the project, as arrays in the form of `GET /api/v1/map`.

`said` (`uint16`) is a position in `answers`, or 65535: nothing was said; 65534: nobody could tell; 65533: skipped, and
without an answer; 65532: people disagree; 65531: somebody else answered, and you, who label, shall not know what.
`mine` (`uint8`) is 1 where you are among those who said it.
"""
BINARY: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The arrays, as said above."},
    304: {"description": "The client has it already."},
}
MOST_PLACES = 10_000

Facts = TypeVar("Facts", bound=BaseModel)


class MapFacts(BaseModel):
    """What a map of all chips is made of."""

    chips: int
    placed: int = Field(description="How many chips have an x and y.")
    located: int = Field(description="How many chips have a longitude and latitude.")
    dated: int = Field(description="How many chips have a time.")
    layers: list[str]
    folders: list[str]
    encoder: str | None = Field(description="Whose vectors x and y are of; null before the first embedding.")
    method: Method = Field(
        description="How x and y came about: `none`; `principal` (at once, coarse); `spread` (by a job `layout`)."
    )
    laid_out: int = Field(
        description="How many chips the last job `layout` knew; more than that are placed beside their likes."
    )
    made: str | None = Field(description="When that job ended.")
    version: str = Field(description="Changes when the map does; the ETag of the arrays.")


class LabelFacts(BaseModel):
    """What a map of labels is made of."""

    chips: int
    answers: list[list[str]] = Field(description="Each a list of classes; those of one class first, in their order.")


@dataclass(frozen=True, slots=True)
class _Packed(Generic[Facts]):
    version: str
    facts: Facts
    content: bytes
    zipped: bytes


class Maps:
    """The latest map, kept until something in it changes. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._packed: dict[bool, _Packed[MapFacts]] = {}

    def get(self, project: Project, *, blind: bool) -> _Packed[MapFacts]:
        """The map as it is now; without class folders for those who must not see them."""
        with self._lock:  # whoever comes meanwhile waits: making it twice would take longer
            version = _version(project) + ("-blind" if blind else "")
            if blind not in self._packed or self._packed[blind].version != version:
                self._packed[blind] = _pack(chip_map(project), version, blind=blind)
            return self._packed[blind]


@router.get("/map", responses=BINARY, response_class=Response, description=FORMAT)
async def show_map(project: Here, who: Viewer, lanes: Lanewise, request: Request) -> Response:
    """All chips of the project as arrays."""
    maps = _maps(request)
    packed = await lanes.search.run(lambda: maps.get(project, blind=is_blind(who)))
    return _arrays(packed, request)


@router.get("/map/info")
async def describe_map(project: Here, who: Viewer, lanes: Lanewise, request: Request) -> MapFacts:
    """What the map of all chips is made of, without its arrays."""
    maps = _maps(request)
    return await lanes.search.run(lambda: maps.get(project, blind=is_blind(who)).facts)


@router.get("/tasks/{task}/map", responses=BINARY, response_class=Response, description=LABELS)
async def show_label_map(task: TaskId, project: Here, who: Viewer, lanes: Lanewise, request: Request) -> Response:
    """What was said in a task of every chip of the project, as arrays."""
    return _arrays(await lanes.reports.run(lambda: _pack_labels(project, task, who)), request)


class Place(BaseModel):
    """Where and when a chip was taken that shows something of interest."""

    chip: str
    classes: list[str] = Field(description="What it shows, by most answers.")
    longitude: float | None
    latitude: float | None
    time: datetime | None


class Places(BaseModel):
    """Places of labelled chips."""

    places: list[Place]
    total: int = Field(description="How many there are; at most 10,000 of them are in `places`.")


@router.get("/tasks/{task}/places")
def show_places(
    task: TaskId,
    project: Here,
    who: Viewer,
    wanted: Annotated[
        ClassName | None, Query(alias="class", description="A class of the task; by default the first.")
    ] = None,
) -> Places:
    """Where and when the chips were taken that have this class by most answers, e.g. for a map or a calendar of finds.

    They are as many as the outlook counts. Who labels, and shall not know what others answered, learns of their own
    answers only.
    """
    asked = project.tasks.store.get(task)
    name = asked.classes[0] if wanted is None else wanted
    found = {chip: classes for chip, classes in finds(project, asked, who) if name in classes}
    shown = list(found)[:MOST_PLACES]
    facts = project.tasks.facts(shown)
    places = []
    for chip in (chip for chip in shown if chip in facts):
        box, time = facts[chip].box, facts[chip].time
        longitude, latitude = box.center if box else (None, None)
        places.append(Place(chip=chip, classes=found[chip], longitude=longitude, latitude=latitude, time=time))
    return Places(places=places, total=len(found))


@router.post("/project/demo", status_code=202)
def fill_with_demo(project: Here, who: Owner, response: Response) -> Job:
    """Fill this empty project with NASA's Blue Marble, cut into chips and embedded: something to try everything on."""
    job = request(project, Demo(), person=who.id)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return job


def _maps(connection: HTTPConnection) -> Maps:
    maps: Maps = connection.app.state.maps
    return maps


def _version(project: Project) -> str:
    """Of all that the map is made of; costs next to nothing."""
    encoder = project.default_encoder
    parts: list[object] = [project.chips.version(), encoder]
    if encoder is not None:
        embeddings = project.embeddings(project.encoders.find(encoder))
        embeddings.table.refresh()
        parts += [embeddings.table.dataset.version if embeddings.table.dataset else 0, project.layouts.made(encoder)]
    return f"{crc32(repr(parts).encode()):08x}-{parts[0]}"


def _pack(found: ChipMap, version: str, *, blind: bool) -> _Packed[MapFacts]:
    atlas = found.atlas
    if blind:
        atlas = replace(atlas, folder=np.full_like(atlas.folder, 65535), folders=())
    columns: dict[str, NDArray[Any]] = {
        "time": atlas.time.astype("<f8"),
        "x": found.places[:, 0].astype("<f4"),
        "y": found.places[:, 1].astype("<f4"),
        "lon": atlas.lon.astype("<f4"),
        "lat": atlas.lat.astype("<f4"),
        "layer": atlas.layer.astype("<u2"),
        "folder": atlas.folder.astype("<u2"),
    }
    facts = MapFacts(
        chips=len(atlas),
        placed=_known(columns["x"]),
        located=_known(columns["lon"]),
        dated=_known(columns["time"]),
        layers=list(atlas.layers),
        folders=list(atlas.folders),
        encoder=found.encoder,
        method=found.method,
        laid_out=found.laid_out,
        made=found.made,
        version=version,
    )
    content = _binary(facts, columns)
    return _Packed(version, facts, content, gzip.compress(content, 1, mtime=0))


def _pack_labels(project: Project, task: str, who: Person) -> _Packed[LabelFacts]:
    found = label_map(project, project.tasks.store.get(task), reader=who.id, blind=is_blind(who))
    facts = LabelFacts(chips=len(found.said), answers=[list(answer) for answer in found.answers])
    content = _binary(facts, {"said": found.said.astype("<u2"), "mine": found.mine})
    return _Packed(f"{crc32(content):08x}", facts, content, gzip.compress(content, 1, mtime=0))


def _arrays(packed: _Packed[Any], request: Request) -> Response:
    tag = f'"{packed.version}"'
    known = unchanged(tag, request.headers.get("if-none-match", ""))
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
    answer = known or Response(packed.zipped if takes_gzip else packed.content, media_type="application/octet-stream")
    answer.headers.update({"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"})
    if known is None and takes_gzip:
        answer.headers["Content-Encoding"] = "gzip"
    return answer


def _binary(facts: BaseModel, columns: dict[str, NDArray[Any]]) -> bytes:
    """Length, JSON padded with spaces so that the arrays begin at a multiple of 8, and the arrays likewise."""
    described: list[dict[str, Any]] = []
    body = bytearray()
    for name, values in columns.items():
        described.append({"name": name, "type": values.dtype.name, "offset": len(body)})
        body += values.tobytes()
        body += bytes(-len(body) % 8)
    room = 4 + len(json.dumps({**facts.model_dump(), "columns": described}).encode()) + 20 * len(columns)
    room += -room % 8
    for column in described:
        column["offset"] += room
    head = json.dumps({**facts.model_dump(), "columns": described}).encode().ljust(room - 4)
    return len(head).to_bytes(4, "little") + head + bytes(body)


def _known(values: NDArray[Any]) -> int:
    return int(np.isfinite(values).sum())
