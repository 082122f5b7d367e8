"""Every format, read back by a program that we did not write: the same chips, classes, pictures, places and splits."""

from __future__ import annotations

import csv
import json
import re
import struct
import tarfile
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from earthcurator.errors import BadInput, NotFound
from earthcurator.export import EXPORTERS, Labelled, shards, write_dataset
from earthcurator.export.csv import COLUMNS, plain
from earthcurator.export.rows import facts
from earthcurator.models import Box, Chip, Values
from tests.export.readers import READERS, Seen, examples, loaded, samples

FORMATS = [
    "coco", "csv", "geojson", "geoparquet", "huggingface", "imagefolder", "parquet", "tfrecord", "webdataset",
    "yolo-cls",
]  # fmt: skip
ONE_CLASS = ["imagefolder", "yolo-cls"]
NAMES = [
    "smoke", "=cmd()", "@x", "../x", "a/b", "a\\b", "CON", "🔥", "x" * 300, " ", "…", "снег 雪", "Ice", "ice", "train",
    "test", "chips.csv", "DATA_CARD.md", "e\u0301", "é", 'say "hi", they\nsaid', "bell\a", "-1", "\u202etxt",
    "..", "=1+1", "'=1+1", "con", "con .txt", "COM¹", "نص", "end", "end.", "end ", "a|b`<", "é" * 300, "y" * 199 + " z",
]  # fmt: skip
ISLAND = Box(west=-1.5, south=49.25, east=-1.25, north=49.5)
FIJI = Box(west=179.5, south=-18, east=-179.25, north=-17)
DAY = datetime(2020, 8, 16, 12, 30, tzinfo=UTC)


def drawn(number: int, media_type: str) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, media_type.removeprefix("image/"))
    return file.getvalue()


def number(text: str) -> bool:
    """Whether a cell is a number: one below zero is no formula."""
    try:
        return bool(float(text)) or True
    except ValueError:
        return False


def chip(number: int, media_type: str = "image/png", **known: Any) -> tuple[Chip, bytes]:
    picture = drawn(number, media_type)
    digest = sha256(picture).hexdigest()
    facts = {"id": f"layer.v1/{number:04d}", "origin": f"=/{number}", "sha256": digest, "width": 8, "height": 6}
    return Chip(**{**facts, "media_type": media_type, **known}), picture


class Collection:
    """Labelled chips and their pictures, kept in memory."""

    def __init__(self) -> None:
        self.rows: list[Labelled] = []
        self.content: dict[str, bytes] = {}

    def add(
        self, label: str, *, media_type: str = "image/png", known: dict[str, Any] | None = None, **more: Any
    ) -> None:
        made, picture = chip(len(self.rows), media_type, **(known or {}))
        self.content[made.id] = picture
        self.rows.append(Labelled(made, label, **more))

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        assert len(ids) <= 256
        return {name: self.content[name] for name in ids}

    def write(self, format_name: str, out: Path) -> Path:
        assert write_dataset(format_name, out, iter(self.rows), self.pictures).chips == len(self.rows)
        return out


@pytest.fixture
def hostile() -> Collection:
    """Every hostile class in every split; chips without a place, or without a time."""
    collection = Collection()
    for number in range(3 * len(NAMES)):
        known: dict[str, Any] = {"box": (ISLAND, FIJI, None)[number % 3]}
        if number % 4:
            known["time"] = DAY + timedelta(minutes=number)
        if number % 5 == 0:
            known["values"] = Values(
                unit="K", mean=290.5, minimum=1.0, maximum=300.0, label=None, known=0.5, unknown=0.0
            )
        media_type = ("image/png", "image/jpeg", "image/webp", "image/tiff", "image/bmp")[number % 5]
        split = ("train", "val", "test")[number // len(NAMES)]
        collection.add(NAMES[number % len(NAMES)], media_type=media_type, known=known, split=split)
    return collection


def test_every_format_has_a_reader() -> None:
    assert set(EXPORTERS.builtin) == set(FORMATS) == set(READERS)


@pytest.mark.parametrize("format_name", FORMATS)
def test_readers_find_every_chip_with_its_class_picture_place_time_and_split(
    format_name: str, hostile: Collection, tmp_path: Path
) -> None:
    out = hostile.write(format_name, tmp_path / "out")
    seen = READERS[format_name](out)
    assert len(seen) == len(hostile.rows)
    for row in hostile.rows:
        found, box = seen[row.chip.id], row.chip.box
        label: object = row.label
        if format_name == "csv":
            label = plain(row.label)
        elif format_name in ONE_CLASS:
            label = seen[hostile.rows[NAMES.index(row.label)].chip.id].label  # the same number in every split
        place = (box.west, box.south, box.east, box.north) if box else None
        expected = Seen(label, row.split, row.chip.sha256, place, row.chip.time)
        unsaid = {name: ... for name in ("split", "picture", "place", "time") if getattr(found, name) is ...}
        assert found == replace(expected, **unsaid)
    assert len({found.label for found in seen.values()}) == len(NAMES)


def test_csv_lists_classes_exactly_where_the_one_column_is_escaped(hostile: Collection, tmp_path: Path) -> None:
    out = hostile.write("csv", tmp_path / "out")
    with (out / "chips.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [json.loads(row["labels"]) for row in found] == [list(row.labels) for row in hostile.rows]
    assert not any(re.match("[=+@\t\r\n-]", cell) for row in found for cell in row.values() if not number(cell))


@pytest.mark.parametrize("format_name", ONE_CLASS)
def test_class_folders_are_safe_and_distinct_on_every_system(
    format_name: str, hostile: Collection, tmp_path: Path
) -> None:
    folders = [path.name for path in (hostile.write(format_name, tmp_path / "out") / "val").iterdir()]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in folders}) == len(folders) == len(NAMES)
    for name in folders:
        assert len(name.encode()) <= 255
        assert not re.search(r'[\x00-\x1f<>:"/\\|?*]|[ .]$', name)
        assert not re.match(r"(?i)(con|prn|aux|nul|(com|lpt)[\d¹²³]) *(\.|$)", name)


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_rows_give_the_same_bytes(format_name: str, hostile: Collection, tmp_path: Path) -> None:
    def content(out: Path) -> dict[str, bytes]:
        return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}

    first = content(hostile.write(format_name, tmp_path / "1/out"))
    assert first == content(hostile.write(format_name, tmp_path / "2/out"))


