"""Programs that we did not write, reading datasets: each tells what it saw of every chip."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from earthcurator.export.imagefolder import EXTENSIONS

os.environ["HF_HUB_OFFLINE"] = "1"  # read by `datasets` when it is imported, and it is imported late


@dataclass(frozen=True)
class Seen:
    """What a reader says of a chip. `...`: this format does not say it."""

    label: object
    split: object = ...
    picture: object = ...
    place: object = ...
    time: object = ...


def edges(found: Any) -> tuple[float, ...] | None:
    values = [found[edge] for edge in ("west", "south", "east", "north")]
    return None if any(value in {None, ""} or value != value for value in values) else tuple(map(float, values))


def instant(found: Any) -> datetime | None:
    if isinstance(found, str):
        return datetime.fromisoformat(found) if found else None
    return None if found is None or found != found else found.astimezone(UTC)


def digest(content: Any) -> str:
    return sha256(bytes(content)).hexdigest()


def read_csv(out: Path) -> dict[str, Seen]:
    with (out / "chips.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["chip"]: Seen(row["label"], row.get("split", ...), place=edges(row), time=instant(row["time"]))
            for row in csv.DictReader(file)
        }


def read_geojson(out: Path) -> dict[str, Seen]:
    import geopandas

    frame = geopandas.read_file(out / "chips.geojson", engine="pyogrio")
    return {
        row["chip"]: Seen(row["label"], row["split"], ..., edges(row), instant(row["time"]))
        for _, row in frame.iterrows()
    }


def read_parquet(out: Path) -> dict[str, Seen]:
    import geopandas

    frame = geopandas.read_parquet(out / "chips.parquet")
    return {
        row["chip"]: Seen(
            row["label"], row["split"], digest(row["picture"]) if "picture" in row else ..., edges(row),
            instant(row["time"]),
        )
        for _, row in frame.iterrows()
    }  # fmt: skip


def read_coco(out: Path) -> dict[str, Seen]:
    from pycocotools.coco import COCO
    from pycocotools.mask import area

    seen = {}
    for path in (out / "annotations").iterdir():
        with redirect_stdout(StringIO()):
            coco = COCO(path)
        for annotation in coco.anns.values():
            (image,) = coco.loadImgs(annotation["image_id"])
            assert area(coco.annToRLE(annotation)) == image["width"] * image["height"]
            (category,) = coco.loadCats(annotation["category_id"])
            picture = (out / path.stem / image["file_name"]).read_bytes()
            facts = image["facts"]
            seen[facts["chip"]] = Seen(
                category["name"], path.stem, digest(picture), edges(facts), instant(image["date_captured"])
            )
    return seen


def read_webdataset(out: Path) -> dict[str, Seen]:
    classes = json.loads((out / "classes.json").read_text())
    seen = {}
    for path in sorted(out.glob("*.tar")):
        for sample in samples(path):
            facts = json.loads(sample["json"])
            picture = next(sample[ending] for ending in EXTENSIONS.values() if ending in sample)
            label = classes[int(sample["cls"])]
            split = path.name.split("-")[0]
            seen[facts["chip"]] = Seen(label, split, digest(picture), edges(facts), instant(facts["time"]))
    return seen


def samples(path: Path) -> list[dict[str, bytes]]:
    from webdataset.tariterators import group_by_keys, tar_file_expander

    with path.open("rb") as stream:  # `WebDataset(path)` does the same, and leaves the file open
        return list(group_by_keys(tar_file_expander([{"url": str(path), "stream": stream}])))


def read_tfrecord(out: Path) -> dict[str, Seen]:
    seen = {}
    for path, example in examples(out):
        text = {name: list(feature.bytes_list.value) for name, feature in example.features.feature.items()}
        facts = json.loads(text["image/facts"][0])
        (label,) = text["image/class/text"]
        (time,) = text.get("image/time", [b""])
        split = path.name.split("-")[0]
        picture = digest(text["image/encoded"][0])
        seen[facts["chip"]] = Seen(label.decode(), split, picture, edges(facts), instant(time.decode()))
    return seen


def examples(out: Path) -> Iterator[tuple[Path, Any]]:
    from tfrecord.example_pb2 import Example
    from tfrecord.reader import tfrecord_iterator

    for path in sorted(out.glob("*.tfrecord")):
        for record in tfrecord_iterator(str(path)):
            yield path, Example.FromString(bytes(record))


def loaded(out: Path, path: str = "imagefolder") -> Any:
    import datasets

    datasets.disable_progress_bars()
    arguments = {"data_dir": str(out)} if path == "imagefolder" else {}
    splits = datasets.load_dataset(path, **arguments, cache_dir=str(out.with_name("cache")))
    return {
        {"validation": "val"}.get(name, name): split.cast_column("image", datasets.Image(decode=False))
        for name, split in splits.items()
    }


def read_huggingface(out: Path) -> dict[str, Seen]:
    return {
        row["chip"]: Seen(
            row["label"], name, digest(Path(row["image"]["path"]).read_bytes()), edges(row), instant(row["time"])
        )
        for name, split in loaded(out).items()
        for row in split
    }


def read_folders(out: Path) -> dict[str, Seen]:
    """As torchvision's ImageFolder finds classes and pictures: sorted folders, then a walk through each."""
    ids = {name.replace("/", "_"): name for name in read_csv(out)}
    seen = {}
    for split in ("train", "val", "test"):
        classes = sorted(entry.name for entry in os.scandir(out / split) if entry.is_dir())
        for name in classes:
            for folder, _, files in sorted(os.walk(out / split / name, followlinks=True)):
                for file in sorted(files):
                    path = Path(folder, file)
                    assert path.suffix in {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
                    seen[ids[path.stem]] = Seen(classes.index(name), split, digest(path.read_bytes()))
    return seen


READERS: dict[str, Callable[[Path], dict[str, Seen]]] = {
    "coco": read_coco,
    "csv": read_csv,
    "geojson": read_geojson,
    "geoparquet": read_parquet,
    "huggingface": read_huggingface,
    "imagefolder": read_folders,
    "parquet": read_parquet,
    "tfrecord": read_tfrecord,
    "webdataset": read_webdataset,
    "yolo-cls": read_folders,
}
