from __future__ import annotations

import time as clock
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from earthcurator.errors import BadDates
from earthcurator.gibs.times import (
    Period,
    Step,
    first_and_last,
    instants,
    parse_periods,
    parse_step,
    parse_time,
    period_name,
    snap,
)

BEGINNING, END = parse_time("1980-01-01"), parse_time("2040-01-01")


def days(text: str, start: str = "1980-01-01", end: str = "2040-01-01") -> list[str]:
    return [f"{moment:%Y-%m-%d}" for moment in instants(parse_periods(text), parse_time(start), parse_time(end))]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("P1D", Step(seconds=86_400)),
        ("P8D", Step(seconds=8 * 86_400)),
        ("P2W", Step(seconds=14 * 86_400)),
        ("P1M", Step(months=1)),
        ("P1Y", Step(months=12)),
        ("P1Y2M", Step(months=14)),
        ("PT10M", Step(seconds=600)),
        ("PT6M", Step(seconds=360)),
        ("PT1H", Step(seconds=3600)),
        ("P1DT2S", Step(seconds=86_402)),
        ("P1M1DT1H", Step(months=1, seconds=90_000)),
    ],
)
def test_steps_are_read_and_written(text: str, step: Step) -> None:
    assert parse_step(text) == step
    assert parse_step(str(step)) == step


@pytest.mark.parametrize("text", ["", "P", "PT", "1D", "P1", "P-1D", "PT1D", "P1.5D", "daily", "P99999999999D"])
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(BadDates, match="not a step"):
        parse_step(text)


@pytest.mark.parametrize(
    "text",
    ["2020-08-16", "2020-08-16T00:00:00Z", "2020-08-16T00:00:00.750Z", "2020-08-16T02:00+02:00", "2020-08-16T00:00"],
)
def test_times_are_read_however_they_are_written(text: str) -> None:
    assert parse_time(text) == datetime(2020, 8, 16, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2020-02-30/2020-03-01/P1D", "2020-01-01/2020-02-01", "a/b/c/d"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(BadDates):
        parse_periods(text)


@pytest.mark.parametrize("text", ["2020-02-01/2020-01-01/P1D", "2020-01-01/2020-02-01/P0D"])
def test_a_period_that_never_gets_to_its_end_is_refused(text: str) -> None:
    with pytest.raises(BadDates, match="from its start to its end"):
        parse_periods(text)


def test_a_month_from_the_31st_is_the_last_day_of_short_months_and_the_31st_again_after() -> None:
    period = "2020-01-31/2020-08-31/P1M"
    assert days(period) == [
        f"2020-{day}" for day in ["01-31", "02-29", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31"]
    ]
    assert snap(parse_periods(period), parse_time("2020-03-30")) == parse_time("2020-02-29")
    assert days("2019-01-31/2019-03-31/P1M")[1] == "2019-02-28"
    assert days("2020-02-29/2024-02-29/P1Y") == ["2020-02-29", "2021-02-28", "2022-02-28", "2023-02-28", "2024-02-29"]


def test_ten_minutes_go_over_midnight() -> None:
    periods = parse_periods("2020-08-01T00:00:00Z/2020-08-31T23:50:00Z/PT10M")
    found = list(instants(periods, parse_time("2020-08-16T23:45:00Z"), parse_time("2020-08-17T00:11:00Z")))
    assert [f"{moment:%H:%M}" for moment in found] == ["23:50", "00:00", "00:10"]
    assert snap(periods, parse_time("2020-08-16T23:59:59Z")) == parse_time("2020-08-16T23:50:00Z")


def test_there_is_nothing_in_gaps() -> None:
    periods = parse_periods("2020-01-01/2020-01-03/P1D,2020-02-01/2020-02-02/P1D")
    assert snap(periods, parse_time("2020-01-03T23:00:00Z")) == parse_time("2020-01-03")
    assert snap(periods, parse_time("2020-01-04")) is None
    assert days("2020-01-01/2020-01-03/P1D,2020-02-01/2020-02-02/P1D", "2020-01-03", "2020-02-02") == [
        "2020-01-03",
        "2020-02-01",
    ]


def test_eight_days_start_again_on_the_first_of_january() -> None:
    period = "2019-01-01/2019-12-27/P8D,2020-01-01/2020-12-26/P8D"
    assert days(period, "2019-12-15", "2020-01-10") == ["2019-12-19", "2019-12-27", "2020-01-01", "2020-01-09"]
    assert snap(parse_periods(period), parse_time("2019-12-31")) == parse_time("2019-12-27")
    assert snap(parse_periods(period), parse_time("2020-01-08")) == parse_time("2020-01-01")


def test_first_and_last_date_are_the_ones_that_are_reached() -> None:
    periods = parse_periods("2020-01-01/2020-01-12/P8D,2019-06-01/2019-06-02/P1D")
    assert first_and_last(periods) == (parse_time("2019-06-01"), parse_time("2020-01-09"))
    assert first_and_last(()) is None
    assert snap(periods, parse_time("2019-06-01") - timedelta(seconds=1)) is None
    assert snap(periods, parse_time("2020-01-16T23:59:59Z")) == parse_time("2020-01-09")
    assert snap(periods, parse_time("2020-01-17")) is None


def test_single_dates_are_days_and_single_datetimes_are_instants() -> None:
    periods = parse_periods("2012-01-01, 2016-01-01T05:00:00Z")
    assert snap(periods, parse_time("2012-01-01T10:00:00Z")) == parse_time("2012-01-01")
    assert snap(periods, parse_time("2016-01-01T05:00:00Z")) == parse_time("2016-01-01T05:00:00Z")
    assert snap(periods, parse_time("2016-01-01T06:00:00Z")) is None


def test_overlapping_periods_have_each_instant_once() -> None:
    assert days("2020-01-01/2020-01-05/P1D,2020-01-03/2020-01-07/P2D,2020-01-03") == [
        f"2020-01-0{day}" for day in (1, 2, 3, 4, 5, 7)
    ]


def test_a_moment_in_a_million_is_found_at_once() -> None:
    periods = parse_periods("2000-01-01T00:00:00Z/2030-01-01T00:00:00Z/PT10M," * 100)
    begun = clock.perf_counter()
    assert len(list(instants(periods, parse_time("2020-08-16"), parse_time("2020-08-17")))) == 144
    assert clock.perf_counter() - begun < 0.5


def test_the_end_of_all_days_is_no_obstacle() -> None:
    periods = parse_periods("2020-01-01/9999-12-31/P1M")
    assert first_and_last(periods) == (parse_time("2020-01-01"), parse_time("9999-12-01"))
    assert snap(periods, datetime.max.replace(tzinfo=UTC)) == parse_time("9999-12-01")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", ""),
        ("2020-01-01/2020-12-31/P1D", "daily"),
        ("2020-08-16,2020-08-17", "daily"),
        ("2020-01-01/2020-12-26/P8D", "8-day"),
        ("2020-01-01/2020-12-01/P1M", "monthly"),
        ("2020-01-01/2020-12-01/P3M", "3-month"),
        ("2001-01-01/2024-01-01/P1Y", "yearly"),
        ("2001-01-01/2021-01-01/P5Y", "5-year"),
        ("2020-01-01T00:00:00Z/2020-01-02T00:00:00Z/PT10M", "10-minute"),
        ("2020-01-01T00:00:00Z/2020-01-02T00:00:00Z/PT1H", "hourly"),
        ("2020-01-01T00:00:00Z/2020-01-03T00:00:00Z/P1DT2S", "86402-second"),
        ("2020-01-01T03:00:00Z", "irregular"),
        ("2020-01-01/2020-12-01/P1M1D", "P1M1D"),
    ],
)
def test_periods_have_names_for_people(text: str, name: str) -> None:
    assert period_name(parse_periods(text)) == name


