"""Pictures, a `metadata.parquet` for each split and a dataset card, as `datasets.load_dataset` and the Hub read them.

Parquet, because the reader guesses the types of CSV and JSON in each split, and refuses splits that differ: one without
times beside one with times, say. Folders and files are named by numbers, because it takes a `test` anywhere in a path
for a split, and the Hub wants no more than 10,000 files in a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from earthcurator.export.imagefolder import EXTENSIONS
from earthcurator.export.labelled import SPLITS, Labelled
from earthcurator.export.parquet import Metadata
from earthcurator.export.rows import UNSPLIT, with_pictures

_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}


def write_huggingface(
    out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]]
) -> int:
    """Write `<split>/<thousand>/<number>.<ext>`, `<split>/metadata.parquet` and `README.md`."""
    count = 0
    splits: dict[str, Metadata] = {}
    with ExitStack() as open_files:
        for count, (row, picture) in enumerate(with_pictures(rows, pictures), 1):
            split = row.split or UNSPLIT
            if split not in splits:
                (out / split).mkdir()
                splits[split] = open_files.enter_context(closing(Metadata(out / split / "metadata.parquet")))
            name = f"{(count - 1) // 1000:06d}/{count - 1:09d}.{EXTENSIONS[row.chip.media_type]}"
            (out / split / name).parent.mkdir(exist_ok=True)
            (out / split / name).write_bytes(picture)
            splits[split].add(name, row)
    (out / "README.md").write_text(_card(count, [name for name in SPLITS if name in splits]), encoding="utf-8")
    return count


def _card(count: int, splits: Sequence[str]) -> str:
    size = next((name for most, name in _SIZES.items() if count < most), "n>10M")
    several = [f"  - split: {'validation' if name == 'val' else name}\n    path: {name}/**" for name in splits]
    files = ["configs:", "- config_name: default", "  data_files:", *several] if splits else []
    header = [
        "license: unknown",
        "task_categories:",
        "- image-classification",
        "size_categories:",
        f"- {size}",
        "tags:",
        "- remote-sensing",
        *files,
    ]
    text = (
        "Labelled pictures of the Earth. [DATA_CARD.md](DATA_CARD.md) says what they show, where they are from and whom"
        " to thank.\nBefore you publish them, replace `license: unknown` above by the terms of the pictures' sources."
    )
    return "\n".join(["---", *header, "---", "", "# Labelled chips", "", text, ""])
