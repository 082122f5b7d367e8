"""Where a training stands, on disk: written beside, flushed and renamed, so that there is always a whole one.

A checkpoint holds tensors, numbers and text, and is read with `weights_only`: opening a stranger's cannot run code.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from earthcurator.errors import BadInput, Conflict, StorageFailed

FORMAT = 2
NAME = "training.pt"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While no other program goes on from the folder's checkpoint, or replaces it. Raises Conflict if one does now."""
    lock = FileLock(folder / "lock", timeout=0)
    try:
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
    except Timeout:
        raise Conflict(
            f"another program is at this training (it holds {lock.lock_file})",
            hint="wait until it ends, or begin another training: with another seed, for one",
        ) from None
    try:
        yield
    finally:
        lock.release()


def save(folder: Path, settings: dict[str, Any], state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint."""
    path = folder / NAME
    beside = path.with_suffix(".partial")
    with _told(path):
        folder.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            torch.save({"format": FORMAT, "settings": settings, "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)


def load(folder: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """The state that was saved, or None when there is none. Raises Conflict when it was saved by another training."""
    path = folder / NAME
    if not path.exists():
        return None
    hint = f"to start again, remove {path}"
    if not _is_archive(path):  # anything else torch would read as an older format, a bare pickle
        raise BadInput(f"{path} is not a checkpoint, or it is cut short", hint=hint)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as exc:
        raise BadInput(f"{path} is not a checkpoint that Curator can read", hint=hint) from exc
    whole = isinstance(found, dict) and all(isinstance(found.get(part), dict) for part in ("settings", "state"))
    if not whole or found.get("format") != FORMAT:
        raise BadInput(f"{path} is not a checkpoint of this version", hint=hint)
    changed = [name for name in settings if found["settings"].get(name) != settings[name]]
    if changed:
        name = changed[0]
        raise Conflict(
            f"the training in {folder} was begun with {name} = {found['settings'].get(name)}, not {settings[name]}",
            hint="continue it with the same settings, or use another checkpoint folder",
        )
    state: dict[str, Any] = found["state"]
    return state


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn the disk's refusals into our sentence; Timeout, which is one in Python's eyes, is not one."""
    try:
        yield
    except Timeout:
        raise
    except OSError as exc:
        raise StorageFailed(
            f"the checkpoint {path} cannot be written: {exc.strerror or exc}", hint="free some space"
        ) from exc


def _is_archive(path: Path) -> bool:
    """By both ends: torch goes by the beginning, and an archive may have anything put before it."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04" and zipfile.is_zipfile(file)
    except OSError:
        return False
