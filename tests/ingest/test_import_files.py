"""Folders as people have them: classes, clutter, links, damage, strange names."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from earthcurator.errors import NotFound
from earthcurator.ingest import arrivals, count_files
from earthcurator.ingest.files import walk
from earthcurator.models import Arrival, Quarantined


def picture(shade: int = 0, form: str = "png", size: int = 16) -> bytes:
    out = BytesIO()
    Image.fromarray(np.full((size, size, 3), shade, np.uint8)).save(out, form)
    return out.getvalue()


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def import_all(*paths: Path) -> tuple[list[Arrival], list[Quarantined]]:
    items = list(arrivals(paths, threads=2))
    assert len(items) == count_files(paths)
    return [i for i in items if isinstance(i, Arrival)], [i for i in items if isinstance(i, Quarantined)]


def folders(arrived: list[Arrival]) -> list[str | None]:
    return [item.chip.folder for item in arrived]


def test_a_picture_is_kept_verbatim_under_its_content_hash(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", picture())
    (arrival,), _ = import_all(path)
    digest = hashlib.sha256(picture()).hexdigest()
    assert arrival.picture == picture()
    assert (arrival.chip.id, arrival.chip.sha256) == (digest[:32], digest)
    assert (arrival.chip.media_type, arrival.chip.width, arrival.chip.height) == ("image/png", 16, 16)
    assert (arrival.chip.origin, arrival.chip.folder, arrival.chip.box) == (str(path), None, None)


def test_ucmerced_layout_gives_classes_from_either_folder(tmp_path: Path) -> None:
    for number, kind in enumerate(["agricultural", "beach"]):
        write(tmp_path / "UCMerced" / "Images" / kind / f"{kind}00.tif", picture(number, "tiff"))
    for root in (tmp_path / "UCMerced", tmp_path / "UCMerced" / "Images"):
        arrived, refused = import_all(root)
        assert folders(arrived) == ["agricultural", "beach"]
        assert [item.chip.media_type for item in arrived] == ["image/tiff"] * 2  # verbatim, not cut as scenes
        assert not refused


def test_unlabelled_folder_is_a_folder_only_from_above(tmp_path: Path) -> None:
    write(tmp_path / "Dataset" / "Unlabelled" / "1.png", picture())
    assert folders(import_all(tmp_path / "Dataset")[0]) == ["Unlabelled"]
    assert folders(import_all(tmp_path / "Dataset" / "Unlabelled")[0]) == [None]


def test_clutter_and_sidecars_are_ignored_in_silence(tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture())
    for name in (".DS_Store", "Thumbs.db", "__MACOSX/._a.png", "labels.csv", "a.png.aux.xml", "README.md", "x.OVR"):
        write(tmp_path / name, b"anything")
    arrived, refused = import_all(tmp_path)
    assert len(arrived) == 1
    assert not refused


def test_names_with_spaces_and_in_any_script(tmp_path: Path) -> None:
    write(tmp_path / "пожар и дым" / "火 烟 é.png", picture())
    (arrival,), _ = import_all(tmp_path)
    assert arrival.chip.folder == "пожар и дым"
    assert arrival.chip.origin.endswith("火 烟 é.png")


def test_name_that_is_not_utf8_can_still_be_stored(tmp_path: Path) -> None:
    if sys.platform == "darwin":  # its file systems take UTF-8 names only
        return
    write(tmp_path / os.fsdecode(b"caf\xe9.png"), picture())
    (arrival,), _ = import_all(tmp_path)
    assert arrival.chip.origin.encode().endswith(rb"caf\xe9.png")


def bomb() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("empty.jpg", b"", "truncated"),
        ("cut.jpg", picture(9, "jpeg", 64)[:-40], "truncated"),
        ("cut.png", picture(9, "png", 64)[:-40], "truncated"),
        ("text.jpg", b"this is no picture", "not a picture"),
        ("page.jpg", b"<!DOCTYPE html><p>404", "not a picture"),
        ("drawing.svg", b"<svg/>", "not a picture"),
        ("bomb.png", bomb(), "too large"),
        ("cut.tif", b"II*\0\xff\xff\xff\xff", "unreadable"),
        ("cut.zip", b"PK\x03\x04broken", "truncated"),
        ("text.tar.gz", b"this is no archive", "unreadable"),
    ],
)
def test_damaged_file_is_quarantined_and_the_rest_goes_on(tmp_path: Path, name: str, data: bytes, kind: str) -> None:
    bad = write(tmp_path / name, data)
    write(tmp_path / "a.png", picture(1))
    write(tmp_path / "z.png", picture(2))
    arrived, (refused,) = import_all(tmp_path)
    assert len(arrived) == 2
    assert (refused.origin, refused.kind) == (str(bad), kind)
    assert refused.reason


def test_picture_with_the_wrong_extension_is_welcome(tmp_path: Path) -> None:
    write(tmp_path / "really.png", picture(3, "jpeg"))
    write(tmp_path / "no_extension", picture(4))
    arrived, _ = import_all(tmp_path)
    assert [item.chip.media_type for item in arrived] == ["image/png", "image/jpeg"]


def test_missing_path_is_an_error_before_anything_starts(tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture())
    with pytest.raises(NotFound, match="nowhere") as caught:
        arrivals([tmp_path, tmp_path / "nowhere"])
    assert caught.value.hint


def test_file_that_cannot_be_opened_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "dangling.png").symlink_to(tmp_path / "gone.png")
    _, (refused,) = import_all(tmp_path)
    assert refused.kind == "unreadable"


def test_file_without_permission_is_quarantined(
    tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    tmp_path.chmod(0o755)
    write(tmp_path / "a.png", picture()).chmod(0)
    with unprivileged():
        _, (refused,) = import_all(tmp_path)
    assert refused.kind == "unreadable"


def test_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    _, (refused,) = import_all(tmp_path)
    assert refused.kind == "not a picture"


def test_links_are_followed_but_a_loop_ends(tmp_path: Path) -> None:
    write(tmp_path / "data" / "a.png", picture())
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "up").symlink_to(tmp_path)
    arrived, refused = import_all(tmp_path / "data")
    assert len(arrived) == 1
    assert not refused


def test_order_is_by_name_and_the_same_every_time(tmp_path: Path) -> None:
    for number in range(60):
        write(tmp_path / "cba"[number % 3] / f"{number:02}.png", picture(number, size=8 + 20 * (number % 5)))
    once, again = import_all(tmp_path)[0], import_all(tmp_path)[0]
    origins = [item.chip.origin for item in once]
    assert origins == sorted(origins)
    assert once == again


def test_files_are_read_only_a_little_ahead_of_the_reader(tmp_path: Path) -> None:
    for number in range(300):
        write(tmp_path / f"{number:03}.png", picture(number % 256))
    stream = arrivals([tmp_path], threads=2)
    first = list(islice(stream, 10))
    for path in sorted(tmp_path.iterdir())[100:]:
        path.unlink()  # were they read already, they would still arrive
    rest = list(stream)
    assert len(first) == 10
    assert sum(isinstance(item, Quarantined) for item in rest) == 200
    assert sum(isinstance(item, Arrival) for item in rest) == 90


def test_walk_lists_one_folder_at_a_time(tmp_path: Path) -> None:
    write(tmp_path / "a" / "1.png", picture())
    write(tmp_path / "b" / "1.png", picture())
    found = walk([tmp_path])
    next(found)
    write(tmp_path / "b" / "2.png", picture())
    assert len(list(found)) == 2


def test_closing_early_stops_the_threads(tmp_path: Path) -> None:
    for number in range(100):
        write(tmp_path / f"{number:02}.png", picture(number))
    before = set(threading.enumerate())
    stream = arrivals([tmp_path], threads=4)
    next(stream)
    assert set(threading.enumerate()) - before
    stream.close()
    assert not set(threading.enumerate()) - before


def test_interrupt_stops_the_threads(tmp_path: Path) -> None:
    for number in range(50):
        write(tmp_path / f"{number:02}.png", picture(number))
    before = set(threading.enumerate())
    stream = arrivals([tmp_path], threads=4)
    next(stream)
    with pytest.raises(KeyboardInterrupt):
        stream.throw(KeyboardInterrupt())
    assert not set(threading.enumerate()) - before


def test_empty_folder_has_nothing(tmp_path: Path) -> None:
    assert import_all(tmp_path) == ([], [])


def test_tree_deeper_than_recursion_goes(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(1200):  # step by step: the whole path is too long to be named at once
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    items = list(arrivals([tmp_path]))
    assert all(isinstance(item, Quarantined) for item in items)
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)  # shutil.rmtree recurses
