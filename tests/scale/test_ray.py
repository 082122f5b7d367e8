"""Shards on a real Ray cluster: one of its nodes is killed, or the program that hands out the work."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import earthcurator as ec
from earthcurator.scale import commit, missing, plan_embed
from earthcurator.scale.ray import run_on_ray
from tests.forks import curator

from .conftest import PICTURES, children_of, data_files, vectors_of

os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
pytest.importorskip("ray", reason="needs the extra scale")

# Ray leaves sockets and files of its own to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

STORE = {"object_store_memory": 100_000_000}
# Ray waits 15 s before it believes that a node is gone.
IMPATIENT = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 500, "health_check_failure_threshold": 10}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head with one CPU."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": IMPATIENT, **STORE})
    yield made
    made.shutdown()


def kill_node(node: Any) -> int:
    """Kill all processes of a node as soon as one is at a shard; returns how many were."""
    raylet = node.all_processes["raylet"][0].process.pid
    while not (busy := children_of(raylet, b"ray::run_at")):  # Ray names a worker after its task
        time.sleep(0.02)
    for pid in (raylet, *busy):
        os.kill(pid, signal.SIGKILL)
    node.kill_all_processes(check_alive=False, allow_graceful=False)
    return len(busy)


def test_killed_node_costs_the_shards_that_it_was_at(cluster: Any, folder: str) -> None:
    second = cluster.add_node(num_cpus=2, **STORE)
    hit: list[int] = []
    killer = threading.Thread(target=lambda: hit.append(kill_node(second)))
    killer.start()
    with ec.open(folder) as project:
        plan = plan_embed(project, size=2)
        ran = run_on_ray(folder, plan, missing(project, plan), settings=project.settings, address=cluster.address)
        killer.join()
        assert (ran.made + ran.there, ran.failed) == (20, {})
        assert commit(project, plan).rows == PICTURES
    assert len(vectors_of(folder)) == PICTURES
    assert len(data_files(folder)) <= 20 + hit[0]  # one of each shard, and of those that were hit


def test_killed_driver_does_no_finished_shard_again(cluster: Any, folder: str, tmp_path: Path) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=1)
        driver = curator(
            *("--project", folder, "ray", "run", plan, "--address", cluster.address), errors=tmp_path / "errors.txt"
        )
        while len(project.shards.done(plan)) < 3:
            assert driver.is_alive(), (tmp_path / "errors.txt").read_text()
            time.sleep(0.02)
        driver.kill()
        driver.join()
        early = {index: project.shards.record(plan, index) for index in project.shards.done(plan)}
        left = missing(project, plan)
        assert left
        ran = run_on_ray(folder, plan, left, settings=project.settings, address=cluster.address)
        assert (ran.ended, ran.failed) == (len(left), {})
        assert {index: project.shards.record(plan, index) for index in early} == early
        assert commit(project, plan).rows == PICTURES
    assert len(vectors_of(folder)) == PICTURES
