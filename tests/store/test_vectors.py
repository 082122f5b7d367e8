"""The sidecar follows its table through appends, rewrites and damage; the vector index keeps its recall."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from earthcurator.models import Box, Filter
from earthcurator.search import search
from earthcurator.store.embeddings import Embeddings, Facts
from earthcurator.store.files import LocalFiles
from earthcurator.store.vectors import StoredVectors, VectorIndex

DIM = 16
NOON = datetime(2020, 8, 16, 12, tzinfo=UTC)


def unit(count: int, seed: int = 0, dim: int = DIM) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((20, dim))
    rows = centers[rng.integers(20, size=count)] + 0.5 * rng.standard_normal((count, dim))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def facts(
    chip: str,
    *,
    time: datetime | None = None,
    lon: float | None = None,
    lat: float | None = None,
    layer: str | None = None,
    folder: str | None = None,
) -> Facts:
    return {"id": chip, "time": time, "lon": lon, "lat": lat, "layer": layer, "folder": folder}


class Shelf:
    """A project's embeddings with a small index, filled with vectors of our own."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.embeddings = Embeddings(LocalFiles(root), "test", DIM)
        self.cache = root / "cache" / "embeddings" / "test"
        self.index = VectorIndex(self.embeddings.table, self.cache, DIM, index_from=2_000, tail_rows=300)
        self.expected = np.empty((0, DIM), np.float32)

    def add(self, count: int, seed: int) -> None:
        start = len(self.expected)
        rows = unit(count, seed)
        self.expected = np.concatenate([self.expected, rows])
        self.embeddings.add([facts(f"chip/{start + row}") for row in range(count)], rows)

    def whole(self) -> StoredVectors:
        """The vectors, after checking that they are those that were added."""
        vectors = self.index.open()
        everything = np.arange(len(self.expected))
        np.testing.assert_allclose(vectors.vectors(everything), self.expected, atol=1e-3)
        assert vectors.ids(everything) == [f"chip/{row}" for row in everything]
        return vectors


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "project")


def copies(shelf: Shelf) -> list[str]:
    return sorted(entry.name for entry in shelf.cache.iterdir() if entry.is_dir())


def test_a_table_without_rows_has_no_vectors(shelf: Shelf) -> None:
    vectors = shelf.index.open()
    assert len(vectors) == 0
    assert vectors.row_of("chip/0") is None
    assert vectors.select(Filter(layers=("a",))).shape == (0,)
    assert search(vectors, unit(1), k=5).rows.size == 0
    shelf.index.maintain()


def test_vectors_and_ids_come_back_in_the_order_of_arrival(shelf: Shelf) -> None:
    for seed in range(3):
        shelf.add(40 + seed, seed)
    vectors = shelf.whole()
    assert vectors.row_of("chip/100") == 100
    assert vectors.row_of("chip/10000") is None
    assert np.linalg.norm(vectors.vectors(slice(None)), axis=1) == pytest.approx(1, abs=1e-6)


def test_an_append_extends_the_sidecar_in_place(shelf: Shelf) -> None:
    shelf.add(50, 0)
    before = shelf.whole()
    shelf.add(30, 1)
    assert len(shelf.whole()) == 80
    assert len(before) == 50
    assert copies(shelf) == ["1"]


def test_a_compacted_table_gets_a_new_sidecar(shelf: Shelf) -> None:
    for seed in range(3):
        shelf.add(20, seed)
    shelf.whole()
    shelf.embeddings.table.change(lambda dataset: dataset.optimize.compact_files())
    shelf.whole()
    assert copies(shelf) == ["2"]


@pytest.mark.parametrize("name", ["vectors", "ids", "time", "sidecar.json"])
def test_a_damaged_sidecar_is_rebuilt(shelf: Shelf, name: str) -> None:
    shelf.add(50, 0)
    shelf.whole()
    path = shelf.cache / name if name == "sidecar.json" else shelf.cache / "1" / name
    path.write_bytes(path.read_bytes()[:10])
    again = Shelf(shelf.cache.parents[2])
    again.expected = shelf.expected
    again.whole()
    assert copies(again) == ["2"]


def test_the_rest_of_an_interrupted_append_is_overwritten(shelf: Shelf) -> None:
    shelf.add(50, 0)
    shelf.whole()
    with (shelf.cache / "1" / "vectors").open("ab") as file:
        file.write(b"half a row")
    shelf.add(50, 1)
    shelf.whole()


def test_an_older_view_of_the_table_reads_a_newer_sidecar(shelf: Shelf) -> None:
    shelf.add(50, 0)
    older = Shelf(shelf.cache.parents[2])
    older.expected = shelf.expected
    shelf.add(50, 1)
    shelf.whole()
    assert len(older.whole()) == 50
    assert copies(shelf) == ["1"]


def test_readers_that_start_together_agree(shelf: Shelf) -> None:
    shelf.add(500, 0)
    shelves = [Shelf(shelf.cache.parents[2]) for _ in range(6)]
    for other in shelves:
        other.expected = shelf.expected
    with ThreadPoolExecutor(6) as pool:
        assert [len(vectors) for vectors in pool.map(Shelf.whole, shelves)] == [500] * 6
    assert copies(shelf) == ["1"]


def test_a_sidecar_of_another_format_is_rebuilt(shelf: Shelf) -> None:
    shelf.add(5, 0)
    shelf.whole()
    state = shelf.cache / "sidecar.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"format": 99}))
    again = Shelf(shelf.cache.parents[2])
    again.expected = shelf.expected
    again.whole()


