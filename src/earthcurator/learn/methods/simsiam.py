"""SimSiam: predict one view's projection from the other's, without negatives.

Chen & He 2020, Exploring Simple Siamese Representation Learning, https://arxiv.org/abs/2011.10566. What keeps it from
collapsing is that no gradient flows through the side that is predicted. We differ in the widths, which follow the
trunk's features instead of being 2048, and in the optimizer.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from earthcurator.learn.heads import mlp, normalised_mlp
from earthcurator.learn.methods.base import Method


class SimSiam(Method):
    """Negative cosine between predictions and projections that are held still."""

    def __init__(self, features: int, *, dim: int = 512) -> None:
        super().__init__()
        self.projector = normalised_mlp(features, dim, dim)
        self.predictor = mlp(dim, dim // 4, dim)

    def loss(self, trunk: nn.Module, first: Tensor, second: Tensor) -> Tensor:
        """Mean of both directions, -1 at best."""
        z0, z1 = self.projector(trunk(first)), self.projector(trunk(second))
        return (towards(self.predictor(z0), z1) + towards(self.predictor(z1), z0)) / 2


def towards(prediction: Tensor, target: Tensor) -> Tensor:
    """Negative mean cosine; the target gets no gradient."""
    return -functional.cosine_similarity(prediction.float(), target.detach().float(), dim=1).mean()
