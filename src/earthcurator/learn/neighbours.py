"""What training does, for the eye: some fixed chips, and which others the trunk finds most like them at that moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.nn import functional

from earthcurator.errors import BadInput, StorageFailed
from earthcurator.learn.feed import Source, read
from earthcurator.learn.quality import features
from earthcurator.pictures import encode_png

QUERIES, FOUND, AMONG = 6, 8, 400
_SIDE, _GAP = 72, 6
_PAPER = 250


class Neighbours:
    """Some chips of a source as queries, and the others that they are compared with."""

    def __init__(self, source: Source, trunk: nn.Module, size: int, *, seed: int = 0) -> None:
        self._trunk = trunk
        order = np.random.default_rng(seed).permutation(len(source.ids))[:AMONG]
        self._read = read(source, [source.ids[place] for place in order], size)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """All of them, the queries first: (n, size, size, 3)."""
        return self._read.pixels

    def rows(self) -> NDArray[np.int64]:
        """Places among the pixels, a row for each query: its own, then those of the nearest others."""
        if len(self.pixels) < 2:
            return np.empty((0, 0), np.int64)
        training = self._trunk.training
        device = next(self._trunk.parameters()).device
        self._trunk.eval()
        planes = torch.from_numpy(self.pixels).permute(0, 3, 1, 2)
        unit = functional.normalize(features(self._trunk, planes, device), dim=1)
        self._trunk.train(training)
        likeness = (unit[:QUERIES] @ unit.T).fill_diagonal_(2)  # a query comes first, also where others are its equals
        found: NDArray[np.int64] = likeness.topk(min(FOUND + 1, len(unit)), dim=1).indices.numpy()
        return found

    def named(self) -> tuple[tuple[str, ...], ...]:
        """The same as ids."""
        return tuple(tuple(self._read.ids[place] for place in row) for row in self.rows())


class Preview:
    """Draws a sheet for each measurement: a row for each query, which comes first, and the nearest others after it."""

    def __init__(self, neighbours: Neighbours, folder: Path) -> None:
        self._neighbours, self._folder = neighbours, folder
        self._drawn: set[int] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise BadInput(f"{folder} cannot be made: {exc.strerror}", hint="name a folder of yours") from exc

    def draw(self, step: int) -> None:
        """Write `<step>.png`, once."""
        if step in self._drawn or len(self._neighbours.pixels) < 2:
            return
        self._drawn.add(step)
        path = self._folder / f"{step:06d}.png"
        try:
            path.write_bytes(encode_png(_sheet(self._neighbours.pixels, self._neighbours.rows())))
        except OSError as exc:
            raise StorageFailed(f"{path} cannot be written: {exc.strerror}", hint="free some space") from exc


def _sheet(pixels: NDArray[np.uint8], nearest: NDArray[np.int64]) -> NDArray[np.uint8]:
    step = _SIDE + _GAP
    rows, columns = nearest.shape
    sheet = np.full((rows * step + _GAP, columns * step + 3 * _GAP, 3), _PAPER, np.uint8)
    for row, found in enumerate(nearest):
        for column, place in enumerate(found):
            top, left = _GAP + row * step, _GAP + column * step + (2 * _GAP if column else 0)
            tile = Image.fromarray(pixels[place]).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
            sheet[top : top + _SIDE, left : left + _SIDE] = np.asarray(tile)
    return sheet
