"""`serve` and `label`, as processes of their own: how they begin, what they say, how they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO

import httpx
import pytest

import earthcurator as ec

from .conftest import Shell, failure


@dataclass
class Started:
    """A server that has said where it is."""

    process: subprocess.Popen[str]
    address: str
    words: list[str] = field(default_factory=list)
    """What it says on stderr, line by line."""

    def said(self, text: str, *, seconds: float = 10) -> str:
        """The line with this text, once it is said."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in self.words:
                if text in line:
                    return line
            time.sleep(0.01)
        raise AssertionError(f"{text!r} was not said: {self.words}")

    def stop(self, number: signal.Signals) -> int:
        """Its exit code, and it must end in less than ten seconds."""
        self.process.send_signal(number)
        return self.process.wait(timeout=10)


@contextmanager
def started(folder: Path, *arguments: object, **environment: str) -> Iterator[Started]:
    process = subprocess.Popen(
        [sys.executable, "-m", "earthcurator", "--project", str(folder), *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    words: list[str] = []
    listener = Thread(target=_listen, args=(process.stderr, words), daemon=True)
    listener.start()
    try:
        address = process.stdout.readline().strip()
        assert address, words
        yield Started(process, address, words)
    finally:
        process.kill()
        process.wait()
        listener.join()
        process.stdout.close()
        process.stderr.close()


def _listen(stream: IO[str], words: list[str]) -> None:
    for line in stream:
        words.append(line)  # noqa: PERF402 - one by one, for somebody else looks on


@pytest.fixture
def fires(tmp_path: Path, make_pictures: Callable[..., Path]) -> Path:
    """A project with six chips and a task."""
    with ec.create(tmp_path / "fires") as project:
        project.import_pictures([make_pictures(6)])
        project.tasks.create("Is there smoke?", ("smoke", "clear"))
    return tmp_path / "fires"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_answers_until_it_is_told_to_end_and_exits_with_0(fires: Path, number: signal.Signals) -> None:
    with started(fires, "serve", "--port", 0) as server:
        answer = httpx.get(f"{server.address}/healthz", timeout=20)
        assert answer.json()["status"] == "ok"
        assert "server" not in answer.headers
        assert httpx.get(f"{server.address}/api/v1/me").json()["person"]["role"] == "owner"
        assert server.stop(number) == 0
        server.said("Ctrl-C ends it")
        assert not any("Traceback" in line for line in server.words)


def test_links_lead_to_a_page_beside_the_api(fires: Path) -> None:
    with started(fires, "serve", "--port", 0) as server:
        for path in ("/", "/join", "/tasks/anything/label"):
            page = httpx.get(server.address + path, timeout=20)
            assert page.status_code == 200
            assert "<title>Curator</title>" in page.text  # the app, or what to run to have it built
        assert httpx.get(f"{server.address}/api/v1/openapi.json").status_code == 200


def test_second_server_of_a_project_is_refused_and_commands_are_not(fires: Path, shell: Shell) -> None:
    with started(fires, "serve", "--port", 0) as server:
        code, error, _ = failure(shell("--project", fires, "serve", "--port", 0))
        assert code == 3
        assert "server" in error
        assert shell("--project", fires, "user", "add", "Ada", "--role", "owner")[0] == 0
        time.sleep(2.1)  # the server asks the database again after two seconds
        assert httpx.get(f"{server.address}/api/v1/me").status_code == 401


def test_killed_server_leaves_nothing_in_the_way_of_the_next(fires: Path) -> None:
    with started(fires, "serve", "--port", 0) as server:
        server.process.kill()
        server.process.wait()
    with started(fires, "serve", "--port", 0) as server:
        assert httpx.get(f"{server.address}/api/v1/tasks", timeout=20).status_code == 200


def test_owner_is_offered_a_link_that_signs_in_once(fires: Path, shell: Shell) -> None:
    shell("--project", fires, "user", "add", "Ada", "--role", "owner")
    with started(fires, "serve", "--port", 0) as server:
        secret = server.said("/join#").strip().partition("#")[2]
        with httpx.Client(base_url=server.address, timeout=20) as browser:
            assert browser.get("/api/v1/me").status_code == 401
            assert browser.post("/api/v1/session", json={"token": secret}).status_code == 200
            assert browser.get("/api/v1/me").json()["person"]["name"] == "Ada"
        assert httpx.post(f"{server.address}/api/v1/session", json={"token": secret}).status_code == 401


def test_label_opens_the_page_of_the_task(fires: Path, tmp_path: Path) -> None:
    opener = tmp_path / "bin/xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opening && mv {tmp_path}/opening {tmp_path}/opened\n')
    opener.chmod(0o755)
    path = f"{opener.parent}{os.pathsep}{os.environ['PATH']}"
    with started(fires, "label", "Is there smoke?", "--port", 0, PATH=path) as server:
        with ec.open(fires) as project:
            task = project.tasks.find("Is there smoke?").id
        assert server.address.endswith(f"/tasks/{task}/label")
        assert httpx.get(server.address, timeout=20).status_code == 200
        deadline = time.monotonic() + 10
        while not (tmp_path / "opened").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / "opened").read_text().strip() == server.address


def test_project_is_served_from_python(fires: Path) -> None:
    script = (
        f"import earthcurator as ec\nwith ec.open({str(fires)!r}) as project:\n    project.serve(port=0)\nprint('on')"
    )
    process = subprocess.Popen([sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert httpx.get(f"{process.stdout.readline().strip()}/healthz", timeout=20).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10)[0] == "on\n"
        assert process.returncode == 0
    finally:
        process.kill()


def test_taken_port_is_a_sentence_with_a_free_one(fires: Path, shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, error, hint = failure(shell("--project", fires, "serve", "--port", port))
    assert code == 3
    assert f"port {port} of 127.0.0.1 is taken" in error
    assert int(hint.rpartition("--port ")[2]) != port


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["serve", "--host", "0.0.0.0", "--port", "0"], 3, "no accounts"),
        (["serve", "--processes", "2", "--port", "0"], 3, "several processes"),
        (["serve", "--processes", "0", "--port", "0"], 2, "processes"),
        (["serve", "--host", "192.0.2.1", "--port", "0"], 3, "no accounts"),
        (["label", "What?"], 2, "no task What?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_served_is_two_lines(
    fires: Path, shell: Shell, arguments: list[str], code: int, error: str
) -> None:
    failed, first, _ = failure(shell("--project", fires, *arguments))
    assert failed == code
    assert error in first


@pytest.mark.parametrize("host", ["192.0.2.1", "no such place"])
def test_address_that_is_not_of_this_machine_is_a_sentence(fires: Path, shell: Shell, host: str) -> None:
    shell("--project", fires, "user", "add", "Ada", "--role", "owner")
    code, error, _ = failure(shell("--project", fires, "serve", "--host", host, "--port", 0))
    assert code == 2
    assert host in error
