"""WebDataset (https://github.com/webdataset/webdataset): tar files to be read from start to end, over a network too.

A sample is a picture, its class as a number, and a JSON object with all that is known. Files are named by numbers,
because readers take the first dot of a name for its end. The same rows give the same bytes.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

from earthcurator.export.imagefolder import EXTENSIONS
from earthcurator.export.labelled import Labelled
from earthcurator.export.rows import UNSPLIT, ClassNumbers, facts, to_json, with_pictures
from earthcurator.export.shards import Shards


def write_webdataset(
    out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]]
) -> int:
    """Write `<split>-<number>.tar` with `.jpg` (or `.png`, ...), `.cls` and `.json` for each chip, and `classes.json`.

    A chip with several classes, or none, has no `.cls`: the JSON lists them as `labels`, and their numbers.
    """
    numbers = ClassNumbers()
    count = 0
    with Shards(out, "tar", _new_tar) as shards:
        for count, (row, picture) in enumerate(with_pictures(rows, pictures), 1):
            parts = _parts(row, picture, numbers.of(row))
            tar = shards.with_room(row.split or UNSPLIT, sum(_size_in_tar(content) for content in parts.values()))
            for ending, content in parts.items():
                member = tarfile.TarInfo(f"{count - 1:09d}.{ending}")  # owner 0, time 0, mode 644
                member.size = len(content)
                tar.addfile(member, BytesIO(content))
    numbers.write(out)
    return count


def _parts(row: Labelled, picture: bytes, numbers: list[int]) -> dict[str, bytes]:
    parts = {EXTENSIONS[row.chip.media_type]: picture}
    if len(numbers) == 1:
        parts["cls"] = str(numbers[0]).encode()
    return parts | {"json": to_json(facts(row) | {"numbers": numbers}).encode()}


def _new_tar(path: Path) -> tarfile.TarFile:
    return tarfile.TarFile(path, "x", format=tarfile.USTAR_FORMAT)


def _size_in_tar(content: bytes) -> int:
    return tarfile.BLOCKSIZE + -(-len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
