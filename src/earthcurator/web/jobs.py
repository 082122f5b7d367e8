"""Long work: ask for it, see how far it is, pause it, call it off, fetch what it made; and what imports read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from earthcurator.errors import BadRequest
from earthcurator.jobs import (
    Download,
    Embed,
    Export,
    Finetune,
    Import,
    Incoming,
    Layout,
    Train,
    Upload,
    export_file,
    request,
)
from earthcurator.models import Job, JobLine
from earthcurator.web.context import Curator, Here, Reader, Viewer

router = APIRouter(tags=["jobs"])

LARGE = frozenset({"course", "picture"})
"""What lists leave out of a result: how a training went from step to step, and the picture of a report."""

Identity = Annotated[str, Path(max_length=64, description="The id of a job.")]


class _New(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str | None = Field(
        default=None,
        min_length=8,
        max_length=64,
        description="One of your own, 8 to 64 of a-z, 0-9 and -: then asking again changes nothing.",
    )


class NewExport(_New):
    """Ask for a dataset."""

    kind: Literal["export"]
    parameters: Export = Export()


class NewEmbed(_New):
    """Ask for vectors."""

    kind: Literal["embed"]
    parameters: Embed = Embed()


class NewLayout(_New):
    """Ask for the map of what looks alike to be laid out anew."""

    kind: Literal["layout"]
    parameters: Layout = Layout()


class NewDownload(_New):
    """Ask for imagery."""

    kind: Literal["download"]
    parameters: Download


class NewImport(_New):
    """Ask for an upload to become chips."""

    kind: Literal["import"]
    parameters: Import


class NewTrain(_New):
    """Ask for an encoder that knows the project's imagery. While it runs, its result has the course of it."""

    kind: Literal["train"]
    parameters: Train = Train()


class NewFinetune(_New):
    """Ask for a classifier from the labels of a task."""

    kind: Literal["finetune"]
    parameters: Finetune


NewJob = Annotated[
    NewExport | NewEmbed | NewLayout | NewDownload | NewImport | NewTrain | NewFinetune, Body(discriminator="kind")
]


class JobPage(BaseModel):
    """Some jobs, the newest first."""

    jobs: Sequence[Job]
    next: str | None = Field(description="Give it as `before` to go on; null at the end.")


class JobLog(BaseModel):
    """What a job has said, the oldest line first."""

    lines: Sequence[JobLine] = Field(description="The newest 200.")


@router.post("/jobs", status_code=202)
def create_job(new: NewJob, project: Here, who: Curator, response: Response) -> Job:
    """Ask for long work. It is done in the background, also after a restart of the server."""
    job = request(project, new.parameters, person=who.id, identity=new.id)
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return job


@router.get("/jobs")
def list_jobs(
    project: Here,
    _who: Viewer,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str | None, Query(max_length=64, description="`next` of the page before.")] = None,
) -> JobPage:
    """All jobs, the newest first. What is large in a result is only told of one job: its course, and its picture."""
    found = project.records.jobs.list(limit + 1, before)
    return JobPage(
        jobs=[_short(job) for job in found[:limit]], next=found[limit - 1].id if len(found) > limit else None
    )


def _short(job: Job) -> Job:
    return replace(job, result={name: value for name, value in job.result.items() if name not in LARGE})


@router.get("/jobs/{job}")
def show_job(job: Identity, project: Here, _who: Viewer) -> Job:
    """How far a job is, and what came of it."""
    return project.records.jobs.get(job)


@router.post("/jobs/{job}/cancel", status_code=202)
def cancel_job(job: Identity, project: Here, _who: Curator) -> Job:
    """Call a job off. One that runs stops in a moment; one that has ended stays as it is."""
    return project.records.jobs.cancel(job)


@router.post("/jobs/{job}/pause", status_code=202)
def pause_job(job: Identity, project: Here, _who: Curator) -> Job:
    """Put a job aside. One that runs stops where it can go on, in a moment; one that has ended stays as it is."""
    return project.records.jobs.pause(job)


@router.post("/jobs/{job}/resume", status_code=202)
def resume_job(job: Identity, project: Here, _who: Curator) -> Job:
    """Let a paused job wait for its turn again, before those that were asked for after it."""
    return project.records.jobs.resume(job)


@router.get("/jobs/{job}/log")
def job_log(job: Identity, project: Here, _who: Curator) -> JobLog:
    """When the job began, how it went on, what it warned of, and how it ended."""
    return JobLog(lines=project.records.jobs.log(job))


@router.get(
    "/jobs/{job}/file",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}},
        206: {"description": "The part that a Range header asks for."},
    },
)
def job_file(job: Identity, project: Here, _who: Reader) -> FileResponse:
    """The dataset of an export that is done, as a zip file. A download that broke off can be continued.

    Not for annotators, who would see what others answered.
    """
    found = project.records.jobs.get(job)
    path = export_file(project, found)
    return FileResponse(path, media_type="application/zip", filename=str(found.result["file"]))


@router.post(
    "/uploads",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}},
        }
    },
)
async def upload(
    body: Request,
    project: Here,
    _who: Curator,
    name: Annotated[str, Query(max_length=255, description="What you call the file.")] = "",
) -> Upload:
    """Send a picture, a zip or tar archive, or a GeoTIFF as the body of the request; then import it with a job."""
    most_bytes = round(project.settings.upload_gb * 1e9)
    with Incoming(project, most_bytes=most_bytes) as incoming:
        try:
            async for chunk in body.stream():
                await run_in_threadpool(incoming.write, chunk)
        except ClientDisconnect as error:
            raise BadRequest("the upload ended early", hint="send it again") from error
        return await run_in_threadpool(incoming.accept, name)
