"""Pictures in one folder per class, as torchvision, Keras, fastai and Hugging Face read them.

A folder says one class: pictures with several classes, or none, belong into another format.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from earthcurator.errors import BadInput
from earthcurator.export.csv import write_csv
from earthcurator.export.labelled import Labelled
from earthcurator.export.rows import with_pictures

EXTENSIONS = {
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "image/webp": "webp",
}
_OURS = ("chips.csv", "data_card.md", "data_card_map.svg")  # files beside the folders
_RESERVED = re.compile(
    r"(?i)^(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]) *(\..*)?$"
)  # names that Windows keeps for devices


def write_imagefolder(
    out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]]
) -> int:
    """Write `[<split>/]<class>/<chip>.<ext>` with the bytes as received; `chips.csv` beside has place and time."""
    return write_csv(out, in_class_folders(out, rows, pictures, unsplit=""))


def in_class_folders(
    out: Path,
    rows: Iterable[Labelled],
    pictures: Callable[[Sequence[str]], Mapping[str, bytes]],
    *,
    unsplit: str,
) -> Iterator[Labelled]:
    """The same rows, each once its picture is written. `unsplit` is the folder of rows without a split."""
    folders: dict[str, str] = {}
    splits: dict[Path, None] = {}
    for row, picture in with_pictures(rows, pictures):
        split = out / (row.split or unsplit)
        splits[split] = None
        folder = split / _folder(_only_class(row), folders)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / file_name(row)).open("xb") as file:
            file.write(picture)
        yield row
    # Readers number the folders of each split by themselves: one that a split lacks would shift all after it.
    for split in splits:
        for name in folders.values():
            (split / name).mkdir(exist_ok=True)


def _only_class(row: Labelled) -> str:
    if len(row.labels) != 1:
        raise BadInput(
            f"chip {row.chip.id} has {len(row.labels) or 'none of the'} classes, and a folder says exactly one",
            hint="export as csv, parquet, geoparquet, geojson, coco, webdataset, tfrecord or huggingface",
        )
    return row.label


def _folder(label: str, folders: dict[str, str]) -> str:
    """A folder name for this class that is safe on every system and different from the other classes'."""
    if label not in folders:
        taken = {*_OURS, *(name.casefold() for name in folders.values())}
        name = safe_name(label)
        numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
        folders[label] = next(free for free in chain([name], numbered) if free.casefold() not in taken)
    return folders[label]


def safe_name(text: str) -> str:
    """The text as a file name: letters of any script stay; separators, controls and reserved names do not."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", text).strip(" .")
    text = text.encode()[:200].decode(errors="ignore").rstrip(" .")
    return f"_{text}" if not text or _RESERVED.match(text) else text


def file_name(row: Labelled) -> str:
    """The name of a chip's picture as a file, with the ending that its format has."""
    return f"{safe_name(row.chip.id)}.{EXTENSIONS[row.chip.media_type]}"
