"""Barlow Twins: the correlation between the two views' dimensions should be the identity.

Zbontar et al. 2021, Self-Supervised Learning via Redundancy Reduction, https://arxiv.org/abs/2103.03230. We differ in
the projector's width (1024 instead of 8192), in scaling the loss by 1/10 so that it suits AdamW, and in the optimizer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from earthcurator.learn.heads import mlp
from earthcurator.learn.methods.base import Method


class BarlowTwins(Method):
    """Squared distance of the cross-correlation from the identity."""

    def __init__(self, features: int, *, dim: int = 1024, redundancy: float = 0.005) -> None:
        super().__init__()
        self.redundancy = redundancy
        self.projector = mlp(features, dim, dim, layers=3)

    def loss(self, trunk: nn.Module, first: Tensor, second: Tensor) -> Tensor:
        """A tenth of the paper's loss."""
        return barlow(self.projector(trunk(first)), self.projector(trunk(second)), self.redundancy) / 10


def barlow(first: Tensor, second: Tensor, redundancy: float) -> Tensor:
    """Equation 1 of the paper for two projections (n, d)."""
    first, second = _standardised(first.float()), _standardised(second.float())
    correlation = first.T @ second / len(first)
    diagonal = torch.diagonal(correlation)
    others = correlation.square().sum() - diagonal.square().sum()
    return (diagonal - 1).square().sum() + redundancy * others


def _standardised(z: Tensor) -> Tensor:
    return (z - z.mean(dim=0)) / (z.var(dim=0, unbiased=False) + 1e-5).sqrt()
