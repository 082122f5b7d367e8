"""Adapt the packaged encoder's trunk to imagery from above: SimCLR on unlabelled pictures, from ImageNet weights.

    python scripts/adapt_packaged_encoder.py --eurosat DIR --ucmerced DIR --modis DIR --scene FILE --out FOLDER

What it sees, without labels: the pictures of EuroSAT and UC Merced that `benchmarks/retrieval_quality.py` searches *in*
(never those it asks *with*), MODIS and VIIRS chips, and NASA's Blue Marble cut to chips. Large pictures also come as
their four quarters, so that things are learned at several sizes. Training goes on from the checkpoint in FOLDER when
it is run again; `FOLDER/trunk.pt` is the result.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from earthcurator.learn.loop import train
from earthcurator.learn.methods import METHODS
from earthcurator.learn.recipe import Progress, Recipe
from earthcurator.learn.views import preset

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import common  # the splits, so that nothing is learned from a query
from starts import STARTS, start

SIZE = 64
SCENE_CHIP, SCENE_STRIDE = 128, 96


class Pictures:
    """Windows of picture files, each an id of its own."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[Path, tuple[int, int, int, int] | None]] = {}
        self._scenes: dict[Path, Image.Image] = {}

    @property
    def ids(self) -> Sequence[str]:
        return sorted(self._windows)

    def add(self, file: Path, *, quarters: bool = False) -> None:
        """A whole picture, and its quarters."""
        self._windows[str(file)] = (file, None)
        if quarters:
            with Image.open(file) as picture:
                width, height = picture.size
            for x in (0, width // 2):
                for y in (0, height // 2):
                    self._windows[f"{file}#{x},{y}"] = (file, (x, y, x + width // 2, y + height // 2))

    def add_scene(self, file: Path) -> None:
        """Chips of a large picture; it stays in memory."""
        self._scenes[file] = scene = Image.open(file).convert("RGB")
        for x in range(0, scene.width - SCENE_CHIP + 1, SCENE_STRIDE):
            for y in range(0, scene.height - SCENE_CHIP + 1, SCENE_STRIDE):
                window = (x, y, x + SCENE_CHIP, y + SCENE_CHIP)
                if np.ptp(np.asarray(scene.crop(window)), axis=(0, 1)).max() > 40:  # open sea teaches nothing
                    self._windows[f"{file}#{x},{y}"] = (file, window)

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        return {name: self._bytes(*self._windows[name]) for name in ids}

    def _bytes(self, file: Path, window: tuple[int, int, int, int] | None) -> bytes:
        if window is None:
            return file.read_bytes()
        whole = self._scenes.get(file)
        cut = (whole or Image.open(file).convert("RGB")).crop(window)
        stream = BytesIO()
        cut.save(stream, "PNG", compress_level=0)
        return stream.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eurosat", type=Path, required=True)
    parser.add_argument("--ucmerced", type=Path, required=True)
    parser.add_argument("--modis", type=Path, required=True)
    parser.add_argument("--scene", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--init", choices=STARTS, default="imagenet")
    parser.add_argument("--cpu-seconds", type=float, default=3600)
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    torch.set_num_threads(1)
    source = Pictures()
    for file in common.eurosat(chosen.eurosat).gallery:
        source.add(file)
    for file in (*common.uc_merced(chosen.ucmerced).gallery, *common.pictures_in(chosen.modis)):
        source.add(file, quarters=True)
    source.add_scene(chosen.scene)
    print(f"{len(source.ids):,} pictures", flush=True)
    method = METHODS.get("simclr")(1280)
    recipe = Recipe(
        views=preset("aerial", SIZE),
        seconds=chosen.cpu_seconds,
        rate=chosen.rate,
        seed=chosen.seed,
        measure_seconds=300,
    )
    done = train(
        source,
        start(chosen.init),
        method,
        recipe,
        checkpoint_folder=chosen.out,
        progress=tell,
        clock=time.process_time,
    )
    torch.save(done.trunk.state_dict(), chosen.out / "trunk.pt")
    print(f"{done.ending} after {done.epochs:.2f} epochs, {done.seconds:.0f} CPU-seconds, best {done.best}")


def tell(now: Progress) -> None:
    if now.step % 20 == 0:
        print(
            f"{now.fraction:.2f} step {now.step} loss {now.loss:.3f} {now.pictures_per_second:.0f}/s {now.quality}",
            flush=True,
        )


if __name__ == "__main__":
    main()
