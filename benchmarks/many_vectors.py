"""Millions of vectors that lie as real ones do, and a project that holds them: what the benchmarks of scale share.

Nobody has ten million pictures at hand, so vectors are made from real ones: those of EuroSAT, UC Merced and random
windows of the Blue Marble, by the packaged encoder lite0-64. Each made vector is a real one, moved by random steps
along the differences to four of its 20 nearest real neighbours, and put back on the sphere. So they lie where real
vectors lie and spread as real neighbourhoods do, but are smoother than millions of pictures would be. Queries are real
vectors that nothing was made from.

Chips stand for pictures that are not there: each has a picture of one pixel. Ids are 32 random letters, as downloads
have them. The project grows in place, so that a larger size continues the smaller one.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from common import EUROSAT, RESULTS, UC_MERCED, await_server, pictures_in
from numpy.typing import NDArray
from PIL import Image

import earthcurator as ec
from earthcurator.demo import data_folder
from earthcurator.encoders import packaged, prepare
from earthcurator.errors import BadPicture
from earthcurator.store import Embeddings
from earthcurator.store.chips import SCHEMA

DIM = 128
BLOCK = 5000
"""Rows that are made from one seed, and written as one file; `curator shards` writes 4096."""
PUBLISHED = 100
"""Blocks that are published together."""
K = 100
QUERIES = 200
DAYS = 1000
ENCODER = "lite0-64"
WINDOWS = 6000
NEIGHBOURS = 20
STEPS = 4
STEP = 0.3
PIXEL = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")

Floats = NDArray[np.float32]
Figures = dict[str, Any]


# -- vectors -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Source:
    """What vectors are made from."""

    real: Floats
    neighbours: NDArray[np.int64]
    """The 20 nearest real vectors of each."""
    queries: Floats
    places: Floats
    """Two directions, along which a chip's place follows its content."""

    def block(self, number: int) -> Block:
        """The rows with this number, always the same."""
        rng = np.random.default_rng([1, number])
        base = rng.integers(len(self.real), size=BLOCK)
        rows = self.real[base].copy()
        for _ in range(STEPS):
            other = self.neighbours[base, rng.integers(NEIGHBOURS, size=BLOCK)]
            step = STEP * rng.standard_normal((BLOCK, 1), np.float32)
            rows += step * (self.real[other] - self.real[base])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        ids = rng.bytes(16 * BLOCK).hex()
        return Block(
            ids=[ids[at : at + 32] for at in range(0, len(ids), 32)],
            vectors=rows,
            day=rng.integers(DAYS, size=BLOCK),
            place=np.stack([self._rank(rows, axis) for axis in (0, 1)], axis=1) * [360, 180] - [180, 90],
        )

    def _rank(self, rows: Floats, axis: int) -> NDArray[np.float64]:
        """Where rows come in the order of the real ones along a direction, 0 to 1."""
        real = np.sort(self.real @ self.places[axis])
        rank: NDArray[np.float64] = np.interp(rows @ self.places[axis], real, np.linspace(0, 1, len(real)))
        return rank


@dataclass(frozen=True, eq=False)
class Block:
    ids: list[str]
    vectors: Floats
    day: NDArray[np.int64]
    place: NDArray[np.float64]
    """Longitude and latitude."""

    def facts(self) -> dict[str, Any]:
        """The columns that chips and vectors share."""
        taken = (np.datetime64("2015-01-01") + self.day).astype("datetime64[us]")
        return {
            "id": pa.array(self.ids),
            "time": pa.array(taken).cast(pa.timestamp("us", "UTC")),
            "lon": pa.array(self.place[:, 0]),
            "lat": pa.array(self.place[:, 1]),
            "layer": pa.array(["made"] * BLOCK),
            "folder": pa.nulls(BLOCK, pa.string()),
        }


