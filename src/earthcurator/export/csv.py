"""One row per labelled chip: class, place, time and provenance, for a spreadsheet or pandas."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from earthcurator.export.labelled import Labelled
from earthcurator.export.rows import facts, to_json

COLUMNS = (
    "chip",
    "label",
    "labels",
    "split",
    "votes",
    "west",
    "south",
    "east",
    "north",
    "time",
    "layer",
    "crs",
    "width",
    "height",
    "valid",
    "media_type",
    "sha256",
    "origin",
    "tile",
    "requested",
    "version",
    "retrieved",
    "clouds",
    "unit",
    "mean",
    "minimum",
    "maximum",
    "class",
    "known",
)
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # East Asian spreadsheets take the wide signs too


def write_csv(
    out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]] | None = None
) -> int:
    """Write `chips.csv`. What is not known is empty; classes and votes, of which there may be several, are JSON."""
    del pictures  # this format has none
    with (out / "chips.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        count = 0
        for row in rows:
            known = facts(row)
            writer.writerow([_cell(known[name]) for name in COLUMNS])
            count += 1
    return count


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | dict):
        return to_json(value) if value else ""
    return plain(value) if isinstance(value, str) else value


def plain(text: str) -> str:
    """The text, kept from being run as a formula by a spreadsheet (OWASP, "CSV Injection").

    An apostrophe more goes before the apostrophes that are there already, so that different texts stay different.
    """
    return f"'{text}" if _FORMULA.match(text) else text
