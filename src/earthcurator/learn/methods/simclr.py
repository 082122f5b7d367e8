"""SimCLR: of all views in a batch, find the one of the same picture.

Chen et al. 2020, A Simple Framework for Contrastive Learning of Visual Representations,
https://arxiv.org/abs/2002.05709. We differ in the optimizer (AdamW instead of LARS, batches are small) and take one
view after the other through the trunk: tensors of half the size cost a CPU less (benchmarks/training_speed.py), and
batch normalisation sees one view at a time. With several processes each looks for negatives in its own batch only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from earthcurator.learn.heads import mlp
from earthcurator.learn.methods.base import Method


class SimCLR(Method):
    """NT-Xent on a two-layer projection."""

    def __init__(self, features: int, *, dim: int = 128, temperature: float = 0.2) -> None:
        super().__init__()
        self.temperature = temperature
        self.projector = mlp(features, min(features, 1024), dim)

    def loss(self, trunk: nn.Module, first: Tensor, second: Tensor) -> Tensor:
        """NT-Xent of the two views."""
        return nt_xent(self.projector(trunk(first)), self.projector(trunk(second)), self.temperature)


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of finding each row's partner among all 2n - 1 other rows (equation 1 of the paper)."""
    rows = functional.normalize(torch.cat([first, second]).float(), dim=1)
    likeness = rows @ rows.T / temperature
    likeness.fill_diagonal_(-torch.inf)
    partner = torch.arange(len(rows), device=rows.device).roll(len(first))
    return functional.cross_entropy(likeness, partner)
