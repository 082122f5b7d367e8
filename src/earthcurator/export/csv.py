"""One row per labelled chip: class, place, time and provenance, for a spreadsheet or pandas."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from earthcurator.export.labelled import Labelled
from earthcurator.models import Values

COLUMNS = (
    "chip",
    "label",
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


def write_csv(
    out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]] | None = None
) -> int:
    """Write `chips.csv`. Bounds are degrees of longitude and latitude; a place that is not known is empty."""
    del pictures  # this format has none
    with (out / "chips.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        count = 0
        for row in rows:
            writer.writerow(cells(row))
            count += 1
    return count


def cells(row: Labelled) -> list[object]:
    """The values of one row, in the order of `COLUMNS`."""
    chip, box = row.chip, row.chip.box
    edges = (box.west, box.south, box.east, box.north) if box else ("", "", "", "")
    time = _time(chip.time)
    texts = [plain(text) for text in (chip.media_type, chip.sha256, chip.origin)]
    return [
        plain(chip.id), plain(row.label), *edges, time, plain(chip.layer or ""), plain(chip.crs or ""),
        chip.width, chip.height, chip.valid, *texts, plain(chip.tile or ""), _time(chip.requested),
        plain(chip.version or ""), _time(chip.retrieved), _number(chip.clouds), *_values(chip.values),
    ]  # fmt: skip


def _time(time: datetime | None) -> str:
    return time.isoformat() if time else ""


def _number(number: float | None) -> object:
    return "" if number is None else number


def _values(values: Values | None) -> list[object]:
    if values is None:
        return [""] * 6
    numbers = map(_number, (values.mean, values.minimum, values.maximum))
    return [plain(values.unit), *numbers, plain(values.label or ""), values.known]


def plain(text: str) -> str:
    """The text, kept from being run as a formula by a spreadsheet (OWASP, "CSV Injection")."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
