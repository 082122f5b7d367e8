"""Projects of other formats: older ones are brought up to date, newer ones are refused with a sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

import earthcurator as ec
from earthcurator.errors import NewerFormat, StorageFailed
from earthcurator.store.chips import SCHEMA
from earthcurator.store.files import Files, LocalFiles
from earthcurator.store.migrations import FORMAT, migrate, write_manifest
from earthcurator.store.tables import Table


def test_newer_format_is_refused_with_a_sentence(project: ec.Project) -> None:
    files = LocalFiles(Path(project.location))
    write_manifest(files, {"format": FORMAT + 1, "name": "from the future"})
    with pytest.raises(NewerFormat, match="newer than") as refused:
        ec.open(project.location)
    assert "upgrade" in refused.value.hint


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"format": "one"}', b'{"format": 0}'])
def test_damaged_manifest_is_refused_with_a_sentence(project: ec.Project, content: bytes) -> None:
    (Path(project.location) / "curator.json").write_bytes(content)
    with pytest.raises(StorageFailed, match=r"curator\.json"):
        ec.open(project.location)


def test_steps_run_once_in_order_and_are_recorded_one_by_one(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    write_manifest(files, {"format": 1, "name": "old"})
    seen = []

    def m002_first(files: Files) -> None:
        seen.append((2, json.loads(files.read("curator.json") or b"")["format"]))

    def m003_second(files: Files) -> None:
        seen.append((3, json.loads(files.read("curator.json") or b"")["format"]))

    steps = {2: m002_first, 3: m003_second}
    assert migrate(files, steps=steps, current=3)["format"] == 3
    assert seen == [(2, 1), (3, 2)]
    migrate(files, steps=steps, current=3)
    assert len(seen) == 2


def test_interrupted_step_runs_again(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    write_manifest(files, {"format": 1, "name": "old"})

    def m002_breaks(files: Files) -> None:
        raise StorageFailed("disk full")

    with pytest.raises(StorageFailed):
        migrate(files, steps={2: m002_breaks}, current=2)
    assert migrate(files, steps={2: lambda files: None}, current=2)["format"] == 2


def test_project_of_format_1_gets_the_columns_of_provenance(tmp_path: Path, make_pictures: Callable[..., Path]) -> None:
    columns = [field for field in SCHEMA if field.name not in {"requested", "version", "retrieved", "clouds", "values"}]
    with ec.create(tmp_path / "old") as project:
        project.import_pictures([make_pictures(3)])
        files, before = LocalFiles(Path(project.location)), sorted(project.chips.all(), key=lambda chip: chip.id)
        dataset = project.chips.table.dataset
        assert dataset is not None
        rows = dataset.to_table(columns=[field.name for field in columns])
    for name in ("chips.lance", "commits"):
        shutil.rmtree(tmp_path / "old" / name)
    Table(files, "chips", pa.schema(columns)).append(rows)
    write_manifest(files, {"format": 1, "name": "old"})
    with ec.open(tmp_path / "old") as project:
        assert sorted(project.chips.all(), key=lambda chip: chip.id) == before
        assert project.import_pictures([make_pictures(5)]).added == 2
        assert json.loads(files.read("curator.json") or b"")["format"] == FORMAT
