"""The plainest encoder: the picture at 8 x 8 pixels. It has no file and learns nothing, which suits tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earthcurator.encoders.card import encoder_id
from earthcurator.models import EncoderCard

_SIDE = 8
_GREY = np.float32(127.5)


class PixelEncoder:
    """Vectors are the 192 colour values of the picture at 8 x 8 pixels, less middle grey."""

    card = EncoderCard(
        name="pixel-8", dim=_SIDE * _SIDE * 3, input_size=_SIDE, method="8 x 8 pixels less grey", trained_on="nothing",
        licence="Apache-2.0",
    )  # fmt: skip
    id = encoder_id(b"pixel-8 version 1", card)

    def encode(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unit vectors (n, 192) of prepared pictures (n, 8, 8, 3)."""
        rows = pictures.reshape(-1, self.card.dim).astype(np.float32) - _GREY  # never zero: no pixel is 127.5
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit
