"""One server of several processes behind one port, as `curator serve --processes` starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest

import earthcurator as ec
from tests.postgres import PostgresServer
from tests.web.test_metrics import figures

pytestmark = pytest.mark.slow


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 240  # two processes import everything, on a machine that may be busy
    while True:
        try:
            if httpx.get(url, timeout=20).status_code == 200:
                return
        except httpx.TransportError:
            assert time.monotonic() < deadline, url


@contextmanager
def two_processes(project: ec.Project, database: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a server of two processes that is ready, and the process that started them."""
    serve = [sys.executable, "-m", "earthcurator", "--project", project.location, "serve", "--port", "0"]
    supervisor = subprocess.Popen(
        [*serve, "--processes", "2"],
        env={**os.environ, "CURATOR_DATABASE_URL": database},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert supervisor.stdout is not None
    try:
        address = supervisor.stdout.readline().strip()
        wait_for(f"{address}/readyz")
        yield address, supervisor
    finally:
        with suppress(ProcessLookupError):
            os.killpg(supervisor.pid, signal.SIGKILL)  # also what it has started
        supervisor.communicate()


def test_several_processes_count_together(project: ec.Project, postgresql: PostgresServer) -> None:
    with two_processes(project, postgresql.new_database()) as (address, supervisor):
        for _ in range(20):
            httpx.get(f"{address}/healthz", timeout=20)
        asked = [httpx.get(f"{address}/metrics", timeout=20) for _ in range(4)]
        supervisor.terminate()
        assert supervisor.wait(60) == 0
    assert [figures(one.text)["curator_http_requests_total", "GET", "/healthz", "200"] for one in asked] == [20] * 4


def test_processes_end_when_the_one_that_started_them_is_killed(
    project: ec.Project, postgresql: PostgresServer
) -> None:
    with two_processes(project, postgresql.new_database()) as (address, supervisor):
        supervisor.kill()
        _, words = supervisor.communicate(timeout=60)  # its end is the end of all that could write to it
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/healthz", timeout=20)
    assert words.count("the process that started this one is gone: stopping") == 2
    assert "Traceback" not in words
