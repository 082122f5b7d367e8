"""The same searches with the project in a folder and on object storage: time, and that the answers are the same.

    OPENBLAS_NUM_THREADS=1 python benchmarks/s3_query.py --eurosat DIR --ucmerced DIR

One project grows to each size in turn; a size that was recorded is not done again. The project is copied, file by file,
to SeaweedFS on this machine (no network in between: add a round trip for each read of a distant bucket). Two servers
that share a PostgreSQL and a cache on disk search it. `cold`: that cache is empty, so that the first search waits until
every vector is copied. `another process`: the second server. `restarted`: a new one, after both have ended. `again`:
the same queries once more. The peer, in the same run, is a server on the local project. Clients ask one after another,
each time on a new connection. `many_vectors.py` says how the vectors are made.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from common import machine, record, table
from many_vectors import Figures, Server, embeddings_of, grow, open_or_create, parser_of, serving, source
from obstore.store import S3Store
from query_scale import answers_of, one_pass

SIZES = [400_000, 1_000_000, 10_000_000]
BUCKET = "ready"
PARTS = ("curator.json", "chips.lance", "embeddings", "encoders")
"""Of a project, what moves to a bucket; the rest is made again."""


def main(words: Sequence[str] | None = None) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="from 300,000 on searches use the index")
    parser.add_argument("--queries", type=int, default=100)
    chosen = parser.parse_args(words)
    for size in sorted(chosen.sizes):
        kept = chosen.scratch / f"s3-{size}.json"
        if not kept.exists():
            kept.write_text(json.dumps({**stage(chosen, size), "machine": machine()}, indent=1))
        stages = [json.loads(path.read_text()) for path in chosen.scratch.glob("s3-*.json")]
        stages.sort(key=lambda stage: int(stage["vectors"]))
        record("s3_query", {"stages": stages}, folder=chosen.out)


def stage(chosen: argparse.Namespace, size: int) -> Figures:
    """The project at this size, in its folder and in a new bucket."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.postgres import PostgresServer
    from tests.store.conftest import KEY, SECRET, S3Server

    local = chosen.scratch / "project"
    expected, indexed = prepare(chosen, local, size)
    rows: list[Figures] = []
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
            where = f"s3://{BUCKET}/project"
            with serving(str(local)) as server:
                rows += passes("local", server, expected)
            with serving(where, environment=there) as one, serving(where, environment=there) as other:
                rows += passes("S3, cold", one, expected)
                rows += passes("S3, another process", other, expected)
            with serving(where, environment=there) as server:
                rows += passes("S3, restarted", server, expected)
            cached = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
        finally:
            postgresql.stop()
            s3.kill()
    print(table(rows))
    return {
        "vectors": size,
        "indexed": indexed,
        "bytes in the bucket": copied,
        "bytes in the cache": cached,
        "rows": rows,
        "all answers equal the local ones": all(row["same ids and scores"] == 1 for row in rows),
    }


def prepare(chosen: argparse.Namespace, local: Path, size: int) -> tuple[Figures, bool]:
    """The local project: what searches by some of its chips find, in Python, and whether through an index."""
    made = source(chosen.scratch, chosen.eurosat, chosen.ucmerced)
    with open_or_create(local) as project:
        grow(project, made, size)
        project.chips.maintain()
        embeddings = embeddings_of(project)
        embeddings.index.maintain()
        vectors = embeddings.index.open()
        asked = np.random.default_rng(3).choice(len(vectors), chosen.queries, replace=False)
        return answers_of(vectors, asked), vectors.indexed


def copy(local: Path, endpoint: str, key: str, secret: str) -> int:
    """The project's files to the bucket; returns how many bytes they have."""
    store = S3Store(
        BUCKET,
        prefix="project",
        endpoint=endpoint,
        access_key_id=key,
        secret_access_key=secret,
        region="us-east-1",
        client_options={"allow_http": True},
    )
    paths = [path for part in PARTS for path in (local / part, *sorted((local / part).rglob("*")))]
    files = [path for path in paths if path.is_file()]
    for path in files:
        store.put(str(path.relative_to(local)), path)
    return sum(path.stat().st_size for path in files)


def passes(name: str, server: Server, expected: Figures) -> list[Figures]:
    """All queries, twice."""
    rows = []
    for each in (name, f"{name}, again"):
        rows.append({"what": each, **one_pass(server, expected), **server.memory()})
        print(table(rows[-1:]), file=sys.stderr)
    return rows


if __name__ == "__main__":
    main()
