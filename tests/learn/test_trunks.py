"""Trunks by name, the packaged one's weights, and anybody's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional

import earthcurator as ec
from earthcurator.encoders import packaged, packaged_weights
from earthcurator.errors import BadEncoder, BadInput
from earthcurator.learn.export import projection
from earthcurator.learn.lite0 import Lite0, unfold
from earthcurator.learn.trunks import TRUNKS, feature_count, make_trunk, packaged_trunk, trunk_shape
from earthcurator.learn.views import as_planes
from tests.encoders.tiny_models import row_means
from tests.learn.scenes import SIZE, ground


@pytest.mark.parametrize(
    ("name", "features"),
    [("convnext-atto", 320), ("lite0", 1280), ("resnet18", 512), ("resnet18-narrow", 256), ("vit-tiny", 192)],
)
def test_each_trunk_gives_its_features_and_learns(name: str, features: int) -> None:
    trunk = make_trunk(name)
    assert feature_count(trunk, 32) == features
    trunk(torch.rand(2, 3, 32, 32)).sum().backward()
    assert all(weights.grad is not None for weights in trunk.parameters())


def test_every_trunk_is_tested_above() -> None:
    assert TRUNKS.names() == ["convnext-atto", "lite0", "resnet18", "resnet18-narrow", "vit-tiny"]


def test_random_weights_follow_from_the_seed() -> None:
    first, again, other = (next(make_trunk("vit-tiny", seed=seed).parameters()) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def waves(count: int, size: int) -> torch.Tensor:
    """Smooth coloured pictures, far enough apart to tell encoders apart."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size] / size * 2 * np.pi
    pixels = [
        np.stack([np.sin(x * a + y * b + c) for a, b, c in rng.uniform(-4, 4, (3, 3))], axis=2) for _ in range(count)
    ]
    return torch.from_numpy((np.stack(pixels) * 100 + 128).astype(np.uint8))


@pytest.mark.parametrize("size", [64, 128])
def test_the_packaged_weights_give_the_packaged_vectors(size: int) -> None:
    trunk = packaged_trunk(packaged_weights("lite0-64")).eval()
    pictures = waves(4, size)
    stored = onnx.load_model_from_string(packaged_weights("lite0-64")).graph.initializer
    (matrix,) = [numpy_helper.to_array(tensor) for tensor in stored if list(tensor.dims) == [1280, 128]]
    with torch.inference_mode():
        ours = trunk(as_planes(pictures)) @ torch.from_numpy(matrix.astype(np.float32))
    vectors = torch.from_numpy(packaged(f"lite0-{size}").encode(pictures.numpy()))
    assert functional.cosine_similarity(ours, vectors).min() > 0.9999


def test_unfolding_changes_nothing_but_makes_training_start_where_it_is() -> None:
    trunk = packaged_trunk(packaged_weights("lite0-64")).eval()
    planes = as_planes(waves(24, 64))
    with torch.no_grad():
        before = trunk(planes)
        trunk.settle(planes)
        after = trunk(planes)
        training = trunk.train()(planes)
    torch.testing.assert_close(after, before, rtol=1e-2, atol=1e-3)
    assert functional.cosine_similarity(training, before).min() > 0.99


def test_without_unfolding_training_would_start_elsewhere() -> None:
    trunk = packaged_trunk(packaged_weights("lite0-64"))
    planes = as_planes(waves(24, 64))
    with torch.no_grad():
        assert functional.cosine_similarity(trunk.eval()(planes), trunk.train()(planes)).min() < 0.9


def test_unfolding_leaves_a_trunk_in_the_mode_it_had() -> None:
    trunk = Lite0().train()
    unfold(trunk, torch.rand(4, 3, 32, 32))
    assert trunk.training


def test_an_encoder_of_another_architecture_is_refused() -> None:
    with pytest.raises(BadEncoder):
        packaged_trunk(row_means())


def test_a_pickle_is_refused() -> None:
    with pytest.raises(BadEncoder, match="pickle"):
        packaged_trunk(b"\x80\x04 any pickle")


def test_anybodys_module_is_asked_for_its_features() -> None:
    own = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert feature_count(own, 32) == 5


class _Strict(nn.Module):
    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        raise ValueError("it wants 224 pixels")


@pytest.mark.parametrize(
    "wrong",
    [nn.Conv2d(3, 5, 3), nn.Linear(7, 7), _Strict(), nn.Sequential(nn.Flatten(0))],
    ids=["unpooled", "failing", "strict", "flat"],
)
def test_a_module_that_is_no_trunk_is_refused_in_a_sentence(wrong: nn.Module) -> None:
    with pytest.raises(BadInput, match="trunk"):
        feature_count(wrong, 32)


def test_the_projection_keeps_the_cosines_best() -> None:
    features = torch.rand(200, 6) @ torch.rand(6, 40)
    matrix = projection(features, 6)
    exact, kept = functional.normalize(features, dim=1), functional.normalize(features @ matrix, dim=1)
    torch.testing.assert_close(kept @ kept.T, exact @ exact.T, atol=1e-4, rtol=1e-4)


def test_a_project_trains_anybodys_module(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name, content in ground(60).files.items():
        (tmp_path / "pictures" / f"{name}.png").write_bytes(content)
    own = nn.Sequential(nn.Conv2d(3, 12, 5, 2), nn.BatchNorm2d(12), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with ec.create(tmp_path / "project") as project:
        project.import_pictures([tmp_path / "pictures"])
        report = project.train(trunk=own, epochs=4, size=SIZE, batch=16, dim=8, rate=1e-2)
        with pytest.raises(BadInput, match="the trunk Conv2d"):
            project.train(trunk=nn.Conv2d(3, 5, 3), epochs=1, size=SIZE)
        assert report.encoder is not None
        card = project.encoders.find(report.encoder).card
    assert card.name == f"simclr-Sequential-{SIZE}"
    assert "from the weights that it came with" in card.method


def test_trunks_have_one_shape_when_their_weights_are_exchangeable() -> None:
    assert trunk_shape(make_trunk("resnet18", seed=1)) == trunk_shape(make_trunk("resnet18", seed=2))
    assert trunk_shape(make_trunk("resnet18")) != trunk_shape(make_trunk("resnet18-narrow"))
