"""How commands speak: data to stdout, progress and words to stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from earthcurator.errors import BadInput

if TYPE_CHECKING:
    from earthcurator.project import Progress as Report

GOALS = {"find": "find", "train": "train", "both": "hybrid"}
"""What a person wants → the strategy that serves it."""

_EVERY_SECONDS = 10.0  # between lines of progress where there is no terminal


def say(text: str) -> None:
    """Words for a person."""
    click.echo(text, err=True)


def answer(value: Any) -> None:
    """Data, as JSON."""
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Data, as a table for a person; numbers to the right."""
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    numeric = [bool(rows) and isinstance(cell, int | float) for cell in (rows[0] if rows else columns)]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in [list(columns), *cells]:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())


def write(path: Path, text: str) -> None:
    """Data, into a file that the person named."""
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput(
            f"{path} cannot be written: {error.strerror}", hint="name a file in a folder of yours"
        ) from error


@contextmanager
def progress(verb: str) -> Iterator[Report]:
    """A bar with an estimate on a terminal, a line every ten seconds elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines(verb)
        return
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TaskProgressColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(verb, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Lines:
    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._started = self._said = time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now - self._said < _EVERY_SECONDS:
            return
        self._said = now
        left = (now - self._started) * (total - done) / done if total and done else None
        about = f" of {total:,}" if total else ""
        estimate = f", about {left:,.0f} s left" if left is not None else ""
        say(f"{self._verb}: {done:,}{about}{estimate}")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return asdict(value)
