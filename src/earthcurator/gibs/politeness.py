"""How fast, how many at once, how often again: everything about manners towards a server. Arithmetic only, no sockets.

NASA's limits for bulk downloads are 50 Mb/s sustained and 500 connections (nasa-gibs/gibs-api-docs,
map-library-usage.md); the defaults stay within the first and far below the second.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from earthcurator.errors import BadInput
from earthcurator.models import StoredTile


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is asked of a server at most, and for how long."""

    connections: int = 16
    """Requests at once in the beginning."""
    fewest: int = 4
    """Requests at once when the server is overloaded."""
    most: int = 64
    """Requests at once when all goes well."""
    megabits_per_second: float = 50
    """On average, per host."""
    connect_timeout_seconds: float = 10
    read_timeout_seconds: float = 20
    """Longest silence in the middle of an answer."""
    total_timeout_seconds: float = 90
    """Longest time for one answer."""
    tries: int = 8
    """How often a tile is asked for before it counts as failed."""
    tries_denied: int = 3
    """The same after 401 and 403, which a content delivery network may send by mistake."""
    tries_unheard: int = 3
    """The same while a host has never answered anything."""
    backoff_seconds: float = 0.5
    """Mean of the first wait is half of it; doubles with each try."""
    backoff_cap_seconds: float = 30
    retry_after_cap_seconds: float = 900
    """A server that asks for a longer pause than this is not waited for."""
    hopeless_after: int = 16
    """So many tiles in a row that failed because the server was silent or overloaded: it is given up."""
    recheck_days: float = 30
    """Empty tiles younger than this may still be filled, and older ones are asked for again after so long."""
    recheck_hours: float = 12
    """What may still change is asked for again after this time."""

    def __post_init__(self) -> None:
        if not 1 <= self.fewest <= self.connections <= self.most:
            raise BadInput(
                f"{self.connections} connections are not between {self.fewest} and {self.most}",
                hint="give at least 1, and no more than the greatest number allowed",
            )
        if self.megabits_per_second <= 0 or self.tries < 1:
            raise BadInput("the rate and the number of tries must be positive")

    def is_fresh(self, stored: StoredTile, time: datetime | None, now: datetime) -> bool:
        """Whether an answer can be used without asking the server again. `time`: what was asked for."""
        shown = stored.time or time
        recent = shown is None or now - shown < timedelta(days=self.recheck_days)
        # Only what should exist is asked for, so an answer that it does not may be the server's bad day.
        may_change = stored.status == "missing" or stored.layer.endswith("NRT") or (stored.status == "blank" and recent)
        age = now - stored.checked
        if may_change:
            return age <= timedelta(hours=self.recheck_hours)
        return stored.status == "picture" or age <= timedelta(days=self.recheck_days)


Verdict = Literal["answer", "unchanged", "missing", "again", "slow down", "denied", "refused"]

_VERDICTS: Mapping[int, Verdict] = {
    200: "answer",
    204: "missing",
    304: "unchanged",
    400: "refused",
    401: "denied",
    403: "denied",
    404: "missing",
    408: "again",
    410: "missing",
    425: "again",
    429: "slow down",
    500: "again",
    501: "refused",
    502: "slow down",
    503: "slow down",
    504: "slow down",
}


def verdict(status: int) -> Verdict:
    """What an HTTP status means for a request."""
    return _VERDICTS.get(status, "again" if status >= 500 else "refused")


def retry_after(header: str, now: datetime) -> float | None:
    """Seconds to wait by a `Retry-After` header, which has seconds or a date; None when it has neither.

    >>> retry_after("120", datetime.now(UTC))
    120.0
    """
    if header.strip().isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


def backoff(tries: int, policy: Policy, rng: random.Random) -> float:
    """Seconds to wait after so many tries: anything from 0 to a bound that doubles ("full jitter").

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    bound = policy.backoff_seconds * 2 ** (tries - 1)
    return rng.uniform(0, min(policy.backoff_cap_seconds, bound))


class TokenBucket:
    """Keeps the average rate of bytes: what was received is a debt, and who comes waits until it is paid off."""

    def __init__(self, bytes_per_second: float, now: float, *, burst_seconds: float = 1) -> None:
        self._rate = bytes_per_second
        self._full = bytes_per_second * burst_seconds
        self._level = self._full
        self._at = now

    def delay(self, now: float) -> float:
        """Seconds until the next request may start."""
        self._refill(now)
        return max(0.0, -self._level / self._rate)

    def spend(self, count: int, now: float) -> None:
        """So many bytes were received."""
        self._refill(now)
        self._level -= count

    def _refill(self, now: float) -> None:
        self._level = min(self._full, self._level + (now - self._at) * self._rate)
        self._at = now


class Concurrency:
    """How many requests at once: half when the server is overloaded, after that one more for each round of successes
    (AIMD). Until it is overloaded for the first time, half as many more for each round (slow start, as in TCP)."""

    def __init__(self, policy: Policy) -> None:
        self.limit = policy.connections
        self._fewest, self._most = policy.fewest, policy.most
        self._successes = 0
        self._halved_at = float("-inf")

    def succeeded(self) -> None:
        """A request was answered well."""
        self._successes += 1
        if self._successes >= (2 if self._halved_at == float("-inf") else self.limit):
            self._successes = 0
            self.limit = min(self._most, self.limit + 1)

    def overloaded(self, sent: float, now: float) -> None:
        """A request, sent at a time, met an overloaded server. Those sent before the last halving say nothing new."""
        if sent < self._halved_at:
            return
        self._successes = 0
        self.limit = max(self._fewest, self.limit // 2)
        self._halved_at = now
