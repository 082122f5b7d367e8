"""Models of transformers and timm as trunks and as encoders; made here, for nothing is downloaded."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch.nn import functional

from earthcurator.encoders import OnnxEncoder
from earthcurator.errors import BadInput, Conflict
from earthcurator.learn.export import export
from earthcurator.learn.feed import read
from earthcurator.learn.named import CLASS_TOKEN, POOLED, export_named, is_named, load_named, short_name
from earthcurator.learn.trunks import feature_count
from earthcurator.models import EncoderCard
from tests.learn.scenes import ground

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PROCESSOR: dict[str, object] = {
    "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": MEAN, "image_std": STD,
    "rescale_factor": 1 / 255,
}  # fmt: skip
TINY_VIT: dict[str, object] = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
}
STAGES: dict[str, object] = {"hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 1, 1]}
KINDS: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "vit": ("ViTConfig", {**TINY_VIT, "image_size": 32, "patch_size": 8}, {"size": {"height": 32, "width": 32}}),
    "dinov2": (
        "Dinov2Config",
        {**TINY_VIT, "image_size": 70, "patch_size": 14},
        {"size": {"shortest_edge": 48}, "do_center_crop": True, "crop_size": {"height": 42, "width": 42}},
    ),
    "dinov2_with_registers": (
        "Dinov2WithRegistersConfig",
        {**TINY_VIT, "image_size": 70, "patch_size": 14},
        {"size": {"shortest_edge": 42}},
    ),
    "dinov3_vit": (
        "DINOv3ViTConfig", {**TINY_VIT, "image_size": 32, "patch_size": 8}, {"size": {"height": 32, "width": 32}},
    ),
    "convnext": ("ConvNextConfig", STAGES, {"size": {"shortest_edge": 32}, "crop_pct": 0.875}),
    "convnextv2": ("ConvNextV2Config", STAGES, {"size": {"shortest_edge": 32}}),
    "dinov3_convnext": ("DINOv3ConvNextConfig", STAGES, {"size": {"height": 32, "width": 32}}),
}  # fmt: skip


def saved(folder: Path, kind: str) -> Path:
    """A tiny model with random weights, as `save_pretrained` and the Hub lay it out."""
    config, settings, processor = KINDS[kind]
    model = transformers.AutoModel.from_config(getattr(transformers, config)(**settings))
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({**PROCESSOR, **processor}))
    return folder


def pixels(size: int, count: int = 24) -> np.ndarray:
    pictures = ground(count)
    return read(pictures, pictures.ids, size).pixels


def expected(folder: Path, pictures: np.ndarray) -> torch.Tensor:
    """Unit vectors by the model itself, its input prepared by hand."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    planes = (torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(
        STD
    )[:, None, None]
    with torch.inference_mode():
        given = model(pixel_values=planes)
    pooled = "convnext" in model.config.model_type
    return functional.normalize(given.pooler_output if pooled else given.last_hidden_state[:, 0], dim=1)


def test_every_kind_is_tested_below() -> None:
    assert {*KINDS} == {*CLASS_TOKEN, *POOLED}


@pytest.mark.parametrize("kind", KINDS)
def test_the_exported_encoder_gives_the_models_vectors(kind: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / kind, kind)
    made = export_named(f"hf:{folder}", {})
    pictures = pixels(made.card.input_size)
    vectors = OnnxEncoder(made.weights, made.card).encode(pictures)
    torch.testing.assert_close(torch.from_numpy(vectors), expected(folder, pictures), atol=2e-4, rtol=0)
    assert made.parity >= 0.9999


def test_the_card_says_where_it_is_from_and_how_pictures_are_prepared(tmp_path: Path) -> None:
    folder = saved(tmp_path / "tiny-dino", "dinov2")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\ndatasets: [LVD-142M]\n---\n# A model\n")
    card = export_named(f"hf:{folder}", {}).card
    assert (card.name, card.dim, card.input_size, card.resize) == ("tiny-dino", 24, 42, "crop")
    assert (card.licence, card.trained_on) == ("apache-2.0", "LVD-142M")
    assert card.method == "Dinov2Model of tiny-dino, class token"
    assert card.metrics["lowest cosine to torch"] >= 0.9999
    assert str(tmp_path) not in card.method


def test_a_licence_with_a_name_of_its_own_keeps_it(tmp_path: Path) -> None:
    folder = saved(tmp_path / "tiny", "convnext")
    (folder / "README.md").write_text("---\nlicense: other\nlicense_name: dinov3-license\n---\n")
    assert load_named(f"hf:{folder}").licence == "dinov3-license"


def test_a_persons_card_may_choose_another_size_and_name(tmp_path: Path) -> None:
    folder = saved(tmp_path / "tiny", "dinov2")
    made = export_named(f"hf:{folder}", {"name": "small dino", "input_size": 28, "licence": "MIT"})
    assert (made.card.name, made.card.input_size, made.card.licence) == ("small dino", 28, "MIT")
    pictures = pixels(28)
    vectors = torch.from_numpy(OnnxEncoder(made.weights, made.card).encode(pictures))
    torch.testing.assert_close(vectors, expected(folder, pictures), atol=2e-4, rtol=0)


