"""Building the vector index of a table.

Lance assigns rows of half precision to partitions with arithmetic that CPUs do not have: of the 56 CPU-seconds that an
index over a million rows of 128 took, 44 went there, and that part grows with the square of the rows. Here one matrix
product in single precision says which partition a row belongs to; Lance is given the answer and does all the rest
(benchmarks/index_build.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryDirectory

import lance
import numpy as np
import pyarrow as pa
from lance.indices import IndicesBuilder
from numpy.typing import NDArray

PARTITION_ROWS = 4096
"""Rows a partition, as Lance chooses it."""
NUM_BITS = 3
"""Bits a dimension in the index; scores come from the sidecar. 5 bits: 44 % larger, the same recall (vectors.md §2)."""
SAMPLE_RATE = 64
"""Rows a partition that the partitions are learnt from."""
_BATCH = 16_384
_BLOCK = 1024  # rows whose products with all centroids are in the cache together
_ASSIGNED = pa.schema([("row_id", pa.uint64()), ("partition", pa.uint32())])  # the names are Lance's

Floats = NDArray[np.float32]


def build_index(dataset: lance.LanceDataset, name: str) -> None:
    """Index all rows of the column `vector`, which are of unit length, in place of the index of that name."""
    partitions = max(1, dataset.count_rows() // PARTITION_ROWS)
    with TemporaryDirectory(prefix="curator-index-") as scratch:
        centroids = _centroids(dataset, partitions, f"{scratch}/sample")
        assigned = f"{scratch}/assigned"
        rows = pa.RecordBatchReader.from_batches(_ASSIGNED, _assigned(dataset, centroids))
        lance.write_dataset(rows, assigned, max_rows_per_file=dataset.count_rows())  # Lance takes one file
        # Unit rows: L2 ranks like the cosine, and is the one metric whose distances agree on all of Lance's paths.
        dataset.create_index(
            "vector",
            "IVF_RQ",
            name=name,
            metric="L2",
            num_bits=NUM_BITS,
            sample_rate=SAMPLE_RATE,
            num_partitions=partitions,
            ivf_centroids=centroids.astype(np.float16),
            precomputed_partition_dataset=assigned,
            replace=True,
        )


def _centroids(dataset: lance.LanceDataset, partitions: int, scratch: str) -> Floats:
    """The middles of the partitions, `(partitions, d)`, by k-means over some of the rows."""
    rows = dataset.count_rows()
    chosen = np.random.default_rng(0).choice(rows, min(rows, SAMPLE_RATE * partitions), replace=False)
    sample = _vectors(dataset.take(np.sort(chosen), columns=["vector"])["vector"].combine_chunks())
    column = pa.FixedSizeListArray.from_arrays(pa.array(sample.ravel()), sample.shape[1])
    trained = IndicesBuilder(lance.write_dataset(pa.table({"vector": column}), scratch), "vector").train_ivf(
        num_partitions=partitions, distance_type="l2", sample_rate=SAMPLE_RATE
    )
    return np.stack(trained.centroids.to_numpy(zero_copy_only=False)).astype(np.float32)


def _assigned(dataset: lance.LanceDataset, centroids: Floats) -> Iterator[pa.RecordBatch]:
    """The partition of each row: that with the nearest centroid."""
    # |v - c|² = |v|² - 2 (v·c - |c|²/2), so the nearest has the largest product of (v, 1) and (c, -|c|²/2).
    sides = np.concatenate([centroids, -(centroids**2).sum(axis=1, keepdims=True) / 2], axis=1).T
    products = np.empty((_BLOCK, len(centroids)), np.float32)
    for batch in dataset.to_batches(columns=["vector"], with_row_id=True, batch_size=_BATCH):
        rows = np.pad(_vectors(batch["vector"]), ((0, 0), (0, 1)), constant_values=1)
        nearest = np.empty(len(rows), np.uint32)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            np.matmul(block, sides, out=products[: len(block)])
            nearest[start : start + _BLOCK] = products[: len(block)].argmax(axis=1)
        yield pa.record_batch([batch["_rowid"], pa.array(nearest)], schema=_ASSIGNED)


def _vectors(column: pa.FixedSizeListArray) -> Floats:
    flat: Floats = column.flatten().to_numpy().astype(np.float32)
    return flat.reshape(len(column), -1)
