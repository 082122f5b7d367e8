"""Search over HTTP: how long it takes by a chip and by an uploaded picture, alone and when many ask at once.

    python benchmarks/search_http.py --pictures EuroSAT_RGB

The project holds 20,000 EuroSAT chips with vectors of the packaged encoder, searched exactly; k is 50. Queries are
chips, or pictures that the project does not hold. Clients ask again as soon as they have their answer; one that is
told to come back (503) waits as long as the server says. The peer is the same search called in Python, without HTTP,
one after another. Clients and server share two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import aiohttp
from common import eurosat, record, table
from label_server import PORT, serving

import earthcurator as ec

HELD = 20_000
QUERIES = 200
AT_ONCE = (1, 8, 48)
K = 50


@dataclass
class Trial:
    seconds: list[float] = field(default_factory=list)
    refused: int = 0


async def ask(session: aiohttp.ClientSession, url: str, body: object, trial: Trial) -> None:
    started = time.perf_counter()
    request = {"json": body} if isinstance(body, dict) else {"data": _form(body)}
    async with session.post(url, **request) as answer:
        if answer.status == 503:
            trial.refused += 1
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            return
        answer.raise_for_status()
        found = await answer.json()
        assert len(found["hits"]) == K
    trial.seconds.append(time.perf_counter() - started)


def _form(picture: object) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("positive", picture, filename="query.jpg", content_type="image/jpeg")
    form.add_field("query", f'{{"k": {K}}}')
    return form


async def load(url: str, bodies: list[object], clients: int, seconds: float) -> tuple[Trial, float]:
    trial, started, waiting = Trial(), time.monotonic(), cycle(bodies)

    async def client(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < started + seconds:
            await ask(session, url, next(waiting), trial)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await ask(session, url, bodies[0], Trial())  # the encoder and the vectors are loaded
        await asyncio.gather(*(client(session) for _ in range(clients)))
    return trial, time.monotonic() - started


def percentile(seconds: list[float], at: int) -> float:
    return round(1000 * statistics.quantiles(seconds, n=100)[at - 1], 1)


def in_python(project: ec.Project, queries: list[ec.Query]) -> float:
    """Median milliseconds of the search itself."""
    took = []
    for query in queries:
        started = time.perf_counter()
        project.search(query)
        took.append(time.perf_counter() - started)
    return round(1000 * statistics.median(took), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of EuroSAT pictures")
    parser.add_argument("--seconds", type=float, default=15)
    chosen = parser.parse_args()
    split = eurosat(chosen.pictures)
    held, asked = [*split.gallery, *split.queries][:HELD], [*split.gallery, *split.queries][-QUERIES:]
    with tempfile.TemporaryDirectory() as folder:
        with ec.create(Path(folder) / "project") as project:
            project.import_pictures(held)
            project.embed()
            chips = [chip.id for chip in project.chips.all()][:: HELD // QUERIES]
            pictures = [path.read_bytes() for path in asked]
            peer = {
                "chip": in_python(project, [ec.Query(positives=[chip], k=K) for chip in chips]),
                "upload": in_python(project, [ec.Query(positives=[picture], k=K) for picture in pictures]),
            }
        kinds: dict[str, tuple[str, list[object]]] = {
            "chip": ("search", [{"positives": [{"chip": chip}], "k": K} for chip in chips]),
            "upload": ("search/upload", list(pictures)),
        }
        rows = []
        with serving(Path(folder) / "project", None, 1, [sys.executable, "-m", "earthcurator"]):
            for kind, (path, bodies) in kinds.items():
                for clients in AT_ONCE:
                    url = f"http://127.0.0.1:{PORT}/api/v1/{path}"
                    trial, took = asyncio.run(load(url, bodies, clients, chosen.seconds))
                    p50 = percentile(trial.seconds, 50)
                    rows.append(
                        {
                            "query": kind,
                            "clients": clients,
                            "answers_per_second": round(len(trial.seconds) / took, 1),
                            "p50_ms": p50,
                            "p99_ms": percentile(trial.seconds, 99),
                            "refused_503": trial.refused,
                            "python_p50_ms": peer[kind],
                            "times_python": round(p50 / peer[kind], 1),
                        }
                    )
                    print(table(rows[-1:]), file=sys.stderr)
    print(table(rows))
    record("search_http", {"chips": HELD, "k": K, "seconds": chosen.seconds, "trials": rows})


if __name__ == "__main__":
    main()
