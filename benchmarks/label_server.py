"""How many labels a second the server takes, and how long lease and label take, with 50 people at work.

    python benchmarks/label_server.py --pictures EuroSAT_RGB

Annotators come one after another, within the time that ten chips take. Each leases 10 chips, looks at each for 300 ms
(or not at all: full speed) and sends one label a request, over a connection of its own. The server is `curator serve`:
one process on SQLite; four on PostgreSQL 15, which is started for the purpose with its usual settings. The peer is the
same server on SQLite with a commit for each label, as most programs do it.

Counted afterwards, from the labels that are kept: chips with two opinions although the task asks for one (target 0),
and acknowledged labels that are missing (target 0). The annotators run on the same two cores as the server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aiohttp
import psutil
from common import await_server, pictures_in, record, table

import earthcurator as ec
from earthcurator.settings import Settings

ANNOTATORS = 50
BATCH = 10
PORT = 8790
AS_SHIPPED = [sys.executable, "-m", "earthcurator"]
WITHOUT_GROUP_COMMIT = """
from earthcurator.store.sql import groupcommit
groupcommit.MOST_TOGETHER = 1
from earthcurator.cli import main
main()
"""


@dataclass
class Trial:
    """What 50 annotators experienced."""

    leases: list[float] = field(default_factory=list)
    labels: list[float] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)


async def annotator(
    session: aiohttp.ClientSession, url: str, token: str, think: float, until: float, trial: Trial
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    await asyncio.sleep(random.Random(token).uniform(0, BATCH * think))
    while time.monotonic() < until:
        started = time.perf_counter()
        async with session.post(f"{url}/leases", json={"count": BATCH, "seconds": 60}, headers=headers) as answer:
            answer.raise_for_status()
            leases = (await answer.json())["leases"]
        trial.leases.append(time.perf_counter() - started)
        if not leases:
            return
        for lease in leases:
            await asyncio.sleep(think)
            event = {"id": uuid4().hex, "chip": lease["chip"]["id"], "decision": "label", "value": ["yes"]}
            started = time.perf_counter()
            async with session.post(f"{url}/labels", json={"labels": [event]}, headers=headers) as answer:
                answer.raise_for_status()
                (outcome,) = (await answer.json())["outcomes"]
            trial.labels.append(time.perf_counter() - started)
            if outcome.get("error"):
                raise SystemExit(f"error: {outcome}")
            trial.acknowledged.add(event["id"])
            if time.monotonic() > until:
                return


async def load(url: str, tokens: list[str], think: float, seconds: float) -> tuple[Trial, float]:
    trial, started = Trial(), time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        work = [annotator(session, url, token, think, started + seconds, trial) for token in tokens]
        await asyncio.gather(*work)
    return trial, time.monotonic() - started


@contextmanager
def serving(project: Path, database_url: str | None, processes: int, program: list[str]) -> Iterator[psutil.Process]:
    environment = {**os.environ, **({"CURATOR_DATABASE_URL": database_url} if database_url else {})}
    command = [*program, "--project", str(project), "serve", "--port", str(PORT), "--processes", str(processes)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_server(process, f"http://127.0.0.1:{PORT}/healthz")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def cpu_seconds(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    return sum(sum(member.cpu_times()[:2]) for member in family)


def measure(
    project: Path,
    name: str,
    *,
    think: float,
    seconds: float,
    processes: int,
    database_url: str | None,
    program: list[str],
) -> dict[str, object]:  # fmt: skip
    settings = Settings(database_url=database_url)
    with ec.open(project, settings=settings) as opened:
        task = opened.tasks.create(f"{name} {think}?", ("yes", "no"))
        people = opened.records.people
        if not people.any():
            people.add("owner", "owner")
        known = {person.name: person for person in people.list()}
        names = [f"annotator {number}" for number in range(ANNOTATORS)]
        team = [known.get(name) or people.add(name, "annotator") for name in names]
        tokens = [people.issue(person.id, kind="token") for person in team]
    with serving(project, database_url, processes, program) as server:
        url = f"http://127.0.0.1:{PORT}/api/v1/tasks/{task.id}"
        before = cpu_seconds(server)
        trial, took = asyncio.run(load(url, tokens, think, seconds))
        used = cpu_seconds(server) - before
    with ec.open(project, settings=settings) as opened:
        kept = list(opened.tasks.store.events(task.id))
    opinions = Counter(label.chip for label in kept)
    figures: dict[str, object] = {
        "server": name,
        "think_ms": round(1000 * think),
        "labels_per_second": round(len(trial.labels) / took, 1),
        **{f"lease_p{at}_ms": _percentile(trial.leases, at) for at in (50, 99)},
        **{f"label_p{at}_ms": _percentile(trial.labels, at) for at in (50, 99)},
        "label_max_ms": round(1000 * max(trial.labels), 1),
        "server_cpu_ms_per_label": round(1000 * used / len(trial.labels), 2),
        "labels": len(trial.labels),
        "duplicates": sum(count > 1 for count in opinions.values()),
        "lost": len(trial.acknowledged - {label.id for label in kept}),
    }
    print(table([figures]), file=sys.stderr)
    return figures


def _percentile(seconds: list[float], at: int) -> float:
    return round(1000 * statistics.quantiles(seconds, n=100)[at - 1], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of EuroSAT pictures")
    parser.add_argument("--seconds", type=float, default=60)
    chosen = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.postgres import PostgresServer

    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        with ec.create(project) as opened:
            opened.import_pictures(pictures_in(chosen.pictures)[:20_000])
        postgresql = PostgresServer(durable=True)
        address = postgresql.new_database()
        try:
            rows = []
            for think in (0.3, 0.0):
                for name, url, processes, program in (
                    ("SQLite, 1 process", None, 1, AS_SHIPPED),
                    ("PostgreSQL, 4 processes", address, 4, AS_SHIPPED),
                    ("SQLite, a commit for each label (peer)", None, 1, [sys.executable, "-c", WITHOUT_GROUP_COMMIT]),
                ):
                    rows.append(
                        measure(
                            project,
                            name,
                            think=think,
                            seconds=chosen.seconds,
                            processes=processes,
                            database_url=url,
                            program=program,
                        )
                    )
        finally:
            postgresql.stop()
    print(table(rows))
    record("label_server", {"annotators": ANNOTATORS, "seconds": chosen.seconds, "trials": rows})


if __name__ == "__main__":
    main()
