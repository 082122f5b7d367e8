"""Walks folders for files that may hold pictures, in a fixed order and without holding more than a folder's names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from earthcurator.errors import NotFound
from earthcurator.models import Quarantined

# What lies beside pictures in real folders; left out without a word.
_SIDECARS = (
    *(".txt", ".csv", ".json", ".geojson", ".xml", ".md", ".prj", ".ovr"),
    *(".jgw", ".jpgw", ".pgw", ".pngw", ".tfw", ".tifw", ".j2w", ".wld"),
)
_CLUTTER = ("__macosx", "thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was found, not yet opened."""

    path: Path
    """Absolute."""
    size: int
    """In bytes."""
    folder: str | None
    """Name of the folder it lies in; None directly under the path that was asked for."""


def walk(paths: Sequence[Path]) -> Iterator[Found | Quarantined]:
    """Every file under these paths, sorted by name folder by folder; links are followed, each folder entered once."""
    roots = sorted({Path(path).absolute() for path in paths})
    for root in roots:
        if not os.path.lexists(root):
            raise NotFound(f"there is no {root}", hint="check the path; paths with spaces need quotes")
    return _walk_roots(roots)


def is_wanted(name: str) -> bool:
    """False for hidden files, clutter of operating systems, and sidecars such as world files and metadata."""
    lowered = name.lower()
    return not (lowered.startswith(".") or lowered in _CLUTTER or lowered.endswith(_SIDECARS))


def readable(text: str) -> str:
    """The text with bytes that are no UTF-8 (old file names) written as \\xNN, so that it can be stored."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _walk_roots(roots: Sequence[Path]) -> Iterator[Found | Quarantined]:
    entered: set[tuple[int, int]] = set()
    for root in roots:
        # Iterators on a stack instead of recursion: trees may be deeper than Python's limit.
        waiting: list[Iterator[tuple[Path, str | None]]] = [iter([(root, None)])]
        while waiting:
            for path, folder in waiting[-1]:
                found = _look(path, folder, root, entered)
                if isinstance(found, Found | Quarantined):
                    yield found
                else:
                    waiting.append(found)
                    break
            else:
                waiting.pop()


def _look(
    path: Path, folder: str | None, root: Path, entered: set[tuple[int, int]]
) -> Found | Quarantined | Iterator[tuple[Path, str | None]]:
    """What lies at a path; for a folder, what is in it and the class folder of that."""
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            return Found(path, status.st_size, folder)
        if not stat.S_ISDIR(status.st_mode):
            return Quarantined(readable(str(path)), "not a picture", "this is a device, pipe or socket, not a file")
        if (status.st_dev, status.st_ino) in entered:  # a link back up, or a second way in
            return iter(())
        entered.add((status.st_dev, status.st_ino))
        if (path / "curator.json").exists():  # a project of ours, not pictures
            return iter(())
        names = sorted(filter(is_wanted, os.listdir(path)))  # noqa: PTH208  # names alone: a million paths are heavy
    except OSError as exc:
        return Quarantined(readable(str(path)), "unreadable", f"it cannot be opened: {exc.strerror or exc}")
    inside = None if path == root else readable(path.name)
    return ((path / name, inside) for name in names)
