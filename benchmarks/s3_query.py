"""The same searches with the project in a folder and on object storage: time, and that the answers are the same.

    OPENBLAS_NUM_THREADS=1 python benchmarks/s3_query.py --eurosat DIR --ucmerced DIR

A local project is copied, file by file, to SeaweedFS on this machine (no network in between: add a round trip for each
read of a distant bucket). Two server processes on PostgreSQL search it. `cold`: the cache on disk is empty, so that the
first search of all waits for every vector to be copied. `restarted`: new processes find that cache. `again`: the second
time that a process is asked the same. The peer, in the same run, is one process on the local project. Clients ask one
after another, each time on a new connection. `many_vectors.py` says how the vectors are made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from common import RESULTS, record, table
from many_vectors import Figures, Server, add_arguments, embeddings_of, grow, open_or_create, serving, source
from obstore.store import S3Store
from query_scale import ask, percentiles

QUERIES = 100
BUCKET = "ready"
PARTS = ("curator.json", "chips.lance", "embeddings", "encoders")
"""Of a project, what moves to a bucket; the rest is made again."""

Expected = Mapping[str, object]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--size", type=int, default=400_000, help="from 300,000 on searches go through the index")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.postgres import PostgresServer
    from tests.store.conftest import KEY, SECRET, S3Server

    local = chosen.scratch / f"s3-{chosen.size}"
    chips, indexed = prepare(chosen, local)
    with TemporaryDirectory(dir=chosen.scratch) as folder:
        cache = Path(folder) / "cache"
        (Path(folder) / "s3").mkdir()
        s3, postgresql = S3Server(Path(folder) / "s3"), PostgresServer()
        s3.start()
        try:
            copied = copy(local, s3.endpoint, KEY, SECRET)
            there = {
                "AWS_ENDPOINT_URL": s3.endpoint,
                "AWS_ACCESS_KEY_ID": KEY,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_REGION": "us-east-1",
                "CURATOR_CACHE": str(cache),
                "CURATOR_DATABASE_URL": postgresql.new_database(),
            }
            with serving(str(local)) as server:
                expected, rows = first_of("local, 1 process", server, chips)
            for name in ("S3, 2 processes, cold", "S3, 2 processes, restarted"):
                with serving(f"s3://{BUCKET}/project", environment=there, processes=2) as server:
                    rows += rounds(name, server, expected)
            cached = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
        finally:
            postgresql.stop()
            s3.kill()
    print(table(rows))
    figures = {
        "vectors": chosen.size,
        "indexed": indexed,
        "bytes in the bucket": copied,
        "bytes in the cache": cached,
        "rows": rows,
        "all answers equal the local ones": all(row["equal"] == 1 for row in rows),
    }
    record("s3_query", figures, folder=chosen.out)


def prepare(chosen: argparse.Namespace, local: Path) -> tuple[list[str], bool]:
    """The local project, and the chips that are asked for."""
    made = source(chosen.scratch, chosen.eurosat, chosen.ucmerced)
    with open_or_create(local) as project:
        grow(project, made, chosen.size)
        project.chips.maintain()
        embeddings = embeddings_of(project)
        embeddings.index.maintain()
        vectors = embeddings.index.open()
        asked = np.random.default_rng(3).choice(len(vectors), QUERIES, replace=False)
        return vectors.ids(asked), vectors.indexed


def copy(local: Path, endpoint: str, key: str, secret: str) -> int:
    """The project's files to the bucket; returns how many bytes they have."""
    options = {"endpoint": endpoint, "access_key_id": key, "secret_access_key": secret, "region": "us-east-1"}
    store = S3Store(BUCKET, prefix="project", config=options, client_options={"allow_http": True})
    paths = [
        path for part in PARTS for path in ((local / part).rglob("*") if (local / part).is_dir() else [local / part])
    ]
    files = [path for path in paths if path.is_file()]
    for path in files:
        store.put(str(path.relative_to(local)), path)
    return sum(path.stat().st_size for path in files)


def first_of(name: str, server: Server, chips: Sequence[str]) -> tuple[Expected, list[Figures]]:
    """The answers that all others must equal, and what they took."""
    answers: dict[str, object] = {}
    walls = []
    for chip in chips:
        seconds, answers[chip] = ask(server.url, chip)
        walls.append(seconds)
    return answers, [row(name, walls, 1.0), *rounds(name, server, answers, ("again",))]


def rounds(name: str, server: Server, expected: Expected, passes: Sequence[str] = ("", "again")) -> list[Figures]:
    """All queries, so often."""
    rows = []
    for each in passes:
        walls, same = [], 0
        for chip, wanted in expected.items():
            seconds, hits = ask(server.url, chip)
            walls.append(seconds)
            same += hits == wanted
        rows.append(row(f"{name} {each}".strip(), walls, same / len(expected)) | server.memory())
    return rows


def row(name: str, walls: Sequence[float], equal: float) -> Figures:
    return {"what": name, "first ms": round(1000 * walls[0], 1), **percentiles(walls[1:]), "equal": equal}


if __name__ == "__main__":
    main()