@pytest.fixture
def places(shelf: Shelf) -> StoredVectors:
    rows = [
        facts("fiji", time=NOON, lon=179.5, lat=-17, layer="viirs", folder="island"),
        facts("samoa", time=NOON + timedelta(days=1), lon=-172, lat=-13.5, layer="modis", folder="island"),
        facts("paris", time=NOON + timedelta(days=2), lon=2.35, lat=48.85, layer="viirs", folder="city"),
        facts("nowhere", layer=None),
        facts("pre-epoch", time=datetime(1960, 1, 1, tzinfo=UTC), lon=0, lat=90, folder="pole"),
    ]
    shelf.embeddings.add(rows, unit(len(rows)))
    return shelf.index.open()


@pytest.mark.parametrize(
    ("condition", "passing"),
    [
        (Filter(), ["fiji", "samoa", "paris", "nowhere", "pre-epoch"]),
        (Filter(box=Box(west=170, south=-20, east=-170, north=-10)), ["fiji", "samoa"]),
        (Filter(box=Box(west=-180, south=-90, east=180, north=90)), ["fiji", "samoa", "paris", "pre-epoch"]),
        (Filter(start=NOON, end=NOON + timedelta(days=1)), ["fiji"]),
        (Filter(end=NOON + timedelta(days=1)), ["fiji", "pre-epoch"]),
        (Filter(start=NOON + timedelta(days=1)), ["samoa", "paris"]),
        (Filter(layers=("viirs",)), ["fiji", "paris"]),
        (Filter(layers=("viirs", "modis"), folders=("island",)), ["fiji", "samoa"]),
        (Filter(folders=("unheard of",)), []),
    ],
)
def test_a_filter_passes_the_chips_it_describes(places: StoredVectors, condition: Filter, passing: list[str]) -> None:
    assert places.ids(np.flatnonzero(places.select(condition))) == passing


def recall(vectors: StoredVectors, expected: NDArray[np.float32], k: int = 10) -> float:
    """Share of the true `k` nearest that the index offers among 4k candidates."""
    queries = unit(30, seed=0)
    truth = np.argsort(-(queries @ expected.T), axis=1)[:, :k]
    hits = 0
    for query, wanted in zip(queries, truth, strict=True):
        offered = vectors.nearest(query[np.newaxis], 4 * k)
        assert offered is not None
        hits += len(np.intersect1d(offered, wanted))
    return hits / truth.size


def test_the_index_keeps_its_recall_through_appends(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    shelf.add(1_500, 0)
    shelf.index.maintain()
    assert shelf.whole().nearest(unit(1), 10) is None  # too few for an index

    shelf.add(1_500, 1)
    shelf.index.maintain()
    assert recall(shelf.whole(), shelf.expected) > 0.95

    shelf.add(200, 2)
    shelf.index.maintain()  # too few for an index of their own: compared one by one
    assert recall(shelf.whole(), shelf.expected) > 0.95

    shelf.add(250, 3)
    shelf.index.maintain()  # a second index beside the first
    assert recall(shelf.whole(), shelf.expected) > 0.95

    shelf.add(1_000, 4)
    shelf.index.maintain()  # one index over all
    assert recall(shelf.whole(), shelf.expected) > 0.95

    assert [record.message for record in caplog.records if record.name.endswith("store.vectors")] == [
        "building the vector index of 3000 rows",
        "indexing 450 new rows",
        "building the vector index of 4450 rows",
    ]


def test_several_examples_get_candidates_of_each_once(shelf: Shelf) -> None:
    shelf.add(2_500, 0)
    shelf.index.maintain()
    examples = shelf.expected[[3, 2_000]]
    rows = shelf.whole().nearest(examples, 20)
    assert rows is not None
    assert {3, 2_000} <= set(rows.tolist())
    assert len(set(rows.tolist())) == len(rows)


def clustered(count: int, seed: int) -> NDArray[np.float32]:
    """`(count, 128)` unit rows like those of an encoder: bent clusters of few inner dimensions, and some noise."""
    rng = np.random.default_rng(seed)
    shape = np.random.default_rng(7)  # the same clusters for every seed
    centers, bend = shape.standard_normal((100, 20)), shape.standard_normal((20, 128))
    inner = centers[rng.integers(100, size=count)] + 0.4 * rng.standard_normal((count, 20))
    rows = np.tanh(inner @ bend / 4) + 0.02 * rng.standard_normal((count, 128))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows, np.float32)


@pytest.mark.parametrize("kept", [1.0, 0.8])
def test_search_through_the_index_finds_what_comparing_all_finds(tmp_path: Path, kept: float) -> None:
    count, rows = 40_000, clustered(40_000, 1)
    embeddings = Embeddings(LocalFiles(tmp_path), "test", 128)
    days = [NOON + timedelta(days=number % 10) for number in range(count)]
    embeddings.add([facts(f"chip/{row}", time=day) for row, day in enumerate(days)], rows)
    index = VectorIndex(embeddings.table, tmp_path / "cache", 128, index_from=20_000)
    index.maintain()
    vectors = index.open()
    end = NOON + timedelta(days=10 * kept)
    passing = np.flatnonzero([day < end for day in days])
    number = np.array([int(chip.removeprefix("chip/")) for chip in vectors.ids(np.arange(count))])
    found = approximate = 0
    for query in clustered(40, 2):
        ranking = search(vectors, query[np.newaxis], k=100, filter=Filter(end=end) if kept < 1 else Filter())
        approximate += not ranking.exact
        true = passing[np.argsort(-(rows[passing] @ query))[:100]]
        found += len(np.intersect1d(number[ranking.rows], true))
    assert found / 4_000 >= 0.985
    assert approximate >= 30  # or the index was not tested
