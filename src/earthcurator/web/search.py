"""Search over HTTP: by chips, by pictures (uploaded before or in the same request), or by the model of a task."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from earthcurator import models, pictures
from earthcurator.errors import BadRequest
from earthcurator.models import Person
from earthcurator.project import Project
from earthcurator.web.chips import (
    PICTURE,
    Side,
    check_folders,
    filter_of,
    find_chip,
    picture_answer,
    read_box,
    said_of,
    small_answer,
    unchanged,
)
from earthcurator.web.context import Here, Viewer
from earthcurator.web.lanes import Lanewise

router = APIRouter(tags=["search"])

MOST_EXAMPLES = 1000
MOST_BEGINNINGS = 20
MOST_FILES = 20
FORM_BYTES = 1_000_000

# No pattern: GET /examples/worldview, which only takes POST, is then not found rather than wrong.
ExampleId = Annotated[str, Path(min_length=1, max_length=200, description="Id of an uploaded picture.")]
Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]


class Strict(BaseModel):
    """A value from a client: unknown fields and numbers that are none are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ChipExample(Strict):
    """A chip of this project."""

    chip: str = Field(min_length=1, max_length=200, description="Its id, or the beginning of it.")


class PictureExample(Strict):
    """A picture that was uploaded before."""

    example: str = Field(pattern="^[0-9a-f]{64}$", description="Its id.")


Example = ChipExample | PictureExample


class SaidCondition(Strict):
    """What was said of a chip in a task. Who labels, and must not see what others answered, asks for their own answers.

    A class that is called like one of the words comes first.
    """

    task: str = Field(min_length=1, max_length=64, description="The task's id.")
    labels: Names = Field(
        min_length=1,
        description="One of these: classes of the task, `unsure`, `disputed`, `none` of the classes, or `waiting`.",
    )


class Condition(Strict):
    """Which chips a search may return. Every condition that is set must hold."""

    box: tuple[float, float, float, float] | None = Field(
        default=None,
        description="West, south, east, north: the chip's centre lies in it. west > east crosses longitude 180.",
    )
    dates: str = Field(default="", max_length=100, description="E.g. `2020-08` or `2020-08-16/2020-08-22`.")
    start: datetime | None = Field(
        default=None, description="Taken at or after this instant; UTC unless it says otherwise."
    )
    end: datetime | None = Field(default=None, description="Taken before this instant.")
    layers: Names = []
    folders: Names = []
    said: SaidCondition | None = None


class Asked(Strict):
    """What a search returns, whatever it is by."""

    filter: Condition = Condition()
    scores: tuple[float | None, float | None] | None = Field(
        default=None, description="The lowest and the highest score that a hit may have; null: any."
    )
    k: int = Field(default=50, ge=1, le=10_000, description="How many hits to return, at most.")
    collapse: float | None = Field(default=None, gt=0, le=1, description="Hide hits at least this like a better one.")
    diversity: float = Field(
        default=0.0, ge=0, le=1, description="0 ranks by score alone; towards 1, hits differ more."
    )
    encoder: str | None = Field(
        default=None, min_length=1, max_length=200, description="By default that of the project."
    )


class SearchQuery(Asked):
    """What to look for: like these, not like those; or what the model of a task thinks likely."""

    positives: list[Example] = Field(default=[], max_length=MOST_EXAMPLES)
    negatives: list[Example] = Field(default=[], max_length=MOST_EXAMPLES)
    task: str | None = Field(
        default=None, min_length=1, max_length=64, description="Instead of examples: a task whose model ranks."
    )
    wanted: str | None = Field(
        default=None, min_length=1, max_length=200, description="Its class that is looked for; by default the first."
    )


class UploadQuery(Asked):
    """As `SearchQuery`; the files of the form are examples too."""

    positives: list[Example] = Field(default=[], max_length=MOST_EXAMPLES)
    negatives: list[Example] = Field(default=[], max_length=MOST_EXAMPLES)


@dataclass(frozen=True, slots=True)
class FoundChip:
    """A hit, with what a result shows of it."""

    chip: str
    number: int
    """Its number in the project: the order in which chips came, and that of the arrays of `GET /api/v1/map`."""
    score: float
    """By examples -1 to 1: without negatives, 1 is the same picture as one of them. By a model its logit: above 0 is
    more likely yes than no; it ranks, and is no probability."""
    time: datetime | None
    layer: str | None
    center: tuple[float, float] | None
    """Longitude and latitude."""


