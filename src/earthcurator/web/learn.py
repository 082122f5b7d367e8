"""Active learning over HTTP: what to look at next, what the model thinks, how the search goes, and its certified check.

Nobody has to ask for a round: the trainer begins one after new labels. Whoever labels learns here how sure the model
is and how far the search has come, never what others said of a chip.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from earthcurator.active import Round
from earthcurator.active.audit import AuditResult, Price
from earthcurator.active.learning import LearningCurve
from earthcurator.active.stopping import Advice, Left
from earthcurator.labels.fold import NOTHING_SAID, Standing, standing
from earthcurator.models import Chip, Label
from earthcurator.project import Project
from earthcurator.project.outlook import SURE
from earthcurator.web.asked import Asked, TaskId
from earthcurator.web.context import Annotator, Curator, Here, Viewer
from earthcurator.web.finds import finds
from earthcurator.web.lanes import Lanewise
from earthcurator.web.trainer import Training

router = APIRouter(tags=["learn"])

CURVE_POINTS = 500
"""Points of a curve of finds: more than a screen shows."""

Wanted = Annotated[
    str | None,
    Query(alias="class", min_length=1, max_length=200, description="A class of the task; by default the first."),
]
StrategyName = Annotated[str, Field(min_length=1, max_length=80, examples=["find", "train", "hybrid"])]
Looks = Literal["likely", "uncertain", "unlikely"]


# -- what to look at next --------------------------------------------------------------------------------------------


class Suggestion(BaseModel):
    """A chip to look at."""

    chip: Chip
    utility: float = Field(description="The model's logit for the likeliest class. It ranks; it is no probability.")
    looks: Looks | None = Field(
        description="What the model thinks of it, which need not be why it was chosen; null before the first find."
    )


class Suggestions(BaseModel):
    """Chips to look at, the first first. None of them is reserved: that is what a lease is for."""

    strategy: str
    labels: int = Field(description="How many events of the task were counted.")
    suggestions: list[Suggestion]


@router.get("/tasks/{task}/suggestions")
async def suggest(
    task: TaskId,
    project: Here,
    _who: Annotator,
    lanes: Lanewise,
    n: Annotated[int, Query(ge=1, le=500)] = 20,
    strategy: Annotated[StrategyName | None, Query(description="By default the goal of the task.")] = None,
    neighbours: Annotated[int, Query(ge=0, le=20, description="About so many chips like each, after them.")] = 0,
) -> Suggestions:
    """What to look at next, without chips that are on somebody's screen."""

    def work() -> Suggestions:
        done = project.learner(task).suggest(n, strategy=strategy, neighbours=neighbours)
        return _suggestions(done, project)

    return await lanes.learn.run(work)


def _suggestions(done: Round, project: Project) -> Suggestions:
    facts = project.tasks.facts(done.picked)
    fitted = any(done.metrics.values())  # the metrics of a round say how many positives each class had
    return Suggestions(
        strategy=done.strategy,
        labels=done.labels,
        suggestions=[
            Suggestion(chip=facts[chip].blind(), utility=utility, looks=_looks(utility) if fitted else None)
            for chip, utility in zip(done.picked, done.utilities, strict=True)
            if chip in facts
        ],
    )


def _looks(logit: float) -> Looks:
    if abs(logit) < SURE:
        return "uncertain"
    return "likely" if logit > 0 else "unlikely"


class Goal(Asked):
    """What the rounds of a task aim at."""

    strategy: StrategyName = Field(
        description="`find`: show all that belongs to the class. `train`: what teaches a detector most. `hybrid`: both."
    )


@router.put("/tasks/{task}/goal")
def set_goal(task: TaskId, asked: Goal, _who: Curator, project: Here, trainer: Training) -> Goal:
    """Choose by this strategy from now on."""
    project.learner(task).aim(asked.strategy)
    trainer.touch(task)
    return asked


