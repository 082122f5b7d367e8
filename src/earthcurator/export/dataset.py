"""Write labelled chips as a dataset: complete in a new folder, or not at all."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from earthcurator.errors import Conflict, NotAllowed, StorageFailed
from earthcurator.export.contents import Contents
from earthcurator.export.datacard import write_card
from earthcurator.export.labelled import Labelled
from earthcurator.export.provenance import Provenance
from earthcurator.registry import Registry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """A dataset that is complete."""

    chips: int
    fingerprint: str
    """The same for datasets with the same chips, classes and splits; see `Contents.fingerprint`."""
    left_out: int = 0
    """Chips with an answer that are on no side of the split, because they touch chips of another side."""


class Exporter(Protocol):
    """Writes one format."""

    def __call__(
        self, out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]]
    ) -> int:
        """Write the rows into the existing, empty folder `out`, fetching pictures by chip id; returns how many."""
        ...


EXPORTERS: Registry[Exporter] = Registry(
    "exporter",
    {
        "coco": "earthcurator.export.coco:write_coco",
        "csv": "earthcurator.export.csv:write_csv",
        "geojson": "earthcurator.export.geojson:write_geojson",
        "geoparquet": "earthcurator.export.parquet:write_geoparquet",
        "huggingface": "earthcurator.export.huggingface:write_huggingface",
        "imagefolder": "earthcurator.export.imagefolder:write_imagefolder",
        "parquet": "earthcurator.export.parquet:write_parquet",
        "tfrecord": "earthcurator.export.tfrecord:write_tfrecord",
        "webdataset": "earthcurator.export.webdataset:write_webdataset",
        "yolo-cls": "earthcurator.export.yolo:write_yolo_classification",
    },
)

_UNKNOWN = Provenance()


def write_dataset(
    format_name: str,
    out: Path,
    rows: Iterable[Labelled],
    pictures: Callable[[Sequence[str]], Mapping[str, bytes]],
    made: Provenance = _UNKNOWN,
) -> Written:
    """Write a dataset with its data card to the new folder `out` in one step. `made` says how it came to be."""
    exporter = EXPORTERS.get(format_name)
    out = out.absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Conflict(f"{out} exists already and is not an empty folder", hint="name a new folder")
    beside = out.with_name(f".{out.name}.unfinished")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        contents = Contents()
        chips = exporter(beside, contents.reading(rows), pictures)
        written = Written(chips, contents.fingerprint(), made.division.left_out if made.division else 0)
        write_card(beside, out.name, format_name, contents, made)
        _move(beside, out)
    except PermissionError as error:
        raise NotAllowed(
            f"{error.filename or out} may not be written by this user", hint="choose another folder"
        ) from error
    except OSError as error:
        raise StorageFailed(
            f"{out} cannot be written: {error.strerror or error}", hint="choose another folder"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    log.info("wrote %d chips as %s to %s, fingerprint %s", written.chips, format_name, out, written.fingerprint)
    return written


def _move(finished: Path, out: Path) -> None:
    if out.exists():  # an empty folder, maybe the one a shell is in
        for entry in finished.iterdir():
            entry.replace(out / entry.name)
    else:
        finished.replace(out)
