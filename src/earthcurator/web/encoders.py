"""Encoders over HTTP: which there are, what their cards say, and which of them searches use."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from earthcurator.encoders import EncoderEntry
from earthcurator.errors import Conflict
from earthcurator.jobs import check_training
from earthcurator.models import EncoderCard
from earthcurator.project import Project
from earthcurator.web.asked import Asked
from earthcurator.web.context import Curator, Here, Viewer

router = APIRouter(tags=["encoders"])


class EncoderState(BaseModel):
    """An encoder, and how much of the project it has seen."""

    id: str
    default: bool = Field(description="Whether searches and new vectors use it.")
    vectors: int = Field(description="How many chips have a vector of it.")
    card: EncoderCard


class EncoderList(BaseModel):
    """Those of the project, then those that ship with Curator."""

    encoders: list[EncoderState]
    default: str | None = Field(description="Id of the default; null until the first embedding chooses one.")
    chips: int = Field(description="How many chips the project has.")
    training: str | None = Field(description="Why encoders cannot be trained here, and the remedy; null when they can.")


class Choice(Asked):
    """Which encoder to use from now on."""

    encoder: str = Field(min_length=1, max_length=200, description="Its name or id, or the beginning of its id.")


@router.get("/encoders")
def list_encoders(project: Here, _who: Viewer) -> EncoderList:
    """All encoders, with their cards."""
    states = [_state(project, entry) for entry in project.encoders.list()]
    project.chips.version()
    return EncoderList(encoders=states, default=project.default_encoder, chips=len(project.chips), training=_why_not())


@router.put("/encoders/default")
def choose_encoder(choice: Choice, project: Here, _who: Curator) -> EncoderState:
    """Search and embed with this encoder from now on. Chips without a vector of it are found after a job `embed`."""
    return _state(project, project.set_default_encoder(choice.encoder))


def _why_not() -> str | None:
    try:
        check_training()
    except Conflict as missing:
        return f"{missing}: {missing.hint}"
    return None


def _state(project: Project, entry: EncoderEntry) -> EncoderState:
    embeddings = project.embeddings(entry)
    embeddings.table.refresh()
    return EncoderState(
        id=entry.id, default=entry.id == project.default_encoder, vectors=len(embeddings), card=entry.card
    )
