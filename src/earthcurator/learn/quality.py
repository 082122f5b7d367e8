"""How far training has come, on pictures held out from it, without labels and with them where there are any."""

from __future__ import annotations

import math
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
"""Below this, `spread` means one vector for all pictures, and `filled` vectors that differ in few directions only.

On EuroSAT the five methods fill .19 to .73 of the directions after a minute. SimSiam at twenty times the usual rate
fills .01 at a spread of .78, and the effective rank of the trunk's own features falls from 71 to 8 with it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What held-out pictures say of a trunk."""

    step: int
    """Steps of training so far."""
    retrieval: float
    """Share of held-out pictures one view of which is nearest to their other view among all others' views."""
    knn: float | None
    """Share of held-out pictures with classes that their 20 nearest classify right; None where there are too few."""
    spread: float
    """Deviation of the method's unit vectors times sqrt(d): 1 when they fill their sphere, 0 when they are all one."""
    filled: float
    """Effective rank of the same vectors (Roy and Vetterli 2007), as a share of what so many can have: 1 when they
    differ in all directions alike. Garrido et al. 2023 judge encoders by it."""

    @property
    def score(self) -> float:
        """What training is judged by: k-NN where there are classes, else retrieval."""
        return self.retrieval if self.knn is None else self.knn

    def is_like(self, other: Quality) -> bool:
        """Whether the two scores are of one kind: a training that is gone on with may have classes by then."""
        return (self.knn is None) == (other.knn is None)

    @property
    def collapsed(self) -> bool:
        """Whether the method has found the answer that means nothing, or little (Jing et al. 2022)."""
        return not (self.spread >= COLLAPSED and self.filled >= COLLAPSED)  # no numbers at all are the end, too


@dataclass(frozen=True, slots=True)
class Probe:
    """Held-out pictures, and two fixed views of each, as bytes (n, 3, s, s)."""

    planes: Tensor
    first: Tensor
    second: Tensor
    labels: Labels | None
    """Their classes, -1 for a picture that has none; None where there are too few."""

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
        knn = None if self.labels is None else self._knn(trunk, self.labels, device)
        trunk.train()
        projector.train()
        return Quality(
            step=step,
            retrieval=_retrieval(first, second),
            knn=knn,
            spread=spread,
            filled=_filled(unit.cpu()),
        )

    def _knn(self, trunk: nn.Module, labels: Labels, device: torch.device) -> float:
        named = labels >= 0
        return knn_among(features(trunk, self.planes[torch.from_numpy(named)], device).numpy(), labels[named])


@torch.inference_mode()
def features(trunk: nn.Module, planes: Tensor, device: torch.device) -> Tensor:
    """The trunk's features of pictures (n, 3, s, s), within 0..1 or as bytes, on the CPU.

    The trunk should be in evaluation mode.
    """
    parts = (part.float() / 255 if part.dtype == torch.uint8 else part for part in planes.split(_BATCH))
    return torch.cat([trunk(part.to(device)).float().cpu() for part in parts])


def _filled(vectors: Tensor) -> float:
    """Effective rank of (n, d) about their mean, over min(n - 1, d); 0 when some are no numbers."""
    if not vectors.isfinite().all():
        return 0.0
    strengths = torch.linalg.svdvals((vectors - vectors.mean(dim=0)).double())
    shares = strengths / strengths.sum().clamp(min=1e-12)
    rank = math.exp(float(torch.special.entr(shares).sum()))
    most: int = min(len(vectors) - 1, vectors.shape[1])
    return rank / max(1, most)


def _retrieval(first: Tensor, second: Tensor) -> float:
    likeness = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T
    return float((likeness.argmax(dim=1) == torch.arange(len(first))).float().mean())
