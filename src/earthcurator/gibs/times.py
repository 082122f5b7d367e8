"""When a layer has imagery: periods as OnEarth writes them, and the instants they stand for.

Nothing here lists a whole period: ten-minute imagery over twenty years has a million instants, so each one is computed
from its number. All times are UTC.
"""

from __future__ import annotations

import heapq
import re
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import groupby

from earthcurator.errors import BadDates

_DAY = 86_400
_MEAN_MONTH = 2_629_746  # seconds of a twelfth of a Gregorian year
_NEVER, _FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)  # beyond all instants
_LAST = _FOREVER - timedelta(seconds=1)

_DURATION = re.compile(
    r"P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?"
    r"(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?"
)


@dataclass(frozen=True, slots=True)
class Step:
    """An ISO 8601 duration. Months are calendar months, so they cannot be seconds."""

    months: int = 0
    seconds: int = 0

    def __str__(self) -> str:
        years, months = divmod(self.months, 12)
        days, rest = divmod(self.seconds, _DAY)
        hours, rest = divmod(rest, 3600)
        minutes, seconds = divmod(rest, 60)
        day = _parts((years, "Y"), (months, "M"), (days, "D"))
        clock = _parts((hours, "H"), (minutes, "M"), (seconds, "S"))
        return f"P{day}T{clock}" if clock else f"P{day or '0D'}"


_SINGLE = Step()
_DAILY = Step(seconds=_DAY)


@dataclass(frozen=True, slots=True)
class Period:
    """Instants from `start` to `end` (both included when reached), one `step` apart. All in UTC.

    A step of nothing stands for a single instant. Months are added to the start as a calendar has it: January 31, the
    last day of February, March 31.
    """

    start: datetime
    end: datetime
    step: Step

    def __str__(self) -> str:
        """As OnEarth writes it; `parse_periods` reads it back."""
        if self.step == _SINGLE:
            return iso(self.start)
        if self.step.seconds % _DAY or not self.start.time() == self.end.time() == time():
            return f"{iso(self.start)}/{iso(self.end)}/{self.step}"
        if self.step == _DAILY and self.start == self.end:
            return f"{self.start:%Y-%m-%d}"
        return f"{self.start:%Y-%m-%d}/{self.end:%Y-%m-%d}/{self.step}"


def parse_step(text: str) -> Step:
    """Read `P1D`, `P1M`, `PT10M`, `P1DT2S`.

    >>> parse_step("P1DT2S")
    Step(months=0, seconds=86402)
    """
    found = _DURATION.fullmatch(text.strip())
    if not found or not any(found.groups()):
        raise BadDates(f"{text!r} is not a step in time", hint="write one like P1D, P8D, P1M or PT10M")
    years, months, weeks, days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
    return Step(years * 12 + months, (weeks * 7 + days) * _DAY + hours * 3600 + minutes * 60 + seconds)


def parse_time(text: str) -> datetime:
    """Read a date or a datetime; without a zone it is UTC. Fractions of a second are cut, as GIBS does."""
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise BadDates(f"{text!r} is not a date", hint="write it like 2020-08-16 or 2020-08-16T10:30:00Z") from exc
    return moment.replace(microsecond=0)


