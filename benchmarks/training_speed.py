"""Training pictures per CPU-second: our whole loop, the same step written by hand without any pipeline, and lightly.

    python benchmarks/training_speed.py --eurosat DIR          # lightly_peer.py says how to install lightly on a CPU

All train the packaged trunk with SimCLR on one thread of torch, in the memory format that suits it best:
`curator` reads JPEGs, makes views and steps in `learn.loop.train`; `step` is forward, loss, backward and AdamW on views
that lie ready in memory, so that it is the most any pipeline can reach; `step at once` takes both views through the
trunk in one batch; `lightly` reads, augments and steps with lightly's own augmentations, head and loss; `lightly step`
is its step on views that lie ready.
Rounds alternate between them, and a share is of the same round. Other work on the machine slows all alike.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import torch
from ssl_quality import Files

from earthcurator.encoders import packaged_weights
from earthcurator.learn.feed import read
from earthcurator.learn.loop import train
from earthcurator.learn.methods.simclr import SimCLR, nt_xent
from earthcurator.learn.recipe import Progress, Recipe
from earthcurator.learn.trunks import feature_count, packaged_trunk
from earthcurator.learn.views import preset

SIZE = 64
WARM = 2
"""Steps before the clock starts: memory is laid out, and batches are read ahead."""


@dataclass(frozen=True, slots=True)
class Work:
    """What every contestant does: so many steps on batches of these files."""

    files: tuple[Path, ...]
    batch: int
    steps: int


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    torch.set_num_threads(1)
    work = Work(common.eurosat(options.eurosat).gallery, options.batch, options.steps)
    contestants = {name: CONTESTANTS[name] for name in options.contestants}
    rounds = []
    for _ in range(options.rounds):
        rounds.append({name: run(work) for name, run in contestants.items()})
        print(rounds[-1], file=sys.stderr)
    limit = options.contestants[0] if "step" not in contestants else "step"
    rows = [
        {
            "contestant": name,
            "pictures/CPU-s": round(statistics.median(each[name] for each in rounds), 1),
            f"of {limit}": round(statistics.median(each[name] / each[limit] for each in rounds), 3),
        }
        for name in contestants
    ]
    print(common.table(rows))
    settings = {"batch": work.batch, "steps": work.steps, "rounds": options.rounds, "size": SIZE, "trunk": "lite0-64"}
    figures = {"data": common.EUROSAT, "settings": settings, "rows": rows, "rounds": rounds}
    common.record("training_speed", figures, folder=options.out)


def curator(work: Work) -> float:
    """Our loop, stopped after so many steps."""
    stamps: list[float] = []

    def tick(_: Progress) -> None:
        stamps.append(time.process_time())

    trunk = _trunk()
    recipe = Recipe(views=preset("aerial", SIZE), epochs=1, batch=work.batch, measure_seconds=math.inf)
    # One step more than is counted: the last one measures the trunk too.
    train(
        Files(work.files), trunk, SimCLR(feature_count(trunk, SIZE)), recipe,
        progress=tick, stop=lambda: len(stamps) >= WARM + work.steps,
    )  # fmt: skip
    if len(stamps) <= WARM + work.steps:
        raise SystemExit(f"error: an epoch has {len(stamps)} steps; use --steps {len(stamps) - WARM - 1} or fewer")
    return _rate(stamps, work)


def step(work: Work) -> float:
    """Our step on views that lie ready."""
    trunk = _trunk().to(memory_format=torch.channels_last).train()
    method = SimCLR(feature_count(trunk, SIZE)).train()
    return _steps(work, lambda first, second: method.loss(trunk, first, second), [trunk, method], _ready(work))


def step_at_once(work: Work) -> float:
    """The same with both views in one batch."""
    trunk = _trunk().to(memory_format=torch.channels_last).train()
    method = SimCLR(feature_count(trunk, SIZE)).train()

    def loss(first: Any, second: Any) -> Any:
        z0, z1 = method.projector(trunk(torch.cat([first, second]))).chunk(2)
        return nt_xent(z0, z1, method.temperature)

    return _steps(work, loss, [trunk, method], _ready(work))


def lightly(work: Work) -> float:
    """lightly's pipeline and step."""
    import lightly_peer

    model = _lightly_model()
    return _steps(work, model, [model], lightly_peer.batches(work.files, SIZE, work.batch, seed=0))


def lightly_step(work: Work) -> float:
    """lightly's step on views that lie ready."""
    model = _lightly_model()
    return _steps(work, model, [model], _ready(work))


CONTESTANTS: dict[str, Callable[[Work], float]] = {
    "curator": curator,
    "step": step,
    "step at once": step_at_once,
    "lightly": lightly,
    "lightly step": lightly_step,
}


def _steps(
    work: Work, loss: Callable[[Any, Any], Any], modules: Sequence[Any], batches: Iterator[tuple[Any, Any]]
) -> float:
    """The loop as anybody writes it first."""
    weights = [each for module in modules for each in module.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=5e-4)
    stamps = []
    for first, second in itertools.islice(batches, WARM + work.steps):
        loss(first, second).backward()
        optimizer.step()
        optimizer.zero_grad()
        stamps.append(time.process_time())
    return _rate(stamps, work)


def _rate(stamps: Sequence[float], work: Work) -> float:
    """Pictures per CPU-second from the end of the warm-up over so many steps."""
    spent = stamps[WARM + work.steps - 1] - stamps[WARM - 1]
    return work.steps * work.batch / spent


def _ready(work: Work) -> Iterator[tuple[Any, Any]]:
    """The same two views of one batch again and again."""
    source = Files(work.files[: work.batch])
    pixels = torch.from_numpy(read(source, source.ids, SIZE).pixels)
    views = preset("aerial", SIZE)(pixels, torch.Generator().manual_seed(0))
    first, second = (view.contiguous(memory_format=torch.channels_last) for view in views)
    return itertools.repeat((first, second))


def _trunk() -> Any:
    return packaged_trunk(packaged_weights("lite0-64"))


def _lightly_model() -> Any:
    import lightly_peer

    trunk = _trunk()
    return lightly_peer.SimCLR(trunk, feature_count(trunk, SIZE)).to(memory_format=torch.channels_last).train()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, required=True)
    parser.add_argument("--contestants", nargs="+", choices=list(CONTESTANTS), default=list(CONTESTANTS))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10, help="That are timed, a run.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=common.RESULTS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
