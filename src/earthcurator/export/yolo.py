"""Pictures as Ultralytics reads them to train a YOLO classifier: `train`, `val` and `test` with a folder per class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from earthcurator.errors import BadInput
from earthcurator.export.csv import write_csv
from earthcurator.export.imagefolder import in_class_folders
from earthcurator.export.labelled import Labelled
from earthcurator.export.rows import UNSPLIT


def write_yolo_classification(
    out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]]
) -> int:
    """Write `<split>/<class>/<chip>.<ext>`; `chips.csv` beside has place and time."""
    return write_csv(out, in_class_folders(out, _readable(rows), pictures, unsplit=UNSPLIT))


def _readable(rows: Iterable[Labelled]) -> Iterator[Labelled]:
    """The same rows. Ultralytics, like torchvision, passes over GIF files without a word."""
    for row in rows:
        if row.chip.media_type == "image/gif":
            raise BadInput(f"chip {row.chip.id} is a GIF, which YOLO does not read", hint="choose another format")
        yield row
