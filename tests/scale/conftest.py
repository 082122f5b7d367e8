"""Projects with chips to embed, in a folder and on a real S3 server; and a fake GIBS to download from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

import earthcurator as ec
from earthcurator.scale import missing, run_shard
from earthcurator.settings import Settings
from tests.gibs.conftest import gibs, settings  # noqa: F401 - fixtures
from tests.store.conftest import s3, s3_settings  # noqa: F401

PICTURES = 40


@pytest.fixture
def folder(tmp_path: Path, make_pictures: Callable[..., Path]) -> str:
    """Where a project with 40 chips is, none of them embedded."""
    where = str(tmp_path / "shared")
    fill(where, make_pictures)
    return where


@pytest.fixture
def bucket(s3_settings: Settings, make_pictures: Callable[..., Path]) -> str:  # noqa: F811
    """The same, on the S3 server."""
    where = f"s3://ready/{uuid4().hex}"
    fill(where, make_pictures)
    return where


@pytest.fixture
def alone(tmp_path: Path, make_pictures: Callable[..., Path]) -> str:
    """A project with the same chips, embedded by one process."""
    where = str(tmp_path / "alone")
    fill(where, make_pictures)
    with ec.open(where) as project:
        project.embed()
    return where


@pytest.fixture(params=["folder", "bucket"])
def location(request: pytest.FixtureRequest) -> str:
    """The one and the other."""
    return str(request.getfixturevalue(request.param))


def fill(where: str, make_pictures: Callable[..., Path]) -> None:
    with ec.create(where) as project:
        project.import_pictures([make_pictures(PICTURES)])


def run_all(project: ec.Project, plan: str) -> list[str]:
    """Do what is missing, in this process."""
    return [run_shard(project, plan, index) for index in missing(project, plan)]


def vectors_of(where: str) -> dict[str, NDArray[np.float16]]:
    """Chip → its vector, as stored. Fails when a chip has two."""
    with ec.open(where) as project:
        dataset = project.embeddings(project.encoder()).table.dataset
        rows = dataset.to_table(columns=["id", "vector"]).to_pylist() if dataset else []
    found = {row["id"]: np.array(row["vector"], np.float16) for row in rows}
    assert len(found) == len(rows)
    return found


def assert_finds_the_same(where: str, expected: str) -> None:
    """Every chip, asked with, finds the same chips with the same scores in both projects; up to float16."""
    assert vectors_of(where).keys() == vectors_of(expected).keys()
    with ec.open(where) as one, ec.open(expected) as other:
        for chip in other.chips.all():
            ours, theirs = (each.search(ec.Query(positives=[chip], k=PICTURES)).hits for each in (one, other))
            assert {hit.chip for hit in ours} == {hit.chip for hit in theirs}
            scores = {hit.chip: hit.score for hit in theirs}
            np.testing.assert_allclose([hit.score for hit in ours], [scores[hit.chip] for hit in ours], atol=2e-3)


def ids_of(where: str, *, opened_with: Settings | None = None) -> list[str]:
    with ec.open(where, settings=opened_with) as project:
        return [chip.id for chip in project.chips.all()]


def children_of(parent: int, word: bytes) -> list[int]:
    """The children of a process that have this word in their command line."""
    found = []
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        for pid in map(int, children.read_text().split()):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
                if word in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
    return found


def data_files(where: str) -> set[str]:
    """The data files of the vectors of a project in a folder, named by the table or not."""
    return {path.name for path in Path(where).glob("embeddings/*.lance/data/*")}
