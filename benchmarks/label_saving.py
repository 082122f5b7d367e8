"""How many labels self-supervised training saves on EuroSAT, against learning from labels alone.

    python benchmarks/label_saving.py --eurosat DIR
    python benchmarks/label_saving.py --eurosat DIR --size 64 --trunk trunk.pt       # an encoder trained elsewhere

SimCLR adapts a trunk with ImageNet weights to the developer half without its labels. Then a few labels of that half
make classifiers: a linear head on the trunk as it is, and the trunk fine-tuned by `earthcurator.learn.finetune`. The
same is done without SimCLR, so that what is owed to ImageNet can be told from what is owed to it. The peer is half a
ResNet-18 from random weights, taught by the labels with the same views. The pictures of the other half are the test.
For each number of labels the table says how many labels the peer needs for the same accuracy.

How the peer is trained: AdamW in one cycle up to a rate of 3e-3 and down, weight decay 0.05, label smoothing 0.1,
batches of 32, normalisations that follow the batches, 30 passes over the labels and at least 500 steps. At 20 labels a
class, one seed, 180 steps gave 49.4 and 51.1 % with rates of 1e-3 and 3e-3, 500 steps 61.7 and 63.0; the trunk that
SimCLR adapts, Lite0, from random weights 47.1 and, with twice the steps, 48.2. Pictures are halved in size, so that all
this takes a CPU some 35 minutes; `--size 64 --passes 60` gives the peer more, in hours.
The ImageNet trunk learned from larger pictures and suffers from the small ones until it is fine-tuned (51 % against 74
at 64 pixels, linear, 5 a class): SimCLR's lead over it is larger here than it is there. The peer has no such loss.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import common
import numpy as np
import torch
from numpy.typing import NDArray
from ssl_quality import Files
from starts import imagenet_trunk
from torch import nn
from torch.nn import functional

from earthcurator.encoders import EncoderCard
from earthcurator.learn.classifier import fit_head
from earthcurator.learn.evaluate import Labels, Vectors, draw_each, encode_classes
from earthcurator.learn.export import export
from earthcurator.learn.feed import epoch_order, read
from earthcurator.learn.finetune import Lesson, adapt
from earthcurator.learn.lite0 import Lite0
from earthcurator.learn.loop import train
from earthcurator.learn.methods import METHODS
from earthcurator.learn.quality import features
from earthcurator.learn.recipe import Recipe
from earthcurator.learn.trunks import feature_count, make_trunk, packaged_trunk
from earthcurator.learn.views import as_planes, preset

EACH = (5, 10, 20, 50, 100, 200)
"""Labels a class."""
PEER = "random weights, supervised"
_BATCH, _RATE, _DECAY, _SMOOTHING = 32, 3e-3, 0.05, 0.1
_FEWEST_STEPS = 500  # of the peer
_FIT_ON = 256  # pictures, of the export, of which only the trunk is used
_EPOCHS, _FEWEST_TUNED = 5, 60  # of fine-tuning, and its fewest steps

Curve = Mapping[int, float]
"""Labels a class → accuracy in per cent."""


@dataclass(frozen=True, slots=True)
class Half:
    """Pictures, decoded, and their classes."""

    source: Files
    pixels: NDArray[np.uint8]
    labels: Labels


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    torch.set_num_threads(1)
    teaching, asking = _halves(options)
    began = time.process_time()
    adapted = _adapted(options, teaching)
    spent = {"self-supervised training": time.process_time() - began}
    starts = {"self-supervised": adapted, "ImageNet": imagenet_trunk()}
    ways: dict[str, Callable[[NDArray[np.int64], int], float]] = {
        PEER: lambda chosen, seed: supervised(teaching, chosen, asking, options, seed)
    }
    for name, trunk in starts.items():
        ways[f"{name}, linear"] = _linear(trunk, teaching, asking)
        ways[f"{name}, fine-tuned"] = _tuned(trunk, teaching, asking, options.size)
    found: dict[str, dict[int, list[float]]] = {name: {each: [] for each in options.each} for name in ways}
    for name, way in ways.items():
        began = time.process_time()
        for seed in options.seeds:
            for each in options.each:
                chosen = draw_each(teaching.labels, each, np.random.default_rng([seed, each]))
                found[name][each].append(100 * way(chosen, seed))
                print(f"{name}, {each} a class, seed {seed}: {found[name][each][-1]:.1f} %", file=sys.stderr)
        spent[name] = time.process_time() - began
    _report(options, found, spent)


# --- the ways ------------------------------------------------------------------------------------------------------


def supervised(
    teaching: Half, chosen: NDArray[np.int64], asking: Half, options: argparse.Namespace, seed: int
) -> float:
    """The peer's accuracy, from random weights and the chosen labels alone."""
    classes = int(teaching.labels.max()) + 1
    trunk = make_trunk("resnet18-narrow", seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = (
            nn.Sequential(trunk, nn.Linear(feature_count(trunk, options.size), classes))
            .to(memory_format=torch.channels_last)
            .train()
        )
    pixels, labels = teaching.pixels[chosen], torch.from_numpy(teaching.labels[chosen])
    a_pass = max(1, len(chosen) // _BATCH)
    passes = max(options.passes, -(-_FEWEST_STEPS // a_pass))
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=_DECAY, fused=True)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=passes * a_pass)
    views, generator = preset("gentle", options.size), torch.Generator().manual_seed(seed)
    for number in range(passes):
        order = epoch_order(len(chosen), seed=seed, epoch=number)
        for some in np.array_split(order, a_pass):
            view = views.one(as_planes(torch.from_numpy(pixels[some])), generator)
            said = model(view.contiguous(memory_format=torch.channels_last))
            loss = functional.cross_entropy(said, labels[some], label_smoothing=_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rates.step()
    logits = features(model.eval(), as_planes(torch.from_numpy(asking.pixels)), torch.device("cpu"))
    return float((logits.argmax(dim=1).numpy() == asking.labels).mean())


def _linear(trunk: nn.Module, teaching: Half, asking: Half) -> Callable[[NDArray[np.int64], int], float]:
    known, asked = _vectors(trunk, teaching.pixels), _vectors(trunk, asking.pixels)
    return lambda chosen, _: _right(known[chosen], teaching.labels[chosen], asked, asking.labels)


def _tuned(trunk: nn.Module, teaching: Half, asking: Half, size: int) -> Callable[[NDArray[np.int64], int], float]:
    """All of the trunk, and then a linear head, as `curator finetune --how full` does: from an exported encoder.

    Its normalisations are folded in. Not folded, the same trunks lose in the first steps what they had (cross-entropy
    .69 to .83 from 100 labels a class after SimCLR), and get it back after many epochs.
    """
    some = teaching.pixels[:_FIT_ON]
    exported = export(trunk, some, EncoderCard(name="trunk", dim=128, input_size=size))
    folded = packaged_trunk(exported.weights).eval()

    def tune(chosen: NDArray[np.int64], seed: int) -> float:
        named = {teaching.source.ids[row]: int(teaching.labels[row]) for row in chosen}
        epochs = max(_EPOCHS, -(-_FEWEST_TUNED * _BATCH // len(named)))
        lesson = Lesson(views=preset("gentle", size), epochs=epochs, batch=_BATCH, seed=seed, threads=1)
        # Other labels say which epoch was best: of those that it learnt from, the head that it begins with knows all.
        asked = dict(list(named.items())[::5])
        taught = {name: label for name, label in named.items() if name not in asked}
        done = adapt(teaching.source, folded, taught, asked, int(teaching.labels.max()) + 1, lesson).trunk
        known, seen = _vectors(done, teaching.pixels[chosen]), _vectors(done, asking.pixels)
        return _right(known, teaching.labels[chosen], seen, asking.labels)

    return tune


def _right(known: Vectors, labels: Labels, asked: Vectors, truth: Labels) -> float:
    """Share of the test that the linear head of `curator finetune` gets right."""
    head = fit_head(known, labels, int(truth.max()) + 1, "linear")
    return float((head.logits(asked).argmax(axis=1) == truth).mean())


def _adapted(options: argparse.Namespace, teaching: Half) -> nn.Module:
    """The ImageNet trunk after SimCLR on the developer half, or the one that was given."""
    trunk = Lite0()
    if options.trunk is not None:
        trunk.load_state_dict(torch.load(options.trunk, weights_only=True))
        return trunk.eval()
    trunk = imagenet_trunk()
    recipe = Recipe(views=preset("aerial", options.size), seconds=60 * options.minutes, batch=128, threads=1)
    method = METHODS.get("simclr")(feature_count(trunk, options.size))
    done = train(teaching.source, trunk, method, recipe, clock=time.process_time)
    print(f"SimCLR: {done.epochs:.2f} epochs in {done.seconds:.0f} CPU-seconds, {done.best}", file=sys.stderr)
    return done.trunk


def _vectors(trunk: nn.Module, pixels: NDArray[np.uint8]) -> Vectors:
    trunk = trunk.to(memory_format=torch.channels_last)
    parts = [pixels[at : at + 1024] for at in range(0, len(pixels), 1024)]
    found = torch.cat([features(trunk, as_planes(torch.from_numpy(part)), torch.device("cpu")) for part in parts])
    unit: Vectors = functional.normalize(found, dim=1).numpy()
    return unit


# --- what it comes to ----------------------------------------------------------------------------------------------


def labels_needed(curve: Curve, accuracy: float) -> float | None:
    """Labels a class at which the curve first has this accuracy, between its points on a logarithmic scale.

    None when it never has. At most the curve's fewest labels when it has it from the start.
    """
    points = sorted(curve.items())
    if points[0][1] >= accuracy:
        return float(points[0][0])
    for (few, low), (many, high) in pairwise(points):
        if high >= accuracy:
            return float(few * (many / few) ** ((accuracy - low) / (high - low)))
    return None


def accuracy_at(curve: Curve, labels: float) -> float:
    """Between the points of the curve, on a logarithmic scale."""
    points = sorted(curve.items())
    return float(np.interp(np.log(labels), np.log([each for each, _ in points]), [value for _, value in points]))


def _report(
    options: argparse.Namespace, found: Mapping[str, Mapping[int, Sequence[float]]], spent: Mapping[str, float]
) -> None:
    curves = {name: {each: statistics.mean(some) for each, some in curve.items()} for name, curve in found.items()}
    peer, most = curves[PEER], max(options.each)
    rows = []
    for name, curve in curves.items():
        for each, accuracy in curve.items():
            row: dict[str, object] = {
                "way": name,
                "labels a class": each,
                "accuracy %": round(accuracy, 2),
                "deviation": round(statistics.pstdev(found[name][each]), 2),
            }
            needed = labels_needed(peer, accuracy)
            row["peer needs"] = f"over {most}" if needed is None else round(needed, 1)
            for times in (3, 10):
                gain = accuracy - accuracy_at(peer, times * each) if times * each <= most else None
                row[f"ahead of peer with {times}x"] = "" if gain is None else round(gain, 2)
            rows.append(row)
    print(common.table(rows))
    print(common.table([{"part": name, "CPU-seconds": round(seconds)} for name, seconds in spent.items()]))
    settings = {name: str(value) for name, value in vars(options).items() if name not in ("eurosat", "out", "trunk")}
    settings["trunk"] = "SimCLR in this run" if options.trunk is None else options.trunk.name
    figures = {"data": common.EUROSAT, "settings": settings, "rows": rows, "runs": found, "cpu_seconds": dict(spent)}
    common.record("label_saving", figures, folder=options.out)


def _halves(options: argparse.Namespace) -> tuple[Half, Half]:
    split = common.eurosat(options.eurosat)
    rng = np.random.default_rng(0)
    asked = [split.queries[place] for place in rng.permutation(len(split.queries))[: options.asked]]
    labels = encode_classes([file.parent.name for file in (*split.gallery, *asked)])
    count = len(split.gallery)
    teaching, asking = Files(split.gallery), Files(asked)
    return (
        Half(teaching, read(teaching, teaching.ids, options.size).pixels, labels[:count]),
        Half(asking, read(asking, asking.ids, options.size).pixels, labels[count:]),
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, required=True)
    parser.add_argument("--size", type=int, default=32, help="Sides of pictures in pixels.")
    parser.add_argument("--minutes", type=float, default=3, help="CPU-minutes of SimCLR.")
    parser.add_argument("--passes", type=int, default=30, help="Of the peer over its labels.")
    parser.add_argument("--trunk", type=Path, help="Weights that SimCLR made, instead of a training here.")
    parser.add_argument("--each", type=int, nargs="+", default=list(EACH), help="Labels a class.")
    parser.add_argument("--asked", type=int, default=2000, help="Pictures of the test.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=common.RESULTS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
