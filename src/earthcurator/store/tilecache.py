"""Tiles as they came from their server, shared by all projects of a person: files named by the hash of their bytes, and
one SQLite file of the addresses they came from, so that the empty tile of a thousand addresses is there once.

May be deleted at any time. Many programs may use it at once, and one may be killed at any moment. Nothing waits for the
disk: after a power cut a file may be short, which its hash tells when it is read, and it is fetched again.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Self

from earthcurator.errors import NotAllowed, StorageFailed
from earthcurator.models import StoredTile

log = logging.getLogger(__name__)

DEFAULT_CAP_BYTES = 20_000_000_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
  url TEXT PRIMARY KEY, status TEXT NOT NULL, sha256 TEXT NOT NULL, media_type TEXT NOT NULL, layer TEXT NOT NULL,
  time TEXT, etag TEXT NOT NULL, retrieved TEXT NOT NULL, checked TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pictures (
  sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, used REAL NOT NULL) WITHOUT ROWID;
"""

_TOUCHES_AT_ONCE = 1000


class SqliteTileCache:
    """A `TileCache` (see `earthcurator.gibs.tiles`). Safe to use from several threads."""

    def __init__(
        self, folder: Path, *, cap_bytes: int = DEFAULT_CAP_BYTES, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = folder / "tiles.sqlite"
        self._pictures = folder / "pictures"
        self._cap = cap_bytes
        self._clock = clock
        self._opened = clock()
        self._touched: set[str] = set()
        self._lock = threading.Lock()
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            with self._told():
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        # A power cut may take the last answers away, but does not damage the file.
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Remember what was used, and let go of the file."""
        try:
            with self._told():
                self._write_touches()
        except (NotAllowed, StorageFailed) as exc:
            log.debug("what was used is forgotten: %s", exc)  # only the order of eviction suffers
        finally:
            self._db.close()

    def get(self, url: str) -> StoredTile | None:
        """What was answered under this address, if its bytes are still there."""
        with self._told():
            row = self._db.execute(
                "SELECT url, status, sha256, media_type, layer, time, etag, retrieved, checked FROM answers"
                " WHERE url = ?",
                (url,),
            ).fetchone()
            stored = None if row is None else _stored(row)
            return stored if stored is None or not stored.sha256 or self._file(stored.sha256).exists() else None

    def read(self, sha256: str) -> bytes | None:
        """The bytes of a tile; None when they are gone or damaged."""
        with self._told():
            try:
                content = self._file(sha256).read_bytes()
            except FileNotFoundError:
                return None
            if _hash(content) != sha256:
                log.warning("a tile in %s is damaged and will be fetched again: %s", self._pictures, sha256)
                self._file(sha256).unlink(missing_ok=True)
                return None
            self._touched.add(sha256)
            if len(self._touched) >= _TOUCHES_AT_ONCE:
                self._write_touches()
        return content

    def put(self, stored: StoredTile, content: bytes) -> None:
        """Keep an answer; safe against kill -9 at any moment."""
        with self._told():
            if content and not self._has(stored.sha256, len(content)):  # the file is there before anything says so
                self._write(self._file(stored.sha256), content)
            self._note(stored, len(content))

    def _note(self, stored: StoredTile, size: int) -> None:
        shown = stored.time.isoformat() if stored.time else None
        retrieved, checked = stored.retrieved.isoformat(), stored.checked.isoformat()
        with self._transaction():
            if size:
                self._db.execute(
                    "INSERT OR REPLACE INTO pictures (sha256, size, used) VALUES (?, ?, ?)",
                    (stored.sha256, size, self._clock()),
                )
            self._db.execute(
                "INSERT OR REPLACE INTO answers"
                " (url, status, sha256, media_type, layer, time, etag, retrieved, checked)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(stored.url, stored.status, stored.sha256, stored.media_type, stored.layer),
                    *(shown, stored.etag, retrieved, checked),
                ),
            )

    def _file(self, sha256: str) -> Path:
        return self._pictures / sha256[:2] / sha256

    def _has(self, sha256: str, size: int) -> bool:
        try:
            return self._file(sha256).stat().st_size == size
        except FileNotFoundError:
            return False

    @staticmethod
    def _write(file: Path, content: bytes) -> None:
        """Beside it, then rename: another program reads all of it or nothing."""
        beside = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}.tmp")
        try:
            try:
                beside.write_bytes(content)
            except FileNotFoundError:
                file.parent.mkdir(parents=True, exist_ok=True)
                beside.write_bytes(content)
            beside.replace(file)
        except OSError:
            beside.unlink(missing_ok=True)
            raise

    def forget(self, url: str) -> None:
        """Drop an answer, and its bytes for all addresses they came from."""
        stored = self.get(url)
        with self._told(), self._transaction():
            if stored is not None and stored.sha256:
                self._db.execute("DELETE FROM answers WHERE sha256 = ?", (stored.sha256,))
                self._db.execute("DELETE FROM pictures WHERE sha256 = ?", (stored.sha256,))
                self._file(stored.sha256).unlink(missing_ok=True)
            self._db.execute("DELETE FROM answers WHERE url = ?", (url,))

    def trim(self) -> None:
        """Remove what was not used for longest, until the cap on the size holds. What this program used stays."""
        with self._told():
            self._write_touches()
            (size,) = self._db.execute("SELECT COALESCE(SUM(size), 0) FROM pictures").fetchone()
            if size <= self._cap:
                return
            oldest = self._db.execute(
                "SELECT sha256, size FROM pictures WHERE used < ? ORDER BY used", (self._opened,)
            ).fetchall()
            with self._transaction():
                for digest, count in oldest:
                    if size <= self._cap:
                        break
                    self._db.execute("DELETE FROM pictures WHERE sha256 = ?", (digest,))
                    self._file(digest).unlink(missing_ok=True)
                    size -= count
                self._db.execute(
                    "DELETE FROM answers WHERE sha256 != '' AND sha256 NOT IN (SELECT sha256 FROM pictures)"
                )

    def _write_touches(self) -> None:
        touched, self._touched = self._touched, set()
        if touched:
            now = self._clock()
            with self._transaction():
                self._db.executemany("UPDATE pictures SET used = ? WHERE sha256 = ?", [(now, one) for one in touched])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """One thread at a time, and what the file system or SQLite complains about in our words."""
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as exc:
                raise _in_our_words(exc, self.path) from exc


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()


def _stored(row: tuple[str, ...]) -> StoredTile:
    url, status, digest, media_type, layer, shown, etag, retrieved, checked = row
    return StoredTile(
        url=url,
        status=status,  # type: ignore[arg-type]  # only `put` writes it
        sha256=digest,
        media_type=media_type,
        layer=layer,
        time=datetime.fromisoformat(shown) if shown else None,
        etag=etag,
        retrieved=datetime.fromisoformat(retrieved),
        checked=datetime.fromisoformat(checked),
    )


def _in_our_words(exc: sqlite3.Error | OSError, path: Path) -> NotAllowed | StorageFailed:
    text = str(exc)
    if isinstance(exc, PermissionError) or "readonly" in text or "unable to open" in text:
        return NotAllowed(
            f"the tile cache {path} cannot be written ({text})",
            hint="make the folder writable, or choose another one",
        )
    if "full" in text or "disk I/O" in text or isinstance(exc, OSError):
        return StorageFailed(
            f"the tile cache {path} could not be written: no space left? ({text})",
            hint="free some space or choose another folder, then run the same command again: it continues",
        )
    if "locked" in text:
        return StorageFailed(
            f"the tile cache {path} has been locked by another program for half a minute",
            hint="wait until that program is done, then run the same command again: it continues",
        )
    return StorageFailed(
        f"the tile cache {path} is damaged ({text})",
        hint="delete its folder: it will be made anew, and tiles fetched again",
    )
