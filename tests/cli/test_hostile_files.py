"""Files that want to run code, to read other files or to take all memory, given to commands as a person would.

Each ends with a sentence and exit code 2; nothing of it is run, and nothing is listed among the encoders afterwards.
"""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import earthcurator as ec
from earthcurator.learn.checkpoint import NAME
from tests.cli.conftest import Shell, failure
from tests.conftest import picture
from tests.encoders.tiny_models import model, tiny_onnx, varint, with_external_weights
from tests.learn.conftest import _one_thread

__all__ = ["_one_thread"]  # for every test here

PICTURES: tuple[str, int, list[int | str]] = ("pictures", TensorProto.UINT8, ["n", 16, 16, 3])
TINY = {"init": "random", "trunk": "resnet18-narrow", "size": 32, "batch": 16, "epochs": 6.0}


class Hostile:
    """Leaves a proof when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.proof,)


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    return tmp_path / "proof"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 48 pictures."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "pictures").mkdir()
    for number in range(48):
        picture(number).save(folder / "pictures" / f"{number:02d}.png")
    with ec.create(folder / "project") as project:
        project.import_pictures([folder / "pictures"])
    return folder / "project"


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which commands find by themselves."""
    shutil.copytree(made, tmp_path / "project", ignore=shutil.ignore_patterns("labels.db*", "*.lock"))
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "project"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "project"


def torch_file(proof: Path) -> bytes:
    file = BytesIO()
    torch.save({"format": 1, "settings": {}, "state": {"trunk": Hostile(proof)}}, file)
    return file.getvalue()


def pickle_before_a_zip(proof: Path) -> bytes:
    """What a look at the end of the file takes for an archive."""
    file = BytesIO(pickle.dumps(Hostile(proof)))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Hostile(proof)))
    return file.getvalue()


PICKLES: dict[str, Callable[[Path], bytes]] = {
    "pickle": lambda proof: pickle.dumps(Hostile(proof)),
    "old pickle": lambda proof: pickle.dumps(Hostile(proof), protocol=0),
    "torch.save": torch_file,
    "pickle and zip": pickle_before_a_zip,
    "objects": lambda proof: _saved(np.array([[Hostile(proof)]], object)),
}


def _saved(array: np.ndarray) -> bytes:
    file = BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def refused(result: tuple[int, str, str], project: Path, proof: Path) -> str:
    """What was said, after checking that nothing else came of it."""
    code, error, hint = failure(result)
    assert code == 2, error
    assert hint != "hint: "
    assert not proof.exists()
    with ec.open(project) as opened:
        assert all(entry.card.name.startswith("lite0") for entry in opened.encoders.list())
        assert opened.default_encoder is None
    return error


@pytest.mark.parametrize("kind", PICKLES)
@pytest.mark.parametrize("ending", ["onnx", "npy", "parquet"])
def test_pickle_is_refused_as_encoder_and_as_table(
    place: Path, shell: Shell, tmp_path: Path, proof: Path, kind: str, ending: str
) -> None:
    given = tmp_path / f"given.{ending}"
    given.write_bytes(PICKLES[kind](proof))
    given.with_suffix(".txt").write_text("00.png\n")
    command = ("encoders", "add") if ending == "onnx" else ("embed", "--from")
    refused(shell(*command, given), place, proof)


@pytest.mark.parametrize("kind", PICKLES)
def test_pickle_is_refused_as_the_list_of_names_and_as_a_card(
    place: Path, shell: Shell, tmp_path: Path, proof: Path, kind: str
) -> None:
    (tmp_path / "list.csv").write_bytes(PICKLES[kind](proof))
    np.save(tmp_path / "good.npy", np.ones((1, 4), np.float32))
    refused(shell("embed", "--from", tmp_path / "good.npy", "--ids", tmp_path / "list.csv"), place, proof)
    (tmp_path / "good.onnx").write_bytes(tiny_onnx())
    refused(shell("encoders", "add", tmp_path / "good.onnx", "--card", tmp_path / "list.csv"), place, proof)


@pytest.mark.parametrize(
    "location",
    ["../../etc/passwd", "/etc/passwd", "/dev/zero", "file:///etc/passwd", "*/_ORT_MEM_ADDR_/*", "secret.bin", ""],
)
def test_weights_elsewhere_are_never_looked_at(
    place: Path, shell: Shell, tmp_path: Path, proof: Path, location: str
) -> None:
    (tmp_path / "secret.bin").write_bytes(np.ones((3, 6), np.float32).tobytes())
    (tmp_path / "outside.onnx").write_bytes(with_external_weights(tiny_onnx(), location))
    assert "another file" in refused(shell("encoders", "add", tmp_path / "outside.onnx"), place, proof)


def with_operator(domain: str, name: str, **attributes: object) -> bytes:
    node = helper.make_node(name, ["pictures"], ["vectors"], domain=domain, **attributes)
    made = onnx.load_from_string(model([node], PICTURES, [("vectors", TensorProto.FLOAT, ["n", 6])], []))
    made.opset_import.append(helper.make_opsetid(domain, 1))
    return bytes(made.SerializeToString())


def with_declared_weights(shape: list[int]) -> bytes:
    """Weights said to be of this shape, and a few bytes of them."""
    made = onnx.load_from_string(tiny_onnx())
    del made.graph.initializer[0].dims[:]
    made.graph.initializer[0].dims.extend(shape)
    made.graph.output[0].type.tensor_type.shape.dim[1].dim_value = shape[-1]
    del made.graph.initializer[1].dims[:]
    made.graph.initializer[1].dims.append(1)
    made.graph.initializer[1].raw_data = made.graph.initializer[1].raw_data[:4]
    return bytes(made.SerializeToString())


