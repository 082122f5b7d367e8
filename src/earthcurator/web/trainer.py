"""Keeps the order of each task's queue up to date while people label: a round soon after new labels, never more often.

One thread works for all tasks. A round of a million chips takes about a tenth of a second; after it the thread rests
four times as long as it worked, so that labels come first (`benchmarks/rerank.py`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Condition, Thread
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from earthcurator.errors import CuratorError
from earthcurator.project import Project

log = logging.getLogger(__name__)

PAUSE = 0.15
"""Seconds to wait for more labels before a round."""
REST = 4
"""How many times as long as a round took to rest after it."""
LONGEST_REST = 5.0
"""Seconds."""
STOP_SECONDS = 5.0
"""How long the end of the server waits for the round that is at work."""


class Trainer:
    """Chooses again for tasks that were touched, and tells that there is a new round."""

    def __init__(self, project: Project, tell: Callable[[], None]) -> None:
        self._project, self._tell = project, tell
        self._touched: dict[str, None] = {}  # in order
        self._complained: set[tuple[str, str]] = set()
        self._news = Condition()
        self._ended = False
        self._thread = Thread(target=self._work, name="curator-trainer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the round that is at work; a very long one is left to itself."""
        with self._news:
            self._ended = True
            self._news.notify()
        self._thread.join(STOP_SECONDS)

    def touch(self, task: str) -> None:
        """This task has new labels, or another goal."""
        with self._news:
            self._touched[task] = None
            self._news.notify()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            started = time.monotonic()
            try:
                self._round(task)
            except CuratorError as error:  # no vectors yet, say: the queue stays in its order
                self._complain(task, str(error))
            except Exception:
                log.exception("a round for task %s failed", task)
            self._rest(REST * (time.monotonic() - started))

    def _next(self) -> str | None:
        with self._news:
            self._news.wait_for(lambda: self._ended or self._touched)
            self._news.wait_for(lambda: self._ended, PAUSE)
            if self._ended:
                return None
            task = next(iter(self._touched))
            del self._touched[task]
            return task

    def _rest(self, seconds: float) -> None:
        with self._news:
            self._news.wait_for(lambda: self._ended, min(seconds, LONGEST_REST))

    def _round(self, task: str) -> None:
        if self._project.default_encoder is None:  # asking for an encoder would choose one, which is not ours to do
            self._complain(task, "the project has no vectors yet")
            return
        learner = self._project.learner(task)
        # Twice: another server may have been first, with fewer labels than we know of.
        if learner.advance() or learner.advance():
            self._tell()

    def _complain(self, task: str, why: str) -> None:
        if (task, why) not in self._complained:
            self._complained.add((task, why))
            log.warning("the queue of task %s stays as it is: %s", task, why)


async def _trainer(connection: HTTPConnection) -> Trainer:
    trainer: Trainer = connection.app.state.trainer
    return trainer


Training = Annotated[Trainer, Depends(_trainer)]
