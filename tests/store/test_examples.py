"""Pictures that people searched by: kept, within bounds."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest

from earthcurator.errors import NotFound
from earthcurator.settings import Settings
from earthcurator.store import examples as store
from earthcurator.store.examples import Examples
from earthcurator.store.files import BucketFiles, LocalFiles


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    return Examples(LocalFiles(tmp_path))


def added(examples: Examples, folder: Path, *pictures: bytes) -> list[str]:
    """Ids of the pictures, added a second after each other."""
    names = []
    for picture in pictures:
        for kept in (folder / "examples").glob("*"):
            os.utime(kept, ns=(0, kept.stat().st_mtime_ns - 10**9))
        names.append(examples.add(picture))
    return names


def there(examples: Examples, names: list[str]) -> list[bool]:
    def is_there(name: str) -> bool:
        try:
            return bool(examples.get(name))
        except NotFound:
            return False

    return [is_there(name) for name in names]


def test_oldest_examples_go_when_there_are_too_many(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_EXAMPLES", 3)
    names = added(examples, tmp_path, b"a", b"b", b"c", b"d", b"e")
    assert there(examples, names) == [False, False, True, True, True]


def test_oldest_examples_go_when_they_are_too_large_together(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_BYTES", 10)
    names = added(examples, tmp_path, b"a" * 4, b"b" * 4, b"c" * 6)
    assert there(examples, names) == [False, True, True]
    (largest,) = added(examples, tmp_path, b"d" * 11)
    assert there(examples, [*names, largest]) == [False, False, False, True]


def test_example_that_is_added_again_is_new_again(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_EXAMPLES", 2)
    names = added(examples, tmp_path, b"a", b"b", b"a", b"c")
    assert names[0] == names[2]
    assert there(examples, names) == [True, False, True, True]


def test_examples_on_object_storage_make_room_too(
    s3_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_EXAMPLES", 2)
    examples = Examples(
        BucketFiles(f"s3://ready/{uuid4().hex}", storage_options=s3_settings.storage_options(), cache=tmp_path)
    )
    names = [examples.add(picture) for picture in (b"a", b"b", b"c")]
    assert there(examples, names).count(True) == 2
    assert there(examples, names[2:]) == [True]


def test_example_that_is_gone_says_so(examples: Examples) -> None:
    with pytest.raises(NotFound, match="made room") as caught:
        examples.get("0" * 64)
    assert "upload" in caught.value.hint