def that_fills_memory(count: int) -> bytes:
    """Makes a tensor of so many numbers when it is run."""
    nodes = [
        helper.make_node("ConstantOfShape", ["count"], ["many"]),
        helper.make_node("ReduceMean", ["many"], ["mean"], keepdims=1),
        helper.make_node("Cast", ["pictures"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["colour"], axes=[1, 2], keepdims=0),
        helper.make_node("Add", ["colour", "mean"], ["vectors"]),
    ]
    size = numpy_helper.from_array(np.array([count], np.int64), "count")
    return model(nodes, PICTURES, [("vectors", TensorProto.FLOAT, ["n", 3])], [size])


def nested(depth: int) -> bytes:
    """Graphs in attributes of nodes in graphs, as bare messages: deeper than any parser goes."""
    heads, size = [], 0
    for _ in range(depth):
        for field in (6, 5, 1):  # graph in an attribute in a node in a graph
            heads.append(bytes([field << 3 | 2]) + varint(size))
            size += len(heads[-1])
    return b"\x08\x08\x3a" + varint(size) + b"".join(reversed(heads))


ODD_MODELS: dict[str, Callable[[], bytes]] = {
    "own operator": lambda: with_operator("org.example", "Hypnotise"),
    "compiled for a device": lambda: with_operator(
        "com.microsoft", "EPContext", embed_mode=0, ep_cache_context="../../etc/passwd", main_context=1, source="QNN"
    ),
    "python operator": lambda: with_operator("com.microsoft", "PyOp", module="os", compute="abort"),
    "large weights": lambda: with_declared_weights([3, 1 << 38]),
    "weights past all numbers": lambda: with_declared_weights([1 << 62, 1 << 62]),
    "negative weights": lambda: with_declared_weights([-3, -6]),
    "large when run": lambda: that_fills_memory(1 << 42),
    "nested": lambda: nested(60),
    "nested deeply": lambda: nested(20_000),
    "runtime's own format": lambda: b"\x08\x08\x12\x08ORTMfile" + tiny_onnx(),
}


@pytest.mark.parametrize("name", ODD_MODELS)
def test_model_that_is_not_what_it_seems_is_refused(
    place: Path, shell: Shell, tmp_path: Path, proof: Path, name: str
) -> None:
    (tmp_path / "odd.onnx").write_bytes(ODD_MODELS[name]())
    refused(shell("encoders", "add", tmp_path / "odd.onnx", "--default"), place, proof)


def test_model_without_vectors_cannot_pass_for_ready_made_ones(
    place: Path, shell: Shell, tmp_path: Path, proof: Path
) -> None:
    (tmp_path / "any.onnx").write_bytes(tiny_onnx(size="side"))
    (tmp_path / "card.json").write_text(json.dumps({"name": "any", "input_size": 0}))
    error = refused(shell("encoders", "add", tmp_path / "any.onnx", "--card", tmp_path / "card.json"), place, proof)
    assert "any size" in error


def test_encoder_swapped_in_the_project_is_refused_when_it_is_used(
    place: Path, shell: Shell, tmp_path: Path, proof: Path
) -> None:
    (tmp_path / "mine.onnx").write_bytes(tiny_onnx())
    assert shell("encoders", "add", tmp_path / "mine.onnx")[0] == 0
    (weights,) = (place / "encoders").glob("*/encoder.onnx")
    for content in (pickle.dumps(Hostile(proof)), with_external_weights(tiny_onnx(), "../../../../etc/passwd")):
        weights.write_bytes(content)
        for command in (("embed", "--encoder", "mine"), ("train", "--init", "mine", "--epochs", 1)):
            assert failure(shell(*command))[0] == 2
    assert not proof.exists()


@pytest.fixture(scope="module")
def begun(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose training was stopped after its first step."""
    folder = tmp_path_factory.mktemp("begun") / "project"
    shutil.copytree(made, folder)
    with ec.open(folder) as project:
        project.train(**TINY, stop=lambda: True)
    return folder


@pytest.fixture
def stopped(begun: Path, place: Path) -> Path:
    """The checkpoint of that training, in the project that commands find."""
    shutil.copytree(begun / "cache" / "training", place / "cache" / "training")
    (found,) = (place / "cache" / "training").glob(f"*/{NAME}")
    return found


def resume(shell: Shell) -> tuple[int, str, str]:
    return shell("train", *(word for name, value in TINY.items() for word in (f"--{name}", value)))


@pytest.mark.parametrize("kind", ["pickle", "torch.save", "pickle and zip"])
def test_swapped_checkpoint_is_refused_when_training_goes_on(
    place: Path, shell: Shell, stopped: Path, proof: Path, kind: str
) -> None:
    stopped.write_bytes(PICKLES[kind](proof))
    assert "checkpoint" in refused(resume(shell), place, proof)


@pytest.mark.parametrize("spoil", ["settings", "state", "trunk", "qualities"])
def test_checkpoint_with_other_contents_is_a_sentence(
    place: Path, shell: Shell, stopped: Path, proof: Path, spoil: str
) -> None:
    saved = torch.load(stopped, weights_only=True)
    if spoil in saved:
        saved[spoil] = [1, 2]
    else:
        saved["state"][spoil] = {"nothing": torch.zeros(2)}
    torch.save(saved, stopped)
    assert "checkpoint" in refused(resume(shell), place, proof)


def test_stopped_training_goes_on_with_the_command_that_is_tested_here(
    place: Path, shell: Shell, stopped: Path
) -> None:
    code, out, err = resume(shell)
    assert code == 0, err
    assert "better" in out
    assert not stopped.exists()
