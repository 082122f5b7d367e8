"""One row per labelled chip: class, place, time and provenance, for a spreadsheet or pandas."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from earthcurator.export.dataset import Labelled

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
    time = chip.time.isoformat() if chip.time else ""
    texts = [plain(text) for text in (chip.media_type, chip.sha256, chip.origin)]
    return [
        plain(chip.id), plain(row.label), *edges, time, plain(chip.layer or ""), plain(chip.crs or ""),
        chip.width, chip.height, chip.valid, *texts,
    ]  # fmt: skip


def plain(text: str) -> str:
    """The text, kept from being run as a formula by a spreadsheet (OWASP, "CSV Injection")."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
