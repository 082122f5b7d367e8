"""People, how they sign in, and the secrets that let them: over HTTP.

A secret is in one answer, when it is made. Links carry it after a `#`, which browsers keep to themselves.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from earthcurator.errors import Conflict, NotSignedIn
from earthcurator.models import Invite, Person, Role, Token
from earthcurator.project import Project
from earthcurator.store.sql.people import SESSION_SECONDS
from earthcurator.web.access import LOCAL, Access, secret_of, session_of, sign_in, sign_out
from earthcurator.web.asked import LINE, Asked, Id
from earthcurator.web.context import RANK, Here, Owner, Viewer

router = APIRouter(tags=["people"])

DAY = 24 * 3600
LINK_DAYS = 7
"""How long a sign-in link works, if nobody follows it."""

Name = Annotated[str, Field(min_length=1, max_length=80, examples=["Ada"], json_schema_extra=LINE)]
SecretText = Annotated[str, Field(min_length=1, max_length=200, examples=["cur_..."])]


class Me(BaseModel):
    """Who asks."""

    person: Person
    accounts: bool = Field(description="Whether anybody has an account; if not, whoever uses this machine is owner.")


class Link(BaseModel):
    """A secret that is shown once, and the path of the link that carries it."""

    secret: str
    path: str = Field(description="To be put behind the address of the server.", examples=["/join#cur_..."])
    days: float = Field(description="How long it works.")


class NewPerson(Asked):
    """An account to be made."""

    name: Name
    role: Role


class Added(BaseModel):
    """A new account, and how its person signs in."""

    person: Person
    link: Link


class NewRole(Asked):
    """What a person may do from now on."""

    role: Role


class SignIn(Asked):
    """The secret of a sign-in link, or a token."""

    token: SecretText


class Accepting(Asked):
    """Following an invite."""

    secret: SecretText
    name: Name


class NewInvite(Asked):
    """A link with which people make themselves accounts."""

    role: Role = "annotator"
    days: float = Field(default=7, gt=0, le=90)
    uses: int = Field(default=1, ge=1, le=1000)


class NewToken(Asked):
    """A token for a program that asks in one's name."""

    name: Annotated[str, Field(max_length=80, examples=["notebook"], json_schema_extra=LINE)] = ""
    days: float = Field(default=365, gt=0, le=3650)


class TokenSecret(BaseModel):
    """A token, shown once."""

    secret: str = Field(description="Send it as `Authorization: Bearer <secret>`.")
    days: float


class Everybody(BaseModel):
    """People, the first first."""

    people: list[Person]


class Invites(BaseModel):
    """Invites, oldest first."""

    invites: list[Invite]


class Tokens(BaseModel):
    """Tokens, sessions and sign-in links, oldest first."""

    tokens: list[Token]


# -- signing in ------------------------------------------------------------------------------------------------------


@router.get("/me")
def me(who: Viewer, project: Here) -> Me:
    """Who I am, and what I may do."""
    return Me(person=who, accounts=project.records.people.any())


@router.post("/session")
def begin_session(asked: SignIn, request: Request, response: Response, project: Here) -> Me:
    """Sign this browser in, with the secret of a sign-in link (which works once) or with a token."""
    people = project.records.people
    with _access(request).attempt(request, asked.token):
        owner = people.person_of(asked.token, kinds=["token"])
        if owner is None:
            session = people.sign_in(asked.token)
        else:
            session = people.issue(owner.id, "session", seconds=SESSION_SECONDS, using=asked.token)
        person = people.person_of(session)
        if person is None:
            raise NotSignedIn("this account was removed just now", hint="ask an owner")
    sign_in(response, request, session)
    return Me(person=person, accounts=True)


@router.delete("/session", status_code=204)
def end_session(request: Request, response: Response, project: Here) -> None:
    """Sign this browser out. Doing it again is fine."""
    session = session_of(request)
    if session is not None:
        project.records.people.sign_out(session)
        _access(request).forget()
    sign_out(response, request)


