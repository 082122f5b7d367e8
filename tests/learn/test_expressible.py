"""What ONNX cannot express cannot become an encoder, which is said before a training rather than after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import earthcurator as ec
from earthcurator.encoders import EncoderCard
from earthcurator.errors import BadEncoder
from earthcurator.learn.export import check_expressible, export
from tests.learn.scenes import SIZE, ground


class Spectrum(nn.Module):
    """Features from a Fourier transform."""

    def __init__(self) -> None:
        super().__init__()
        self.join = nn.Linear(3 * SIZE * (SIZE // 2 + 1), 8)

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.join(torch.fft.rfft2(pictures).abs().flatten(1))
        return features


class OneByOne(nn.Module):
    """The file is written for as many pictures as it was traced with."""

    def __init__(self) -> None:
        super().__init__()
        self.join = nn.Linear(3, 8)

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.join(torch.stack([picture.mean((1, 2)) for picture in pictures.unbind()]))
        return features


class Silent(nn.Module):
    """A trunk that gives zeros until it has learned something."""

    def __init__(self) -> None:
        super().__init__()
        self.join = nn.Linear(3, 8)
        nn.init.zeros_(self.join.weight)
        nn.init.zeros_(self.join.bias)

    def forward(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.join(pictures.mean((2, 3)))
        return features


def test_trunk_that_onnx_cannot_express_is_a_sentence() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (9, SIZE, SIZE, 3), dtype=np.uint8)
    with pytest.raises(BadEncoder, match=r"ONNX cannot express the trunk of ours: .*fft_rfft2") as failed:
        export(Spectrum(), pictures, EncoderCard(name="ours", dim=4, input_size=SIZE))
    assert "another trunk" in failed.value.hint


@pytest.mark.parametrize("trunk", [Spectrum(), OneByOne()])
def test_it_is_known_of_weights_that_were_never_trained(trunk: nn.Module) -> None:
    with pytest.raises(BadEncoder):
        check_expressible(trunk, SIZE, "ours")


def test_trunk_that_gives_nothing_yet_may_learn() -> None:
    check_expressible(Silent(), SIZE, "ours")


def test_no_step_is_made_with_a_trunk_that_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name, content in ground(60).files.items():
        (tmp_path / "pictures" / f"{name}.png").write_bytes(content)
    steps: list[object] = []
    with ec.create(tmp_path / "project") as project:
        project.import_pictures([tmp_path / "pictures"])
        with pytest.raises(BadEncoder, match=r"trunk of Spectrum: .*fft_rfft2"):
            project.train(trunk=Spectrum(), epochs=4, size=SIZE, batch=16, dim=8, progress=steps.append)
        assert not steps
        assert not (project.cache / "training").exists()