class NumberedRound(BaseModel):
    """A round: what it knew, and what it put at the head of the queue."""

    number: int
    round: Round


class RoundPage(BaseModel):
    """Rounds, the newest first."""

    rounds: list[NumberedRound]
    next: int | None = Field(description="Give it as `before` to go on; null at the end.")


@router.get("/tasks/{task}/rounds")
def list_rounds(
    task: TaskId,
    _who: Curator,
    project: Here,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="`next` of the page before.")] = None,
) -> RoundPage:
    """What was chosen, and from which labels: enough to choose it again."""
    found = project.records.rounds.list(project.tasks.store.get(task).id, "round", limit, before=before)
    return RoundPage(
        rounds=[NumberedRound(number=number, round=Round.from_json(record)) for number, record in found],
        next=found[-1][0] if found and found[-1][0] > 1 else None,
    )


# -- how the search goes ---------------------------------------------------------------------------------------------


class FindsSoFar(BaseModel):
    """What the search has shown so far, counted; nothing of it is an estimate."""

    labels: int = Field(description="Clear answers.")
    found: int
    unsure: int = Field(description="Chips of which nobody could tell, or as many say no as yes.")
    recent: int = Field(description="Finds among the last `window` clear answers.")
    window: int
    recent_share: float | None = Field(description="`recent / window`; null while that would be mostly chance.")
    curve: list[tuple[int, int]] = Field(description="Answers, and finds among them; at most 500 points.")


class Check(BaseModel):
    """What a certified check proves so far."""

    result: AuditResult
    complete: bool
    sentence: str


class SearchOutlook(BaseModel):
    """How the search for one class goes, and whether one may stop."""

    wanted: str
    strategy: str
    found: int = Field(
        description="Chips of the class by most answers: finds of the search and of its checks, and what was imported."
    )
    finds: FindsSoFar
    advice: Advice
    left: Left | None = Field(description="How many may be left, by experience; null once a check speaks.")
    audit: Check | None
    price: Price = Field(description="What a check costs that proves 95 % are found.")


@router.get("/tasks/{task}/outlook")
async def outlook(
    task: TaskId, project: Here, _who: Annotator, lanes: Lanewise, wanted: Wanted = None
) -> SearchOutlook:
    """How the search for a class goes: what was found, whether one may stop, and what it costs to be sure."""
    return await lanes.learn.run(lambda: _outlook(project, task, wanted))


def _outlook(project: Project, task: str, wanted: str | None) -> SearchOutlook:
    found = project.search_of(task, wanted).outlook()
    counted, audit = asdict(found.finds), found.audit
    return SearchOutlook(
        wanted=found.wanted,
        strategy=found.strategy,
        found=sum(found.wanted in classes for _, classes in finds(project, project.tasks.store.get(task))),
        finds=FindsSoFar(**{**counted, "curve": _points(found.finds.curve)}, recent_share=found.finds.recent_share),
        advice=found.advice,
        audit=Check(result=audit, complete=audit.complete, sentence=audit.sentence) if audit else None,
        left=found.left,
        price=found.price,
    )


