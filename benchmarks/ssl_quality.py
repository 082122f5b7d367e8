"""How good vectors are after self-supervised training on EuroSAT, against what costs nothing.

    python benchmarks/ssl_quality.py --eurosat DIR --method simclr --init imagenet --minutes 5 --seeds 0 1 2

Trains on the developer half without its labels; then its labels and the pictures of the other half say how good the
vectors are: 20-NN, a linear probe, and 1, 5, 10 and 50 labels a class. Beside it: the same trunk untrained, a histogram
of colours, and the packaged encoder, which has seen the developer half without its labels, too. Budgets are
CPU-minutes, so that other work on the machine does not shorten them. Views of 32 pixels cost a quarter of those of 64,
so there are four times as many steps: from random weights, a few minutes of those teach more. `--size 32` here is
`curator train --view-size 32`; rows with `at 32 pixels` in their names are asked with pictures as small, as
`curator train --size 32` makes an encoder of.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import common
import numpy as np
import torch
from numpy.typing import NDArray
from starts import STARTS, start

from earthcurator.encoders import packaged
from earthcurator.learn.evaluate import Labels, Vectors, encode_classes, few_labels, knn, linear_probe
from earthcurator.learn.feed import read
from earthcurator.learn.loop import train
from earthcurator.learn.methods import METHODS
from earthcurator.learn.quality import features
from earthcurator.learn.recipe import Recipe
from earthcurator.learn.trunks import feature_count
from earthcurator.learn.views import as_planes, preset

SIZE, EACH, DRAWS = 64, (1, 5, 10, 50), 10


class Files:
    """Picture files as a source."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = {str(file): file for file in files}
        self.ids = list(self._files)

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        return {name: self._files[name].read_bytes() for name in ids}


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    torch.set_num_threads(options.threads)
    split = common.eurosat(options.eurosat).limited(options.limit)
    names = encode_classes([file.parent.name for file in (*split.gallery, *split.queries)])
    labels, truth = names[: len(split.gallery)], names[len(split.gallery) :]
    source = Files(split.gallery)
    gallery, queries = (_pixels(Files(files)) for files in (split.gallery, split.queries))
    sides = (split.gallery, split.queries) if options.size != SIZE else ()
    small = [_pixels(Files(files), options.size) for files in sides]

    rows = [
        _row("RGB histogram", 0, _histogram(gallery), labels, _histogram(queries), truth),
        _row("packaged", 0, packaged("lite0-64").encode(gallery), labels, packaged("lite0-64").encode(queries), truth),
    ]
    for seed in options.seeds:
        trunk = start(options.init, options.trunk, seed)
        words = f"{options.init} {options.trunk}"
        rows.append(_row(f"{words}, untrained", seed, _seen(trunk, gallery), labels, _seen(trunk, queries), truth))
        recipe = Recipe(
            views=preset(options.views, options.size),
            seconds=60 * options.minutes,
            batch=options.batch,
            seed=seed,
        )
        method = METHODS.get(options.method)(feature_count(trunk, SIZE))
        done = train(source, trunk, method, recipe, clock=time.process_time)
        found = _seen(done.trunk, gallery), _seen(done.trunk, queries)
        row = _row(f"{words}, {options.method}", seed, found[0], labels, found[1], truth)
        if small:
            as_viewed = [_seen(done.trunk, pixels) for pixels in small]
            name = f"{words}, {options.method}, at {options.size} pixels"
            rows.append(_row(name, seed, as_viewed[0], labels, as_viewed[1], truth))
        rows.append(
            {
                **row,
                "epochs": round(done.epochs, 2),
                "pictures/s": round(len(done.losses) * recipe.batch / done.seconds),
            }
        )
    print(common.table([{"epochs": 0, "pictures/s": 0, **row} for row in rows]))
    settings = {name: str(value) for name, value in vars(options).items() if name not in ("eurosat", "out")}
    figures = {"data": common.EUROSAT, "settings": settings, "rows": rows, "spread": _spread(rows)}
    name = f"ssl_quality_{options.method}_{options.init}_{options.trunk}_{options.minutes:g}cpumin"
    common.record(name if options.size == SIZE else f"{name}_{options.size}px", figures, folder=options.out)


def _row(
    name: str, seed: int, vectors: Vectors, labels: Labels, queries: Vectors, truth: Labels
) -> dict[str, str | int | float]:
    rng = np.random.default_rng(seed)
    few = {
        f"{each} a class": 100 * statistics.mean(
            few_labels(vectors, labels, queries, truth, each=each, draws=DRAWS, rng=rng)
        )
        for each in EACH
        if each <= np.bincount(labels).min()
    }  # fmt: skip
    whole = {measure.__name__: 100 * measure(vectors, labels, queries, truth) for measure in (knn, linear_probe)}
    return {"encoder": name, "seed": seed, **{key: round(value, 2) for key, value in {**whole, **few}.items()}}


def _spread(rows: Sequence[dict[str, str | int | float]]) -> dict[str, dict[str, tuple[float, float]]]:
    """Encoder → measure → mean and deviation over seeds."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name in {str(row["encoder"]) for row in rows}:
        own = [row for row in rows if row["encoder"] == name]
        measures = [key for key, value in own[0].items() if isinstance(value, float)]
        values = {key: [float(row[key]) for row in own] for key in measures}
        found[name] = {key: (statistics.mean(each), statistics.pstdev(each)) for key, each in values.items()}
    return found


def _seen(trunk: torch.nn.Module, pixels: NDArray[np.uint8]) -> Vectors:
    trunk = trunk.eval()
    parts = [features(trunk, as_planes(torch.from_numpy(part)), torch.device("cpu")) for part in _parts(pixels)]
    vectors: Vectors = torch.cat(parts).numpy()
    return vectors


def _parts(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [pixels[at : at + 1024] for at in range(0, len(pixels), 1024)]


def _pixels(source: Files, size: int = SIZE) -> NDArray[np.uint8]:
    return read(source, source.ids, size).pixels


def _histogram(pixels: NDArray[np.uint8]) -> Vectors:
    """Share of pixels in each of 8 x 8 x 8 colours."""
    bins = (pixels >> 5).astype(np.int64) @ np.array([64, 8, 1])
    counts = np.stack([np.bincount(each.ravel(), minlength=512) for each in bins])
    shares: Vectors = (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, required=True)
    parser.add_argument("--method", default="simclr")
    parser.add_argument("--init", choices=STARTS, default="imagenet")
    parser.add_argument("--trunk", default="lite0")
    parser.add_argument("--minutes", type=float, default=5, help="CPU-minutes of all threads together.")
    parser.add_argument("--size", type=int, default=SIZE, help="Of views while it learns; it is measured at 64 pixels.")
    parser.add_argument("--views", default="aerial")
    parser.add_argument("--threads", type=int, default=1, help="Of torch.")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--limit", type=int, help="Pictures a half.")
    parser.add_argument("--out", type=Path, default=common.RESULTS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
