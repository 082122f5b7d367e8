"""Jobs that write datasets. One that was interrupted starts over in a clean folder."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from earthcurator.errors import StorageFailed
from earthcurator.export import EXPORTERS
from earthcurator.export.imagefolder import safe_name
from earthcurator.export.splits import By, split
from earthcurator.imagery import Progress
from earthcurator.jobs.bundle import write_zip
from earthcurator.jobs.exported import archive_of
from earthcurator.jobs.kinds.work import Work
from earthcurator.labels.policy import parse_policy
from earthcurator.project import Project


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
    block_km: float | None = Field(
        default=None,
        gt=0,
        le=20_000,
        description="Chips in blocks of this size stay on one side of a split by place; by default four times a chip. "
        "Where chips touch all over, those at the borders of the sides are left out.",
    )

    def check(self, project: Project) -> None:
        """Whether the task is there, and the words are known."""
        parse_policy(self.policy)
        split((), self.shares.model_dump(), by=self.split or "random")
        if self.format not in EXPORTERS.names():
            EXPORTERS.get(self.format)
        if self.task != "folders":
            project.tasks.find(self.task)

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """The result says how many chips, how many a split left out, and size, hash and name of the file."""
        task = None if self.task == "folders" else project.tasks.find(self.task)
        name = safe_name(re.sub(r"\W+", "-", task.question if task else project.name).strip("-")[:60] or "dataset")
        archive = archive_of(folder)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            written = project.export(
                folder / name,
                task=task,
                policy=parse_policy(self.policy),
                split=self.split,
                shares=self.shares.model_dump(),
                seed=self.seed,
                block_km=self.block_km,
                format=self.format,
                progress=report,
            )
            digest = write_zip(folder / name, archive, alive=lambda: report(written.chips, written.chips))
            size = archive.stat().st_size
        except OSError as error:
            raise StorageFailed(
                f"the export cannot be written: {error.strerror or error}", hint="free space on the server's disk"
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return {**asdict(written), "bytes": size, "sha256": digest, "file": f"{name}-{self.format}.zip"}
