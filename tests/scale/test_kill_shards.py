"""kill -9 of workers and committers at any moment: in the end every vector is there once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.scale import commit, commits, missing, plan_embed, run_here, status
from tests.forks import curator

from .conftest import PICTURES, children_of, data_files, run_all, vectors_of

pytestmark = pytest.mark.slow

KILLS = 6


def one_shard_a_commit() -> None:
    """So that a kill has many commits to fall into."""
    commits.SHARDS_A_COMMIT = 1


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds its workers in /proc")
def test_killed_worker_costs_one_shard(folder: str) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=1)
        killed: list[int] = []

        def kill_one() -> None:
            while not project.shards.done(plan):
                time.sleep(0.01)
            victim = children_of(os.getpid(), b"spawn_main")[0]
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

        killer = threading.Thread(target=kill_one)
        killer.start()
        ran = run_here(folder, plan, missing(project, plan), workers=2, settings=project.settings)
        killer.join()
        assert killed
        assert (ran.made + ran.there, ran.failed) == (PICTURES, {})
        commit(project, plan)
    assert len(vectors_of(folder)) == PICTURES
    assert len(data_files(folder)) <= PICTURES + 1  # one of each shard, and of the one that the kill hit


def test_killed_committer_loses_and_doubles_nothing(location: str, tmp_path: Path) -> None:
    rng, interrupted = random.Random(0), 0
    with ec.open(location) as project:
        plan = plan_embed(project, size=1)
        run_all(project, plan)
        for _ in range(KILLS):
            before = len(project.shards.commits(plan))
            process = curator(
                *("--project", location, "shards", "commit", plan),
                errors=tmp_path / "errors.txt",
                environment=os.environ,
                before=one_shard_a_commit,
            )
            while process.is_alive() and len(project.shards.commits(plan)) == before:
                time.sleep(0.02)
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
            process.join()
            interrupted += process.exitcode == -signal.SIGKILL
            assert len(vectors_of(location)) >= status(project, plan).rows > 0
        commit(project, plan)
        now = status(project, plan)
    assert (now.committed, now.rows, now.doubled) == (PICTURES, PICTURES, 0)
    assert len(vectors_of(location)) == PICTURES
    assert interrupted >= KILLS // 2


def test_killed_run_continues_where_it_was(folder: str) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=1)
        command = [sys.executable, "-m", "earthcurator", "--project", folder, "shards", "run", plan, "--workers", "2"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # it has processes of its own, so no fork
        while not project.shards.done(plan):
            time.sleep(0.01)
        process.kill()
        process.wait()
        early = {index: project.shards.record(plan, index) for index in project.shards.done(plan)}
        assert len(early) < PICTURES
        run_all(project, plan)
        assert {index: project.shards.record(plan, index) for index in early} == early  # none was made again
        commit(project, plan)
    assert len(vectors_of(folder)) == PICTURES
