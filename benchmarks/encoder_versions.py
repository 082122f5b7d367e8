"""Whether another file is a better packaged encoder: two or more ONNX files on everything that we look at.

    git show COMMIT:src/earthcurator/encoders/packaged/lite0.onnx > before.onnx
    OPENBLAS_NUM_THREADS=1 python benchmarks/encoder_versions.py before.onnx after.onnx \\
        --eurosat DIR --ucmerced DIR --modis DIR [--choosing]

The first file is what the others are compared with. Each figure is a mean in per cent, and each comparison the mean
difference with a 95 % interval over what the figure is a mean of: questions, positives or searches, the same for every
file. Chips of Blue Marble and MODIS overlap, so those intervals are somewhat too narrow.

* EuroSAT and UC Merced: 5-NN accuracy, precision@10, accuracy of a linear classifier from few labels a class.
* MODIS: 5-NN accuracy and precision@10 for phenomena in chips of few scenes; chips that touch the one that asks do not
  count. `macro` is the mean over the phenomena.
* Blue Marble, by the demo's land-sea mask: islands in chips of three sizes, specks that are too small for the demo to
  call them islands, coasts and lakes. Precision@10 of one example, chips that overlap it left out; average precision of
  the learner's classifier from 10 positives and 60 others; share of the positives that the learner's search has shown
  after 60 and 160 answers. One start says nothing (some find five times as many as others), so there are sixteen.

With `--choosing` no question is asked that belongs to the held-back part: a third of the pictures that are searched in
asks the others, and the western part of the globe replaces the eastern, which the demo's example shows. Choose with it,
then report once without it. MODIS has too few scenes to be divided.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from common import EUROSAT, RESULTS, UC_MERCED, Split, eurosat, record, table, uc_merced
from numpy.typing import NDArray

import earthcurator as ec
from earthcurator import demo
from earthcurator.active import STRATEGIES
from earthcurator.active.classifier import fit
from earthcurator.active.simulate import simulate
from earthcurator.encoders import EncoderCard, OnnxEncoder, embed
from earthcurator.ingest import SceneOptions
from earthcurator.learn.evaluate import draw_each, fit_logistic

DIM = 128
MODIS = "chips of phenomena in MODIS and VIIRS scenes, with manifest.csv: file, scene_label, source, y, x"
EAST = 30.0
"""The meridian that parts the globe: in the west is chosen, in the east reported."""
CHIPS = {128: 128, 64: 64, 256: 128}
"""Sides of the chips that the globe is cut into, and the input size for them."""
CELLS = 12  # of the land-sea mask, a degree
LAND, LAKE = 1, 2
POSITIVES, OTHERS, DRAWS, STARTS = 10, 60, 40, 16
BATCH, BUDGETS = 20, (60, 160)
LABELS_A_CLASS, CLASS_DRAWS = (5, 20), 10

Vectors = NDArray[np.float32]
Scores = dict[str, NDArray[np.float64]]
"""What each figure is a mean of."""


@dataclass(frozen=True)
class Globe:
    """Chips of Blue Marble of one size, where they are, and what they show."""

    size: int
    pictures: Sequence[bytes]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """Their centres in degrees."""
    degrees: float
    """Their sides."""
    tasks: Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Scenes:
    """Chips of MODIS scenes."""

    files: Sequence[Path]
    classes: NDArray[np.str_]
    near: NDArray[np.bool_]
    """(n, n): of the same scene, and touching."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", help="ONNX files of encoders, the one before first")
    parser.add_argument("--eurosat", type=Path, help=EUROSAT)
    parser.add_argument("--ucmerced", type=Path, help=UC_MERCED)
    parser.add_argument("--modis", type=Path, help=MODIS)
    parser.add_argument("--choosing", action="store_true", help="on the part to choose on, not on the held-back one")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)
    torch.set_num_threads(1)

    splits: dict[str, tuple[Split, tuple[int, ...]]] = {}
    if chosen.eurosat:
        splits["EuroSAT"] = eurosat(chosen.eurosat), (64,)
    if chosen.ucmerced:
        splits["UC Merced"] = uc_merced(chosen.ucmerced), (128, 224)
    if chosen.choosing:
        splits = {
            name: (divided(split, ucmerced=name == "UC Merced"), sizes) for name, (split, sizes) in splits.items()
        }
    scenes = modis(chosen.modis) if chosen.modis else None
    globes = [globe(size, east=not chosen.choosing) for size in CHIPS]

    measured = {}
    for file in chosen.files:
        scores: Scores = {}
        for name, (split, sizes) in splits.items():
            for size in sizes:
                scores |= classes_told_apart(f"{name} @{size}", split, encoder(file, size))
        if scenes:
            scores |= scenes_told_apart(scenes, encoder(file, 128))
        for cut in globes:
            scores |= found_on_globe(cut, encoder(file, CHIPS[cut.size]))
        measured[file.stem] = scores
    rows = list(compared(measured))
    print(table(rows))
    record(
        "encoder_versions", {"part": "choosing" if chosen.choosing else "held back", "rows": rows}, folder=chosen.out
    )


