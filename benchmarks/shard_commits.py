"""Eight processes commit to one table on an S3 server that is killed and started again: is a row lost or doubled?

    python benchmarks/shard_commits.py

Writers come in pairs. One of a pair stages the vectors of a shard, records it in the book of shards and publishes it,
as `curator shards` does; the other inserts vectors, as `curator embed` does. Of each four chips of a commit, one is in
both. A writer who is told of a failure tries the same again, as someone would who runs the command again. The server is
SeaweedFS on this machine, killed with SIGKILL whenever another part of the commits is done. In the end every chip has
to be in the table once, and every shard in the book.

The peer, in the same run, is Lance's own append: as many writers, commits and kills, and a failure is tried again, too.
No two of its writers have a chip in common, for an append would double each such chip anyway.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

import lance
import numpy as np
import pyarrow as pa
from common import RESULTS, record, table
from numpy.typing import NDArray

import earthcurator as ec
from earthcurator.errors import StorageFailed
from earthcurator.project.sharding import ShardBook
from earthcurator.settings import Settings
from earthcurator.store import BucketFiles, Embeddings, Facts
from earthcurator.store.tables import translated

DIM = 32
CHIPS = 4
"""Of a commit; the last one is also in the commit of the other writer of the pair."""
TRIES = 100

T = TypeVar("T")


class Server(Protocol):
    """An S3 server that can be killed, and started again with what it had."""

    def start(self) -> None: ...

    def kill(self) -> None: ...


@dataclass(frozen=True)
class Place:
    """Where all write to."""

    url: str
    settings: Settings
    ended: Path
    """A local file that is as many bytes long as commits have ended."""

    def files(self) -> BucketFiles:
        return BucketFiles(self.url, storage_options=self.settings.storage_options(), cache=self.settings.cache)

    def embeddings(self) -> Embeddings:
        return Embeddings(self.files(), "made-up", DIM)

    @property
    def peer(self) -> str:
        """The table of the peer."""
        return f"{self.url}/peer.lance"


@dataclass(frozen=True)
class Written:
    """What a writer was told, and what it took."""

    failures: Counter[str]
    cpu_seconds: float


@dataclass(frozen=True)
class Found:
    """What is there in the end."""

    chips: int
    lost: int
    doubled: int
    shards: int = 0
    """In the book, of half of the writers."""


Work = Callable[[Place, int, int], Written]
"""What a writer does: where, which writer it is, and how many commits it makes."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=8, help="processes, an even number")
    parser.add_argument("--commits", type=int, default=125, help="of each")
    parser.add_argument("--kills", type=int, default=8, help="of the server")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)
    curator, found, told = trial(chosen, write_all, look)
    peer, _, told_peer = trial(chosen, append_all, look_at_peer)
    rows = [{"who": "curator", **curator}, {"who": "Lance's append (peer)", **peer}]
    print(table(rows))
    commits = chosen.writers * chosen.commits
    figures = {
        "writers": chosen.writers,
        "commits": commits,
        "kills of the server": chosen.kills,
        "shards lost": commits // 2 - found.shards,
        "rows": rows,
        "told": {"curator": told, "peer": told_peer},
    }
    record("shard_commits", figures, folder=chosen.out)


def trial(
    chosen: argparse.Namespace, work: Work, look_at: Callable[[Place, int, int], Found]
) -> tuple[dict[str, object], Found, dict[str, int]]:
    """A row of the table, what is there in the end, and which failures the writers were told of, how often."""
    with TemporaryDirectory() as folder, s3_server(Path(folder)) as server:
        place = Place("s3://ready/project", Settings(cache=Path(folder) / "cache"), Path(folder) / "ended")
        started = time.monotonic()
        with ProcessPoolExecutor(chosen.writers, mp_context=get_context("spawn")) as pool:
            written = write(pool, place, server, chosen.writers, chosen.commits, chosen.kills, work)
        seconds = time.monotonic() - started
        found = look_at(place, chosen.writers, chosen.commits)
    told = sum((each.failures for each in written), Counter[str]())
    row = {
        "chips": found.chips,
        "lost": found.lost,
        "doubled": found.doubled,
        "failures told": told.total(),
        "CPU s a commit": round(sum(each.cpu_seconds for each in written) / chosen.writers / chosen.commits, 4),
        "wall s": round(seconds, 1),
    }
    return row, found, dict(told.most_common())


