"""Encoders from ONNX files, run by ONNX Runtime.

A session has one thread, and several callers share it: per CPU-second, two single-threaded callers embed 1.1 to 1.7
times as many pictures as one call on two threads (benchmarks/embed_throughput.py). What a file says about itself
(vector length, input size and layout) is read from the file; a card may repeat it but not contradict it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earthcurator.encoders.card import card_from_fields, encoder_id, fields_from_json
from earthcurator.encoders.onnx_file import check_onnx
from earthcurator.encoders.runtime import failures as _ort
from earthcurator.encoders.runtime import onnxruntime
from earthcurator.errors import BadEncoder, BadInput, NotFound
from earthcurator.models import EncoderCard

_ORT_ERRORS = (
    _ort.Fail, _ort.InvalidArgument, _ort.InvalidGraph, _ort.InvalidProtobuf, _ort.NoModel, _ort.NoSuchFile,
    _ort.NotImplemented, _ort.RuntimeException, _ort.EPFail, _ort.EngineError,
)  # fmt: skip

SCORES = "scores"
"""Name of the output with a classifier's probabilities."""

_LAYOUT_HINT = (
    "the input must be uint8 (n, height, width, 3), or float32 (n, 3, height, width) with mean and std in a card"
)


@dataclass(frozen=True, slots=True)
class OnnxFacts:
    """What an ONNX file says about itself."""

    dim: int | None
    """Length of its vectors; None when the file leaves it open."""
    input: Literal["uint8", "float32"]
    """The layout it reads, as in EncoderCard."""
    input_size: int | None
    """The square size it reads; None when it reads any."""
    batch: int | None
    """How many pictures a run must have; None when it takes any number."""
    output: str
    """Name of the output with the vectors."""
    classes: int | None
    """How many columns its class scores have; None without any, or when the file leaves it open."""


