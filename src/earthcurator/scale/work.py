"""One shard of a plan: the work that any number of machines do at the same time.

A shard may be run again and again, and by several workers at once: the first to record it wins, and whatever the others
wrote is removed. Nothing of it is seen before `commit`.
"""

from __future__ import annotations

import logging
import platform
import time
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Literal

import numpy as np

import earthcurator
from earthcurator.encoders import embed
from earthcurator.errors import Conflict, CuratorError, SourceUnreachable
from earthcurator.gibs.plan import Plan as GridPlan
from earthcurator.gibs.politeness import Policy
from earthcurator.imagery import Imagery
from earthcurator.models import Arrival, Quarantined, Skipped
from earthcurator.project import Project
from earthcurator.scale.plans import (
    DownloadPlan,
    EmbedPlan,
    IndexPlan,
    check_index,
    order_from_json,
    read_plan,
    write_plan,
)
from earthcurator.settings import Settings
from earthcurator.store import Staged, Staging

log = logging.getLogger(__name__)

Outcome = Literal["made", "there"]
"""Whether this run made the shard, or it was there already."""

_TOLD_ERRORS = 100
"""Errors that a record tells one by one; all are counted."""


@dataclass(slots=True)
class _Made:
    """What a shard's work gave."""

    staging: Staging | None = None
    staged: Staged = field(default_factory=Staged)
    skipped: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)

    def fail(self, name: str, reason: str) -> None:
        self.failed += 1
        if len(self.errors) < _TOLD_ERRORS:
            self.errors.append((name, reason))


@dataclass(slots=True)
class Ran:
    """What a run of several shards did."""

    made: int = 0
    """Shards that are finished by it."""
    there: int = 0
    """Shards that others had finished."""
    failed: dict[int, CuratorError] = field(default_factory=dict)
    """Shards that could not be done, and why."""

    def count(self, index: int, outcome: Outcome | CuratorError) -> None:
        """Count what became of a shard."""
        if isinstance(outcome, CuratorError):
            log.warning("shard %d: %s", index, outcome)
            self.failed[index] = outcome
        else:
            self.made += outcome == "made"
            self.there += outcome == "there"

    @property
    def ended(self) -> int:
        """Shards about which there is nothing more to do in this run."""
        return self.made + self.there + len(self.failed)


def silent(done: int, total: int | None) -> None:
    """The progress of someone who does not look."""


def run_shard(project: Project, plan: str, index: int, *, at_once: int = 1) -> Outcome:
    """Do one shard of a plan, unless it is done. A picture that cannot be used is an error in its record.

    `at_once`: how many workers run at the same time, this one among them; they share what a source may be asked.
    """
    book = project.shards
    work = read_plan(book.plan(plan))
    check_index(work, index)
    if book.is_done(plan, index):
        return "there"
    started, used = time.monotonic(), time.process_time()
    match work:
        case EmbedPlan():
            made = _embed(project, work, index)
        case DownloadPlan():
            made = _download(project, work, index, at_once)
        case IndexPlan():
            project.embeddings(project.encoders.find(work.encoder)).index.maintain()
            made = _Made()
    record = {
        **asdict(made.staged),
        "failed": made.failed,
        "errors": made.errors,
        "skipped": made.skipped,
        "encoder": None if isinstance(work, DownloadPlan) else work.encoder,
        "version": earthcurator.__version__,
        "machine": platform.node(),
        "seconds": round(time.monotonic() - started, 3),
        "cpu_seconds": round(time.process_time() - used, 3),
    }
    if book.finish(plan, index, record):
        return "made"
    if made.staging is not None:
        made.staging.discard(made.staged.pieces)
    log.info("shard %d of %s was done by another worker at the same time", index, plan)
    return "there"


def run_at(location: str, settings: Settings, plan: str, index: int, at_once: int = 1) -> Outcome:
    """The same by the address of the project, for workers that do many shards one after the other."""
    return run_shard(_opened(location, settings), plan, index, at_once=at_once)


