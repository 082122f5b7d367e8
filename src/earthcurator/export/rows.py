"""What every writer needs of the rows: their pictures in batches, what is known of each, numbers for classes.

Writers stream: rows come one by one in any order of splits, and no more than one batch of pictures is in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path

from earthcurator.errors import NotFound
from earthcurator.export.labelled import Labelled
from earthcurator.models import Values

UNSPLIT = "train"
"""Formats that must have a split keep a dataset without one here; their readers expect that."""

_AT_ONCE = 256


def with_pictures(
    rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]]
) -> Iterator[tuple[Labelled, bytes]]:
    """Each row with the bytes of its picture, as received."""
    waiting = iter(rows)
    while some := list(islice(waiting, _AT_ONCE)):
        content = pictures([row.chip.id for row in some])
        for row in some:
            if row.chip.id not in content:
                raise NotFound(
                    f"the picture of chip {row.chip.id} is not there", hint="import or download the chip again"
                )
            yield row, content[row.chip.id]


def facts(row: Labelled) -> dict[str, object]:
    """What is known of a row, by the column names of `chips.csv`; None for what is not known.

    Bounds are degrees of longitude and latitude; `west > east` means that the chip crosses the antimeridian.
    """
    chip = row.chip
    edges = asdict(chip.box) if chip.box else dict.fromkeys(("west", "south", "east", "north"))
    return {
        "chip": chip.id,
        "label": row.label,
        "labels": list(row.labels),
        "split": row.split,
        "votes": dict(row.votes),
        **edges,
        "time": chip.time,
        "layer": chip.layer,
        "crs": chip.crs,
        "width": chip.width,
        "height": chip.height,
        "valid": chip.valid,
        "media_type": chip.media_type,
        "sha256": chip.sha256,
        "origin": chip.origin,
        "tile": chip.tile,
        "requested": chip.requested,
        "version": chip.version,
        "retrieved": chip.retrieved,
        "clouds": chip.clouds,
        **_values(chip.values),
    }


def to_json(value: object) -> str:
    """One line of ASCII JSON, so that no reader can trip over an encoding. Times are ISO 8601."""
    return json.dumps(value, default=datetime.isoformat)


class ClassNumbers:
    """Which number stands for which class, from 0: in the order of the task, else as classes first appear."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        """The classes so far, in the order of their numbers."""
        return list(self._numbers)

    def of(self, row: Labelled) -> list[int]:
        """The numbers of this row's classes."""
        for name in (*row.classes, *row.labels):
            self._numbers.setdefault(name, len(self._numbers))
        return [self._numbers[name] for name in row.labels]

    def write(self, out: Path) -> None:
        """Write `classes.json`, a list of names: the number of a class is its place in it."""
        (out / "classes.json").write_text(json.dumps(self.names, indent=1) + "\n", encoding="ascii")


def _values(values: Values | None) -> dict[str, object]:
    if values is None:
        return dict.fromkeys(("unit", "mean", "minimum", "maximum", "class", "known"))
    return {
        "unit": values.unit,
        "mean": values.mean,
        "minimum": values.minimum,
        "maximum": values.maximum,
        "class": values.label,
        "known": values.known,
    }
