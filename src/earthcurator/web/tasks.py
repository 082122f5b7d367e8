"""Tasks and leases over HTTP: what is asked about which chips, and who has which of them on the screen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field, ValidationError

from earthcurator.errors import BadRequest
from earthcurator.models import Chip, Hit, Lease, Person, Task
from earthcurator.project import Project
from earthcurator.store.sql import Counts
from earthcurator.web import labels
from earthcurator.web.access import LOCAL
from earthcurator.web.asked import LINE, Asked, ChipId, ClassName, EventId, TaskId
from earthcurator.web.context import Annotator, Curator, Here, Viewer
from earthcurator.web.labels import first_fault
from earthcurator.web.lanes import Lanewise
from earthcurator.web.trainer import Trainer, Training

router = APIRouter(tags=["tasks"])
router.include_router(labels.router)

MOST_CHIPS = 100_000
"""Chips in one request about a task; the server's limit on bodies may be lower."""

LONGEST_RELEASE = 100_000
"""Characters of a request that gives chips back."""

Seconds = Annotated[float, Field(ge=10, le=600, description="For how long.")]


# -- tasks -----------------------------------------------------------------------------------------------------------


class Ranked(Asked):
    """A chip, and how soon it should be asked about."""

    chip: ChipId
    priority: float = Field(default=0.0, allow_inf_nan=False, description="Higher comes first.")


class NewTask(Asked):
    """What is to be decided about which chips."""

    id: EventId | None = Field(default=None, description="Made by the client: sent again, the task is made once.")
    question: str = Field(min_length=1, max_length=500, examples=["Is there smoke?"], json_schema_extra=LINE)
    classes: list[ClassName] = Field(
        min_length=2, max_length=100, examples=[["smoke", "clear"]], json_schema_extra={"uniqueItems": True}
    )
    several: bool = Field(default=False, strict=True, description="A chip may have several classes, or none, at once.")
    opinions: int = Field(default=1, ge=1, le=99, description="How many people decide about each chip.")
    guide: str = Field(default="", max_length=100_000, description="How to decide, in Markdown.")
    references: dict[ClassName, list[ChipId]] = Field(
        default_factory=dict, description="Class → chips that show it well."
    )
    chips: list[Ranked] | None = Field(
        default=None, max_length=MOST_CHIPS, description="Null: all chips of the project."
    )


class MoreChips(Asked):
    """Chips that a task shall be about, too."""

    chips: list[Ranked] = Field(max_length=MOST_CHIPS)


class TaskState(BaseModel):
    """A task, and how far it is."""

    task: Task
    counts: Counts


class TaskPage(BaseModel):
    """Tasks, oldest first."""

    tasks: list[TaskState]
    next: str | None = Field(description="Give it as `after` for the next page; null at the end.")


@router.post("/tasks", status_code=201)
async def create_task(asked: NewTask, who: Curator, project: Here, trainer: Training, lanes: Lanewise) -> TaskState:
    """Ask a question about some chips, or about all."""
    return await lanes.heavy.run(lambda: _create(asked, who, project, trainer))


def _create(asked: NewTask, who: Person, project: Project, trainer: Trainer) -> TaskState:
    task = project.tasks.create(
        asked.question,
        asked.classes,
        chips=None if asked.chips is None else _hits(asked.chips),
        several=asked.several,
        opinions=asked.opinions,
        guide=asked.guide,
        references={name: tuple(chips) for name, chips in asked.references.items()},
        creator="" if who == LOCAL else who.id,
        id=asked.id,
    )
    if task.references:  # without an example there is nothing to choose by yet, and the order that was asked for holds
        trainer.touch(task.id)
    return _state(task, project)


@router.get("/tasks")
def list_tasks(
    _who: Viewer, project: Here, after: str | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 100
) -> TaskPage:
    """What is asked. Counts may be a second old."""
    tasks = project.tasks.list()
    ids = [task.id for task in tasks]
    start = 0 if after is None else ids.index(project.tasks.store.get(after).id) + 1
    page = tasks[start : start + limit]
    return TaskPage(
        tasks=[TaskState(task=task, counts=project.tasks.lately(task)) for task in page],
        next=page[-1].id if start + limit < len(tasks) else None,
    )


