"""Jobs in which something is learned from the chips of a project, or said of them: vectors, maps, encoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from earthcurator.errors import BadInput, Conflict
from earthcurator.export.splits import By
from earthcurator.imagery import Progress
from earthcurator.jobs.kinds.work import Cancelled, HandedBack, Paused, Report, Stop, Work
from earthcurator.project import Project
from earthcurator.project.course import Course, Nearest
from earthcurator.project.maps import lay_out_chips

if TYPE_CHECKING:
    from earthcurator.learn.recipe import Progress as Step


def check_training() -> None:
    """Whether the extra `train` is installed; raises Conflict. It is not loaded, which takes seconds."""
    for needed in ("torch", "onnx"):
        if find_spec(needed) is None:
            raise Conflict(
                f"training needs the package {needed}, which is not here", hint="pip install 'earthcurator[train]'"
            )


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
    long = True

    method: Literal["simclr", "simsiam", "vicreg", "byol", "barlow"] = "simclr"
    init: str = Field(default="packaged", max_length=200, description="packaged, random, or an encoder to begin with.")
    trunk: str = Field(default="lite0", max_length=100, pattern=r"^[0-9a-z-]+$", description="One of Curator's own.")
    minutes: float = Field(default=10, gt=0, le=10_000)
    batch: int = Field(default=128, ge=2, le=4096)
    rate: float = Field(default=5e-4, gt=0, lt=1)
    size: int | None = Field(default=None, ge=16, le=512, description="Sides in pixels that the encoder sees.")
    seed: int = Field(default=0, strict=True, ge=0, lt=2**63)
    use: Literal["never", "if better", "always"] = Field(default="never", description="Whether to use it from now on.")

    def check(self, project: Project) -> None:
        """Whether training is installed, and the encoder to begin with is there and fits."""
        check_training()
        if self.trunk != "lite0" and self.init != "random":
            raise BadInput(f"the trunk {self.trunk} has no weights to begin with", hint="choose init random")
        if self.init not in ("packaged", "random"):
            project.encoders.find(self.init)

    def run(self, project: Project, report: Report, folder: Path) -> Mapping[str, Any]:
        """Goes on from its checkpoint when it was interrupted. The result is the report, and the course of it.

        When it is cancelled, what is best so far is kept, with its report.
        """
        del folder
        told = _Told(report)
        try:
            made = project.train(
                **self.model_dump(exclude={"minutes"}),
                seconds=60 * self.minutes,
                watch=told,
                stop=lambda: told.ends is not None,
            )
        except KeyboardInterrupt:
            if told.ends is None:
                raise
            raise told.ends from None
        result = {
            **asdict(made),
            "comparisons": [{**asdict(each), "outcome": each.outcome} for each in made.comparisons],
            **told.kept(),
        }
        if told.ends is not None:
            raise Cancelled(result)
        return result


class _Told:
    """Hears of every step of a training, and notices that the job is to end."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._course = Course(report.before.get("course"))
        self.ends: Stop | None = None

    def kept(self) -> dict[str, Any]:
        """The course, as it is in the result of the job."""
        return {"course": self._course.kept()}

    def __call__(self, now: Step, nearest: Callable[[], Nearest]) -> None:
        if self._course.add(now, nearest):
            self._report.so_far(self.kept())
        try:
            self._report(int(1000 * now.fraction), 1000)
        except Cancelled as asked:
            self.ends = asked
        except (HandedBack, Paused) as asked:
            self.ends = asked
            raise KeyboardInterrupt from asked  # ends it with a checkpoint and nothing else, as learn.loop says


class Finetune(Work):
    """Make a classifier from the labels of a task."""

    kind = "finetune"
    long = True

    task: str = Field(max_length=200, description="A task's id.")
    how: Literal["linear", "mlp", "partial", "full"] = "linear"
    encoder: str | None = Field(default=None, max_length=200, description="Name or id; by default the project's.")
    split: By | None = Field(default=None, description="How the labels that measure are set apart.")
    minutes: float | None = Field(default=None, gt=0, le=10_000)
    seed: int = Field(default=0, strict=True, ge=0, lt=2**63)
    use: bool = Field(default=False, description="Embed and search with its vectors from now on.")

    def check(self, project: Project) -> None:
        """Whether training is installed, and task and encoder are there."""
        check_training()
        project.tasks.find(self.task)
        if self.encoder is not None:
            project.encoders.find(self.encoder)

    def run(self, project: Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        """Begins anew when it was interrupted. The result has the figures, and the confusion matrix as SVG.

        When it is cancelled while the encoder changes, what is best so far is measured and kept. A head alone takes
        seconds, and is not interrupted.
        """
        del folder
        cancelled = Event()

        def tell(done: int, total: int | None) -> None:
            try:
                report(done, total)
            except Cancelled:
                cancelled.set()

        made = project.finetune(
            project.tasks.find(self.task),
            **self.model_dump(exclude={"task", "minutes"}),
            seconds=None if self.minutes is None else 60 * self.minutes,
            progress=tell,
            stop=cancelled.is_set,
        )
        if cancelled.is_set():
            raise Cancelled(asdict(made))
        return asdict(made)
