"""Jobs in which something is learned from the chips of a project, or said of them: vectors, maps, encoders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from earthcurator.export.splits import By
from earthcurator.imagery import Progress
from earthcurator.jobs.kinds.work import Work
from earthcurator.project import Project
from earthcurator.project.maps import lay_out_chips


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
