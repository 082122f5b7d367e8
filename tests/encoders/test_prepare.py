from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from earthcurator.encoders import EncoderCard, prepare, resize
from earthcurator.errors import BadPicture

SQUASH = EncoderCard(name="x", dim=1, input_size=16)
CROP = EncoderCard(name="x", dim=1, input_size=16, resize="crop")


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def test_picture_of_the_right_size_goes_through_untouched() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    np.testing.assert_array_equal(prepare(encoded(pixels, "png"), SQUASH), pixels)


@pytest.mark.parametrize("shape", [(1, 1), (16, 1), (7, 90), (300, 200), (256, 256)])
@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("card", [SQUASH, CROP])
def test_every_shape_becomes_the_square(shape: tuple[int, int], kind: str, card: EncoderCard) -> None:
    made = prepare(encoded(np.full((*shape, 3), 200, np.uint8), kind), card)
    assert made.shape == (16, 16, 3)
    assert made.dtype == np.uint8
    assert abs(made.astype(int) - 200).max() <= 2


def test_squash_keeps_all_and_crop_cuts_the_middle_out() -> None:
    pixels = np.zeros((40, 120, 3), np.uint8)
    pixels[:, 40:80] = 255  # the middle square
    assert resize(pixels, CROP).min() == 255
    assert resize(pixels, SQUASH)[:, [0, -1]].max() == 0


def test_crop_of_a_tall_picture_cuts_top_and_bottom() -> None:
    pixels = np.zeros((120, 40, 3), np.uint8)
    pixels[40:80] = 255
    assert resize(pixels, CROP).min() == 255


def test_shrinking_averages_instead_of_picking_pixels() -> None:
    board = (np.indices((128, 128)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    assert abs(resize(board, SQUASH).astype(int) - 127).max() <= 3


def test_reduced_jpeg_looks_like_the_full_one() -> None:
    x, y = np.meshgrid(np.linspace(0, 6, 256), np.linspace(0, 6, 256))
    pixels = np.stack([127 + 120 * np.sin(x), 127 + 120 * np.cos(y), 20 * x + 20 * y], axis=-1).astype(np.uint8)
    reduced, full = prepare(encoded(pixels, "jpeg"), SQUASH), resize(pixels, SQUASH)
    assert abs(reduced.astype(int) - full).mean() < 3


def test_bytes_that_are_no_picture_are_refused() -> None:
    with pytest.raises(BadPicture):
        prepare(b"not a picture", SQUASH)
