"""Chips over HTTP: lists, facts, pictures as received and small copies of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from earthcurator.errors import BadBox, BadPicture, NotAllowed, NotFound
from earthcurator.models import Box, Chip, Filter, Person, Said
from earthcurator.pictures import thumbnail
from earthcurator.project import Project
from earthcurator.search import parse_dates
from earthcurator.web.context import Here, Viewer, is_blind
from earthcurator.web.lanes import Lanewise

router = APIRouter(tags=["chips"])

Edges = Annotated[list[float], Field(min_length=4, max_length=4)]

SHOWN = {f"image/{name}" for name in ("jpeg", "png", "webp", "tiff", "gif", "bmp")}
"""What a browser shows and never runs. Nothing else is sent as a picture, whatever a project says of a chip."""
MOST_NUMBERS = 10_000
FOREVER = "private, max-age=31536000, immutable"

ChipName = Annotated[
    str, Path(min_length=1, max_length=200, description="Id of a chip, or the beginning of one, at least 6 characters.")
]
Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)]
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {name: {} for name in sorted(SHOWN)}, "description": "The picture."},
    304: {"description": "The client has it already."},
}


class Side(IntEnum):
    """How many pixels the longer side of a small copy has at most."""

    TINY = 64
    SMALL = 128
    MEDIUM = 256
    LARGE = 512


class ChipPage(BaseModel):
    """Some chips of a longer list, in the order in which they came."""

    chips: list[Chip]
    numbers: list[int] = Field(description="The number of each in the project: the order in which they came, from 0.")
    next: int | None = Field(description="`start` of the next page; null when this is the last.")
    total: int = Field(description="How many chips the list has.")


class ChipQuery(BaseModel):
    """Which chips are asked for."""

    ids: list[Annotated[str, Field(max_length=200)]] = Field(max_length=1000)


class FoundChips(BaseModel):
    """Chips in the order asked."""

    chips: list[Chip]
    numbers: list[int] = Field(description="The number of each in the project.")
    missing: list[str] = Field(description="Ids that are not in this project.")


class ChipNumbers(BaseModel):
    """Chips by their numbers in the project, e.g. those that somebody drew a line around on a map of all chips."""

    numbers: list[Annotated[int, Field(strict=True, ge=0, le=2**53)]] = Field(max_length=MOST_NUMBERS)


class ChipIds(BaseModel):
    """Ids in the order asked."""

    ids: list[str]


class ProjectFacts(BaseModel):
    """A project in a few numbers."""

    name: str
    chips: int
    vectors: int = Field(description="How many chips have a vector of the encoder.")
    encoder: str | None = Field(description="Id of the encoder that searches use; null before the first embedding.")
    encoder_name: str | None
    layers: dict[str, int] = Field(description="Layer → how many chips it has.")
    folders: dict[str, int] = Field(description="Class folder → how many chips were imported with it.")
    first: datetime | None = Field(description="When the earliest chip was taken.")
    last: datetime | None
    box: Edges | None = Field(description="Around all chips: west, south, east, north.")


@router.get("/project")
def describe(project: Here, who: Viewer) -> ProjectFacts:
    """What the project holds."""
    found = project.chips.survey()
    entry = project.encoders.find(project.default_encoder) if project.default_encoder else None
    return ProjectFacts(
        name=project.name,
        chips=found.chips,
        vectors=len(project.embeddings(project.encoder(entry.id))) if entry else 0,
        encoder=entry.id if entry else None,
        encoder_name=entry.card.name if entry else None,
        layers=dict(found.layers),
        folders={} if is_blind(who) else dict(found.folders),
        first=found.first,
        last=found.last,
        box=[found.box.west, found.box.south, found.box.east, found.box.north] if found.box else None,
    )


@router.get("/chips")
async def list_chips(
    project: Here,
    who: Viewer,
    lanes: Lanewise,
    start: Annotated[int, Query(ge=0, le=2**53, description="Number of the first chip wanted; `next` of a page.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    bbox: Annotated[str, Query(max_length=200, description="West,south,east,north: where the centre lies.")] = "",
    dates: Annotated[str, Query(max_length=100, description="E.g. 2020-08 or 2020-08-16/2020-08-22.")] = "",
    layer: Annotated[Names, Query()] = [],  # noqa: B006 - FastAPI copies it
    folder: Annotated[Names, Query()] = [],  # noqa: B006
    task: Annotated[str, Query(max_length=64, description="The task that `label` is about.")] = "",
    label: Annotated[
        Names, Query(description="One of these was said: its classes, `unsure`, `disputed`, `none` or `waiting`.")
    ] = [],  # noqa: B006
) -> ChipPage:
    """Chips in the order in which they came. Any page costs the same, wherever it is."""
    check_folders(who, folder)
    box = read_box(bbox.split(",")) if bbox else None
    wanted = filter_of(box=box, dates=dates, layers=layer, folders=folder)
    said = said_of(task, label, who) if label else None

    def work() -> ChipPage:
        page = project.page(start, limit, wanted, said)
        chips = [shown(chip, who) for chip in page.chips]
        numbers = _numbers(project, chips) if wanted or said else list(range(start, start + len(chips)))
        return ChipPage.model_construct(chips=chips, numbers=numbers, next=page.next, total=page.total)

    # A filter that is new is looked for in all chips.
    return await (lanes.heavy.run(work) if wanted or said else run_in_threadpool(work))


@router.post("/chips/query")
def query_chips(project: Here, who: Viewer, query: ChipQuery) -> FoundChips:
    """The chips with these ids."""
    chips = [shown(chip, who) for chip in project.chips.get(query.ids)]
    known = {chip.id for chip in chips}
    missing = [name for name in query.ids if name not in known]
    return FoundChips.model_construct(chips=chips, numbers=_numbers(project, chips), missing=missing)


@router.post("/chips/ids")
def list_ids(project: Here, _who: Viewer, asked: ChipNumbers) -> ChipIds:
    """The ids of chips by their numbers."""
    project.chips.table.refresh()
    chips = len(project.chips)
    if (last := max(asked.numbers, default=0)) >= max(chips, 1):
        raise NotFound(f"there is no chip number {last}", hint=f"the project has {chips:,} chips, and numbers from 0")
    return ChipIds.model_construct(ids=project.chips.ids.at(asked.numbers))


@router.get("/chips/{chip}")
def show_chip(project: Here, who: Viewer, chip: ChipName) -> Chip:
    """What is known of a chip."""
    return shown(find_chip(project, chip), who)


@router.get("/chips/{chip}/picture", responses=PICTURE, response_class=Response)
async def show_picture(project: Here, _who: Viewer, lanes: Lanewise, chip: ChipName, request: Request) -> Response:
    """The picture's bytes exactly as they were received."""
    return await lanes.pictures.run(lambda: _picture(project, chip, request.headers.get("if-none-match", "")))


