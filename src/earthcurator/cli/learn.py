"""`suggest`, `predict` and `report`: what to label next, what the model thinks, and how the search goes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import GOALS, answer, progress, say, table, write
from earthcurator.errors import BadInput

if TYPE_CHECKING:
    from earthcurator.project import Learner, Outlook, Prediction, Project, Report, Search
    from earthcurator.project.classifying import Classified

SHOWN = 20
"""Predictions in the table for a person."""


@click.command()
@click.argument("name", metavar="TASK")
@click.option("-n", "count", default=20, show_default=True, help="How many chips.")
@click.option("--strategy", help="How to choose, e.g. margin; by default what the task goes by.")
@click.option("--goal", type=click.Choice(list(GOALS)), help="Choose to find them all, to train a detector, or both.")
@click.option("--neighbours", metavar="K", default=0, help="Add about K chips like each.")
@click.option("--seed", type=int, help="Where there is chance, another seed chooses other chips.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def suggest(
    here: Here,
    name: str,
    count: int,
    strategy: str | None,
    goal: str | None,
    neighbours: int,
    seed: int | None,
    as_json: bool,
) -> None:
    """What to label next, best first. It changes nothing; what is labelled or on a screen is not among it.

    Scores are of the model: they rank chips and are no probabilities.

    \b
    Example: curator suggest "Is there smoke?" -n 40 --json
             curator suggest "Is there smoke?" --goal train
             curator suggest "Is there smoke?" --strategy margin --neighbours 2
    """
    if strategy and goal:
        raise BadInput(f"--strategy {strategy} and --goal {goal} are two ways to choose", hint="give one of them")
    with here.open() as project:
        learner = project.learner(project.tasks.find(name))
        chosen = learner.suggest(count, strategy=GOALS[goal] if goal else strategy, seed=seed, neighbours=neighbours)
        chips = project.tasks.facts(chosen.picked)
        missing = _without_vectors(project, learner)
    if as_json:
        answer({"task": learner.task.id, **chosen.to_json(), "without_vectors": missing})
        return
    scored = zip(chosen.utilities, chosen.picked, strict=True)
    table(["score", "chip", "from"], [(score, chip, chips[chip].origin or "") for score, chip in scored])
    if not chosen.picked:
        say("nothing is left to suggest: every chip is labelled or on a screen")
    else:
        say(f"{len(chosen.picked):,} chips by the strategy {chosen.strategy}, after {chosen.labels:,} labels")
    _tell_missing(missing)


@click.command()
@click.argument("name", metavar="TASK")
@click.option("--classifier", metavar="NAME", help="Ask a classifier made by `curator finetune` instead.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.csv", help="Write all of them here.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def predict(here: Here, name: str, classifier: str | None, out: Path | None, as_json: bool) -> None:
    """What the model thinks of every chip, the surest of a class first.

    Scores rank chips: above 0 is more likely yes than no. They are no probabilities, and adding them up estimates
    nothing; `curator report` says what is known of the rest. Those of a classifier are probabilities, calibrated on
    the labels of its task.

    \b
    Example: curator predict "Is there smoke?"
             curator predict "Is there smoke?" --out smoke.csv
             curator predict "Is there smoke?" --classifier is-there-smoke-linear
    """
    found: list[Prediction] | list[Classified]
    with here.open() as project:
        task = project.tasks.find(name)
        if classifier is None:
            learner = project.learner(task)
            found, missing = sorted(learner.predict(), key=_surest), _without_vectors(project, learner)
            columns = ["chip", "label", *learner.wanted]
        else:
            with progress("predict") as told:
                found, missing = sorted(project.classify(task, classifier, progress=told), key=_surest), 0
            columns = ["chip", "label", *project.encoders.find(classifier).card.classes]
    if out is not None:
        text = io.StringIO()
        csv.writer(text).writerows([columns, *_rows(found)])
        write(out, text.getvalue())
        say(f"wrote what the model thinks of {len(found):,} chips to {out}")
    if as_json:
        answer({"task": task.id, "without_vectors": missing, "predictions": [asdict(guess) for guess in found]})
        return
    if out is None:
        table(columns, list(_rows(found[:SHOWN])))
        say(f"the first {min(SHOWN, len(found)):,} of {len(found):,} chips; --out FILE.csv writes all")
    _tell_missing(missing)


@click.command()
@click.argument("name", metavar="TASK")
@click.option("--class", "wanted", metavar="NAME", help="Of the search for this class; by default all that are sought.")
@click.option("--audit", metavar="N", type=int, help="Begin a certified check: N random chips come first in the queue.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def report(here: Here, name: str, wanted: str | None, audit: int | None, as_json: bool) -> None:
    """How the search goes: what was found, whether to stop and why, and what a certified check proves or costs.

    \b
    Example: curator report "Is there smoke?"
             curator report "Is there smoke?" --audit 500
    """
    with here.open() as project:
        task = project.tasks.find(name)
        learner = project.learner(task)
        if audit is not None and wanted is None and len(learner.wanted) > 1:
            raise BadInput("a check is of one class", hint=f"add --class {learner.wanted[0]}")
        searches = [project.search_of(task, each) for each in ([wanted] if wanted else learner.wanted)]
        if audit is not None:
            _begin_check(searches[0], audit)
        outlooks = [search.outlook() for search in searches]
        progress = project.tasks.report(task)
    if wanted and wanted not in learner.wanted:
        say(f"of two classes only {learner.wanted[0]} is sought: {wanted} is what is left")
    if as_json:
        answer({"task": asdict(progress), "searches": [_as_json(outlook) for outlook in outlooks]})
        return
    table(["what", "how much"], [*_progress(progress), *(row for outlook in outlooks for row in _facts(outlook))])
    for outlook in outlooks:
        for line in _sentences(outlook):
            click.echo(f"{outlook.wanted}: {line}" if len(outlooks) > 1 else line)


def _begin_check(search: Search, chips: int) -> None:
    number = search.check(chips)
    say(
        f"check {number}: {chips:,} random chips come first in the queue now; label them, then ask for the report again"
    )


def _progress(report: Report) -> Iterator[tuple[str, str]]:
    yield "question", report.task.question
    yield "chips", f"{report.progress.total:,}"
    yield "decided", f"{report.progress.decided:,}"
    yield "unsure", f"{report.progress.unsure:,}"
    if report.disputed:
        yield "disputed", f"{len(report.disputed):,}"


def _facts(outlook: Outlook) -> Iterator[tuple[str, str]]:
    """Counts of labels. None is an estimate."""
    finds = outlook.finds
    yield f"{outlook.wanted}: found", f"{finds.found:,} in {finds.labels:,} labels"
    if finds.recent_share is not None:
        yield f"{outlook.wanted}: recently", f"{finds.recent_share:.0%} of the last {finds.window:,} labels"
    yield f"{outlook.wanted}: chosen by", outlook.strategy


def _sentences(outlook: Outlook) -> Iterator[str]:
    yield outlook.advice.sentence
    yield outlook.advice.why
    if outlook.audit is None:
        if outlook.price.labels != 0:  # where nothing is left, there is nothing to check
            yield outlook.price.sentence
    elif outlook.advice.rule != "certified":  # its sentence is the advice already
        yield outlook.audit.sentence


def _as_json(outlook: Outlook) -> dict[str, Any]:
    shares = {"recent_share": outlook.finds.recent_share}
    told = asdict(outlook)
    audit = {"audit": {**told["audit"], "sentence": outlook.audit.sentence}} if outlook.audit else {}
    return {**told, "finds": {**told["finds"], **shares}, **audit}


def _surest(guess: Prediction | Classified) -> tuple[float, str]:
    return -max(guess.scores.values()), guess.chip


def _rows(found: Iterable[Prediction | Classified]) -> Iterator[Sequence[object]]:
    return ((guess.chip, "|".join(guess.label), *guess.scores.values()) for guess in found)


def _without_vectors(project: Project, learner: Learner) -> int:
    return project.tasks.store.counts(learner.task.id).chips - len(learner.vectors.inside)


def _tell_missing(missing: int) -> None:
    if missing:
        say(f"{missing:,} chips of the task have no vector yet and were passed over: run curator embed")


commands = {"suggest": suggest, "predict": predict, "report": report}
