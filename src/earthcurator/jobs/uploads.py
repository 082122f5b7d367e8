"""Files that came over the network and wait for an import. A file's name is never a path: content says what it is."""

from __future__ import annotations

import os
import shutil
import tarfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from earthcurator.errors import BadInput, NotFound, StorageFailed, TooLarge
from earthcurator.project import Project

KEPT_SECONDS = 7 * 86_400
"""An upload that nobody imports is deleted after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that the server has, whole."""

    id: str
    """Name it in an `import` job."""
    name: str
    """What the sender calls it."""
    bytes: int


class Incoming:
    """A file on its way in. Unless it is accepted, nothing of it is left."""

    def __init__(self, project: Project, *, most_bytes: int) -> None:
        self.id = uuid4().hex
        self._folder, self._most_bytes = _folder(project), most_bytes
        self._part = self._folder / f"{self.id}.part"
        self._bytes = 0

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("xb")
        except OSError as error:
            raise _no_room(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Take some more."""
        self._bytes += len(chunk)
        if self._bytes > self._most_bytes:
            raise TooLarge(
                f"an upload has {self._most_bytes / 1e9:g} GB at most",
                hint="split it, copy it to the server and use `curator import`, or set CURATOR_UPLOAD_GB",
            )
        try:
            self._file.write(chunk)
        except OSError as error:
            raise _no_room(error) from error

    def accept(self, name: str = "") -> Upload:
        """It is whole: put it where an import finds it. Uploads that were forgotten make room."""
        if not self._bytes:
            raise BadInput("the upload is empty", hint="send the file as the body of the request")
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            place = self._folder / self.id
            place.mkdir()
            self._part.rename(place / f"upload{_ending(self._part)}")
        except OSError as error:
            raise _no_room(error) from error
        _sweep(self._folder)
        return Upload(id=self.id, name=name, bytes=self._bytes)


def find_upload(project: Project, upload: str) -> Path:
    """The file itself."""
    for path in sorted((_folder(project) / upload).glob("upload*")):
        return path
    raise NotFound(f"there is no upload {upload}", hint="it was imported or is too old: send the file again")


def remove_upload(project: Project, upload: str) -> None:
    """Nothing of it is left."""
    shutil.rmtree(_folder(project) / upload, ignore_errors=True)


def _folder(project: Project) -> Path:
    return project.folder / "uploads"


def _ending(path: Path) -> str:
    """How an import tells archives from pictures."""
    return ".zip" if zipfile.is_zipfile(path) else ".tar" if tarfile.is_tarfile(path) else ""


def _sweep(folder: Path) -> None:
    oldest = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        if path.lstat().st_mtime < oldest:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _no_room(error: OSError) -> StorageFailed:
    return StorageFailed(
        f"the upload cannot be kept: {error.strerror or error}", hint="free space on the server's disk"
    )
