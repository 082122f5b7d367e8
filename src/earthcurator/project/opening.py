"""Making and opening projects, in folders and on object storage."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from earthcurator import store
from earthcurator.errors import BadInput, Conflict, NotFound
from earthcurator.project.project import Project
from earthcurator.settings import Settings, from_environment


def open(location: str | Path | None = None, *, settings: Settings | None = None) -> Project:  # noqa: A001 - `ec.open`, as in xarray
    """Open the project in a folder or at a URL; by default the one that `CURATOR_PROJECT` names, or this folder."""
    settings = settings or from_environment()
    files = _files(location if location is not None else settings.project, settings)
    if store.read_manifest(files) is None:
        raise NotFound(
            f"there is no project at {files.location}",
            hint=f"make one with: curator init {files.location}",
        )
    return Project(files, settings)


def create(location: str | Path, *, name: str | None = None, settings: Settings | None = None) -> Project:
    """Make a new, empty project in a folder or at a URL, and open it."""
    settings = settings or from_environment()
    files = _files(location, settings)
    if store.read_manifest(files) is not None:
        raise Conflict(f"there is a project at {files.location} already", hint="open it, or name another folder")
    title = name or files.location.rstrip("/").rsplit("/", 1)[-1] or "project"
    store.write_manifest(
        files,
        {"format": store.FORMAT, "name": title, "created": datetime.now(UTC).isoformat(), "default_encoder": None},
    )
    return Project(files, settings)


def _files(location: str | Path, settings: Settings) -> store.Files:
    if "://" in str(location):
        scheme = str(location).partition("://")[0]
        if scheme not in {"s3", "gs", "az"}:
            raise BadInput(f"{location}: projects live in folders or at s3://, gs:// or az://, not {scheme}://")
        return store.BucketFiles(str(location), storage_options=settings.storage_options(), cache=settings.cache)
    return store.LocalFiles(Path(location).expanduser().absolute(), cache=settings.cache)