@dataclass(frozen=True, slots=True)
class Found:
    """The ranked answer, best first."""

    hits: list[FoundChip]
    exact: bool
    """True when every chip was compared."""
    searched: int
    """How many chips passed the filter."""
    waiting: int
    """How many chips have no vector yet, and could not be found."""
    encoder: str
    seconds: float
    learnt_from: int | None
    """How many labelled chips the model had learnt from; null for a search by examples."""


@dataclass(frozen=True, slots=True)
class KeptExample:
    """A picture that searches can name."""

    id: str
    media_type: str
    width: int
    height: int


def _picture_body(form: dict[str, Any]) -> dict[str, Any]:
    """How OpenAPI says that a route reads its body itself, after it has seen who asks."""
    return {"requestBody": {"required": True, "content": form}}


_RAW = {"schema": {"type": "string", "format": "binary"}}
_FILES = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": MOST_FILES}
_EXAMPLE_BODY = _picture_body({f"image/{name}": _RAW for name in ("jpeg", "png", "webp", "tiff")})
_UPLOAD_BODY = _picture_body(
    {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "positive": _FILES,
                    "negative": _FILES,
                    "query": {"type": "string", "description": "A JSON text with the other fields of POST /search."},
                },
                "required": ["positive"],
            }
        }
    }
)


@router.post("/search")
async def search(project: Here, who: Viewer, lanes: Lanewise, query: SearchQuery) -> Found:
    """Rank the chips by likeness to examples, or by the model of a task as the labels of this moment have it."""
    check_folders(who, query.filter.folders)
    lane = lanes.search if query.task is None else lanes.learn
    return await lane.run(lambda: run_search(project, query, who))


