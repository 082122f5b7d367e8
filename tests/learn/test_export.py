"""An exported encoder is one that Curator can use at once, and gives the vectors that torch gives."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from earthcurator.encoders import EncoderCard, OnnxEncoder, card_from_json, card_to_json, packaged_weights
from earthcurator.errors import BadEncoder, BadInput
from earthcurator.learn import export as exporting
from earthcurator.learn.export import card_of, export, export_whole, projection
from earthcurator.learn.feed import read, sample
from earthcurator.learn.loop import train
from earthcurator.learn.methods import METHODS
from earthcurator.learn.quality import features
from earthcurator.learn.trunks import TRUNKS, make_trunk, packaged_trunk
from earthcurator.learn.views import as_planes
from tests.learn.scenes import SIZE, ground, kinds, short, small_trunk


def pixels(count: int = 40) -> NDArray[np.uint8]:
    pictures = ground(count)
    return read(pictures, pictures.ids, SIZE).pixels


def card(dim: int = 8, size: int = SIZE) -> EncoderCard:
    return EncoderCard(name="ours", dim=dim, input_size=size, method="SimCLR", metrics={"k-NN %": 90.0})


def test_the_exported_encoder_gives_torchs_vectors() -> None:
    trunk = small_trunk().eval()
    made = export(trunk, pixels(), card(4))
    found = features(trunk, as_planes(torch.from_numpy(pixels())), torch.device("cpu"))
    expected = functional.normalize(found @ projection(found, 4), dim=1)
    vectors = torch.from_numpy(OnnxEncoder(made.weights, made.card).encode(pixels()))
    torch.testing.assert_close(vectors, expected, atol=1e-4, rtol=0)
    assert made.parity >= 0.9999


@pytest.mark.parametrize("name", TRUNKS.names())
def test_every_trunk_can_be_exported(name: str) -> None:
    made = export(make_trunk(name), pixels(), card(64))
    assert OnnxEncoder(made.weights, made.card).encode(pixels(3)).shape == (3, 64)


def test_the_card_says_what_made_it_and_survives_its_file() -> None:
    made = export(small_trunk(), pixels(), card())
    assert made.card.method == "SimCLR"
    assert made.card.metrics["k-NN %"] == 90.0
    assert made.card.metrics["lowest cosine to torch"] >= 0.9999
    assert {"torch", "onnx", "earthcurator"} <= made.card.versions.keys()
    assert card_from_json(card_to_json(made.card)) == made.card


def test_a_trained_trunk_becomes_an_encoder_whose_card_tells_its_story() -> None:
    pictures, recipe = ground(520), short(epochs=1, seed=7, batch=64)
    trained = train(pictures, small_trunk(), METHODS.get("simclr")(8), recipe, classes=kinds(pictures), device="cpu")
    told = card_of(trained, recipe, name="ours", method="SimCLR", start="random weights", dim=8)
    made = export(trained.trunk, sample(pictures, trained.train_ids, SIZE, 40, seed=0), told)
    assert "SimCLR from random weights" in made.card.method
    assert "seed 7" in made.card.method
    assert made.card.trained_on.startswith(f"{len(trained.train_ids)} unlabelled pictures")
    assert trained.best.knn is not None
    assert made.card.metrics["held-out 20-NN %"] == pytest.approx(100 * trained.best.knn, abs=0.01)
    assert OnnxEncoder(made.weights, made.card).encode(pixels(2)).shape == (2, 8)


def test_half_precision_halves_the_file_and_keeps_the_vectors() -> None:
    trunk = packaged_trunk(packaged_weights("lite0-64"))
    whole, half = (export(trunk, pixels(), card(32), half=half) for half in (False, True))
    assert len(half.weights) < 0.55 * len(whole.weights)
    assert half.parity >= 0.9999


def test_an_exported_encoder_can_be_trained_further() -> None:
    trunk = packaged_trunk(packaged_weights("lite0-64")).eval()
    again = packaged_trunk(export(trunk, pixels(), card(32)).weights).eval()
    planes = as_planes(torch.from_numpy(pixels(4)))
    with torch.inference_mode():
        torch.testing.assert_close(again(planes), trunk(planes), atol=1e-3, rtol=1e-3)


def test_a_whole_export_keeps_every_feature_as_it_is() -> None:
    trunk = small_trunk().eval()
    made = export_whole(trunk, pixels(), card(8))
    found = features(trunk, as_planes(torch.from_numpy(pixels())), torch.device("cpu"))
    vectors = torch.from_numpy(OnnxEncoder(made.weights, made.card).encode(pixels()))
    torch.testing.assert_close(vectors, functional.normalize(found, dim=1), atol=1e-4, rtol=0)


def test_a_file_for_any_size_reads_other_sizes() -> None:
    made = export(packaged_trunk(packaged_weights("lite0-64")), pixels(), card(32), any_size=True)
    larger = np.repeat(np.repeat(pixels(2), 2, axis=1), 2, axis=2)
    assert OnnxEncoder(made.weights, card(32, size=64)).encode(larger).shape == (2, 32)


def test_exporting_leaves_the_trunk_as_it_was() -> None:
    trunk = small_trunk().train()
    before = {name: value.clone() for name, value in trunk.state_dict().items()}
    export(trunk, pixels(), card())
    assert trunk.training
    assert all(torch.equal(value, before[name]) for name, value in trunk.state_dict().items())


def test_a_file_that_disagrees_with_torch_is_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    right = exporting._to_onnx

    def wrong(*given: object, **options: object) -> bytes:  # an exporter's defect cannot be had otherwise
        model = onnx.load_model_from_string(right(*given, **options))  # type: ignore[arg-type]  # passed through
        for tensor in model.graph.initializer:
            if len(tensor.dims) == 2:
                values = onnx.numpy_helper.to_array(tensor)[:, ::-1]
                tensor.CopyFrom(onnx.numpy_helper.from_array(values.copy(), tensor.name))
        return bytes(model.SerializeToString())

    monkeypatch.setattr(exporting, "_to_onnx", wrong)
    with pytest.raises(BadEncoder, match="disagrees"):
        export(small_trunk(), pixels(), card())


def test_more_dimensions_than_features_are_refused() -> None:
    with pytest.raises(BadInput, match="8 features"):
        export(small_trunk(), pixels(), card(16))


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(BadInput, match="64 pixels"):
        export(nn.Flatten(), pixels(), card(size=64))
