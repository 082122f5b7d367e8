"""A training of several processes, started by torch's launcher: each leaves its losses and weights in a folder."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed, nn

from earthcurator.learn.loop import train
from earthcurator.learn.methods import METHODS
from tests.learn.scenes import ground, short, small_trunk


class Idle(nn.Module):
    """A trunk with a weight that none of its features come from, as DINOv2 has one for masked patches."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.idle = small_trunk(), nn.Parameter(torch.zeros(4))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.trunk(pictures)
        return features


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    trunk = Idle()
    done = train(ground(96), trunk, METHODS.get("simclr")(8), short(batch=8, accumulate=2, epochs=2), device="cpu")
    torch.save((done.losses, trunk.state_dict()), folder / f"{distributed.get_rank()}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
