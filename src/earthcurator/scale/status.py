"""How far a plan is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from earthcurator.errors import BadInput
from earthcurator.project import Project
from earthcurator.scale.plans import check_index, read_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A plan in numbers."""

    plan: str
    """Its id."""
    kind: str
    """`download`, `embed` or `index`."""
    shards: int
    """How many there are."""
    done: int
    """How many of them are finished."""
    committed: int
    """How many of those have their rows in the project."""
    rows: int
    """Rows that were committed."""
    doubled: int
    """Rows that were left out of commits, because they were in the project already."""
    failed: int
    """Pictures of committed shards that could not be used."""

    @property
    def missing(self) -> int:
        """How many shards are still to be done."""
        return self.shards - self.done


def status(project: Project, plan: str) -> Status:
    """How far a plan is."""
    work = read_plan(project.shards.plan(plan))
    shards = committed(project, plan)
    return Status(
        plan=plan,
        kind=work.kind,
        shards=work.shards,
        done=len(project.shards.done(plan)),
        committed=len(shards),
        **{name: sum(int(counts[name]) for counts in shards.values()) for name in ("rows", "doubled", "failed")},
    )


def committed(project: Project, plan: str) -> dict[int, Mapping[str, Any]]:
    """The shards whose rows are in the project, with the counts of each."""
    found: dict[int, Mapping[str, Any]] = {}
    for commit in project.shards.commits(plan):
        for index, counts in commit.items():
            # Of two programs that committed a shard at once, one added its rows and the other found them there.
            if index not in found or counts["rows"] > found[index]["rows"]:
                found[index] = counts
    return found


def missing(project: Project, plan: str, among: Collection[int] | None = None) -> list[int]:
    """The shards that are still to be done, of all or of some."""
    work = read_plan(project.shards.plan(plan))
    done = project.shards.done(plan)
    return [index for index in (range(work.shards) if among is None else among) if index not in done]


def tasks_of_array(project: Project, plan: str, tasks: int | None) -> int:
    """How many tasks may run at once: as many as the engine or else `tasks` says there are, or one for each shard."""
    shards = read_plan(project.shards.plan(plan)).shards
    return min(shards, project.settings.task_count or tasks or shards)


def shards_of_task(project: Project, plan: str, task: int, tasks: int | None) -> list[int]:
    """What one task of an array does: the shard of its own number, or of `tasks` tasks every so many-th."""
    work = read_plan(project.shards.plan(plan))
    if tasks is None:
        check_index(work, task)
        return [task]
    if not 0 <= task < tasks:
        raise BadInput(f"task {task} is none of 0 to {tasks - 1}", hint="number the tasks of the array from 0")
    return list(range(task, work.shards, tasks))
