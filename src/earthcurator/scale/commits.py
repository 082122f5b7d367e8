"""Publishing what workers staged: finished shards become rows of the project, many in one commit.

Notes in `commits/` say which shards were taken in, and what is finished and in none of them is published. A program
that is killed between its commit and its note, or two at once, double nothing and lose nothing all the same: files and
ids are compared with those of the table. The notes are believed: a shard in one is not published again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from earthcurator.imagery import Progress
from earthcurator.project import Project
from earthcurator.scale.plans import DownloadPlan, IndexPlan, Plan, read_plan
from earthcurator.scale.status import committed
from earthcurator.scale.work import silent
from earthcurator.store import Staging

log = logging.getLogger(__name__)

SHARDS_A_COMMIT = 256
"""About a million rows; their ids are compared in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a commit did."""

    plan: str
    shards: int
    """Finished shards that were taken in."""
    rows: int
    """Rows of theirs that are in the project now."""
    doubled: int
    """Rows that were left out, because they were in the project already."""
    failed: int
    """Pictures that could not be used."""
    reopened: tuple[int, ...]
    """Shards whose files are gone: they have to be run again."""


def commit(project: Project, plan: str, *, progress: Progress = silent) -> Committed:
    """Take in all finished shards that are not in the project yet, and bring its index up to date."""
    work = read_plan(project.shards.plan(plan))
    waiting = sorted(project.shards.done(plan) - committed(project, plan).keys())
    parts = []
    for at in range(0, len(waiting), SHARDS_A_COMMIT):
        progress(at, len(waiting))
        parts.append(_commit_some(project, plan, work, waiting[at : at + SHARDS_A_COMMIT]))
    _maintain(project, work)
    return Committed(
        plan=plan,
        shards=sum(part.shards for part in parts),
        rows=sum(part.rows for part in parts),
        doubled=sum(part.doubled for part in parts),
        failed=sum(part.failed for part in parts),
        reopened=tuple(index for part in parts for index in part.reopened),
    )


def _commit_some(project: Project, plan: str, work: Plan, indices: Sequence[int]) -> Committed:
    book = project.shards
    records = book.records(plan, indices)
    published = _staging(project, work).publish([record["pieces"] for record in records])
    lost = tuple(indices[at] for at in published.lost)
    for index in lost:
        log.warning("what shard %d of %s wrote is gone; it has to be run again", index, plan)
        book.reopen(plan, index)
    taken = {
        index: {"rows": rows, "doubled": doubled, "failed": int(record["failed"])}
        for index, record, rows, doubled in zip(indices, records, published.rows, published.doubled, strict=True)
        if index not in lost
    }
    if taken:
        book.add_commit(plan, taken)
    totals = {name: sum(counts[name] for counts in taken.values()) for name in ("rows", "doubled", "failed")}
    return Committed(plan=plan, shards=len(taken), reopened=lost, **totals)


def _staging(project: Project, work: Plan) -> Staging:
    if isinstance(work, DownloadPlan):
        return project.chips.staging
    return project.embeddings(project.encoders.find(work.encoder)).staging


def _maintain(project: Project, work: Plan) -> None:
    """As downloading and embedding do at their end."""
    if isinstance(work, DownloadPlan):
        project.chips.maintain()
    elif not isinstance(work, IndexPlan):
        embeddings = project.embeddings(project.encoders.find(work.encoder))
        embeddings.index.maintain()
        embeddings.table.tidy()
