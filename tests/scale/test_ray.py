"""Shards on a real Ray cluster: one of its nodes is killed, or the program that hands out the work."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import earthcurator as ec
from earthcurator.errors import SourceUnreachable
from earthcurator.scale import commit, missing, plan_embed
from earthcurator.scale.ray import _at_once, _hand_out, run_on_ray
from earthcurator.scale.work import silent
from tests.forks import curator

from .conftest import PICTURES, assert_finds_the_same, children_of, data_files, vectors_of

os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
ray = pytest.importorskip("ray", reason="needs the extra scale")

# Ray leaves sockets and files of its own to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.allow_hosts(["127.0.0.1", "::1", ray.util.get_node_ip_address()]),  # where Ray's head listens
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


def test_killed_node_costs_the_shards_that_it_was_at(cluster: Any, folder: str, alone: str) -> None:
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
    assert_finds_the_same(folder, alone)
    assert len(data_files(folder)) <= 20 + hit[0]  # one of each shard, and of those that were hit


def test_cluster_that_is_not_there_is_a_sentence(folder: str) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=2)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(SourceUnreachable, match=f"there is no Ray cluster at {address}: .*refused"):
            run_on_ray(folder, plan, [0], settings=project.settings, address=address)


def test_tasks_that_run_at_once_are_those_that_there_are_and_that_have_room() -> None:
    assert _at_once({"CPU": 64.0}, 0, 7) == 7
    assert _at_once({"CPU": 4.0}, 0, 7) == 4
    assert _at_once({"CPU": 64.0, "GPU": 2.0}, 0.5, 7) == 4
    assert _at_once({}, 1, 7) == 1


def test_error_of_a_task_is_told_as_what_it_is() -> None:
    error = SourceUnreachable("it is silent", hint="ask again later")
    wrapped = ray.exceptions.RayTaskError(function_name="run_at", traceback_str="Traceback ...", cause=error)

    def get(_: object) -> str:
        raise wrapped.as_instanceof_cause()

    fake = SimpleNamespace(wait=lambda ids, num_returns: (ids[:num_returns], []), get=get, exceptions=ray.exceptions)
    ran = _hand_out(fake, str, [0], 1, silent)
    assert type(ran.failed[0]) is SourceUnreachable
    assert (str(ran.failed[0]), ran.failed[0].hint) == ("it is silent", "ask again later")


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