@pytest.mark.parametrize("format_name", FORMATS)
def test_nothing_is_written_outside_the_folder(format_name: str, hostile: Collection, tmp_path: Path) -> None:
    hostile.write(format_name, tmp_path / "a/b/out")
    assert [path.name for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "a/b/out")] == ["a", "b"]


@pytest.mark.parametrize("format_name", FORMATS)
def test_no_chips_make_a_dataset_of_none(format_name: str, tmp_path: Path) -> None:
    out = Collection().write(format_name, tmp_path / "out")
    if format_name not in {"huggingface", *ONE_CLASS}:  # their readers refuse a dataset without pictures
        assert READERS[format_name](out) == {}


@pytest.mark.parametrize("format_name", set(FORMATS) - {"csv", "geojson", "geoparquet"})
def test_a_chip_whose_picture_is_gone_is_named(format_name: str, hostile: Collection, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"layer\.v1/0000"):
        write_dataset(format_name, tmp_path / "out", hostile.rows, lambda ids: {})
    assert list(tmp_path.iterdir()) == []


# -- several classes at once --------------------------------------------------------------------------------------


@pytest.fixture
def several() -> Collection:
    """Chips with two classes, with one and with none, of a task with three."""
    collection = Collection()
    for labels in [("snow", "cloud"), ("cloud",), ()]:
        first = labels[0] if labels else ""
        collection.add(first, labels=labels, classes=("cloud", "sea", "snow"), votes=dict.fromkeys(labels, 2))
    return collection


def test_coco_has_an_annotation_for_each_class_and_the_categories_of_the_task(
    several: Collection, tmp_path: Path
) -> None:
    content = json.loads((several.write("coco", tmp_path / "out") / "annotations/train.json").read_text())
    assert [category["name"] for category in content["categories"]] == ["cloud", "sea", "snow"]
    assert [(found["image_id"], found["category_id"]) for found in content["annotations"]] == [(1, 3), (1, 1), (2, 1)]
    assert len(content["images"]) == 3


def test_numbered_formats_count_by_the_task(several: Collection, tmp_path: Path) -> None:
    read = samples(several.write("webdataset", tmp_path / "web") / "train-000000.tar")
    assert [sample.get("cls") for sample in read] == [None, b"0", None]
    assert [json.loads(sample["json"])["numbers"] for sample in read] == [[2, 0], [0], []]
    found = [example.features.feature for _, example in examples(several.write("tfrecord", tmp_path / "tf"))]
    assert [list(features["image/class/label"].int64_list.value) for features in found] == [[2, 0], [0], []]
    for folder in ("web", "tf"):
        assert json.loads((tmp_path / folder / "classes.json").read_text()) == ["cloud", "sea", "snow"]


