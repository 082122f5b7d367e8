"""Documents of a tile server (capabilities, domains, colour maps), kept in a folder so that they are asked for rarely.

Only what is well formed is kept. When the server cannot be reached, an old copy serves, and the log says so.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

from earthcurator.errors import NotAllowed, NotFound, SourceUnreachable, StorageFailed

log = logging.getLogger(__name__)

_ROOTS = {"Capabilities", "Domains", "ColorMaps", "ColorMap"}
_ABSENT = timedelta(hours=1)  # so long it is remembered that a document is not there


class Documents:
    """Fetches documents, and remembers them."""

    def __init__(self, fetch: Callable[[str], bytes], folder: Path) -> None:
        self._fetch, self._folder = fetch, folder

    def get(self, url: str, *, max_age: timedelta) -> bytes:
        """The document, asked of the server unless the copy here is younger than `max_age`.

        Raises NotFound when there is none, which is remembered for an hour.
        """
        path = self._path(url)
        age, kept = self._kept(path)
        if kept and age < max_age:
            return kept
        if kept == b"" and age < min(max_age, _ABSENT):
            raise NotFound(f"there is no document at {url}", hint="check the address and the layer's name")
        try:
            content = self._fetch(url)
        except NotFound:
            if not kept:
                self.keep(path, b"")
            raise
        except SourceUnreachable:
            if not kept:
                raise
            log.warning("%s cannot be reached; its copy of %.1f days ago is used", url, age / timedelta(days=1))
            return kept
        if _is_whole(url, content):
            self.keep(path, content)
        return content

    def get_optional(self, url: str, *, max_age: timedelta) -> bytes:
        """One that need not be there: when it cannot be had for any reason, NotFound, which is remembered as well."""
        try:
            return self.get(url, max_age=max_age)
        except SourceUnreachable as error:
            self.keep(self._path(url), b"")
            raise NotFound(f"{url} cannot be had: {error}") from error

    def keep(self, path: Path, content: bytes) -> None:
        """Write a file of the folder in one step."""
        beside = path.with_suffix(f".{os.getpid()}")
        with self._told():
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                beside.write_bytes(content)
                beside.replace(path)
            finally:
                with suppress(OSError):
                    beside.unlink()

    def _path(self, url: str) -> Path:
        return self._folder / hashlib.sha256(url.encode()).hexdigest()[:32]

    def _kept(self, path: Path) -> tuple[timedelta, bytes | None]:
        """How old the copy here is, and what it says; None when there is none."""
        with self._told():
            try:
                return timedelta(seconds=max(0.0, time.time() - path.stat().st_mtime)), path.read_bytes()
            except FileNotFoundError:
                return timedelta(), None

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, PermissionError) or error.errno == errno.EROFS:
                raise NotAllowed(
                    f"{self._folder} may not be used by this user: {error.strerror}",
                    hint="set CURATOR_CACHE to another folder",
                ) from error
            raise StorageFailed(
                f"{self._folder} cannot be written: {error.strerror}", hint="free some space, or set CURATOR_CACHE"
            ) from error


def _is_whole(url: str, content: bytes) -> bool:
    """Whether it is a document of the kind we ask for, and no page about maintenance."""
    try:
        if url.endswith(".json"):
            return isinstance(json.loads(content), dict)
        return ElementTree.fromstring(content).tag.rpartition("}")[2] in _ROOTS  # noqa: S314 - its readers refuse DTDs; expat bounds entities
    except (ValueError, ElementTree.ParseError):
        return False
