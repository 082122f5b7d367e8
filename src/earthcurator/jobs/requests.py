"""From what somebody asks for to a job: read, checked, and kept until a runner is free."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from earthcurator.errors import BadInput, NotFound
from earthcurator.jobs import kinds
from earthcurator.jobs.kinds import Work
from earthcurator.models import Job
from earthcurator.project import Project

_IDENTITY = re.compile(r"[0-9a-z][0-9a-z-]{7,63}")
"""An id becomes a file name."""


def read_work(kind: str, parameters: Mapping[str, Any]) -> Work:
    """The work that a job stands for. Raises BadInput."""
    if kind not in kinds.KINDS:
        raise BadInput(f"there is no kind of job {kind!r:.80}", hint=f"choose one of: {', '.join(kinds.KINDS)}")
    try:
        return kinds.KINDS[kind].model_validate(parameters)
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
