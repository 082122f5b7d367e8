"""What int8 costs and saves: the packaged encoder and its int8 copy, on the same pictures, one thread.

    OMP_NUM_THREADS=1 python benchmarks/int8.py --eurosat DIR

The copy's ranges come from 128 pictures of the half that is searched in. Speed is CPU time of the encoder alone, the
two in turns; quality is 20-NN accuracy, and how near the copy's vectors are, on the half that asks. Beside it: all
convolutions in int8, which is what quantisation does unless it is told otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import EUROSAT, RESULTS, eurosat, record, table
from numpy.typing import NDArray

from earthcurator.encoders import Encoder, EncoderCard, OnnxEncoder, packaged, packaged_weights, prepare
from earthcurator.learn import compact
from earthcurator.learn.evaluate import encode_classes, knn

NAMES = ("lite0-64", "lite0-128")
BATCH = 16


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, required=True, help=EUROSAT)
    parser.add_argument("--pictures", type=int, default=3000, help="how many are searched in, and half as many ask")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)
    rng, split = np.random.default_rng(0), eurosat(chosen.eurosat)
    gallery = [split.gallery[place] for place in rng.permutation(len(split.gallery))[: chosen.pictures]]
    queries = [split.queries[place] for place in rng.permutation(len(split.queries))[: chosen.pictures // 2]]
    classes = encode_classes([file.parent.name for file in (*gallery, *queries)])
    labels, truth = classes[: len(gallery)], classes[len(gallery) :]
    rows = []
    for name in NAMES:
        original = packaged(name)
        seen, asked = _prepared(gallery, original.card), _prepared(queries, original.card)
        copies: dict[str, Encoder] = {name: original}
        for kept in (compact.KEPT, 0):
            weights, card = compact.to_int8(packaged_weights(name), original.card, seen[:128], kept=kept)
            copies[f"{name} int8, {kept} convolutions float"] = OnnxEncoder(weights, card)
        for called, encoder in copies.items():
            found = compact.agreement(encoder, original, asked)
            accuracy = knn(_vectors(encoder, seen), labels, _vectors(encoder, asked), truth)
            rows.append(
                {
                    "encoder": called,
                    "20-NN %": round(100 * accuracy, 2),
                    "mean cosine": round(found.cosine, 4),
                    "nearest 10 shared %": round(100 * found.shared, 1),
                    "times as fast": round(found.speed, 2),
                }
            )
    print(table(rows))
    record("int8", {"gallery": len(gallery), "queries": len(queries), "rows": rows}, folder=chosen.out)


def _prepared(files: Sequence[Path], card: EncoderCard) -> NDArray[np.uint8]:
    return np.stack([prepare(file.read_bytes(), card) for file in files])


def _vectors(encoder: Encoder, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.concatenate([encoder.encode(pictures[at : at + BATCH]) for at in range(0, len(pictures), BATCH)])


if __name__ == "__main__":
    main()
