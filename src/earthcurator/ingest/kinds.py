"""Tells scenes, which are cut into chips, from pictures, which are kept as they are, by the head of a file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from earthcurator import pictures
from earthcurator.errors import BadPicture
from earthcurator.pictures import sniff

HEAD_BYTES = 32
"""How much of a file `media_type_of` wants to see."""

LARGEST_PICTURE = 1024
"""A TIFF with more pixels than this on a side is a scene."""

_JP2 = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
_WORLD_FILES = {
    "image/jpeg": (".jgw", ".jpgw", ".wld"),
    "image/png": (".pgw", ".pngw", ".wld"),
    "image/tiff": (".tfw", ".tifw", ".wld"),
}

# TIFF tags
_WIDTH, _HEIGHT, _BITS, _BANDS, _SAMPLE_FORMAT, _GEO_KEYS = 256, 257, 258, 277, 339, 34735


def media_type_of(head: bytes) -> str:
    """Media type by the first bytes; JPEG 2000 too, which is only read as a scene."""
    return "image/jp2" if head.startswith(_JP2) else sniff(head)


def is_scene_tiff(file: IO[bytes]) -> bool:
    """True when a TIFF has a place, is large, or is not a plain 8-bit picture of one, three or four bands."""
    try:
        tags = _tiff_tags(file)
        bits, bands = max(tags.get(_BITS, (1,))), tags.get(_BANDS, 1)
        unsigned = max(tags.get(_SAMPLE_FORMAT, (1,))) == 1
        plain = bits <= 8 and bands in (1, 3, 4) and unsigned
        size = max(tags.get(_WIDTH, 0), tags.get(_HEIGHT, 0))
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error) as exc:
        raise BadPicture(f"its TIFF header is damaged ({exc})", hint="copy or download it again") from exc
    return _GEO_KEYS in tags or size > LARGEST_PICTURE or not plain


def is_large(data: IO[bytes]) -> bool:
    """True when a picture, by its header, is larger than what is kept whole."""
    facts = pictures.inspect(data.read())
    return max(facts.width, facts.height) > LARGEST_PICTURE


def has_world_file(path: Path, media_type: str) -> bool:
    """True when a world file lies beside a JPEG, PNG or TIFF."""
    return any(path.with_suffix(suffix).exists() for suffix in _WORLD_FILES.get(media_type, ()))


def _tiff_tags(file: IO[bytes]) -> ImageFileDirectory_v2:
    pictures.hush_pillow()
    head = file.read(16)
    tags = ImageFileDirectory_v2(head if head[2:3] == b"+" else head[:8])  # + is BigTIFF
    file.seek(tags.next)
    tags.load(file)
    return tags
