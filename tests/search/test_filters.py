"""Dates as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthcurator.errors import BadDates
from earthcurator.search import parse_dates


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # the parts are year, month, ...


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2020", at(2020, 1, 1), at(2021, 1, 1)),
        ("2020-02", at(2020, 2, 1), at(2020, 3, 1)),
        ("2020-12", at(2020, 12, 1), at(2021, 1, 1)),
        ("2020-02-29", at(2020, 2, 29), at(2020, 3, 1)),
        ("2020-08-16/2020-08-22", at(2020, 8, 16), at(2020, 8, 23)),
        (" 2019 / 2020-02 ", at(2019, 1, 1), at(2020, 3, 1)),
        ("2020-08-16T10:30", at(2020, 8, 16, 10, 30), at(2020, 8, 16, 10, 31)),
        ("2020-08-16T10:30Z/2020-08-16T12:00:05Z", at(2020, 8, 16, 10, 30), at(2020, 8, 16, 12, 0, 6)),
        ("2020-08-16T01:00+02:00", at(2020, 8, 15, 23), at(2020, 8, 15, 23, 1)),
    ],
)
def test_the_last_named_period_belongs_to_the_range(text: str, start: datetime, end: datetime) -> None:
    assert parse_dates(text) == (start, end)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "yesterday",
        "2020-13",
        "2021-02-29",
        "2020-8-1",
        "20200816",
        "2020/2019",
        "2020/2021/2022",
        "9999",
        "0000",
    ],
)
def test_what_is_not_a_range_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(BadDates) as refusal:
        parse_dates(text)
    assert refusal.value.hint


@given(st.dates(max_value=date(9998, 12, 31)), st.integers(0, 400))
def test_a_range_holds_each_of_its_days(first: date, days: int) -> None:
    last = min(first + timedelta(days=days), date(9998, 12, 31))
    start, end = parse_dates(f"{first}/{last}")
    assert start.date() == first
    assert end - start == (last - first) + timedelta(days=1)
