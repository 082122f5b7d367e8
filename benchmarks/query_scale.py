"""A search among 1 to 10 million vectors on one machine: time, memory and recall, in Python and through HTTP.

    OPENBLAS_NUM_THREADS=1 python benchmarks/query_scale.py --eurosat DIR --ucmerced DIR --sizes 1000000 2000000

`many_vectors.py` says how the vectors are made. Each size is a stage: the project grows to it, its index is brought up
to date as `curator embed` does, and it is measured and recorded at once. A stage that was recorded is not done again,
so that the next run goes on with the next size. The peer is an exact comparison with every vector, by numpy.

Time is CPU time of the process that searches, and beside it the wall time of a person who asks alone. HTTP queries are
chips of the project, k is 100. Memory is the process's own (`anon_mb`); files that it maps (`file_mb`) are page cache.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from common import machine, record, table
from many_vectors import (
    DAYS,
    DIM,
    QUERIES,
    Figures,
    Floats,
    K,
    Server,
    embeddings_of,
    grow,
    memory_of,
    open_or_create,
    parser_of,
    serving,
    source,
    truth_of,
)
from numpy.typing import NDArray
from search_speed import best, recall

import earthcurator as ec
from earthcurator.models import Box, Filter
from earthcurator.search import search
from earthcurator.store.vectors import StoredVectors

SIZES = [1_000_000, 2_000_000, 5_000_000, 10_000_000]
FILTERED = 40
SHARES = (0.1, 0.01, 0.001)
FIRST_DAY = datetime(2015, 1, 1, tzinfo=UTC)

Answers = Sequence[NDArray[np.int64]]


def main(words: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    chosen = parser.parse_args(words)
    made = source(chosen.scratch, chosen.eurosat, chosen.ucmerced)
    for size in sorted(chosen.sizes):
        kept = chosen.scratch / f"stage-{size}.json"
        if not kept.exists():
            stage = run(partial(build, chosen.scratch, made.queries, size, chosen.eurosat, chosen.ucmerced))
            stage |= {"python": run(partial(in_python, chosen.scratch, size))}
            stage |= {"filters": run(partial(filtered, chosen.scratch)), "http": through_http(chosen.scratch)}
            kept.write_text(json.dumps({**stage, "machine": machine()}, indent=1))
        show(chosen.scratch, chosen.out)


def run(work: Callable[[], Figures]) -> Figures:
    """In a process of its own, so that memory is that of this work alone."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        return alone.submit(work).result()


# -- one stage -----------------------------------------------------------------------------------------------------


def build(scratch: Path, queries: Floats, size: int, eurosat: Path, ucmerced: Path) -> Figures:
    """The project at this size, the true answers, and the cosines of the first and last of them."""
    made = source(scratch, eurosat, ucmerced)
    np.save(scratch / "queries.npy", queries)
    begun = time.process_time()
    truth = truth_of(made, size, scratch)
    np.save(scratch / "truth.npy", truth.rows)
    exact = time.process_time() - begun
    with open_or_create(scratch / "project") as project:
        begun = time.process_time()
        grow(project, made, size)
        project.chips.maintain()
        grown = time.process_time() - begun
        embeddings = embeddings_of(project)
        begun = time.process_time()
        embeddings.index.maintain()
        indexed = time.process_time() - begun
        begun = time.process_time()
        embeddings.index.open()
        copied = time.process_time() - begun
        if len(embeddings) != size:
            raise SystemExit(
                f"error: the project has {len(embeddings):,} vectors already; remove {scratch / 'project'}"
            )
    return {
        "vectors": size,
        "cosine of the 1st, 10th, 100th": np.round(truth.scores[:, [0, 9, 99]].mean(axis=0), 3).tolist(),
        "build CPU s": {"truth": exact, "grow": grown, "index": indexed, "sidecar": copied},
    }


