"""What counts as a tile, and when it is empty."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from earthcurator.gibs.bodies import Unusable, check_body, check_document, is_blank, words
from earthcurator.testing.gibs_archive import blank_jpeg, blank_png
from earthcurator.testing.gibs_documents import exception_report

HERE = {"Layer-Time-Actual": "2020-08-16T00:00:00Z"}


def encoded(image: Image.Image, kind: str = "jpeg") -> bytes:
    out = BytesIO()
    image.save(out, kind)
    return out.getvalue()


def noise(seed: int = 1) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (512, 512, 3), np.uint8))


JPEG, PNG = encoded(noise()), encoded(noise(), "png")


def test_whole_pictures_pass() -> None:
    assert check_body({"Content-Type": "image/jpeg"}, JPEG, "image/jpeg") == "image/jpeg"
    assert check_body({"Content-Length": str(len(PNG))}, PNG, "image/png") == "image/png"
    assert check_body({}, JPEG, "") == "image/jpeg"


def test_padding_after_the_end_is_fine() -> None:
    assert check_body({}, JPEG + b"\0" * 100, "image/jpeg") == "image/jpeg"


def test_an_empty_png_for_a_jpeg_layer_is_fine() -> None:
    assert check_body({"Content-Type": "image/png"}, blank_png(512), "image/jpeg") == "image/png"


@pytest.mark.parametrize(
    ("headers", "content", "reason"),
    [
        ({}, b"", "an empty body"),
        ({}, JPEG[: len(JPEG) // 2], "end is missing"),
        ({}, PNG[:-20], "end is missing"),
        ({"Content-Length": "5"}, JPEG, "of 5 bytes"),
        ({"Content-Type": "text/html"}, b"<html><body>Scheduled maintenance</body></html>", "Scheduled maintenance"),
        ({"Content-Type": "text/xml"}, exception_report("X", "", "No such thing").encode(), "No such thing"),
        ({"Content-Type": "text/html; charset=utf-8"}, JPEG, "says it is text/html"),
        ({}, encoded(noise(), "webp"), "image/webp instead of image/jpeg"),
        ({}, b"GARBAGE", "no picture: GARBAGE"),
    ],
)
def test_anything_else_is_asked_for_again(headers: dict[str, str], content: bytes, reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        check_body(headers, content, "image/jpeg")


def test_documents_must_be_whole_and_not_about_an_error() -> None:
    check_document({"Content-Type": "text/xml"}, b"<?xml version='1.0'?><Capabilities/>\n")
    check_document({}, b'{"title": "x"}')
    for content in (b"", b"<html></html>", b"<Capabilities><Lay", exception_report("X", "", "Gone").encode()):
        with pytest.raises(Unusable):
            check_document({}, content)


def test_an_exception_is_quoted_by_its_text() -> None:
    assert words(exception_report("TileOutOfRange", "TILEROW", "TILEROW is out of range").encode()) == (
        "TILEROW is out of range"
    )
    assert words(b"<p>" + b"long " * 100).endswith("…")
    assert "\x1b" not in words(b"\x1b[31mred")


@pytest.mark.parametrize("side", [256, 512])
def test_blank_by_its_hash(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earthcurator.pictures.inspect", None)  # proof that it is not even looked at
    assert is_blank(blank_jpeg(side), HERE, expects_headers=True)


@pytest.mark.parametrize("colour", ["white", "navy", "black"])
def test_blank_by_missing_headers_and_one_colour(colour: str) -> None:
    tile = encoded(Image.new("RGB", (512, 512), colour))
    assert is_blank(tile, {}, expects_headers=True)
    if colour != "black":
        assert not is_blank(tile, {}, expects_headers=False)
        assert not is_blank(tile, HERE, expects_headers=True)


@pytest.mark.parametrize("quality", [30, 75, 100])
@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("side", [256, 512, 1024])
def test_blank_by_its_pixels_however_it_was_encoded(quality: int, subsampling: int, side: int) -> None:
    out = BytesIO()
    Image.new("RGB", (side, side)).save(out, "jpeg", quality=quality, subsampling=subsampling)
    assert is_blank(out.getvalue(), {}, expects_headers=False)
    assert is_blank(blank_png(side), HERE, expects_headers=True)


def test_transparent_palette_tiles_are_blank_and_black_opaque_ones_are_not() -> None:
    palette = Image.new("P", (512, 512), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    out = BytesIO()
    palette.save(out, "png", transparency=0)
    assert is_blank(out.getvalue(), HERE, expects_headers=True)
    assert not is_blank(encoded(Image.new("RGB", (512, 512)), "png"), HERE, expects_headers=True)


def test_tiles_with_something_on_them_are_not_blank_and_mostly_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    corner = Image.new("RGB", (512, 512))
    corner.paste("white", (500, 500, 512, 512))
    assert not is_blank(encoded(corner), {}, expects_headers=True)
    monkeypatch.setattr("earthcurator.pictures.decode", None)
    assert not is_blank(JPEG, {}, expects_headers=True)


def test_a_damaged_small_picture_is_asked_for_again() -> None:
    with pytest.raises(Unusable, match="damaged"):
        is_blank(b"\xff\xd8\xff" + b"junk" * 100 + b"\xff\xd9", {}, expects_headers=False)
