"""A real server on a free port, over a project of sixty chips with places and times."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

import earthcurator as ec
from earthcurator.models import Arrival, Box, Chip
from earthcurator.web.app import create_app
from earthcurator.web.serving import Serving
from tests.conftest import picture

CHIPS = 60
START = datetime(2020, 8, 16, 10, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Server:
    """A server that answers at `url`."""

    url: str
    port: int
    app: FastAPI
    project: ec.Project


Serve = Callable[..., AbstractContextManager[Server]]


def eventually(holds: Callable[[], object]) -> None:
    """Wait until something holds that another thread brings about."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def chip(number: int) -> Arrival:
    """Chip number 0 to 59: along the equator, one a day, of two layers and two class folders."""
    out = BytesIO()
    picture(number, side=64).save(out, ("png", "jpeg")[number % 2])
    content = out.getvalue()
    digest = sha256(content).hexdigest()
    facts = Chip(
        id=digest[:24],
        media_type=("image/png", "image/jpeg")[number % 2],
        width=64,
        height=64,
        sha256=digest,
        origin=f"/archive/{number:03d}",
        folder=("field", "water")[number % 2],
        layer=("Terra", "Aqua")[number % 3 == 0],
        time=START + timedelta(days=number),
        crs="EPSG:4326",
        box=Box(west=2.0 * number, south=-1, east=2.0 * number + 1, north=1),
    )
    return Arrival(facts, content)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with sixty embedded chips; tests take copies of it."""
    folder = tmp_path_factory.mktemp("archive") / "project"
    with ec.create(folder) as made:
        made.chips.add([chip(number) for number in range(CHIPS)])
        made.embed()
    return folder


@pytest.fixture
def project(archive: Path, tmp_path: Path) -> Iterator[ec.Project]:
    """A project of one's own with sixty embedded chips."""
    shutil.copytree(archive, tmp_path / "project", ignore=shutil.ignore_patterns("labels.db*", "*.lock"))
    with ec.open(tmp_path / "project") as opened:
        yield opened


@pytest.fixture(scope="session")
def chip_ids() -> list[str]:
    """The chips of the project, in its order."""
    return [chip(number).chip.id for number in range(CHIPS)]


@contextmanager
def served(app: FastAPI, project: ec.Project, listening: socket.socket) -> Iterator[Server]:
    """Run the app in a thread until the context ends."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="on",
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not running.started:
        assert thread.is_alive(), "the server ended at once"
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    port = listening.getsockname()[1]
    try:
        yield Server(f"http://127.0.0.1:{port}", port, app, project)
    finally:
        running.should_exit = True
        thread.join(20)
        listening.close()
        assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def serve(project: ec.Project) -> Serve:
    """Start a server: `with serve(names=...) as server`. Options are fields of `Serving`."""

    @contextmanager
    def start(**options: object) -> Iterator[Server]:
        listening = socket.create_server(("127.0.0.1", 0))
        options = {"port": listening.getsockname()[1], **options}
        app = create_app(project, Serving(**options))  # type: ignore[arg-type]  # options of any field
        with served(app, project, listening) as server:
            yield server

    return start


@pytest.fixture(scope="session")
def shared(archive: Path) -> Iterator[Server]:
    """A server for all tests that change nothing."""
    listening = socket.create_server(("127.0.0.1", 0))
    with ec.open(archive) as opened:
        app = create_app(opened, Serving(port=listening.getsockname()[1]))
        with served(app, opened, listening) as started:
            yield started


@pytest.fixture(scope="session")
def reader(shared: Server) -> Iterator[httpx.Client]:
    """A client of `shared`, for what changes nothing."""
    with httpx.Client(base_url=f"{shared.url}/api/v1", timeout=20) as opened:
        yield opened


@pytest.fixture
def server(serve: Serve) -> Iterator[Server]:
    """A server that only this machine reaches, with no accounts: whoever asks is the local owner."""
    with serve() as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of `server`, whose paths begin at `/api/v1`."""
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=20) as opened:
        yield opened