@contextmanager
def s3_server(folder: Path) -> Iterator[Server]:
    """SeaweedFS as the tests start it, and the environment that leads to it."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.store.conftest import KEY, SECRET, S3Server

    server = S3Server(folder)
    server.start()
    os.environ |= {"AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    try:
        yield server
    finally:
        server.kill()


def write(
    pool: Executor, place: Place, server: Server, writers: int, commits: int, kills: int, work: Work
) -> list[Written]:
    """Let all writers write, and kill the server so many times meanwhile."""
    place.ended.touch()
    ec.create(place.url, settings=place.settings).close()
    lance.write_dataset(peer_rows(0, 0).slice(0, 0), place.peer, storage_options=place.settings.storage_options())
    writing = [pool.submit(work, place, writer, commits) for writer in range(writers)]
    killed = 0
    while wait(writing, timeout=0.05).not_done:
        if killed < kills and place.ended.stat().st_size >= writers * commits * (killed + 1) // (kills + 1):
            server.kill()
            time.sleep(0.5)
            server.start()
            killed += 1
    assert killed == kills
    return [each.result() for each in writing]


def write_all(place: Place, writer: int, commits: int) -> Written:
    """All commits of one writer."""
    started, failures = time.process_time(), Counter[str]()
    embeddings = insist(place.embeddings, failures)
    book = ShardBook(insist(place.files, failures))
    one = insert if writer % 2 else partial(run_and_publish, book)
    for commit in range(commits):
        insist(partial(one, embeddings, writer, commit), failures)
        with place.ended.open("ab") as file:
            file.write(b".")
    return Written(failures, time.process_time() - started)


def insist(action: Callable[[], T], failures: Counter[str]) -> T:
    """Try until it works."""
    for _ in range(TRIES):
        try:
            return action()
        except StorageFailed as error:
            failures[re.split(r"https?:|\b\d", str(error).partition(": ")[2])[0].strip()] += 1
            time.sleep(0.2)
    raise StorageFailed(f"no luck in {TRIES} tries")


def insert(embeddings: Embeddings, writer: int, commit: int) -> None:
    """As `curator embed` does."""
    embeddings.add(*rows(writer, commit))


def run_and_publish(book: ShardBook, embeddings: Embeddings, writer: int, commit: int) -> None:
    """As `curator shards run` and `curator shards commit` do."""
    plan = f"plan-{writer}"
    if not book.is_done(plan, commit):
        staged = embeddings.stage(*rows(writer, commit))
        assert book.finish(plan, commit, {"pieces": staged.pieces})  # nobody else is at this shard
    published = embeddings.staging.publish([book.record(plan, commit)["pieces"]])
    assert not published.lost


def append_all(place: Place, writer: int, commits: int) -> Written:
    """All commits of one writer of the peer."""
    started, failures = time.process_time(), Counter[str]()
    for commit in range(commits):
        insist(partial(append, place, peer_rows(writer, commit)), failures)
        with place.ended.open("ab") as file:
            file.write(b".")
    return Written(failures, time.process_time() - started)


def append(place: Place, rows: pa.Table) -> None:
    with translated(place.peer):
        lance.write_dataset(rows, place.peer, mode="append", storage_options=place.settings.storage_options())


def peer_rows(writer: int, commit: int) -> pa.Table:
    """As `rows`, but all chips are this writer's own."""
    _, vectors = rows(writer, commit)
    vector = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
    return pa.table({"id": peer_chips(writer, commit), "vector": vector})


def rows(writer: int, commit: int) -> tuple[list[Facts], NDArray[np.float32]]:
    """The chips of a commit, and their vectors."""
    vectors = np.random.default_rng((writer, commit)).normal(size=(CHIPS, DIM)).astype(np.float32)
    return [{"id": name} for name in chips(writer, commit)], vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def chips(writer: int, commit: int) -> list[str]:
    """The ids of the chips of a commit."""
    own = [f"writer {writer}, commit {commit}, chip {number}" for number in range(CHIPS - 1)]
    return [*own, f"writers {writer // 2 * 2} and {writer // 2 * 2 + 1}, commit {commit}"]


def peer_chips(writer: int, commit: int) -> list[str]:
    return [f"writer {writer}, commit {commit}, chip {number}" for number in range(CHIPS)]


def look(place: Place, writers: int, commits: int) -> Found:
    """Compare what is there with what was written."""
    wanted = {name for writer in range(writers) for commit in range(commits) for name in chips(writer, commit)}
    dataset = place.embeddings().table.dataset
    there = Counter(dataset.to_table(columns=["id"])["id"].to_pylist() if dataset else [])
    book = ShardBook(place.files())
    return Found(
        chips=len(wanted),
        lost=len(wanted - there.keys()),
        doubled=sum(count - 1 for count in there.values()),
        shards=sum(len(book.done(f"plan-{writer}")) for writer in range(0, writers, 2)),
    )


def look_at_peer(place: Place, writers: int, commits: int) -> Found:
    """The same for the peer's table."""
    wanted = {name for writer in range(writers) for commit in range(commits) for name in peer_chips(writer, commit)}
    dataset = lance.dataset(place.peer, storage_options=place.settings.storage_options())
    there = Counter(dataset.to_table(columns=["id"])["id"].to_pylist())
    return Found(len(wanted), len(wanted - there.keys()), sum(count - 1 for count in there.values()))


if __name__ == "__main__":
    main()
