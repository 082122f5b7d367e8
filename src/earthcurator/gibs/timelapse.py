"""Turns pictures of one place over time into MP4, WebM or GIF, with the date burned in.

One frame is in memory at a time. Every frame of the result has the same size: the pictures' own, scaled down to at most
`MAX_SIDE` pixels; video is padded to even sides, which its colour format needs.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageDraw, ImageFont

from earthcurator.errors import BadInput
from earthcurator.gibs.outfiles import complete_or_absent, suffix_of

Gaps = Literal["hold", "blank", "skip"]
"""What stands for a time without imagery: the picture before it, black, or nothing."""

MAX_SIDE = 1920
"""Pixels of the longer side."""

_CODECS = {
    ".mp4": ("mp4", "libx264", {"crf": "18", "preset": "medium"}, {"movflags": "faststart"}),
    ".webm": ("webm", "libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}, {}),
}
_CAPTION_SHARE = 24
"""The caption is this fraction of the height."""
_SMALLEST_CAPTION = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture of one time."""

    time: datetime
    """UTC."""
    pixels: NDArray[np.uint8] | None
    """(height, width, 3); None when there is no imagery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelapseFacts:
    """What was written."""

    path: Path
    width: int
    height: int
    frames: int
    """How many are in the file."""
    gaps: int
    """How many times had no imagery."""
    seconds: float
    """How long it plays."""
    bytes: int
    """Size of the file."""


class _Writer(Protocol):
    """Takes the frames of a film, one after the other."""

    def __call__(self, picture: Image.Image) -> None: ...


def write_timelapse(
    out: Path,
    frames: Iterable[Frame],
    *,
    size: tuple[int, int],
    fps: int = 4,
    caption: bool = True,
    gaps: Gaps = "hold",
    overwrite: bool = False,
) -> TimelapseFacts:
    """Write a time-lapse whose format is that of the file's ending: .mp4 (H.264), .webm (VP9) or .gif.

    `size` is the width and height of every frame's pixels. The caption is the date, with the time of day where frames
    are less than a day apart, and says where there is no imagery. `hold` is black until there is something to hold.
    """
    suffix = suffix_of(out, (".mp4", ".webm", ".gif"))
    if not 1 <= fps <= 50:
        raise BadInput(f"{fps} frames a second are not within 1..50", hint="4 is easy to follow")
    width, height = _scaled(size)
    if suffix != ".gif":
        width, height = width + width % 2, height + height % 2
    times = written = missing = 0
    with complete_or_absent(out, overwrite=overwrite) as unfinished:
        with _writer(unfinished, suffix, (width, height), fps) as write, closing(_captioned(frames, caption)) as texts:
            held = None
            for frame, text in texts:
                times += 1
                picture = None if frame.pixels is None else _picture(frame, size)
                missing += picture is None
                if picture is None and gaps == "skip":
                    continue
                held = picture or (held if gaps == "hold" else None)
                write(_drawn(held, (width, height), text))
                written += 1
            if missing == times:
                raise BadInput("none of these times has imagery", hint="choose other dates or another layer")
        size_of_file = unfinished.stat().st_size
    return TimelapseFacts(
        path=out,
        width=width,
        height=height,
        frames=written,
        gaps=missing,
        seconds=written / fps,
        bytes=size_of_file,
    )


# --- pictures -----------------------------------------------------------------------------------------------------


def _scaled(size: tuple[int, int]) -> tuple[int, int]:
    shrink = min(1.0, MAX_SIDE / max(size))
    return max(1, round(size[0] * shrink)), max(1, round(size[1] * shrink))


def _picture(frame: Frame, size: tuple[int, int]) -> Image.Image:
    image = Image.fromarray(np.asarray(frame.pixels))
    if image.size != size:
        raise BadInput(
            f"the frame of {frame.time} has {image.width} x {image.height} pixels, not {size[0]} x {size[1]}"
        )
    small = _scaled(size)
    return image if small == size else image.resize(small, Image.Resampling.BOX)


def _drawn(picture: Image.Image | None, size: tuple[int, int], text: str) -> Image.Image:
    """The picture, or none, on black, with its caption at the bottom left."""
    canvas = Image.new("RGB", size)
    if picture is not None:
        canvas.paste(picture)
    if text:
        letters = max(_SMALLEST_CAPTION, min(size) // _CAPTION_SHARE)
        ImageDraw.Draw(canvas).text(
            (letters / 2, size[1] - letters / 2),
            text,
            font=ImageFont.load_default(letters),
            anchor="lb",
            fill="white",
            stroke_width=max(1, letters // 8),
            stroke_fill="black",
        )
    return canvas


def _captioned(frames: Iterable[Frame], caption: bool) -> Generator[tuple[Frame, str]]:
    """Each frame and what to write on it."""
    rest = iter(frames)
    first = list(islice(rest, 2))
    pattern = "%Y-%m-%d %H:%M UTC" if _is_sub_daily(first) else "%Y-%m-%d"
    for frame in chain(first, rest):
        text = frame.time.strftime(pattern) + (" (no imagery)" if frame.pixels is None else "")
        yield frame, text if caption else ""


def _is_sub_daily(frames: list[Frame]) -> bool:
    return len(frames) > 1 and frames[1].time - frames[0].time < timedelta(days=1)


# --- files --------------------------------------------------------------------------------------------------------


@contextmanager
def _writer(path: Path, suffix: str, size: tuple[int, int], fps: int) -> Iterator[_Writer]:
    with _gif(path, size, fps) if suffix == ".gif" else _video(path, suffix, size, fps) as write:
        yield write


@contextmanager
def _gif(path: Path, size: tuple[int, int], fps: int) -> Iterator[_Writer]:
    """A GIF that repeats for ever, each frame with 256 colours of its own. Pillow's `save_all` keeps all in memory."""
    with path.open("wb") as file:
        file.write(b"GIF89a" + struct.pack("<HHBBB", *size, 0, 0, 0))
        file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")

        def write(picture: Image.Image) -> None:
            reduced = picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            file.writelines(GifImagePlugin.getdata(reduced, duration=1000 / fps, include_color_table=True))

        yield write
        file.write(b";")


@contextmanager
def _video(path: Path, suffix: str, size: tuple[int, int], fps: int) -> Iterator[_Writer]:
    try:
        import av
    except ModuleNotFoundError as error:
        raise BadInput(
            f"a {suffix} file needs the package av, which is not installed",
            hint="pip install 'earthcurator[video]', or write a .gif",
        ) from error
    container_format, codec, options, container_options = _CODECS[suffix]
    with av.open(str(path), "w", format=container_format, options=container_options) as container:
        stream = container.add_stream(codec, rate=Fraction(fps), options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"

        def write(picture: Image.Image) -> None:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))

        yield write
        container.mux(stream.encode())
