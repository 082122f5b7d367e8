"""What changes, as it changes: one WebSocket a browser tab, over which the server tells and the client only listens.

Each process asks the database once a second what is new, while somebody listens. So it does not matter which of
several servers did it. A message says that something changed and how it stands; what it does not say, nobody with the
role of viewer may be kept from knowing, and labels of other people are not in it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

import earthcurator
from earthcurator.errors import CuratorError, NotAllowed
from earthcurator.models import Job
from earthcurator.project import Project
from earthcurator.store.sql import Counts

if TYPE_CHECKING:
    from earthcurator.web.access import Access

log = logging.getLogger(__name__)

router = APIRouter(tags=["live"])

Message = Mapping[str, Any]
"""JSON, with a `type`: `hello`, `job`, `task` or `model`."""

POLL_SECONDS = 1.0
REST = 4
"""Where asking takes long, as with many large tasks, it is asked again after this many times as long."""
MOST_LISTENERS = 200
NEXT = 20
"""Chips of a round that are told: the first that people will see."""
BACKLOG = 256
"""Messages that wait for a slow client before it is dropped."""
CHECK_SECONDS = 5.0
"""How long somebody goes on listening after their session was ended."""
OLD = timedelta(minutes=1)
NOT_SIGNED_IN, TOO_MANY, TOO_SLOW = 4401, 1013, 4408
TRY_LATER = TOO_MANY


class Broadcast:
    """Tells everybody who listens what is new."""

    def __init__(self, project: Project, *, seconds: float = POLL_SECONDS, most: int = MOST_LISTENERS) -> None:
        self._news = _News(project)
        self._seconds = seconds
        self._most = most
        self._listeners: set[_Listener] = set()
        self._somebody = asyncio.Event()
        self._hurry = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask for news until the context ends."""
        self._loop = asyncio.get_running_loop()
        polling = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            self._loop = None
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling

    def publish(self, message: Message) -> None:
        """Tell everybody who listens to this process. May be called from any thread."""
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._spread, message)

    def look(self) -> None:
        """Ask what is new without waiting for the next second. May be called from any thread."""
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._hurry.set)

    @contextmanager
    def listening(self) -> Iterator[_Listener | None]:
        """A new listener; None when there are too many."""
        if len(self._listeners) >= self._most:
            yield None
            return
        listener = _Listener()
        self._listeners.add(listener)
        self._somebody.set()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self._somebody.clear()

    async def _poll(self) -> None:
        while True:
            await self._somebody.wait()
            began = time.monotonic()
            try:
                for message in await run_in_threadpool(self._news.since_last):
                    self._spread(message)
            except CuratorError as error:
                log.warning("cannot ask what is new: %s", error)
            except Exception:
                log.exception("cannot ask what is new")  # and try again: nobody would notice that it ended
            rest = REST * (time.monotonic() - began)
            await asyncio.sleep(rest)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), max(0, self._seconds - rest))
            self._hurry.clear()

    def _spread(self, message: Message) -> None:
        text = json.dumps(message)
        for listener in self._listeners:
            listener.put(text)


class _Listener:
    """What one client has still to be told."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[str] = asyncio.Queue(BACKLOG)
        self.too_slow = asyncio.Event()

    def put(self, text: str) -> None:
        try:
            self._waiting.put_nowait(text)
        except asyncio.QueueFull:
            self.too_slow.set()

    async def next(self, seconds: float) -> str | None:
        """The next message; None when none comes for so long."""
        try:
            return await asyncio.wait_for(self._waiting.get(), seconds)
        except TimeoutError:
            return None


class _News:
    """What has changed in the database since it was asked last."""

    def __init__(self, project: Project) -> None:
        self._records = project.records
        self._jobs_after = 0
        self._counts: dict[str, Counts] = {}
        self._rounds: dict[str, int] = {}

    def since_last(self) -> list[Message]:
        """How models, jobs and tasks stand that have changed."""
        return [*self._models(), *self._jobs(datetime.now(UTC) - OLD), *self._tasks()]

    def _jobs(self, old: datetime) -> Iterator[Message]:
        jobs, self._jobs_after = self._records.jobs.changed(self._jobs_after)
        # The first answers begin with the first job there ever was.
        yield from (_job(job) for job in jobs if job.finished is None or job.finished > old)

    def _models(self) -> Iterator[Message]:
        for task, number in self._records.rounds.newest("round").items():
            if number != self._rounds.get(task):
                self._rounds[task], chosen = self._records.rounds.last(task, "round")
                if chosen is not None:
                    yield _model(task, self._rounds[task], chosen)

    def _tasks(self) -> Iterator[Message]:
        for task in self._records.tasks.list():
            counts = self._records.tasks.counts(task.id)
            if counts != self._counts.get(task.id):
                self._counts[task.id] = counts
                yield {"type": "task", "task": task.id, "counts": asdict(counts)}


def _model(task: str, number: int, chosen: Mapping[str, Any]) -> Message:
    shown = {name: chosen[name] for name in ("labels", "strategy")}
    return {"type": "model", "task": task, "round": number, **shown, "next": chosen["picked"][:NEXT]}


def _job(job: Job) -> Message:
    shown = {name: getattr(job, name) for name in ("id", "kind", "state", "done", "total", "error", "hint")}
    return {"type": "job", "job": shown}


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    """Messages as JSON: `hello` first, then `job`, `task` and `model` when one changes."""
    broadcast: Broadcast = socket.app.state.live
    await socket.accept()  # before looking who it is: browsers show close codes only of what was accepted
    with broadcast.listening() as listener:
        if listener is None:
            await socket.close(TOO_MANY, "too many tabs listen")
            return
        ended = await _first(_tell(socket, listener), _until_gone(socket), listener.too_slow.wait())
        code = TOO_SLOW if listener.too_slow.is_set() else ended
    if isinstance(code, int):
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # it may have gone in the meantime
            await asyncio.wait_for(socket.close(code), 1)


async def _tell(socket: WebSocket, listener: _Listener) -> int | None:
    """Send what is new until the client may no longer know it; returns the code to close with."""
    access: Access = socket.app.state.access
    try:
        who = await access.person(socket)
        checked = time.monotonic()
        await socket.send_text(json.dumps({"type": "hello", "version": earthcurator.__version__, "person": who.id}))
        while True:
            message = await listener.next(CHECK_SECONDS)
            if time.monotonic() - checked >= CHECK_SECONDS:
                await access.person(socket)
                checked = time.monotonic()
            if message is not None:
                await socket.send_text(message)
    except NotAllowed:
        return NOT_SIGNED_IN
    except CuratorError as error:  # too many wrong tokens, or a database that does not answer
        log.warning("stopped telling somebody what is new: %s", error)
        return TRY_LATER
    except WebSocketDisconnect:
        return None


async def _until_gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass  # clients have nothing to say


async def _first(*coroutines: Any) -> object:
    """What the first of these returns; the others are called off."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
