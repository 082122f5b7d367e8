"""Whose turn it is: what is known of a server, and the queue before it. For one asyncio loop; opens no sockets."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from earthcurator.gibs.politeness import Concurrency, Policy, TokenBucket


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try did not count."""

    kind: str
    """A `Verdict`, or `silent` when there was no answer."""
    text: str
    pause: float = 0


class Host:
    """What is known of a server, and whose turn it is to ask it. Used in the loop's thread only."""

    def __init__(self, name: str, policy: Policy, *, proxy: str | None = None) -> None:
        self.name = name
        self.proxy = proxy
        """Address of the proxy that leads to it."""
        self.answered = False
        """Whether it ever sent an answer of any kind."""
        self.says_version = False
        """Whether it ever said which version of a layer it shows."""
        self.hopeless = 0
        """Tiles in a row that failed after all tries because it was silent or overloaded."""
        self.concurrency = Concurrency(policy)
        self.bucket = TokenBucket(policy.megabits_per_second * 1e6 / 8, time.monotonic())
        self._paused_until = 0.0
        self._asking = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until another request may be sent; held while it is asked and answered."""
        while self._asking >= self.concurrency.limit:
            place = asyncio.get_running_loop().create_future()
            self._queue.append(place)
            try:
                await place
            except asyncio.CancelledError:
                self._call_next()  # it may have been our turn
                raise
        self._asking += 1
        try:
            while (seconds := self._delay(time.monotonic())) > 0:
                await asyncio.sleep(seconds)
            yield
        finally:
            self._asking -= 1
            self._call_next()

    def _call_next(self) -> None:
        free = self.concurrency.limit - self._asking
        while self._queue and free > 0:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1

    def answered_well(self) -> None:
        """Note a success. No more requests at once than before while the rate is what limits us."""
        self.hopeless = 0
        if self.bucket.delay(time.monotonic()) == 0:
            self.concurrency.succeeded()

    def failed(self, failure: Failure, sent: float) -> None:
        """Note a failure, and leave the server alone for as long as it asks."""
        now = time.monotonic()
        if failure.kind in ("slow down", "silent", "denied"):
            self.concurrency.overloaded(sent, now)
        self._paused_until = max(self._paused_until, now + failure.pause)

    def _delay(self, now: float) -> float:
        return max(self._paused_until - now, self.bucket.delay(now))
