"""One file of a folder, for the way over the network: a zip archive in which nothing is compressed.

Pictures are compressed already. Files of any size and number are streamed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

_CHUNK = 1024 * 1024


def write_zip(folder: Path, out: Path, *, alive: Callable[[], None]) -> str:
    """Zip the folder, under its own name, into `out` in one step; returns the SHA-256 of the file.

    `alive` is called often, and may raise to stop it.
    """
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as file:
            with ZipFile(file, "w", ZIP_STORED) as archive:
                for path in _files(folder):
                    _add(archive, path, path.relative_to(folder.parent).as_posix(), alive)
            file.flush()
            os.fsync(file.fileno())
        digest = _sha256(part, alive)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return digest


def _files(folder: Path) -> Iterator[Path]:
    """Every file, folder by folder; a class folder of a large dataset holds many."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)


def _add(archive: ZipFile, path: Path, name: str, alive: Callable[[], None]) -> None:
    info = ZipInfo.from_file(path, name, strict_timestamps=False)
    with path.open("rb") as source, archive.open(info, "w", force_zip64=info.file_size >= 2**31) as target:
        for chunk in _chunks(source, alive):
            target.write(chunk)


def _sha256(path: Path, alive: Callable[[], None]) -> str:
    digest = sha256()
    with path.open("rb") as file:
        for chunk in _chunks(file, alive):
            digest.update(chunk)
    return digest.hexdigest()


def _chunks(file: IO[bytes], alive: Callable[[], None]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        alive()
        yield chunk