MOMENTS = st.integers(0, 40 * 365 * 86_400).map(
    lambda seconds: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(0, seconds)
)
STEPS = st.one_of(
    st.builds(Step, seconds=st.integers(3600, 40 * 86_400)),
    st.builds(Step, months=st.integers(1, 30)),
    st.builds(Step, months=st.integers(1, 3), seconds=st.integers(1, 5 * 86_400)),
    st.just(Step()),
)


@st.composite
def periods_of_time(draw: st.DrawFn) -> tuple[Period, ...]:
    def one() -> Period:
        start, step = draw(MOMENTS), draw(STEPS)
        end = start if step == Step() else start + draw(st.timedeltas(timedelta(0), timedelta(days=500)))
        return Period(start, end.replace(microsecond=0), step)

    return tuple(one() for _ in range(draw(st.integers(1, 4))))


@given(periods_of_time(), MOMENTS)
def test_what_is_shown_exists_and_shows_itself(periods: tuple[Period, ...], moment: datetime) -> None:
    found = snap(periods, moment)
    assume(found is not None)
    assert found is not None
    assert found <= moment
    assert snap(periods, found) == found
    assert list(instants(periods, found, found + timedelta(seconds=1))) == [found]


@given(periods_of_time())
def test_every_instant_shows_itself_and_comes_once_in_order(periods: tuple[Period, ...]) -> None:
    found = list(instants(periods, BEGINNING, END))
    assert found == sorted(set(found))
    assert all(snap(periods, moment) == moment for moment in found[:: max(1, len(found) // 20)])
    assert first_and_last(periods) == (found[0], found[-1])


@given(periods_of_time(), MOMENTS)
def test_a_range_is_cut_out_of_the_whole(periods: tuple[Period, ...], start: datetime) -> None:
    end = start + timedelta(days=100)
    whole = instants(periods, BEGINNING, END)
    assert list(instants(periods, start, end)) == [moment for moment in whole if start <= moment < end]


@given(periods_of_time())
def test_what_is_written_is_read_again(periods: tuple[Period, ...]) -> None:
    assert parse_periods(",".join(str(period) for period in periods)) == periods