def compared(measured: Mapping[str, Scores]) -> Iterator[dict[str, object]]:
    """One row for each figure: the first encoder's, and for each other one its own, the difference and the margin."""
    (before, first), *others = measured.items()
    for name, values in first.items():
        row: dict[str, object] = {"figure": name, "n": len(values), before: round(100 * float(values.mean()), 1)}
        for after, scores in others:
            gained = 100 * (scores[name] - values)
            row[after] = round(100 * float(scores[name].mean()), 1)
            row[f"{after}: gain"] = round(float(gained.mean()), 1)
            row[f"{after}: 95% +-"] = round(1.96 * float(gained.std(ddof=1)) / len(gained) ** 0.5, 1)
        yield row


def classes_told_apart(name: str, split: Split, by: OnnxEncoder) -> Scores:
    """Nearest neighbours, and linear classifiers from few labels, for each picture that asks."""
    gallery, queries = vectors(split.gallery, by), vectors(split.queries, by)
    labels, truth = classes_of(split.gallery), classes_of(split.queries)
    scores = neighbours(name, queries @ gallery.T, labels, truth)
    names, numbers = np.unique(labels, return_inverse=True)
    for each in LABELS_A_CLASS:
        rng = np.random.default_rng(each)
        right = np.zeros(len(truth))
        for _ in range(CLASS_DRAWS):
            drawn = draw_each(numbers, each, rng)
            weights, bias = fit_logistic(gallery[drawn], numbers[drawn], strength=10)
            right += names[(queries @ weights.numpy() + bias.numpy()).argmax(axis=1)] == truth
        scores[f"{name}: {each} labels a class"] = right / CLASS_DRAWS
    return scores


def scenes_told_apart(scenes: Scenes, by: OnnxEncoder) -> Scores:
    """Nearest neighbours of each chip among those that do not touch it."""
    rows = vectors(scenes.files, by)
    scores = neighbours("MODIS @128", np.where(scenes.near, -2, rows @ rows.T), scenes.classes, scenes.classes)
    precise = scores["MODIS @128: precision@10"]
    scores["MODIS @128: precision@10, macro"] = np.array(
        [precise[scenes.classes == name].mean() for name in np.unique(scenes.classes)]
    )
    return scores


