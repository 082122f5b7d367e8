"""Pictures of what training does: some fixed chips, and which others the trunk finds most like them at that moment."""

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
from earthcurator.learn.views import as_planes
from earthcurator.pictures import encode_png

QUERIES, FOUND, AMONG = 6, 8, 400
_SIDE, _GAP = 72, 6
_PAPER = 250


class Preview:
    """Draws a sheet for each measurement: a row for each query, which comes first, and the nearest others after it."""

    def __init__(self, source: Source, trunk: nn.Module, size: int, folder: Path, *, seed: int = 0) -> None:
        self._trunk, self._folder = trunk, folder
        order = np.random.default_rng(seed).permutation(len(source.ids))[:AMONG]
        self._pixels = read(source, [source.ids[place] for place in order], size).pixels
        self._drawn: set[int] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise BadInput(f"{folder} cannot be made: {exc.strerror}", hint="name a folder of yours") from exc

    def draw(self, step: int) -> None:
        """Write `<step>.png`, once."""
        if step in self._drawn or len(self._pixels) < 2:
            return
        self._drawn.add(step)
        training = self._trunk.training
        device = next(self._trunk.parameters()).device
        self._trunk.eval()
        rows = functional.normalize(features(self._trunk, as_planes(torch.from_numpy(self._pixels)), device), dim=1)
        self._trunk.train(training)
        nearest = (rows[:QUERIES] @ rows.T).topk(min(FOUND + 1, len(rows)), dim=1).indices.numpy()
        path = self._folder / f"{step:06d}.png"
        try:
            path.write_bytes(encode_png(_sheet(self._pixels, nearest)))
        except OSError as exc:
            raise StorageFailed(f"{path} cannot be written: {exc.strerror}", hint="free some space") from exc


def _sheet(pixels: NDArray[np.uint8], nearest: NDArray[np.int64]) -> NDArray[np.uint8]:
    step = _SIDE + _GAP
    rows, columns = nearest.shape
    sheet = np.full((rows * step + _GAP, columns * step + 3 * _GAP, 3), _PAPER, np.uint8)
    for row, found in enumerate(nearest):
        others = [place for place in found if place != row][: columns - 1]
        for column, place in enumerate([row, *others]):
            top, left = _GAP + row * step, _GAP + column * step + (2 * _GAP if column else 0)
            tile = Image.fromarray(pixels[place]).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
            sheet[top : top + _SIDE, left : left + _SIDE] = np.asarray(tile)
    return sheet
