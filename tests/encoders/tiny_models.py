"""Small ONNX encoders for the tests, written node by node."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Side = int | str


def tiny_onnx(
    *,
    size: Side = 16,
    batch: Side = "n",
    dim: int = 6,
    layout: str = "uint8",
    output: Sequence[Side] | None = None,
    scale: float = 1.0,
    bias: float = 1.0,
) -> bytes:
    """Mean colour times a random matrix: (n, s, s, 3) or (n, 3, s, s) to `dim` numbers.

    `output` is the declared shape of the output, and with four sides also its real one.
    """
    matrix = np.random.default_rng(1).normal(size=(3, dim)).astype(np.float32) * scale
    channels_last = layout == "uint8"
    nodes = [
        helper.make_node("Cast", ["pictures"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["colour"], axes=[1, 2] if channels_last else [2, 3], keepdims=0),
        helper.make_node("MatMul", ["colour", "matrix"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
    ]
    initializers = [
        numpy_helper.from_array(matrix, "matrix"),
        numpy_helper.from_array(np.full(dim, bias, np.float32), "bias"),
    ]
    output = [batch, dim] if output is None else output
    if len(output) == 4:
        initializers.append(numpy_helper.from_array(np.array([0, dim, 1, 1]), "shape"))
        nodes.append(helper.make_node("Reshape", ["sum", "shape"], ["vectors"]))
    else:
        nodes.append(helper.make_node("Identity", ["sum"], ["vectors"]))
    return model(
        nodes,
        {"uint8": ("pictures", TensorProto.UINT8, [batch, size, size, 3])}.get(
            layout, ("pictures", TensorProto.FLOAT, [batch, 3, size, size])
        ),
        [("vectors", TensorProto.FLOAT, output)],
        initializers,
    )


def row_means() -> bytes:
    """Mean over the rows of a picture of any size: the length of its vectors follows from the input's."""
    nodes = [
        helper.make_node("Cast", ["pictures"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["means"], axes=[1], keepdims=0),
        helper.make_node("Flatten", ["means"], ["vectors"]),
    ]
    return model(
        nodes,
        ("pictures", TensorProto.UINT8, ["n", "h", "w", 3]),
        [("vectors", TensorProto.FLOAT, ["n", "d"])],
        [],
    )


def model(
    nodes: list[onnx.NodeProto],
    given: tuple[str, int, Sequence[Side]],
    outputs: list[tuple[str, int, Sequence[Side]]],
    initializers: list[onnx.TensorProto],
) -> bytes:
    """These nodes as the bytes of an ONNX file."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info(*output) for output in outputs],
        initializers,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def with_external_weights(data: bytes, location: str) -> bytes:
    """The same model, its matrix said to lie in the file `location`."""
    made = onnx.load_from_string(data)
    tensor = made.graph.initializer[0]
    size = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(size))):
        tensor.external_data.add(key=key, value=value)
    return bytes(made.SerializeToString())


def with_hidden_external_weights(data: bytes, location: str) -> bytes:
    """The same, said with tags of five bytes: ONNX Runtime drops the bits that make them the numbers of no field."""
    made = onnx.load_from_string(with_external_weights(data, location))
    tensor = onnx.TensorProto()
    tensor.CopyFrom(made.graph.initializer[0])
    entries = [entry.SerializeToString() for entry in tensor.external_data]
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")
    hidden = b"".join(_message(13, entry, beyond=1 << 32) for entry in entries) + varint(14 << 3 | 1 << 32) + b"\1"
    del made.graph.initializer[0]
    graph = made.graph.SerializeToString() + _message(5, tensor.SerializeToString() + hidden)
    made.ClearField("graph")
    return bytes(made.SerializeToString()) + _message(7, graph)


def _message(field: int, content: bytes, *, beyond: int = 0) -> bytes:
    return varint(field << 3 | 2 | beyond) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
