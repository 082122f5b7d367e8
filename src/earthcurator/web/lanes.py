"""Bounded room for work that costs: so many at once, so many waiting, and everybody else is told to come back.

Searching and drawing pictures use whole cores for milliseconds. Were all requests of a flood let in, each would be
slow and those who label would wait behind them. Each lane has threads of its own, so that labels keep theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from earthcurator.errors import Busy

T = TypeVar("T")


class Lane:
    """Threads for one sort of work, and a queue of limited length before them."""

    def __init__(self, name: str, *, threads: int, waiting: int) -> None:
        self._name = name
        self._room = threads + waiting
        self._inside = 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def admit(self) -> None:
        """Raise Busy when there is no room, e.g. before a large body is read."""
        if self._inside >= self._room:
            raise Busy(f"{self._inside} requests for {self._name} are under way already", hint="ask again in a second")

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns. Raises Busy at once when there is no room."""
        self.admit()
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._inside -= 1


class Lanes:
    """The lanes of a server."""

    def __init__(self, threads: int) -> None:
        self.search = Lane("search", threads=threads, waiting=32)
        self.pictures = Lane("pictures", threads=threads, waiting=256)  # a screen asks for many small ones at once


async def _lanes(connection: HTTPConnection) -> Lanes:
    lanes: Lanes = connection.app.state.lanes
    return lanes


Lanewise = Annotated[Lanes, Depends(_lanes)]
