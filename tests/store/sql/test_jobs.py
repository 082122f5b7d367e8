"""Jobs on both databases: each is run by one worker at a time, survives it, and says how far it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from earthcurator.errors import BadInput, Conflict, NotFound
from earthcurator.models import Job, JobLine
from earthcurator.store.sql import Database, Jobs
from earthcurator.store.sql.jobs import MOST_ATTEMPTS
from tests.store.sql.conftest import WHEN, Clock


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def job(name: str = "j1", **more: Any) -> Job:
    return Job(id=name, kind="export", created=WHEN, **more)


def claimed(jobs: Jobs, worker: str = "ana") -> str | None:
    taken = jobs.claim(worker)
    return None if taken is None else taken.id


def test_job_comes_back_as_it_was_made_and_once(jobs: Jobs) -> None:
    asked = job(parameters={"task": "smoke", "classes": ["漢字"]}, person="ana", total=7)
    kept = jobs.add(asked)
    assert kept == jobs.add(asked) == jobs.get("j1") == replace(asked, created=kept.created)
    assert kept.created.year > 2020
    assert jobs.list() == [kept]
    with pytest.raises(Conflict, match="something else"):
        jobs.add(job(parameters={"task": "water"}))
    with pytest.raises(NotFound, match="j9"):
        jobs.get("j9")
    with pytest.raises(BadInput):
        jobs.add(job(""))


def test_job_runs_from_waiting_to_done(jobs: Jobs) -> None:
    jobs.add(job())
    begun = jobs.claim("ana")
    assert begun is not None
    assert (begun.state, begun.attempts, begun.finished) == ("running", 1, None)
    assert begun.started is not None
    assert jobs.claim("ben") is None
    assert not jobs.report("j1", "ana", 3, 10)
    assert (jobs.get("j1").done, jobs.get("j1").total) == (3, 10)
    ended = jobs.finish("j1", "ana", result={"file": "out.zip"})
    assert ended == jobs.get("j1") == jobs.finish("j1", "ana", error="again")
    assert (ended.state, ended.result, ended.started) == ("done", {"file": "out.zip"}, begun.started)
    assert ended.finished is not None
    with pytest.raises(Conflict):
        jobs.finish("j1", "ben")
    with pytest.raises(Conflict):
        jobs.report("j1", "ana", 4, 10)
    with pytest.raises(NotFound):
        jobs.report("j9", "ana", 4, 10)


def test_what_came_of_it_so_far_is_kept_however_it_ends(jobs: Jobs) -> None:
    for name, end in (
        ("j1", {"cancelled": True}),
        ("j2", {"error": "the disk is full"}),
        ("j3", {"result": {"all": 2}}),
    ):
        jobs.add(job(name))
        claimed(jobs)
        jobs.report(name, "ana", 1, 2, result={"some": 1})
        jobs.report(name, "ana", 1, 2)
        assert jobs.get(name).result == {"some": 1}
        assert jobs.finish(name, "ana", **end).result == end.get("result", {"some": 1})


def test_failure_says_why(jobs: Jobs) -> None:
    jobs.add(job())
    claimed(jobs)
    failed = jobs.finish("j1", "ana", error="the disk is full", hint="make room")
    assert (failed.state, failed.error, failed.hint) == ("failed", "the disk is full", "make room")


def test_oldest_job_comes_first_and_the_newest_is_listed_first(jobs: Jobs) -> None:
    for number in range(5):
        jobs.add(job(f"j{number}"))
    assert [claimed(jobs) for _ in range(6)] == ["j0", "j1", "j2", "j3", "j4", None]
    page = jobs.list(2)
    assert [job.id for job in page] == ["j4", "j3"]
    assert [job.id for job in jobs.list(9, before=page[-1].id)] == ["j2", "j1", "j0"]
    with pytest.raises(NotFound):
        jobs.list(before="j9")


def test_silent_worker_loses_its_job(jobs: Jobs, clock: Clock) -> None:
    jobs.add(job())
    claimed(jobs, "ana")
    clock.offset += 20
    jobs.report("j1", "ana", 1, 2)
    clock.offset += 20
    assert claimed(jobs, "ben") is None
    clock.offset += 20
    again = jobs.claim("ben")
    assert again is not None
    assert (again.id, again.attempts, again.done) == ("j1", 2, 1)
    with pytest.raises(Conflict, match="no longer run by ana") as lost:
        jobs.finish("j1", "ana")
    assert "stop" in lost.value.hint
    with pytest.raises(Conflict):
        jobs.report("j1", "ana", 2, 2)
    assert jobs.finish("j1", "ben").state == "done"


def test_late_worker_keeps_the_job_that_nobody_took(jobs: Jobs, clock: Clock) -> None:
    jobs.add(job())
    claimed(jobs, "ana")
    clock.offset += 1000
    jobs.report("j1", "ana", 1, 2)
    assert claimed(jobs, "ben") is None
    assert jobs.finish("j1", "ana").state == "done"


def test_job_that_stops_every_server_fails_in_the_end(jobs: Jobs, clock: Clock) -> None:
    jobs.add(job("j1"))
    for attempt in range(MOST_ATTEMPTS):
        assert claimed(jobs, f"worker {attempt}") == "j1"
        clock.offset += 31
    jobs.add(job("j2"))
    assert claimed(jobs, "ana") == "j2"
    failed = jobs.get("j1")
    assert (failed.state, failed.attempts) == ("failed", MOST_ATTEMPTS)
    assert "5 times" in failed.error
    assert failed.hint
    with pytest.raises(Conflict):
        jobs.finish("j1", f"worker {MOST_ATTEMPTS - 1}")


def test_cancelling_stops_what_waits_and_asks_what_runs(jobs: Jobs) -> None:
    jobs.add(job("j1"))
    jobs.add(job("j2"))
    claimed(jobs)
    assert jobs.cancel("j1").state == "running"
    assert jobs.report("j1", "ana", 1, 2)
    assert jobs.finish("j1", "ana", cancelled=True).state == "cancelled"
    waiting = jobs.cancel("j2")
    assert (waiting.state, waiting.attempts) == ("cancelled", 0)
    assert waiting.finished is not None
    assert jobs.cancel("j2") == waiting
    assert claimed(jobs) is None
    with pytest.raises(NotFound):
        jobs.cancel("j9")


def test_cancelled_job_of_a_silent_worker_is_not_begun_again(jobs: Jobs, clock: Clock) -> None:
    jobs.add(job())
    claimed(jobs)
    jobs.cancel("j1")
    clock.offset += 31
    assert claimed(jobs, "ben") is None
    assert jobs.get("j1").state == "cancelled"


def test_only_server_takes_over_at_once_what_ran_before_it(jobs: Jobs) -> None:
    jobs.add(job("j1"))
    jobs.add(job("j2"))
    claimed(jobs, "ana")
    jobs.orphan_all()
    assert [claimed(jobs, "ben") for _ in range(3)] == ["j1", "j2", None]
    with pytest.raises(Conflict):
        jobs.finish("j1", "ana")


def test_changes_are_told_in_order_and_none_twice(jobs: Jobs) -> None:
    assert jobs.changed(0) == ([], 0)
    jobs.add(job("j1"))
    jobs.add(job("j2"))
    told, seen = jobs.changed(0)
    assert [job.id for job in told] == ["j1", "j2"]
    assert jobs.changed(seen) == ([], seen)
    claimed(jobs)
    jobs.report("j1", "ana", 1, 2)
    told, seen = jobs.changed(seen)
    assert [(job.id, job.state, job.done) for job in told] == [("j1", "running", 1)]
    jobs.report("j1", "ana", 1, 2)  # a heartbeat is no change
    assert jobs.changed(seen) == ([], seen)
    jobs.finish("j1", "ana")
    assert [job.state for job in jobs.changed(seen)[0]] == ["done"]


def test_job_that_is_handed_back_waits_and_has_lost_no_attempt(jobs: Jobs) -> None:
    jobs.add(job("j1"))
    for _ in range(7):
        assert jobs.claim("ana") is not None
        assert jobs.hand_back("j1", "ana").state == "waiting"
    assert jobs.get("j1").attempts == 0
    with pytest.raises(Conflict):
        jobs.hand_back("j1", "ana")


def test_worker_takes_only_its_kinds_of_jobs(jobs: Jobs) -> None:
    jobs.add(job("j1"))
    jobs.add(replace(job("j2"), kind="train"))
    assert jobs.claim("ana", only={"train"}).id == "j2"  # type: ignore[union-attr]  # None fails here as well
    assert jobs.claim("ana", only={"train"}) is None
    assert jobs.claim("ben", never={"export"}) is None
    assert claimed(jobs, "ben") == "j1"


def test_pause_reaches_the_worker_and_lasts_until_it_is_resumed(jobs: Jobs) -> None:
    jobs.add(job())
    claimed(jobs)
    assert jobs.pause("j1").state == "running"
    assert jobs.report("j1", "ana", 1, 2) == "pause"
    assert jobs.hand_back("j1", "ana").state == "paused"
    assert claimed(jobs) is None
    assert jobs.resume("j1").state == "waiting"
    assert claimed(jobs) == "j1"
    assert jobs.report("j1", "ana", 1, 2) is None


def test_pause_that_is_taken_back_in_time_changes_nothing(jobs: Jobs) -> None:
    jobs.add(job())
    claimed(jobs)
    jobs.pause("j1")
    assert jobs.resume("j1").state == "running"
    assert jobs.report("j1", "ana", 1, 2) is None


def test_who_pauses_and_cancels_wants_it_cancelled(jobs: Jobs) -> None:
    jobs.add(job("j1"))
    claimed(jobs)
    jobs.pause("j1")
    jobs.cancel("j1")
    assert jobs.report("j1", "ana", 1, 2) == "cancel"
    jobs.add(job("j2"))
    jobs.pause("j2")
    assert jobs.cancel("j2").state == "cancelled"
    for ended in (jobs.pause, jobs.resume):
        assert ended("j2").state == "cancelled"


def test_job_of_a_silent_worker_that_was_to_be_paused_is_paused(jobs: Jobs, clock: Clock) -> None:
    jobs.add(job())
    claimed(jobs)
    jobs.pause("j1")
    clock.offset += 31
    assert claimed(jobs, "ben") is None
    assert jobs.get("j1").state == "paused"


def test_log_keeps_the_newest_lines(jobs: Jobs) -> None:
    jobs.add(job())
    assert jobs.log("j1") == []
    for first in (0, 150):
        jobs.note("j1", [JobLine(time=WHEN, text=str(number)) for number in range(first, first + 150)])
    log = jobs.log("j1")
    assert [line.text for line in log] == [str(number) for number in range(100, 300)]
    assert log[0].time == WHEN
    with pytest.raises(NotFound):
        jobs.log("j9")


def test_eight_workers_run_fifty_jobs_once_each(jobs: Jobs) -> None:
    for number in range(50):
        jobs.add(job(f"j{number}"))

    def work(worker: str) -> list[str]:
        mine = []
        while (taken := jobs.claim(worker)) is not None:
            jobs.report(taken.id, worker, 1, 1)
            jobs.finish(taken.id, worker, result={"by": worker})
            mine.append(taken.id)
        return mine

    with ThreadPoolExecutor(8) as pool:
        run = [name for names in pool.map(work, [f"worker {n}" for n in range(8)]) for name in names]
    assert sorted(run) == sorted(f"j{number}" for number in range(50))
    assert {(job.state, job.attempts) for job in jobs.list()} == {("done", 1)}


def test_poller_misses_no_change_while_others_work(jobs: Jobs) -> None:
    def work(number: int) -> None:
        jobs.add(job(f"j{number}"))
        taken = jobs.claim(f"worker {number}")
        assert taken is not None
        jobs.finish(taken.id, f"worker {number}")

    done: set[str] = set()
    seen = 0
    with ThreadPoolExecutor(8) as pool:
        working = [pool.submit(work, number) for number in range(60)]
        while len(done) < 60:
            ended = all(future.done() for future in working)
            told, seen = jobs.changed(seen)
            done |= {job.id for job in told if job.state == "done"}
            assert told or not ended, "a change was passed over"
    for future in working:
        future.result()
