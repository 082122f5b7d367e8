"""Time-lapses are decoded again and looked at: how many frames, of what size, and what they show."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from earthcurator.errors import BadInput, Conflict, NotAllowed
from earthcurator.gibs.timelapse import MAX_SIDE, Frame, write_timelapse
from tests.gibs.test_mosaic import Unprivileged

START = datetime(2020, 8, 16, tzinfo=UTC)
DAY = timedelta(days=1)
FORMATS = pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
RED, GREEN, BLUE = (200, 40, 40), (40, 180, 60), (40, 60, 200)


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (160, 96)) -> NDArray[np.uint8]:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def days(*colours: tuple[int, int, int] | None, step: timedelta = DAY) -> list[Frame]:
    return [Frame(START + n * step, None if c is None else plain(c)) for n, c in enumerate(colours)]


def watched(path: Path) -> list[NDArray[np.uint8]]:
    if path.suffix == ".gif":
        with Image.open(path) as image:
            return [_seek(image, n) for n in range(getattr(image, "n_frames", 1))]
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _seek(image: Image.Image, number: int) -> NDArray[np.uint8]:
    image.seek(number)
    return np.asarray(image.convert("RGB"))


def shown(frame: NDArray[np.uint8]) -> tuple[int, ...]:
    """The colour away from the caption."""
    return tuple(int(value) for value in frame[:40].reshape(-1, 3).mean(axis=0).round())


def assert_shows(path: Path, *colours: tuple[int, int, int]) -> None:
    frames = watched(path)
    assert len(frames) == len(colours)
    for frame, colour in zip(frames, colours, strict=True):
        assert np.abs(np.subtract(shown(frame), colour)).max() <= 8


@FORMATS
def test_every_frame_is_there_in_order_with_its_colours(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"film{suffix}"
    facts = write_timelapse(out, days(RED, GREEN, BLUE), size=(160, 96), fps=5)
    assert_shows(out, RED, GREEN, BLUE)
    assert (facts.frames, facts.gaps, facts.seconds) == (3, 0, 0.6)
    assert (facts.width, facts.height, facts.bytes) == (160, 96, out.stat().st_size)
    assert list(tmp_path.iterdir()) == [out]


@FORMATS
@pytest.mark.parametrize(
    ("gaps", "expected"),
    [("hold", [(0, 0, 0), RED, RED, BLUE]), ("blank", [(0, 0, 0), RED, (0, 0, 0), BLUE]), ("skip", [RED, BLUE])],
)
def test_gaps(tmp_path: Path, suffix: str, gaps: str, expected: list[tuple[int, int, int]]) -> None:
    out = tmp_path / f"film{suffix}"
    facts = write_timelapse(out, days(None, RED, None, BLUE), size=(160, 96), gaps=gaps)  # type: ignore[arg-type]  # parametrized
    assert_shows(out, *expected)
    assert (facts.frames, facts.gaps) == (len(expected), 2)


@FORMATS
def test_caption_differs_between_dates_and_can_be_left_out(tmp_path: Path, suffix: str) -> None:
    with_dates, without = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write_timelapse(with_dates, days(RED, RED), size=(160, 96))
    write_timelapse(without, days(RED, RED), size=(160, 96), caption=False)
    first, second = (frame[80:].astype(int) for frame in watched(with_dates))
    assert np.abs(first - second).max() > 100
    assert first.max() > 200, "white letters"
    assert all(np.ptp(frame.reshape(-1, 3), axis=0).max() < 30 for frame in watched(without))


def test_caption_has_the_time_of_day_only_where_frames_are_less_than_a_day_apart(tmp_path: Path) -> None:
    def caption_width(step: timedelta) -> int:
        write_timelapse(tmp_path / "a.gif", days(RED, RED, step=step), size=(160, 96), overwrite=True)
        letters = (watched(tmp_path / "a.gif")[0].min(axis=2) > 200).any(axis=0)
        return int(np.flatnonzero(letters).max())

    assert caption_width(timedelta(minutes=10)) > 1.5 * caption_width(DAY)


@FORMATS
def test_odd_sides_are_padded_for_video_only(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"film{suffix}"
    frames = [Frame(START + n * DAY, plain(RED, (161, 97))) for n in range(2)]
    facts = write_timelapse(out, frames, size=(161, 97))
    expected = (161, 97) if suffix == ".gif" else (162, 98)
    assert (facts.width, facts.height) == expected
    assert {frame.shape[1::-1] for frame in watched(out)} == {expected}


def test_large_frames_are_scaled_down(tmp_path: Path) -> None:
    facts = write_timelapse(tmp_path / "a.mp4", [Frame(START, plain(RED, (4000, 500)))], size=(4000, 500))
    assert (facts.width, facts.height) == (MAX_SIDE, 240)
    assert_shows(tmp_path / "a.mp4", RED)


@FORMATS
def test_one_pixel(tmp_path: Path, suffix: str) -> None:
    write_timelapse(tmp_path / f"a{suffix}", [Frame(START, plain(RED, (1, 1)))], size=(1, 1), caption=False)
    assert len(watched(tmp_path / f"a{suffix}")) == 1


def test_video_plays_at_the_asked_rate(tmp_path: Path) -> None:
    write_timelapse(tmp_path / "a.mp4", days(RED, GREEN, BLUE), size=(160, 96), fps=6)
    write_timelapse(tmp_path / "a.gif", days(RED, GREEN, BLUE), size=(160, 96), fps=5)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == 6
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.info["duration"], image.info["loop"]) == (200, 0)


def test_frames_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    alive: list[int] = []

    def counted() -> Iterator[Frame]:
        for number in range(12):
            pixels = plain(RED)
            alive.append(sys.getrefcount(pixels))
            yield Frame(START + number * DAY, pixels)

    facts = write_timelapse(tmp_path / "a.gif", counted(), size=(160, 96))
    assert facts.frames == len(alive) == 12


@FORMATS
def test_an_interrupt_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    def interrupted() -> Iterator[Frame]:
        yield from days(RED, GREEN, BLUE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_timelapse(tmp_path / f"a{suffix}", interrupted(), size=(160, 96))
    assert list(tmp_path.iterdir()) == []


@FORMATS
def test_no_imagery_at_all_is_an_error(tmp_path: Path, suffix: str) -> None:
    for frames in ([], days(None, None)):
        with pytest.raises(BadInput, match="none of these times has imagery"):
            write_timelapse(tmp_path / f"a{suffix}", frames, size=(160, 96))
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_named(tmp_path: Path) -> None:
    frames = [Frame(START, plain(RED)), Frame(START + DAY, plain(RED, (80, 96)))]
    with pytest.raises(BadInput, match=r"2020-08-17 .* has 80 x 96 pixels, not 160 x 96"):
        write_timelapse(tmp_path / "a.gif", frames, size=(160, 96))


def test_mistakes_get_one_clear_sentence(tmp_path: Path, unprivileged: Unprivileged) -> None:
    with pytest.raises(BadInput, match=r"film\.avi does not end in \.mp4 or \.webm or \.gif"):
        write_timelapse(tmp_path / "film.avi", days(RED), size=(160, 96))
    with pytest.raises(BadInput, match="0 frames a second"):
        write_timelapse(tmp_path / "film.gif", days(RED), size=(160, 96), fps=0)
    (tmp_path / "film.gif").write_bytes(b"mine")
    with pytest.raises(Conflict, match="exists already"):
        write_timelapse(tmp_path / "film.gif", days(RED), size=(160, 96))
    assert (tmp_path / "film.gif").read_bytes() == b"mine"
    write_timelapse(tmp_path / "film.gif", days(RED), size=(160, 96), overwrite=True)
    assert_shows(tmp_path / "film.gif", RED)
    with unprivileged(), pytest.raises(NotAllowed, match="may not be written"):
        write_timelapse(tmp_path / "film2.mp4", days(RED), size=(160, 96))


def test_without_av_the_remedy_is_named_and_gif_still_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)  # as if it were not installed
    with pytest.raises(BadInput, match="needs the package av") as caught:
        write_timelapse(tmp_path / "a.mp4", days(RED), size=(160, 96))
    assert "earthcurator[video]" in caught.value.hint
    assert list(tmp_path.iterdir()) == []
    assert write_timelapse(tmp_path / "a.gif", days(RED), size=(160, 96)).frames == 1
