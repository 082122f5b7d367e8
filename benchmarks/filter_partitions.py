"""What it saves that a filter by layer or time passes over fragments which hold nothing for it.

    python benchmarks/filter_partitions.py

A table as shards write it: four layers, each in fragments of 4096 chips of days that follow each other, and the same
rows once more in an order without any system. The peer, in the same run, is the comparison of every row by numpy, as it
was before fragments were known by what they hold. Vectors are of 8 numbers, because none is looked at: what is timed is
finding the rows that pass. CPU milliseconds, the median of 15.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from common import RESULTS, cpu_ms, record, table
from numpy.typing import NDArray

from earthcurator.models import Filter
from earthcurator.store.embeddings import Embeddings
from earthcurator.store.files import LocalFiles

DIM, FRAGMENT, REPEATS = 8, 4096, 15
LAYERS = ("terra", "aqua", "snpp", "noaa20")
FIRST = datetime(2002, 7, 4, tzinfo=UTC)
YEARS = 20
FILTERS = {
    "a day": Filter(start=FIRST + timedelta(days=4000), end=FIRST + timedelta(days=4001)),
    "a month": Filter(start=FIRST + timedelta(days=4000), end=FIRST + timedelta(days=4030)),
    "a month of one layer": Filter(
        start=FIRST + timedelta(days=4000), end=FIRST + timedelta(days=4030), layers=("aqua",)
    ),
    "a layer": Filter(layers=("aqua",)),
    "ten years": Filter(start=FIRST + timedelta(days=365), end=FIRST + timedelta(days=11 * 365)),
}

Columns = tuple[NDArray[np.int64], NDArray[np.int32]]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args(words)
    rows: list[dict[str, str | int | float]] = []
    for order in ("as shards write them", "in no order"):
        columns = made(options.rows, shuffled=order == "in no order")
        with TemporaryDirectory() as scratch:
            rows += measured(Path(scratch), columns, order)
    print(table(rows))
    record("filter_partitions", {"rows": options.rows, "fragment": FRAGMENT, "filters": rows}, folder=options.out)


def made(count: int, *, shuffled: bool) -> Columns:
    """Microseconds since 1970, and the number of the layer, of each row: one layer after the other, each by time."""
    each = -(-count // len(LAYERS))
    first = int(FIRST.timestamp()) * 1_000_000
    pace = YEARS * 365 * 86_400_000_000 // each
    times = np.tile(first + np.arange(each, dtype=np.int64) * pace, len(LAYERS))[:count]
    layers = np.repeat(np.arange(len(LAYERS), dtype=np.int32), each)[:count]
    order = np.random.default_rng(0).permutation(count) if shuffled else np.arange(count)
    return times[order], layers[order]


def measured(scratch: Path, columns: Columns, order: str) -> Iterator[dict[str, str | int | float]]:
    shelf = Embeddings(LocalFiles(scratch), "made", DIM)
    for first in range(0, len(columns[0]), FRAGMENT):
        shelf.table.append(fragment(columns, first))
    vectors = shelf.index.open()
    for name, condition in FILTERS.items():
        passing = vectors.select(condition)
        if not np.array_equal(passing, every_row(columns, condition)):
            raise SystemExit(f"error: {name} is answered wrongly")
        ours, theirs = (
            cpu_ms(partial(way, condition), REPEATS) for way in (vectors.select, partial(every_row, columns))
        )
        yield {
            "rows are": order,
            "filter": name,
            "passing": int(passing.sum()),
            "cpu_ms": round(ours, 3),
            "every row cpu_ms": round(theirs, 3),
            "ratio": round(theirs / ours, 1),
        }


def fragment(columns: Columns, first: int) -> pa.Table:
    times, layers = (column[first : first + FRAGMENT] for column in columns)
    count = len(times)
    vectors = np.zeros((count, DIM), np.float16)
    vectors[:, 0] = 1
    return pa.table(
        {
            "id": [f"{number:032x}" for number in range(first, first + count)],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM),
            "time": pa.array(times).cast(pa.timestamp("us", "UTC")),
            "lon": pa.nulls(count, pa.float64()),
            "lat": pa.nulls(count, pa.float64()),
            "layer": pa.array(np.array(LAYERS)[layers]),
            "folder": pa.nulls(count, pa.string()),
        }
    )


def every_row(columns: Columns, condition: Filter) -> NDArray[np.bool_]:
    """The peer."""
    times, layers = columns
    mask = np.ones(len(times), bool)
    if condition.start is not None:
        mask &= times >= int(condition.start.timestamp()) * 1_000_000
    if condition.end is not None:
        mask &= times < int(condition.end.timestamp()) * 1_000_000
    if condition.layers:
        mask &= np.array([name in condition.layers for name in LAYERS])[layers]
    return mask


if __name__ == "__main__":
    main()
