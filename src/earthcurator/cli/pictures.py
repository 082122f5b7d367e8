"""`init`, `import` and `export`: pictures in, dataset out."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

import earthcurator
from earthcurator import ingest
from earthcurator.cli.app import Here
from earthcurator.cli.output import answer, progress, say
from earthcurator.errors import BadInput
from earthcurator.export import EXPORTERS
from earthcurator.export.splits import By
from earthcurator.geo import parse_box
from earthcurator.ingest import StretchRule
from earthcurator.labels.policy import parse_policy
from earthcurator.search import parse_dates

_STRETCHES = "auto, none, minmax, percentile or LOW,HIGH"


@click.command()
@click.argument("location", metavar="DIR|URL")
@click.option("--name", help="The project's name; by default the folder's.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def init(location: str, name: str | None, as_json: bool) -> None:
    """Make a new, empty project in a folder or at a URL.

    \b
    Example: curator init fires
             curator init s3://my-bucket/fires
    """
    with earthcurator.create(location, name=name) as project:
        if as_json:
            answer({"location": project.location, "name": project.name})
        else:
            say(f"made the project {project.name} at {project.location}")
            say(f"next: curator --project {location} import PICTURES")


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--chip-size", default=256, show_default=True, help="Pixels a side of the chips cut from a scene.")
@click.option("--stride", type=int, help="Pixels from chip to chip in a scene; by default the chip size.")
@click.option(
    "--edge",
    type=click.Choice(["shift", "pad", "drop"]),
    default="shift",
    show_default=True,
    help="Last chip of a row: shifted inwards, padded with black, or left out.",
)
@click.option("--bands", help="Bands of a scene that become red, green and blue, e.g. 4,3,2.")
@click.option("--stretch", default="auto", show_default=True, help=f"Scene values to 0..255: {_STRETCHES}.")
@click.option(
    "--min-valid", default=0.0, show_default=True, help="Leave out scene chips with less data than this share."
)
@click.option("--bbox", metavar="W,S,E,N", help="What the picture covers, in degrees; it is cut like a GeoTIFF.")
@click.option("--layer", help="What the pictures show, e.g. Sentinel-2; kept with every chip.")
@click.option("--time", "taken", help="When the pictures were taken, e.g. 2020-08-16 or 2020-08-16T10:30Z.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def import_(
    here: Here,
    paths: tuple[Path, ...],
    chip_size: int,
    stride: int | None,
    edge: str,
    bands: str | None,
    stretch: str,
    min_valid: float,
    bbox: str | None,
    layer: str | None,
    taken: str | None,
    as_json: bool,
) -> None:
    """Bring pictures in: folders, single files, zip and tar archives, GeoTIFF scenes.

    Files that cannot be used are listed in a report with the reason and never stop the rest. Running it again
    adds nothing twice.

    \b
    Example: curator import UCMerced_LandUse/Images
             curator import scene.tif --chip-size 128 --stride 64 --bands 4,3,2
    """
    scenes = ingest.SceneOptions(
        chip_size=chip_size,
        stride=stride,
        edge=edge,  # type: ignore[arg-type]  # click.Choice has checked it
        bands=_numbers(bands, "--bands") if bands else None,
        stretch=_stretch(stretch),
        min_valid=min_valid,
        box=parse_box(bbox) if bbox else None,
        layer=layer,
        time=_instant(taken) if taken else None,
    )
    with here.open() as project, progress("import") as report:
        done = project.import_pictures(paths, scenes=scenes, progress=report)
    if as_json:
        answer(done)
        return
    say(f"added {done.added:,} chips in {done.seconds:.1f} s; {done.present:,} were there already")
    if done.differing:
        say(f"{done.differing:,} of them have another place, time, layer or class folder than you say now: it was kept")
    if done.skipped:
        say(f"skipped {done.skipped:,} windows of scenes with less than {min_valid:.0%} of their pixels carrying data")
    if done.report:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(done.quarantined.items()))
        say(f"left out {sum(done.quarantined.values()):,} files ({kinds}): see {done.report}")


@click.command()
@click.argument("task")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--format", "format_name", default="imagefolder", show_default=True, help=", ".join(EXPORTERS.names()))
@click.option(
    "--policy",
    default="majority",
    show_default=True,
    help="How opinions become one answer: majority, adjudicated, any, or min_agreement=0.8.",
)
@click.option(
    "--split",
    type=click.Choice(["random", "place", "time"]),
    help="Divide into train, val and test so that no place, or no time, is on two sides.",
)
@click.option("--shares", default="0.7,0.15,0.15", show_default=True, help="Of train, val and test.")
@click.option("--seed", default=0, show_default=True, help="Another seed gives another division.")
@click.option(
    "--block-km",
    type=float,
    metavar="KM",
    help="Chips in blocks of this size stay on one side of a split by place; by default four times a chip.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def export(
    here: Here,
    task: str,
    out: Path,
    format_name: str,
    policy: str,
    split: By | None,
    shares: str,
    seed: int,
    block_km: float | None,
    as_json: bool,
) -> None:
    """Write a labelled dataset into the new folder OUT.

    TASK says where the labels are: a task's id or question, the word `folders` for the class folders that the chips
    were imported with, or a CSV file with the columns label and chip (or file).

    Where chips touch all over, no split by place can keep every chip: those at the borders of the sides are left out.
    Larger blocks lose fewer.

    \b
    Example: curator export folders islands-dataset
             curator export "Is there smoke?" smoke-dataset --format webdataset --split place
             curator export labels.csv islands-dataset --format csv
    """
    with here.open() as project:
        labels, found = None, None
        if task.lower().endswith(".csv"):
            labels = {chip: "|".join(classes) for chip, classes in project.tasks.read_labels(Path(task))}
        elif task != "folders":
            found = project.tasks.find(task)
        written = project.export(
            out,
            labels,
            task=found,
            policy=parse_policy(policy),
            split=split,
            shares=_shares(shares),
            seed=seed,
            block_km=block_km,
            format=format_name,
        )
    if as_json:
        answer({"out": str(out), "format": format_name, "chips": written.chips, "left_out": written.left_out})
    else:
        say(f"wrote {written.chips:,} chips to {out}")
        if written.left_out:
            say(f"left out {written.left_out:,} chips that touch chips of another side; larger blocks lose fewer")


def _shares(text: str) -> dict[str, float]:
    try:
        train, val, test = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BadInput(f"--shares {text} is not three numbers", hint="write e.g. --shares 0.7,0.15,0.15") from error
    return {name: share for name, share in (("train", train), ("val", val), ("test", test)) if share}


def _instant(text: str) -> datetime:
    if "/" in text:
        raise BadInput(f"--time {text} is a range", hint="pictures are taken at one instant: write e.g. 2020-08-16")
    return parse_dates(text)[0]


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise BadInput(f"{option} {text} is not a list of whole numbers", hint=f"write e.g. {option} 4,3,2") from error


def _stretch(text: str) -> StretchRule:
    match text:
        case "auto" | "none" | "minmax" | "percentile":
            return text
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise BadInput(f"--stretch {text} is not one of {_STRETCHES}") from error
    return low, high


commands = {"init": init, "import": import_, "export": export}
