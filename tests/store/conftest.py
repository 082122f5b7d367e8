"""A real S3 server, SeaweedFS from PyPI, for the tests of projects on object storage."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from earthcurator.settings import Settings

KEY, SECRET = "curator", "not-a-secret"
IDENTITY = {
    "identities": [
        {
            "name": "tests",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
    ]
}


def free_ports(count: int) -> list[int]:
    """Ports that are free together with the one 10,000 above, where SeaweedFS puts gRPC.

    All below 32,768, where Linux begins to give ports to clients: one could hold a port of a server that is down.
    """
    found: list[int] = []
    port = 11_000 + (hash(time.monotonic_ns()) % 11_000)
    while len(found) < count:
        port += 1
        if all(_is_free(number) for number in (port, port + 10_000)):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class S3Server:
    """One SeaweedFS process on loopback with its data in a folder; may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = free_ports(4)
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "s3.json"
        self._config.write_text(json.dumps(IDENTITY))
        self.endpoint = f"http://127.0.0.1:{self._ports[3]}"

    def start(self) -> None:
        master, volume, filer, s3 = self._ports
        weed = Path(sys.executable).parent / "weed"
        self._process = subprocess.Popen(
            [
                weed if weed.exists() else str(shutil.which("weed")),
                *("server", f"-dir={self._folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
                *(f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}"),
                *(
                    "-s3",
                    f"-s3.port={s3}",
                    f"-s3.config={self._config}",
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    "-master.volumeSizeLimitMB=64",
                    "-volume.max=0",  # as many as there is room for
                ),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
        )
        self._await()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _await(self) -> None:
        store = S3Store(
            "ready", endpoint=self.endpoint, access_key_id=KEY, secret_access_key=SECRET, region="us-east-1",
            client_options={"allow_http": True}, retry_config={"max_retries": 0},
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                store_put(store)
            except BaseError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return


def store_put(store: S3Store) -> None:
    """Write one object; SeaweedFS makes the bucket with it."""
    store.put("ready", b"yes")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running S3 server."""
    server = S3Server(tmp_path_factory.mktemp("seaweedfs"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def s3_settings(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that reach the server, from the environment, as a user gives them."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
    return Settings()
