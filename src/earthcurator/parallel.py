"""Many threads work ahead of one reader, who gets the results in order and never more than a little of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_AHEAD_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """A piece of work for some thread."""

    run: Callable[[], T]
    weight: int
    """Roughly how many bytes it holds while it waits and works."""


def in_order(executor: Executor, jobs: Iterable[Job[T]], *, ahead: int) -> Generator[T]:
    """Results of the jobs in their order. At most `ahead` jobs, and 256 MB of them, are taken before they are needed.

    Closing it, or an exception, calls off what has not begun and waits for what has.
    """
    waiting: deque[tuple[Future[T], int]] = deque()
    weight = 0
    try:
        for job in jobs:
            while waiting and (len(waiting) >= ahead or weight + job.weight > _AHEAD_BYTES):
                future, done = waiting.popleft()
                weight -= done
                yield future.result()
            waiting.append((executor.submit(job.run), job.weight))
            weight += job.weight
        while waiting:
            yield waiting.popleft()[0].result()
    finally:
        for future, _ in waiting:
            future.cancel()
        wait([future for future, _ in waiting])
