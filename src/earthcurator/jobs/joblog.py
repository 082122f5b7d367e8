"""What a job says while it runs: its own life in plain words, and what the code that does it logs.

People who look at a job over the network read it, so that it never says where the project is and shows no traceback.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from earthcurator.models import JobLine
from earthcurator.store.sql.jobs import MOST_LINES

LONGEST_LINE = 500
"""Characters."""
OURS = logging.getLogger("earthcurator")


class JobLog(logging.Handler):
    """Lines of one job that are not written yet. As a context it also hears what its thread logs."""

    def __init__(self, location: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """`location` is that of the project."""
        super().__init__(logging.INFO)
        self._location, self._now = location, now
        self._lines: deque[JobLine] = deque(maxlen=MOST_LINES)
        self._thread = 0
        self._tenths = 0

    def say(self, text: str) -> None:
        """Add a line."""
        told = text.replace(self._location, "the project")
        self._lines.append(JobLine(time=self._now(), text=told[:LONGEST_LINE]))

    def progress(self, done: int, total: int | None) -> None:
        """Add a line for each tenth of the work."""
        tenths = 10 * done // total if total else 0
        if tenths > self._tenths:
            self.say(f"{done:,} of {total:,}")
        self._tenths = max(tenths, self._tenths)

    def take(self) -> list[JobLine]:
        """The lines since the last time."""
        return [self._lines.popleft() for _ in range(len(self._lines))]

    def emit(self, record: logging.LogRecord) -> None:
        """Add what this job's thread logs, without tracebacks."""
        if record.thread == self._thread and record.name != "earthcurator.jobs.runner":
            self.say(record.getMessage())

    def __enter__(self) -> Self:
        self._thread = threading.get_ident()
        OURS.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        OURS.removeHandler(self)
