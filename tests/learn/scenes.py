"""Small pictures of two kinds of ground, stripes and dots, for tests that train."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from earthcurator.learn.recipe import Recipe
from earthcurator.learn.trunks import ResNet
from earthcurator.learn.views import Views
from earthcurator.pictures import encode_png

SIZE = 32


class Pictures:
    """A source in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.ids: Sequence[str] = list(files)

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        return {name: self.files[name] for name in ids if name in self.files}


def ground(count: int, seed: int = 0) -> Pictures:
    rng = np.random.default_rng(seed)
    return Pictures({f"{'stripes' if n % 2 else 'dots'}-{n}": encode_png(_picture(n, rng)) for n in range(count)})


def kinds(pictures: Pictures) -> dict[str, str]:
    return {name: name.split("-")[0] for name in pictures.ids}


def short(**changes: object) -> Recipe:
    settings: dict[str, object] = {"views": Views(size=SIZE), "epochs": 2, "batch": 16, "rate": 3e-3, "threads": 1}
    return Recipe(**{**settings, **changes})  # type: ignore[arg-type]  # each test knows the fields it changes


def small_trunk() -> nn.Module:
    return ResNet(4, (1, 1))


def _picture(number: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIZE, :SIZE]
    period = rng.uniform(3, 9)
    if number % 2:
        pattern = np.sin((x * np.cos(number) + y * np.sin(number)) * 2 * np.pi / period)
    else:
        pattern = np.sin(x * 2 * np.pi / period) * np.sin(y * 2 * np.pi / period)
    colour = rng.uniform(60, 200, 3)
    pixels = colour + 50 * pattern[..., None] + rng.normal(0, 8, (SIZE, SIZE, 3))
    clipped: NDArray[np.uint8] = pixels.clip(0, 255).astype(np.uint8)
    return clipped