def test_a_persons_card_cannot_say_what_the_model_says(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot say mean"):
        export_named(f"hf:{tmp_path}", {"mean": [0, 0, 0]})


def test_a_model_can_be_trained_further_and_exported_again(tmp_path: Path) -> None:
    trunk = load_named(f"hf:{saved(tmp_path / 'tiny', 'dinov2')}", size=28).trunk
    trunk(torch.rand(2, 3, 28, 28)).sum().backward()
    assert any(weights.grad is not None and weights.grad.any() for weights in trunk.parameters())
    made = export(trunk, pixels(28), EncoderCard(name="ours", dim=8, input_size=28))
    assert OnnxEncoder(made.weights, made.card).encode(pixels(28, 3)).shape == (3, 8)


def test_random_weights_follow_from_the_seed_and_need_no_weights(tmp_path: Path) -> None:
    folder = saved(tmp_path / "tiny", "vit")
    (folder / "model.safetensors").unlink()
    first, again, other = (
        torch.cat([weights.flatten() for weights in load_named(f"hf:{folder}", seed=seed).trunk.parameters()])
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_model_for_another_size_says_so(tmp_path: Path) -> None:
    trunk = load_named(f"hf:{saved(tmp_path / 'tiny', 'vit')}").trunk
    with pytest.raises(BadInput, match="fails on pictures of 64 pixels") as refused:
        feature_count(trunk, 64)
    assert "--size" in refused.value.hint


def test_weights_in_a_pickle_are_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "tiny", "vit")
    model = transformers.AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match="cannot be loaded") as refused:
        load_named(f"hf:{folder}")
    assert "safetensors" in refused.value.hint


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    folder = saved(tmp_path / "hostile", "vit")
    (folder / "own.py").write_text(f"open({str(proof)!r}, 'w')")
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "own.Config", "AutoModel": "own.Model"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "own", "auto_map": own}))
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_named(f"hf:{folder}")
    assert not proof.exists()


def test_missing_weights_are_an_error_and_not_random(tmp_path: Path) -> None:
    folder = saved(tmp_path / "tiny", "vit")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(BadInput, match=r"lacks \d+ weights"):
        load_named(f"hf:{folder}")


def test_a_kind_that_is_not_known_is_refused(tmp_path: Path) -> None:
    settings = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 10}
    transformers.BertConfig(**settings).save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    with pytest.raises(BadInput, match="kind bert"):
        load_named(f"hf:{tmp_path}")


def test_preprocessing_that_a_card_cannot_say_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "tiny", "convnext")
    (folder / "preprocessor_config.json").write_text(json.dumps({**PROCESSOR, "rescale_factor": 1 / 127.5}))
    with pytest.raises(BadInput, match="cannot follow"):
        load_named(f"hf:{folder}")


@pytest.mark.parametrize("lacking", ["config.json", "preprocessor_config.json"])
def test_an_incomplete_folder_is_refused_in_a_sentence(tmp_path: Path, lacking: str) -> None:
    folder = saved(tmp_path / "tiny", "convnext")
    (folder / lacking).unlink()
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_named(f"hf:{folder}")


def test_names_are_told_from_files() -> None:
    assert is_named("hf:facebook/dinov2-small")
    assert is_named("timm:resnet18")
    assert not is_named("resnet18")
    assert not is_named("C:/models/encoder.onnx")
    assert short_name("hf:facebook/dinov2-small") == "dinov2-small"
    assert short_name("hf:./folder/") == "folder"


# --- timm, which needs torchvision, in the shape of its public functions -----------------------------------------

TIMM = """
import torch

__version__ = "1.0.0"


def create_model(name, pretrained=False, num_classes=1000):
    if name != "resnet10t":
        raise RuntimeError(f"Unknown model ({name})")
    assert num_classes == 0
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    if pretrained:
        torch.nn.init.ones_(model[0].weight)
    model.pretrained_cfg = {
        "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.2), "input_size": (3, 176, 176), "license": "apache-2.0"
    }
    return model
"""


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a module of this text on the path as timm."""

    def put(text: str) -> None:
        (tmp_path / "timm.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "timm", raising=False)

    yield put
    sys.modules.pop("timm", None)


def test_a_model_of_timm_is_a_trunk(third_party: Any) -> None:
    third_party(TIMM)
    found = load_named("timm:resnet10t", size=32)
    assert feature_count(found.trunk, 32) == 6
    assert (found.size, found.licence, found.method) == (32, "apache-2.0", "resnet10t of timm 1.0.0")
    assert load_named("timm:resnet10t").size == 176
    grey = torch.tensor([0.5, 0.4, 0.3])[None, :, None, None].expand(2, 3, 8, 8)
    bias = found.trunk.model[0].bias
    torch.testing.assert_close(found.trunk(grey)[0], bias)


def test_an_unknown_model_of_timm_is_refused(third_party: Any) -> None:
    third_party(TIMM)
    with pytest.raises(BadInput, match="Unknown model"):
        load_named("timm:resnet11")


@pytest.mark.parametrize("name", ["hf-hub:somebody/model", "local-dir:/tmp/model", "hf_hub:a", "a/b", ""])
def test_weights_that_are_not_of_timm_are_refused(third_party: Any, name: str) -> None:
    third_party(TIMM)
    with pytest.raises(BadInput, match="pickle"):
        load_named(f"timm:{name}")


@pytest.mark.parametrize(
    "broken",
    ["import torchvision_that_is_missing", "raise RuntimeError('operator torchvision::nms does not exist')"],
)
def test_a_missing_or_broken_torchvision_is_one_sentence(third_party: Any, broken: str) -> None:
    third_party(broken)
    with pytest.raises(Conflict, match=r"timm cannot be loaded.*torchvision") as refused:
        load_named("timm:resnet10t")
    assert "pip install timm torchvision" in refused.value.hint