def in_python(scratch: Path, size: int) -> Figures:
    """The 100 nearest of held-out queries, and of chips that are asked for through HTTP later."""
    queries, truth = np.load(scratch / "queries.npy"), np.load(scratch / "truth.npy")
    with ec.open(scratch / "project") as project:
        before, begun = memory_of(_own()), time.perf_counter()
        vectors = embeddings_of(project).index.open()
        search(vectors, queries[0], k=K)
        opened = time.perf_counter() - begun
        for query in queries[:20]:
            search(vectors, query, k=K)
        (answers, fresh), (_, again) = (python_pass(vectors, queries) for _ in range(2))
        after = memory_of(_own())
        exact = exact_ms(vectors, queries[:5])
        asked = np.random.default_rng(3).choice(size, QUERIES, replace=False)
        (scratch / "asked.json").write_text(json.dumps(answers_of(vectors, asked)))
        return {
            **fresh,
            "again": again,
            "recall@10": round(recall(answers, truth, 10), 4),
            "recall@100": round(recall(answers, truth, 100), 4),
            "exact scan cpu_ms": exact,
            "open and first query ms": round(1000 * opened, 1),
            **{name: after[name] - before[name] for name in after},
            "indexed": vectors.indexed,
        }


def python_pass(vectors: StoredVectors, queries: Floats) -> tuple[Answers, Figures]:
    """Every query once. The second time, the parts of the index that they look into are in memory."""
    answers, walls, begun = [], [], time.process_time()
    for query in queries:
        started = time.perf_counter()
        answers.append(search(vectors, query, k=K).rows)
        walls.append(time.perf_counter() - started)
    spent = time.process_time() - begun
    return answers, {"cpu_ms": round(1000 * spent / len(queries), 3), **percentiles(walls)}


def answers_of(vectors: StoredVectors, rows: NDArray[np.int64]) -> Figures:
    """The chip of each row, and what a search by it finds: ids and scores."""
    found = [search(vectors, vectors.vectors(np.array([row])), k=K) for row in rows]
    answers = [[vectors.ids(each.rows), each.scores.tolist()] for each in found]
    return dict(zip(vectors.ids(rows), answers, strict=True))


def exact_ms(vectors: StoredVectors, queries: Floats) -> float:
    """CPU milliseconds of the peer: every vector compared, by numpy."""
    rows = vectors.vectors(slice(None))
    begun = time.process_time()
    for query in queries:
        best(rows @ query, K)
    return round(1000 * (time.process_time() - begun) / len(queries), 1)


def filtered(scratch: Path) -> Figures:
    """Recall and time behind filters that have nothing to do with the content, and that go along with it."""
    queries = np.load(scratch / "queries.npy")[:FILTERED]
    with ec.open(scratch / "project") as project:
        vectors = embeddings_of(project).index.open()
        rows = [filtered_row(vectors, queries, kind, share) for share in SHARES for kind in ("days", "place")]
    return {"rows": rows, "lowest recall@100": min(row["recall@100"] for row in rows)}


