"""Make Lance commits on a local disk survive a power cut, and repair what one broke.

Lance never fsyncs (measured: 0 calls), so a cut can leave its newest files empty although the program
was told "done". After each commit we sync the new files and their folders, then keep a synced copy of the
manifest beside the table: that copy is the record of what was promised. Opening compares the two.
Object stores acknowledge only what is durable, so nothing of this applies there.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from earthcurator.errors import ProjectHealed, StorageFailed

log = logging.getLogger(__name__)

_MANIFEST = "*.manifest"
_MOST_TORN = 5
"""Commits that a program of ours can leave unpromised when it dies; more of them unreadable is another trouble."""


class Torn(Exception):
    """A version's files are not what its manifest says."""


class Versions(Protocol):
    """How healing looks into a table."""

    def check(self, version: int) -> None:
        """See that this version opens and has all of its data files. Raises Torn."""
        ...

    def read(self, older: int, version: int) -> None:
        """Read all that `version` added to `older`. Raises Torn."""
        ...


def write_durably(path: Path, content: bytes) -> None:
    """Replace the file in one step that survives a power cut: beside, sync, rename, sync the folder."""
    with _written_beside(path, content) as beside:
        beside.replace(path)
    sync_folder(path.parent)


def create_durably(path: Path, content: bytes) -> bool:
    """Make the file in one step that survives a power cut, unless it is there; whether it is ours."""
    with _written_beside(path, content) as beside:
        try:
            path.hardlink_to(beside)  # unlike renaming, this fails where the name is taken, also on network drives
        except FileExistsError:
            return False
    sync_folder(path.parent)
    return True


@contextmanager
def _written_beside(path: Path, content: bytes) -> Iterator[Path]:
    """A synced file of another name, which is gone in the end."""
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make the folder and those above it, durably."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's list of names durable."""
    if os.name == "nt":
        return  # Windows cannot open folders, and keeps names in a journal of its own
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_files(paths: Iterable[Path]) -> None:
    """Make the content of these files durable, and their names."""
    folders = set()
    for path in paths:
        _sync_file(path)
        folders.add(path.parent)
    for folder in sorted(folders):
        sync_folder(folder)


