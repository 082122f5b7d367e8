"""BYOL: predict what a slowly following copy of the network says of the other view.

Grill et al. 2020, Bootstrap your own latent, https://arxiv.org/abs/2006.07733. The copy's weights are a moving average
whose pace slows to a stop along a cosine. We differ in the widths, which follow the trunk's features, and in the
optimizer; the loss is divided by four, which makes it -cosine as in SimSiam up to a constant.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from earthcurator.learn.heads import mlp
from earthcurator.learn.methods.base import Method
from earthcurator.learn.methods.simsiam import towards


class BYOL(Method):
    """Negative cosine between predictions and the projections of a following copy."""

    target: nn.Module

    def __init__(self, features: int, *, dim: int = 256, hidden: int = 1024, pace: float = 0.01) -> None:
        super().__init__()
        self.pace = pace
        self.projector = mlp(features, hidden, dim)
        self.predictor = mlp(dim, hidden, dim)

    def adopt(self, trunk: nn.Module) -> None:
        """Make the copy that follows."""
        self.target = nn.Sequential(copy.deepcopy(trunk), copy.deepcopy(self.projector)).requires_grad_(False)

    def loss(self, trunk: nn.Module, first: Tensor, second: Tensor) -> Tensor:
        """Mean of both directions, -1 at best."""
        p0, p1 = (self.predictor(self.projector(trunk(view))) for view in (first, second))
        with torch.no_grad():
            t0, t1 = self.target(first), self.target(second)
        return (towards(p0, t1) + towards(p1, t0)) / 2

    @torch.no_grad()
    def after_step(self, trunk: nn.Module, fraction: float) -> None:
        """Let the copy follow: by `pace` at the start, by nothing at the end."""
        weight = self.pace * (math.cos(math.pi * fraction) + 1) / 2
        ours = [*trunk.parameters(), *self.projector.parameters()]
        for theirs, mine in zip(self.target.parameters(), ours, strict=True):
            theirs.lerp_(mine, weight)
