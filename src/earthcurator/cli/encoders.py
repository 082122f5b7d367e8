"""`encoders` and `embed`: what sees the pictures, and what it saw."""

from __future__ import annotations

from pathlib import Path

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import answer, progress, say, table


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def encoders(context: click.Context, as_json: bool) -> None:
    """List the encoders, show one, add one, choose the default.

    \b
    Example: curator encoders
             curator encoders add my_model.onnx --card my_card.json
    """
    if context.invoked_subcommand:
        return
    here: Here = context.obj
    with here.open() as project:
        default = project.default_encoder
        found = project.encoders.list()
    if as_json:
        answer([{"id": entry.id, "default": entry.id == default, "card": entry.card} for entry in found])
        return
    rows = [
        ["*" if entry.id == default else "", entry.card.name, entry.id, entry.card.dim, entry.card.input_size,
         entry.card.precision, entry.card.licence]
        for entry in found
    ]  # fmt: skip
    table(["", "name", "id", "dim", "input", "precision", "licence"], rows)


@encoders.command()
@click.argument("name")
@click.option("--json", is_flag=True, expose_value=False, help="Answer as JSON, as always.")
@click.pass_obj
def show(here: Here, name: str) -> None:
    """Print the card of an encoder as JSON.

    \b
    Example: curator encoders show lite0-128
    """
    with here.open() as project:
        entry = project.encoders.find(name)
    answer({"id": entry.id, "card": entry.card})


@encoders.command()
@click.argument("model", type=click.Path(path_type=Path), metavar="FILE.onnx")
@click.option("--card", type=click.Path(path_type=Path), help="JSON with its name, preprocessing and licence.")
@click.option("--default", "make_default", is_flag=True, help="Use it from now on.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def add(here: Here, model: Path, card: Path | None, make_default: bool, as_json: bool) -> None:
    """Plug in an ONNX encoder. Its vector length and input size are read from the file.

    \b
    Example: curator encoders add dinov3.onnx --card dinov3.json --default
    """
    with here.open() as project:
        entry = project.encoders.add(model, card)
        if make_default:
            project.set_default_encoder(entry.id)
    if as_json:
        answer({"id": entry.id, "card": entry.card})
    else:
        say(f"added {entry.card.name} ({entry.id}): {entry.card.dim} dimensions, input {entry.card.input_size} pixels")


@encoders.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def default(here: Here, name: str, as_json: bool) -> None:
    """Embed and search with this encoder from now on.

    \b
    Example: curator encoders default lite0-224
    """
    with here.open() as project:
        entry = project.set_default_encoder(name)
    if as_json:
        answer({"id": entry.id, "card": entry.card})
    else:
        say(f"{entry.card.name} ({entry.id}) is the default now")


@click.command()
@click.option("--encoder", help="Name or id; by default the project's default encoder.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def embed(here: Here, encoder: str | None, as_json: bool) -> None:
    """Make vectors for the chips that have none yet, and keep the index current.

    Can be interrupted at any time; running it again continues.

    \b
    Example: curator embed
             curator embed --encoder lite0-224
    """
    with here.open() as project, progress("embed") as report:
        done = project.embed(encoder, progress=report)
    if as_json:
        answer(done)
        return
    how = "vector index" if done.indexed else "exact search, no index needed"
    say(f"embedded {done.added:,} chips in {done.seconds:.1f} s with {done.name}; {done.total:,} vectors ({how})")
    if done.failed:
        say(f"{len(done.failed):,} pictures gave no vector, e.g. chip {done.failed[0]}")


commands = {"encoders": encoders, "embed": embed}
