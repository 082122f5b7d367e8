"""`search`: pictures like these, not like those, or those that the model of a task thinks likely."""

from __future__ import annotations

from pathlib import Path

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import answer, say, table
from earthcurator.errors import BadInput, NotAllowed
from earthcurator.export import Tile, contact_sheet, result_page
from earthcurator.geo import parse_box
from earthcurator.models import ANY_SCORE, Chip, Filter, Hits, Query, Said
from earthcurator.project import Project
from earthcurator.search import parse_dates


@click.command()
@click.argument("examples", nargs=-1, metavar="PICTURE|CHIP...")
@click.option("--not", "negatives", multiple=True, metavar="PICTURE|CHIP", help="Not like this one; may be repeated.")
@click.option("--task", "name", help="Id or question: without examples its model ranks; --label is about it.")
@click.option("--class", "wanted", help="The class of the task that is looked for; by default the first.")
@click.option("-k", default=50, show_default=True, help="How many to find.")
@click.option("--bbox", metavar="W,S,E,N", help="Only chips whose centre is in this box, in degrees.")
@click.option("--dates", metavar="A[/B]", help="Only chips of this day, month or year, or from A to the end of B.")
@click.option("--layer", "layers", multiple=True, help="Only this layer; may be repeated.")
@click.option("--folder", "folders", multiple=True, help="Only chips imported with this class folder; may be repeated.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    help="Only chips with this answer: a class of the task, unsure, disputed, none or waiting; may be repeated.",
)
@click.option("--score", type=(float, float), metavar="LOW HIGH", help="Only hits whose score is within these two.")
@click.option("--collapse", type=float, metavar="COSINE", help="Hide near-duplicates of better hits, e.g. 0.98.")
@click.option("--diversity", type=float, default=0.0, show_default=True, help="0 to 1: prefer hits that differ.")
@click.option("--encoder", help="Name or id; by default the project's default encoder.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with the pictures.")
@click.option("--contact-sheet", "sheet", type=click.Path(path_type=Path), help="Write a PNG with the pictures.")
@click.pass_obj
def search(
    here: Here,
    examples: tuple[str, ...],
    negatives: tuple[str, ...],
    name: str | None,
    wanted: str | None,
    k: int,
    bbox: str | None,
    dates: str | None,
    layers: tuple[str, ...],
    folders: tuple[str, ...],
    labels: tuple[str, ...],
    score: tuple[float, float] | None,
    collapse: float | None,
    diversity: float,
    encoder: str | None,
    as_json: bool,
    html: Path | None,
    sheet: Path | None,
) -> None:
    """Rank the chips by likeness to one or several examples, or by the model of a task.

    \b
    Example: curator search smoke.jpg --not cloud.jpg -k 20
             curator search smoke.jpg --bbox 170,-20,-170,-10 --dates 2020-08/2020-09 --html found.html
             curator search --task "Is there smoke?" --label waiting
    """
    if labels and name is None:
        raise BadInput(f"--label {labels[0]} is about no task", hint="name it with --task")
    start, end = parse_dates(dates) if dates else (None, None)
    box = parse_box(bbox) if bbox else None
    with here.open() as project:
        task = project.tasks.find(name).id if name else None
        query = Query(
            positives=examples,
            negatives=negatives,
            task=None if examples else task,
            wanted=wanted,
            filter=Filter(box=box, start=start, end=end, layers=layers, folders=folders),
            said=Said(task=task, labels=labels) if task and labels else None,
            scores=score or ANY_SCORE,
            k=k,
            collapse=collapse,
            diversity=diversity,
        )
        found = project.search(query, encoder=encoder)
        chips = {chip.id: chip for chip in project.chips.get([hit.chip for hit in found.hits])}
        if as_json:
            answer(
                {
                    "waiting": found.waiting,
                    "exact": found.exact,
                    "searched": found.searched,
                    "encoder": found.encoder,
                    "learnt_from": found.learnt_from,
                    "hits": _json(found, chips),
                }
            )
        else:
            table(["score", "chip", "place", "time", "folder", "from"], _rows(found, chips))
            say(_summary(found))
            if not found.searched:
                say("no chip passes the filter; what is not known of a chip passes no filter on it")
            if found.waiting:
                say(f"{found.waiting:,} chips have no vector yet and were not searched: run curator embed")
        if html or sheet:
            _draw(project, query, found, chips, html=html, sheet=sheet)


def _summary(found: Hits) -> str:
    how = "all compared" if found.exact else "approximate: candidates from the vector index"
    if found.learnt_from is not None:
        how = f"by a model that learnt from {found.learnt_from:,} labelled chips"
    return f"{len(found.hits):,} of {found.searched:,} chips ({how})"


def _rows(found: Hits, chips: dict[str, Chip]) -> list[list[object]]:
    rows: list[list[object]] = []
    for hit in found.hits:
        chip = chips.get(hit.chip)
        if chip:
            taken = chip.time.strftime("%Y-%m-%d %H:%M") if chip.time else ""
            rows.append([hit.score, chip.id, _place(chip), taken, chip.folder or "", chip.origin])
    return rows


def _json(found: Hits, chips: dict[str, Chip]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for hit in found.hits:
        chip = chips.get(hit.chip)
        box = [chip.box.west, chip.box.south, chip.box.east, chip.box.north] if chip and chip.box else None
        facts = (
            {"box": box, "time": chip.time, "layer": chip.layer, "folder": chip.folder, "origin": chip.origin}
            if chip
            else {}
        )
        rows.append({"chip": hit.chip, "score": round(hit.score, 6), **facts})
    return rows


def _place(chip: Chip) -> str:
    if chip.box is None:
        return ""
    longitude, latitude = chip.box.center
    return f"{abs(latitude):.2f}{'N' if latitude >= 0 else 'S'} {abs(longitude):.2f}{'E' if longitude >= 0 else 'W'}"


def _draw(
    project: Project, query: Query, found: Hits, chips: dict[str, Chip], *, html: Path | None, sheet: Path | None
) -> None:
    examples = [
        Tile(project.picture_of(str(example)), f"like {Path(str(example)).name}") for example in query.positives
    ]
    examples += [
        Tile(project.picture_of(str(example)), f"not like {Path(str(example)).name}") for example in query.negatives
    ]
    pictures = project.chips.pictures([hit.chip for hit in found.hits])
    hits = [
        Tile(pictures[hit.chip], " ".join([f"{hit.score:.3f}", chips[hit.chip].folder or _place(chips[hit.chip])]))
        for hit in found.hits
        if hit.chip in pictures
    ]
    if sheet:
        _write(sheet, contact_sheet(examples, hits, title="Search"))
    if html:
        page = result_page(examples, hits, title=f"Search in {project.name}", summary=_summary(found))
        _write(html, page.encode())


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except PermissionError as error:
        raise NotAllowed(f"{path} may not be written by this user", hint="choose another place") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}", hint="choose another place") from error
    say(f"wrote {path}")


commands = {"search": search}