def iso(moment: datetime) -> str:
    """An instant as GIBS writes it, `2020-08-16T10:30:00Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def is_midnight(moment: datetime) -> bool:
    """Whether it is the beginning of a day."""
    return (moment.hour, moment.minute, moment.second) == (0, 0, 0)


def parse_periods(text: str) -> tuple[Period, ...]:
    """Read a comma-separated list of `start/end/step` and single dates or datetimes. A single date stands for its day.

    >>> str(parse_periods("2012-05-08T00:00:00.000Z/2020-01-01/P1D")[0])
    '2012-05-08/2020-01-01/P1D'
    """
    return tuple(_parse_period(part) for part in text.split(",") if part.strip())


def instants(periods: Sequence[Period], start: datetime, end: datetime) -> Iterator[datetime]:
    """Every instant that exists from `start` to before `end`, each once, in order."""
    merged = heapq.merge(*(_instants(period, start, end) for period in periods))
    return (moment for moment, _ in groupby(merged))


def snap(periods: Sequence[Period], moment: datetime) -> datetime | None:
    """The instant whose imagery GIBS shows for a moment: the beginning of the step it lies in; None in a gap.

    Where periods overlap, the latest one.
    """
    found = (_snap(period, moment) for period in periods)
    return max((instant for instant in found if instant is not None), default=None)


def first_and_last(periods: Sequence[Period]) -> tuple[datetime, datetime] | None:
    """The first and the last instant there is; None without periods."""
    if not periods:
        return None
    return min(period.start for period in periods), max(_nth(period, _number(period, period.end)) for period in periods)


def period_name(periods: Sequence[Period]) -> str:
    """How often there is imagery, for people: `daily`, `8-day`, `monthly`, `10-minute`; empty without times.

    >>> period_name(parse_periods("2000-02-18/2000-12-26/P8D,2001-01-01/2001-12-27/P8D"))
    '8-day'
    """
    if not periods:
        return ""
    [(step, _)] = Counter(period.step for period in periods).most_common(1)
    if step in _NAMES:
        return _NAMES[step]
    for size, unit in ((12, "year"), (1, "month")):
        if step.months and not step.seconds and step.months % size == 0:
            return f"{step.months // size}-{unit}"
    for size, unit in ((_DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if not step.months and step.seconds % size == 0:
            return f"{step.seconds // size}-{unit}"
    return str(step)


_NAMES = {
    _SINGLE: "irregular",
    Step(months=12): "yearly",
    Step(months=1): "monthly",
    _DAILY: "daily",
    Step(seconds=3600): "hourly",
}


def _parse_period(text: str) -> Period:
    match text.strip().split("/"):
        case [single]:
            start = end = parse_time(single)
            step = _SINGLE if "T" in single else _DAILY
        case [first, last, every]:
            start, end, step = parse_time(first), parse_time(last), parse_step(every)
        case _:
            raise BadDates(f"{text!r} is not a period", hint="write start/end/step, e.g. 2000-02-24/2020-01-01/P1D")
    if end < start or (step == _SINGLE and end > start):
        raise BadDates(f"the period {text!r} does not lead from its start to its end", hint="write start/end/step")
    return Period(start, end, step)


def _instants(period: Period, start: datetime, end: datetime) -> Iterator[datetime]:
    number = max(0, _number(period, start))
    while (moment := _nth(period, number)) < end and moment <= period.end:
        if moment >= start:
            yield moment
        if period.step == _SINGLE:
            return
        number += 1


def _snap(period: Period, moment: datetime) -> datetime | None:
    if moment < period.start or (period.step == _SINGLE and moment != period.start):
        return None
    instant = _nth(period, _number(period, moment))
    return instant if instant <= period.end else None


def _number(period: Period, moment: datetime) -> int:
    """How many steps from the start to the last instant at or before a moment, as if the period had no end."""
    step = period.step.months * _MEAN_MONTH + period.step.seconds
    if not step:
        return 0
    number = int((moment - period.start) // timedelta(seconds=step))
    # Months differ from their mean, so the estimate may be a step or two off.
    while _nth(period, number) > moment:
        number -= 1
    while _nth(period, number + 1) <= min(moment, _LAST):
        number += 1
    return number


def _nth(period: Period, number: int) -> datetime:
    try:
        shifted = _add_months(period.start, number * period.step.months)
        return shifted + timedelta(seconds=number * period.step.seconds)
    except (OverflowError, ValueError):  # beyond the year 9999, or before 1
        return _FOREVER if number > 0 else _NEVER


def _add_months(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _parts(*counted: tuple[int, str]) -> str:
    return "".join(f"{number}{unit}" for number, unit in counted if number)
