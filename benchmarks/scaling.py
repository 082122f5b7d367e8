"""What more processes bring, and what an engine costs: one embedding plan, done by one process, by two, and on Ray.

    OMP_NUM_THREADS=1 python benchmarks/scaling.py --eurosat DIR

Strong scaling is wall time of one worker against two, each with one thread: it needs a machine with nothing else to do,
so the load is recorded. Ray's cost is CPU time per shard, of all processes together, against a plain
ProcessPoolExecutor that runs the same function as often, two at a time. Ray's own processes use some all the time that
they are up, so this, too, is higher where the work has to wait for others. Starting up counts for both, and is told
apart by a second, smaller plan: `seconds a shard` is the slope between the two.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from common import EUROSAT, RESULTS, pictures_in, record, table

import earthcurator as ec
from earthcurator.scale import commit, missing, plan_embed, run_here
from earthcurator.scale.ray import run_on_ray
from earthcurator.scale.work import run_at
from earthcurator.settings import Settings

ENCODER = "lite0-64"
WORKERS = 2


@dataclass(frozen=True)
class Run:
    """What one way of doing a plan took."""

    shards: int
    wall_seconds: float
    cpu_seconds: float
    """Of this process and all that it started."""


Way = Callable[[str, str, Sequence[int]], float]
"""Does some shards of a plan; returns what `_cpu_seconds` says at the end of the work."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, required=True, help=EUROSAT)
    parser.add_argument("--pictures", type=int, default=16_384, help="EuroSAT has 27,000")
    parser.add_argument("--size", type=int, default=512, help="pictures of a shard")
    parser.add_argument("--rounds", type=int, default=3, help="the ways take turns so often; medians count")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)
    settings = Settings(threads=1)
    ways: dict[str, Way] = {
        "1 process": partial(_here, workers=1, settings=settings),
        "2 processes": partial(_here, workers=WORKERS, settings=settings),
        "process pool": partial(_pool, settings=settings),
        "ray": partial(_ray, settings=settings),
    }
    with TemporaryDirectory() as folder:
        projects = [_project(Path(folder), chosen.eurosat, chosen.pictures // part) for part in (1, 4)]
        runs: dict[str, list[tuple[Run, Run]]] = {name: [] for name in ways}
        for _ in range(chosen.rounds):
            for name, way in ways.items():
                large, small = (_measure(project, way, chosen.size) for project in projects)
                runs[name].append((large, small))
    rows = [_row(name, measured) for name, measured in runs.items()]
    print(table(rows))
    by_way = {str(row["way"]): row for row in rows}
    figures = {
        "pictures": chosen.pictures,
        "pictures a shard": chosen.size,
        "rounds": chosen.rounds,
        "speed-up of 2 processes": _ratio(by_way["1 process"], by_way["2 processes"], "wall s a shard"),
        "ray CPU a shard, pool = 1": _ratio(by_way["ray"], by_way["process pool"], "CPU s a shard"),
        "ray CPU in all, pool = 1": _ratio(by_way["ray"], by_way["process pool"], "CPU s"),
        "rows": rows,
    }
    record("scaling", figures, folder=chosen.out)


def _project(folder: Path, eurosat: Path, count: int) -> Path:
    """A project with so many pictures, drawn at random, none of them embedded."""
    files = pictures_in(eurosat)
    drawn = np.random.default_rng(0).permutation(len(files))[:count]
    where = folder / f"{count}"
    with ec.create(where) as project:
        project.import_pictures([files[place] for place in drawn])
        project.set_default_encoder(ENCODER)
    return where


def _measure(original: Path, way: Way, size: int) -> Run:
    copy = original.with_name(f"{original.name}-copy")
    shutil.copytree(original, copy)
    try:
        with ec.open(copy) as project:
            plan = plan_embed(project, size=size)
            indices = missing(project, plan)
            cpu, wall = _cpu_seconds(), time.perf_counter()
            used = way(str(copy), plan, indices)
            run = Run(len(indices), time.perf_counter() - wall, used - cpu)
            assert commit(project, plan).rows == len(project.chips)
        return run
    finally:
        shutil.rmtree(copy)


def _cpu_seconds() -> float:
    """Of this process and of those below it, whether they have ended or not."""
    ended = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in ended) + _below(os.getpid()) / os.sysconf("SC_CLK_TCK")


def _below(process: int) -> int:
    """Clock ticks of the living processes below one, and of those of theirs that have ended. Linux only."""
    ticks = 0
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15])) + _below(child)  # utime, stime, cutime, cstime
    return ticks


def _here(where: str, plan: str, indices: Sequence[int], *, workers: int, settings: Settings) -> float:
    run_here(where, plan, indices, workers=workers, settings=settings)
    return _cpu_seconds()


def _pool(where: str, plan: str, indices: Sequence[int], *, settings: Settings) -> float:
    with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(partial(run_at, where, settings, plan), indices))
    return _cpu_seconds()


def _ray(where: str, plan: str, indices: Sequence[int], *, settings: Settings) -> float:
    used = 0.0

    def look(done: int, total: int | None) -> None:
        nonlocal used
        if done == total:
            used = _cpu_seconds()  # Ray's own processes are killed after this, and counted by nobody

    run_on_ray(where, plan, indices, settings=settings, progress=look)
    return used


def _row(name: str, measured: Sequence[tuple[Run, Run]]) -> dict[str, object]:
    def slope(field: str) -> float:
        pairs = [(getattr(b, field) - getattr(a, field)) / (b.shards - a.shards) for b, a in measured]
        return float(np.median(pairs))

    large = [run for run, _ in measured]
    return {
        "way": name,
        "shards": large[0].shards,
        "wall s": round(float(np.median([run.wall_seconds for run in large])), 2),
        "CPU s": round(float(np.median([run.cpu_seconds for run in large])), 2),
        "wall s a shard": round(slope("wall_seconds"), 4),
        "CPU s a shard": round(slope("cpu_seconds"), 4),
    }


def _ratio(a: dict[str, object], b: dict[str, object], field: str) -> float:
    return round(float(str(a[field])) / float(str(b[field])), 3)


if __name__ == "__main__":
    main()
