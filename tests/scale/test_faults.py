"""The S3 server is killed and started again while programs commit: nothing is lost, doubled or done again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore
from uuid import uuid4

import pytest

import earthcurator as ec
from earthcurator.errors import StorageFailed
from earthcurator.imagery import Progress
from earthcurator.scale import commit, commits, plan_embed, status
from earthcurator.settings import Settings
from tests.store.conftest import S3Server

from .conftest import PICTURES, run_all, vectors_of

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def commit_until_done(project: ec.Project, plan: str, progress: Progress) -> None:
    """As someone does who runs the command again when it failed."""
    while True:
        try:
            commit(project, plan, progress=progress)
        except StorageFailed:
            time.sleep(0.2)
        else:
            return


def test_server_killed_in_the_middle_of_a_commit(bucket: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "SHARDS_A_COMMIT", 1)
    begun = Semaphore(0)
    with ec.open(bucket) as project, ThreadPoolExecutor(1) as pool:
        plan = plan_embed(project, size=5)
        run_all(project, plan)
        records = [project.shards.record(plan, index) for index in range(8)]
        committing = pool.submit(commit_until_done, project, plan, lambda *_: begun.release())
        for commits_before in (2, 3):
            for _ in range(commits_before):
                begun.acquire()
            time.sleep(0.02)  # into the middle of the last one
            s3.kill()
            s3.start()
        committing.result()
        assert [project.shards.record(plan, index) for index in range(8)] == records  # none was done again
        now = status(project, plan)
    assert (now.committed, now.rows, now.doubled) == (8, PICTURES, 0)
    assert len(vectors_of(bucket)) == PICTURES


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder of benchmarks on the path."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for module in ("common", "shard_commits"):
        sys.modules.pop(module, None)


@pytest.mark.usefixtures("benchmarks")
def test_eight_writers_and_a_server_that_is_killed(s3: S3Server, s3_settings: Settings, tmp_path: Path) -> None:
    from shard_commits import Found, Place, look, write, write_all  # found through the fixture

    place = Place(f"s3://ready/{uuid4().hex}", s3_settings, tmp_path / "ended")
    with ThreadPoolExecutor(8) as pool:
        write(pool, place, s3, writers=8, commits=2, kills=1, work=write_all)
    assert look(place, writers=8, commits=2) == Found(chips=56, lost=0, doubled=0, shards=8)


@pytest.mark.usefixtures("benchmarks")
def test_the_peer_of_that_benchmark_runs(s3: S3Server, s3_settings: Settings, tmp_path: Path) -> None:
    from shard_commits import Found, Place, append_all, look_at_peer, write  # found through the fixture

    place = Place(f"s3://ready/{uuid4().hex}", s3_settings, tmp_path / "ended")
    with ThreadPoolExecutor(2) as pool:
        write(pool, place, s3, writers=2, commits=2, kills=0, work=append_all)
    assert look_at_peer(place, writers=2, commits=2) == Found(chips=16, lost=0, doubled=0)
