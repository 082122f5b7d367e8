"""Planning decades of imagery in shards: CPU time, and the size of the plan.

    python benchmarks/shard_plans.py

Three layers of MODIS on the whole Earth at 250 metres, every day that they have until the end of 2024, by the catalogue
of NASA GIBS that ships with Curator; nothing is fetched. The aim is 60 seconds. The peer, in the same run, is a plan
that lists its shards: one line of JSON each.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeVar

from common import RESULTS, record, table

import earthcurator as ec
from earthcurator.imagery import Imagery, orders
from earthcurator.scale import plan_download
from earthcurator.scale.plans import DownloadPlan, read_plan
from earthcurator.settings import Settings

T = TypeVar("T")

LAYERS = [f"MODIS_Terra_CorrectedReflectance_{bands}" for bands in ("TrueColor", "Bands721", "Bands367")]
EARTH = ec.Box(west=-180, south=-90, east=180, north=90)
DAYS = "2000-02-24/2024-12-31"
ROUNDS = 3


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolution", type=float, default=250, help="Metres a pixel.")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)
    with TemporaryDirectory() as folder:
        settings = Settings(cache=Path(folder) / "cache", source="https://gibs.earthdata.nasa.gov")
        [order] = orders(LAYERS, EARTH, DAYS, resolution=chosen.resolution)
        with ec.create(Path(folder) / "project", settings=settings) as project, Imagery(settings=settings) as imagery:
            rounds = [timed(lambda: plan_download(project, order, imagery)) for _ in range(ROUNDS)]
            text = project.shards.plan(rounds[0][0])
            plan = read_plan(text)
            if not isinstance(plan, DownloadPlan):
                raise SystemExit("error: that is no plan of a download")
            listed, peer = timed(lambda: lines(plan))
    ours = median(seconds for _, seconds in rounds)
    figures = {
        "layer-days": plan.instants,
        "shards": plan.shards,
        "CPU s": round(ours, 2),
        "bytes": len(text),
        "listed: CPU s": round(ours + peer, 2),
        "listed: bytes": listed,
        "listed / ours, bytes": round(listed / len(text)),
    }
    print(table([figures]))
    record("shard_plans", figures, folder=chosen.out)


def lines(plan: DownloadPlan) -> int:
    """How many bytes the shards of a plan are, a line of JSON each."""
    total = 0
    for number in range(plan.shards):
        piece = plan.piece(number)
        row = {"layer": piece.layer, "time": str(piece.time), "first": piece.first, "last": piece.last}
        total += len(json.dumps(row)) + 1
    return total


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What it gives, and its CPU seconds."""
    begun = time.process_time()
    return work(), time.process_time() - begun


if __name__ == "__main__":
    main()
