"""Many people at once, and programs that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from earthcurator.models import Label
from earthcurator.store.sql import Database, Tasks
from tests.store.sql.conftest import label, task

Make = Callable[..., Tasks]


def test_sixteen_people_label_five_hundred_chips_and_none_twice(make: Make) -> None:
    tasks = make(500)

    def work(who: str) -> list[str]:
        mine: list[str] = []
        while tasks.counts("smoke").free:
            for lease in tasks.lease("smoke", who, 5):
                assert not tasks.put(label(f"{who} {lease.chip}", lease.chip, who)).extra
                mine.append(lease.chip)
        return mine

    with ThreadPoolExecutor(16) as pool:
        labelled = [chip for chips in pool.map(work, [f"person {n}" for n in range(16)]) for chip in chips]
    assert len(labelled) == len(set(labelled)) == 500
    counts = tasks.counts("smoke")
    assert (counts.done, counts.opinions, counts.leased) == (500, 500, 0)


def test_three_opinions_of_everybody_at_once_are_of_three_people(make: Make) -> None:
    tasks = make(40, opinions=3)

    def work(who: str) -> None:
        while (leases := tasks.lease("smoke", who, 4)) or tasks.counts("smoke").free:
            for lease in leases:
                tasks.put(label(f"{who} {lease.chip}", lease.chip, who))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [f"person {n}" for n in range(8)]))
    assert tasks.counts("smoke").done == 120
    assert len({(event.chip, event.annotator) for event in tasks.events("smoke")}) == 120


def test_one_person_in_many_tabs_gets_each_chip_once(make: Make) -> None:
    tasks = make(30, opinions=2)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: tasks.put(label("e1", "c0")), range(16)))
        list(pool.map(lambda _: tasks.lease("smoke", "ana", 30), range(16)))
    assert sum(not kept.replayed for kept in answers) == 1
    assert tasks.counts("smoke").leased == 29


def test_live_reader_misses_nothing_while_others_write(make: Make) -> None:
    tasks = make(300)

    def write(number: int) -> str:
        return tasks.put(label(f"e{number}", f"c{number}", f"person {number % 12}")).label.id

    seen: list[Label] = []
    after = 0
    with ThreadPoolExecutor(12) as pool:
        writing = [pool.submit(write, number) for number in range(300)]
        while len(seen) < 300:
            ended = all(future.done() for future in writing)
            page = tasks.page("smoke", after)
            seen, after = [*seen, *page.labels], page.seq
            assert page.labels or not ended, "an event was passed over"
    assert sorted(event.id for event in seen) == sorted(future.result() for future in writing)


def test_killed_program_loses_nothing_that_it_acknowledged(address: str, writers: subprocess.Popen[str]) -> None:
    with Database.open(address) as database:
        Tasks(database).create(task(), [(f"c{number}", 0.0) for number in range(20_000)])
    acknowledged: set[str] = set()
    for run in range(10):
        acknowledged |= _label_until_killed(writers, f"{address} {run}", after=20 + 17 * run)
        with Database.open(address) as database:
            tasks = Tasks(database)
            kept = [event.id for event in tasks.events("smoke")]
            assert acknowledged <= set(kept)
            assert len(kept) == len(set(kept)) == tasks.counts("smoke").done
            if "://" not in address:
                assert database.read(lambda c: c.execute(text("PRAGMA integrity_check")).scalar_one()) == "ok"


@pytest.fixture
def writers() -> Iterator[subprocess.Popen[str]]:
    """A program that forks a labelling program for each line it is sent."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.sql.writer"],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        yield program


def _label_until_killed(writers: subprocess.Popen[str], line: str, *, after: int) -> set[str]:
    assert writers.stdin is not None
    assert writers.stdout is not None
    writers.stdin.write(f"{line}\n")
    writers.stdin.flush()
    pid = int(writers.stdout.readline())
    told = [writers.stdout.readline().strip() for _ in range(after)]
    os.kill(pid, signal.SIGKILL)
    while (line := writers.stdout.readline().strip()) != "killed":
        told.append(line)
    return {line for line in told if line.endswith(".")}