class OnnxEncoder:
    """An encoder from the bytes (or the path) of an ONNX file and its card. Safe to share between threads."""

    def __init__(self, model: bytes | Path, card: EncoderCard) -> None:
        weights = _read(model, "ONNX file") if isinstance(model, Path) else model
        self.card = card
        self.id = encoder_id(weights, card)
        self._session = _open_session(weights)
        self._facts = _facts(self._session)
        for name in ("dim", "input", "input_size"):
            _agree(name, getattr(self._facts, name), getattr(card, name))
        if card.classes:
            _agree("the number of classes", self._facts.classes or 0, len(card.classes))

    @property
    def vectors_output(self) -> str:
        """Name of the graph's output with the vectors."""
        return self._facts.output

    def encode(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unit vectors (n, dim) of prepared pictures (n, size, size, 3)."""
        size = self.card.input_size
        if pictures.dtype != np.uint8 or pictures.shape[1:] != (size, size, 3):
            raise BadInput(
                f"{self.card.name} reads uint8 pictures (n, {size}, {size}, 3), not {pictures.dtype} {pictures.shape}",
                hint="bring them into this form with earthcurator.encoders.prepare",
            )
        rows = [self._run(part, self._facts.output, self.card.dim) for part in self._parts(pictures)]
        return unit_rows(np.concatenate(rows), self.card.name) if rows else np.empty((0, self.card.dim), np.float32)

    def classify(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities (n, classes) of the card's classes, for prepared pictures (n, size, size, 3)."""
        if not self.card.classes:
            raise BadInput(
                f"{self.card.name} is an encoder without classes: it gives vectors only",
                hint="make a classifier from labels: curator finetune TASK",
            )
        rows = [self._run(part, SCORES, len(self.card.classes)) for part in self._parts(pictures)]
        return np.concatenate(rows) if rows else np.empty((0, len(self.card.classes)), np.float32)

    def _parts(self, pictures: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        step = self._facts.batch or max(1, len(pictures))
        for start in range(0, len(pictures), step):
            yield pictures[start : start + step]

    def _run(self, pictures: NDArray[np.uint8], output: str, columns: int) -> NDArray[np.float32]:
        given = pictures
        if self._facts.batch and len(pictures) < self._facts.batch:
            given = np.concatenate([pictures, np.repeat(pictures[-1:], self._facts.batch - len(pictures), axis=0)])
        rows = _run(self._session, output, _as_input(given, self.card))[: len(pictures)]
        if rows.shape != (len(pictures), columns):
            raise BadEncoder(
                f"{self.card.name} gave {output} of shape {rows.shape}; its card says {columns} columns",
                hint="add it again without `dim` in the card: it is read from the file",
            )
        return rows


def read_model(model: Path, card: Path | None = None) -> tuple[bytes, EncoderCard]:
    """The bytes of an ONNX file and a complete card for it.

    What the file says (dim, input, input_size) may be left out of the card. Without a card the name is the file's, and
    the rest has its defaults; that works only for a graph that normalises its input and states its size.
    """
    weights = _read(model, "ONNX file")
    stated = fields_from_json(_read(card, "encoder card")) if card else {}
    session = _open_session(weights)
    facts = _facts(session)
    for name in ("dim", "input", "input_size"):
        _agree(name, getattr(facts, name), stated.get(name))
    if facts.input == "float32" and not {"mean", "std"} <= stated.keys():
        raise BadEncoder(
            "this model reads float32, and how its input is normalised cannot be seen from the file",
            hint='give a card: --card FILE.json with "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]',
        )
    size = facts.input_size or stated.get("input_size")
    if not size:
        raise BadEncoder(
            "this model reads pictures of any size, so its best size cannot be seen from the file",
            hint='give a card: --card FILE.json with e.g. {"input_size": 224}',
        )
    known = {"name": model.stem, "dim": facts.dim or 1, "input": facts.input, "input_size": size}
    if b"QuantizeLinear" in weights or b"ConvInteger" in weights:
        known["precision"] = "int8"
    made = card_from_fields({**known, **stated})
    dim = _probe(session, facts, made)
    _agree("dim", dim, stated.get("dim"))
    return weights, card_from_fields({**known, **stated, "dim": dim})


def unit_rows(rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """The rows with length one. A row that is zero or not finite has no direction: BadEncoder."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if bad.size:
        what = "zero" if lengths[bad[0], 0] == 0 else "not finite"
        raise BadEncoder(
            f"{name} gave a vector that is {what} ({bad.size} of {len(rows)} pictures)",
            hint="check the model's export, and the mean and std in its card",
        )
    unit: NDArray[np.float32] = rows / lengths
    return unit


def _probe(session: Any, facts: OnnxFacts, card: EncoderCard) -> int:
    """Run two different pictures through the model; the length of the vectors that come out."""
    shape = (facts.batch or 2, card.input_size, card.input_size, 3)
    pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    rows = _run(session, facts.output, _as_input(pictures, card))
    if rows.ndim != 2 or len(rows) != shape[0]:
        raise BadEncoder(f"this model gave {rows.shape} for {shape[0]} pictures, not one vector a picture")
    unit_rows(rows, card.name)
    return int(rows.shape[1])


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise NotFound(f"the {what} {path} cannot be read: {exc.strerror}") from exc


def _open_session(weights: bytes) -> Any:
    check_onnx(weights)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # its errors come as exceptions; printing them too would be noise
    available = onnxruntime.get_available_providers()
    providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available]
    try:
        return onnxruntime.InferenceSession(weights, options, providers=providers)
    except _ORT_ERRORS as exc:
        raise BadEncoder(
            f"ONNX Runtime {onnxruntime.__version__} cannot load this model: {exc}",
            hint="export it with standard operators and a lower opset, e.g. opset_version=17",
        ) from exc


def _facts(session: Any) -> OnnxFacts:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(node.name for node in inputs) or "none"
        raise BadEncoder(f"an encoder has one input, the pictures; this model has: {names}", hint=_LAYOUT_HINT)
    layout, height, width = _layout(inputs[0])
    if {type(height), type(width)} == {int} and height != width:
        raise BadEncoder(f"this model reads pictures of {width} x {height} pixels, not squares", hint=_LAYOUT_HINT)
    size = next((side for side in (height, width) if isinstance(side, int)), None)
    batch = inputs[0].shape[0]
    output = _vector_output(session.get_outputs())
    dim = output.shape[1]
    return OnnxFacts(
        dim=dim if isinstance(dim, int) else None,
        input=layout,
        input_size=size,
        batch=batch if isinstance(batch, int) else None,
        output=output.name,
        classes=_class_count(session.get_outputs(), output),
    )


def _layout(node: Any) -> tuple[Literal["uint8", "float32"], object, object]:
    """Which of the two layouts this input has, and its height and width (a number, or something else when open)."""
    match node.type, list(node.shape):
        case "tensor(uint8)", [_, height, width, 3]:
            return "uint8", height, width
        case "tensor(float)", [_, 3, height, width]:
            return "float32", height, width
    raise BadEncoder(f"this model reads {node.type} {_shape(node)}, which Curator cannot give it", hint=_LAYOUT_HINT)


def _vector_output(outputs: list[Any]) -> Any:
    """The one output that is a vector a picture: (n, d), or (n, d, 1, 1). A classifier's has `scores` beside it."""
    fitting = [
        node
        for node in outputs
        if node.type in ("tensor(float)", "tensor(float16)")
        and (len(node.shape) == 2 or (len(node.shape) == 4 and list(node.shape[2:]) == [1, 1]))
    ]
    if len(fitting) == 2:
        fitting = [node for node in fitting if node.name != SCORES]
    if len(fitting) == 1:
        return fitting[0]
    given = ", ".join(f"{node.name} {_shape(node)}" for node in outputs)
    raise BadEncoder(
        f"an encoder gives one vector a picture, (n, d); this model gives {given}",
        hint="export it with pooling inside and only the pooled vector as output",
    )


def _class_count(outputs: list[Any], vectors: Any) -> int | None:
    """How many class scores a picture gets."""
    for node in outputs:
        if node.name == SCORES and node is not vectors and len(node.shape) == 2 and isinstance(node.shape[1], int):
            return node.shape[1]
    return None


def _as_input(pictures: NDArray[np.uint8], card: EncoderCard) -> NDArray[np.uint8] | NDArray[np.float32]:
    if card.input == "uint8":
        return pictures
    mean, std = np.array(card.mean, np.float32), np.array(card.std, np.float32)
    scaled = (pictures.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def _run(session: Any, output: str, given: NDArray[Any]) -> NDArray[np.float32]:
    try:
        rows = session.run([output], {session.get_inputs()[0].name: given})[0]
    except _ORT_ERRORS as exc:
        raise BadEncoder(
            f"this model fails on pictures of shape {given.shape}: {' '.join(str(exc).split())}",
            hint="run it with ONNX Runtime on a CPU where it was made; it may want more memory than this machine has",
        ) from exc
    if rows.ndim == 4 and rows.shape[2:] == (1, 1):
        rows = rows[:, :, 0, 0]
    vectors: NDArray[np.float32] = rows.astype(np.float32, copy=False)
    return vectors


def _agree(name: str, in_file: object, in_card: object) -> None:
    if in_file is not None and in_card is not None and in_file != in_card:
        raise BadEncoder(
            f"the card says {name} is {in_card}, the ONNX file says {in_file}",
            hint=f"leave {name} out of the card: it is read from the file",
        )


def _shape(node: Any) -> str:
    return f"({', '.join(str(side) if side is not None else '?' for side in node.shape)})"
