"""The int8 copy of an encoder: it computes with whole numbers, which CPUs with instructions for it do twice as fast.

Convolutions are quantised as in Jacob et al. 2017 (https://arxiv.org/abs/1712.05877): weights in 8 bits for each output
channel, and what goes through in 8 bits within the range that some pictures had. We differ in that the first ones stay
as they are: they have few channels of very different ranges, and cost more quality than all others together. Networks
of matrix products, such as transformers, find these ranges anew for each picture. Whether the copy is good enough is
measured on pictures that set no range.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray

from earthcurator.encoders import Encoder, EncoderCard
from earthcurator.encoders.runtime import onnxruntime
from earthcurator.errors import BadEncoder, BadInput

FEWEST = 16
"""Pictures that it takes to set ranges, and as many to measure with."""
LEAST_COSINE = 0.99
LEAST_SHARED = 0.75
"""What int8 must keep: the mean cosine of a picture's two vectors, and the share of the nearest that are the same.

The packaged encoder's copies have 0.997 and 0.92 (at 64 pixels), 0.996 and 0.91 (at 128) on EuroSAT, and lose nothing
and 0.8 points of 20-NN accuracy; with all convolutions in int8, 0.970 and 0.84, 0.936 and 0.79 (benchmarks/int8.py).
"""
KEPT = 3
"""Convolutions that stay, from the first: the stem and, in mobile networks, the first block."""
_NEAREST = 10
_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An int8 encoder beside the one that it was made from, on the same pictures."""

    pictures: int
    cosine: float
    """Mean cosine of a picture's two vectors."""
    shared: float
    """Share of the nearest pictures, up to ten of each, that are the same."""
    speed: float
    """How many times as fast it is on this machine, by CPU time."""

    @property
    def is_kept(self) -> bool:
        """Whether it is as good as the other."""
        return self.cosine >= LEAST_COSINE and self.shared >= LEAST_SHARED


def to_int8(
    weights: bytes, card: EncoderCard, pictures: NDArray[np.uint8], *, kept: int = KEPT
) -> tuple[bytes, EncoderCard]:
    """File and card of the int8 copy, its ranges set by these pictures (n, s, s, 3). Raises BadInput, BadEncoder.

    `kept` convolutions, from the first, stay as they are.
    """
    if card.precision == "int8" or card.classes or card.input != "uint8":
        what = "int8 already" if card.precision == "int8" else "a classifier" if card.classes else "a float32 graph"
        raise BadInput(
            f"{card.name} is {what}: Curator makes int8 copies of encoders that read uint8 pictures",
            hint="choose a packaged or trained encoder: curator encoders",
        )
    if len(pictures) < FEWEST:
        raise BadInput(
            f"{len(pictures)} pictures are too few to set the ranges of int8", hint=f"give at least {FEWEST}"
        )
    with TemporaryDirectory() as folder:
        try:
            model = _plain(weights, Path(folder) / "plain.onnx")
            made = _quantised(model, Path(folder) / "int8.onnx", pictures, kept=kept)
        except Exception as exc:  # anybody's graph fails in any way
            raise BadEncoder(
                f"ONNX Runtime {onnxruntime.__version__} cannot make an int8 copy of {card.name}: {exc}",
                hint="use the encoder as it is",
            ) from exc
    method = f"{card.method}; int8 by ONNX Runtime {onnxruntime.__version__}, ranges from {len(pictures)} pictures"
    return made, replace(card, name=f"{card.name}-int8", precision="int8", method=method, metrics={})


def agreement(
    copy: Encoder,
    original: Encoder,
    pictures: NDArray[np.uint8],
    *,
    clock: Callable[[], float] = time.process_time,
) -> Agreement:
    """Measure the copy on pictures (n, s, s, 3) that set no range."""
    if len(pictures) < FEWEST:
        raise BadInput(f"{len(pictures)} pictures are too few to measure int8 on", hint=f"give at least {FEWEST}")
    few = pictures[:_BATCH]
    ratios = [_seconds(original, few, clock) / max(_seconds(copy, few, clock), 1e-9) for _ in range(5)]
    ours, theirs = (np.concatenate(list(_vectors(encoder, pictures))) for encoder in (copy, original))
    count = min(_NEAREST, len(pictures) // 4)
    pairs = zip(_nearest(ours, count), _nearest(theirs, count), strict=True)
    return Agreement(
        pictures=len(pictures),
        cosine=float((ours * theirs).sum(axis=1).mean()),
        shared=float(np.mean([len({*first} & {*second}) / count for first, second in pairs])),
        speed=float(np.median(ratios)),
    )


def _plain(weights: bytes, file: Path) -> onnx.ModelProto:
    """The graph with its constants worked out: weights stored as float16 become float32."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(file)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
    model = onnx.load_model(file)
    onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})  # else it is advised aloud
    return model


def _quantised(model: onnx.ModelProto, file: Path, pictures: NDArray[np.uint8], *, kept: int) -> bytes:
    # Not imported above: encoders.runtime must turn ONNX Runtime's telemetry off before anything of it is loaded.
    tool = import_module("onnxruntime.quantization")
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    products = [node.name for node in model.graph.node if node.op_type in ("MatMul", "Gemm")]
    if len(products) > len(convolutions):
        tool.quantize_dynamic(model, file, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True)
        return file.read_bytes()
    name = model.graph.input[0].name
    tool.quantize_static(
        model,
        file,
        _Calibration({name: pictures[start : start + _BATCH]} for start in range(0, len(pictures), _BATCH)),
        quant_format=tool.QuantFormat.QDQ,
        op_types_to_quantize=["Clip", "Conv", "Relu"],  # an activation sets the range of what is before it
        nodes_to_exclude=convolutions[:kept],
        per_channel=True,
        activation_type=tool.QuantType.QUInt8,
        weight_type=tool.QuantType.QInt8,
    )
    return file.read_bytes()


class _Calibration:
    """Batches of pictures as ONNX Runtime asks for them."""

    def __init__(self, parts: Iterator[dict[str, NDArray[np.uint8]]]) -> None:
        self._parts = parts

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        return next(self._parts, None)


def _vectors(encoder: Encoder, pictures: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(pictures), _BATCH):
        yield encoder.encode(pictures[start : start + _BATCH])


def _nearest(vectors: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The numbers of the nearest other rows, for each row."""
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    nearest: NDArray[np.int64] = np.argpartition(-likeness, count, axis=1)[:, :count]
    return nearest


def _seconds(encoder: Encoder, pictures: NDArray[np.uint8], clock: Callable[[], float]) -> float:
    begun = clock()
    encoder.encode(pictures)
    return clock() - begun
