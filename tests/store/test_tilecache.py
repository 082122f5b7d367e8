"""Tiles kept on disk, used by several programs, cut off at any moment."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from earthcurator.errors import NotAllowed, StorageFailed
from earthcurator.models import StoredTile
from earthcurator.store.tilecache import SqliteTileCache

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def tile(number: int, content: bytes) -> StoredTile:
    return StoredTile(
        url=f"https://example.org/{number}.jpg",
        status="picture",
        sha256=sha256(content).hexdigest(),
        media_type="image/jpeg",
        layer="L_v6_STD",
        time=NOW,
        etag='"x"',
        retrieved=NOW,
        checked=NOW,
    )


def content(number: int, size: int = 1000) -> bytes:
    return number.to_bytes(4, "big") * (size // 4)


def picture_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "sqlite" not in path.name]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SqliteTileCache]:
    with SqliteTileCache(tmp_path / "tiles") as made:
        yield made


def test_what_was_put_in_comes_out(cache: SqliteTileCache) -> None:
    stored = tile(1, content(1))
    cache.put(stored, content(1))
    assert cache.get(stored.url) == stored
    assert cache.read(stored.sha256) == content(1)
    assert cache.get("https://example.org/other.jpg") is None
    assert cache.read("0" * 64) is None


def test_a_missing_tile_is_remembered_without_bytes(cache: SqliteTileCache) -> None:
    missing = StoredTile(url="u", status="missing", retrieved=NOW, checked=NOW)
    cache.put(missing, b"")
    assert cache.get("u") == missing


def test_the_same_bytes_are_kept_once(cache: SqliteTileCache, tmp_path: Path) -> None:
    for number in range(50):
        cache.put(tile(number, b"blank"), b"blank")
    assert len(picture_files(tmp_path)) == 1


def test_damaged_bytes_count_as_absent(cache: SqliteTileCache, tmp_path: Path) -> None:
    stored = tile(1, content(1))
    cache.put(stored, content(1))
    picture_files(tmp_path)[0].write_bytes(content(1)[:500])
    assert cache.read(stored.sha256) is None
    assert cache.get(stored.url) is None
    cache.put(stored, content(1))
    assert cache.read(stored.sha256) == content(1)


def test_the_cap_removes_what_was_not_used_for_longest(tmp_path: Path) -> None:
    clock = iter(range(1000)).__next__
    with SqliteTileCache(tmp_path, clock=clock) as first:
        for number in range(10):
            first.put(tile(number, content(number)), content(number))
    with SqliteTileCache(tmp_path, clock=clock) as second:
        second.read(tile(0, content(0)).sha256)
    with SqliteTileCache(tmp_path, cap_bytes=5000, clock=clock) as third:
        third.trim()
        left = [number for number in range(10) if third.get(tile(number, b"").url)]
    assert left == [0, 6, 7, 8, 9]
    assert len(picture_files(tmp_path)) == 5


def test_trimming_never_removes_what_this_program_used(tmp_path: Path) -> None:
    clock = iter(range(1000)).__next__
    with SqliteTileCache(tmp_path, clock=clock) as first:
        for number in range(10):
            first.put(tile(number, content(number)), content(number))
    with SqliteTileCache(tmp_path, cap_bytes=1000, clock=clock) as second:
        second.read(tile(2, content(2)).sha256)
        second.put(tile(10, content(10)), content(10))
        second.trim()
        assert [number for number in range(11) if second.get(tile(number, b"").url)] == [2, 10]


def test_many_threads_and_programs_share_it(tmp_path: Path) -> None:
    caches = [SqliteTileCache(tmp_path) for _ in range(3)]

    def use(number: int) -> bool:
        mine = caches[number % 3]
        mine.put(tile(number, content(number % 7)), content(number % 7))
        return mine.read(tile(number, content(number % 7)).sha256) == content(number % 7)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(use, range(120)))
    for one in caches:
        one.close()


def test_a_newer_answer_replaces_the_older(cache: SqliteTileCache) -> None:
    cache.put(tile(1, content(1)), content(1))
    newer = replace(tile(1, content(2)), layer="L_v7_STD")
    cache.put(newer, content(2))
    assert cache.get(newer.url) == newer


def test_a_read_only_folder_is_told_in_one_sentence(
    tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    with unprivileged(), pytest.raises(NotAllowed, match="cannot be written") as told:
        SqliteTileCache(folder)
    assert told.value.hint


def test_a_file_that_is_no_cache_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tiles.sqlite").write_bytes(b"something else, and more than a hundred bytes of it" * 5)
    with pytest.raises(StorageFailed, match="damaged"):
        SqliteTileCache(tmp_path)


def test_a_cache_held_by_another_program_is_told(cache: SqliteTileCache) -> None:
    cache._db.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(cache.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailed, match="locked by another program"):
            cache.put(tile(1, content(1)), content(1))
        other.execute("ROLLBACK")
    cache.put(tile(1, content(1)), content(1))


_FILL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.store.test_tilecache import content, tile
from earthcurator.errors import StorageFailed
from earthcurator.store.tilecache import SqliteTileCache
cache = SqliteTileCache(Path(sys.argv[1]))
cache.put(tile(1, content(1)), content(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    for number in range(2, 2000):
        cache.put(tile(number, content(number, 40_000)), content(number, 40_000))
except StorageFailed as exc:
    print(exc)
"""


@pytest.mark.parametrize("limit", [30_000, 100_000])  # the tile does not fit; the addresses do not fit
def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path: Path, limit: int) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(tmp_path), str(root), str(limit)], capture_output=True, text=True, check=True
    )
    assert "no space left" in done.stdout
    assert not list(tmp_path.rglob("*.tmp"))
    with SqliteTileCache(tmp_path) as again:
        kept = [number for number in range(1, 2000) if again.get(tile(number, b"").url)]
        assert 1 in kept
        for number in kept:
            size = 1000 if number == 1 else 40_000
            assert again.read(tile(number, content(number, size)).sha256) == content(number, size)
