"""A filter passes over fragments that hold nothing for it, and over no row that passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from earthcurator.models import Filter
from earthcurator.store.embeddings import Embeddings, Facts
from earthcurator.store.files import LocalFiles
from earthcurator.store.partitions import MISSING_NAME, MISSING_TIME, Contents, Partitions
from earthcurator.store.vectors import StoredVectors

DIM = 8
FIRST = datetime(1969, 12, 30, tzinfo=UTC)  # so that some days are before 1970
LAYERS = ("terra", "aqua", "viirs", None)


def contents(times: list[int], layers: list[int]) -> Contents:
    return Contents().with_rows(np.array(times, np.int64), np.array(layers, np.int32))


def test_what_a_fragment_holds_leaves_out_what_is_not_known() -> None:
    assert contents([5, MISSING_TIME, -3], [2, MISSING_NAME, 0]) == Contents(-3, 5, (0, 2))
    assert contents([5], [2]).with_rows(np.array([9]), np.array([1])) == Contents(5, 9, (1, 2))


@pytest.mark.parametrize(
    ("start", "end", "layers", "spans"),
    [
        (None, None, None, [slice(0, 70)]),
        (20, None, None, [slice(10, 30)]),
        (20, 21, None, [slice(10, 30)]),
        (None, 20, None, [slice(0, 10)]),
        (30, None, None, []),
        (None, None, [1], [slice(10, 30)]),
        (None, None, [0], [slice(0, 10), slice(30, 70)]),
        (None, 20, [1], []),
        (None, None, [7], []),
        (None, None, [], []),
    ],
)
def test_only_fragments_that_may_hold_something_are_looked_at(
    start: int | None, end: int | None, layers: list[int] | None, spans: list[slice]
) -> None:
    parts = Partitions(
        [10, 20, 40], [contents([10, 19], [0, 0]), contents([20, 29], [1, 1]), contents([MISSING_TIME] * 2, [0, 0])]
    )
    assert parts.spans(start, end, layers) == spans


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Facts], StoredVectors]:
    """Thirty fragments: most of one layer and two days, some of anything, some of nothing known."""
    rng = np.random.default_rng(0)
    shelf = Embeddings(LocalFiles(tmp_path_factory.mktemp("shelf")), "test", DIM)
    everything: list[Facts] = []
    for fragment in range(30):
        count = int(rng.integers(1, 6))
        usual = fragment % 3 > 0
        facts: list[Facts] = [
            {
                "id": f"chip/{len(everything) + row}",
                "time": FIRST + timedelta(days=int(fragment // 3 + rng.integers(2) if usual else rng.integers(12)))
                if usual or rng.random() < 0.5
                else None,
                "lon": None,
                "lat": None,
                "layer": LAYERS[fragment % 4 if usual else int(rng.integers(4))],
                "folder": None,
            }
            for row in range(count)
        ]
        shelf.add(facts, np.eye(DIM, dtype=np.float32)[rng.integers(DIM, size=count)])
        everything += facts
    return everything, shelf.index.open()


def test_no_row_that_passes_is_passed_over(taken: tuple[list[Facts], StoredVectors]) -> None:
    everything, vectors = taken
    rng = np.random.default_rng(1)
    for _ in range(200):
        first, days = int(rng.integers(-1, 13)), int(rng.integers(1, 14))
        start = FIRST + timedelta(days=first) if rng.random() < 0.7 else None
        end = FIRST + timedelta(days=first + days) if rng.random() < 0.7 else None
        named = ["terra", "aqua", "viirs", "unheard of"]
        layers = tuple(rng.choice(named, int(rng.integers(3)), replace=False).tolist())
        expected = [
            each["id"]
            for each in everything
            if (start is None or (each["time"] is not None and each["time"] >= start))
            and (end is None or (each["time"] is not None and each["time"] < end))
            and (not layers or each["layer"] in layers)
        ]
        assert vectors.ids(np.flatnonzero(vectors.select(Filter(start=start, end=end, layers=layers)))) == expected
