"""The kinds of jobs: what each needs to know, checked before anybody waits for it, and how it is done.

Every kind can be begun again after its process was killed: an export starts over in a clean folder, the others go on
where they were.
"""

from __future__ import annotations

import json
import re
import shutil
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from earthcurator.demo import cut_globe, data_folder
from earthcurator.errors import BadInput, Conflict, NotFound, StorageFailed
from earthcurator.export import EXPORTERS
from earthcurator.export.datacard import NAME as CARD
from earthcurator.export.imagefolder import safe_name
from earthcurator.export.splits import By, split
from earthcurator.imagery import Progress, Where, orders
from earthcurator.ingest import SceneOptions
from earthcurator.jobs.bundle import write_zip
from earthcurator.jobs.exported import archive_of
from earthcurator.jobs.uploads import find_upload, remove_upload
from earthcurator.labels.policy import parse_policy
from earthcurator.models import Box, Job
from earthcurator.orders import Inside, Order
from earthcurator.project import Project
from earthcurator.project.maps import lay_out_chips
from earthcurator.regions import parse_region

MOST_REGION_BYTES = 100_000
"""A region is kept with its job, and goes over the network whenever somebody looks at it."""

_IDENTITY = re.compile(r"[0-9a-z][0-9a-z-]{7,63}")
"""An id becomes a file name."""

_FINGERPRINT = re.compile(r"`sha256:([0-9a-f]{64})`")
"""In the data card of a dataset."""

Degrees = tuple[float, float, float, float]
"""West, south, east, north."""


class Work(BaseModel):
    """What one kind of job needs to know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    kind: ClassVar[str]

    def check(self, project: Project) -> None:
        """Raise what can be known to be wrong before the work begins."""

    @abstractmethod
    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """Do it; returns the result, as JSON. `report` may raise to end it. `folder` is the job's own; it is made here
        if it is needed, and what is there is of an earlier attempt."""

    def clean_up(self, project: Project) -> None:
        """Called once the job has ended well."""


class Shares(BaseModel):
    """How a dataset is divided; they add up to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    train: float = 0.7
    val: float = 0.15
    test: float = 0.15


