"""Pictures in one folder per class, as torchvision, Keras, fastai and Hugging Face read them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

from earthcurator.export.csv import write_csv
from earthcurator.export.labelled import Labelled

_EXTENSIONS = {
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "image/webp": "webp",
}
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")  # names that Windows keeps for devices


def write_imagefolder(
    out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]]
) -> int:
    """Write `<class>/<chip>.<ext>` with the bytes as received, and `chips.csv` beside them with place and time."""
    folders: dict[str, str] = {}

    def written() -> Iterator[Labelled]:
        waiting = iter(rows)
        while some := list(islice(waiting, 256)):
            content = pictures([row.chip.id for row in some])
            for row in some:
                folder = out / _folder(row.label, folders)
                folder.mkdir(exist_ok=True)
                with (folder / _file_name(row)).open("xb") as file:
                    file.write(content[row.chip.id])
                yield row

    return write_csv(out, written())


def _folder(label: str, folders: dict[str, str]) -> str:
    """A folder name for this class that is safe on every system and different from the other classes'."""
    if label not in folders:
        taken = {name.casefold() for name in folders.values()}
        name = safe_name(label)
        numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
        folders[label] = next(free for free in chain([name], numbered) if free.casefold() not in taken)
    return folders[label]


def safe_name(text: str) -> str:
    """The text as a file name: letters of any script stay; separators, controls and reserved names do not."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", text).strip(" .")
    text = text.encode()[:200].decode(errors="ignore")
    return f"_{text}" if not text or _RESERVED.match(text) else text


def _file_name(row: Labelled) -> str:
    return f"{safe_name(row.chip.id)}.{_EXTENSIONS[row.chip.media_type]}"
