"""Reads zip and tar archives member by member. Nothing is written to disk, and no member's name is trusted."""

from __future__ import annotations

import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from earthcurator.ingest.files import is_wanted, readable
from earthcurator.models import Quarantined

MAX_MEMBER_BYTES = 256 * 1024 * 1024
"""A member that unpacks to more than this is left out; counted while unpacking, since headers can lie."""

_ZIP = (".zip",)
_TAR = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")

# What the standard library raises over damaged archives; NotImplementedError is a compression it does not know.
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
_UNREADABLE = (*_DAMAGE, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive, unpacked."""

    origin: str
    """The archive's path, an exclamation mark, and the path inside."""
    folder: str | None
    """Name of the folder it lies in; None at the top of the archive."""
    content: bytes = field(repr=False)


def is_archive(name: str) -> bool:
    """True for names that end like a zip or a tar, compressed or not."""
    return name.lower().endswith(_ZIP + _TAR)


def members(path: Path) -> Iterator[Member | Quarantined]:
    """Every file of an archive in the order it lies there, unpacked as it is asked for."""
    read = _zip_members if path.name.lower().endswith(_ZIP) else _tar_members
    try:
        yield from read(path)
    except _UNREADABLE as exc:
        yield _damaged(readable(str(path)), exc)


def count_members(path: Path) -> int:
    """How many files an archive holds, as far as it can be read. A compressed tar is unpacked to be counted."""
    count = 0
    try:
        if path.name.lower().endswith(_ZIP):
            with zipfile.ZipFile(path) as archive:
                return sum(not entry.is_dir() and _is_wanted(entry.filename) for entry in archive.infolist())
        with tarfile.open(path) as archive:
            while (header := archive.next()) is not None:
                count += not header.isdir() and _is_wanted(header.name)
                archive.members.clear()  # type: ignore[attr-defined]  # see below
    except _UNREADABLE:
        count += 1  # the word on the damage
    return count


def _zip_members(path: Path) -> Iterator[Member | Quarantined]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            origin = f"{readable(str(path))}!{readable(entry.filename)}"
            if stat.S_ISLNK(entry.external_attr >> 16):
                yield Quarantined(origin, "unsafe path", "this is a link, and links in archives are not followed")
            elif entry.flag_bits & 1:
                yield Quarantined(origin, "unreadable", "it is encrypted; unpack the archive with its password first")
            elif refused := _refused(origin, entry.filename, entry.file_size):
                yield refused
            elif _is_wanted(entry.filename):
                try:
                    with archive.open(entry) as stream:
                        content = stream.read(MAX_MEMBER_BYTES + 1)
                except _UNREADABLE as exc:
                    yield _damaged(origin, exc)
                else:
                    yield _member(origin, entry.filename, content)


def _tar_members(path: Path) -> Iterator[Member | Quarantined]:
    with tarfile.open(path) as archive:
        while (header := archive.next()) is not None:
            # Or it would remember every header of a million. typeshed leaves the attribute out.
            archive.members.clear()  # type: ignore[attr-defined]
            if header.isdir():
                continue
            origin = f"{readable(str(path))}!{readable(header.name)}"
            if not header.isreg():
                yield Quarantined(origin, "unsafe path", "this is a link or device, which archives may not bring")
            elif refused := _refused(origin, header.name, header.size):
                yield refused
            elif _is_wanted(header.name):
                stream: IO[bytes] | None = archive.extractfile(header)
                content = stream.read(MAX_MEMBER_BYTES + 1) if stream else b""
                yield _member(origin, header.name, content)


def _refused(origin: str, name: str, size: int) -> Quarantined | None:
    """Why this member is not unpacked, if it is not."""
    if name.startswith(("/", "\\")) or re.match("[A-Za-z]:", name) or ".." in _parts(name):
        return Quarantined(origin, "unsafe path", "its name points outside the archive")
    if size > MAX_MEMBER_BYTES:
        return _too_large(origin)
    if is_archive(name) and _is_wanted(name):
        return Quarantined(origin, "not a picture", "an archive inside an archive is not opened; unpack it first")
    return None


def _member(origin: str, name: str, content: bytes) -> Member | Quarantined:
    if len(content) > MAX_MEMBER_BYTES:
        return _too_large(origin)
    parts = _parts(name)
    return Member(origin, readable(parts[-2]) if len(parts) > 1 else None, content)


def _too_large(origin: str) -> Quarantined:
    return Quarantined(origin, "too large", f"it unpacks to more than {MAX_MEMBER_BYTES // 2**20} MB")


def _parts(name: str) -> list[str]:
    """The folders and the file of a member's name; archives made on Windows may use backslashes."""
    return [part for part in re.split(r"[/\\]", name) if part not in ("", ".")]


def _is_wanted(name: str) -> bool:
    return all(is_wanted(part) for part in _parts(name))


def _damaged(origin: str, exc: Exception) -> Quarantined:
    text = str(exc).rstrip(".") or type(exc).__name__
    if isinstance(exc, EOFError) or "unexpected end" in text or "not a zip file" in text:
        return Quarantined(
            origin, "truncated", f"the end of the archive is missing ({text}); what could be read was kept"
        )
    return Quarantined(origin, "unreadable", f"the archive is damaged ({text}); what could be read was kept")
