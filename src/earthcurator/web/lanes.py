"""Bounded room for work that costs: so many at once, so many waiting, and everybody else is told to come back.

Searching and drawing pictures use whole cores for milliseconds. Were all requests of a flood let in, each would be
slow and those who label would wait behind them. Each lane has threads of its own, so that labels keep theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from earthcurator.errors import Busy
from earthcurator.web.metrics import Metrics

T = TypeVar("T")


class Lane:
    """Threads for one sort of work, and a queue of limited length before them."""

    def __init__(self, name: str, *, threads: int, waiting: int, metrics: Metrics | None = None) -> None:
        metrics = metrics or Metrics()
        self._name = name
        self._requests = metrics.lane_requests.labels(name)
        self._refused = metrics.lane_refused.labels(name)
        self._seconds = metrics.lane_seconds.labels(name)
        self._room = threads + waiting
        self._inside = 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    @contextmanager
    def admit(self) -> Iterator[None]:
        """A place, kept until the context ends, e.g. while a large body is read. Raises Busy when there is none."""
        if self._inside >= self._room:
            self._refused.inc()
            raise Busy(f"{self._inside} requests for {self._name} are under way already", hint="ask again in a second")
        self._inside += 1
        try:
            with self._requests.track_inprogress():
                yield
        finally:
            self._inside -= 1

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns. Raises Busy at once when there is no room."""
        with self.admit():
            return await self.go_on(work)

    async def go_on(self, work: Callable[[], T]) -> T:
        """What `work` returns, for whom was admitted."""

        def timed() -> T:
            with self._seconds.time():
                return work()

        here = copy_context()  # so that the log knows which request it is
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: here.run(timed))


class Lanes:
    """The lanes of a server."""

    def __init__(self, threads: int, metrics: Metrics | None = None) -> None:
        metrics = metrics or Metrics()

        def lane(name: str, *, threads: int, waiting: int) -> Lane:
            return Lane(name, threads=threads, waiting=waiting, metrics=metrics)

        self.search = lane("search", threads=threads, waiting=32)
        self.learn = lane("learning", threads=1, waiting=8)  # a model is one for all, and whoever asks waits for it
        self.reports = lane("reports", threads=2, waiting=128)  # the first of a large task takes seconds
        self.heavy = lane("lists and tasks", threads=2, waiting=62)  # what reads or writes something of every chip
        self.uploads = lane("uploads of examples", threads=2, waiting=14)  # each is in memory as long as it is read
        self.captures = lane("pictures from Worldview", threads=4, waiting=28)  # these wait for the imagery source
        self.pictures = lane("pictures", threads=threads, waiting=256)  # a screen asks for many small ones at once


async def _lanes(connection: HTTPConnection) -> Lanes:
    lanes: Lanes = connection.app.state.lanes
    return lanes


Lanewise = Annotated[Lanes, Depends(_lanes)]
