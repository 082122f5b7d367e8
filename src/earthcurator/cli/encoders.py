"""`encoders` and `embed`: what sees the pictures, and what it saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import answer, progress, say, table
from earthcurator.errors import BadInput

if TYPE_CHECKING:
    from earthcurator.project.embedding import Embedded
    from earthcurator.project.vectortables import TableEmbedded


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def encoders(context: click.Context, as_json: bool) -> None:
    """List the encoders, show one, add one, make an int8 copy, choose the default.

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
        ["*" if entry.id == default else "", entry.card.name, entry.id, entry.card.dim, entry.card.input_size or "-",
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
@click.argument("model", metavar="FILE.onnx|hf:NAME|timm:NAME")
@click.option("--card", type=click.Path(path_type=Path), help="JSON with its name, preprocessing and licence.")
@click.option("--default", "make_default", is_flag=True, help="Use it from now on.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def add(here: Here, model: str, card: Path | None, make_default: bool, as_json: bool) -> None:
    """Plug in an ONNX encoder, or export a model of transformers (hf:) or timm and plug that in.

    Vector length and input size are read from it. A name after hf: is one of the Hugging Face Hub or a folder. Needs
    for names: pip install 'earthcurator[hf]', or timm.

    \b
    Example: curator encoders add dinov3.onnx --card dinov3.json --default
             curator encoders add hf:facebook/dinov2-small
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
def int8(here: Here, name: str, as_json: bool) -> None:
    """Make an int8 copy of an encoder, twice as fast on many CPUs; keep it if it is as good on this project.

    Needs: pip install 'earthcurator[train]'

    \b
    Example: curator encoders int8 lite0-64
    """
    with here.open() as project:
        report = project.int8(name)
    if as_json:
        answer(report)
        return
    click.echo(report.verdict)
    if report.encoder:
        say(f"kept as {report.name} ({report.encoder}); to use it: curator encoders default {report.name}")


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
@click.option("--encoder", help="Name or id; by default the project's. With --from, what to call these vectors.")
@click.option(
    "--from", "table_path", type=click.Path(path_type=Path), metavar="TABLE", help="Take in vectors made elsewhere."
)
@click.option("--ids", metavar="COLUMN|FILE", help="Where TABLE has chip ids or file names; for .npy a file of them.")
@click.option("--vectors", metavar="COLUMN", help="Where TABLE has the vectors.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def embed(
    here: Here, encoder: str | None, table_path: Path | None, ids: str | None, vectors: str | None, as_json: bool
) -> None:
    """Make vectors for the chips that have none yet, and keep the index current.

    Can be interrupted at any time; running it again continues. With --from the vectors are not made but read, from a
    .parquet or .arrow table or a .npy array with a list of names beside it.

    \b
    Example: curator embed
             curator embed --encoder lite0-224
             curator embed --from clay.parquet --encoder clay-v1
    """
    if table_path is not None:
        with here.open() as project, progress("embed") as report:
            taken = project.embed_from(table_path, name=encoder, ids=ids, vectors=vectors, progress=report)
        if as_json:
            answer(taken)
        else:
            _tell_taken(taken)
        return
    if ids or vectors:
        raise BadInput("--ids and --vectors say where a table has what, and there is no table", hint="add --from TABLE")
    with here.open() as project, progress("embed") as report:
        done = project.embed(encoder, progress=report)
    if as_json:
        answer(done)
        return
    say(f"embedded {done.added:,} chips in {done.seconds:.1f} s with {done.name}; {_total(done)}")
    if done.failed:
        say(f"{len(done.failed):,} pictures gave no vector, e.g. chip {done.failed[0]}")


def _tell_taken(taken: TableEmbedded) -> None:
    from earthcurator.project.vectortables import REASONS  # here: `curator encoders --help` needs no project

    say(f"took in {taken.added:,} vectors of {taken.dim} numbers as {taken.name} ({taken.encoder}); {_total(taken)}")
    if taken.present:
        say(f"{taken.present:,} rows were there already")
    for reason, count in taken.left_out.items():
        example = f", e.g. {taken.examples[reason]}" if taken.examples[reason] else ""
        say(f"left out {count:,} row{'s' if count > 1 else ''}{example}: {REASONS[reason]}")
    if taken.waiting:
        say(f"{taken.waiting:,} chips have no vector of it")
    if taken.default:
        say(f"{taken.name} is what the project uses; search by chip: curator search CHIP")
    else:
        say(f"to use it: curator encoders default {taken.name}")


def _total(done: Embedded | TableEmbedded) -> str:
    how = "vector index" if done.indexed else "exact search, no index needed"
    return f"{done.total:,} vectors ({how})"


commands = {"encoders": encoders, "embed": embed}