class Export(Work):
    """Write a labelled dataset, as one zip file to take home."""

    kind = "export"

    task: str = Field(default="folders", description="A task's id, or `folders`: those the chips were imported with.")
    format: str = Field(default="imagefolder", description="One of the formats of `curator export`.")
    policy: str = Field(default="majority", description="majority, adjudicated, any, or e.g. min_agreement=0.8")
    split: By | None = Field(
        default=None, description="Divide into train, val and test: at random, by place or by time."
    )
    shares: Shares = Shares()
    seed: int = Field(default=0, strict=True, ge=0, lt=2**63, description="Another seed gives another division.")

    def check(self, project: Project) -> None:
        """Whether the task is there, and the words are known."""
        parse_policy(self.policy)
        split((), self.shares.model_dump(), by=self.split or "random")
        if self.format not in EXPORTERS.names():
            EXPORTERS.get(self.format)
        if self.task != "folders":
            project.tasks.find(self.task)

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """The result says how many chips, and size, hash and name of the file."""
        task = None if self.task == "folders" else project.tasks.find(self.task)
        name = safe_name(re.sub(r"\W+", "-", task.question if task else project.name).strip("-")[:60] or "dataset")
        archive = archive_of(folder)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            chips = project.export(
                folder / name,
                task=task,
                policy=parse_policy(self.policy),
                split=self.split,
                shares=self.shares.model_dump(),
                seed=self.seed,
                format=self.format,
                progress=report,
            )
            fingerprint = _FINGERPRINT.search((folder / name / CARD).read_text(encoding="utf-8"))
            digest = write_zip(folder / name, archive, alive=lambda: report(chips, chips))
            size = archive.stat().st_size
        except OSError as error:
            raise StorageFailed(
                f"the export cannot be written: {error.strerror or error}", hint="free space on the server's disk"
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        made = {"chips": chips, "bytes": size, "sha256": digest, "file": f"{name}-{self.format}.zip"}
        return {**made, "fingerprint": fingerprint[1] if fingerprint else None}


class Embed(Work):
    """Make vectors for the chips that have none yet."""

    kind = "embed"

    encoder: str | None = Field(default=None, description="Name or id; by default the project's.")

    def check(self, project: Project) -> None:
        """Whether the encoder is there."""
        if self.encoder is not None:
            project.encoders.find(self.encoder)

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """Vectors that were committed before are not made again."""
        del folder
        done = project.embed(self.encoder, progress=report)
        return {**asdict(done), "failed": len(done.failed)}


class Layout(Work):
    """Lay the chips out on a map of two dimensions, on which those that look alike lie together."""

    kind = "layout"

    encoder: str | None = Field(default=None, max_length=200, description="Name or id; by default the project's.")

    def check(self, project: Project) -> None:
        """Whether the encoder is there."""
        if self.encoder is not None:
            project.encoders.find(self.encoder)

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """Begins anew when it was interrupted."""
        del folder
        return asdict(lay_out_chips(project, self.encoder, report))


class Train(Work):
    """Teach an encoder the project's imagery, without labels."""

    kind = "train"

    method: Literal["simclr", "simsiam", "vicreg", "byol", "barlow"] = "simclr"
    init: str = Field(default="packaged", max_length=200, description="packaged, random, or an encoder to begin with.")
    trunk: str = Field(default="lite0", max_length=100)
    minutes: float = Field(default=10, gt=0, le=10_000)
    batch: int = Field(default=128, ge=2, le=4096)
    rate: float = Field(default=5e-4, gt=0, lt=1)
    size: int | None = Field(default=None, ge=16, le=512, description="Sides in pixels that the encoder sees.")
    seed: int = Field(default=0, strict=True, ge=0, lt=2**63)
    use: Literal["never", "if better", "always"] = Field(default="never", description="Whether to use it from now on.")

    def check(self, project: Project) -> None:
        """Whether the encoder to begin with is there."""
        if self.init not in ("packaged", "random"):
            project.encoders.find(self.init)

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """Goes on from its checkpoint when it was interrupted. The result is the report."""
        del folder
        made = project.train(
            **self.model_dump(exclude={"minutes"}),
            seconds=60 * self.minutes,
            progress=lambda now: report(int(1000 * now.fraction), 1000),
        )
        return asdict(made)


class Finetune(Work):
    """Make a classifier from the labels of a task."""

    kind = "finetune"

    task: str = Field(max_length=200, description="A task's id.")
    how: Literal["linear", "mlp", "partial", "full"] = "linear"
    encoder: str | None = Field(default=None, max_length=200, description="Name or id; by default the project's.")
    split: By | None = Field(default=None, description="How the labels that measure are set apart.")
    minutes: float | None = Field(default=None, gt=0, le=10_000)
    seed: int = Field(default=0, strict=True, ge=0, lt=2**63)
    use: bool = Field(default=False, description="Embed and search with it from now on.")

    def check(self, project: Project) -> None:
        """Whether task and encoder are there."""
        project.tasks.find(self.task)
        if self.encoder is not None:
            project.encoders.find(self.encoder)

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """Begins anew when it was interrupted. The result has the figures, and the confusion matrix as SVG."""
        del folder
        made = project.finetune(
            project.tasks.find(self.task),
            **self.model_dump(exclude={"task", "minutes"}),
            seconds=None if self.minutes is None else 60 * self.minutes,
            progress=report,
        )
        return asdict(made)


class Demo(Work):
    """Fill an empty project with NASA's Blue Marble, cut into chips and embedded."""

    kind = "demo"

    def check(self, project: Project) -> None:
        """Whether the picture is installed, and the project empty."""
        data_folder()
        if project.chips.version() and len(project.chips):
            raise Conflict(
                f"this project has {len(project.chips):,} chips, and the demo is for an empty one",
                hint="make a new project for it: curator init DIR",
            )

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """What was cut or embedded before is left alone."""
        del folder
        cut_globe(project, progress=report)
        done = project.embed(progress=report)
        return {"chips": len(project.chips), "vectors": done.total, "encoder": done.encoder}


class Download(Work):
    """Bring imagery in as chips, from the server's imagery source: some layers, a place and dates.

    Another source cannot be named: the server would open addresses for strangers.
    """

    kind = "download"

    layers: tuple[str, ...] = Field(default=(), max_length=100)
    bbox: Degrees | None = Field(
        default=None, description="West, south, east, north; west > east crosses the antimeridian."
    )
    region: dict[str, Any] | None = Field(default=None, description="Polygons as a GeoJSON object.")
    worldview: str | None = Field(default=None, max_length=8000, description="A link to NASA Worldview.")
    dates: str | None = Field(
        default=None, max_length=100, description="A, A/B or A/B/STEP, e.g. 2020-08-16/2020-08-22"
    )
    crs: str | None = Field(default=None, pattern=r"^EPSG:[0-9]{4,6}$")
    zoom: int | None = Field(default=None, ge=0, le=30)
    resolution: float | None = None
    chip_size: int | None = None
    stride: int | None = None
    edge: Inside = "touch"
    min_valid: float = 0.5
    mask: str = ""
    clouds: str = ""
    max_clouds: float = 1.0
    bands: tuple[str, ...] = Field(default=(), max_length=3)

    def check(self, project: Project) -> None:
        """Whether it makes sense; asks no server."""
        del project
        self.orders()

    def orders(self) -> list[Order]:
        """What is asked for, in typed values. Raises BadInput when it makes no sense."""
        return orders(self.layers, self._where(), self.dates, **self._options())

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """What was downloaded before is not asked for again."""
        del folder
        done = project.download(self.layers, self._where(), self.dates, progress=report, **self._options())
        return {**asdict(done), "report": _within(project, done.report)}

    def _where(self) -> Where:
        given = [place for place in (self.bbox, self.region, self.worldview) if place is not None]
        if len(given) != 1:
            raise BadInput(
                "say where, once" if not given else "there are several places",
                hint="give one of bbox, region and worldview",
            )
        if self.region is not None:
            return parse_region(_json(self.region))
        if self.bbox is not None:
            return _box(self.bbox)
        link = str(self.worldview)
        if "://" not in link:  # it would be the path of a file
            raise BadInput(f"{link!r:.200} is not a link", hint="copy the address from the browser, with https://")
        return link

    def _options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"layers", "bbox", "region", "worldview", "dates"}, exclude_none=True)


