"""How far training has come, on pictures held out from it, without labels and with them where there are any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from earthcurator.learn.evaluate import Labels, knn_among
from earthcurator.learn.views import Views, as_bytes

_BATCH = 128
COLLAPSED = 0.05
"""A spread below this means that the method gives every picture nearly the same vector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What held-out pictures say of a trunk."""

    step: int
    """Steps of training so far."""
    retrieval: float
    """Share of held-out pictures one view of which is nearest to their other view among all others' views."""
    knn: float | None
    """Share of held-out pictures that their 20 nearest classify right; None without classes."""
    spread: float
    """Deviation of the method's unit vectors times sqrt(d): 1 when they fill their sphere, 0 when they are all one."""

    @property
    def score(self) -> float:
        """What training is judged by: k-NN where there are classes, else retrieval."""
        return self.retrieval if self.knn is None else self.knn

    @property
    def collapsed(self) -> bool:
        """Whether the method has found the answer that means nothing."""
        return self.spread < COLLAPSED


@dataclass(frozen=True, slots=True)
class Probe:
    """Held-out pictures, and two fixed views of each, as bytes (n, 3, s, s)."""

    planes: Tensor
    first: Tensor
    second: Tensor
    labels: Labels | None

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], views: Views, labels: Labels | None, seed: int) -> Probe:
        """Draw the views once: every measurement asks the same question."""
        pictures, generator = torch.from_numpy(pixels), torch.Generator().manual_seed(seed)
        pairs = [views(part, generator) for part in pictures.split(_BATCH)]
        first, second = (torch.cat([as_bytes(view) for view in side]) for side in zip(*pairs, strict=True))
        return cls(pictures.permute(0, 3, 1, 2), first, second, labels)

    def measure(self, trunk: nn.Module, projector: nn.Module, device: torch.device, *, step: int) -> Quality:
        """Ask the trunk as it is now; it comes back in training mode."""
        trunk.eval()
        projector.eval()
        first, second = (features(trunk, view, device) for view in (self.first, self.second))
        with torch.inference_mode():
            unit = functional.normalize(projector(first.to(device)).float(), dim=1)
            spread = float(unit.std(dim=0, unbiased=False).mean() * unit.shape[1] ** 0.5)
        vectors = None if self.labels is None else features(trunk, self.planes, device).numpy()
        trunk.train()
        projector.train()
        return Quality(
            step=step,
            retrieval=_retrieval(first, second),
            knn=None if vectors is None or self.labels is None else knn_among(vectors, self.labels),
            spread=spread,
        )


@torch.inference_mode()
def features(trunk: nn.Module, planes: Tensor, device: torch.device) -> Tensor:
    """The trunk's features of pictures (n, 3, s, s), within 0..1 or as bytes, on the CPU.

    The trunk should be in evaluation mode.
    """
    parts = (part.float() / 255 if part.dtype == torch.uint8 else part for part in planes.split(_BATCH))
    return torch.cat([trunk(part.to(device)).float().cpu() for part in parts])


def _retrieval(first: Tensor, second: Tensor) -> float:
    likeness = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T
    return float((likeness.argmax(dim=1) == torch.arange(len(first))).float().mean())
