"""Pairing a browser extension with this project, by a short code that a person copies from the app."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.datastructures import Headers

import earthcurator
from earthcurator.models import Pairing, Person, Role
from earthcurator.store.sql.pairings import CODE_LENGTH, LETTERS
from earthcurator.web.access import Access
from earthcurator.web.asked import LINE, Asked, Id
from earthcurator.web.context import RANK, Here, Viewer
from earthcurator.web.extensions import CLAIM, extension_of

router = APIRouter(tags=["people"])

Code = Annotated[str, Field(min_length=CODE_LENGTH, max_length=2 * CODE_LENGTH, examples=["7KQ4-WXHM"])]


class NewPairing(Asked):
    """What the extension may do at most, whatever the person may who asks."""

    role: Literal["viewer", "annotator", "curator"] = "curator"


class Offer(BaseModel):
    """A code to be typed into the extension. It works once."""

    id: str
    code: str = Field(description=f"{CODE_LENGTH} of {LETTERS}; case, blanks and hyphens do not matter.")
    role: Role
    expires: datetime


class Claim(Asked):
    """A code that somebody typed into the extension."""

    code: Code
    name: Annotated[str, Field(max_length=80, examples=["Firefox on Ada's laptop"], json_schema_extra=LINE)] = ""


class PairedProject(BaseModel):
    """The project that the extension now searches."""

    id: str
    name: str


class Paired(BaseModel):
    """What an extension needs from now on."""

    token: str = Field(description="Send it as `Authorization: Bearer <token>`. It lets it look, search and label.")
    expires: datetime
    person: Person
    project: PairedProject
    version: str = Field(description="Of the server.")


class Pairings(BaseModel):
    """Pairings, oldest first."""

    pairings: list[Pairing]


@router.get("/pairings")
def list_pairings(who: Viewer, project: Here) -> Pairings:
    """Which extensions ask in my name, and codes that wait to be typed; an owner sees those of everybody."""
    return Pairings(pairings=project.records.pairings.list(None if who.role == "owner" else who.id))


@router.post("/pairings", status_code=201)
def offer_pairing(asked: NewPairing, who: Viewer, project: Here) -> Offer:
    """A code with which an extension may ask in my name, for ten minutes."""
    role = min(asked.role, who.role, key=RANK.__getitem__)
    code, made = project.records.pairings.offer(who.id, role)
    return Offer(id=made.id, code=code, role=role, expires=made.expires)


@router.post(CLAIM.removeprefix("/api/v1"), status_code=201)
def claim_pairing(asked: Claim, request: Request, project: Here) -> Paired:
    """Pair an extension. It needs no sign-in; wrong codes are counted as wrong tokens are."""
    access: Access = request.app.state.access
    with access.attempt(request, asked.code):
        origin = extension_of(Headers(scope=request.scope))
        token, made = project.records.pairings.claim(asked.code, name=asked.name, origin=origin)
    return Paired(
        token=token,
        expires=made.expires,
        person=access.person_of(made),
        project=PairedProject(id=project.id, name=project.name),
        version=earthcurator.__version__,
    )


@router.delete("/pairings/{pairing}", status_code=204)
def revoke_pairing(pairing: Id, who: Viewer, request: Request, project: Here) -> None:
    """Let an extension ask no more, or take a code back: one of mine; an owner those of everybody."""
    project.records.pairings.revoke(pairing, None if who.role == "owner" else who.id)
    access: Access = request.app.state.access
    access.forget()