@router.post("/invites/accept", status_code=201)
def accept_invite(asked: Accepting, request: Request, response: Response, project: Here) -> Me:
    """Make oneself an account with an invite, and sign this browser in."""
    with _access(request).attempt(request, asked.secret):
        person, session = project.records.people.accept(asked.secret, asked.name)
    sign_in(response, request, session)
    return Me(person=person, accounts=True)


# -- people ----------------------------------------------------------------------------------------------------------


@router.get("/people")
def list_people(who: Viewer, project: Here) -> Everybody:
    """Everybody, also those who were removed; who is not a curator sees only themselves."""
    sees_all = RANK[who.role] >= RANK["curator"]
    people = project.records.people.list() if sees_all else [who]
    return Everybody(people=people)


@router.post("/people", status_code=201)
def add_person(asked: NewPerson, _who: Owner, request: Request, project: Here) -> Added:
    """Make an account. The answer holds a link with which its person signs in, once."""
    person = project.records.people.add(asked.name, asked.role)
    _access(request).forget()
    return Added(person=person, link=_link(project, person.id))


@router.put("/people/{person}")
def change_role(person: Id, asked: NewRole, _who: Owner, request: Request, project: Here) -> Person:
    """Let somebody do more or less from now on. The last owner stays one."""
    changed = project.records.people.set_role(person, asked.role)
    _access(request).forget()
    return changed


@router.delete("/people/{person}", status_code=204)
def remove_person(person: Id, _who: Owner, request: Request, project: Here) -> None:
    """Let somebody in no more. Their labels stay."""
    project.records.people.remove(person)
    _access(request).forget()


@router.post("/people/{person}/link", status_code=201)
def make_link(person: Id, _who: Owner, project: Here) -> Link:
    """A link with which somebody signs a browser in, once."""
    return _link(project, person)


# -- invites ---------------------------------------------------------------------------------------------------------


@router.get("/invites")
def list_invites(_who: Owner, project: Here) -> Invites:
    """Invites that can still be used."""
    return Invites(invites=project.records.people.invites())


@router.post("/invites", status_code=201)
def make_invite(asked: NewInvite, who: Owner, project: Here) -> Link:
    """A link with which people make themselves accounts of one role."""
    secret = project.records.people.invite(
        asked.role, seconds=asked.days * DAY, uses=asked.uses, creator="" if who == LOCAL else who.id
    )
    return Link(secret=secret, path=f"/join#{secret}", days=asked.days)


@router.delete("/invites/{invite}", status_code=204)
def withdraw_invite(invite: Id, _who: Owner, project: Here) -> None:
    """Let nobody use an invite any more."""
    project.records.people.withdraw(invite)


# -- tokens ----------------------------------------------------------------------------------------------------------


@router.get("/tokens")
def list_tokens(who: Viewer, project: Here) -> Tokens:
    """What lets me in; an owner sees that of everybody."""
    tokens = project.records.people.tokens(None if who.role == "owner" else who.id)
    return Tokens(tokens=tokens)


@router.post("/tokens", status_code=201)
def make_token(asked: NewToken, who: Viewer, request: Request, project: Here) -> TokenSecret:
    """A token with which a program asks in my name. One that was made with a token ends with it at the latest."""
    if who == LOCAL:
        raise Conflict("without accounts no program needs a token", hint="send requests without one")
    people = project.records.people
    secret = people.issue(who.id, "token", name=asked.name, seconds=asked.days * DAY, using=secret_of(request))
    made = people.token_of(secret)
    return TokenSecret(secret=secret, days=_days(made))


@router.delete("/tokens/{token}", status_code=204)
def revoke_token(token: Id, who: Viewer, request: Request, project: Here) -> None:
    """Stop one of my tokens, sessions or links; an owner those of everybody."""
    project.records.people.revoke(token, None if who.role == "owner" else who.id)
    _access(request).forget()


def _days(token: Token) -> float:
    return ((token.expires or token.created) - token.created).total_seconds() / DAY


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


def _link(project: Project, person: str) -> Link:
    secret = project.records.people.issue(person, "link", seconds=LINK_DAYS * DAY)
    return Link(secret=secret, path=f"/join#{secret}", days=LINK_DAYS)
