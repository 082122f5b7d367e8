"""Is this the picture that was asked for, whole, and is there anything on it?

A truncated JPEG decodes "fine" with a grey band, maintenance pages come with status 200, and GIBS answers with an empty
tile where it has no imagery. So nothing counts before it went through here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

import numpy as np

from earthcurator import pictures
from earthcurator.errors import BadPicture, NotAPicture, TruncatedPicture

BLANKS = {
    # OnEarth's Blank_RGB_512.jpg, which is Pillow's default JPEG of black, and the same with 256 pixels.
    4723: "265cf11371c6a5c939dea302e1e2f331f38fa5e31946f2a02a56947e719af51e",
    1651: "3a1aa2dd6afc4459eedc567ae9f40d5ddcf59c40599d7aa62843a85a181f7e0b",
}
"""Empty tiles that are known: length and hash."""

_VERSION_HEADERS = ("Layer-Time-Actual", "Layer-Identifier-Actual")

# Measured: a uniform JPEG takes .0182 bytes a pixel with 4:2:0 and .0298 with 4:4:4 chroma at every quality.
_UNIFORM_BYTES_PER_PIXEL = 0.03
_UNIFORM_HEADER_BYTES = 1000
_LARGEST_UNIFORM_BYTES = 32_000  # 1024 x 1024 pixels; reading the size of a picture costs .14 ms


class Unusable(Exception):
    """The answer is not what was asked for; asking again may help. The text says what came."""


def check_body(headers: Mapping[str, str], content: bytes, wanted: str) -> str:
    """The media type of a tile. Raises `Unusable` unless it is a whole picture of the kind wanted.

    `wanted` is a media type, or empty when any picture will do. A PNG in place of a JPEG is fine: MapProxy and
    MapCache send their empty tiles so.
    """
    _check_length(headers, content)
    declared = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        found = pictures.sniff(content)
    except (NotAPicture, TruncatedPicture):
        raise Unusable(f"{declared or 'no picture'}: {words(content)}" if content else "an empty body") from None
    if declared and not declared.startswith("image/") and declared != "application/octet-stream":
        raise Unusable(f"a picture that says it is {declared}")
    if wanted and found not in (wanted, "image/png"):
        raise Unusable(f"{found} instead of {wanted}")
    if not _is_complete(content, found):
        raise Unusable(f"a picture whose end is missing ({len(content)} bytes)")
    return found


def check_document(headers: Mapping[str, str], content: bytes) -> None:
    """Raise `Unusable` unless the body is a whole document (XML or JSON), and not one about an error."""
    _check_length(headers, content)
    start, end = content[:512].lstrip().lower(), content[-512:].rstrip()
    if start.startswith((b"<!doctype html", b"<html")) or "html" in headers.get("Content-Type", ""):
        raise Unusable(f"a web page: {words(content)}")
    if b"exceptionreport" in start or b"serviceexception" in start:
        raise Unusable(f"an error: {words(content)}")
    if not start or not end.endswith((b">", b"}", b"]")):
        raise Unusable(f"a document whose end is missing ({len(content)} bytes)")


def words(content: bytes, most: int = 120) -> str:
    """The first words of an error page, or the text of a WMTS exception, for a person."""
    text = content[:20_000].decode("utf-8", "replace")
    if exception := re.search(r"<(?:\w+:)?ExceptionText[^>]*>(.*?)</", text, re.DOTALL):
        text = exception[1]
    text = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    text = "".join(letter for letter in text if letter.isprintable())
    return text if len(text) <= most else f"{text[:most]}…"


def says_version(headers: Mapping[str, str]) -> bool:
    """Whether the server tells which version and time of the layer it shows; OnEarth does, but not for empty tiles."""
    return any(name in headers for name in _VERSION_HEADERS)


def is_blank(content: bytes, headers: Mapping[str, str], *, expects_headers: bool) -> bool:
    """Whether a tile is empty: a known one, or transparent or black all over.

    Where the server otherwise says its version (`expects_headers`) and here does not, any single colour is empty.
    """
    if len(content) in BLANKS and sha256(content).hexdigest() == BLANKS[len(content)]:
        return True
    if len(content) > _LARGEST_UNIFORM_BYTES:
        return False
    try:
        facts = pictures.inspect(content)
        if len(content) > _UNIFORM_HEADER_BYTES + _UNIFORM_BYTES_PER_PIXEL * facts.width * facts.height:
            return False  # too large to be of one colour: not decoded
        if facts.media_type != "image/jpeg" and pictures.verify(content)[1] == 0:
            return True
        pixels = pictures.decode(content)
    except BadPicture as exc:
        raise Unusable(f"a damaged picture: {exc}") from exc
    lowest, highest = pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))
    if expects_headers and not says_version(headers):
        return bool(np.all(lowest == highest))
    return facts.media_type == "image/jpeg" and not highest.any()


def _check_length(headers: Mapping[str, str], content: bytes) -> None:
    declared = headers.get("Content-Length", "")
    if declared.isdecimal() and "Content-Encoding" not in headers and int(declared) != len(content):
        raise Unusable(f"{len(content)} of {declared} bytes")


def _is_complete(content: bytes, media_type: str) -> bool:
    if media_type == "image/jpeg":
        # Padding may follow the end marker, which cannot occur inside the compressed pixels.
        return content.rstrip(b"\0\r\n ").endswith(b"\xff\xd9")
    if media_type == "image/png":
        return content.rstrip(b"\0\r\n ").endswith(b"IEND\xaeB`\x82")
    return True
