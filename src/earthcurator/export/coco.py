"""COCO (https://cocodataset.org/#format-data): pictures in a folder per split and one JSON file for each.

COCO knows objects in pictures, not pictures of a class: here the object is the whole picture, one for each class that
it has. What is known of a chip stands beside its picture, where readers pass over it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from earthcurator.export.imagefolder import file_name
from earthcurator.export.labelled import Labelled
from earthcurator.export.rows import UNSPLIT, ClassNumbers, facts, to_json, with_pictures


def write_coco(out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]]) -> int:
    """Write `<split>/<chip>.<ext>` and `annotations/<split>.json`. Every split has the same categories, from 1."""
    numbers = ClassNumbers()
    count = annotations = 0
    with ExitStack() as open_files:
        splits: dict[str, _Split] = {}
        for count, (row, picture) in enumerate(with_pictures(rows, pictures), 1):
            name = row.split or UNSPLIT
            if name not in splits:
                splits[name] = _Split(out / name, open_files)
            splits[name].add_image(row, count, picture)
            for number in numbers.of(row):
                annotations += 1
                splits[name].add_annotation(row, annotations, image=count, category=number + 1)
        if not splits:
            splits[UNSPLIT] = _Split(out / UNSPLIT, open_files)
        (out / "annotations").mkdir()
        for name, split in splits.items():
            split.write(out / "annotations" / f"{name}.json", numbers.names)
    return count


class _Split:
    """The folder of a split and its two lists, which wait in temporary files: JSON wants one after the other."""

    def __init__(self, folder: Path, open_files: ExitStack) -> None:
        folder.mkdir()
        self._folder = folder
        self._images: IO[bytes] = open_files.enter_context(TemporaryFile(dir=folder))  # noqa: SIM115 - the stack closes
        self._annotations: IO[bytes] = open_files.enter_context(TemporaryFile(dir=folder))  # noqa: SIM115 - it too

    def add_image(self, row: Labelled, number: int, picture: bytes) -> None:
        name = file_name(row)
        with (self._folder / name).open("xb") as file:
            file.write(picture)
        image = {"id": number, "file_name": name, "width": row.chip.width, "height": row.chip.height}
        _append(self._images, image | {"date_captured": row.chip.time, "facts": facts(row)})

    def add_annotation(self, row: Labelled, number: int, *, image: int, category: int) -> None:
        width, height = row.chip.width, row.chip.height
        annotation: dict[str, object] = {"id": number, "image_id": image, "category_id": category, "iscrowd": 0}
        annotation |= {"bbox": [0, 0, width, height], "area": width * height}
        _append(self._annotations, annotation | {"segmentation": [[0, 0, width, 0, width, height, 0, height]]})

    def write(self, path: Path, names: Sequence[str]) -> None:
        categories = [{"id": number, "name": name, "supercategory": ""} for number, name in enumerate(names, 1)]
        with path.open("xb") as file:
            file.write(b'{"info": {"description": "Labelled chips"}, "licenses": [],\n"images": [')
            _copy(self._images, file)
            file.write(b'],\n"annotations": [')
            _copy(self._annotations, file)
            file.write(f'],\n"categories": {to_json(categories)}}}\n'.encode())


def _append(items: IO[bytes], item: object) -> None:
    items.write(f"{',' if items.tell() else ''}\n{to_json(item)}".encode())


def _copy(items: IO[bytes], file: IO[bytes]) -> None:
    items.seek(0)
    shutil.copyfileobj(items, file)