@pytest.mark.parametrize("format_name", ["parquet", "geoparquet", "geojson", "huggingface"])
def test_tables_have_all_classes_and_votes(format_name: str, several: Collection, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    out = several.write(format_name, tmp_path / "out")
    if format_name == "geojson":
        rows = [feature["properties"] for feature in json.loads((out / "chips.geojson").read_text())["features"]]
        assert rows[0]["votes"] == {"snow": 2, "cloud": 2}
    else:
        name = "train/metadata.parquet" if format_name == "huggingface" else "chips.parquet"
        rows = pq.read_table(out / name).to_pylist()
        assert rows[0]["votes"] == [{"label": "snow", "count": 2}, {"label": "cloud", "count": 2}]
    assert [row["labels"] for row in rows] == [["snow", "cloud"], ["cloud"], []]


@pytest.mark.parametrize("format_name", ["coco", "csv", "tfrecord", "webdataset"])
def test_readers_of_samples_find_all_classes_and_votes_too(
    format_name: str, several: Collection, tmp_path: Path
) -> None:
    out = several.write(format_name, tmp_path / "out")
    if format_name == "coco":
        known = [image["facts"] for image in json.loads((out / "annotations/train.json").read_text())["images"]]
    elif format_name == "csv":
        with (out / "chips.csv").open(newline="", encoding="utf-8") as file:
            cells = [(row["labels"] or "[]", row["votes"] or "{}") for row in csv.DictReader(file)]
        known = [{"labels": json.loads(labels), "votes": json.loads(votes)} for labels, votes in cells]
    elif format_name == "tfrecord":
        read = [example.features.feature["image/facts"].bytes_list.value[0] for _, example in examples(out)]
        known = [json.loads(facts) for facts in read]
    else:
        known = [json.loads(sample["json"]) for sample in samples(out / "train-000000.tar")]
    assert [row["labels"] for row in known] == [["snow", "cloud"], ["cloud"], []]
    assert [row["votes"] for row in known] == [{"snow": 2, "cloud": 2}, {"cloud": 2}, {}]


@pytest.mark.parametrize(
    ("format_name", "file"), [("parquet", "chips.parquet"), ("huggingface", "train/metadata.parquet")]
)
def test_no_fact_is_forgotten_by_a_schema(format_name: str, file: str, several: Collection, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    names = pq.read_schema(several.write(format_name, tmp_path / "out") / file).names
    assert set(facts(several.rows[0])) - set(names) <= {"split"}
    assert set(COLUMNS) <= set(facts(several.rows[0]))


@pytest.mark.parametrize("format_name", ONE_CLASS)
def test_a_folder_cannot_say_two_classes(format_name: str, several: Collection, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has 2 classes") as refused:
        write_dataset(format_name, tmp_path / "out", several.rows, several.pictures)
    assert "coco" in refused.value.hint


@pytest.mark.parametrize("format_name", ONE_CLASS)
def test_a_folder_cannot_say_that_there_is_no_class(format_name: str, several: Collection, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has none of the classes") as refused:
        write_dataset(format_name, tmp_path / "out", several.rows[1:], several.pictures)
    assert "csv" in refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_classes_and_splits_must_make_sense() -> None:
    with pytest.raises(BadInput, match="no split called"):
        Labelled(chip(0)[0], "x", split="../x")
    with pytest.raises(BadInput, match="not the first"):
        Labelled(chip(0)[0], "x", labels=("y", "x"))


# -- what one format promises -------------------------------------------------------------------------------------


def test_geoparquet_polygons_are_found_by_place_and_cut_at_the_antimeridian(
    hostile: Collection, tmp_path: Path
) -> None:
    import geopandas

    path = hostile.write("geoparquet", tmp_path / "out") / "chips.parquet"
    frame = geopandas.read_parquet(path)
    assert frame.crs == "OGC:CRS84"
    assert set(frame.geom_type.dropna()) == {"Polygon", "MultiPolygon"}
    fiji = frame[frame.west == FIJI.west]
    assert fiji.geometry.iloc[0].area == pytest.approx(1.25)
    assert "picture" not in frame
    assert len(geopandas.read_parquet(path, bbox=(-2, 49, -1, 50))[["chip"]]) >= len(NAMES)
    east_of_fiji = geopandas.read_parquet(path, bbox=(-179.5, -17.5, -179.4, -17.4))
    assert set(east_of_fiji.west) == {FIJI.west}


def test_geojson_polygons_run_counterclockwise_and_are_cut_at_the_antimeridian(
    hostile: Collection, tmp_path: Path
) -> None:
    import shapely

    content = json.loads((hostile.write("geojson", tmp_path / "out") / "chips.geojson").read_text())
    shapes = [feature["geometry"] for feature in content["features"]]
    assert [shape and shape["type"] for shape in shapes[:3]] == ["Polygon", "MultiPolygon", None]
    for shape in filter(None, shapes):
        polygons = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
        assert all(shapely.LinearRing(ring).is_ccw for polygon in polygons for ring in polygon)


def test_tfrecord_checksums_are_right_by_another_library(hostile: Collection, tmp_path: Path) -> None:
    from crc32c import crc32c

    def masked(content: bytes) -> int:
        crc = crc32c(content)
        return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF

    out = hostile.write("tfrecord", tmp_path / "out")
    count = 0
    for path in out.glob("*.tfrecord"):
        file = BytesIO(path.read_bytes())
        while header := file.read(12):
            length, length_crc = struct.unpack("<QI", header)
            content = file.read(length)
            assert (length_crc, *struct.unpack("<I", file.read(4))) == (masked(header[:8]), masked(content))
            count += 1
    assert count == len(hostile.rows)


def test_an_example_has_the_usual_features(hostile: Collection, tmp_path: Path) -> None:
    from tfrecord.reader import example_loader

    description = {"image/height": "int", "image/width": "int", "image/format": "byte"}
    out = hostile.write("tfrecord", tmp_path / "out")
    first, *_ = example_loader(str(out / "train-000000.tfrecord"), None, description)
    assert (int(first["image/height"][0]), int(first["image/width"][0])) == (6, 8)
    assert bytes(first["image/format"]) == b"png"
    bounds = [list(found.features.feature["image/bounds"].float_list.value) for _, found in examples(out)]
    assert [ISLAND.west, ISLAND.south, ISLAND.east, ISLAND.north] in bounds
    assert [] in bounds  # left out where the place is not known


@pytest.mark.parametrize(("format_name", "ending"), [("webdataset", "tar"), ("tfrecord", "tfrecord")])
def test_shards_end_before_they_are_full(
    format_name: str, ending: str, hostile: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MOST_BYTES", 20_000)
    monkeypatch.setattr(shards, "MOST_SAMPLES", 5)
    out = hostile.write(format_name, tmp_path / "out")
    found = sorted(path.name for path in out.glob(f"*.{ending}"))
    assert len([name for name in found if name.startswith("val-")]) == -(-len(NAMES) // 5)
    assert found[0] == f"test-000000.{ending}"
    assert len(READERS[format_name](out)) == len(hostile.rows)


def test_a_sample_larger_than_a_shard_has_one_for_itself(
    hostile: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MOST_BYTES", 1)
    out = hostile.write("webdataset", tmp_path / "out")
    assert len(list(out.glob("*.tar"))) == len(hostile.rows)


def test_tar_headers_say_nothing_of_who_wrote_them_and_when(hostile: Collection, tmp_path: Path) -> None:
    out = hostile.write("webdataset", tmp_path / "out")
    with tarfile.open(out / "train-000000.tar") as tar:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar} == {(0, 0, 0, "", "", 0o644)}


def test_yolo_splits_have_the_same_classes_even_where_one_has_no_picture(tmp_path: Path) -> None:
    collection = Collection()
    for label, split in [("b", "train"), ("a", "train"), ("b", "val")]:
        collection.add(label, split=split)
    out = collection.write("yolo-cls", tmp_path / "out")
    assert sorted(path.name for path in (out / "val").iterdir()) == ["a", "b"]


def test_yolo_classes_are_read_by_datasets(tmp_path: Path) -> None:
    collection = Collection()
    for number, name in enumerate(["🔥", "=cmd()", "снег"] * 2):
        collection.add(name, split=("train", "val")[number // 3])
    splits = loaded(collection.write("yolo-cls", tmp_path / "out"))
    assert splits["train"].features["label"].names == ["=cmd()", "снег", "🔥"]
    assert [row["label"] for row in splits["val"]] == [0, 1, 2]


def test_yolo_refuses_what_its_reader_passes_over(tmp_path: Path) -> None:
    collection = Collection()
    collection.add("x", media_type="image/gif")
    with pytest.raises(BadInput, match="is a GIF"):
        collection.write("yolo-cls", tmp_path / "out")


@pytest.mark.parametrize("format_name", ["coco", "huggingface", "tfrecord", "webdataset", "yolo-cls"])
def test_without_a_split_all_is_for_training(format_name: str, tmp_path: Path) -> None:
    collection = Collection()
    collection.add("x")
    out = collection.write(format_name, tmp_path / "out")
    assert any(path.name.startswith("train") for path in out.iterdir())
    assert not any(path.name.startswith(("val", "test")) for path in out.iterdir())


def test_the_hub_reads_splits_and_sizes_from_the_card(hostile: Collection, tmp_path: Path) -> None:
    from huggingface_hub import DatasetCard

    out = hostile.write("huggingface", tmp_path / "out")
    card = DatasetCard.load(out / "README.md").data
    assert (card.license, card.task_categories, card.size_categories) == ("unknown", ["image-classification"], ["n<1K"])
    assert {name: len(split) for name, split in loaded(out, str(out)).items()} == dict.fromkeys(
        ("train", "val", "test"), len(NAMES)
    )