def source(scratch: Path, eurosat: Path, ucmerced: Path) -> Source:
    """The real vectors, made once and kept."""
    kept = scratch / "real.npz"
    if not kept.exists():
        scratch.mkdir(parents=True, exist_ok=True)
        vectors = _real(eurosat, ucmerced)
        rng = np.random.default_rng(0)
        vectors = vectors[rng.permutation(len(vectors))]
        queries, real = vectors[:QUERIES], vectors[QUERIES:]
        places = np.linalg.qr(rng.standard_normal((DIM, 2)))[0].T.astype(np.float32)
        np.savez(kept, real=real, neighbours=_neighbours(real), queries=queries, places=places)
    with np.load(kept) as arrays:
        return Source(**{name: arrays[name] for name in arrays})


def _real(eurosat: Path, ucmerced: Path) -> Floats:
    encoder = packaged(ENCODER)
    side = encoder.card.input_size
    pixels = []
    for path in [*pictures_in(eurosat), *pictures_in(ucmerced)]:
        try:
            pixels.append(prepare(path.read_bytes(), encoder.card))
        except BadPicture as error:
            print(f"{path} left out: {error}", file=sys.stderr)
    with Image.open(data_folder() / "bmng.jpg") as picture:
        globe = np.asarray(picture.convert("RGB"))
    rng = np.random.default_rng(0)
    corners = zip(*(rng.integers(length - side, size=WINDOWS).tolist() for length in globe.shape[:2]), strict=True)
    pixels += [globe[y : y + side, x : x + side] for y, x in corners]
    batches = [np.stack(pixels[at : at + 16]) for at in range(0, len(pixels), 16)]
    return np.concatenate([encoder.encode(batch) for batch in batches])


def _neighbours(real: Floats) -> NDArray[np.int64]:
    found = np.empty((len(real), NEIGHBOURS), np.int64)
    for at in range(0, len(real), 1000):
        likeness = real[at : at + 1000] @ real.T
        likeness[np.arange(len(likeness)), np.arange(at, at + len(likeness))] = -1
        found[at : at + 1000] = np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return found


# -- the true answers ----------------------------------------------------------------------------------------------


class Truth:
    """The 100 rows nearest to each query, of the rows so far; kept in a file, so that it can be continued."""

    def __init__(self, queries: Floats, kept: Path) -> None:
        self._queries = queries
        self.rows = np.zeros((len(queries), 0), np.int64)
        self.scores = np.zeros((len(queries), 0), np.float32)
        self.count = 0
        if kept.exists():
            with np.load(kept) as arrays:
                self.rows, self.scores, self.count = arrays["rows"], arrays["scores"], int(arrays["count"])

    def extend(self, vectors: Floats) -> None:
        """The next rows."""
        rows = np.arange(self.count, self.count + len(vectors))
        scores = np.concatenate([self.scores, self._queries @ vectors.T], axis=1)
        every = np.concatenate([self.rows, np.broadcast_to(rows, (len(self._queries), len(rows)))], axis=1)
        best = np.argsort(-scores, axis=1)[:, :K] if scores.shape[1] <= K else np.argpartition(-scores, K)[:, :K]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, 1), axis=1), 1)
        self.rows, self.scores = np.take_along_axis(every, best, 1), np.take_along_axis(scores, best, 1)
        self.count += len(vectors)

    def keep(self, kept: Path) -> None:
        """For a later run to continue."""
        np.savez(kept, rows=self.rows, scores=self.scores, count=self.count)


