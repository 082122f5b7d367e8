"""Filters as people write them, turned into typed values."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from earthcurator.errors import BadDates

_HINT = "write 2020, 2020-08, 2020-08-16, 2020-08-16T10:30 or a range of two such as 2020-08-16/2020-08-22"
_PERIOD = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_CLOCK = re.compile(r".*T\d\d:\d\d")
_MINUTES = re.compile(r".*T\d\d:\d\d(Z|[+-]\d\d:?\d\d)?")


def parse_dates(text: str) -> tuple[datetime, datetime]:
    """The instants from which and before which something was taken, in UTC.

    The last year, month, day, minute or second that is named belongs to the range.

    >>> start, end = parse_dates("2020-08-16/2020-08-22")
    >>> f"{start:%Y-%m-%d} {end:%Y-%m-%d}"
    '2020-08-16 2020-08-23'
    """
    first, separator, last = text.strip().partition("/")
    start, end = _period(first)
    if separator:
        end = _period(last)[1]
    if start >= end:
        raise BadDates(f"{text} ends before it begins", hint="give the earlier date first")
    return start, end


def _period(text: str) -> tuple[datetime, datetime]:
    """First instant of the year, month, day, minute or second, and the first one after it."""
    text = text.strip()
    period = _PERIOD.fullmatch(text)
    try:
        if period is None:
            return _instant(text)
        year, month, day = (int(part) if part else None for part in period.groups())
        start = datetime(year or 0, month or 1, day or 1, tzinfo=UTC)
        if day:
            return start, start + timedelta(days=1)
        if month:
            return start, (start + timedelta(days=31)).replace(day=1)
        return start, start.replace(year=start.year + 1)
    except (ValueError, OverflowError) as exc:
        raise BadDates(f"{text!r} is not a date", hint=_HINT) from exc


def _instant(text: str) -> tuple[datetime, datetime]:
    if not _CLOCK.match(text):
        raise ValueError(text)
    start = datetime.fromisoformat(text)
    # Without an offset the time is UTC, as everywhere in Curator.
    start = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
    return start, start + (timedelta(minutes=1) if _MINUTES.fullmatch(text) else timedelta(seconds=1))
