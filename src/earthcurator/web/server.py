"""Running the server: one process on a project's own database, or several that share a PostgreSQL."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from earthcurator.errors import BadInput, Conflict, NotAllowed, StorageFailed
from earthcurator.jobs import Runner
from earthcurator.project import Project
from earthcurator.project import open as open_project
from earthcurator.settings import Settings
from earthcurator.web.access import refuse_open
from earthcurator.web.app import create_app
from earthcurator.web.logs import LogFormat, logging_as
from earthcurator.web.metrics import Metrics, shared_by_processes
from earthcurator.web.proxies import Proxied
from earthcurator.web.serving import Serving

log = logging.getLogger(__name__)

SLOWEST_START = 60
"""Seconds. A process of several that has not answered by then is begun anew; a busy machine takes long to import."""

Ready = Callable[[str], None]


def _nobody_waits(_url: str) -> None:
    """The `ready` of someone who knows the address."""


def serve(
    project: Project,
    serving: Serving,
    *,
    processes: int = 1,
    proxies: Sequence[str] = (),
    log_format: LogFormat = "text",
    ready: Ready = _nobody_waits,
) -> None:
    """Serve a project until SIGINT or SIGTERM; `ready` gets the address once connections are taken.

    Requests under way are answered before it ends, and jobs that run are handed back, all in less than ten seconds.
    `proxies` are the addresses whose word counts about who asks and whether by https. `log_format` is for processes
    that are started here; the one that calls has settled how it logs.
    """
    if processes < 1:
        raise BadInput(f"a server takes one or more processes, not {processes}", hint="leave it out for one")
    if processes > 1 and not project.records.shared:
        raise Conflict(
            "several processes cannot share the labels of a project in SQLite",
            hint="set CURATOR_DATABASE_URL to postgresql://..., or leave --processes out",
        )
    project.records.serve()
    refuse_open(project, serving)
    with _listen(serving) as listening:
        limit = round(project.settings.upload_gb * 1e9)
        here = replace(serving, port=listening.getsockname()[1], upload_bytes=limit)
        ready(project.settings.url or here.url)
        if processes == 1:
            _run_here(project, here, proxies, listening)
        else:
            _run_workers(project, here, processes, proxies, listening, logging_as(log_format))


def _run_here(project: Project, serving: Serving, proxies: Sequence[str], listening: socket.socket) -> None:
    app = create_app(project, serving, runner=Runner(project))
    server = uvicorn.Server(_config(_behind(app, project.settings, proxies)))
    # uvicorn raises the signal that ended it once more when it has ended: then there is nothing left to do.
    with _on_signals(server.handle_exit):
        try:
            server.run(sockets=[listening])
        except SystemExit as exit_:
            raise StorageFailed("the server could not start", hint="its log says why") from exit_


def _run_workers(
    project: Project,
    serving: Serving,
    processes: int,
    proxies: Sequence[str],
    listening: socket.socket,
    log_config: dict[str, Any],
) -> None:
    # The supervisor sets its own signals, and does not put ours back.
    with shared_by_processes() as counted, _on_signals(signal.SIG_DFL):
        factory = partial(_worker_app, project.location, project.settings, serving, proxies, counted)
        config = _config(
            factory, factory=True, workers=processes, log_config=log_config, timeout_worker_healthcheck=SLOWEST_START
        )
        workers = Multiprocess(config, sockets=[listening])
        workers.run()
    if any(process.exitcode == STARTUP_FAILURE for process in workers.processes):
        raise StorageFailed("a process of the server could not start", hint="its log says why")


def _worker_app(location: str, settings: Settings, serving: Serving, proxies: Sequence[str], counted: Path) -> ASGIApp:
    """The app of one process among several. The process opens the project for itself, and ends with it."""
    threading.Thread(target=_end_with_supervisor, name="supervisor", daemon=True).start()
    project = open_project(location, settings=settings)
    project.records.serve()
    app = create_app(project, serving, runner=Runner(project), counted=Metrics(counted))
    return _behind(app, settings, proxies)


def _end_with_supervisor() -> None:
    """When the process that started this one is gone, kill -9 included, stop as if it had said so."""
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None  # or this is no process among several
    supervisor.join()
    log.warning("the process that started this one is gone: stopping")
    os.kill(os.getpid(), signal.SIGTERM)


def _behind(app: FastAPI, settings: Settings, proxies: Sequence[str]) -> ASGIApp:
    """The app, as it is below the path of `CURATOR_URL` and behind these proxies."""
    return Proxied(app, proxies, prefix=urlsplit(settings.url or "").path)


def _config(app: Any, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        **{"log_config": None, **more},
        access_log=False,
        server_header=False,
        proxy_headers=False,  # ours to read, see `Proxied`
        timeout_keep_alive=20,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=32 * 1024,
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,
    )


def _listen(serving: Serving) -> socket.socket:
    """The socket that connections come to, bound before anything else so that a taken port is a sentence."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(serving.host, serving.port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError, OverflowError) as error:
        raise BadInput(
            f"{serving.host}:{serving.port} is no address to listen on",
            hint="e.g. --host 127.0.0.1 for this machine alone, or --host 0.0.0.0 for its whole network",
        ) from error
    listening = socket.socket(family, kind)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(2048)
    except (OSError, OverflowError) as error:
        listening.close()
        raise _why_not(serving, error) from error
    listening.set_inheritable(True)
    return listening


def _why_not(serving: Serving, error: OSError | OverflowError) -> Exception:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return Conflict(
            f"port {serving.port} of {serving.host} is taken by another program", hint=f"try --port {_free_port()}"
        )
    if number == errno.EACCES:
        return NotAllowed(f"port {serving.port} may not be used by this user", hint=f"try --port {_free_port()}")
    return BadInput(f"{serving.host}:{serving.port} cannot be listened on: {error}", hint="try --host 127.0.0.1")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def _on_signals(do: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    """Answer SIGINT and SIGTERM so, and put back what was there."""
    if threading.current_thread() is not threading.main_thread():  # only there can they be answered
        yield
        return
    before = {number: signal.signal(number, do) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
