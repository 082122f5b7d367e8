"""How good vectors are after lightly's SimCLR, beside ours: same trunk, start, pictures and CPU-minutes.

    python benchmarks/ssl_lightly.py --eurosat DIR                                      # three times 15 minutes
    python benchmarks/ssl_lightly.py --eurosat DIR --limit 800 --minutes 0.3 --seeds 0  # does it run?

lightly trains with its own augmentations, head and loss (lightly_peer.py says which, and how to install it on a CPU),
with the optimizer of its CIFAR-10 benchmark (`lightly, SGD`), and with ours and our warm-up (`lightly, AdamW`). All end
along a cosine when the time is up, reading and augmenting included. Measured as in ssl_quality.py. Work goes
seed by seed, so that whatever else the machine does slows all alike; the record is written after each seed.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import lightly_peer
import torch
from ssl_quality import SIZE, Files, _pixels, _row, _seen, _spread
from starts import imagenet_trunk

from earthcurator.learn.evaluate import encode_classes
from earthcurator.learn.feed import sample, split
from earthcurator.learn.loop import train
from earthcurator.learn.methods.simclr import SimCLR
from earthcurator.learn.recipe import Recipe
from earthcurator.learn.trunks import feature_count
from earthcurator.learn.views import as_planes, preset


@dataclass(frozen=True, slots=True)
class Learned:
    """A trained trunk, and how many pictures it saw."""

    trunk: Any
    pictures: int


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    halves = common.eurosat(options.eurosat).limited(options.limit)
    names = encode_classes([file.parent.name for file in (*halves.gallery, *halves.queries)])
    labels, truth = names[: len(halves.gallery)], names[len(halves.gallery) :]
    gallery, queries = (_pixels(Files(files)) for files in (halves.gallery, halves.queries))
    settings = {name: str(value) for name, value in vars(options).items() if name not in ("eurosat", "out")}

    def measured(name: str, seed: int, trunk: Any) -> dict[str, str | int | float]:
        return _row(name, seed, _seen(trunk, gallery), labels, _seen(trunk, queries), truth)

    rows = [{**measured("untrained", 0, imagenet_trunk()), "pictures": 0}]
    for seed in options.seeds:
        recipe = Recipe(views=preset("aerial", SIZE), seconds=60 * options.minutes, batch=options.batch, seed=seed)
        for name, learn in CONTESTANTS.items():
            done = learn(halves.gallery, recipe)
            rows.append({**measured(name, seed, done.trunk), "pictures": done.pictures})
        figures = {"data": common.EUROSAT, "settings": settings, "rows": rows, "spread": _spread(rows)}
        common.record("ssl_lightly", figures, folder=options.out)
    print(common.table(rows))


def curator(files: Sequence[Path], recipe: Recipe) -> Learned:
    """Our SimCLR."""
    trunk = imagenet_trunk()
    done = train(Files(files), trunk, SimCLR(feature_count(trunk, SIZE)), recipe, clock=time.process_time)
    return Learned(done.trunk, len(done.losses) * recipe.batch)


def lightly_sgd(files: Sequence[Path], recipe: Recipe) -> Learned:
    """lightly's SimCLR with the optimizer and rate of its CIFAR-10 benchmark, which is for batches of 128."""

    def optimizer(model: Any) -> Any:
        return torch.optim.SGD(model.parameters(), lr=0.06, momentum=0.9, weight_decay=5e-4)

    def rate_at(fraction: float) -> float:
        return 0.06 * recipe.batch / 128 * (1 + math.cos(math.pi * fraction)) / 2

    return _lightly(files, recipe, optimizer, rate_at)


def lightly_adamw(files: Sequence[Path], recipe: Recipe) -> Learned:
    """lightly's SimCLR with our optimizer and rates."""

    def optimizer(model: Any) -> Any:
        return torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)

    return _lightly(files, recipe, optimizer, recipe.rate_at)


CONTESTANTS: dict[str, Callable[[Sequence[Path], Recipe], Learned]] = {
    "curator": curator,
    "lightly, SGD": lightly_sgd,
    "lightly, AdamW": lightly_adamw,
}


def _lightly(
    files: Sequence[Path], recipe: Recipe, make_optimizer: Callable[[Any], Any], rate_at: Callable[[float], float]
) -> Learned:
    """On the pictures that our loop trains on, from the state of the trunk that it starts with."""
    source = Files(files)
    chosen, _ = split(source.ids)
    trunk = imagenet_trunk()
    trunk.settle(as_planes(torch.from_numpy(sample(source, chosen, SIZE, 256, seed=recipe.seed))))
    torch.manual_seed(recipe.seed)
    model = lightly_peer.SimCLR(trunk, feature_count(trunk, SIZE)).to(memory_format=torch.channels_last).train()
    optimizer = make_optimizer(model)
    batches = lightly_peer.batches([Path(name) for name in chosen], SIZE, recipe.batch, seed=recipe.seed)
    steps, began = 0, time.process_time()
    while (fraction := (time.process_time() - began) / (recipe.seconds or 1)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate_at(fraction)
        first, second = next(batches)
        model(first, second).backward()
        optimizer.step()
        optimizer.zero_grad()
        steps += 1
    return Learned(trunk, steps * recipe.batch)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5, help="CPU-minutes of each training.")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--limit", type=int, help="Pictures a half.")
    parser.add_argument("--out", type=Path, default=common.RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