def filtered_row(vectors: StoredVectors, queries: Floats, kind: str, share: float) -> Figures:
    conditions = [condition(kind, share, seed) for seed in range(len(queries))]
    truth = []
    for query, wanted in zip(queries, conditions, strict=True):
        among = np.flatnonzero(vectors.select(wanted))
        score = np.concatenate(
            [vectors.vectors(part) @ query for part in np.array_split(among, 1 + len(among) // 50_000)]
        )
        truth.append(among[best(score, K)] if len(among) else among)
    answers, walls, exact, begun = [], [], 0, time.process_time()
    for query, wanted in zip(queries, conditions, strict=True):
        started = time.perf_counter()
        found = search(vectors, query, k=K, filter=wanted)
        walls.append(time.perf_counter() - started)
        answers.append(found.rows)
        exact += found.exact
    spent = time.process_time() - begun
    return {
        "filter": kind,
        "share": share,
        "cpu_ms": round(1000 * spent / len(queries), 2),
        **percentiles(walls),
        "recall@100": round(recall(answers, truth, K), 4),
        "exact": exact / len(queries),
    }


def condition(kind: str, share: float, seed: int) -> Filter:
    """A filter that keeps about this share."""
    rng = np.random.default_rng([2, seed])
    if kind == "days":
        count = round(share * DAYS)
        start = FIRST_DAY + timedelta(days=int(rng.integers(DAYS - count + 1)))
        return Filter(start=start, end=start + timedelta(days=count))
    width, height = 360 * share**0.5, 180 * share**0.5
    west, south = rng.uniform(-180, 180 - width), rng.uniform(-90, 90 - height)
    return Filter(box=Box(west=west, south=south, east=west + width, north=south + height))


def through_http(scratch: Path) -> Figures:
    """The same searches by chip, one after another, asked of `curator serve`."""
    expected = json.loads((scratch / "asked.json").read_text())
    with serving(str(scratch / "project")) as server:
        fresh, again = (one_pass(server, expected) for _ in range(2))
        kept = one_pass(server, expected, keep=True)
        return {**fresh, "again": again, "again, one connection": kept, **server.memory()}


def one_pass(server: Server, expected: Figures, *, keep: bool = False) -> Figures:
    """Every query once: each on a connection of its own, as with curl, or all on one, as a browser keeps it."""
    walls, same, begun = [], 0, server.cpu_seconds()
    with closing(HTTPConnection(urlsplit(server.url).netloc, timeout=600)) as connection:
        for chip, wanted in expected.items():
            if not keep:
                connection.close()  # the next request opens it again
            seconds, hits = ask(connection, urlsplit(server.url).path, chip)
            walls.append(seconds)
            same += hits == wanted
    return {
        "cpu_ms": round(1000 * (server.cpu_seconds() - begun) / len(expected), 2),
        "first ms": round(1000 * walls[0], 1),
        **percentiles(walls),
        "same ids and scores": same / len(expected),
    }


def ask(connection: HTTPConnection, path: str, chip: str) -> tuple[float, list[object]]:
    """Seconds until the answer is there, and its ids and scores."""
    body = json.dumps({"positives": [{"chip": chip}], "k": K})
    begun = time.perf_counter()
    connection.request("POST", f"{path}/search", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    took = time.perf_counter() - begun
    if answer.status != 200:
        raise SystemExit(f"error: {answer.status} {content!r:.200}")
    hits = json.loads(content)["hits"]
    return took, [[hit["chip"] for hit in hits], [hit["score"] for hit in hits]]


def percentiles(seconds: Sequence[float]) -> Figures:
    p50, p99 = np.percentile(seconds, [50, 99])
    return {"p50_ms": round(1000 * float(p50), 2), "p99_ms": round(1000 * float(p99), 2)}


def _own() -> int:
    return multiprocessing.current_process().pid or 0


# -- all stages ----------------------------------------------------------------------------------------------------


def show(scratch: Path, out: Path) -> None:
    """Print and record every stage there is."""
    stages = [json.loads(path.read_text()) for path in scratch.glob("stage-*.json")]
    stages.sort(key=lambda stage: int(stage["vectors"]))
    rows = [
        {
            "vectors": stage["vectors"],
            **{f"python {name}": stage["python"][name] for name in ("cpu_ms", "p50_ms", "recall@100", "anon_mb")},
            **{f"http {name}": stage["http"][name] for name in ("cpu_ms", "p50_ms", "anon_mb", "file_mb")},
            "http again p50_ms": stage["http"]["again"]["p50_ms"],
            "one connection p50_ms": stage["http"]["again, one connection"]["p50_ms"],
            "filtered": stage["filters"]["lowest recall@100"],
        }
        for stage in stages
    ]
    print(table(rows))
    last = stages[-1]
    figures = {
        "k": K,
        "queries": QUERIES,
        "dim": DIM,
        "stages": stages,
        "slope": slopes(stages),
        "targets at the largest": {
            "HTTP p50 ms, chips not shown before (<= 10)": last["http"]["p50_ms"],
            "HTTP p50 ms, the same again (<= 10)": last["http"]["again"]["p50_ms"],
            "HTTP p50 ms, the same on one connection (<= 10)": last["http"]["again, one connection"]["p50_ms"],
            "recall@100 (>= .985)": last["python"]["recall@100"],
            "filtered recall@100 (>= .98)": last["filters"]["lowest recall@100"],
            "server's own MB (<= 1500)": last["http"]["anon_mb"],
        },
    }
    record("query_scale", figures, folder=out)


def slopes(stages: Sequence[Figures]) -> Figures:
    """By which power of the number of vectors time and memory grow, over the sizes that go through the index."""
    indexed = [stage for stage in stages if stage["python"]["indexed"]]
    if len(indexed) < 2:
        return {}
    counts = np.log([stage["vectors"] for stage in indexed])
    measured = {
        "http again cpu_ms": [stage["http"]["again"]["cpu_ms"] for stage in indexed],
        "http again p50_ms": [stage["http"]["again"]["p50_ms"] for stage in indexed],
        "http anon_mb": [stage["http"]["anon_mb"] for stage in indexed],
        "index CPU s": [stage["build CPU s"]["index"] for stage in indexed],
    }
    return {name: round(float(np.polyfit(counts, np.log(values), 1)[0]), 3) for name, values in measured.items()}


if __name__ == "__main__":
    main()
