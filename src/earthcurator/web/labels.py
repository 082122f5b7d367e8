"""Labels over HTTP: what people say, what they can undo, and what came of it.

The annotator is always whoever is signed in. They see their own answers only, so that nobody is swayed by others.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, ValidationError

from earthcurator.errors import BadRequest, CuratorError
from earthcurator.labels.agreement import Agreement, Coefficient, Share
from earthcurator.labels.fold import Progress, Speed
from earthcurator.models import Chip, Decision, Label, Person
from earthcurator.project import Project
from earthcurator.store.sql import Counts, Kept
from earthcurator.web.asked import Asked, ChipId, ClassName, EventId, Note, TaskId
from earthcurator.web.context import RANK, Annotator, Curator, Here
from earthcurator.web.errors import Fault
from earthcurator.web.lanes import Lanewise
from earthcurator.web.metrics import Counted
from earthcurator.web.trainer import Trainer, Training

router = APIRouter()


class Event(Asked):
    """What I say of a chip."""

    id: EventId
    chip: ChipId
    decision: Decision
    value: list[ClassName] = Field(default_factory=list, max_length=100, description="The classes, for a `label`.")
    seconds: float | None = Field(default=None, ge=0, le=86400, description="How long the chip was on the screen.")
    voids: EventId | None = Field(default=None, description="For an `undo`: the id of my event that no longer counts.")
    note: Note = ""


class Events(Asked):
    """Up to 100 events, in the order in which they happened."""

    # Left to right, so that an event that is none becomes one fault, and the others are kept.
    labels: list[Annotated[Event | Any, Field(union_mode="left_to_right")]] = Field(min_length=1, max_length=100)


class Outcome(BaseModel):
    """What became of an event: it was kept, or why not."""

    label: Label | None = None
    replayed: bool = Field(default=False, description="It had been kept before; nothing changed.")
    extra: bool = Field(default=False, description="One more opinion than the task asked for.")
    error: Fault | None = None

    @classmethod
    def of(cls, kept: Kept) -> Outcome:
        """That of an event that was kept."""
        return cls(label=kept.label, replayed=kept.replayed, extra=kept.extra)

    @classmethod
    def refused(cls, error: CuratorError) -> Outcome:
        """That of an event that was not."""
        return cls(error=Fault(code=error.code, message=str(error), hint=error.hint))


class Outcomes(BaseModel):
    """One outcome for each event, in their order."""

    outcomes: list[Outcome]


class SaidPage(BaseModel):
    """Events in the order in which they were kept."""

    labels: list[Label]
    next: int = Field(description="Give it as `after` for what comes next, also for what is yet to come.")
    more: bool = Field(description="Whether there may be more already, though this page be empty.")


class Mine(BaseModel):
    """What I decided and did not undo, newest first."""

    labels: list[Label]


class AskedChips(Asked):
    """The chips that I want to know it of."""

    chips: list[ChipId] = Field(max_length=1000)


class Opinions(BaseModel):
    """What I think of chips, one label of each at most: of several the last, of undone and skipped ones none."""

    labels: list[Label]


@router.post("/tasks/{task}/labels")
def put_labels(
    task: TaskId, asked: Events, who: Annotator, project: Here, trainer: Training, counted: Counted
) -> Outcomes:
    """Keep what I say, each event by itself: one that is refused stops no other. Safe to send again."""
    project.tasks.store.get(task)
    outcomes = [_put(item, task, who, project) for item in asked.labels]
    counted.labels.inc(sum(outcome.label is not None and not outcome.replayed for outcome in outcomes))
    trainer.touch(task)
    return Outcomes(outcomes=outcomes)


@router.get("/tasks/{task}/labels")
def list_labels(
    task: TaskId,
    who: Annotator,
    project: Here,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SaidPage:
    """What was said, page by page; who is not a curator sees their own events only."""
    page = project.tasks.store.page(task, after, limit)
    shown = page.labels if _curates(who) else [label for label in page.labels if label.annotator == who.id]
    return SaidPage(labels=list(shown), next=page.seq, more=len(page.labels) == limit)


@router.get("/tasks/{task}/mine")
def list_mine(task: TaskId, who: Annotator, project: Here, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Mine:
    """What I can undo: my last decisions, newest first, without those that I undid."""
    mine = project.tasks.mine(project.tasks.store.get(task), who.id, limit)
    return Mine(labels=list(mine))


@router.post("/tasks/{task}/mine/query")
def query_mine(task: TaskId, asked: AskedChips, who: Annotator, project: Here) -> Opinions:
    """What I think of these chips, in the order asked, however long ago I said it."""
    found = project.tasks.opinions(project.tasks.store.get(task), who.id, asked.chips)
    return Opinions(labels=list(found))


def _put(item: Any, task: str, who: Person, project: Project) -> Outcome:
    try:
        return Outcome.of(project.tasks.store.put(_label(item, task, who)))
    except CuratorError as error:
        if error.status >= 500:  # of the server, not of the event: the client sends all of them again
            raise
        return Outcome.refused(error)


def _label(item: Any, task: str, who: Person) -> Label:
    if not isinstance(item, Event):
        try:
            item = Event.model_validate(item)
        except ValidationError as error:
            raise BadRequest(
                f"this is no event: {first_fault(error)}", hint="see Event at /api/v1/openapi.json"
            ) from error
    return Label(
        id=item.id,
        task=task,
        chip=item.chip,
        annotator=who.id,
        decision=item.decision,
        value=tuple(item.value),
        time=datetime.now(UTC),  # the database says when
        seconds=item.seconds,
        voids=item.voids,
        note=item.note,
    )


# -- what came of it -------------------------------------------------------------------------------------------------


class Pair(BaseModel):
    """How much two people agree."""

    people: tuple[str, str]
    kappa: Coefficient


class Agreed(BaseModel):
    """How much the people of a task agree."""

    alpha: Coefficient
    fleiss: Coefficient
    pairs: list[Pair]
    classes: dict[str, Coefficient]
    with_others: dict[str, Share]


class TaskReport(BaseModel):
    """How far a task is. Who is not a curator sees nothing of what others say."""

    counts: Counts
    progress: Progress
    speed: dict[str, Speed] = Field(description="Annotator → how fast they answer.")
    agreement: Agreed | None = None
    classes: dict[str, int] | None = Field(default=None, description="Class → how many chips have it by majority.")
    disputed: int | None = Field(default=None, description="About how many chips people disagree.")


class Contested(BaseModel):
    """A chip about which people disagree."""

    chip: Chip
    entropy: float = Field(description="In bits; 0 is full agreement.")
    answers: dict[str, Label] = Field(description="Annotator → their opinion.")


class ContestedChips(BaseModel):
    """The most contested first."""

    chips: list[Contested]
    total: int


class Word(Asked):
    """The last word on a chip."""

    id: EventId
    chip: ChipId
    value: list[ClassName] | None = Field(max_length=100, description="Its classes; null: one cannot tell.")
    note: Note = ""


class Known(Asked):
    """A chip whose classes were decided elsewhere."""

    chip: ChipId
    classes: list[ClassName] = Field(max_length=100)


class Import(Asked):
    """Labels that were made elsewhere."""

    labels: Literal["folders"] | list[Known] = Field(
        description="At most 10,000; or `folders`: the class folders that the chips were imported with."
    )


class Taken(BaseModel):
    """How many labels were new."""

    added: int


@router.get("/tasks/{task}/report")
async def report(task: TaskId, who: Annotator, project: Here, lanes: Lanewise) -> TaskReport:
    """How far the task is, how fast people are, and how much they agree. A large one may be some seconds old."""
    found = await lanes.reports.run(lambda: project.tasks.report(project.tasks.store.get(task)))
    if not _curates(who):
        mine = {name: speed for name, speed in found.speed.items() if name == who.id}
        return TaskReport(counts=found.counts, progress=found.progress, speed=mine)
    return TaskReport(
        counts=found.counts,
        progress=found.progress,
        speed=dict(found.speed),
        agreement=_agreed(found.agreement),
        classes=dict(found.classes),
        disputed=len(found.disputed),
    )


@router.get("/tasks/{task}/disputed")
async def list_disputed(
    task: TaskId, _who: Curator, project: Here, lanes: Lanewise, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> ContestedChips:
    """Chips about which people disagree and nobody had the last word."""
    return await lanes.reports.run(lambda: _contested(project, task, limit))


def _contested(project: Project, task: str, limit: int) -> ContestedChips:
    found = project.tasks.disputed(project.tasks.store.get(task))
    facts = project.tasks.facts([one.chip for one in found[:limit]])
    return ContestedChips(
        chips=[
            Contested(chip=facts[one.chip].published(), entropy=one.entropy, answers=dict(one.answers))
            for one in found[:limit]
            if one.chip in facts
        ],
        total=len(found),
    )


@router.post("/tasks/{task}/adjudications")
def adjudicate(task: TaskId, asked: Word, who: Curator, project: Here, trainer: Training, counted: Counted) -> Outcome:
    """Have the last word on a chip, whatever people said. Safe to send again."""
    found = project.tasks.store.get(task)
    kept = project.tasks.adjudicate(found, asked.chip, asked.value, by=who.id, note=asked.note, id=asked.id)
    counted.labels.inc(not kept.replayed)
    trainer.touch(task)
    return Outcome.of(kept)


@router.post("/tasks/{task}/imports")
async def import_labels(
    task: TaskId, asked: Import, _who: Curator, project: Here, trainer: Training, lanes: Lanewise, counted: Counted
) -> Taken:
    """Take labels over that were made elsewhere. Doing it again adds none."""
    taken = await lanes.heavy.run(lambda: _import(task, asked, project, trainer))
    counted.labels.inc(taken.added)
    return taken


def _import(task: str, asked: Import, project: Project, trainer: Trainer) -> Taken:
    found = project.tasks.store.get(task)
    if asked.labels == "folders":
        added = project.tasks.import_folders(found)
    else:
        added = project.tasks.import_labels(found, [(row.chip, row.classes) for row in asked.labels])
    trainer.touch(task)
    return Taken(added=added)


def _curates(who: Person) -> bool:
    return RANK[who.role] >= RANK["curator"]


def _agreed(found: Agreement) -> Agreed:
    return Agreed(
        alpha=found.alpha,
        fleiss=found.fleiss,
        pairs=[Pair(people=pair, kappa=kappa) for pair, kappa in found.pairs.items()],
        classes=dict(found.classes),
        with_others=dict(found.with_others),
    )


def first_fault(error: ValidationError) -> str:
    """The first thing that is wrong, with its place."""
    found = error.errors(include_url=False, include_input=False)[0]
    return ": ".join(filter(None, (".".join(map(str, found["loc"])), found["msg"])))
