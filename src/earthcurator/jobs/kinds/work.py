"""What all kinds of jobs have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from earthcurator.imagery import Progress
from earthcurator.project import Project


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
