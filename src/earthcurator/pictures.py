"""From the bytes of a picture to its pixels, and back to PNG.

JPEG goes through simplejpeg (libjpeg-turbo), every other format through Pillow. Both are strict: a picture that is
damaged or cut short is an error, never half a picture. Nothing here opens files, warns, or keeps state, and every
function may be called from many threads.

Pixels are RGB as a person would see the picture: turned upright by its EXIF orientation, transparency laid over black,
palettes and CMYK resolved. Sixteen-bit values are divided by 256, so 0..65535 becomes 0..255 in a straight line.
Values that have no such range (32-bit, floating point) are refused: those are scenes, see `earthcurator.ingest`.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import BmpImagePlugin, GifImagePlugin, Image, PngImagePlugin, TiffImagePlugin, WebPImagePlugin
from PIL.ImageFile import ImageFile

from earthcurator.errors import BadPicture, NotAPicture, PictureTooLarge, TruncatedPicture

MAX_PIXELS = 64_000_000
"""Pictures with more pixels than this are refused from their header alone."""

_JPEG = "image/jpeg"

# Plugins are named rather than found by `Image.open`: it would try every format Pillow knows, and warn about size.
_READERS: dict[str, type[ImageFile]] = {
    "image/bmp": BmpImagePlugin.BmpImageFile,
    "image/gif": GifImagePlugin.GifImageFile,
    "image/png": PngImagePlugin.PngImageFile,
    "image/tiff": TiffImagePlugin.TiffImageFile,
    "image/webp": WebPImagePlugin.WebPImageFile,
}

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # + is BigTIFF

_ORIENTATION = 0x0112


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the header of a picture says."""

    media_type: str
    """One of `image/jpeg`, `png`, `webp`, `tiff`, `gif`, `bmp`."""
    width: int
    """Pixels across as displayed, that is after EXIF rotation."""
    height: int
    """Pixels down as displayed, that is after EXIF rotation."""


