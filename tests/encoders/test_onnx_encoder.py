from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from earthcurator.encoders import EncoderCard, OnnxEncoder, read_model
from earthcurator.encoders.runtime import onnxruntime
from earthcurator.errors import BadEncoder, BadInput, NotFound
from tests.encoders.tiny_models import (
    model,
    row_means,
    tiny_onnx,
    with_external_weights,
    with_hidden_external_weights,
)

Read = Callable[..., EncoderCard]

PICTURES = np.random.default_rng(3).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a model and perhaps a card, and read them as `curator encoders add` does."""

    def read(weights: bytes, card: dict[str, object] | None = None) -> EncoderCard:
        (tmp_path / "mine.onnx").write_bytes(weights)
        if card is not None:
            (tmp_path / "card.json").write_text(json.dumps(card))
        return read_model(tmp_path / "mine.onnx", tmp_path / "card.json" if card is not None else None)[1]

    return read


def test_dim_and_input_are_read_from_the_file(read: Read) -> None:
    assert read(tiny_onnx(size=16, dim=9)) == EncoderCard(name="mine", dim=9, input_size=16, input="uint8")


def test_dim_that_the_file_leaves_open_is_measured(read: Read) -> None:
    assert read(row_means(), {"input_size": 16}).dim == 48


def test_trailing_ones_are_squeezed(read: Read) -> None:
    card = read(tiny_onnx(dim=9, output=["n", 9, 1, 1]))
    assert OnnxEncoder(tiny_onnx(dim=9, output=["n", 9, 1, 1]), card).encode(PICTURES).shape == (5, 9)


def test_size_that_the_file_leaves_open_comes_from_the_card(read: Read) -> None:
    assert read(tiny_onnx(size="side"), {"input_size": 48, "name": "any"}).input_size == 48


def test_size_that_nobody_states_is_asked_for(read: Read) -> None:
    with pytest.raises(BadEncoder, match="any size") as caught:
        read(tiny_onnx(size="side"))
    assert "input_size" in caught.value.hint


def test_float_input_needs_its_normalisation(read: Read) -> None:
    weights = tiny_onnx(layout="float32")
    with pytest.raises(BadEncoder, match="normalised") as caught:
        read(weights)
    assert "mean" in caught.value.hint
    assert read(weights, {"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}).input == "float32"


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"dim": 7}, "card says dim is 7, the ONNX file says 6"),
        ({"input_size": 32}, "card says input_size is 32, the ONNX file says 16"),
        ({"input": "float32"}, "card says input is float32, the ONNX file says uint8"),
    ],
)
def test_card_that_contradicts_the_file_is_refused(read: Read, stated: dict[str, object], words: str) -> None:
    with pytest.raises(BadEncoder, match=words):
        read(tiny_onnx(), stated)


def test_float_input_is_normalised_as_the_card_says() -> None:
    card = EncoderCard(name="f", dim=6, input_size=16, input="float32", mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3))
    encoder = OnnxEncoder(tiny_onnx(layout="float32", bias=0.0), card)
    colour = (PICTURES.astype(np.float64).mean(axis=(1, 2)) / 255 - card.mean) / card.std
    rows = colour @ np.random.default_rng(1).normal(size=(3, 6))
    np.testing.assert_allclose(encoder.encode(PICTURES), rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
def test_fixed_batch_gives_the_vectors_of_a_free_one(batch: int) -> None:
    card = EncoderCard(name="x", dim=6, input_size=16)
    expected = OnnxEncoder(tiny_onnx(), card).encode(PICTURES)
    np.testing.assert_allclose(OnnxEncoder(tiny_onnx(batch=batch), card).encode(PICTURES), expected, atol=1e-6)


def test_path_and_bytes_make_the_same_encoder(tmp_path: Path) -> None:
    card = EncoderCard(name="x", dim=6, input_size=16)
    (tmp_path / "x.onnx").write_bytes(tiny_onnx())
    assert OnnxEncoder(tmp_path / "x.onnx", card).id == OnnxEncoder(tiny_onnx(), card).id
    with pytest.raises(NotFound, match=r"nothing\.onnx"):
        OnnxEncoder(tmp_path / "nothing.onnx", card)


@pytest.mark.parametrize(
    ("scale", "bias", "words"), [(0.0, 0.0, "zero"), (np.nan, 0.0, "not finite"), (np.inf, 0.0, "not finite")]
)
def test_vector_without_direction_is_an_error(scale: float, bias: float, words: str) -> None:
    encoder = OnnxEncoder(tiny_onnx(scale=scale, bias=bias), EncoderCard(name="broken", dim=6, input_size=16))
    with pytest.raises(BadEncoder, match=f"broken gave a vector that is {words}"):
        encoder.encode(PICTURES)


def test_pictures_of_another_size_are_refused() -> None:
    encoder = OnnxEncoder(tiny_onnx(size="side"), EncoderCard(name="x", dim=6, input_size=16))
    with pytest.raises(BadInput, match="16, 16, 3"):
        encoder.encode(np.zeros((1, 17, 16, 3), np.uint8))


def test_wrong_dim_of_an_open_file_is_noticed_when_encoding() -> None:
    encoder = OnnxEncoder(row_means(), EncoderCard(name="x", dim=7, input_size=16))
    with pytest.raises(BadEncoder, match="card says 7"):
        encoder.encode(PICTURES)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "text"),
        (pickle.dumps({"weights": [1.0]}), "pickle"),
        (b"PK\x03\x04" + b"\0" * 40, "zip"),
        (b"\x40\0\0\0\0\0\0\0" + b'{"weight":', "safetensors"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (bytes(range(200, 256)), "not an ONNX"),
        (b"\x08\x08", "no graph"),
    ],
)
def test_other_files_are_refused_by_what_they_are(read: Read, data: bytes, words: str) -> None:
    with pytest.raises(BadEncoder, match=words) as caught:
        read(data)
    assert "ONNX" in caught.value.hint


def test_truncated_model_is_refused_wherever_it_is_cut(read: Read) -> None:
    whole = tiny_onnx()
    for length in range(1, len(whole), 7):
        with pytest.raises(BadEncoder):
            read(whole[:length])


@pytest.mark.parametrize("absolute", [True, False])
def test_weights_in_another_file_are_never_read(
    read: Read,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    absolute: bool,
) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.ones((3, 6), np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadEncoder, match="another file"):
        read(with_external_weights(tiny_onnx(), str(secret) if absolute else secret.name))


def test_weights_in_another_file_cannot_be_hidden_from_us_and_shown_to_onnx_runtime(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.bin").write_bytes(np.ones((3, 6), np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    hidden = with_hidden_external_weights(tiny_onnx(), "secret.bin")
    onnxruntime.InferenceSession(hidden, providers=["CPUExecutionProvider"])  # it does read the file
    with pytest.raises(BadEncoder, match="not an ONNX model"):
        read(hidden)


def test_external_weights_in_a_branch_are_found(read: Read) -> None:
    inner = onnx.load_from_string(with_external_weights(tiny_onnx(), "secret.bin")).graph
    node = helper.make_node("If", ["c"], ["vectors"], then_branch=inner, else_branch=inner)
    outer = model(
        [node], ("pictures", TensorProto.UINT8, ["n", 16, 16, 3]), [("vectors", TensorProto.FLOAT, ["n", 6])], []
    )
    with pytest.raises(BadEncoder, match="another file"):
        read(outer)


@pytest.mark.parametrize("shape", [["n", 5, 6], ["n"], ["n", 6, 7, 7]])
def test_model_that_gives_no_vector_a_picture_is_refused(read: Read, shape: list[int | str]) -> None:
    made = onnx.load_from_string(tiny_onnx())
    made.graph.output[0].CopyFrom(helper.make_tensor_value_info("other", TensorProto.FLOAT, shape))
    axes = helper.make_node("Identity" if len(shape) == 2 else "RandomNormal", [], ["other"], shape=[1] * len(shape))
    made.graph.node.append(axes)
    with pytest.raises(BadEncoder, match="one vector a picture"):
        read(made.SerializeToString())


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (TensorProto.FLOAT16, ["n", 3, 16, 16]),
        (TensorProto.UINT8, ["n", 3, 16, 16]),
        (TensorProto.FLOAT, ["n", 13, 16, 16]),
        (TensorProto.UINT8, ["n", 16, 32, 3]),
        (TensorProto.FLOAT, ["n", 3]),
    ],
)
def test_other_inputs_are_refused_with_what_would_do(read: Read, kind: int, shape: list[int | str]) -> None:
    nodes = [
        helper.make_node("Cast", ["pictures"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["x"], ["vectors"]),
    ]
    with pytest.raises(BadEncoder, match="reads") as caught:
        read(model(nodes, ("pictures", kind, shape), [("vectors", TensorProto.FLOAT, ["n", "d"])], []))
    assert "uint8 (n, height, width, 3)" in caught.value.hint


def test_model_with_two_inputs_is_refused(read: Read) -> None:
    made = onnx.load_from_string(tiny_onnx())
    made.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["n"]))
    with pytest.raises(BadEncoder, match="pictures, mask"):
        read(made.SerializeToString())


def test_operator_that_onnx_runtime_lacks_is_a_sentence(read: Read) -> None:
    node = helper.make_node("Hypnotise", ["pictures"], ["vectors"], domain="org.example")
    made = onnx.load_from_string(
        model([node], ("pictures", TensorProto.UINT8, ["n", 16, 16, 3]), [("vectors", TensorProto.FLOAT, ["n", 6])], [])
    )
    made.opset_import.append(helper.make_opsetid("org.example", 1))
    with pytest.raises(BadEncoder, match="cannot load this model"):
        read(made.SerializeToString())