@router.get("/tasks/{task}")
def show_task(task: TaskId, _who: Viewer, project: Here) -> TaskState:
    """One task, and how far it is."""
    return _state(project.tasks.store.get(task), project)


@router.post("/tasks/{task}/chips")
async def add_chips(task: TaskId, asked: MoreChips, _who: Curator, project: Here, lanes: Lanewise) -> TaskState:
    """Ask about these chips too. Those that the task has stay as they are."""
    return await lanes.heavy.run(lambda: _add_chips(task, asked, project))


def _add_chips(task: str, asked: MoreChips, project: Project) -> TaskState:
    found = project.tasks.store.get(task)
    project.tasks.add_chips(found, _hits(asked.chips))
    return _state(found, project)


# -- leases ----------------------------------------------------------------------------------------------------------


class Wanted(Asked):
    """Asking for chips to decide about."""

    count: int = Field(default=10, ge=1, le=100)
    seconds: Seconds = 90


class Held(BaseModel):
    """A chip that is on my screen until then."""

    chip: Chip
    until: datetime


class HeldChips(BaseModel):
    """Chips to decide about, the most urgent first."""

    leases: list[Held]


class Beat(Asked):
    """Still there."""

    seconds: Seconds = 90


class StillHeld(BaseModel):
    """Everything that I hold."""

    leases: list[Lease]


class GivenBack(Asked):
    """Chips that I no longer look at."""

    chips: list[ChipId] | None = Field(default=None, max_length=1000, description="Null: all that I hold.")


async def _given_back(request: Request) -> GivenBack:
    """What is given back, also by `navigator.sendBeacon`, which sends text or nothing."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_RELEASE:
            raise BadRequest("this is no list of chips: it is too long", hint="leave the body out to give all back")
    if not body.strip():
        return GivenBack()
    try:
        return GivenBack.model_validate(json.loads(body))
    except (ValueError, RecursionError) as error:
        why = first_fault(error) if isinstance(error, ValidationError) else "it is not JSON"
        raise BadRequest(f"the body is no list of chips: {why}", hint='send {"chips": [...]} or nothing') from error


@router.post("/tasks/{task}/leases")
def lease(task: TaskId, who: Annotator, project: Here, asked: Wanted = Wanted()) -> HeldChips:  # noqa: B008 - never changed
    """The next chips for me: what I hold already comes first. Nobody else gets them until then.

    They come without their class folder and path, whoever asks.
    """
    leases = project.tasks.store.lease(task, who.id, asked.count, seconds=asked.seconds)
    cards = project.tasks.facts([one.chip for one in leases])
    held = [Held(chip=cards[one.chip].blind(), until=one.until) for one in leases if one.chip in cards]
    return HeldChips(leases=held)


@router.post("/tasks/{task}/leases/heartbeat")
def heartbeat(task: TaskId, who: Annotator, project: Here, asked: Beat = Beat()) -> StillHeld:  # noqa: B008 - never changed
    """Hold what I hold for longer. What is not in the answer has gone to others; an answer to it still counts."""
    return StillHeld(leases=project.tasks.store.heartbeat(task, who.id, asked.seconds))


@router.post(
    "/tasks/{task}/leases/release",
    status_code=204,
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": GivenBack.model_json_schema()}}}},
)
def release(task: TaskId, who: Annotator, asked: Annotated[GivenBack, Depends(_given_back)], project: Here) -> None:
    """Let others have what I hold: these chips, or all. What I do not hold is passed over. Also for `sendBeacon`."""
    project.tasks.store.release(task, who.id, asked.chips)


def _state(task: Task, project: Project) -> TaskState:
    return TaskState(task=task, counts=project.tasks.store.counts(task.id))


def _hits(chips: Iterable[Ranked]) -> list[Hit]:
    return [Hit(ranked.chip, ranked.priority) for ranked in chips]
