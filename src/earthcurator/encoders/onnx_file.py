"""Look into the bytes of an ONNX file before ONNX Runtime does: is it one, is it whole, is it self-contained.

An encoder comes from a stranger. A pickle would run their code, and an ONNX file may name other files on this disk as
the place of its weights; both are refused here. The walk follows the protobuf wire format and reads only lengths, so
it costs microseconds per tensor and needs no `onnx` package. Message numbers: onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

from earthcurator.errors import BadEncoder

# Message -> field number -> the message inside it: every way that leads from a model to its tensors.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_GRAPH = 7
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # fields of a tensor

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_HIGHEST = (1 << 29) - 1  # number of a field: ONNX Runtime drops the bits above it, and would see another field than we

_HINT = "export the model to ONNX, e.g. torch.onnx.export(model, example, 'model.onnx', external_data=False)"

_OTHERS = (
    (b"\x80", 0, "a Python pickle, which can run any code when it is opened"),
    (b"PK\x03\x04", 0, "a zip archive, such as torch.save writes: a pickle inside"),
    (b"\x89HDF", 0, "an HDF5 file (Keras)"),
    (b"TFL3", 4, "a TensorFlow Lite file"),
    (b"ORTM", 4, "a file in ONNX Runtime's own format"),  # it would be read past the checks below
    (b'{"', 8, "a safetensors file: weights without a graph"),
)


def check_onnx(data: bytes) -> None:
    """Pass if these bytes are one whole ONNX model with its weights inside. Raises BadEncoder."""
    for magic, offset, what in _OTHERS:
        if data[offset : offset + len(magic)] == magic:
            raise BadEncoder(f"this is {what}", hint=_HINT)
    if not data or _is_text(data[:512]):
        raise BadEncoder(f"this is {'text' if data else 'an empty file'}, not an ONNX model", hint=_HINT)
    try:
        has_graph = _walk(memoryview(data))
    except _MalformedError as exc:
        raise BadEncoder("this is not an ONNX model, or it is cut short", hint=f"copy it again, or {_HINT}") from exc
    if not has_graph:
        raise BadEncoder("this is not an ONNX model: it has no graph", hint=_HINT)


class _MalformedError(Exception):
    """The bytes do not follow the protobuf wire format."""


def _walk(data: memoryview) -> bool:
    """Visit every tensor; True when the model has a graph. A list instead of recursion: nesting is the stranger's."""
    has_graph = False
    waiting = [("model", data)]
    while waiting:
        kind, message = waiting.pop()
        for number, value in _fields(message):
            has_graph |= kind == "model" and number == _GRAPH
            if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
                raise BadEncoder(
                    "this ONNX model keeps its weights in another file",
                    hint="save it as one file: onnx.save(onnx.load('model.onnx'), 'one_file.onnx')",
                )
            inside = _INSIDE[kind].get(number)
            if inside is not None:
                if not isinstance(value, memoryview):
                    raise _MalformedError
                waiting.append((inside, value))
    return has_graph


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field; bytes are given as a view, not copied."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number <= _HIGHEST:
            raise _MalformedError
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise _MalformedError
        if length > len(message) - at:
            raise _MalformedError
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number and the place after it: seven bits a byte, least first, the eighth says that more follow."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise _MalformedError
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise _MalformedError


def _is_text(start: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in start)
