"""Where a project's files live: a local folder or a prefix on object storage, behind one small seam."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from filelock import FileLock, Timeout

from earthcurator.errors import BadInput, NotAllowed, StorageFailed
from earthcurator.store.durable import DurableTable, create_durably, make_folder, write_durably

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class Kept(NamedTuple):
    """A small file of a project."""

    name: str
    bytes: int


class Files(Protocol):
    """A project's small files, and the addresses of its tables."""

    location: str
    """The folder or URL, as a person would write it."""
    storage_options: Mapping[str, str]
    """What Lance needs to reach it: endpoint, keys, region."""
    cache: Path
    """A local folder for what can be made again."""

    def read(self, name: str) -> bytes | None:
        """The file's content, or None when there is none by that name."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write or replace the file, durably and in one step."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Write the file durably, unless it is there; whether it is ours. Of several programs one gets True."""
        ...

    def remove(self, name: str) -> None:
        """Remove the file, if it is there."""
        ...

    def claim(self, name: str) -> bool:
        """True for the one program of several that may make what is called `name`."""
        ...

    def names(self, folder: str) -> list[str]:
        """Names of the entries directly in a folder, sorted."""
        ...

    def kept(self, folder: str) -> list[Kept]:
        """The files directly in a folder, the oldest first."""
        ...

    def uri(self, table: str) -> str:
        """Address of a Lance table."""
        ...

    def durable(self, table: str) -> DurableTable | None:
        """What makes this table's commits durable; None where the storage itself does."""
        ...

    def lock(self, name: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """Held by the one program that changes what is called `name`; False when it is taken and we do not wait."""
        ...


class LocalFiles:
    """A project in a folder."""

    storage_options: Mapping[str, str] = {}

    def __init__(self, root: Path, *, cache: Path | None = None) -> None:
        self.root = root
        self.location = str(root)
        writable = not root.exists() or os.access(root, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
        self.cache = root / "cache" if writable or cache is None else _cache_of(self.location, cache)

    def read(self, name: str) -> bytes | None:
        """The file's content, or None when there is none by that name."""
        try:
            with _told(self.location):
                return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write or replace the file, durably and in one step."""
        path = self.root / name
        with _told(self.location):
            make_folder(path.parent)
            write_durably(path, content)

    def create(self, name: str, content: bytes) -> bool:
        """Write the file durably, unless it is there; whether it is ours. Of several programs one gets True."""
        path = self.root / name
        with _told(self.location):
            make_folder(path.parent)
            return create_durably(path, content)

    def remove(self, name: str) -> None:
        """Remove the file, if it is there."""
        with _told(self.location):
            (self.root / name).unlink(missing_ok=True)

    def claim(self, name: str) -> bool:
        """True: whoever holds the lock is alone."""
        del name
        return True

    def names(self, folder: str) -> list[str]:
        """Names of the entries directly in a folder, sorted."""
        path = self.root / folder
        return sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []

    def kept(self, folder: str) -> list[Kept]:
        """The files directly in a folder, the oldest first."""
        try:
            with _told(self.location), os.scandir(self.root / folder) as entries:
                found = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
        except FileNotFoundError:
            return []
        return [Kept(name, stat.st_size) for name, stat in sorted(found, key=lambda one: one[1].st_mtime_ns)]

    def uri(self, table: str) -> str:
        """Path of a Lance table."""
        return str(self.root / f"{table}.lance")

    def durable(self, table: str) -> DurableTable:
        """What makes this table's commits durable."""
        return DurableTable(self.root / f"{table}.lance", self.root / "commits" / table, self.root / "quarantine")

    @contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """Held by the one program that changes what is called `name`. The system frees it when that program dies."""
        path = self.root / "locks" / f"{name.replace('/', '-')}.lock"
        lock = FileLock(path)
        with _told(self.location):
            try:
                path.parent.mkdir(exist_ok=True)
                _acquire(lock, path, wait=wait)
            except OSError:
                if wait:
                    raise  # without waiting, a folder that cannot be written is one we only read
        try:
            yield lock.is_locked
        finally:
            lock.release()


class BucketFiles:
    """A project under a prefix on object storage (`s3://`, `gs://`, `az://`)."""

    def __init__(self, url: str, *, storage_options: Mapping[str, str], cache: Path) -> None:
        from obstore.store import from_url

        self.location = url.rstrip("/")
        self.storage_options = storage_options if url.startswith("s3://") else {}
        self.cache = _cache_of(self.location, cache)
        options: dict[str, Any] = dict(self.storage_options)
        client = {"allow_http": True} if options.pop("allow_http", "") == "true" else {}
        with _bucket_told(self.location):
            self._store: ObjectStore = from_url(self.location, config=options, client_options=client)  # type: ignore[call-overload]  # the overloads are per scheme

    def read(self, name: str) -> bytes | None:
        """The object's content, or None when there is none by that name."""
        with _bucket_told(self.location):
            try:
                return bytes(self._store.get(name).bytes())
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write or replace the object."""
        with _bucket_told(self.location):
            self._store.put(name, content)

    def create(self, name: str, content: bytes) -> bool:
        """Write the object by a conditional put; whether it is ours. Of several programs one gets True."""
        from obstore.exceptions import AlreadyExistsError

        with _bucket_told(self.location):
            try:
                self._store.put(name, content, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def remove(self, name: str) -> None:
        """Remove the object, if it is there."""
        with _bucket_told(self.location), suppress(FileNotFoundError):
            self._store.delete(name)

    def claim(self, name: str) -> bool:
        """True for the first program that asks."""
        return self.create(f"claims/{name}", b"")

    def names(self, folder: str) -> list[str]:
        """Names of the entries directly under a prefix, sorted."""
        with _bucket_told(self.location):
            found = self._store.list_with_delimiter(f"{folder}/")
        paths = [*found["common_prefixes"], *(entry["path"] for entry in found["objects"])]
        return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in paths)

    def kept(self, folder: str) -> list[Kept]:
        """The objects directly under a prefix, the oldest first."""
        with _bucket_told(self.location):
            found = self._store.list_with_delimiter(f"{folder}/")["objects"]
        oldest = sorted(found, key=lambda one: one["last_modified"])
        return [Kept(one["path"].rsplit("/", 1)[-1], one["size"]) for one in oldest]

    def uri(self, table: str) -> str:
        """URL of a Lance table."""
        return f"{self.location}/{table}.lance"

    def durable(self, table: str) -> None:
        """Object stores acknowledge only what is durable."""
        del table

    def lock(self, name: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """No lock: Lance commits on object stores are conditional puts, and it compares ids with what others put."""
        del name, wait
        return nullcontext(True)


def _acquire(lock: FileLock, path: Path, *, wait: bool) -> None:
    """Take the lock; say so when that takes long."""
    try:
        lock.acquire(timeout=5 if wait else 0)
    except Timeout:
        if wait:
            log.warning("waiting for another program to finish with %s", path)
            lock.acquire()


def _cache_of(location: str, caches: Path) -> Path:
    """Where a project that cannot hold its own cache has it."""
    return caches / sha256(location.encode()).hexdigest()[:16]


@contextmanager
def _told(location: str) -> Iterator[None]:
    """Turn the file system's refusals into our sentences."""
    try:
        yield
    except NotADirectoryError as error:
        raise BadInput(f"{location} is a file, or lies below one", hint="a project is a folder") from error
    except PermissionError as error:
        raise NotAllowed(
            f"{error.filename or location} may not be read or written by this user",
            hint="check the owner and mode of the project folder",
        ) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageFailed(
            f"{location}: {os.strerror(error.errno) if error.errno else error}",
            hint="free space or fix the disk, then run the command again: it continues where it stopped",
        ) from error


@contextmanager
def _bucket_told(location: str) -> Iterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as error:
        raise StorageFailed(
            f"{location} cannot be read or written: {str(error).strip().splitlines()[0]}",
            hint="check the URL, AWS_ENDPOINT_URL and the keys in the environment",
        ) from error
