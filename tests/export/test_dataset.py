"""Datasets that others can read: complete, or not there."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from earthcurator.errors import BadInput, Conflict, StorageFailed
from earthcurator.export import Labelled, write_dataset
from earthcurator.export.csv import plain
from earthcurator.export.imagefolder import safe_name
from earthcurator.models import Box, Chip


def labelled(name: str, label: str, **facts: object) -> Labelled:
    made = {"id": name, "media_type": "image/jpeg", "width": 2, "height": 3, "sha256": "0" * 64, "origin": f"/{name}"}
    return Labelled(Chip(**{**made, **facts}), label)  # type: ignore[arg-type]


def pictures(ids: object) -> dict[str, bytes]:
    assert isinstance(ids, list)
    return {chip: f"bytes of {chip}".encode() for chip in ids}


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_imagefolder_has_a_folder_per_class_and_the_bytes_as_received(tmp_path: Path) -> None:
    rows = [labelled("a", "smoke"), labelled("b", "clear"), labelled("c", "smoke")]
    assert write_dataset("imagefolder", tmp_path / "out", rows, pictures).chips == 3
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg")) == [
        "clear/b.jpg",
        "smoke/a.jpg",
        "smoke/c.jpg",
    ]
    assert (tmp_path / "out/smoke/a.jpg").read_bytes() == b"bytes of a"
    assert [row["label"] for row in read_csv(tmp_path / "out/chips.csv")] == ["smoke", "clear", "smoke"]


def test_csv_has_bounds_time_and_origin(tmp_path: Path) -> None:
    box = Box(west=179.5, south=-1, east=-179.5, north=1)
    rows = [labelled("a", "x", box=box, time=datetime(2020, 8, 16, tzinfo=UTC)), labelled("b", "y")]
    write_dataset("csv", tmp_path / "out", rows, pictures)
    first, second = read_csv(tmp_path / "out/chips.csv")
    assert [float(first[edge]) for edge in ("west", "south", "east", "north")] == [179.5, -1, -179.5, 1]
    assert first["time"] == "2020-08-16T00:00:00+00:00"
    assert second["west"] == second["time"] == ""


def test_formulas_stay_text(tmp_path: Path) -> None:
    write_dataset("csv", tmp_path / "out", [labelled("a", "=cmd|' /C calc'!A0", origin="@evil")], pictures)
    (row,) = read_csv(tmp_path / "out/chips.csv")
    assert row["label"].startswith("'=")
    assert row["origin"].startswith("'@")


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=1", "'=1"), ("'=1", "''=1"), ("\n=1", "'\n=1"), ("＝1", "'＝1"), ("'tis", "'tis"), ("a=1", "a=1"), ("", "")],
)
def test_escaped_formulas_stay_different_from_each_other(text: str, cell: str) -> None:
    assert plain(text) == cell


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("../../etc", "_.._etc"),
        ("a/b\\c", "a_b_c"),
        ("CON", "_CON"),
        ("", "_"),
        ("...", "_"),
        ("снег 雪", "снег 雪"),
        ("nul.txt", "_nul.txt"),
        ("con .txt", "_con .txt"),
        ("COM¹", "_COM¹"),
        ("end. ", "end"),
        ("y" * 199 + " z", "y" * 199),
        ("é" * 300, "é" * 100),
        ("x\0y", "x_y"),
    ],
)
def test_class_names_become_safe_folders(label: str, folder: str) -> None:
    assert safe_name(label) == folder


def test_classes_that_differ_only_in_case_or_unsafe_letters_stay_apart(tmp_path: Path) -> None:
    rows = [labelled("a", "Ice"), labelled("b", "ice"), labelled("c", "a/b"), labelled("d", "a:b")]
    write_dataset("imagefolder", tmp_path / "out", rows, pictures)
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == [
        "Ice",
        "a_b",
        "a_b-2",
        "ice-2",
    ]


def test_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(Conflict):
        write_dataset("csv", tmp_path, [], pictures)
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    def broken(ids: object) -> dict[str, bytes]:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageFailed, match="No space left"):
        write_dataset("imagefolder", tmp_path / "out", [labelled("a", "x")], broken)
    assert list(tmp_path.iterdir()) == []


def test_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        write_dataset("tiff", tmp_path / "out", [], pictures)
    assert "imagefolder" in refused.value.hint


def test_a_thousand_chips_are_read_in_batches(tmp_path: Path) -> None:
    sizes = []

    def counted(ids: object) -> dict[str, bytes]:
        found = pictures(ids)
        sizes.append(len(found))
        return found

    rows = (labelled(f"chip{number}", "x") for number in range(1000))
    assert write_dataset("imagefolder", tmp_path / "out", rows, counted).chips == 1000
    assert max(sizes) <= 256


@pytest.mark.parametrize(
    "media_type", ["image/bmp", "image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp"]
)
def test_every_kind_of_picture_gets_an_ending_that_readers_know(tmp_path: Path, media_type: str) -> None:
    write_dataset("imagefolder", tmp_path / "out", [labelled("a", "x", media_type=media_type)], pictures)
    (path,) = (tmp_path / "out/x").iterdir()
    assert path.suffix in {".bmp", ".gif", ".jpg", ".png", ".tif", ".webp"}


def test_an_empty_folder_that_a_shell_is_in_may_be_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_dataset("csv", Path(), [labelled("a", "x")], pictures)
    assert {path.name for path in Path.cwd().iterdir()} == {"chips.csv", "DATA_CARD.md"}
