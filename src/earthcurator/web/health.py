"""Whether the server is alive, and whether it can work: what load balancers and Kubernetes ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter, Request
from pydantic import BaseModel

import earthcurator
from earthcurator.errors import CuratorError, NotReady
from earthcurator.project import Project

log = logging.getLogger(__name__)
router = APIRouter(tags=["server"])

PATIENCE_SECONDS = 4.0
"""How long a server may take to say that it is ready. Who asks gives up after five."""


class Health(BaseModel):
    """A server that is well."""

    status: str
    version: str


class Readiness:
    """Asks everything that requests need, once at a time however many want to know."""

    def __init__(self, parts: Sequence[tuple[str, Callable[[], object]]], *, seconds: float = PATIENCE_SECONDS) -> None:
        """`parts` are names, and functions that fail where that part does not answer."""
        self._parts, self._seconds = parts, seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="readiness")
        self._asking: asyncio.Future[None] | None = None
        self._part = ""

    @classmethod
    def of(cls, project: Project) -> Readiness:
        """That of a server of this project."""

        def ask_database() -> None:
            project.records.people.any()  # opens it, if nobody has

        def load_encoder() -> None:
            if project.default_encoder is not None:  # a new project has none
                project.encoder()

        return cls(
            [
                ("the database", ask_database),
                ("the storage", project.chips.table.refresh),
                ("the encoder", load_encoder),
            ]
        )

    async def check(self) -> None:
        """Raise NotReady where something does not answer, or not in time."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().run_in_executor(self._thread, self._ask)
        try:
            await asyncio.wait_for(asyncio.shield(self._asking), self._seconds)
        except TimeoutError as error:
            raise _not_ready(f"{self._part} has not answered for {self._seconds:g} seconds") from error

    def _ask(self) -> None:
        for part, answers in self._parts:
            self._part = part
            try:
                answers()
            except CuratorError as error:
                log.warning("not ready: %s", error)
                raise _not_ready(f"{part} does not answer") from error


def _not_ready(message: str) -> NotReady:
    return NotReady(message, hint="the log of the server says more", retry_seconds=5)


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the server answers."""
    return Health(status="ok", version=earthcurator.__version__)


@router.get("/readyz")
async def readyz(request: Request) -> Health:
    """Whether the server can work: its database, storage and encoder answer. 503 otherwise, which says what does not.

    Anybody may ask; a check that is under way serves all who do.
    """
    readiness: Readiness = request.app.state.readiness
    await readiness.check()
    return Health(status="ready", version=earthcurator.__version__)
