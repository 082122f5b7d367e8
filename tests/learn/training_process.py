"""A training in a process of its own, to be killed: it tells each step on stdout."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from earthcurator.learn.loop import train
from earthcurator.learn.methods import METHODS
from earthcurator.learn.recipe import Progress, Trained
from earthcurator.learn.trunks import feature_count
from tests.learn.scenes import SIZE, ground, short, small_trunk


def training(folder: Path | None, step_seconds: float = 0.0, method: str = "byol") -> Trained:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    trunk = small_trunk()

    def tell(progress: Progress) -> None:
        sys.stdout.write(f"{progress.step}\n")
        sys.stdout.flush()
        time.sleep(step_seconds)

    return train(
        ground(96),
        trunk,
        METHODS.get(method)(feature_count(trunk, SIZE)),
        short(epochs=3, checkpoint_seconds=0),
        checkpoint_folder=folder,
        progress=tell,
        device="cpu",
    )


if __name__ == "__main__":
    training(Path(sys.argv[1]), step_seconds=float(sys.argv[2]))