def found_on_globe(cut: Globe, by: OnnxEncoder) -> Scores:
    """How each task on the globe's chips goes from one example, from some labels, and as a search."""
    rows = vectors(cut.pictures, by)
    scores: Scores = {}
    for task, truth in cut.tasks.items():
        name, positives = f"{task}, chips of {cut.size}", np.flatnonzero(truth)
        likeness = rows[positives] @ rows.T
        across = np.abs(cut.x[positives][:, None] - cut.x)
        likeness[(across < cut.degrees) & (np.abs(cut.y[positives][:, None] - cut.y) < cut.degrees)] = -2
        scores[f"{name}: precision@10"] = truth[nearest(likeness)].mean(axis=1)
        scores[f"{name}: average precision"] = precision_of_classifiers(rows, truth)
        starts = np.random.default_rng(0).choice(positives, min(STARTS, len(positives)), replace=False)
        curves = [
            simulate(rows, truth, STRATEGIES.get("find"), start=int(start), batch=BATCH, budget=max(BUDGETS), seed=seed)
            for seed, start in enumerate(starts)
        ]
        for budget in BUDGETS:
            found = [curve.found[budget // BATCH] / curve.positives for curve in curves]
            scores[f"{name}: found by {budget}"] = np.array(found)
    return scores


def precision_of_classifiers(rows: Vectors, truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each positive, the precision at its place in the classifier's order, averaged over draws of the labels."""
    positives, others = np.flatnonzero(truth), np.flatnonzero(~truth)
    total, count = np.zeros(len(rows)), np.zeros(len(rows))
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        yes = rng.choice(positives, min(POSITIVES, len(positives) // 2), replace=False)
        no = rng.choice(others, min(OTHERS, len(others) // 2), replace=False)
        order = np.argsort(-fit(rows[yes], rows[no]).scores(rows), kind="stable")
        order = order[~np.isin(order, np.concatenate([yes, no]))]
        right = truth[order]
        total[order[right]] += np.cumsum(right)[right] / (np.flatnonzero(right) + 1)
        count[order[right]] += 1
    asked = positives[count[positives] > 0]
    mean: NDArray[np.float64] = total[asked] / count[asked]
    return mean


def neighbours(name: str, likeness: Vectors, labels: NDArray[np.str_], truth: NDArray[np.str_]) -> Scores:
    """Whether the five nearest vote for the truth, and which share of the ten nearest is right."""
    found = labels[nearest(likeness)]
    votes = (found[:, :5, None] == found[:, None, :5]).sum(axis=2)  # a tie goes to the most similar
    winner = found[np.arange(len(found)), votes.argmax(axis=1)]
    return {f"{name}: 5-NN": (winner == truth) * 1.0, f"{name}: precision@10": (found == truth[:, None]).mean(axis=1)}


def nearest(likeness: Vectors) -> NDArray[np.intp]:
    """Columns of the ten highest of each row, best first."""
    found = []
    for rows in np.array_split(likeness, -(-len(likeness) // 1000)):
        best = np.argpartition(-rows, 9, axis=1)[:, :10]
        order = np.argsort(-np.take_along_axis(rows, best, axis=1), axis=1)
        found.append(np.take_along_axis(best, order, axis=1))
    return np.concatenate(found)


def divided(split: Split, *, ucmerced: bool) -> Split:
    """The pictures that are searched in, of which a third asks; UC Merced's by number, for neighbours are one place."""
    if ucmerced:
        asks = np.array([int(file.stem[-2:]) >= 35 for file in split.gallery])
    else:
        asks = np.random.default_rng(0).random(len(split.gallery)) < 1 / 3
    pairs = list(zip(split.gallery, asks, strict=True))
    return Split(tuple(file for file, ask in pairs if not ask), tuple(file for file, ask in pairs if ask))


def modis(folder: Path) -> Scenes:
    """The chips that the manifest lists."""
    with (folder / "manifest.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    source, x, y = (np.array([row[key] for row in rows]) for key in ("source", "x", "y"))
    x, y = x.astype(int), y.astype(int)
    near = (source[:, None] == source) & (abs(x[:, None] - x) <= 256) & (abs(y[:, None] - y) <= 256)
    return Scenes([folder / row["file"] for row in rows], np.array([row["scene_label"] for row in rows]), near)


def globe(size: int, *, east: bool) -> Globe:
    """Blue Marble's eastern or western part in chips, and the answers of the demo's annotator."""
    with tempfile.TemporaryDirectory() as folder, ec.create(Path(folder) / "globe") as project:
        scenes = SceneOptions(chip_size=size, stride=max(64, size // 2), edge="drop", box=demo.GLOBE)
        project.import_pictures([demo.data_folder() / "bmng.jpg"], scenes=scenes)
        truth = demo.Truth(project)
        boxes = {chip.id: chip.box for chip in project.chips.all() if chip.box is not None}
        chips = [chip for chip, box in sorted(boxes.items()) if (box.west >= EAST if east else box.east <= EAST)]
        pictures = project.chips.pictures(chips)
    centres = np.array([boxes[chip].center for chip in chips])
    tasks = {"islands": np.array([truth.is_island(chip) for chip in chips])}
    if size == demo.CHIP_SIZE:
        cells = [mask_of(boxes[chip]) for chip in chips]
        land = np.array([(part == LAND).mean() for part in cells])
        tasks["specks"] = np.array([0 < (part == LAND).sum() < 8 for part in cells])
        tasks["coasts"] = (land > 0.2) & (land < 0.8)
        tasks["lakes"] = np.array([(part == LAKE).sum() for part in cells]) * (land > 0.5) >= 40
    degrees = boxes[chips[0]].east - boxes[chips[0]].west
    return Globe(size, [pictures[chip] for chip in chips], centres[:, 0], centres[:, 1], degrees, tasks)


def mask_of(box: ec.Box) -> NDArray[np.uint8]:
    """The cells of the land-sea mask in a box: 0 sea, 1 land, 2 lake."""
    rows = slice(round((90 - box.north) * CELLS), round((90 - box.south) * CELLS))
    return land_sea_mask()[rows, round((box.west + 180) * CELLS) : round((box.east + 180) * CELLS)]


@cache
def land_sea_mask() -> NDArray[np.uint8]:
    """The demo's mask, north to south."""
    cells = gzip.decompress((demo.data_folder() / "lsmask_5min_i.bin").read_bytes())
    return np.frombuffer(cells, np.uint8).reshape(180 * CELLS, 360 * CELLS)[::-1]


def encoder(file: Path, size: int) -> OnnxEncoder:
    return OnnxEncoder(file.read_bytes(), EncoderCard(name=file.stem, dim=DIM, input_size=size))


def vectors(pictures: Sequence[Path | bytes], by: OnnxEncoder) -> Vectors:
    numbered = (
        (number, picture.read_bytes() if isinstance(picture, Path) else picture)
        for number, picture in enumerate(pictures)
    )
    return np.concatenate([batch.vectors for batch in embed(numbered, by, threads=os.cpu_count() or 1)])


def classes_of(files: Sequence[Path]) -> NDArray[np.str_]:
    return np.array([file.parent.name for file in files])


if __name__ == "__main__":
    main()
