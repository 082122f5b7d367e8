"""A contact sheet: the examples of a search and what it found, in one PNG to look at or send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from earthcurator.pictures import decode

_SIDE = 160
_GAP = 12
_CAPTION = 20
_MARGIN = 28
_HEADING = 34
_INK = (28, 32, 38)
_QUIET = (104, 112, 122)
_PAPER = (252, 252, 250)
_LINE = (224, 224, 218)


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a sheet and the words under it."""

    picture: bytes
    caption: str


def contact_sheet(examples: Sequence[Tile], hits: Sequence[Tile], *, title: str, columns: int = 8) -> bytes:
    """PNG with the examples in a first row and the hits, best first, in rows below."""
    sections = [(title, examples), (f"{len(hits)} found, best first", hits)]
    width = 2 * _MARGIN + columns * (_SIDE + _GAP) - _GAP
    height = 2 * _MARGIN + sum(_HEADING + _rows(tiles, columns) * _row_height() for _, tiles in sections)
    sheet = Image.new("RGB", (width, height), _PAPER)
    top = _MARGIN
    for heading, tiles in sections:
        _draw_section(sheet, heading, tiles, top=top, columns=columns)
        top += _HEADING + _rows(tiles, columns) * _row_height()
    out = BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()


def thumbnail(picture: bytes, side: int) -> Image.Image:
    """The picture made to fit a square of this many pixels; small ones are enlarged with their pixels in sight."""
    image = Image.fromarray(decode(picture, at_least=side))
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if scale >= 2 else Image.Resampling.LANCZOS)


def _rows(tiles: Sequence[Tile], columns: int) -> int:
    return max(1, -(-len(tiles) // columns))


def _row_height() -> int:
    return _SIDE + _CAPTION + _GAP


def _draw_section(sheet: Image.Image, heading: str, tiles: Sequence[Tile], *, top: int, columns: int) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, top), heading, fill=_INK, font=ImageFont.load_default(18))
    for number, tile in enumerate(tiles):
        left = _MARGIN + number % columns * (_SIDE + _GAP)
        upper = top + _HEADING + number // columns * _row_height()
        image = thumbnail(tile.picture, _SIDE)
        corner = (left + (_SIDE - image.width) // 2, upper + (_SIDE - image.height) // 2)
        sheet.paste(image, corner)
        draw.rectangle((left - 1, upper - 1, left + _SIDE, upper + _SIDE), outline=_LINE)
        draw.text((left, upper + _SIDE + 4), _fitting(draw, tile.caption), fill=_QUIET, font=ImageFont.load_default(12))


def _fitting(draw: ImageDraw.ImageDraw, text: str) -> str:
    """The text, shortened with an ellipsis to the width of a tile."""
    font = ImageFont.load_default(12)
    while text and draw.textlength(text, font=font) > _SIDE:
        text = text.removesuffix("…")[:-1] + "…"
    return text
