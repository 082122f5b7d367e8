"""`simulate`: how many labels a search would have taken, on chips of the project whose classes are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click
import numpy as np

from earthcurator.cli.app import Here
from earthcurator.cli.output import answer, progress, say, table, write
from earthcurator.errors import BadInput, Conflict, NotFound

if TYPE_CHECKING:
    from earthcurator.active.simulate import Curve
    from earthcurator.models import Task
    from earthcurator.project import Project

SHARES = (0.5, 0.8, 0.9, 0.95)
USUAL = ("find", "hybrid", "train", "random")


@click.command()
@click.argument("name", metavar="TASK")
@click.option("--truth", required=True, metavar="folders|FILE.csv", help="Where the classes of chips are known from.")
@click.option("--class", "wanted", metavar="NAME", help="Search for this class; by default the task's first.")
@click.option("--strategy", "strategies", multiple=True, help=f"One or more; by default {', '.join(USUAL)}.")
@click.option("--seeds", default=3, show_default=True, help="Searches for each, begun with different chips.")
@click.option("--budget", default=500, show_default=True, help="Labels in each search.")
@click.option("--batch", default=20, show_default=True, help="Labels between two rounds.")
@click.option("--errors", default=0.0, show_default=True, help="Share of wrong answers.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.svg", help="Draw what was found when.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def simulate(
    here: Here,
    name: str,
    truth: str,
    wanted: str | None,
    strategies: tuple[str, ...],
    seeds: int,
    budget: int,
    batch: int,
    errors: float,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Try strategies on chips whose classes are known, each from one example: how many labels do they take?

    A chip in the folder of another class is none of the class. Chips without a known class are left out. No label is
    kept.

    \b
    Example: curator simulate "Is there smoke?" --truth folders --plot curves.svg
             curator simulate "Is there smoke?" --truth truth.csv --strategy find --strategy random --errors 0.05
    """
    _check(seeds, budget, batch, errors)
    with here.open() as project:
        task = project.tasks.find(name)
        sought = _sought(task, wanted)
        known = _known(project, task, truth, sought)
        vectors, is_wanted, left_out = _searched(project, task, known, sought)
        runs = _run(vectors, is_wanted, strategies or USUAL, seeds, budget, batch, errors)
    if plot is not None:
        from earthcurator.active.curvepicture import draw_curves

        found, all_ = int(is_wanted.sum()), len(is_wanted)
        write(plot, draw_curves(runs, title=f"Search for {sought}: {found:,} of {all_:,} chips"))
        say(f"drew {plot}")
    if as_json:
        strategies_json = {
            name: {
                "labels_to_find": {f"{share:g}": _labels_to(curves, share) for share in SHARES},
                "searches": [curve.to_json() for curve in curves],
            }
            for name, curves in runs.items()
        }
        answer({
            "task": task.id, "class": sought, "chips": len(is_wanted), "positives": int(is_wanted.sum()),
            "left_out": left_out, "strategies": strategies_json,
        })  # fmt: skip
        return
    table(
        ["strategy", *(f"{share:.0%}" for share in SHARES), f"found after {budget:,}"],
        [
            (name, *(_cell(_labels_to(curves, share), curves) for share in SHARES), _found(curves))
            for name, curves in runs.items()
        ],
    )
    say(f"labels until that share of {int(is_wanted.sum()):,} {sought} was found; medians of {seeds} searches")
    if left_out:
        say(f"{left_out:,} chips of the task were left out: their class is not known, or they have no vector")


def _check(seeds: int, budget: int, batch: int, errors: float) -> None:
    for name, value in (("--seeds", seeds), ("--budget", budget), ("--batch", batch)):
        if value < 1:
            raise BadInput(f"{name} {value} makes no search", hint="give 1 or more")
    if not 0 <= errors < 1:
        raise BadInput(f"--errors {errors:g} is no share of wrong answers", hint="write 5 % as 0.05")


def _sought(task: Task, wanted: str | None) -> str:
    if wanted is not None and wanted not in task.classes:
        raise BadInput(f"{wanted} is no class of this task", hint=f"its classes are {list(task.classes)}")
    return wanted or task.classes[0]


def _known(project: Project, task: Task, source: str, sought: str) -> Mapping[str, Sequence[str]]:
    """Chip → its true classes."""
    if source == "folders":
        known = {chip.id: (chip.folder,) for chip in project.chips.all() if chip.folder is not None}
        if not any(sought in names for names in known.values()):
            raise Conflict(f"no chip has a class folder called {sought}", hint="give a CSV file as --truth, or --class")
        return known
    rows = dict(project.tasks.read_labels(Path(source)))
    missing = rows.keys() - project.chips.ids.known(rows)
    if missing:
        raise NotFound(
            f"{len(missing):,} chips of {source} are not in the project, e.g. {min(missing)}",
            hint="name chips by their whole ids, as curator predict --out writes them",
        )
    unknown = sorted({name for names in rows.values() for name in names} - set(task.classes))
    if unknown:
        raise BadInput(f"{source} has {unknown}, no classes of this task", hint=f"its classes are {list(task.classes)}")
    return rows


def _searched(
    project: Project, task: Task, known: Mapping[str, Sequence[str]], sought: str
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float32]], np.ndarray[tuple[int], np.dtype[np.bool_]], int]:
    """Vectors of the task's chips with a known class, which of them are of the class, and how many are left out."""
    pool = project.learner(task).vectors
    pool.refresh()
    rows = pool.inside
    ids = pool.ids(rows)
    has = np.fromiter((chip in known for chip in ids), bool, len(ids))
    truth = np.fromiter((sought in known[chip] for chip in ids if chip in known), bool, int(has.sum()))
    if truth.sum() < 2 or truth.all():
        raise Conflict(
            f"{int(truth.sum()):,} of {len(truth):,} chips with a vector and a known class are {sought}",
            hint="a search needs one to begin with, another to find, and one that is something else",
        )
    return pool.all[rows[has]], truth, project.tasks.store.counts(task.id).chips - len(truth)


def _run(
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    truth: np.ndarray[tuple[int], np.dtype[np.bool_]],
    strategies: Sequence[str],
    seeds: int,
    budget: int,
    batch: int,
    errors: float,
) -> dict[str, list[Curve]]:
    from earthcurator.active import STRATEGIES
    from earthcurator.active.simulate import simulate as search

    chosen = {name: STRATEGIES.get(name) for name in strategies}
    starts = [int(np.random.default_rng(seed).choice(np.flatnonzero(truth))) for seed in range(seeds)]
    runs: dict[str, list[Curve]] = {name: [] for name in chosen}
    with progress("simulate") as report:
        for done, (seed, name) in enumerate(product(range(seeds), chosen)):
            report(done, seeds * len(chosen))
            options = {"batch": batch, "budget": budget, "seed": seed}
            runs[name].append(search(vectors, truth, chosen[name], start=starts[seed], error_rate=errors, **options))
    return runs


def _labels_to(curves: Sequence[Curve], share: float) -> float | None:
    """The median over the searches; None when half of them did not get there."""
    taken = [curve.labels_to_find(share) for curve in curves]
    middle = median(float("inf") if labels is None else labels for labels in taken)
    return None if middle == float("inf") else middle


def _cell(labels: float | None, curves: Sequence[Curve]) -> str:
    return f"over {max(curve.labels[-1] for curve in curves):,}" if labels is None else f"{labels:,.0f}"


def _found(curves: Sequence[Curve]) -> str:
    return f"{np.mean([curve.found[-1] / curve.positives for curve in curves]):.0%}"


commands = {"simulate": simulate}
