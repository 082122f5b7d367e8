"""Shards on a real Ray cluster of two nodes, one of which is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import earthcurator as ec
from earthcurator.scale import commit, missing, plan_embed
from earthcurator.scale.ray import run_on_ray

from .conftest import PICTURES, vectors_of

os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
pytest.importorskip("ray", reason="needs the extra scale")

# Ray leaves sockets and files of its own to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head with two CPUs."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 100_000_000})
    yield made
    made.shutdown()


def test_node_that_is_killed_costs_no_shard(cluster: Any, folder: str) -> None:
    second = cluster.add_node(num_cpus=2, object_store_memory=100_000_000)
    cluster.wait_for_nodes()
    with ec.open(folder) as project:
        plan = plan_embed(project, size=2)

        def kill_second() -> None:
            while len(project.shards.done(plan)) < 3:
                time.sleep(0.05)
            for processes in second.all_processes.values():
                for started in processes:
                    os.kill(started.process.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_second)
        killer.start()
        ran = run_on_ray(folder, plan, missing(project, plan), settings=project.settings, address=cluster.address)
        killer.join()
        assert (ran.made + ran.there, ran.failed) == (20, {})
        assert commit(project, plan).rows == PICTURES
        again = run_on_ray(folder, plan, missing(project, plan), settings=project.settings, address=cluster.address)
        assert again.ended == 0
    assert len(vectors_of(folder)) == PICTURES