def polite(settings: Settings, at_once: int) -> Policy:
    """What one of so many workers may ask of an imagery source, so that all together ask for what one alone would."""
    whole = Policy()
    connections = max(1, settings.connections // at_once)
    return Policy(
        connections=connections,
        fewest=min(connections, max(1, whole.fewest // at_once)),
        most=max(connections, whole.most // at_once),
        megabits_per_second=settings.megabits_per_second / at_once,
    )


@lru_cache(maxsize=1)
def _opened(location: str, settings: Settings) -> Project:
    return earthcurator.open(location, settings=settings)


# -- vectors -------------------------------------------------------------------------------------------------------


def _embed(project: Project, plan: EmbedPlan, index: int) -> _Made:
    rows = plan.rows_of(index)
    project.chips.table.refresh()
    if rows[-1] >= len(project.chips):
        raise Conflict(
            f"{project.location} has {len(project.chips):,} chips, fewer than when this was planned",
            hint="plan again: curator shards plan embed",
        )
    encoder = project.encoder(plan.encoder)
    embeddings = project.embeddings(encoder)
    made = _Made(embeddings.staging)
    facts, vectors = [], [np.empty((0, encoder.card.dim), np.float32)]
    with closing(embed(embeddings.pictures(project.chips, rows), encoder, threads=project.settings.threads)) as batches:
        for batch in batches:
            facts += batch.keys
            vectors.append(batch.vectors)
            for of, error in batch.failed:
                made.fail(of["id"], str(error))
    made.staged = embeddings.stage(facts, np.concatenate(vectors))
    return made


# -- imagery -------------------------------------------------------------------------------------------------------


def _download(project: Project, plan: DownloadPlan, index: int, at_once: int) -> _Made:
    made = _Made(project.chips.staging)
    arrivals: list[Arrival] = []
    refused = 0
    part = _part_of(_grid_plan(write_plan(plan), project.settings), plan, index)
    with (
        Imagery(plan.source, settings=project.settings, policy=polite(project.settings, at_once)) as imagery,
        closing(imagery.wmts.arrivals_of(part)) as items,
    ):
        for item in items:
            match item:
                case Arrival():
                    arrivals.append(item)
                case Skipped():
                    made.skipped[item.reason] += 1
                case Quarantined(kind="unreachable"):
                    # Not the picture's fault: the shard stays open, and what came is in the cache of tiles.
                    raise SourceUnreachable(
                        f"{item.origin} could not be had: {item.reason}", hint="run the shards again later"
                    )
                case Quarantined():
                    refused += item.kind == "refused"
                    made.fail(item.origin, item.reason)
    if refused and not arrivals and not made.skipped:  # not one tile's fault
        raise SourceUnreachable(
            f"{plan.source} refuses all of it, e.g. {made.errors[0][1]}", hint="run the shards again when it does not"
        )
    made.staged = project.chips.stage(arrivals)
    return made


@lru_cache(maxsize=1)
def _grid_plan(text: str, settings: Settings) -> GridPlan:
    """How the whole order of a plan lies on its grid: for all shards that a worker does."""
    plan = read_plan(text)
    assert isinstance(plan, DownloadPlan)
    with Imagery(plan.source, settings=settings) as imagery:
        made = imagery.wmts.plan(order_from_json(plan.order))
    if len(made.windows) != plan.places:
        raise Conflict(
            f"{plan.source} has another grid than when this was planned: {len(made.windows):,} places, not "
            f"{plan.places:,}",
            hint="plan again: curator shards plan download",
        )
    return made


def _part_of(whole: GridPlan, plan: DownloadPlan, index: int) -> GridPlan:
    """What one shard is of."""
    piece = plan.piece(index)
    part = next(part for part, _ in whole.parts if part.layer.id == piece.layer)
    return replace(whole, windows=whole.windows[piece.first : piece.last], parts=((part, (piece.time,)),))
