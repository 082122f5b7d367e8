"""Pictures and projects that tests share. Everything is made here; nothing is fetched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from PIL import Image

import earthcurator as ec
from tests.postgres import PostgresServer

# Each test worker is one process of many: threads of its own would only get in the others' way. OpenBLAS and torch read
# theirs when they are loaded, which in the workers and in what tests start is after this.
os.environ["CURATOR_THREADS"] = "2"
os.environ["OMP_NUM_THREADS"] = "1"
# Nothing here speaks TLS, but each HTTP client is ready to: a folder of certificates is looked into when one is needed,
# the usual file is read at once, which takes 25 CPU-ms.
os.environ.pop("SSL_CERT_FILE", None)
os.environ.setdefault("SSL_CERT_DIR", "/etc/ssl/certs")
for name in ("CURATOR_PROJECT", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    os.environ.pop(name, None)

# How long an example takes says how busy the machine is. The examples are the same in each run, so that no change fails
# for what it did not touch; HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def picture(seed: int, *, side: int = 32) -> Image.Image:
    """A picture unlike that of any other seed: a coloured ground with a few rectangles."""
    rng = np.random.default_rng(seed)
    pixels = np.full((side, side, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(6):
        x, y = rng.integers(0, side - 4, 2)
        w, h = rng.integers(3, side // 2, 2)
        pixels[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


@pytest.fixture
def make_pictures(tmp_path: Path) -> Callable[..., Path]:
    """Write `count` pictures into class folders; returns the root."""

    def make(
        count: int, *, classes: tuple[str, ...] = ("field", "water"), root: str = "pictures", start: int = 0
    ) -> Path:
        folder = tmp_path / root
        for number in range(start, start + count):
            place = folder / classes[number % len(classes)] if classes else folder
            place.mkdir(parents=True, exist_ok=True)
            picture(number).save(place / f"{number:05d}.png")
        return folder

    return make


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ec.Project]:
    """A new, empty project."""
    with ec.create(tmp_path / "project") as made:
        yield made


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A real PostgreSQL server, started when the first test needs it."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def unprivileged(tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """A context in which file modes count, also where the tests run as root, whom no mode stops."""

    @contextmanager
    def as_nobody() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        for folder in (tmp_path, *tmp_path.parents):
            if folder.name.startswith("pytest-") or "pytest-" in str(folder):
                folder.chmod(folder.stat().st_mode | 0o011)
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return as_nobody
