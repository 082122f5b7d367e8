"""Pictures and projects that tests share. Everything is made here; nothing is fetched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import earthcurator as ec

# Each test worker is one process of many: threads of its own would only get in the others' way.
os.environ["CURATOR_THREADS"] = "2"
for name in ("CURATOR_PROJECT", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    os.environ.pop(name, None)


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