@router.post("/search/upload", openapi_extra=_UPLOAD_BODY)
async def search_by_upload(project: Here, who: Viewer, lanes: Lanewise, request: Request) -> Found:
    """Rank the chips by likeness to pictures in this request, e.g. `curl -F positive=@smoke.jpg`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise BadRequest("this takes a form of files", hint="curl -F positive=@smoke.jpg")
    with lanes.uploads.admit(), lanes.search.admit():
        async with request.form(max_files=MOST_FILES, max_fields=1, max_part_size=FORM_BYTES) as form:
            query = _form_query(form)
            check_folders(who, query.filter.folders)
            positives = [await file.read() for file in _files(form, "positive")]
            negatives = [await file.read() for file in _files(form, "negative")]
        return await lanes.search.go_on(lambda: run_search(project, query, who, positives, negatives))


@router.post("/examples", status_code=201, openapi_extra=_EXAMPLE_BODY)
async def add_example(project: Here, _who: Viewer, lanes: Lanewise, request: Request) -> KeptExample:
    """Keep a picture, so that searches and links can name it. The same picture twice is one."""
    with lanes.uploads.admit():
        content = await request.body()
        return await lanes.uploads.go_on(lambda: _keep(project, content))


@router.get("/examples/{example}", responses=PICTURE, response_class=Response)
async def show_example(project: Here, _who: Viewer, lanes: Lanewise, example: ExampleId, request: Request) -> Response:
    """An uploaded picture, as it was received."""
    tag = f'"{example}"'
    return await lanes.pictures.run(lambda: unchanged(tag, _known(request)) or _example(project, example, tag))


@router.get("/examples/{example}/thumbnail", responses=PICTURE, response_class=Response)
async def show_small_example(
    project: Here, _who: Viewer, lanes: Lanewise, example: ExampleId, request: Request, size: Side = Side.SMALL
) -> Response:
    """A small copy of an uploaded picture."""
    tag = f'"{example[:32]}-{size}"'
    return await lanes.pictures.run(
        lambda: unchanged(tag, _known(request)) or small_answer(project.examples.get(example), size, tag, example[:16])
    )


def run_search(
    project: Project,
    query: SearchQuery | UploadQuery,
    who: Person,
    positives: Sequence[bytes] = (),
    negatives: Sequence[bytes] = (),
) -> Found:
    """The answer to a query; `positives` and `negatives` are pictures that came along with it."""
    started = time.monotonic()
    found = project.search(
        models.Query(
            positives=[*_examples(project, query.positives), *positives],
            negatives=[*_examples(project, query.negatives), *negatives],
            task=query.task if isinstance(query, SearchQuery) else None,
            wanted=query.wanted if isinstance(query, SearchQuery) else None,
            filter=_filter(query.filter),
            said=said_of(query.filter.said.task, query.filter.said.labels, who) if query.filter.said else None,
            scores=_scores(query.scores),
            k=query.k,
            collapse=query.collapse,
            diversity=query.diversity,
        ),
        encoder=query.encoder,
    )
    return Found(
        hits=list(_numbered(project, found.hits)),
        exact=found.exact,
        searched=found.searched,
        waiting=found.waiting,
        encoder=found.encoder,
        seconds=round(time.monotonic() - started, 6),
        learnt_from=found.learnt_from,
    )


def _scores(asked: tuple[float | None, float | None] | None) -> tuple[float, float]:
    lowest, highest = asked or (None, None)
    return -math.inf if lowest is None else lowest, math.inf if highest is None else highest


def _examples(project: Project, wanted: Sequence[Example]) -> list[models.ChipId | bytes]:
    """What is to be compared. Never a bare text: `Project.search` would take one for a path."""
    names = {example.chip for example in wanted if isinstance(example, ChipExample)}
    known = project.chips.ids.known(names)
    if len(names - known) > MOST_BEGINNINGS:  # each is looked for by itself
        raise BadRequest(f"more than {MOST_BEGINNINGS} chips are named by no whole id", hint="write their ids in full")
    return [
        models.ChipId(example.chip if example.chip in known else find_chip(project, example.chip).id)
        if isinstance(example, ChipExample)
        else project.examples.get(example.example)
        for example in wanted
    ]


def _filter(asked: Condition) -> models.Filter:
    if asked.dates and (asked.start or asked.end):
        raise BadRequest("a filter has dates, or start and end, not both", hint="leave one of them out")
    box = read_box([str(edge) for edge in asked.box]) if asked.box else None
    if asked.dates:
        return filter_of(box=box, dates=asked.dates, layers=asked.layers, folders=asked.folders)
    return models.Filter(
        box=box,
        start=_utc(asked.start),
        end=_utc(asked.end),
        layers=tuple(asked.layers),
        folders=tuple(asked.folders),
    )


def _utc(instant: datetime | None) -> datetime | None:
    try:
        return instant and (instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC))
    except OverflowError as error:
        raise BadRequest(f"{instant} is too far away", hint="give a year from 1 to 9999") from error


def _numbered(project: Project, hits: Sequence[models.Hit]) -> Iterable[FoundChip]:
    numbers = project.chips.ids.rows(hit.chip for hit in hits)
    for hit in hits:
        if hit.chip in numbers:  # else the project has lost it
            yield FoundChip(hit.chip, numbers[hit.chip], hit.score, hit.time, hit.layer, hit.center)


def _form_query(form: FormData) -> UploadQuery:
    text = form.get("query", "{}")
    try:
        return UploadQuery.model_validate_json(text if isinstance(text, str) else "")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["query", *map(str, first["loc"])])
        raise BadRequest(f"{where}: {first['msg']}", hint="the field `query` is a JSON text") from error


def _files(form: FormData, name: str) -> list[UploadFile]:
    unknown = set(form) - {"positive", "negative", "query"}
    if unknown:
        raise BadRequest(f"there is no field {min(unknown)!r:.80}", hint="fields are positive, negative and query")
    parts = form.getlist(name)
    files = [part for part in parts if isinstance(part, UploadFile)]
    if len(files) < len(parts):
        raise BadRequest(f"{name} is text instead of a file", hint=f"curl -F {name}=@smoke.jpg")
    return files


def _keep(project: Project, content: bytes) -> KeptExample:
    facts, _ = pictures.verify(content)
    return KeptExample(project.examples.add(content), facts.media_type, facts.width, facts.height)


def _example(project: Project, name: str, tag: str) -> Response:
    content = project.examples.get(name)
    return picture_answer(content, pictures.sniff(content), tag, name[:16])


def _known(request: Request) -> str:
    return request.headers.get("if-none-match", "")
