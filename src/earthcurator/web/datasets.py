"""Datasets over HTTP: what exports have written, their data cards, and making room. Exports themselves are jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from earthcurator.errors import NotFound
from earthcurator.jobs import Export, card_of, is_here, map_of, read_work, remove_export
from earthcurator.models import Job
from earthcurator.project import Project
from earthcurator.web.context import Curator, Here, Reader, Viewer

router = APIRouter(tags=["datasets"])

MOST_DATASETS = 1000

Identity = Annotated[str, Path(max_length=64, description="The id of a dataset, which is that of its job.")]


class Dataset(BaseModel):
    """What one export wrote."""

    id: str
    created: datetime
    person: str = Field(description="Id of who asked for it; empty without accounts.")
    recipe: Export = Field(description="What was asked for; a job `export` with the same parameters makes it again.")
    chips: int
    left_out: int = Field(description="Chips with an answer that a split by place left out, at its borders.")
    fingerprint: str | None = Field(
        description="The same for datasets with the same chips, classes and splits; null for those of older versions."
    )
    file: str = Field(description="Name of the zip file.")
    bytes: int = Field(description="Its size when it was written.")
    sha256: str
    here: bool = Field(description="Whether the file is still there: GET /api/v1/jobs/{id}/file.")


class DatasetList(BaseModel):
    """The newest first, at most a thousand."""

    datasets: list[Dataset]
    bytes: int = Field(description="What the files that are there take on the server's disk.")


@router.get("/datasets")
def list_datasets(project: Here, _who: Viewer) -> DatasetList:
    """Exports that are done. Those whose file was deleted stay in the list: they can be made again."""
    datasets = [_dataset(project, job) for job in _exports(project)]
    return DatasetList(datasets=datasets, bytes=sum(dataset.bytes for dataset in datasets if dataset.here))


@router.delete("/datasets/{dataset}", status_code=204)
def delete_dataset(dataset: Identity, project: Here, _who: Curator) -> None:
    """Delete the file of a dataset. What was asked for stays known."""
    remove_export(project, project.records.jobs.get(dataset))


@router.get(
    "/datasets/{dataset}/card",
    response_class=Response,
    responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}},
)
def show_card(dataset: Identity, project: Here, _who: Reader) -> Response:
    """The data card, as Markdown."""
    card = card_of(project, project.records.jobs.get(dataset))
    return Response(card, media_type="text/markdown; charset=utf-8")


@router.get(
    "/datasets/{dataset}/map",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}},
)
def show_map_of_dataset(dataset: Identity, project: Here, _who: Reader) -> Response:
    """Where its chips are, as an SVG picture."""
    drawn = map_of(project, project.records.jobs.get(dataset))
    if drawn is None:
        raise NotFound("no chip of this dataset has a known place: there is no map", hint="its data card says the rest")
    # An SVG that is opened by itself is a page: this one may load and run nothing.
    return Response(drawn, media_type="image/svg+xml", headers={"Content-Security-Policy": "default-src 'none'"})


def _exports(project: Project) -> Iterator[Job]:
    before, found = None, 0
    while found < MOST_DATASETS and (page := project.records.jobs.list(200, before)):
        before = page[-1].id
        for job in page:
            if job.kind == Export.kind and job.state == "done":
                found += 1
                yield job


def _dataset(project: Project, job: Job) -> Dataset:
    recipe = read_work(job.kind, job.parameters)
    assert isinstance(recipe, Export)
    return Dataset(
        id=job.id,
        created=job.finished or job.created,
        person=job.person,
        recipe=recipe,
        chips=job.result["chips"],
        left_out=job.result.get("left_out", 0),
        fingerprint=job.result.get("fingerprint"),
        file=job.result["file"],
        bytes=job.result["bytes"],
        sha256=job.result["sha256"],
        here=is_here(project, job),
    )
