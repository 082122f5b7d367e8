"""`shards` and `ray`: the same work in pieces, by many processes and machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from earthcurator.cli.app import Here
from earthcurator.cli.imagery import download, ordered
from earthcurator.cli.output import answer, progress, say, table
from earthcurator.errors import BadInput, CuratorError

if TYPE_CHECKING:
    from earthcurator.project import Progress, Project
    from earthcurator.scale import Status
    from earthcurator.scale.work import Ran

_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
_size = click.option("--size", type=click.IntRange(1), default=4096, show_default=True, help="Chips of a shard.")


@click.group()
def shards() -> None:
    """Cut large work into shards, do them anywhere and in any order, and take in what is finished.

    \b
    Example: curator shards plan embed           prints the id of the plan, e.g. 3f1c09ab77de
             curator shards run 3f1c             in processes of this machine, or as a task of an array
             curator shards commit 3f1c          can be repeated, also while others still run
    """


# -- plan --------------------------------------------------------------------------------------------------------------


@shards.group()
def plan() -> None:
    """Cut work into shards; prints the id of the plan. The same work has the same plan.

    \b
    Example: curator shards plan embed
    """


def _plan_download(layers: tuple[str, ...], source: str | None, as_json: bool, size: int, **options: Any) -> None:
    from earthcurator.imagery import Imagery
    from earthcurator.scale import plan_download

    wanted = ordered(layers, **options)
    here: Here = click.get_current_context().obj
    with here.open() as project, Imagery(source, settings=project.settings) as imagery:
        if not layers:  # they come from the link
            wanted = [imagery.available(order) for order in wanted]
        for order in wanted:
            _tell_plan(project, plan_download(project, order, imagery, size=size), as_json)


plan.add_command(
    _size(
        click.Command(
            "download",
            callback=_plan_download,
            params=[option for option in download.params if option.name not in ("limit", "dry_run", "yes")],
            help="""Plan to bring imagery in: the options are those of `curator download`.

            \b
            Example: curator shards plan download MODIS_Terra_CorrectedReflectance_TrueColor \\
                       --bbox -180,-90,180,90 --dates 2000-02-24/2026-01-01
            """,
        )
    )
)


@plan.command("embed")
@click.option("--encoder", help="Name or id; by default the project's.")
@_size
@_json
@click.pass_obj
def plan_embed(here: Here, encoder: str | None, size: int, as_json: bool) -> None:
    """Plan to make vectors for the chips that have none yet.

    \b
    Example: curator shards plan embed --encoder lite0-128
    """
    from earthcurator.scale import plan_embed as make

    with here.open() as project:
        _tell_plan(project, make(project, encoder, size=size), as_json)


@plan.command("index")
@click.option("--encoder", help="Name or id; by default the project's.")
@_json
@click.pass_obj
def plan_index(here: Here, encoder: str | None, as_json: bool) -> None:
    """Plan to bring the vector index up to date: one shard, for a machine that is fit for it.

    \b
    Example: curator shards plan index
    """
    from earthcurator.scale import plan_index as make

    with here.open() as project:
        _tell_plan(project, make(project, encoder), as_json)


def _tell_plan(project: Project, name: str, as_json: bool) -> None:
    from earthcurator.scale import status

    now = status(project, name)
    if as_json:
        answer(now)
        return
    click.echo(name)
    say(f"{_shards(now.shards)}, {now.done:,} done; {_next(now)}")


def _next(now: Status) -> str:
    """What there is to do for the plan."""
    if now.missing:
        return f"next: curator shards run {now.plan}"
    if now.committed < now.shards:
        return f"next: curator shards commit {now.plan}"
    return "all are in the project"


def _left(project: Project, name: str) -> str:
    from earthcurator.scale import status

    return _next(status(project, name))


# -- run ---------------------------------------------------------------------------------------------------------------


@shards.command()
@click.argument("plan", metavar="PLAN")
@click.option("--workers", type=click.IntRange(1), help="Processes; by default as many as there are threads, to embed.")
@click.option("--index", type=click.IntRange(0), help="Only this shard; arrays tell it themselves.")
@click.option("--of", type=click.IntRange(1), metavar="N", help="The array has N tasks: each does every N-th shard.")
@click.option(
    "--at-once",
    type=click.IntRange(1),
    metavar="N",
    help="N such commands run at a time, and share what an imagery server may be asked; by default all of the array.",
)
@_json
@click.pass_obj
def run(
    here: Here,
    plan: str,
    workers: int | None,
    index: int | None,
    of: int | None,
    at_once: int | None,
    as_json: bool,
) -> None:
    """Do the shards of a plan that are not done: all here, or those of one task of an array.

    Can be interrupted at any time; running it again continues. As a task of an array it reads its number from
    SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, BATCH_TASK_INDEX or AWS_BATCH_JOB_ARRAY_INDEX.

    \b
    Example: curator shards run 3f1c --workers 8
             sbatch --array=0-99 --wrap 'curator shards run 3f1c --of 100'
    """
    from earthcurator.scale import missing
    from earthcurator.scale.status import shards_of_task, tasks_of_array

    with here.open() as project, progress("shards") as report:
        name = project.shards.find(plan)
        task = project.settings.task_index if index is None else index
        if task is not None:
            todo = missing(project, name, shards_of_task(project, name, task, of))
            if at_once is None:
                alone = index is not None and of is None  # somebody tries one
                at_once = tasks_of_array(project, name, 1 if alone else of)
                _warn_of_share(project, name, at_once)
            if workers is None:
                ran = _run_task(project, name, todo, at_once, report)
            else:
                ran = _run_processes(project, name, todo, workers, at_once, report)
        elif of is not None:
            raise BadInput("which of the tasks is this?", hint="add --index, or let an array run it")
        else:
            # To download, more are no faster: a source sends what its rules allow.
            processes = workers or (project.settings.threads if _kind(project, name) == "embed" else 1)
            ran = _run_processes(project, name, missing(project, name), processes, at_once or 1, report)
        left = "" if ran.made or ran.failed or as_json else _left(project, name)
    _tell_ran(name, ran, left, as_json)


def _kind(project: Project, name: str) -> str:
    from earthcurator.scale import read_plan

    return read_plan(project.shards.plan(name)).kind


def _warn_of_share(project: Project, name: str, at_once: int) -> None:
    """Say that a download goes slower than it might, where nobody has said how many tasks run at a time."""
    if at_once > 1 and _kind(project, name) == "download":
        rate = project.settings.megabits_per_second
        say(f"note: this is one of {at_once:,} tasks that share {rate:g} Mb/s; --at-once says if fewer run at a time")


def _run_task(project: Project, name: str, indices: list[int], at_once: int, report: Progress) -> Ran:
    """Do some shards in this process, which the engine runs again when it dies."""
    from earthcurator.scale import run_shard
    from earthcurator.scale.work import Ran

    ran = Ran()
    for index in indices:
        report(ran.ended, len(indices))
        try:
            ran.count(index, run_shard(project, name, index, at_once=at_once))
        except CuratorError as error:
            ran.count(index, error)
    return ran


def _run_processes(
    project: Project, name: str, indices: list[int], workers: int, at_once: int, report: Progress
) -> Ran:
    from earthcurator.scale import run_here

    return run_here(
        project.location,
        name,
        indices,
        workers=workers,
        settings=project.settings,
        at_once=at_once,
        progress=report,
    )


def _tell_ran(name: str, ran: Ran, left: str, as_json: bool) -> None:
    """`left` is what there is to do, where nothing was."""
    if as_json:
        answer({**asdict(ran), "failed": {index: str(error) for index, error in ran.failed.items()}})
    elif ran.made:
        say(f"did {_shards(ran.made)}; next: curator shards commit {name}")
    elif left:
        say(f"nothing was left to do here; {left}")
    if ran.failed:
        index, error = min(ran.failed.items())
        raise type(error)(
            f"{_shards(len(ran.failed))} could not be done, e.g. number {index}: {error}",
            hint=f"run the same command again: it does only what is missing. {error.hint}".strip(),
        )


@click.group("ray")
def on_ray() -> None:
    """Do the shards of a plan on a Ray cluster. Needs: pip install 'earthcurator[scale]'

    \b
    Example: curator ray run 3f1c --address ray-head:6379
    """


@on_ray.command("run")
@click.argument("plan", metavar="PLAN")
@click.option("--address", metavar="HOST:PORT", help="Of the cluster; by default this machine becomes one.")
@click.option("--gpus-per-task", type=click.FloatRange(0), default=0.0, metavar="G", help="e.g. 0.5: two share a GPU.")
@_json
@click.pass_obj
def run_on_ray(here: Here, plan: str, address: str | None, gpus_per_task: float, as_json: bool) -> None:
    """Do the shards of a plan that are not done as tasks of Ray.

    Tasks whose node dies are done again. Interrupted, it continues when run again.

    \b
    Example: curator ray run 3f1c --address ray-head:6379 --gpus-per-task 1
    """
    from earthcurator.scale import missing
    from earthcurator.scale.ray import run_on_ray as do

    with here.open() as project, progress("shards") as report:
        name = project.shards.find(plan)
        ran = do(
            project.location,
            name,
            missing(project, name),
            settings=project.settings,
            address=address,
            gpus_per_task=gpus_per_task,
            progress=report,
        )
        left = "" if ran.made or ran.failed or as_json else _left(project, name)
    _tell_ran(name, ran, left, as_json)


# -- commit ------------------------------------------------------------------------------------------------------------


@shards.command()
@click.argument("plan", metavar="PLAN")
@_json
@click.pass_obj
def commit(here: Here, plan: str, as_json: bool) -> None:
    """Take the finished shards into the project, many in one commit, and bring its index up to date.

    Can be interrupted and repeated, also while others still do shards; nothing is taken in twice.

    \b
    Example: curator shards commit 3f1c
    """
    from earthcurator.scale import commit as do
    from earthcurator.scale import status

    with here.open() as project, progress("commit") as report:
        name = project.shards.find(plan)
        done = do(project, name, progress=report)
        now = status(project, name)
    if as_json:
        answer(done)
        return
    say(f"took in {_shards(done.shards)}: {done.rows:,} rows; {done.doubled:,} were there already")
    if done.failed:
        say(f"{done.failed:,} pictures could not be used; the shards' records in shards/{name}/done say why")
        if now.kind == "download":
            say("`curator download` with the same options tries them again")
    if now.missing:
        say(f"still to be done, {_shards(now.missing)}: curator shards run {name}")


@shards.command()
@click.argument("plan", metavar="[PLAN]", required=False)
@_json
@click.pass_obj
def status(here: Here, plan: str | None, as_json: bool) -> None:
    """How far the plans are, or one of them.

    \b
    Example: curator shards status
             curator shards status 3f1c --json
    """
    from earthcurator.scale import status as ask

    with here.open() as project:
        names = project.shards.plans() if plan is None else [project.shards.find(plan)]
        found = [ask(project, name) for name in names]
    if as_json:
        answer(found if plan is None else found[0])
        return
    columns = ["plan", "kind", "shards", "done", "committed", "rows", "doubled", "failed"]
    table(columns, [[getattr(each, column) for column in columns] for each in found])


def _shards(count: int) -> str:
    """As people say it."""
    return f"{count:,} shard{'' if count == 1 else 's'}"


commands = {"shards": shards, "ray": on_ray}