def truth_of(made: Source, size: int, scratch: Path) -> Truth:
    """The true answers among the first rows. Continues from the largest smaller size that is kept."""
    smaller = [int(path.stem.partition("-")[2]) for path in scratch.glob("truth-*.npz")]
    start = max((count for count in smaller if count <= size), default=0)
    truth = Truth(made.queries, scratch / f"truth-{start}.npz")
    for number in range(start // BLOCK, size // BLOCK):
        truth.extend(made.block(number).vectors)
    truth.keep(scratch / f"truth-{size}.npz")
    return truth


# -- the project ---------------------------------------------------------------------------------------------------


def open_or_create(where: Path) -> ec.Project:
    """The project, with an entry for ready-made vectors as its default encoder."""
    if (where / "curator.json").exists():
        return ec.open(where)
    project = ec.create(where)
    entry = project.encoders.for_vectors("made", DIM, "benchmarks/many_vectors.py")
    project.encoders.keep_name(entry)
    project.set_default_encoder(entry.id)
    return project


def embeddings_of(project: ec.Project) -> Embeddings:
    return project.embeddings(project.encoder())


def grow(project: ec.Project, made: Source, size: int) -> None:
    """Chips and vectors up to this many rows, written and published as `curator shards` does. No index yet."""
    if size % BLOCK:
        raise SystemExit(f"error: sizes are multiples of {BLOCK}, not {size}")
    embeddings = embeddings_of(project)
    while (have := min(len(project.chips), len(embeddings))) < size:
        numbers = range(have // BLOCK, min(size // BLOCK, have // BLOCK + PUBLISHED))
        blocks = {number: made.block(number) for number in numbers}
        for staging, rows, count in (
            (project.chips.staging, chip_rows, len(project.chips)),
            (embeddings.staging, vector_rows, len(embeddings)),
        ):
            if count == have:  # else it was published before the last run was stopped
                pieces = [piece for block in blocks.values() for piece in staging.write(rows(block)).pieces]
                staging.publish([pieces])
        print(f"{numbers.stop * BLOCK:,} rows", file=sys.stderr)


def vector_rows(block: Block) -> pa.Table:
    flat = pa.array(block.vectors.astype(np.float16).ravel())
    facts = block.facts()
    vector = pa.FixedSizeListArray.from_arrays(flat, DIM)
    return pa.table({"id": facts.pop("id"), "vector": vector, **facts})


def chip_rows(block: Block) -> pa.Table:
    lon, lat = block.place.T
    columns = {
        **block.facts(),
        "picture": pa.array([PIXEL] * BLOCK, pa.large_binary()),
        **{name: pa.array([value] * BLOCK) for name, value in (("media_type", "image/png"), ("origin", "made"))},
        **{name: pa.array(np.ones(BLOCK, np.int32)) for name in ("width", "height")},
        "sha256": pa.array([name * 2 for name in block.ids]),
        "valid": pa.array(np.ones(BLOCK, np.float32)),
        **{name: pa.array(edge) for name, edge in (("west", lon), ("east", lon), ("south", lat), ("north", lat))},
    }
    return pa.table([columns.get(field.name, pa.nulls(BLOCK, field.type)) for field in SCHEMA], schema=SCHEMA)


# -- the server ----------------------------------------------------------------------------------------------------


@contextmanager
def serving(where: str, *, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`curator serve` on a free port, from when it answers until the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["--project", where, "serve", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "earthcurator", *words],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
    )
    try:
        await_server(process, f"http://127.0.0.1:{port}/healthz")
        yield Server(f"http://127.0.0.1:{port}/api/v1", psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(60)


@dataclass(frozen=True)
class Server:
    url: str
    process: Any

    def cpu_seconds(self) -> float:
        """Of all its processes so far."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(sum(member.cpu_times()[:2]) for member in family)

    def memory(self) -> dict[str, int]:
        """Megabytes of its largest process: its own, and files that it has mapped."""
        family = [self.process, *self.process.children(recursive=True)]
        return max((memory_of(member.pid) for member in family), key=lambda found: found["anon_mb"])


def memory_of(process: int) -> dict[str, int]:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    words = dict(line.split(":", 1) for line in lines if ":" in line)
    names = {"anon_mb": "RssAnon", "file_mb": "RssFile"}
    return {name: int(words[key].split()[0]) // 1024 for name, key in names.items()}


def parser_of(script: str | None) -> argparse.ArgumentParser:
    """What all benchmarks with these vectors take. `script` is its docstring."""
    parser = argparse.ArgumentParser(description=script, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, required=True, help=EUROSAT)
    parser.add_argument("--ucmerced", type=Path, required=True, help=UC_MERCED)
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/earthcurator-many-vectors"), help="kept, and reused")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    return parser
