"""How well the packaged encoder finds pictures of the same class, beside plainer encoders.

    python benchmarks/retrieval_quality.py --eurosat DIR --ucmerced DIR

Some of the labelled pictures ask, the others are searched (EuroSAT: halves; UC Merced: 50-69 ask, 00-49 are searched).
k-NN accuracy: the share of queries whose k nearest neighbours by cosine vote for the right class. Precision@10: the
share of right ones among the ten nearest. Nothing is trained on labels.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from common import EUROSAT, RESULTS, UC_MERCED, Split, eurosat, record, table, uc_merced
from numpy.typing import NDArray
from onnx import TensorProto, helper

from earthcurator.encoders import (
    Encoder,
    EncoderCard,
    OnnxEncoder,
    PixelEncoder,
    embed,
    encoder_id,
    packaged,
    packaged_weights,
)

Array = NDArray[np.float32]


class HistogramEncoder:
    """How often each of 8 x 8 x 8 colours occurs, at 64 x 64 pixels."""

    card = EncoderCard(name="histogram-8x8x8", dim=512, input_size=64)
    id = encoder_id(b"histogram-8x8x8", card)

    def encode(self, pictures: NDArray[np.uint8]) -> Array:
        bins = pictures.reshape(len(pictures), -1, 3).astype(np.int64) // 32 @ np.array([64, 8, 1])
        counts = np.stack([np.bincount(row, minlength=512) for row in bins]).astype(np.float32)
        unit: Array = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return unit


def bare_trunk(size: int) -> OnnxEncoder:
    """The packaged encoder without its projection: the 1280 pooled features of EfficientNet-Lite0."""
    model = onnx.load_from_string(packaged_weights("lite0-64"))
    features = next(node for node in model.graph.node if node.op_type == "Flatten").output[0]
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(features, TensorProto.FLOAT, ["n", 1280]))
    return OnnxEncoder(model.SerializeToString(), EncoderCard(name=f"bare trunk {size}", dim=1280, input_size=size))


def pixels() -> Encoder:
    return PixelEncoder()


ENCODERS: dict[str, Sequence[Callable[[], Encoder]]] = {
    "eurosat": (
        lambda: packaged("lite0-64"),
        lambda: packaged("lite0-128"),
        lambda: bare_trunk(64),
        HistogramEncoder,
        pixels,
    ),
    "ucmerced": (
        lambda: packaged("lite0-224"),
        lambda: packaged("lite0-128"),
        lambda: packaged("lite0-64"),
        lambda: bare_trunk(224),
        HistogramEncoder,
        pixels,
    ),
}
"""For each data set, the encoder that a project would pick by itself comes first."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, help=EUROSAT)
    parser.add_argument("--ucmerced", type=Path, help=UC_MERCED)
    parser.add_argument("--limit", type=int, help="at most this many pictures a side")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)

    splits = {}
    if chosen.eurosat:
        splits["eurosat"] = eurosat(chosen.eurosat).limited(chosen.limit)
    if chosen.ucmerced:
        splits["ucmerced"] = uc_merced(chosen.ucmerced).limited(chosen.limit)
    rows = [row for name, split in splits.items() for row in measure(name, split)]
    print(table(rows))
    record("retrieval_quality", {"rows": rows}, folder=chosen.out)


def measure(dataset: str, split: Split) -> Iterator[dict[str, object]]:
    """One row for each encoder."""
    gallery, queries = _classes(split.gallery), _classes(split.queries)
    for make in ENCODERS[dataset]:
        encoder = make()
        neighbours, similarity = nearest(_vectors(split.queries, encoder), _vectors(split.gallery, encoder), k=20)
        found = gallery[neighbours]
        five, twenty = (accuracy(found[:, :k], similarity[:, :k], queries) for k in (5, 20))
        yield {
            "data": dataset,
            "encoder": encoder.card.name,
            "dim": encoder.card.dim,
            "5-NN %": round(100 * five, 2),
            "20-NN %": round(100 * twenty, 2),
            "precision@10 %": round(100 * float((found[:, :10] == queries[:, None]).mean()), 2),
            "95% +-": round(196 * float(np.sqrt(five * (1 - five) / len(queries))), 2),
            "gallery": len(gallery),
            "queries": len(queries),
        }


def nearest(queries: Array, gallery: Array, *, k: int) -> tuple[NDArray[np.intp], Array]:
    """Rows of the `k` most similar gallery vectors for each query, best first, and their cosines."""
    k = min(k, len(gallery))
    rows, cosines = [], []
    for block in np.array_split(queries, -(-len(queries) // 1000)):
        similarity = block @ gallery.T
        best = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        rows.append(best)
        cosines.append(np.take_along_axis(similarity, best, axis=1))
    return np.concatenate(rows), np.concatenate(cosines)


def accuracy(found: NDArray[np.str_], similarity: Array, expected: NDArray[np.str_]) -> float:
    """Share of rows whose majority is the expected class; a tie goes to the more similar."""
    names, numbers = np.unique(found, return_inverse=True)
    votes = np.zeros((len(found), len(names)))
    for column in range(found.shape[1]):
        votes[np.arange(len(found)), numbers.reshape(found.shape)[:, column]] += 1 + 1e-3 * similarity[:, column]
    return float((names[votes.argmax(axis=1)] == expected).mean())


def _vectors(files: Sequence[Path], encoder: Encoder) -> Array:
    pictures = ((file, file.read_bytes()) for file in files)
    return np.concatenate([batch.vectors for batch in embed(pictures, encoder, threads=os.cpu_count() or 1)])


def _classes(files: Sequence[Path]) -> NDArray[np.str_]:
    return np.array([file.parent.name for file in files])


if __name__ == "__main__":
    main()