class Import(Work):
    """Bring in one file that was uploaded: a picture, a zip or tar archive, or a GeoTIFF scene."""

    kind = "import"

    upload: str = Field(pattern=r"^[0-9a-f]{32}$", description="Id of the upload.")
    chip_size: int = 256
    stride: int | None = None
    edge: Literal["shift", "pad", "drop"] = "shift"
    bands: tuple[int, ...] | None = Field(default=None, max_length=3, min_length=1)
    min_valid: float = 0.0
    bbox: Degrees | None = Field(default=None, description="What the picture covers; it is cut like a GeoTIFF.")
    layer: str | None = Field(default=None, max_length=200)
    time: AwareDatetime | None = Field(default=None, description="When it was taken.")

    def check(self, project: Project) -> None:
        """Whether the upload is there."""
        self._scenes()
        find_upload(project, self.upload)

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """Chips that were committed before are left alone."""
        del folder
        done = project.import_pictures([find_upload(project, self.upload)], scenes=self._scenes(), progress=report)
        left_out = sum(done.quarantined.values())
        if left_out > done.quarantined.get("duplicate", 0) and not (done.added or done.present or done.skipped):
            files = "the file was" if left_out == 1 else f"all {left_out:,} files were"
            raise BadInput(f"nothing came in: {files} left out, {done.reason}", hint="send pictures that can be read")
        return {**asdict(done), "report": _within(project, done.report)}

    def clean_up(self, project: Project) -> None:
        """The chips are in the project."""
        remove_upload(project, self.upload)

    def _scenes(self) -> SceneOptions:
        options = self.model_dump(exclude={"upload", "bbox"})
        return SceneOptions(**options, box=None if self.bbox is None else _box(self.bbox))


KINDS: Mapping[str, type[Work]] = MappingProxyType(
    {work.kind: work for work in (Export, Embed, Layout, Train, Finetune, Download, Import, Demo)}
)


def read_work(kind: str, parameters: Mapping[str, Any]) -> Work:
    """The work that a job stands for. Raises BadInput."""
    if kind not in KINDS:
        raise BadInput(f"there is no kind of job {kind!r:.80}", hint=f"choose one of: {', '.join(KINDS)}")
    try:
        return KINDS[kind].model_validate(parameters)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{kind} job, {where}: {first['msg']}", hint="see /api/v1/openapi.json") from error


def request(
    project: Project, work: Work, *, person: str = "", identity: str | None = None, now: datetime | None = None
) -> Job:
    """A job for this work, begun when a runner is free. With an `identity` of one's own, asking twice asks once."""
    jobs = project.records.jobs
    job = Job(
        id=identity or uuid4().hex,
        kind=work.kind,
        parameters=work.model_dump(mode="json"),
        person=person,
        created=now or datetime.now(UTC),
    )
    if not _IDENTITY.fullmatch(job.id):
        raise BadInput(
            f"{job.id!r:.100} cannot be the id of a job", hint="use 8 to 64 lower-case letters, digits and hyphens"
        )
    try:
        jobs.get(job.id)
    except NotFound:  # else it was checked when it was new, and may have used up what it needs since
        work.check(project)
    return jobs.add(job)


def _box(degrees: Degrees) -> Box:
    west, south, east, north = degrees
    return Box(west=west, south=south, east=east, north=north)


def _json(region: Mapping[str, Any]) -> str:
    hint = "give polygons as RFC 7946 has them"
    try:
        text = json.dumps(region, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (ValueError, RecursionError) as error:  # not finite, a lone surrogate, a thousand brackets
        raise BadInput(f"the region is no GeoJSON: {error}", hint=hint) from error
    if size > MOST_REGION_BYTES:
        raise BadInput(
            f"the region has {size:,} bytes, and {MOST_REGION_BYTES:,} are the most", hint="simplify its outline"
        )
    return text


def _within(project: Project, path: str | None) -> str | None:
    """A path in the project without where that is."""
    return None if path is None else path.removeprefix(f"{project.location}/")
