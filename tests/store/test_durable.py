"""A broken newest manifest must not cost the project, and the user is told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lance
import pyarrow as pa
import pytest

from earthcurator.errors import ProjectHealed, StorageFailed
from earthcurator.store.durable import write_durably
from earthcurator.store.files import LocalFiles
from earthcurator.store.tables import Table

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False)])


def rows(*ids: str) -> pa.Table:
    return pa.table({"id": list(ids)}, schema=SCHEMA)


def ids(table: Table) -> list[str]:
    assert table.dataset is not None
    return sorted(table.dataset.to_table()["id"].to_pylist())


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    """A project folder whose table `t` has three commits."""
    files = LocalFiles(tmp_path)
    table = Table(files, "t", SCHEMA)
    for name in "abc":
        table.append(rows(name))
    return files


def newest_manifest(files: LocalFiles) -> Path:
    return min((files.root / "t.lance/_versions").glob("*.manifest"))


BREAKAGES: dict[str, Callable[[Path], object]] = {
    "zero bytes": lambda path: path.write_bytes(b""),
    "first half only": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "last byte gone": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "all zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_broken_newest_manifest_is_restored_without_loss_and_told(files: LocalFiles, breakage: str) -> None:
    BREAKAGES[breakage](newest_manifest(files))
    with pytest.warns(ProjectHealed, match="Nothing was lost"):
        healed = Table(files, "t", SCHEMA)
    assert ids(healed) == ["a", "b", "c"]
    healed.append(rows("d"))
    assert ids(Table(files, "t", SCHEMA)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("hint", [b"", b"\0" * 13, b'{"version":', b'{"version":1}', b'{"version":99}'])
def test_broken_version_hint_is_harmless(files: LocalFiles, hint: bytes) -> None:
    (files.root / "t.lance/_versions/latest_version_hint.json").write_bytes(hint)
    assert ids(Table(files, "t", SCHEMA)) == ["a", "b", "c"]


def test_commit_that_was_not_promised_but_is_whole_is_kept(files: LocalFiles, tmp_path: Path) -> None:
    record = files.root / "commits/t"
    before = tmp_path / "record"
    shutil.copytree(record, before)
    Table(files, "t", SCHEMA).append(rows("d"))
    shutil.rmtree(record)  # as after kill -9 between Lance's commit and our record of it
    shutil.copytree(before, record)
    assert ids(Table(files, "t", SCHEMA)) == ["a", "b", "c", "d"]


def test_torn_data_of_an_unpromised_commit_is_set_aside_and_told(files: LocalFiles, tmp_path: Path) -> None:
    record = files.root / "commits/t"
    before = tmp_path / "record"
    shutil.copytree(record, before)
    old_data = set((files.root / "t.lance/data").iterdir())
    Table(files, "t", SCHEMA).append(rows("d"))
    shutil.rmtree(record)
    shutil.copytree(before, record)
    (new_data,) = set((files.root / "t.lance/data").iterdir()) - old_data
    new_data.write_bytes(bytes(new_data.stat().st_size))  # what ext4 leaves after a power cut
    with pytest.warns(ProjectHealed, match="set aside"):
        healed = Table(files, "t", SCHEMA)
    assert ids(healed) == ["a", "b", "c"]
    assert list((files.root / "quarantine").iterdir())
    healed.append(rows("d"))
    assert ids(Table(files, "t", SCHEMA)) == ["a", "b", "c", "d"]


def test_table_that_vanished_is_an_error_not_an_empty_table(files: LocalFiles) -> None:
    shutil.rmtree(files.root / "t.lance")
    with pytest.raises(StorageFailed, match="missing"):
        Table(files, "t", SCHEMA)


def test_every_commit_syncs_its_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = set()
    fsync = os.fsync

    def recorded(handle: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    table = Table(LocalFiles(tmp_path), "t", SCHEMA)
    monkeypatch.setattr(os, "fsync", recorded)
    table.append(rows("a"))
    folder = tmp_path / "t.lance"
    written = {str(path) for path in folder.rglob("*") if path.is_file()}
    assert written
    assert written <= synced
    assert {str(path) for path in folder.rglob("*") if path.is_dir()} | {str(folder), str(tmp_path)} <= synced
    assert str(tmp_path / "commits/t") in synced


def test_a_table_copied_without_its_record_opens_at_its_newest_version(files: LocalFiles) -> None:
    shutil.rmtree(files.root / "commits")
    assert ids(Table(files, "t", SCHEMA)) == ["a", "b", "c"]
    assert list((files.root / "commits/t").iterdir())


def test_without_a_record_damage_to_one_old_file_hides_no_version(files: LocalFiles) -> None:
    shutil.rmtree(files.root / "commits")
    min((files.root / "t.lance/data").iterdir(), key=lambda path: path.stat().st_mtime_ns).write_bytes(b"")
    table = Table(files, "t", SCHEMA)
    assert table.dataset is not None
    assert table.dataset.count_rows() == 3
    assert not (files.root / "quarantine").exists()


def test_trouble_of_the_machine_is_not_taken_for_a_torn_file(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_last_commit(files)

    def too_many_open_files(*_: object, **__: object) -> None:
        raise OSError("LanceError(IO): Too many open files (os error 24)")

    monkeypatch.setattr(lance, "dataset", too_many_open_files)
    with pytest.raises(StorageFailed, match="Too many open files"):
        Table(files, "t", SCHEMA)
    monkeypatch.undo()
    assert ids(Table(files, "t", SCHEMA)) == ["a", "b", "c"]


def test_folder_copied_during_a_commit_goes_back_to_what_is_whole_and_says_so(
    files: LocalFiles, tmp_path: Path
) -> None:
    copy = LocalFiles(tmp_path / "copy")
    copy.root.mkdir()
    shutil.copytree(files.root / "t.lance", copy.root / "t.lance")
    Table(files, "t", SCHEMA).append(rows("d"))
    shutil.copytree(files.root / "commits", copy.root / "commits")
    with pytest.warns(ProjectHealed, match="missing"):
        table = Table(copy, "t", SCHEMA)
    assert ids(table) == ["a", "b", "c"]
    table.append(rows("d"))
    assert ids(Table(copy, "t", SCHEMA)) == ["a", "b", "c", "d"]


def test_healing_that_had_to_wait_happens_before_the_next_commit(files: LocalFiles) -> None:
    torn = forget_last_commit(files)
    torn.write_bytes(bytes(torn.stat().st_size))
    with files.lock("t"):
        waiting = Table(files, "t", SCHEMA)  # another program is at work here
    with pytest.warns(ProjectHealed, match="set aside"):
        waiting.append(rows("d"))
    assert ids(Table(files, "t", SCHEMA)) == ["a", "b", "d"]


def forget_last_commit(files: LocalFiles) -> Path:
    """Undo the record of the last commit, as a kill before it would; gives the data file of that commit."""
    record = files.root / "commits/t"
    versions = sorted((files.root / "t.lance/_versions").glob("*.manifest"))
    (record / versions[0].name).unlink()
    shutil.copy(versions[1], record)
    return max((files.root / "t.lance/data").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def test_threads_that_write_one_file_leave_one_whole_file(tmp_path: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(4)]

    def write(content: bytes) -> None:
        for _ in range(20):
            write_durably(tmp_path / "file", content)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, contents))
    assert (tmp_path / "file").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
