"""VICReg: views agree, every dimension varies, and no two dimensions say the same.

Bardes et al. 2021, Variance-Invariance-Covariance Regularization, https://arxiv.org/abs/2105.04906. It needs neither
negatives nor large batches. We differ in the projector's width (1024 instead of 8192) and the optimizer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from earthcurator.learn.heads import mlp
from earthcurator.learn.methods.base import Method


class VICReg(Method):
    """Weighted sum of invariance, variance and covariance terms."""

    def __init__(self, features: int, *, dim: int = 1024) -> None:
        super().__init__()
        self.projector = mlp(features, dim, dim, layers=3)

    def loss(self, trunk: nn.Module, first: Tensor, second: Tensor) -> Tensor:
        """The paper's loss with its weights 25, 25 and 1."""
        return vicreg(self.projector(trunk(first)), self.projector(trunk(second)))


def vicreg(first: Tensor, second: Tensor) -> Tensor:
    """Equation 6 of the paper for two projections (n, d)."""
    first, second = first.float(), second.float()
    invariance = functional.mse_loss(first, second)
    variance = (_too_still(first) + _too_still(second)) / 2  # halves as in the authors' code
    covariance = _redundancy(first) + _redundancy(second)
    return 25 * invariance + 25 * variance + covariance


def _too_still(z: Tensor) -> Tensor:
    """How far each dimension's deviation is below 1, on average."""
    return functional.relu(1 - (z.var(dim=0) + 1e-4).sqrt()).mean()


def _redundancy(z: Tensor) -> Tensor:
    """Sum of squared covariances between different dimensions, a dimension."""
    z = z - z.mean(dim=0)
    covariance = z.T @ z / (len(z) - 1)
    squares = covariance.square()
    return (squares.sum() - torch.diagonal(squares).sum()) / z.shape[1]
