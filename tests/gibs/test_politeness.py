"""Manners towards servers, as arithmetic."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from earthcurator.errors import BadInput
from earthcurator.gibs.politeness import Concurrency, Policy, TokenBucket, backoff, retry_after, verdict
from earthcurator.models import StoredTile

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
STORED = StoredTile(url="u", status="picture", layer="L_v6_STD", retrieved=NOW, checked=NOW)


def test_bytes_received_are_paid_off_at_the_agreed_rate() -> None:
    bucket = TokenBucket(1000, now=0, burst_seconds=1)
    bucket.spend(1000, now=0)
    assert bucket.delay(now=0) == 0
    bucket.spend(3000, now=0)
    assert bucket.delay(now=0) == 3
    assert bucket.delay(now=2) == 1
    assert bucket.delay(now=4) == 0


def test_an_idle_bucket_does_not_save_up_more_than_a_burst() -> None:
    bucket = TokenBucket(1000, now=0, burst_seconds=1)
    bucket.spend(2000, now=1000)
    assert bucket.delay(now=1000) == 1


def test_concurrency_grows_by_half_a_round_until_the_server_is_overloaded() -> None:
    concurrency = Concurrency(Policy(connections=8))
    for _ in range(8):
        concurrency.succeeded()
    assert concurrency.limit == 12


def test_concurrency_grows_by_one_a_round_after_the_server_was_overloaded() -> None:
    concurrency = Concurrency(Policy(connections=8))
    concurrency.overloaded(0.0, now=1.0)
    for _ in range(4):
        concurrency.succeeded()
    assert concurrency.limit == 5
    for _ in range(10_000):
        concurrency.succeeded()
    assert concurrency.limit == 64


def test_concurrency_halves_once_per_round_trip() -> None:
    concurrency = Concurrency(Policy(connections=32))
    for sent in (0.0, 0.1, 0.2):
        concurrency.overloaded(sent, now=1.0)
    assert concurrency.limit == 16
    concurrency.overloaded(1.1, now=2.0)
    concurrency.overloaded(2.1, now=3.0)
    concurrency.overloaded(3.1, now=4.0)
    assert concurrency.limit == 4


def test_retry_after_has_seconds_or_a_date() -> None:
    assert retry_after("7", NOW) == 7
    assert retry_after("Sat, 21 Nov 2026 12:01:00 GMT", NOW) == 60
    assert retry_after("Sat, 21 Nov 2026 11:00:00 GMT", NOW) == 0
    assert retry_after("soon", NOW) is None
    assert retry_after("", NOW) is None


def test_backoff_doubles_up_to_its_cap_and_spreads_out() -> None:
    policy, rng = Policy(), random.Random(0)
    waits = {tries: [backoff(tries, policy, rng) for _ in range(500)] for tries in (1, 2, 3, 20)}
    assert [round(max(values), 1) for values in waits.values()] == [0.5, 1.0, 2.0, pytest.approx(30, abs=0.5)]
    assert min(waits[20]) < 1


def test_statuses_mean_what_they_say() -> None:
    assert [verdict(status) for status in (200, 304, 404, 429, 503, 500, 400, 501, 403)] == [
        "answer",
        "unchanged",
        "missing",
        "slow down",
        "slow down",
        "again",
        "refused",
        "refused",
        "denied",
    ]
    assert (verdict(599), verdict(418)) == ("again", "refused")


@pytest.mark.parametrize(
    ("stored", "age", "fresh"),
    [
        (STORED, timedelta(days=900), True),
        (replace(STORED, layer="L_v6_NRT"), timedelta(hours=11), True),
        (replace(STORED, layer="L_v6_NRT"), timedelta(hours=13), False),
        (replace(STORED, status="blank"), timedelta(hours=13), False),
        (replace(STORED, status="missing"), timedelta(hours=13), False),
        (replace(STORED, status="missing"), timedelta(hours=11), True),
    ],
)
def test_what_may_still_change_is_asked_for_again(stored: StoredTile, age: timedelta, fresh: bool) -> None:
    now = NOW + age
    assert Policy().is_fresh(stored, now - timedelta(days=2), now) is fresh


def test_old_emptiness_stays_empty() -> None:
    blank = replace(STORED, status="blank")
    assert Policy().is_fresh(blank, NOW - timedelta(days=400), NOW + timedelta(days=30))


def test_a_policy_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(BadInput, match="100 connections"):
        Policy(connections=100)
    with pytest.raises(BadInput, match="positive"):
        Policy(megabits_per_second=0)
