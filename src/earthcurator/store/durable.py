"""Make Lance commits on a local disk survive a power cut, and repair what one broke.

Lance never fsyncs (measured: 0 calls), so a cut can leave its newest files empty although the program
was told "done". After each commit we sync the new files and their folders, then keep a synced copy of the
manifest beside the table: that copy is the record of what was promised. Opening compares the two.
Object stores acknowledge only what is durable, so nothing of this applies there.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from earthcurator.errors import ProjectHealed, StorageFailed

log = logging.getLogger(__name__)

_MANIFEST = "*.manifest"


def write_durably(path: Path, content: bytes) -> None:
    """Replace the file in one step that survives a power cut: beside, sync, rename, sync the folder."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
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
        for path in new:
            _sync_file(path)
        for folder in sorted({path.parent for path in new}):
            sync_folder(folder)
        sync_folder(self._table)
        sync_folder(self._table.parent)
        self._synced.update(new)
        self._promise(self._newest())

    def heal(self, verify: Callable[[int, int], None]) -> None:
        """Bring the newest manifest back to what was promised, or to something newer that can be read.

        `verify(promised, version)` reads everything that `version` added since `promised` and raises when it cannot.
        """
        promised = self._promised()
        version = _version(promised) if promised else 0
        self._drop_broken_hint()
        for manifest in sorted(self._manifests(), key=_version, reverse=True):
            if _version(manifest) <= version:
                break
            if self._adopt(manifest, version, verify):
                return
        if promised is not None:
            self._restore(promised)

    def _adopt(self, manifest: Path, promised: int, verify: Callable[[int, int], None]) -> bool:
        """Keep a version that was committed but not yet promised, if all of it can be read."""
        # A killed program leaves such a version: whole after kill -9, maybe torn after a power cut.
        try:
            verify(promised, _version(manifest))
        except Exception as error:  # noqa: BLE001 - whatever Lance raises on torn files means the same here
            log.warning("version %d of %s cannot be read: %s", _version(manifest), self._table.name, error)
            self._set_aside(manifest)
            _tell(
                f"{self._table.name}: its last, unfinished commit was torn and set aside in {self._quarantine}; "
                "everything before it is there. Run the last command again to redo it."
            )
            return False
        self.settle()
        return True

    def _restore(self, promised: Path) -> None:
        """Put the promised manifest back where it is missing or differs from its synced copy."""
        manifest = self._table / "_versions" / promised.name
        content = promised.read_bytes()
        if manifest.exists() and manifest.read_bytes() == content:
            return
        if not manifest.parent.is_dir():
            raise StorageFailed(
                f"{self._table} is missing although it was there at version {_version(promised)}",
                hint="restore the folder from a backup, or delete its entry under commits/ to start it anew",
            )
        if manifest.exists():
            self._set_aside(manifest)
        write_durably(manifest, content)
        _tell(f"{self._table.name}: its newest manifest was damaged and was restored from its copy. Nothing was lost.")

    def _promised(self) -> Path | None:
        copies = sorted(self._record.glob(_MANIFEST), key=_version)
        return copies[-1] if copies else None

    def _promise(self, manifest: Path) -> None:
        self._record.mkdir(parents=True, exist_ok=True)
        older = [copy for copy in self._record.glob(_MANIFEST) if copy.name != manifest.name]
        write_durably(self._record / manifest.name, manifest.read_bytes())
        for copy in older:
            copy.unlink(missing_ok=True)

    def _manifests(self) -> list[Path]:
        return [path for path in (self._table / "_versions").glob(_MANIFEST) if path.stem.isdigit()]

    def _newest(self) -> Path:
        return max(self._manifests(), key=_version)

    def _set_aside(self, manifest: Path) -> None:
        self._quarantine.mkdir(parents=True, exist_ok=True)
        manifest.replace(self._quarantine / f"{self._table.stem}-{manifest.name}")
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
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # a temporary file of another writer, or one cleaned up since
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _tell(message: str) -> None:
    warnings.warn(message, ProjectHealed, stacklevel=2)
