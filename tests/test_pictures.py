"""Decoding is strict about damage and generous about formats."""

from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from earthcurator.errors import BadPicture, NotAPicture, PictureTooLarge, TruncatedPicture
from earthcurator.pictures import PictureFacts, decode, encode_png, inspect, verify


def photo(width: int = 48, height: int = 32) -> NDArray[np.uint8]:
    """A smooth picture whose corners all differ, so that turning it shows."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * x // (width - 1), 255 * y // (height - 1), 0 * x + 90], axis=-1).astype(np.uint8)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A valid PNG of a few bytes that claims to be huge."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", ["png", "tiff", "bmp", "webp"])
def test_lossless_formats_give_back_their_pixels(form: str) -> None:
    data = saved(Image.fromarray(photo()), form, **({"lossless": True} if form == "webp" else {}))
    np.testing.assert_array_equal(decode(data), photo())
    assert verify(data) == (PictureFacts(f"image/{form}", 48, 32), 1.0)


@pytest.mark.parametrize("subsampling", [0, 2])
def test_jpeg_agrees_with_pillow(subsampling: int) -> None:
    data = saved(Image.fromarray(photo()), "jpeg", quality=90, subsampling=subsampling)
    with Image.open(BytesIO(data)) as image:
        np.testing.assert_allclose(decode(data).astype(int), np.asarray(image).astype(int), atol=2)
    assert verify(data) == (PictureFacts("image/jpeg", 48, 32), 1.0)


def test_jpeg_is_reduced_but_never_below_what_was_asked() -> None:
    data = saved(Image.fromarray(photo(640, 400)), "jpeg")
    assert decode(data, at_least=100).shape == (100, 160, 3)
    assert decode(data, at_least=101).shape[0] >= 101
    assert decode(data, at_least=399).shape == (400, 640, 3)
    assert decode(data, at_least=5000).shape == (400, 640, 3)


def test_grey_jpeg_becomes_rgb() -> None:
    pixels = decode(saved(Image.fromarray(photo()[..., 0]), "jpeg"))
    assert pixels.shape == (32, 48, 3)
    np.testing.assert_array_equal(pixels[..., 0], pixels[..., 2])


def test_cmyk_jpeg_has_the_colours_pillow_sees() -> None:
    data = saved(Image.fromarray(photo()).convert("CMYK"), "jpeg", quality=95)
    with Image.open(BytesIO(data)) as image:
        assert image.mode == "CMYK"
        expected = np.asarray(image.convert("RGB")).astype(int)
    np.testing.assert_allclose(decode(data).astype(int), expected, atol=2)


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(form: str, orientation: int) -> None:
    image = Image.fromarray(photo())
    exif = image.getexif()
    exif[0x0112] = orientation
    data = saved(image, form, exif=exif.tobytes() if form != "tiff" else exif)
    with Image.open(BytesIO(data)) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB")).astype(int)
    np.testing.assert_allclose(decode(data).astype(int), expected, atol=2)
    facts = inspect(data)
    assert (facts.height, facts.width) == expected.shape[:2]


def test_nonsense_exif_is_ignored() -> None:
    data = saved(Image.fromarray(photo()), "jpeg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode(data).shape == (32, 48, 3)


@pytest.mark.parametrize("form", ["png", "tiff"])
def test_16_bit_grey_keeps_its_high_byte(form: str) -> None:
    values = np.array([[0, 255, 256], [32768, 65280, 65535]], dtype=np.uint16)
    pixels = decode(saved(Image.fromarray(values), form))
    assert pixels[..., 1].tolist() == [[0, 0, 1], [128, 255, 255]]


def test_16_bit_rgb_keeps_its_high_byte() -> None:
    raw = np.array([[[0, 255, 256], [32768, 65280, 65535]]], dtype=">u2")

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    data += chunk(b"IDAT", zlib.compress(b"\0" + raw.tobytes())) + chunk(b"IEND", b"")
    assert decode(data).tolist() == [[[0, 0, 1], [128, 255, 255]]]


def test_palette_png_shows_its_colours() -> None:
    image = Image.fromarray(photo()).quantize(16)
    np.testing.assert_array_equal(decode(saved(image, "png")), np.asarray(image.convert("RGB")))


def test_transparent_palette_png_is_laid_over_black() -> None:
    image = Image.new("P", (4, 2), 1)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((0, 0), 0)
    data = saved(image, "png", transparency=bytes([0, 255]))
    assert decode(data)[0].tolist() == [[0, 0, 0], *[[200, 100, 50]] * 3]
    assert verify(data)[1] == 7 / 8


def test_alpha_is_laid_over_black_and_counted() -> None:
    rgba = np.full((2, 2, 4), 200, dtype=np.uint8)
    rgba[..., 3] = [[0, 51], [255, 255]]
    for form in ("png", "tiff"):
        data = saved(Image.fromarray(rgba), form)
        assert decode(data)[..., 0].tolist() == [[0, 40], [200, 200]]
        assert verify(data)[1] == 0.75


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_common_mode_becomes_rgb(mode: str) -> None:
    image = Image.fromarray(photo()).convert(mode)
    data = saved(image, "tiff" if mode == "CMYK" else "png")
    np.testing.assert_array_equal(decode(data), np.asarray(image.convert("RGB")))


def test_first_frame_of_a_gif() -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "gif", save_all=True, append_images=frames[1:])
    assert decode(data)[0, 0].tolist() == [255, 0, 0]
    assert verify(data) == (PictureFacts("image/gif", 6, 4), 1.0)


def test_floating_point_tiff_is_refused_with_a_way_out() -> None:
    with pytest.raises(BadPicture, match="32-bit") as caught:
        decode(saved(Image.fromarray(np.zeros((4, 4), np.float32)), "tiff"))
    assert "scene" in caught.value.hint


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "tiff", "gif", "bmp"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_picture_is_told_from_a_whole_one(form: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), form)
    for read in (decode, verify):
        with pytest.raises(BadPicture):
            read(data[: int(len(data) * share)])


@pytest.mark.parametrize("form", ["jpeg", "png"])
def test_truncation_has_its_own_error(form: str) -> None:
    data = saved(Image.fromarray(photo(256, 256)), form)
    with pytest.raises(TruncatedPicture, match="missing"):
        verify(data[: len(data) * 2 // 3])


def test_empty_file_says_so() -> None:
    with pytest.raises(TruncatedPicture, match="empty"):
        inspect(b"")


@pytest.mark.parametrize("data", [b"hello, world", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"\0"])
def test_other_kinds_of_file_are_not_pictures(data: bytes) -> None:
    with pytest.raises(NotAPicture, match="not a JPEG"):
        decode(data)


def test_bomb_sized_png_is_refused_from_its_header() -> None:
    data = png_header(60_000, 60_000)
    assert len(data) < 200
    for read in (inspect, decode, verify):
        with pytest.raises(PictureTooLarge, match="60000 x 60000"):
            read(data)


def test_damage_anywhere_is_an_error_or_a_picture_but_never_another_exception() -> None:
    rng = np.random.default_rng(7)
    image = Image.fromarray(photo())
    for form in ("jpeg", "png", "webp", "tiff", "gif", "bmp"):
        whole = np.frombuffer(saved(image, form), np.uint8)
        for _ in range(150):
            data = whole.copy()
            data[rng.integers(0, len(data), 4)] = rng.integers(0, 255, 4)
            try:
                decode(data.tobytes())
            except BadPicture as error:
                assert str(error)  # noqa: PT017  # either outcome is right


def test_png_round_trip() -> None:
    np.testing.assert_array_equal(decode(encode_png(photo())), photo())
    rgba = np.dstack([photo(), np.zeros((32, 48), np.uint8)])
    assert verify(encode_png(rgba))[1] == 0.0


def test_many_threads_see_the_same_pixels() -> None:
    files = [saved(Image.fromarray(photo()), form) for form in ("jpeg", "png", "tiff")] * 40
    expected = [decode(data).sum() for data in files]
    with ThreadPoolExecutor(8) as pool:
        assert [pixels.sum() for pixels in pool.map(decode, files)] == expected
