"""`task`: what is asked about which chips, and how far people are with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import GOALS, answer, say, table
from earthcurator.errors import BadInput
from earthcurator.models import Label, Query
from earthcurator.project import Project, Report


@click.group()
def task() -> None:
    """Create tasks, list them, and see how far they are.

    \b
    Example: curator task create "Is there smoke?" --class smoke --class clear
             curator task list
    """


@task.command()
@click.argument("question")
@click.option("--class", "classes", multiple=True, required=True, help="One of the answers; give two or more.")
@click.option("--several", is_flag=True, help="A chip may have several classes, or none.")
@click.option("--opinions", default=1, show_default=True, help="How many people decide about each chip.")
@click.option("--guide", type=click.Path(path_type=Path), help="A Markdown file that says how to decide.")
@click.option("--like", "examples", multiple=True, metavar="PICTURE|CHIP", help="Ask only about chips like this one.")
@click.option("--example", "shown", multiple=True, metavar="CLASS=CHIP", help="A chip that shows a class well.")
@click.option("-k", default=200, show_default=True, help="How many chips, with --like.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def create(
    here: Here,
    question: str,
    classes: tuple[str, ...],
    several: bool,
    opinions: int,
    guide: Path | None,
    examples: tuple[str, ...],
    shown: tuple[str, ...],
    k: int,
    as_json: bool,
) -> None:
    """Ask a question about the chips of the project, or about those like some examples.

    With --example the model knows what to look for before anything is labelled.

    \b
    Example: curator task create "Is there smoke?" --class smoke --class clear
             curator task create "Which cloud?" --class sugar --class flower --like cloud.jpg -k 500
             curator task create "Is there smoke?" --class smoke --class clear --example smoke=3f2a91c0
    """
    if guide is not None and not guide.is_file():
        raise BadInput(f"{guide} is not a file", hint="name a Markdown file")
    with here.open() as project:
        hits = project.search(Query(positives=examples, k=k)).hits if examples else None
        made = project.tasks.create(
            question,
            classes,
            chips=hits,
            several=several,
            opinions=opinions,
            guide=guide.read_text(encoding="utf-8") if guide else "",
            references=_references(project, shown),
        )
        chips = project.tasks.store.counts(made.id).chips
    if as_json:
        answer({**asdict(made), "chips": chips})
    else:
        say(f"made the task {made.id}: {made.question} ({' / '.join(made.classes)}), about {chips:,} chips")


def _references(project: Project, shown: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Class → chips, from `CLASS=CHIP`."""
    found: dict[str, tuple[str, ...]] = {}
    for text in shown:
        name, equals, chip = text.rpartition("=")
        if not (name and equals and chip):
            raise BadInput(f"--example {text} is not a class and a chip", hint="write e.g. --example smoke=3f2a91c0")
        found[name] = (*found.get(name, ()), project.chips.find(chip))
    return found


@task.command("list")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def list_(here: Here, as_json: bool) -> None:
    """The tasks of the project, oldest first.

    \b
    Example: curator task list
    """
    with here.open() as project:
        found = [(made, project.tasks.store.counts(made.id)) for made in project.tasks.list()]
    if as_json:
        answer([{**asdict(made), **asdict(counts)} for made, counts in found])
        return
    rows = [(made.id, counts.done, counts.slots, " / ".join(made.classes), made.question) for made, counts in found]
    table(["task", "done", "of", "classes", "question"], rows)


@task.command()
@click.argument("name", metavar="TASK")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def show(here: Here, name: str, as_json: bool) -> None:
    """How far a task is, what was answered, and how much people agree.

    \b
    Example: curator task show "Is there smoke?"
    """
    with here.open() as project:
        report = project.tasks.report(project.tasks.find(name))
        names = {person.id: person.name for person in project.records.people.list()}
    if as_json:
        answer(asdict(report))
    else:
        _tell(report, names)


@task.command()
@click.argument("name", metavar="TASK")
@click.argument("wanted", metavar="find|train|both", type=click.Choice(list(GOALS)))
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def goal(here: Here, name: str, wanted: str, as_json: bool) -> None:
    """Say what the labels are for: to find all chips of a class, to train a detector of it, or both.

    The model then chooses accordingly what is shown next; what is on a screen stays there.

    \b
    Example: curator task goal "Is there smoke?" find
    """
    with here.open() as project:
        found = project.tasks.find(name)
        project.learner(found).aim(GOALS[wanted])
    if as_json:
        answer({"task": found.id, "goal": wanted, "strategy": GOALS[wanted]})
    else:
        say(f"{found.question} From now on: {wanted}")


