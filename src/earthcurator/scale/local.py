"""The shards of a plan in several processes of this machine.

A process that dies is replaced, and the shard that it was at is done again: one shard for each death. Work can be
stopped at any moment, kill -9 included; the next run does what is missing.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from earthcurator.errors import CuratorError, StorageFailed
from earthcurator.imagery import Progress
from earthcurator.scale.work import Ran, run_at, silent
from earthcurator.settings import Settings

log = logging.getLogger(__name__)

_SPAWN = multiprocessing.get_context("spawn")  # Lance does not survive a fork
_MOST_DEATHS = 3
"""A shard at which so many workers died is given up: it may take more memory than there is."""
_MEMORY = "give the workers more memory, or take fewer of them: --workers"


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    index: int


def run_here(
    location: str,
    plan: str,
    indices: Sequence[int],
    *,
    workers: int,
    settings: Settings,
    at_once: int = 1,
    progress: Progress = silent,
) -> Ran:
    """Do these shards of the plan of a project, in `workers` processes.

    `at_once`: how many programs such as this one run at the same time, and share what a source of imagery may be asked.
    """
    ran, deaths = Ran(), Counter[int]()
    waiting, working = deque(indices), dict[Connection, _Worker]()
    workers = max(1, min(workers, len(indices)))
    mine = settings.model_copy(update={"threads": max(1, settings.threads // workers)})

    def hire() -> None:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_work, args=(theirs, location, mine, plan, workers * at_once), daemon=True)
        process.start()
        theirs.close()  # so that its death is the end of our side
        index = waiting.popleft()
        working[ours] = _Worker(process, index)
        with suppress(OSError):  # it died already; we hear of that when we listen
            ours.send(index)

    try:
        while waiting and len(working) < workers:
            hire()
        while working:
            progress(ran.ended, len(indices))
            for pipe in wait(list(working)):
                assert isinstance(pipe, Connection)  # we gave it nothing else
                worker = working[pipe]
                try:
                    ran.count(worker.index, pipe.recv())
                    if waiting:
                        worker.index = waiting.popleft()
                        pipe.send(worker.index)
                        continue
                except (EOFError, OSError):
                    log.warning("the worker at shard %d died", worker.index)
                    deaths[worker.index] += 1
                    if deaths[worker.index] < _MOST_DEATHS:
                        waiting.appendleft(worker.index)
                    else:
                        ran.count(worker.index, StorageFailed(f"{_MOST_DEATHS} workers died at it", hint=_MEMORY))
                _dismiss(pipe, working.pop(pipe))
                if waiting:
                    hire()
        progress(ran.ended, len(indices))
    finally:
        for pipe, worker in working.items():
            worker.process.kill()
            _dismiss(pipe, worker)
    return ran


def _dismiss(pipe: Connection, worker: _Worker) -> None:
    pipe.close()
    worker.process.join()
    worker.process.close()


def _work(pipe: Connection, location: str, settings: Settings, plan: str, at_once: int) -> None:
    """A worker: shard numbers come in, and what became of each goes out, until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever hired us, who ends us then
    while True:
        try:
            index = pipe.recv()
            try:
                outcome: str | CuratorError = run_at(location, settings, plan, index, at_once)
            except CuratorError as error:
                outcome = error
            except Exception as error:  # told as what it is; only a death is a death
                log.exception("shard %d", index)
                hint = "that is an error in Curator: please report it"
                outcome = StorageFailed(f"{type(error).__name__}: {error}", hint=hint)
            pipe.send(outcome)
        except (EOFError, OSError):
            return