@router.get("/chips/{chip}/thumbnail", responses=PICTURE, response_class=Response)
async def show_thumbnail(
    project: Here, _who: Viewer, lanes: Lanewise, chip: ChipName, request: Request, size: Side = Side.SMALL
) -> Response:
    """A small copy: PNG where pixels are transparent, else JPEG."""
    known = request.headers.get("if-none-match", "")
    return await lanes.pictures.run(lambda: _thumbnail(project, chip, size, known))


def shown(chip: Chip, who: Person) -> Chip:
    """What this person may know of a chip: who labels does not see what others took it for."""
    return chip.blind() if is_blind(who) else chip.published()


def check_folders(who: Person, folders: Sequence[str]) -> None:
    """Who labels cannot ask which chips are in a class folder either."""
    if folders and is_blind(who):
        raise NotAllowed("who labels does not see the class folders of chips", hint="leave the folders out")


def find_chip(project: Project, name: str) -> Chip:
    """The chip with this id, or with this beginning of an id."""
    found = project.chips.get([name])
    if not found:
        project.chips.table.refresh()  # another program may have brought it in since
        try:
            found = project.chips.get([project.chips.find(name)])
        except NotFound as error:
            hint = "GET /api/v1/chips lists those that are there"
            raise NotFound(f"there is no one chip {name!r:.80} in this project", hint=hint) from error
    return found[0]


def read_box(edges: list[str]) -> Box:
    """The box that a text of four numbers means."""
    try:
        west, south, east, north = map(float, edges)
    except ValueError as error:
        raise BadBox(f"{','.join(edges)!r:.80} is not a box", hint="write west,south,east,north in degrees") from error
    return Box(west=west, south=south, east=east, north=north)


def filter_of(*, box: Box | None, dates: str, layers: list[str], folders: list[str]) -> Filter:
    """The filter that these words mean."""
    start, end = parse_dates(dates) if dates else (None, None)
    return Filter(box=box, start=start, end=end, layers=tuple(layers), folders=tuple(folders))


def said_of(task: str, labels: list[str], who: Person) -> Said:
    """The condition on labels that this means, as far as this person may know what was said."""
    return Said(task=task, labels=tuple(labels), reader=who.id if is_blind(who) else None)


def picture_answer(content: bytes, media_type: str, tag: str, name: str) -> Response:
    """A picture that never changes."""
    if media_type not in SHOWN:
        raise BadPicture(f"{media_type!r:.80} is not shown as a picture", hint="bring it in again as PNG or JPEG")
    headers = {
        "ETag": tag,
        "Cache-Control": FOREVER,
        "Content-Disposition": f'inline; filename="{name}.{media_type.removeprefix("image/")}"',
    }
    return Response(content, media_type=media_type, headers=headers)


def unchanged(tag: str, known: str) -> Response | None:
    """The answer for a client that has it already; None for others."""
    if tag in {part.strip().removeprefix("W/") for part in known.split(",")} or known.strip() == "*":
        return Response(status_code=304, headers={"ETag": tag, "Cache-Control": FOREVER})
    return None


def small_answer(content: bytes, side: int, tag: str, name: str) -> Response:
    """A small copy of a picture."""
    media_type, small = thumbnail(content, side)
    return picture_answer(small, media_type, tag, f"{name}-{side}")


def _numbers(project: Project, chips: Sequence[Chip]) -> list[int]:
    numbers = project.chips.ids.rows(chip.id for chip in chips)
    return [numbers[chip.id] for chip in chips]


def _picture(project: Project, name: str, known: str) -> Response:
    chip = find_chip(project, name)
    tag = f'"{chip.sha256}"'
    return unchanged(tag, known) or picture_answer(project.picture_of(chip), chip.media_type, tag, safe_name(chip.id))


def _thumbnail(project: Project, name: str, side: int, known: str) -> Response:
    chip = find_chip(project, name)
    tag = f'"{chip.sha256[:32]}-{side}"'
    return unchanged(tag, known) or small_answer(project.picture_of(chip), side, tag, safe_name(chip.id))


def safe_name(name: str) -> str:
    """A file name without anything that a header or a disk could misread."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_") else "_" for sign in name)[:80]
