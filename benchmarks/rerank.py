"""How soon a label changes what is shown, over HTTP, and what that costs those who label.

    OPENBLAS_NUM_THREADS=1 python benchmarks/rerank.py --rows 100000 1000000

One person labels a chip of each round, about one a second. Counted from the moment the label is sent: its answer, the
WebSocket's message that there is a new round, and the first hits in the new order of all chips, as Explore asks for
them. Then four people label without a pause, with the server as shipped and with one that never learns (the peer): how
long does a label take?

Vectors are synthetic: random unit rows, of which one in a hundred leans towards one direction and is the class. They
are stored as an embedding stores them, with the ids of chips that share one tiny picture. Clients and server share the
machine. For real pictures give `--pictures`: a folder of JPEG files, whose folders are their classes.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import numpy as np
from common import RESULTS, record, table
from label_server import AS_SHIPPED, PORT, serving
from PIL import Image

import earthcurator as ec
from earthcurator.models import Arrival, Chip

API = f"http://127.0.0.1:{PORT}/api/v1"
BATCH = 20_000
PREVALENCE = 0.01
PEOPLE = 4
PAGE = 500
WITHOUT_TRAINER = """
from earthcurator.web.trainer import Trainer
Trainer.touch = lambda self, task: None
from earthcurator.cli import main
main()
"""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--pictures", type=Path, help="a folder of JPEG files")
    parser.add_argument("--labels", type=int, default=40, help="labels of the one person")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long the four people label")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two labels of the one person")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)
    reranked, labelled = [], []
    for source in [*chosen.rows, *([chosen.pictures] if chosen.pictures else [])]:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "project"
            count, positives = real(project, source) if isinstance(source, Path) else synthetic(project, source)
            name = "real" if isinstance(source, Path) else "synthetic"
            facts = {"chips": count, "vectors": name}
            with serving(project, None, 1, AS_SHIPPED):
                figures = asyncio.run(one_person(positives, chosen.labels, chosen.pause))
                reranked.append({**facts, **figures})
                print(table(reranked[-1:]), file=sys.stderr)
                figures = asyncio.run(many_people(positives, chosen.seconds))
                labelled.append({**facts, "server": "as shipped", **figures})
            with serving(project, None, 1, [sys.executable, "-c", WITHOUT_TRAINER]):
                figures = asyncio.run(many_people(positives, chosen.seconds))
                labelled.append({**facts, "server": "never learns (peer)", **figures})
            print(table(labelled[-2:]), file=sys.stderr)
    print(table(reranked), "\n")
    print(table(labelled))
    record("rerank", {"pause_seconds": chosen.pause, "rerank": reranked, "labels": labelled}, folder=chosen.out)


# -- the projects ----------------------------------------------------------------------------------------------------


def synthetic(folder: Path, count: int) -> tuple[int, set[str]]:
    """A project with so many vectors; also returns the chips of the class."""
    rng = np.random.default_rng(0)
    positives: set[str] = set()
    with ec.create(folder) as project:
        project.chips.add([_arrival(0)])
        encoder = project.encoder()  # the one that suits such chips
        embeddings = project.embeddings(encoder)
        leaning = rng.standard_normal(encoder.card.dim, dtype=np.float32)
        for first in range(0, count, BATCH):
            arrivals = [_arrival(number) for number in range(first, min(first + BATCH, count))]
            project.chips.add(arrivals)
            vectors = rng.standard_normal((len(arrivals), encoder.card.dim), dtype=np.float32)
            of_class = rng.random(len(arrivals)) < PREVALENCE
            vectors[of_class] += leaning
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            embeddings.add([_facts(arrival.chip) for arrival in arrivals], vectors)
            positives |= {arrivals[row].chip.id for row in np.flatnonzero(of_class)}
    return count, positives


def real(folder: Path, pictures: Path) -> tuple[int, set[str]]:
    """A project with these pictures; also returns the chips of the first class."""
    with ec.create(folder) as project:
        project.import_pictures([pictures])
        project.embed()
        chips = list(project.chips.all())
    first = min(chip.folder for chip in chips if chip.folder)
    return len(chips), {chip.id for chip in chips if chip.folder == first}


def _arrival(number: int) -> Arrival:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    chip = Chip(id=digest[:24], media_type="image/png", width=64, height=64, sha256=digest, origin=f"/{number}")
    return Arrival(chip, PICTURE)


def _facts(chip: Chip) -> dict[str, Any]:
    return {"id": chip.id, "time": None, "lon": None, "lat": None, "layer": None, "folder": None}


def _tiny() -> bytes:
    out = BytesIO()
    Image.new("L", (64, 64)).save(out, "png")
    return out.getvalue()


PICTURE = _tiny()


# -- the people ------------------------------------------------------------------------------------------------------


async def one_person(positives: set[str], labels: int, pause: float) -> dict[str, object]:
    """Label what comes first, again and again."""
    answered, told, shown = [], [], []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(300)) as session:
        task = await _task(session, min(positives))
        async with session.ws_connect(f"{API}/live") as socket:
            message = await _model(socket, task, 0)
            for done in range(1, labels + 1):
                await asyncio.sleep(pause)
                began = time.perf_counter()
                await _put(session, task, message["next"][0], positives)
                answered.append(time.perf_counter() - began)
                message = await _model(socket, task, done)
                told.append(time.perf_counter() - began)
                async with session.post(f"{API}/search", json={"task": task, "k": PAGE}) as answer:
                    answer.raise_for_status()
                    await answer.read()
                shown.append(time.perf_counter() - began)
    return {
        name: value
        for step, seconds in (("label", answered), ("round", told), ("page", shown))
        for name, value in ((f"{step}_ms", _ms(seconds, 50)), (f"{step}_p95_ms", _ms(seconds, 95)))
    }


async def many_people(positives: set[str], seconds: float) -> dict[str, object]:
    """Label without a pause, ten chips each and then the next."""
    took: list[float] = []

    async def person(chips: Sequence[str]) -> None:
        for chip in chips:
            began = time.perf_counter()
            await _put(session, task, chip, positives)
            took.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(300)) as session:
        task = await _task(session, min(positives))
        await _put(session, task, min(positives), positives)  # the first round, which reads all ids, is not measured
        await asyncio.sleep(min(5.0, seconds))
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            async with session.post(f"{API}/tasks/{task}/leases", json={"count": 10 * PEOPLE}) as answer:
                chips = [held["chip"]["id"] for held in (await answer.json())["leases"]]
            if not chips:
                break
            await asyncio.gather(*(person(chips[first::PEOPLE]) for first in range(PEOPLE)))
    return {"labels": len(took), "p50_ms": _ms(took, 50), "p99_ms": _ms(took, 99)}


async def _task(session: aiohttp.ClientSession, example: str) -> str:
    asked = {"question": uuid4().hex, "classes": ["yes", "no"], "references": {"yes": [example]}}
    async with session.post(f"{API}/tasks", json=asked) as answer:
        answer.raise_for_status()
        return str((await answer.json())["task"]["id"])


async def _put(session: aiohttp.ClientSession, task: str, chip: str, positives: set[str]) -> None:
    event = {"id": uuid4().hex, "chip": chip, "decision": "label", "value": ["yes" if chip in positives else "no"]}
    async with session.post(f"{API}/tasks/{task}/labels", json={"labels": [event]}) as answer:
        answer.raise_for_status()
        assert (await answer.json())["outcomes"][0]["error"] is None


async def _model(socket: aiohttp.ClientWebSocketResponse, task: str, labels: int) -> dict[str, Any]:
    """The message of the round that knows of so many labels."""
    async for message in _messages(socket):
        if message["type"] == "model" and message["task"] == task and message["labels"] >= labels:
            return message
    raise SystemExit("error: the server hung up")


async def _messages(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[dict[str, Any]]:
    while True:
        yield await socket.receive_json()


def _ms(seconds: Sequence[float], percent: int) -> float:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else [seconds[0]] * 99
    return round(1000 * cuts[percent - 1], 1)


if __name__ == "__main__":
    main()
