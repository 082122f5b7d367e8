"""What routes ask for: the project, and a person whose role is enough."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from earthcurator.errors import NotAllowed
from earthcurator.models import Person, Role
from earthcurator.project import Project

if TYPE_CHECKING:
    from earthcurator.web.access import Access

RANK: dict[Role, int] = {"viewer": 0, "annotator": 1, "curator": 2, "owner": 3}
"""Who may do what those below may."""


async def _project(connection: HTTPConnection) -> Project:
    project: Project = connection.app.state.project
    return project


Here = Annotated[Project, Depends(_project)]


def at_least(role: Role) -> Callable[[HTTPConnection], Awaitable[Person]]:
    """Who asks, if their role is enough. Raises NotAllowed."""

    async def person(connection: HTTPConnection) -> Person:
        access: Access = connection.app.state.access
        found = await access.person(connection)
        if RANK[found.role] < RANK[role]:
            raise NotAllowed(f"this takes the role {role}, and {found.name} is {found.role}", hint="ask an owner")
        return found

    return person


Viewer = Annotated[Person, Depends(at_least("viewer"))]
Annotator = Annotated[Person, Depends(at_least("annotator"))]
Curator = Annotated[Person, Depends(at_least("curator"))]
Owner = Annotated[Person, Depends(at_least("owner"))]


def is_blind(who: Person) -> bool:
    """Whether they label, and so must not see what others took chips for."""
    return who.role == "annotator"


async def _reader(who: Viewer) -> Person:
    if is_blind(who):
        raise NotAllowed("a dataset shows what others answered, and you still label", hint="ask a curator for it")
    return who


Reader = Annotated[Person, Depends(_reader)]
"""Who may see what others answered: everybody but annotators."""
