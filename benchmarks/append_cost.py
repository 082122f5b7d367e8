"""What it costs to add 1 % of vectors to a large table, beside building the whole of it anew.

    OPENBLAS_NUM_THREADS=1 python benchmarks/append_cost.py --eurosat DIR --ucmerced DIR

Both go the way of `curator embed`, without the encoder: commits of 4096 rows, then the index, then the copy that
searches read. CPU time of this process. One append of 1 % is compared vector by vector and enters no index; when more
than 50,000 rows wait they get an index of their own. So appends follow each other until that has happened, and their
mean counts as well as the first. `many_vectors.py` says how the vectors are made.

Past a quarter of new rows everything is indexed anew. `with rebuilding` adds that, shared out over the appends until
then, by the time the index took in this run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from common import record, table
from many_vectors import BLOCK, DIM, Figures, Source, parser_of, source, vector_rows

from earthcurator.project.embedding import VectorCommits
from earthcurator.store import Embeddings, LocalFiles
from earthcurator.store.vectors import INDEX_FROM, REBUILD_SHARE, TAIL_ROWS, VectorIndex

APPENDS = 6


def main(words: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--size", type=int, default=1_000_000)
    chosen = parser.parse_args(words)
    made = source(chosen.scratch, chosen.eurosat, chosen.ucmerced)
    share = max(1, chosen.size // 100 // BLOCK)
    with TemporaryDirectory(dir=chosen.scratch) as folder:
        writer = Writer(Path(folder), made, chosen.size)
        whole = {"what": "all", **writer.add(chosen.size // BLOCK)}
        appends = [{"what": f"append {number + 1}", **writer.add(share)} for number in range(APPENDS)]
    rows = [whole, *appends]
    print(table(rows))
    costs = [row["CPU s"] / whole["CPU s"] for row in appends]
    rebuilt = (1 + REBUILD_SHARE) * whole["index"] / whole["CPU s"] * (share * BLOCK / chosen.size) / REBUILD_SHARE
    figures = {
        "size": chosen.size,
        "rows of an append": share * BLOCK,
        "rows": rows,
        "first append, share of a full build (<= .02)": round(costs[0], 4),
        "mean append, share of a full build (<= .02)": round(sum(costs) / len(costs), 4),
        "with rebuilding, share of a full build": round(sum(costs) / len(costs) + rebuilt, 4),
    }
    for name in list(figures)[-3:]:
        print(f"{name}: {figures[name]}")
    record("append_cost", figures, folder=chosen.out)


class Writer:
    """A table of embeddings that grows, and what each step of that took."""

    def __init__(self, folder: Path, made: Source, size: int) -> None:
        self._made = made
        self._embeddings = Embeddings(LocalFiles(folder), "benchmark", DIM)
        # As shipped at a million; smaller in proportion for a trial with fewer rows.
        limits = {"index_from": min(INDEX_FROM, size * 3 // 10), "tail_rows": min(TAIL_ROWS, size // 20)}
        self._index = VectorIndex(self._embeddings.table, folder / "cache", DIM, **limits)
        self._next = 0

    def add(self, blocks: int) -> Figures:
        """The next rows, and CPU-seconds of each step."""
        rows = blocks * BLOCK
        commits = VectorCommits(self._embeddings)
        commit = 0.0
        for number in range(self._next, self._next + blocks):
            block = self._made.block(number)
            facts = vector_rows(block).drop_columns(["vector"]).to_pylist()
            commit += cpu_seconds(partial(commits.take, facts, block.vectors))
        self._next += blocks
        steps = {
            "commit": commit + cpu_seconds(commits.flush),
            "index": cpu_seconds(self._index.maintain),
            "tidy": cpu_seconds(self._embeddings.table.tidy),
            "sidecar": cpu_seconds(self._index.open),
        }
        if len(self._embeddings) != self._next * BLOCK:
            raise SystemExit("error: rows are missing")
        return {
            "rows": rows,
            "CPU s": round(sum(steps.values()), 3),
            **{name: round(spent, 3) for name, spent in steps.items()},
        }


def cpu_seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