class DurableTable:
    """The files of one Lance table on a local disk, and the record of its last promised version."""

    def __init__(self, table: Path, record: Path, quarantine: Path) -> None:
        self._table = table
        self._record = record
        self._quarantine = quarantine
        self._synced: set[Path] = set()

    def settle(self) -> None:
        """Sync whatever is new since the last call, then record the newest manifest as promised."""
        new = [path for path in _files(self._table) if path not in self._synced]
        sync_files(new)
        sync_folder(self._table)
        sync_folder(self._table.parent)
        self._synced.update(new)
        self._promise(max(self._manifests(), key=_version))

    def heal(self, versions: Versions) -> None:
        """Bring the table back to what was promised, or to something newer that can be read."""
        self._drop_broken_hint()
        manifests = sorted(self._manifests(), key=_version, reverse=True)
        promised = self._promised()
        if promised is None:
            self._begin_record(manifests, versions)
            return
        newer = [manifest for manifest in manifests if _version(manifest) > _version(promised)]
        if not self._adopt_one(newer, promised, versions):
            self._restore(promised, versions)

    def _begin_record(self, manifests: list[Path], versions: Versions) -> None:
        """A table without a record (copied without it, say): its newest version that opens is what it is."""
        if manifests and not self._keep_first_whole(manifests, versions):
            raise StorageFailed(f"no version of {self._table} can be opened", hint="restore the folder from a backup")

    def _adopt_one(self, newer: list[Path], promised: Path, versions: Versions) -> bool:
        """Keep the newest of the versions that were committed but not promised, and can be read whole.

        A killed program leaves such a version: whole after kill -9, maybe torn after a power cut.
        """
        for manifest in newer[:_MOST_TORN]:
            try:
                # The promised manifest itself may be the broken one; then there is nothing to compare with.
                self._put_back(promised)
                versions.read(_version(promised), _version(manifest))
            except Torn as torn:
                log.warning("version %d of %s: %s", _version(manifest), self._table.name, torn)
                self._set_aside(manifest)
                _tell(
                    f"{self._table.name}: its last, unfinished commit was torn and set aside in {self._quarantine}; "
                    "everything before it is there. Run the last command again to redo it."
                )
            else:
                self.settle()
                return True
        if len(newer) > _MOST_TORN:
            raise StorageFailed(
                f"the newest {_MOST_TORN} versions of {self._table} cannot be read; older ones were left as they are",
                hint="check the disk, then run the command again; or restore the folder from a backup",
            )
        return False

    def _restore(self, promised: Path, versions: Versions) -> None:
        """Put the promised manifest back where it is missing or differs from its synced copy."""
        if not self._put_back(promised):
            return
        try:
            versions.check(_version(promised))
        except Torn as torn:
            # A folder that was copied while a program wrote to it has a newer record than data.
            self._set_aside(self._table / "_versions" / promised.name)
            older = sorted(self._manifests(), key=_version, reverse=True)
            if not self._keep_first_whole(older, versions):
                raise StorageFailed(
                    f"{self._table} has no version whose files are all there ({torn})", hint="restore it from a backup"
                ) from torn
            _tell(
                f"{self._table.name}: files of its last commits are missing, it is back at an earlier one. "
                "Run the commands that filled it again: they add what is missing. What shards filled "
                "counts as done: for that, run curator download or curator embed."
            )
        else:
            _tell(
                f"{self._table.name}: its newest manifest was damaged and was restored from its copy. Nothing was lost."
            )

    def _put_back(self, promised: Path) -> bool:
        """Make the promised manifest what its copy says; True when it was not."""
        manifest = self._table / "_versions" / promised.name
        content = promised.read_bytes()
        if manifest.exists() and manifest.read_bytes() == content:
            return False
        if not manifest.parent.is_dir():
            raise StorageFailed(
                f"{self._table} is missing although it was there at version {_version(promised)}",
                hint="restore the folder from a backup, or delete its entry under commits/ to start it anew",
            )
        if manifest.exists():
            self._set_aside(manifest)
        write_durably(manifest, content)
        self._drop_hint()
        return True

    def _keep_first_whole(self, manifests: list[Path], versions: Versions) -> bool:
        """Promise the first of these versions that opens and has its files; those before it are set aside."""
        torn = []
        for manifest in manifests[:_MOST_TORN]:
            try:
                versions.check(_version(manifest))
            except Torn as error:
                log.warning("version %d of %s: %s", _version(manifest), self._table.name, error)
                torn.append(manifest)
            else:
                for bad in torn:
                    self._set_aside(bad)
                self.settle()
                return True
        return False

    def _promised(self) -> Path | None:
        return max(self._record.glob(_MANIFEST), key=_version, default=None)

    def _promise(self, manifest: Path) -> None:
        make_folder(self._record)
        older = [copy for copy in self._record.glob(_MANIFEST) if copy.name != manifest.name]
        write_durably(self._record / manifest.name, manifest.read_bytes())
        for copy in older:
            copy.unlink(missing_ok=True)

    def _manifests(self) -> list[Path]:
        return [path for path in (self._table / "_versions").glob(_MANIFEST) if path.stem.isdigit()]

    def _set_aside(self, manifest: Path) -> None:
        make_folder(self._quarantine)
        manifest.replace(self._quarantine / f"{self._table.stem}-{time.time_ns()}-{manifest.name}")
        sync_folder(manifest.parent)
        self._drop_hint()

    def _drop_broken_hint(self) -> None:
        # Lance keeps a hint of the newest version and looks for versions after it; an empty one is as good as none.
        hint = self._table / "_versions" / "latest_version_hint.json"
        if hint.exists() and not hint.read_bytes().strip(b"\0"):
            self._drop_hint()

    def _drop_hint(self) -> None:
        (self._table / "_versions" / "latest_version_hint.json").unlink(missing_ok=True)


def _version(manifest: Path) -> int:
    """The version a manifest is of; Lance names files `2**64 - 1 - version` so that the newest sorts first."""
    number = int(manifest.stem)
    return 2**64 - 1 - number if number > 2**63 else number


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent) / name


def _sync_file(path: Path) -> None:
    try:
        # Windows flushes only what is open for writing.
        handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    except FileNotFoundError:
        return  # a temporary file of another writer, or one cleaned up since
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _tell(message: str) -> None:
    warnings.warn(message, ProjectHealed, stacklevel=2)
