"""The shards of a plan as tasks of a Ray cluster (extra `scale`).

Ray runs a task again when its worker or node dies. What is finished is recorded in the project, not in Ray: when the
program that hands out tasks is killed, the next one hands out only what is missing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from earthcurator.errors import Conflict, CuratorError, SourceUnreachable, StorageFailed
from earthcurator.imagery import Progress
from earthcurator.scale.work import Ran, run_at, silent
from earthcurator.settings import Settings

_RETRIES = 5
"""How often a task is run again whose worker died."""
_PATIENCE_S = 5.0


def run_on_ray(
    location: str,
    plan: str,
    indices: Sequence[int],
    *,
    settings: Settings,
    address: str | None = None,
    gpus_per_task: float = 0,
    progress: Progress = silent,
) -> Ran:
    """Do these shards of the plan of a project on the cluster at `address`; without one, on a cluster of this machine.

    Every node has to have Curator, and reach the project at its location.
    """
    if not indices:
        return Ran()  # no cluster is started for nothing
    ray = _ray()
    try:
        _knock(address)
        ray.init(address=address, include_dashboard=False, log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceUnreachable(
            f"there is no Ray cluster at {address or 'this machine'}: {error}", hint="see: ray status"
        ) from error
    try:
        at_once = _at_once(ray.cluster_resources(), gpus_per_task, len(indices))
        mine = settings.model_copy(update={"threads": 1})
        task = ray.remote(num_cpus=1, num_gpus=gpus_per_task, max_retries=_RETRIES)(run_at)
        return _hand_out(
            ray, lambda index: task.remote(location, mine, plan, index, at_once), indices, at_once, progress
        )
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """Raise OSError when nobody listens at HOST:PORT: Ray itself asks for minutes, and tells only its log."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S).close()


def _at_once(resources: Mapping[str, float], gpus_per_task: float, shards: int) -> int:
    """How many tasks run at a time, of one CPU and so much of a GPU each: they share what a source may be asked."""
    room = [resources.get("CPU", 1.0)]
    if gpus_per_task:
        room.append(resources.get("GPU", 0.0) / gpus_per_task)
    return max(1, min(shards, *map(int, room)))


def _hand_out(ray: Any, start: Any, indices: Sequence[int], at_once: int, progress: Progress) -> Ran:
    ran, working = Ran(), dict[Any, int]()
    waiting = iter(indices)
    progress(0, len(indices))
    while True:
        for index in waiting:
            working[start(index)] = index
            if len(working) >= at_once:
                break
        if not working:
            return ran
        [ended], _ = ray.wait(list(working), num_returns=1)
        index = working.pop(ended)
        try:
            ran.count(index, ray.get(ended))
        except CuratorError as error:
            ran.count(index, _unwrapped(error))
        except ray.exceptions.RayError as error:
            ran.count(index, StorageFailed(str(error).strip().splitlines()[0], hint="see the logs of Ray"))
        progress(ran.ended, len(indices))


def _unwrapped(error: CuratorError) -> CuratorError:
    """The error itself: Ray's wrapper is of its class, too, but cannot be made like it, and says the traceback."""
    cause = getattr(error, "cause", error)
    return cause if isinstance(cause, CuratorError) else error


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Curator sends nothing about its use anywhere
    try:
        import ray
    except ImportError as error:
        raise Conflict(
            "this needs the package ray, which is not here", hint="pip install 'earthcurator[scale]'"
        ) from error
    return ray
