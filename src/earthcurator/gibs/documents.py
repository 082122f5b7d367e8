"""Documents of a tile server (capabilities, domains, colour maps), kept in a folder so that they are asked for rarely.

When the server cannot be reached, an old copy serves, and the log says so.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from earthcurator.errors import NotAllowed, NotFound, SourceUnreachable, StorageFailed

log = logging.getLogger(__name__)


class Documents:
    """Fetches documents, and remembers them."""

    def __init__(self, fetch: Callable[[str], bytes], folder: Path) -> None:
        self._fetch, self._folder = fetch, folder

    def get(self, url: str, *, max_age: timedelta) -> bytes:
        """The document, asked of the server unless the copy here is younger than `max_age`."""
        path = self._folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}"
        age = self._age(path)
        if age is not None and age < max_age.total_seconds():
            return self._read(path, url)
        try:
            content = self._fetch(url)
        except SourceUnreachable:
            if age is None:
                raise
            log.warning("%s cannot be reached; its copy of %.1f days ago is used", url, age / 86400)
            return self._read(path, url)
        except NotFound:
            self.keep(path, b"")  # so that it is not asked for again and again
            raise
        self.keep(path, content)
        return content

    @staticmethod
    def _read(path: Path, url: str) -> bytes:
        content = path.read_bytes()
        if not content:
            raise NotFound(f"there is no {url}")
        return content

    @staticmethod
    def _age(path: Path) -> float | None:
        try:
            return max(0.0, time.time() - path.stat().st_mtime)
        except FileNotFoundError:
            return None

    def keep(self, path: Path, content: bytes) -> None:
        """Write a file of the folder in one step."""
        beside = path.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(content)
            beside.replace(path)
        except PermissionError as error:
            raise NotAllowed(
                f"{self._folder} may not be written by this user", hint="set CURATOR_CACHE to another folder"
            ) from error
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise StorageFailed(
                f"{self._folder} cannot be written: {error.strerror}", hint="free some space, or set CURATOR_CACHE"
            ) from error
