"""What a round of active learning costs: fitting, scoring every chip, choosing 20.

    OPENBLAS_NUM_THREADS=1 python benchmarks/round_time.py --rows 10000 100000 1000000 10000000

One thread: on such small matrices the threads of BLAS spin for longer than they work, and that counts as CPU time.
Vectors are random: only their number matters. 440 labels, 128 numbers a vector. Past ten million rows the program
scores neighbours of positives only; the last line shows that at the largest size, with given neighbours.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from common import RESULTS, cpu_ms, record, table
from numpy.typing import NDArray

from earthcurator.active import STRATEGIES, Linear, Standing, Strategy, fit, stand

DIM, POSITIVES, NEGATIVES, PICKS = 128, 140, 300, 20
NAMES = ("find", "hybrid", "margin", "gaussian", "diversity", "badge", "thompson")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)
    figures = []
    for count in chosen.rows:
        half = unit_rows(count)
        figures.append(measure("float16", half, chosen.repeats))
        if count <= 1_000_000:
            figures.append(measure("float32", half.astype(np.float32), chosen.repeats))
        if count == max(chosen.rows):
            figures.append(measure("float16, neighbours only", half, chosen.repeats, neighbours=True))
    print(table(figures))
    record("round_time", {"rows": figures}, folder=chosen.out)


def measure(
    kind: str, vectors: NDArray[np.float32] | NDArray[np.float16], repeats: int, *, neighbours: bool = False
) -> dict[str, object]:
    """Median CPU-milliseconds of each part. The named strategies are added to fitting and scoring."""
    rng = np.random.default_rng(1)
    known = rng.choice(len(vectors), POSITIVES + NEGATIVES, replace=False)
    near = rng.choice(len(vectors), min(len(vectors), 100 * POSITIVES), replace=False)
    yes, no = known[:POSITIVES], known[POSITIVES:]
    before: Linear = fit(vectors[yes[:-5]], vectors[no[:-15]])

    def named(examples: NDArray[np.float32], k: int) -> NDArray[np.int64]:  # noqa: ARG001 - as an index would
        return near

    def standing() -> Standing:
        many = 0 if neighbours else len(vectors)
        return stand(vectors, positives=yes, negatives=no, neighbours=named, many=many)

    ready, stood = standing(), cpu_ms(standing, repeats)
    picks = {name: cpu_ms(partial(_pick, STRATEGIES.get(name), ready), repeats) for name in NAMES}
    return {
        "rows": len(vectors),
        "vectors": kind,
        "fit": round(cpu_ms(lambda: fit(vectors[yes], vectors[no]), repeats), 2),
        "warm fit": round(cpu_ms(lambda: fit(vectors[yes], vectors[no], start=before), repeats), 2),
        "fit + score": round(stood, 1),
        **{name: round(stood + value, 1) for name, value in picks.items()},
    }


def _pick(strategy: Strategy, standing: Standing) -> object:
    return strategy(standing, PICKS, np.random.default_rng(0))


def unit_rows(count: int) -> NDArray[np.float16]:
    """Random unit rows."""
    rng = np.random.default_rng(0)
    rows = np.empty((count, DIM), np.float16)
    for first in range(0, count, 100_000):
        block = rng.standard_normal((min(100_000, count - first), DIM), dtype=np.float32)
        rows[first : first + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return rows


if __name__ == "__main__":
    main()
