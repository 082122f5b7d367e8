"""What an export has left: one zip file, and in it the data card. Reading a part of it costs no more than the part."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile, ZipFile

from earthcurator.errors import Conflict, NotFound, StorageFailed
from earthcurator.export.datacard import MAP, NAME
from earthcurator.models import Job
from earthcurator.project import Project


def job_folder(project: Project, job: str) -> Path:
    """Where a job writes while it runs."""
    return project.folder / "exports" / job


def archive_of(folder: Path) -> Path:
    """The file that an export leaves, beside the folder that it had while it ran."""
    return folder.with_name(f"{folder.name}.zip")


def export_file(project: Project, job: Job) -> Path:
    """The file of an export that is done."""
    path = _path(project, job)
    if not path.is_file():
        raise NotFound(f"the file of job {job.id} was deleted, or is on another server", hint="export again")
    return path


def is_here(project: Project, job: Job) -> bool:
    """Whether the file of an export that is done is still there."""
    return _path(project, job).is_file()


def remove_export(project: Project, job: Job) -> None:
    """Delete the file; twice is fine."""
    try:
        _path(project, job).unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"the file of job {job.id} cannot be deleted: {error.strerror or error}", hint="look at it on the server"
        ) from error


def card_of(project: Project, job: Job) -> str:
    """The data card, Markdown."""
    card = _member(export_file(project, job), NAME)
    if card is None:
        raise NotFound(f"the dataset of job {job.id} has no data card", hint="export again")
    return card.decode()


def map_of(project: Project, job: Job) -> bytes | None:
    """The map of the data card, SVG; None where no place is known."""
    return _member(export_file(project, job), MAP)


def _path(project: Project, job: Job) -> Path:
    if job.kind != "export":
        raise NotFound(f"job {job.id} is an {job.kind}: it makes no file", hint="only exports do")
    if job.state != "done":
        raise Conflict(f"job {job.id} is {job.state}: there is no file yet", hint="wait until it is done")
    return archive_of(job_folder(project, job.id))


def _member(path: Path, name: str) -> bytes | None:
    """What is called so directly in the one folder of the archive."""
    try:
        with ZipFile(path) as archive:
            found = [entry for entry in archive.namelist() if entry.count("/") == 1 and entry.endswith(f"/{name}")]
            return archive.read(found[0]) if found else None
    except (BadZipFile, OSError) as error:
        raise StorageFailed(f"{path.name} cannot be read: {error}", hint="export again") from error
