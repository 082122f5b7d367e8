"""What an index over a large table costs, beside Lance's own way to build the same index.

    OPENBLAS_NUM_THREADS=1 python benchmarks/index_build.py --eurosat DIR --ucmerced DIR

Both index the same column of half precision with the same parameters; a third row is Lance's own way on a column of
single precision, twice as large, which we do not keep. CPU time of this process. `recall` is the share of the true
first 100 among 200 candidates, from as many partitions as a search looks into. `many_vectors.py` says how the vectors
are made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from tempfile import TemporaryDirectory

import lance
import numpy as np
import pyarrow as pa
from common import record, table
from many_vectors import BLOCK, DIM, Figures, K, Source, parser_of, source, truth_of

from earthcurator.store.indexing import NUM_BITS, PARTITION_ROWS, SAMPLE_RATE, build_index
from earthcurator.store.vectors import probes_for

INDEX = "vector_idx"


def main(words: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    chosen = parser.parse_args(words)
    made = source(chosen.scratch, chosen.eurosat, chosen.ucmerced)
    truth = truth_of(made, chosen.size, chosen.scratch).rows
    rows: list[Figures] = []
    with TemporaryDirectory(dir=chosen.scratch) as folder:
        half, single = (written(made, chosen.size, kind, f"{folder}/{kind}") for kind in ("float16", "float32"))
        for name, dataset, build in (
            ("curator", half, lambda dataset: build_index(dataset, INDEX)),
            ("lance, float16", half, lances_own),
            ("lance, float32", single, lances_own),
        ):
            spent = cpu_seconds(build, dataset)
            latest = lance.dataset(dataset.uri)
            rows.append({"index": name, "CPU s": round(spent, 2), "recall": round(recall(latest, made, truth), 4)})
    print(table(rows))
    ratio = rows[0]["CPU s"] / rows[1]["CPU s"]
    print(f"curator / lance, float16: {ratio:.3f}")
    record("index_build", {"size": chosen.size, "rows": rows, "curator / lance": round(ratio, 3)}, folder=chosen.out)


def written(made: Source, size: int, kind: str, where: str) -> lance.LanceDataset:
    """A table of these vectors alone."""
    schema = pa.schema([pa.field("vector", pa.list_(getattr(pa, kind)(), DIM))])

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(size // BLOCK):
            flat = pa.array(made.block(number).vectors.astype(kind).ravel())
            yield pa.record_batch([pa.FixedSizeListArray.from_arrays(flat, DIM)], schema=schema)

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    return lance.write_dataset(reader, where, max_rows_per_file=size)


def lances_own(dataset: lance.LanceDataset) -> None:
    options = {"metric": "L2", "num_bits": NUM_BITS, "sample_rate": SAMPLE_RATE, "replace": True}
    partitions = dataset.count_rows() // PARTITION_ROWS
    dataset.create_index("vector", "IVF_RQ", name=INDEX, num_partitions=partitions, **options)


def recall(dataset: lance.LanceDataset, made: Source, truth: np.ndarray) -> float:
    shares = []
    for query, wanted in zip(made.queries, truth, strict=True):
        scanner = dataset.scanner(
            columns=[],
            with_row_id=True,
            disable_scoring_autoprojection=True,
            nearest={
                "column": "vector",
                "q": query,
                "k": 2 * K,
                "nprobes": probes_for(2 * K, dataset.count_rows()),
                "approx_mode": "accurate",
            },
        )
        found = scanner.to_table()["_rowid"].to_numpy().astype(np.int64)  # there is one fragment: these are rows
        shares.append(len(np.intersect1d(found, wanted)) / len(wanted))
    return float(np.mean(shares))


def cpu_seconds(build: Callable[[lance.LanceDataset], None], dataset: lance.LanceDataset) -> float:
    begun = time.process_time()
    build(dataset)
    return time.process_time() - begun


if __name__ == "__main__":
    main()
