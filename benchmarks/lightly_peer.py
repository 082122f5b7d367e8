"""lightly on a CPU: its losses, its SimCLR head and its augmentations, put together as in its own examples.

    pip install --no-deps lightly==1.6.0 torchvision==0.28.0 lightning-utilities tqdm     # beside torch 2.13 for CPUs

lightly imports torchvision, whose wheel declares its own operators in a library that needs CUDA. On a CPU build of
torch this module declares the two operators that torchvision asks for at import; nothing here calls them. All the rest,
every augmentation included, is lightly and torchvision as published. Import lightly only through this module.

Augmentations are lightly's for small pictures (colour strength 0.5 and no blur, as in its CIFAR-10 benchmark) with the
flips and quarter turns of its satellite tutorial, without normalisation, which our trunk does itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

if torch.version.cuda is None:
    _DECLARED = torch.library.Library("torchvision", "DEF")
    _DECLARED.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _DECLARED.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from lightly.loss import BarlowTwinsLoss, NegativeCosineSimilarity, NTXentLoss, VICRegLoss
from lightly.models.modules.heads import SimCLRProjectionHead
from lightly.models.utils import update_momentum
from lightly.transforms import SimCLRTransform
from lightly.utils.scheduler import cosine_schedule

__all__ = [
    "BarlowTwinsLoss",
    "NTXentLoss",
    "NegativeCosineSimilarity",
    "SimCLR",
    "VICRegLoss",
    "batches",
    "cosine_schedule",
    "update_momentum",
]


class SimCLR(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
    """lightly's head and loss, at their defaults, on any trunk: two views in, the loss out."""

    def __init__(self, trunk: Any, features: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = SimCLRProjectionHead(features, features, 128)
        self.criterion = NTXentLoss()

    def forward(self, first: Any, second: Any) -> Any:
        return self.criterion(self.head(self.trunk(first)), self.head(self.trunk(second)))


def batches(files: Sequence[Path], size: int, batch: int, *, seed: int) -> Iterator[tuple[Any, Any]]:
    """Two views (n, 3, size, size) of the pictures of each batch, epoch after epoch without end.

    Read and augmented in this process, so that its CPU time counts; in the memory format that suits the trunk best.
    """
    random.seed(seed)
    np.random.seed(seed)  # lightly draws some of its augmentations from the global generator
    torch.manual_seed(seed)
    while True:
        for views in DataLoader(_Views(files, size), batch_size=batch, shuffle=True, drop_last=True):
            first, second = (view.contiguous(memory_format=torch.channels_last) for view in views)
            yield first, second


class _Views(Dataset):  # type: ignore[misc]  # torch is not typed here
    def __init__(self, files: Sequence[Path], size: int) -> None:
        self.files = files
        self.views = SimCLRTransform(
            input_size=size, cj_strength=0.5, gaussian_blur=0.0, vf_prob=0.5, rr_prob=0.5, normalize=None
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Any:
        with Image.open(self.files[index]) as image:
            return self.views(image.convert("RGB"))