@task.command("import")
@click.argument("name", metavar="TASK")
@click.argument("labels", metavar="folders|FILE.csv")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def import_(here: Here, name: str, labels: str, as_json: bool) -> None:
    """Take labels over that exist: the class folders of the chips, or a CSV file with the columns label and
    chip, or file: the path a chip was imported from, or the end of it.

    \b
    Example: curator task import "Is there smoke?" folders
    """
    with here.open() as project:
        found = project.tasks.find(name)
        if labels == "folders":
            new = project.tasks.import_folders(found)
        else:
            new = project.tasks.import_csv(found, Path(labels))
    if as_json:
        answer({"task": found.id, "added": new})
    else:
        say(f"took over {new:,} labels")


@task.command()
@click.argument("name", metavar="TASK")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def disputed(here: Here, name: str, as_json: bool) -> None:
    """The chips about which people disagree, the most contested first.

    \b
    Example: curator task disputed "Is there smoke?"
    """
    with here.open() as project:
        found = project.tasks.disputed(project.tasks.find(name))
        names = {person.id: person.name for person in project.records.people.list()}
    if as_json:
        answer(found)
        return
    opinions = [
        "; ".join(f"{names.get(who, who)}: {_said(label)}" for who, label in one.answers.items()) for one in found
    ]
    table(["chip", "opinions"], [(one.chip, text) for one, text in zip(found, opinions, strict=True)])


@task.command()
@click.argument("name", metavar="TASK")
@click.argument("chip")
@click.argument("classes", nargs=-1, metavar="CLASS...")
@click.option("--unsure", is_flag=True, help="Decide that one cannot tell.")
@click.option("--by", "who", metavar="NAME", help="Who decides, where people have accounts.")
@click.option("--note", default="", help="Why.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def adjudicate(
    here: Here, name: str, chip: str, classes: tuple[str, ...], unsure: bool, who: str | None, note: str, as_json: bool
) -> None:
    """Decide about a chip, whatever people said of it. Their opinions stay.

    \b
    Example: curator task adjudicate "Is there smoke?" 3f2a91c0 smoke --note "seen on the next day too"
             curator task adjudicate "Is there smoke?" 3f2a91c0 --unsure
    """
    with here.open() as project:
        found = project.tasks.find(name)
        if unsure and classes:
            raise BadInput(f"{' '.join(classes)} and --unsure are two answers", hint="give one of them")
        if not (unsure or classes or found.several):
            raise BadInput("there is no answer", hint=f"give {' or '.join(found.classes)}, or --unsure")
        by = _somebody(project, who)
        value = None if unsure else classes
        kept = project.tasks.adjudicate(found, project.chips.find(chip), value, by=by, note=note)
    if as_json:
        answer(kept.label)
    else:
        say(f"{kept.label.chip} is decided: {_said(kept.label)}")


def _somebody(project: Project, name: str | None) -> str:
    """Who decides: by name, or you, where nobody has an account."""
    if name is None and project.records.people.any():
        raise BadInput("people have accounts here, and nobody was named", hint="say who decides: --by NAME")
    return project.records.people.find(name).id if name else "local"


def _said(label: Label) -> str:
    return "unsure" if label.decision == "unsure" else " and ".join(label.value) or "none of the classes"


def _tell(report: Report, names: Mapping[str, str]) -> None:
    progress, alpha = report.progress, report.agreement.alpha
    rows: list[tuple[str, object]] = [
        ("question", report.task.question),
        ("chips", f"{progress.total:,}"),
        ("decided", f"{progress.decided:,}"),
        ("unsure", f"{progress.unsure:,}"),
        *((f"  {name}", f"{count:,}") for name, count in report.classes.items()),
        ("disputed", f"{len(report.disputed):,}"),
        ("agreement", f"{alpha.value:.2f} (Krippendorff's alpha)" if alpha.value is not None else alpha.reason),
    ]
    table(["what", "how much"], rows)
    if report.speed:
        people = sorted(
            (names.get(who, who), one.answers, "" if one.median_seconds is None else f"{one.median_seconds:.1f}")
            for who, one in report.speed.items()
        )
        table(["annotator", "answers", "seconds each"], people)


commands = {"task": task}
