"""What all kinds of jobs have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from earthcurator.project import Project


class Stop(Exception):
    """Raised inside the work, by its report, to end it."""


class Cancelled(Stop):
    """Somebody asked for it. Work that keeps what it has so far raises it anew, with its result."""

    def __init__(self, result: Mapping[str, Any] | None = None) -> None:
        super().__init__("cancelled")
        self.result = result


class HandedBack(Stop):
    """The runner stops; another will go on with the job."""


class Paused(Stop):
    """Somebody asked for it; the job goes on when it is resumed."""


class Lost(Stop):
    """The job has ended, or another worker runs it."""


class Report(Protocol):
    """With what work says how far it is."""

    @property
    def before(self) -> Mapping[str, Any]:
        """What an earlier attempt said had come of it."""
        ...

    def __call__(self, done: int, total: int | None) -> None:
        """Raises `Stop` to end the work."""
        ...

    def so_far(self, result: Mapping[str, Any]) -> None:
        """What has come of it, as JSON: those who look at the job see it, and the next attempt."""
        ...


class Work(BaseModel):
    """What one kind of job needs to know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    kind: ClassVar[str]
    long: ClassVar[bool] = False
    """Whether it may take hours: such work has workers of its own, so that what takes minutes need not wait for it."""

    def check(self, project: Project) -> None:
        """Raise what can be known to be wrong before the work begins."""

    @abstractmethod
    def run(self, project: Project, report: Report, folder: Path) -> Mapping[str, Any]:
        """Do it; returns the result, as JSON. `report` may raise to end it. `folder` is the job's own; it is made here
        if it is needed, and what is there is of an earlier attempt."""

    def clean_up(self, project: Project) -> None:
        """Called once the job has ended well."""