def decode(data: bytes, *, at_least: int | None = None) -> NDArray[np.uint8]:
    """Pixels of a picture, (height, width, 3) uint8 RGB.

    With `at_least`, a JPEG may come back reduced by 2 to 8, both sides still at least that many pixels: much cheaper
    when the picture is about to be resized anyway.
    """
    media_type = sniff(data)
    if media_type == _JPEG:
        return _decode_jpeg(data, at_least)
    with _opened(data, media_type) as image:
        orientation = _orientation_of(image)
        colours, alpha = _colours_and_alpha(image)
    if alpha is not None:
        colours = (colours.astype(np.uint16) * alpha[..., None] // 255).astype(np.uint8)
    return _upright(colours, orientation)


def inspect(data: bytes) -> PictureFacts:
    """Read the header of a picture: its format and its size. The pixels may still turn out to be damaged."""
    media_type = sniff(data)
    if media_type == _JPEG:
        width, height = _jpeg_size(data)
        orientation = _jpeg_orientation(data)
    else:
        with _opened(data, media_type) as image:
            width, height = image.size
            orientation = _orientation_of(image)
    if orientation >= 5:
        width, height = height, width
    return PictureFacts(media_type, width, height)


def verify(data: bytes) -> tuple[PictureFacts, float]:
    """Decode a picture to the end to prove it whole; also the share of its pixels that are not fully transparent."""
    facts = inspect(data)
    if facts.media_type == _JPEG:
        _decode_jpeg(data, at_least=1)  # reads every coefficient, but draws an eighth of the pixels
        return facts, 1.0
    with _opened(data, facts.media_type) as image:
        _, alpha = _colours_and_alpha(image)
    return facts, 1.0 if alpha is None else float(np.count_nonzero(alpha) / alpha.size)


def sniff(data: bytes) -> str:
    """Media type of a picture by its first bytes, whatever its name says."""
    for media_type, magic in (
        (_JPEG, (b"\xff\xd8\xff",)),
        ("image/png", (b"\x89PNG\r\n\x1a\n",)),
        ("image/tiff", _TIFF_MAGIC),
        ("image/gif", (b"GIF87a", b"GIF89a")),
        ("image/bmp", (b"BM",)),
    ):
        if data.startswith(magic):
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if not data:
        raise TruncatedPicture("the file is empty", hint="copy or download it again")
    raise NotAPicture(
        "this is not a JPEG, PNG, WebP, TIFF, GIF or BMP picture",
        hint="convert it to one of these, or leave it out",
    )


def thumbnail(data: bytes, side: int) -> tuple[str, bytes]:
    """A small copy, no side longer than `side`, after its media type: PNG where pixels are transparent, else JPEG."""
    media_type = sniff(data)
    if media_type == _JPEG:
        return _JPEG, _encode_jpeg(_fit(_decode_jpeg(data, side), side))
    with _opened(data, media_type) as image:
        orientation = _orientation_of(image)
        colours, alpha = _colours_and_alpha(image)
    if alpha is None or alpha.min() == 255:
        return _JPEG, _encode_jpeg(_fit(_upright(colours, orientation), side))
    return "image/png", encode_png(_fit(_upright(np.dstack([colours, alpha]), orientation), side))


def _fit(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size == (width, height):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def _encode_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=85)
    return encoded


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of (height, width, 3) RGB or (height, width, 4) RGBA pixels, lossless."""
    out = BytesIO()
    # Level 4 takes a third of the time of the default 6 and is a few percent larger.
    Image.fromarray(pixels).save(out, "png", compress_level=4)
    return out.getvalue()


# --- JPEG ---------------------------------------------------------------------------------------------------------


def _decode_jpeg(data: bytes, at_least: int | None) -> NDArray[np.uint8]:
    _jpeg_size(data)
    try:
        pixels: NDArray[np.uint8]
        if at_least is None:
            pixels = simplejpeg.decode_jpeg(data)
        else:
            # Below a factor of 2 the reduced transform costs more than the full one.
            pixels = simplejpeg.decode_jpeg(data, min_height=at_least, min_width=at_least, min_factor=2)
    except ValueError as exc:
        raise _broken(exc) from exc
    return _upright(pixels, _jpeg_orientation(data))


def _jpeg_size(data: bytes) -> tuple[int, int]:
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as exc:
        raise _broken(exc) from exc
    _check_size(width, height)
    return width, height


def _jpeg_orientation(data: bytes) -> int:
    start = data.find(b"Exif\0\0")
    return _exif_orientation(data[start + 6 : start + 65536]) if start >= 0 else 1


# --- everything else ----------------------------------------------------------------------------------------------


@contextmanager
def _opened(data: bytes, media_type: str) -> Iterator[ImageFile]:
    """Open with Pillow, check the size, and turn whatever Pillow raises into `BadPicture`."""
    hush_pillow()
    try:
        with _READERS[media_type](BytesIO(data)) as image:
            _check_size(*image.size)
            yield image
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, EOFError, struct.error, zlib.error) as exc:
        raise _broken(exc) from exc
    except (Image.DecompressionBombError, MemoryError) as exc:
        raise PictureTooLarge(f"this picture is too large to decode: {exc}") from exc


def hush_pillow() -> None:
    """Keep Pillow's remarks on odd tags off stderr; `catch_warnings` would not be safe across threads."""
    warnings.filterwarnings("ignore", category=Warning, module=r"PIL\.")


def _colours_and_alpha(image: ImageFile) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """RGB as stored (not yet turned or composited), and the alpha channel if there is one."""
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2), None
    if image.mode in ("I", "F"):
        raise BadPicture(
            "its values are 32-bit, which has no fixed range of brightness",
            hint="import it as a GeoTIFF scene with a stretch, or convert it to 8 or 16 bit",
        )
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return rgba[..., :3], rgba[..., 3]
    return np.asarray(image.convert("RGB")), None


def _orientation_of(image: ImageFile) -> int:
    # Pillow turns TIFFs by itself, and reports their size as turned.
    exif = image.info.get("exif", b"") if image.format != "TIFF" else b""
    return _exif_orientation(exif.removeprefix(b"Exif\0\0"))


# --- shared -------------------------------------------------------------------------------------------------------


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureTooLarge(
            f"{width} x {height} pixels is more than {MAX_PIXELS // 1_000_000} million",
            hint="cut it into smaller pictures, or import it as a GeoTIFF scene",
        )


def _broken(exc: Exception) -> BadPicture:
    """Our word for a decoder's complaint."""
    text = str(exc).rstrip(".") or type(exc).__name__
    lowered = text.lower()
    if any(word in lowered for word in ("truncated", "premature", "unexpected end", "eof")):
        return TruncatedPicture(f"the end of the picture is missing ({text})", hint="copy or download it again")
    return BadPicture(f"the picture is damaged ({text})", hint="copy or download it again")


def _exif_orientation(exif: bytes) -> int:
    """The orientation, 1 to 8, from an Exif block; 1 when it has none or cannot be read.

    A dozen lines instead of Pillow's reader because it takes a microsecond and has no opinion on other tags.
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}4xI", exif)
        (count,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Apply an EXIF orientation: 5 to 8 are mirrored along the diagonal first, then each is a flip or two."""
    if orientation == 1:
        return pixels
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
