"""The format version of a project, and the numbered steps that bring an older one up to date.

A step is `mNNN_what_it_does(files)`, brings format NNN-1 to NNN, can be run again after a crash, and is never
edited once released. Format 1 is the first; there is no step to it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from earthcurator.errors import NewerFormat, StorageFailed
from earthcurator.store.chips import SCHEMA
from earthcurator.store.files import Files
from earthcurator.store.tables import Table

log = logging.getLogger(__name__)

MANIFEST = "curator.json"
FORMAT = 2

Step = Callable[[Files], None]


def m002_add_provenance(files: Files) -> None:
    """Chips get columns for what was asked of a source, when, what it answered, and what colours stand for."""
    names = ("requested", "version", "retrieved", "clouds", "values")
    _add_columns(Table(files, "chips", SCHEMA), [SCHEMA.field(name) for name in names])


def _add_columns(table: Table, fields: Sequence[pa.Field]) -> None:
    """Add those of these columns, empty, that the table does not have."""
    if table.dataset is not None:
        missing = [field for field in fields if field.name not in table.dataset.schema.names]
        if missing:
            table.change(lambda dataset: dataset.add_columns(pa.schema(missing)))


STEPS: Mapping[int, Step] = {2: m002_add_provenance}
"""Format number reached → the step that reaches it."""


def read_manifest(files: Files) -> dict[str, Any] | None:
    """The project's manifest, or None when there is no project here."""
    content = files.read(MANIFEST)
    if content is None:
        return None
    try:
        manifest = json.loads(content)
        number = manifest["format"]
    except (ValueError, TypeError, KeyError) as error:
        raise StorageFailed(
            f"{files.location}/{MANIFEST} is damaged",
            hint='restore it from a backup, or write {"format": 1, "name": "NAME"} into it',
        ) from error
    if not isinstance(number, int) or number < 1:
        raise StorageFailed(f"{files.location}/{MANIFEST} has no format number", hint="restore it from a backup")
    return dict(manifest)


def write_manifest(files: Files, manifest: Mapping[str, Any]) -> None:
    """Replace the project's manifest, durably."""
    files.write(MANIFEST, json.dumps(manifest, indent=2).encode() + b"\n")


def migrate(files: Files, *, steps: Mapping[int, Step] = STEPS, current: int = FORMAT) -> dict[str, Any]:
    """Bring the project to the current format, one recorded step at a time; returns its manifest."""
    manifest = read_manifest(files)
    if manifest is None:
        raise StorageFailed(f"there is no project at {files.location}")
    if manifest["format"] > current:
        raise NewerFormat(
            f"{files.location} has format {manifest['format']}, newer than {current}, the newest this Curator knows",
            hint="upgrade: pip install --upgrade earthcurator",
        )
    if manifest["format"] == current:
        return manifest
    with files.lock("project"):
        return _run(files, steps, current)


def _run(files: Files, steps: Mapping[int, Step], current: int) -> dict[str, Any]:
    manifest = read_manifest(files)
    assert manifest is not None  # migrate() has read it; another program may have migrated it since
    while manifest["format"] < current:
        number = manifest["format"] + 1
        log.info("migrating %s to format %d", files.location, number)
        steps[number](files)
        manifest = {**manifest, "format": number}
        write_manifest(files, manifest)
    return manifest
