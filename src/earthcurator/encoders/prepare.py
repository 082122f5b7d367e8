"""The one rule that turns a picture into what an encoder reads, for every caller: indexing, searching, training.

1. Decode to RGB with the EXIF rotation applied. A JPEG that is at least twice as large as needed is decoded at the
   smallest scale (1/2 ... 1/8) whose shorter side is still at least the card's `input_size`.
2. Choose the area: the whole picture for `squash`; for `crop` the largest square in the middle (half a pixel of doubt
   goes to the upper left).
3. Resample that area to `input_size` x `input_size` with Pillow's bicubic filter, which averages over all source pixels
   when it shrinks. An area that already has this size goes through untouched.

Normalisation is not done here: it belongs to the encoder.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from earthcurator.errors import BadInput
from earthcurator.models import EncoderCard
from earthcurator.pictures import decode


def prepare(picture: bytes, card: EncoderCard) -> NDArray[np.uint8]:
    """An encoded picture as (s, s, 3) uint8 RGB, s being the card's input size. Raises BadPicture.

    Raises BadInput for a card without a model: its vectors were made elsewhere.
    """
    if card.vectors_only:
        raise cannot_see(card)
    return resize(decode(picture, at_least=card.input_size), card)


def cannot_see(card: EncoderCard) -> BadInput:
    """What to say to somebody who shows a picture to ready-made vectors."""
    return BadInput(
        f"{card.name} is a table of ready-made vectors: it has none of this picture and no model to make one",
        hint="search by a chip that has a vector in it, add rows with `curator embed --from`, or use another encoder",
    )


def resize(pixels: NDArray[np.uint8], card: EncoderCard) -> NDArray[np.uint8]:
    """Steps 2 and 3 of the rule, for pixels (h, w, 3) that are already decoded."""
    if card.resize == "crop":
        pixels = _middle_square(pixels)
    size = card.input_size
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC))


def _middle_square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]
