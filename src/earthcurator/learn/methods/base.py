"""What every method is: a loss from two views, with the layers it needs on top of the trunk."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from earthcurator.registry import Registry

METHODS: Registry[Callable[[int], Method]] = Registry(
    "method",
    {
        "barlow": "earthcurator.learn.methods.barlow:BarlowTwins",
        "byol": "earthcurator.learn.methods.byol:BYOL",
        "simclr": "earthcurator.learn.methods.simclr:SimCLR",
        "simsiam": "earthcurator.learn.methods.simsiam:SimSiam",
        "vicreg": "earthcurator.learn.methods.vicreg:VICReg",
    },
)
"""Makers of methods: each takes the length of the trunk's features."""


class Method(nn.Module):
    """A self-supervised method: its layers are trained together with the trunk, and thrown away afterwards."""

    projector: nn.Module
    """From the trunk's features to the space of the loss; the collapse alarm looks at what it gives."""

    def adopt(self, trunk: nn.Module) -> None:
        """Called once with the trunk as it starts, before training: the time to copy it, if the method needs to."""

    def loss(self, trunk: nn.Module, first: Tensor, second: Tensor) -> Tensor:
        """The loss of two views (n, 3, s, s) of the same pictures."""
        raise NotImplementedError

    def after_step(self, trunk: nn.Module, fraction: float) -> None:
        """Called after each step of the optimizer, with the share of the training that is done."""


def make_method(name: str, features: int, *, seed: int = 0) -> Method:
    """The method by that name for a trunk with so many features. The weights of its layers follow from the seed."""
    maker = METHODS.get(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return maker(features)
