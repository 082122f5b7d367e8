"""Search speed, recall and memory, beside an exact scan, faiss, hnswlib, zvec and Lance called directly.

    python benchmarks/search_speed.py --sizes 100000 1000000

Vectors: 2000 anisotropic gaussians in 20 dimensions, bent into 128, with noise. Queries are held out. Each engine runs
in a process of its own, one query at a time. CPU milliseconds are what to compare: they do not depend on neighbours.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from common import RESULTS, record, table
from numpy.typing import NDArray

from earthcurator.models import Box, Filter
from earthcurator.project.embedding import COMMIT_ROWS
from earthcurator.search import search
from earthcurator.store.embeddings import Embeddings
from earthcurator.store.files import LocalFiles
from earthcurator.store.vectors import INDEX_FROM, StoredVectors, VectorIndex, probes_for

DIM = 128
K = 100
QUERIES = 200
DAYS = 1000
LAYERS = 1000
FIRST_DAY = datetime(2015, 1, 1, tzinfo=UTC)
SHOWN = ("cpu_ms", "p50_ms", "p99_ms", "recall@10", "recall@100", "build_cpu_s", "anon_mb", "file_mb")
SHARES = (0.1, 0.01, 0.001)

Floats = NDArray[np.float32]
Figures = dict[str, Any]
Ask = Callable[[Floats], NDArray[np.int64]]


def clustered(count: int, rng: np.random.Generator) -> Floats:
    """Unit rows with the structure of real embeddings: about 20 dimensions that matter."""
    centers = rng.standard_normal((2000, 20), np.float32)
    scales = np.exp(rng.normal(-1.2, 0.6, (2000, 20))).astype(np.float32)
    inner = rng.standard_normal((20, 64), np.float32) / np.sqrt(20, dtype=np.float32)
    outer = rng.standard_normal((64, DIM), np.float32) / 8
    cluster = rng.choice(2000, count, p=rng.dirichlet(np.full(2000, 2.0)))
    rows = np.empty((count, DIM), np.float32)
    for start in range(0, count, 50_000):
        part = cluster[start : start + 50_000]
        hidden = centers[part] + scales[part] * rng.standard_normal((len(part), 20), np.float32)
        bent = np.tanh(1.2 * hidden @ inner) @ outer
        bent += 0.02 / np.sqrt(DIM) * np.linalg.norm(bent, axis=1).mean() * rng.standard_normal(bent.shape, np.float32)
        rows[start : start + 50_000] = bent / np.linalg.norm(bent, axis=1, keepdims=True)
    return rows


def prepare(folder: Path, size: int) -> None:
    """Vectors, held-out queries, the true answers, and columns to filter on."""
    rng = np.random.default_rng(0)
    rows = clustered(size + QUERIES, rng)
    rows, queries = rows[:size], rows[size:]
    np.save(folder / "vectors.npy", rows)
    np.save(folder / "queries.npy", queries)
    np.save(folder / "truth.npy", np.stack([best(rows @ query) for query in queries]))
    # Place follows content, as on Earth: each coordinate is the rank along a random direction of the vectors.
    directions = np.linalg.qr(rng.standard_normal((DIM, 2)))[0].astype(np.float32)
    rank = np.argsort(np.argsort(rows @ directions, axis=0), axis=0) / size
    np.save(folder / "place.npy", rank * [360, 180] - [180, 90])
    np.save(folder / "day.npy", rng.integers(DAYS, size=size))
    # Layers cut the space into cells, so that a filter can keep exactly what is unlike the query.
    anchors = rows[rng.choice(size, LAYERS)]
    np.save(folder / "anchors.npy", anchors)
    blocks = [np.argmax(rows[at : at + 10_000] @ anchors.T, axis=1) for at in range(0, size, 10_000)]
    np.save(folder / "layer.npy", np.concatenate(blocks))


def best(scores: Floats, k: int = K) -> NDArray[np.int64]:
    k = min(k, len(scores))
    found = np.argpartition(-scores, k - 1)[:k]
    return found[np.argsort(-scores[found])]


def recall(answers: Sequence[NDArray[np.int64]], truth: Sequence[NDArray[np.int64]], k: int) -> float:
    hits = sum(len(np.intersect1d(answer[:k], true[:k])) for answer, true in zip(answers, truth, strict=True))
    return hits / max(1, sum(len(true[:k]) for true in truth))


def measure(ask: Ask, folder: Path) -> Figures:
    """CPU and wall time a query, and recall."""
    queries, truth = np.load(folder / "queries.npy"), np.load(folder / "truth.npy")
    for query in queries[:20]:
        ask(query)
    answers, walls, cpu = [], [], time.process_time()
    for query in queries:
        began = time.perf_counter()
        answers.append(ask(query))
        walls.append(1000 * (time.perf_counter() - began))
    cpu = time.process_time() - cpu
    p50, p99 = np.percentile(walls, [50, 99])
    return {
        "cpu_ms": round(1000 * cpu / len(queries), 3),
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
        "recall@10": round(recall(answers, truth, 10), 4),
        "recall@100": round(recall(answers, truth, 100), 4),
    }


def memory() -> Figures:
    """Megabytes of this process: its own, and mapped files."""
    words = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return {name: int(words[key].split()[0]) // 1024 for name, key in (("anon_mb", "RssAnon"), ("file_mb", "RssFile"))}


def built(build: Callable[[], Ask], folder: Path) -> Figures:
    """Build, then measure; `anon_mb` is what the engine added."""
    before, cpu = memory(), time.process_time()
    ask = build()
    cpu = time.process_time() - cpu
    figures = measure(ask, folder)
    after = memory()
    return {**figures, "build_cpu_s": round(cpu, 1), **{name: after[name] - before[name] for name in after}}


def exact_scan(folder: Path) -> Figures:
    def build() -> Ask:
        rows = np.load(folder / "vectors.npy")
        return lambda query: best(rows @ query)

    return built(build, folder)


def faiss_ivf_sq8(folder: Path) -> Figures:
    import faiss

    def build() -> Ask:
        rows = np.load(folder / "vectors.npy", mmap_mode="r")
        lists = max(1, len(rows) // 500)
        index = faiss.index_factory(DIM, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
        index.train(np.ascontiguousarray(rows[: 50 * lists]))
        index.add(rows)
        faiss.write_index(index, str(folder / "faiss.ivf"))
        del index
        mapped: Any = faiss.read_index(str(folder / "faiss.ivf"), faiss.IO_FLAG_MMAP)
        faiss.extract_index_ivf(mapped).nprobe = 64
        faiss.omp_set_num_threads(1)
        return lambda query: mapped.search(query[np.newaxis], K)[1][0]

    return built(build, folder)


def faiss_hnsw(folder: Path) -> Figures:
    import faiss

    def build() -> Ask:
        index = faiss.IndexHNSWFlat(DIM, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 100
        index.add(np.load(folder / "vectors.npy", mmap_mode="r"))
        index.hnsw.efSearch = 300
        faiss.omp_set_num_threads(1)
        return lambda query: index.search(query[np.newaxis], K)[1][0]

    return built(build, folder)


def hnswlib(folder: Path) -> Figures:
    import hnswlib as library

    def build() -> Ask:
        rows = np.load(folder / "vectors.npy", mmap_mode="r")
        index = library.Index("ip", DIM)
        index.init_index(len(rows), M=16, ef_construction=100)
        index.add_items(rows)
        index.set_ef(300)
        index.set_num_threads(1)
        return lambda query: index.knn_query(query, K)[0][0].astype(np.int64)

    return built(build, folder)


def zvec(folder: Path) -> Figures:
    import zvec as library

    def build() -> Ask:
        rows = np.load(folder / "vectors.npy", mmap_mode="r")
        index = library.HnswIndexParam(library.MetricType.IP, m=16, ef_construction=100)
        schema = library.CollectionSchema(
            "chips", vectors=library.VectorSchema("vector", library.DataType.VECTOR_FP32, DIM, index_param=index)
        )
        collection = library.create_and_open(str(folder / "zvec"), schema)
        for start in range(0, len(rows), 1000):
            block = rows[start : start + 1000]
            collection.insert(
                [library.Doc(id=str(start + at), vectors={"vector": row}) for at, row in enumerate(block)]
            )
        collection.optimize()
        parameters = library.HnswQueryParam(ef=300)

        def ask(query: Floats) -> NDArray[np.int64]:
            asked = library.Query("vector", vector=query.tolist(), param=parameters)
            return np.array([int(hit.id) for hit in collection.query(asked, topk=K, output_fields=[])])

        return ask

    return built(build, folder)


def curator_build(folder: Path) -> Figures:
    """Fill the table, copy it to the sidecar and index it; in a process of its own, as `curator embed` is."""
    embeddings, index = _open(folder)
    began = time.process_time()
    _fill(embeddings, folder)
    index.maintain()
    index.open()
    return {"build_cpu_s": round(time.process_time() - began, 1)}


def curator(folder: Path) -> Figures:
    """Our search, from vectors to chip ids; beside it, Lance asked for the same candidates and nothing else."""
    before, began = memory(), time.perf_counter()
    embeddings, index = _open(folder)
    first = search(index.open(), np.load(folder / "queries.npy")[0], k=K)
    cold = time.perf_counter() - began

    def ask(query: Floats) -> NDArray[np.int64]:
        vectors = index.open()
        return _numbers(vectors.ids(search(vectors, query, k=K).rows))

    figures, after, vectors = measure(ask, folder), memory(), index.open()
    return {
        **figures,
        **{name: after[name] - before[name] for name in after},
        "open_and_first_query_ms": round(1000 * cold, 1),
        "exact": first.exact,
        "lance": _lance(embeddings, ask, folder) if vectors.indexed else None,
        "filters": _filters(vectors, folder),
        "disk_bytes_per_vector": {
            "table and index": _bytes(folder / "embeddings") // len(vectors),
            "sidecar": _bytes(folder / "cache") // len(vectors),
        },
    }


def _open(folder: Path) -> tuple[Embeddings, VectorIndex]:
    embeddings = Embeddings(LocalFiles(folder), "benchmark", DIM)
    return embeddings, VectorIndex(embeddings.table, folder / "cache", DIM)


def _fill(embeddings: Embeddings, folder: Path) -> None:
    rows, place = np.load(folder / "vectors.npy", mmap_mode="r"), np.load(folder / "place.npy")
    day, layer = np.load(folder / "day.npy"), np.load(folder / "layer.npy")
    for start in range(0, len(rows), COMMIT_ROWS):
        part = slice(start, start + COMMIT_ROWS)
        flat = pa.array(rows[part].astype(np.float16).ravel())
        taken = (np.datetime64("2015-01-01") + day[part]).astype("datetime64[us]")
        columns = {
            "id": [f"chip/{row:09d}" for row in range(start, start + len(rows[part]))],
            "vector": pa.FixedSizeListArray.from_arrays(flat, DIM),
            "time": pa.array(taken).cast(pa.timestamp("us", "UTC")),
            "lon": place[part, 0],
            "lat": place[part, 1],
            "layer": [f"layer {number}" for number in layer[part]],
            "folder": pa.nulls(len(rows[part]), pa.string()),
        }
        embeddings.table.append(pa.table(columns))


def _numbers(chips: Sequence[str]) -> NDArray[np.int64]:
    return np.array([int(chip.rpartition("/")[2]) for chip in chips], np.int64)


def _lance(embeddings: Embeddings, ours: Ask, folder: Path) -> Figures:
    """Lance with the parameters we use, row ids only: what our own code adds is the difference.

    `ratio` compares the two query by query, in turns, so that both meet the same neighbours and page cache. The first
    `measure` of ours also pays for pages of the sidecar that are touched for the first time, which Lance has not.
    """
    dataset = embeddings.table.dataset
    assert dataset is not None
    probes = probes_for(2 * K, dataset.count_rows())

    def ask(query: Floats) -> NDArray[np.int64]:
        scanner = dataset.scanner(
            columns=[],
            with_row_id=True,
            fast_search=True,
            disable_scoring_autoprojection=True,
            nearest={"column": "vector", "q": query, "k": 2 * K, "nprobes": probes, "approx_mode": "accurate"},
        )
        ids: NDArray[np.int64] = scanner.to_table()["_rowid"].to_numpy().astype(np.int64)
        return ids

    figures = measure(ask, folder)
    spent = {ours: 0.0, ask: 0.0}
    for number, query in enumerate(np.load(folder / "queries.npy")):
        for each in (ours, ask) if number % 2 else (ask, ours):
            began = time.process_time()
            each(query)
            spent[each] += time.process_time() - began
    costs = {name: figures[name] for name in ("cpu_ms", "p50_ms", "p99_ms")}  # row ids are not rows: no recall
    return {**costs, "ratio": round(spent[ours] / spent[ask], 2)}


def _filters(vectors: StoredVectors, folder: Path) -> list[Figures]:
    """Recall and time behind filters that have nothing to do with the query, favour it, or exclude what is like it."""
    rows, queries = np.load(folder / "vectors.npy", mmap_mode="r"), np.load(folder / "queries.npy")[:100]
    report = []
    for share in SHARES:
        for kind in ("days", "near place", "other place", "unlike layers"):
            conditions, masks = _conditions(kind, share, queries, folder)
            survivors = [np.flatnonzero(mask) for mask in masks]
            # Before the clock starts: BLAS threads keep spinning for a while after a large product.
            wanted = [among[best(rows[among] @ query)] for among, query in zip(survivors, queries, strict=True)]
            time.sleep(0.5)
            answers, walls, exact, cpu = [], [], 0, time.process_time()
            for query, condition in zip(queries, conditions, strict=True):
                began = time.perf_counter()
                found = search(vectors, query, k=K, filter=condition)
                answers.append(_numbers(vectors.ids(found.rows)))
                walls.append(1000 * (time.perf_counter() - began))
                exact += found.exact
            cpu = time.process_time() - cpu
            p50, p99 = np.percentile(walls, [50, 99])
            report.append(
                {
                    "filter": kind,
                    "share": share,
                    "kept": round(float(np.mean([len(among) for among in survivors])) / len(rows), 5),
                    "cpu_ms": round(1000 * cpu / len(queries), 2),
                    "p50_ms": round(p50, 2),
                    "p99_ms": round(p99, 2),
                    "recall@10": round(recall(answers, wanted, 10), 4),
                    "recall@100": round(recall(answers, wanted, 100), 4),
                    "exact": exact / len(queries),
                }
            )
    return report


def _conditions(
    kind: str, share: float, queries: Floats, folder: Path
) -> tuple[list[Filter], Iterator[NDArray[np.bool_]]]:
    """A filter for each query that keeps about this share, and which rows it keeps by our own count."""
    rng = np.random.default_rng(1)
    if kind == "days":
        day = np.load(folder / "day.npy")
        count = round(share * DAYS)
        firsts = rng.integers(DAYS - count + 1, size=len(queries)).tolist()
        starts = [FIRST_DAY + timedelta(days=first) for first in firsts]
        conditions = [Filter(start=start, end=start + timedelta(days=count)) for start in starts]
        return conditions, ((day >= first) & (day < first + count) for first in firsts)
    if kind == "unlike layers":
        layer, anchors = np.load(folder / "layer.npy"), np.load(folder / "anchors.npy")
        unlike = [np.argsort(anchors @ query)[: round(share * LAYERS)] for query in queries]
        conditions = [Filter(layers=tuple(f"layer {cell}" for cell in cells)) for cells in unlike]
        return conditions, (np.isin(layer, cells) for cells in unlike)
    place, truth = np.load(folder / "place.npy"), np.load(folder / "truth.npy")
    middles = truth[: len(queries), 0] if kind == "near place" else rng.integers(len(place), size=len(queries))
    boxes = [_box(place[middle], share) for middle in middles]
    return [Filter(box=box) for box in boxes], (_in_box(box, place) for box in boxes)


def _box(middle: NDArray[np.float64], share: float) -> Box:
    """A box around a place that crosses the antimeridian where it must."""
    width, height = 360 * share**0.5, 180 * share**0.5
    west, east = middle[0] - width / 2, middle[0] + width / 2
    south = float(np.clip(middle[1] - height / 2, -90, 90 - height))
    return Box(west=(west + 180) % 360 - 180, south=south, east=(east + 180) % 360 - 180, north=south + height)


def _in_box(box: Box, place: NDArray[np.float64]) -> NDArray[np.bool_]:
    lon, lat = place.T
    across = (lon >= box.west) | (lon <= box.east) if box.west > box.east else (lon >= box.west) & (lon <= box.east)
    inside: NDArray[np.bool_] = across & (lat >= box.south) & (lat <= box.north)
    return inside


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


ENGINES = (exact_scan, curator_build, curator, faiss_ivf_sq8, faiss_hnsw, hnswlib, zvec)


def run(size: int, engines: Sequence[str], scratch: Path) -> Figures:
    """These engines on `size` vectors."""
    folder = scratch / str(size)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    prepare(folder, size)
    report: Figures = {}
    for engine in ENGINES:
        name = engine.__name__
        if name not in engines:
            continue
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            try:
                report[name] = alone.submit(engine, folder).result()
            except ImportError as error:
                print(f"{name} left out: {error}", file=sys.stderr)
    shutil.rmtree(folder)
    report["curator"] |= report.pop("curator_build")
    return report


def verdict(report: Figures) -> Figures:
    """The figures that have targets."""
    ours = report["curator"]
    return {
        "recall@10 (>= .99)": ours["recall@10"],
        "recall@100 (>= .985)": ours["recall@100"],
        "exact scan CPU / ours (>= 30 at 1M)": round(report["exact_scan"]["cpu_ms"] / ours["cpu_ms"], 1),
        "lowest filtered recall@100 (>= .98)": min(row["recall@100"] for row in ours["filters"]),
        "our CPU / Lance alone, in turns (<= 1.3)": ours["lance"]["ratio"] if ours["lance"] else None,
        "our CPU / Lance alone, first touch": round(ours["cpu_ms"] / ours["lance"]["cpu_ms"], 2)
        if ours["lance"]
        else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/earthcurator-search-speed"))
    parser.add_argument(
        "--engines",
        nargs="+",
        default=[engine.__name__ for engine in ENGINES],
        help="at least exact_scan curator_build curator",
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    figures: Figures = {"k": K, "queries": QUERIES, "dim": DIM, "index_from": INDEX_FROM, "sizes": {}}
    for size in options.sizes:
        report = run(size, options.engines, options.scratch)
        figures["sizes"][str(size)] = {"engines": report, "targets": verdict(report)}
        print(f"\n{size:,} vectors")
        engines = {**report, "lance alone": report["curator"]["lance"] or {}}
        print(table([{"engine": name, **{key: row.get(key, "") for key in SHOWN}} for name, row in engines.items()]))
        print(table(report["curator"]["filters"]))
        for target, value in figures["sizes"][str(size)]["targets"].items():
            print(f"{target}: {value}")
    record("search_speed", figures, folder=options.results)


if __name__ == "__main__":
    main()
