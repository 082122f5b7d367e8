"""`jobs`: the long work of a server, also while that runs."""

from __future__ import annotations

from dataclasses import asdict

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import answer, say, table
from earthcurator.models import Job

_as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@click.group()
def jobs() -> None:
    """See what a server works on in the background, pause it, and read what it said.

    \b
    Example: curator jobs list
             curator jobs log 3f2a9c0e51d74b0a8a35a2f6b1c9e7d4
    """


@jobs.command("list")
@click.option("-n", "limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@_as_json
@click.pass_obj
def list_jobs(here: Here, limit: int, as_json: bool) -> None:
    """The newest jobs, the newest first.

    \b
    Example: curator jobs list
    """
    with here.open() as project:
        found = project.records.jobs.list(limit)
    if as_json:
        answer([asdict(job) for job in found])
        return
    rows = [
        (job.id, job.kind, job.state, _share(job.done, job.total), f"{job.created:%Y-%m-%d %H:%M}") for job in found
    ]
    table(["job", "kind", "state", "done", "asked for (UTC)"], rows)


@jobs.command()
@click.argument("job")
@_as_json
@click.pass_obj
def log(here: Here, job: str, as_json: bool) -> None:
    """What a job has said: when it began, how it went on, what it warned of, how it ended.

    \b
    Example: curator jobs log 3f2a9c0e51d74b0a8a35a2f6b1c9e7d4
    """
    with here.open() as project:
        lines = project.records.jobs.log(job)
    if as_json:
        answer(lines)
        return
    for line in lines:
        click.echo(f"{line.time:%Y-%m-%d %H:%M:%S}  {line.text}")


@jobs.command()
@click.argument("job")
@_as_json
@click.pass_obj
def pause(here: Here, job: str, as_json: bool) -> None:
    """Put a job aside until `resume`. One that runs stops where it can go on.

    \b
    Example: curator jobs pause 3f2a9c0e51d74b0a8a35a2f6b1c9e7d4
    """
    with here.open() as project:
        _tell(project.records.jobs.pause(job), as_json)


@jobs.command()
@click.argument("job")
@_as_json
@click.pass_obj
def resume(here: Here, job: str, as_json: bool) -> None:
    """Let a paused job wait for its turn again.

    \b
    Example: curator jobs resume 3f2a9c0e51d74b0a8a35a2f6b1c9e7d4
    """
    with here.open() as project:
        _tell(project.records.jobs.resume(job), as_json)


@jobs.command()
@click.argument("job")
@_as_json
@click.pass_obj
def cancel(here: Here, job: str, as_json: bool) -> None:
    """Call a job off. What it finished before is kept.

    \b
    Example: curator jobs cancel 3f2a9c0e51d74b0a8a35a2f6b1c9e7d4
    """
    with here.open() as project:
        _tell(project.records.jobs.cancel(job), as_json)


def _tell(job: Job, as_json: bool) -> None:
    if as_json:
        answer(job)
        return
    soon = "; what was asked reaches it in a moment" if job.state == "running" else ""
    say(f"the {job.kind} is {job.state}{soon}")


def _share(done: int, total: int | None) -> str:
    return f"{done:,} of {total:,}" if total else f"{done:,}"


commands = {"jobs": jobs}