def _points(curve: tuple[int, ...]) -> list[tuple[int, int]]:
    """Some points of the curve, evenly spread, always with the last."""
    step = max(1, -(-len(curve) // CURVE_POINTS))
    return [(done, curve[done - 1]) for done in range(len(curve), 0, -step)][::-1]


@router.get("/tasks/{task}/learning-curve")
async def show_learning_curve(
    task: TaskId, project: Here, _who: Annotator, lanes: Lanewise, wanted: Wanted = None
) -> LearningCurve:
    """How well the model tells a class from the rest, by how many answers it learnt from. Takes seconds at most."""
    return await lanes.reports.run(lambda: project.search_of(task, wanted).learning_curve())


class SuspectedChip(BaseModel):
    """A chip that people and the model put on different sides."""

    chip: Chip
    score: float = Field(
        description="Logit by a model that has not seen what was said of this chip; above 0 the model says yes."
    )
    answers: dict[str, Label] = Field(description="Annotator → their opinion.")


class SuspectedChips(BaseModel):
    """The clearest contradictions first."""

    wanted: str
    chips: list[SuspectedChip]
    total: int


@router.get("/tasks/{task}/suspects")
async def list_suspects(
    task: TaskId,
    project: Here,
    _who: Curator,
    lanes: Lanewise,
    wanted: Wanted = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SuspectedChips:
    """Chips whose labels the model contradicts, and of which nobody had the last word. Takes seconds at most."""
    return await lanes.reports.run(lambda: _suspects(project, task, wanted, limit))


def _suspects(project: Project, task: str, wanted: str | None, limit: int) -> SuspectedChips:
    search = project.search_of(task, wanted)
    found = search.suspects()
    facts = project.tasks.facts([one.chip for one in found[:limit]])
    return SuspectedChips(
        wanted=search.wanted,
        chips=[
            SuspectedChip(chip=facts[one.chip].published(), score=one.score, answers=dict(one.answers))
            for one in found[:limit]
            if one.chip in facts
        ],
        total=len(found),
    )


class NewAudit(Asked):
    """A certified check that is wanted."""

    wanted: str | None = Field(
        default=None, alias="class", min_length=1, max_length=200, description="By default the first of the task."
    )
    chips: int = Field(ge=1, le=100_000, description="How many to draw; the outlook says how many it takes.")


class Audit(BaseModel):
    """A check that has begun."""

    number: int
    wanted: str
    chips: int


@router.post("/tasks/{task}/audits", status_code=201)
async def create_audit(task: TaskId, asked: NewAudit, _who: Curator, project: Here, lanes: Lanewise) -> Audit:
    """Draw random chips for a certified check and ask about them first. The outlook says what their answers prove."""

    def work() -> Audit:
        search = project.search_of(task, asked.wanted)
        number = search.check(asked.chips, seed=secrets.randbits(31))
        return Audit(number=number, wanted=search.wanted, chips=asked.chips)

    return await lanes.learn.run(work)


# -- what the model thinks of every chip -----------------------------------------------------------------------------


class Predicted(BaseModel):
    """A chip, and what the model thinks of it."""

    chip: str
    score: float = Field(description="Logit: above 0 is more likely yes than no. It ranks; it is no probability.")
    standing: Standing = Field(description="How far people are with it. What they said is not told.")


class PredictedPage(BaseModel):
    """Chips of a task in the order of a model, the likeliest first."""

    wanted: str
    predictions: list[Predicted]
    next: int | None = Field(description="`start` of the next page; null when this is the last.")
    total: int = Field(description="How many chips of the task have a vector.")


@router.get("/tasks/{task}/predictions")
async def predict(
    task: TaskId,
    project: Here,
    _who: Viewer,
    lanes: Lanewise,
    wanted: Wanted = None,
    start: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> PredictedPage:
    """All chips of the task by how likely they belong to a class, as the labels of this moment have it."""
    return await lanes.learn.run(lambda: _predictions(project, task, wanted, start, limit))


def _predictions(project: Project, task: str, wanted: str | None, start: int, limit: int) -> PredictedPage:
    learner = project.learner(task)
    ranked = project.rankings.of(task, wanted)
    rows, scores = ranked.rows[start : start + limit], ranked.scores[start : start + limit].tolist()
    return PredictedPage(
        wanted=wanted or learner.task.classes[0],
        predictions=[
            Predicted(chip=chip, score=score, standing=standing(learner.task, ranked.states.get(chip, NOTHING_SAID)))
            for chip, score in zip(learner.vectors.ids(rows), scores, strict=True)
        ],
        next=start + limit if start + limit < len(ranked.rows) else None,
        total=len(ranked.rows),
    )
