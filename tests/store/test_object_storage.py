"""A project on S3 behaves like one in a folder: against a real server, SeaweedFS."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

import earthcurator as ec
from earthcurator.errors import Conflict, NotFound, StorageFailed
from earthcurator.models import Arrival, Chip
from earthcurator.settings import Settings
from earthcurator.store import Chips, Embeddings, tables
from earthcurator.store.files import BucketFiles
from earthcurator.store.vectors import VectorIndex


@pytest.fixture
def url() -> str:
    return f"s3://ready/{uuid4().hex}"


def test_import_embed_search_export_on_s3(
    s3_settings: Settings, url: str, make_pictures: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_pictures(30)
    with ec.create(url) as project:
        assert project.import_pictures([folder]).added == 30
        assert project.embed().added == 30
    with ec.open(url) as again:
        assert again.import_pictures([folder]).added == 0
        assert again.embed().added == 0
        found = again.search(ec.Query(positives=[str(folder / "field/00000.png")], k=3))
        assert found.hits[0].score == pytest.approx(1, abs=2e-3)
        assert again.export(tmp_path / "out").chips == 30


def test_the_cache_of_a_bucket_project_may_be_deleted(
    s3_settings: Settings, url: str, make_pictures: Callable[..., Path]
) -> None:
    with ec.create(url) as project:
        project.import_pictures([make_pictures(5)])
        project.embed()
        query = ec.Query(positives=[next(project.chips.all())], k=5)
        before = project.search(query)
    for path in sorted(s3_settings.cache.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with ec.open(url) as project:
        assert project.search(query) == before


def test_second_project_at_the_same_url_is_a_conflict(s3_settings: Settings, url: str) -> None:
    ec.create(url).close()
    with pytest.raises(Conflict):
        ec.create(url)


def test_no_project_at_a_url_is_not_found(s3_settings: Settings, url: str) -> None:
    with pytest.raises(NotFound, match="no project"):
        ec.open(url)


def test_wrong_key_is_one_sentence(s3_settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StorageFailed, match="cannot be read") as refused:
        ec.open(url)
    assert "\n" not in str(refused.value)


def test_four_writers_lose_nothing(s3_settings: Settings, url: str) -> None:
    ec.create(url).close()

    def write(writer: int) -> int:
        chips = chips_at(url, s3_settings)
        return sum(chips.add([_arrival(f"{writer}-{number}")]) for number in range(8))

    with ThreadPoolExecutor(4) as writers:
        assert sum(writers.map(write, range(4))) == 32
    assert len(ids_at(url)) == len(set(ids_at(url))) == 32


def test_four_writers_of_the_same_chips_double_nothing(s3_settings: Settings, url: str) -> None:
    ec.create(url).close()

    def write(_: int) -> int:
        chips = chips_at(url, s3_settings)
        return sum(chips.add([_arrival(f"{batch}-{number}") for number in range(5)]) for batch in range(6))

    with ThreadPoolExecutor(4) as writers:
        assert sum(writers.map(write, range(4))) == 30
    assert len(ids_at(url)) == len(set(ids_at(url))) == 30


def test_a_program_that_died_before_it_made_a_table_blocks_nobody(
    s3_settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ec.create(url).close()
    chips = chips_at(url, s3_settings)
    files_at(url, s3_settings).claim("chips")
    monkeypatch.setattr(tables, "_OTHER_SECONDS", 0.2)
    assert chips.add([_arrival("one")]) == 1


def test_keys_of_one_cloud_are_not_given_to_another(s3_settings: Settings, tmp_path: Path) -> None:
    files = BucketFiles("gs://bucket/project", storage_options=s3_settings.storage_options(), cache=tmp_path)
    assert files.storage_options == {}


def files_at(url: str, settings: Settings) -> BucketFiles:
    return BucketFiles(url, storage_options=settings.storage_options(), cache=settings.cache)


def chips_at(url: str, settings: Settings) -> Chips:
    return Chips(files_at(url, settings))


def ids_at(url: str) -> list[str]:
    with ec.open(url) as project:
        return [chip.id for chip in project.chips.all()]


def _arrival(name: str) -> Arrival:
    chip = Chip(id=name, media_type="image/png", width=1, height=1, sha256="0" * 64, origin=name)
    return Arrival(chip, b"bytes")


def test_the_index_of_a_table_on_s3_knows_every_row(s3_settings: Settings, url: str, tmp_path: Path) -> None:
    """What builds it is partly ours, and goes through files on this machine."""
    vectors = np.random.default_rng(0).standard_normal((12_000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embeddings = Embeddings(files_at(url, s3_settings), "test", 16)
    facts = {"time": None, "lon": None, "lat": None, "layer": None, "folder": None}
    for start in (0, 6_000):  # two fragments
        block = vectors[start : start + 6_000]
        embeddings.add([{"id": f"{start + row}", **facts} for row in range(len(block))], block)
    index = VectorIndex(embeddings.table, tmp_path / "vectors", 16, index_from=10_000)
    index.maintain()
    stored = index.open()
    assert stored.indexed
    for row in (0, 5_999, 6_000, 11_999):
        found = stored.nearest(vectors[row : row + 1], 10)
        assert found is not None
        assert row in found
