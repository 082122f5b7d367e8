"""kill -9 of workers and committers at any moment: in the end every vector is there once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.scale import commit, missing, plan_embed, run_here, run_shard, status

from .conftest import PICTURES, fill, vectors_of

pytestmark = pytest.mark.slow

KILLS = 8
# One shard a commit, so that a kill has many commits to fall into.
COMMIT = """
import sys
from earthcurator.scale import commits
commits.SHARDS_A_COMMIT = 1
import earthcurator as ec
with ec.open(sys.argv[1]) as project:
    print("ready", flush=True)
    commits.commit(project, sys.argv[2])
"""


def children() -> list[int]:
    """The workers of this process: not what keeps track of its shared memory."""
    pids = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds its workers in /proc")
def test_killed_worker_costs_one_shard(location: str) -> None:
    with ec.open(location) as project:
        plan = plan_embed(project, size=2)
        killed: list[int] = []

        def kill_one() -> None:
            while not project.shards.done(plan):
                time.sleep(0.05)
            victim = children()[0]
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

        killer = threading.Thread(target=kill_one)
        killer.start()
        ran = run_here(location, plan, missing(project, plan), workers=2, settings=project.settings)
        killer.join()
        assert killed
        assert (ran.made + ran.there, ran.failed) == (20, {})
        commit(project, plan)
    assert len(vectors_of(location)) == PICTURES


def test_killed_committer_loses_and_doubles_nothing(location: str, tmp_path: Path) -> None:
    with ec.open(location) as project:
        plan = plan_embed(project, size=2)
        for index in range(20):
            run_shard(project, plan, index)
    rng, interrupted = random.Random(0), 0
    longest = 1.5
    for _ in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", COMMIT, location, plan], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(rng.uniform(0.02, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            interrupted += 1
        process.communicate()
        with ec.open(location) as project:
            now = status(project, plan)
        assert len(vectors_of(location)) >= now.rows
        if now.committed == now.shards:
            break
        longest = max(0.1, longest * 0.7)  # it gets less and less done, so that there is always work left
    with ec.open(location) as project:
        commit(project, plan)
        now = status(project, plan)
    assert (now.committed, now.shards) == (20, 20)
    assert len(vectors_of(location)) == PICTURES
    assert interrupted


def test_killed_run_continues_where_it_was(tmp_path: Path, make_pictures: Callable[..., Path]) -> None:
    where = str(tmp_path / "shared")
    fill(where, make_pictures)
    command = [sys.executable, "-m", "earthcurator", "--project", where, "shards"]
    with ec.open(where) as project:
        plan = plan_embed(project, size=1)
        process = subprocess.Popen([*command, "run", plan, "--workers", "2"], stderr=subprocess.DEVNULL)
        while not project.shards.done(plan):
            time.sleep(0.05)
        process.kill()
        process.wait()
        early = {index: project.shards.record(plan, index) for index in project.shards.done(plan)}
    assert len(early) < PICTURES
    subprocess.run([*command, "run", plan, "--workers", "2"], check=True, capture_output=True)
    subprocess.run([*command, "commit", plan], check=True, capture_output=True)
    with ec.open(where) as project:
        assert {index: project.shards.record(plan, index) for index in early} == early  # none was made again
    assert len(vectors_of(where)) == PICTURES
