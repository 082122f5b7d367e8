"""Records of active learning on both databases: in order, never changed, and each number given once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from earthcurator.store.sql import Database, Rounds, Tasks
from tests.store.sql.conftest import task

Make = Callable[..., Tasks]


@pytest.fixture
def rounds(database: Database, make: Make) -> Rounds:
    """Those of the task `smoke`."""
    make()
    return Rounds(database)


def test_record_comes_back_as_it_was_kept(rounds: Rounds) -> None:
    record = {"picked": ["c1", "漢字"], "seed": 2**53, "utilities": [0.5, -1e-9], "metrics": {"positives: a": 3.0}}
    assert rounds.last("smoke", "round") == (0, None)
    assert rounds.add("smoke", "round", 1, record)
    assert rounds.last("smoke", "round") == (1, record)


def test_records_are_listed_newest_first_in_pages(rounds: Rounds) -> None:
    for number in range(1, 6):
        assert rounds.add("smoke", "round", number, {"is": number})
    first = rounds.list("smoke", "round", 2)
    assert first == [(5, {"is": 5}), (4, {"is": 4})]
    assert [number for number, _ in rounds.list("smoke", "round", 9, before=4)] == [3, 2, 1]
    assert rounds.list("smoke", "round", before=1) == []


def test_a_number_is_given_once_and_none_is_left_out(rounds: Rounds) -> None:
    assert not rounds.add("smoke", "round", 2, {})
    assert rounds.add("smoke", "round", 1, {"by": "ana"})
    assert not rounds.add("smoke", "round", 1, {"by": "ben"})
    assert rounds.list("smoke", "round") == [(1, {"by": "ana"})]


def test_kinds_and_tasks_are_counted_apart(rounds: Rounds, database: Database) -> None:
    Tasks(database).create(task("fire"))
    assert rounds.add("smoke", "round", 1, {})
    assert rounds.add("smoke", "round", 2, {})
    assert rounds.add("smoke", "audit", 1, {})
    assert rounds.add("fire", "round", 1, {})
    assert rounds.newest("round") == {"smoke": 2, "fire": 1}
    assert rounds.newest("audit") == {"smoke": 1}
    assert rounds.newest("goal") == {}


def test_of_many_at_once_one_is_first(rounds: Rounds) -> None:
    with ThreadPoolExecutor(8) as people:
        won = list(people.map(lambda who: rounds.add("smoke", "round", 1, {"by": who}), range(8)))
    assert sum(won) == 1
    assert rounds.last("smoke", "round") == (1, {"by": won.index(True)})
