"""`demo`: the whole loop on real imagery, without network."""

from __future__ import annotations

import shlex
import time
from contextlib import ExitStack
from pathlib import Path

import click

from earthcurator.cli.output import answer, progress
from earthcurator.demo import run_demo


@click.command()
@click.argument("folder", default="demo", type=click.Path(path_type=Path), metavar="[DIR]")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def demo(folder: Path, as_json: bool) -> None:
    """Show the whole of it on NASA's Blue Marble: chips, embeddings, search, labels, dataset.

    Needs no network; takes about a minute on two cores. The folder holds an ordinary project afterwards.

    \b
    Example: curator demo
             curator demo /tmp/islands
    """
    started = time.monotonic()
    stages = []
    with ExitStack() as bars:
        for stage in run_demo(folder, progress=lambda verb: bars.enter_context(progress(verb))):
            bars.close()
            stages.append(stage)
            if not as_json:
                click.echo(f"{stage.name:<11} {stage.result}  [{stage.seconds:.1f} s]")
    if as_json:
        answer(stages)
        return
    click.echo(f"{'done':<11} in {time.monotonic() - started:.0f} s. Look at {folder / 'search.png'}, then search:")
    example = min((folder / "dataset" / "imagefolder" / "island").iterdir())
    click.echo(shlex.join(["curator", "--project", str(folder), "search", str(example), "--html", "found.html"]))


commands = {"demo": demo}
