"""An int8 copy is smaller, close to what it was made from, and measured on pictures that set no range."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from earthcurator.encoders import EncoderCard, OnnxEncoder, packaged_for, packaged_weights
from earthcurator.encoders import packaged as packaged_encoder
from earthcurator.errors import BadInput
from earthcurator.learn.compact import Agreement, agreement, to_int8
from earthcurator.learn.export import Exported, export
from earthcurator.learn.feed import read
from earthcurator.learn.trunks import ResNet, ViT
from tests.learn.scenes import ground

SIZE = 32


def pixels(number: int, seed: int, size: int = SIZE) -> NDArray[np.uint8]:
    pictures = ground(number, seed)
    return read(pictures, pictures.ids, size).pixels


def exported(trunk: nn.Module) -> Exported:
    return export(trunk, pixels(48, 0), EncoderCard(name="ours", dim=16, input_size=SIZE))


@pytest.mark.parametrize(
    ("trunk", "operator"),
    [(ResNet(16, (2, 2)), b"DequantizeLinear"), (ViT(24, 3, 2, 8), b"MatMulInteger")],
    ids=["convolutions", "transformer"],
)
def test_the_copy_is_small_and_close(trunk: nn.Module, operator: bytes) -> None:
    made = exported(trunk)
    weights, card = to_int8(made.weights, made.card, pixels(32, 0))
    copy = OnnxEncoder(weights, card)
    assert len(weights) < 0.8 * len(made.weights)
    assert operator in weights
    assert (card.precision, card.name) == ("int8", "ours-int8")
    assert "ranges from 32 pictures" in card.method
    found = agreement(copy, OnnxEncoder(made.weights, made.card), pixels(40, 1))
    assert found.is_kept
    assert found.pictures == 40


def test_the_packaged_encoder_has_one() -> None:
    name = packaged_for(64)
    original = packaged_encoder(name)
    weights, card = to_int8(packaged_weights(name), original.card, pixels(32, 0, 64))
    assert len(weights) < 0.7 * len(packaged_weights(name))
    assert agreement(OnnxEncoder(weights, card), original, pixels(40, 1, 64)).cosine > 0.97


def test_the_same_encoder_agrees_with_itself_and_speed_is_by_the_clock() -> None:
    made = exported(ResNet(8, (1, 1)))
    encoder = OnnxEncoder(made.weights, made.card)
    ticks = count()
    found = agreement(encoder, encoder, pixels(20, 1), clock=lambda: float(next(ticks)))
    assert found.cosine == pytest.approx(1, abs=1e-5)
    assert (found.shared, found.speed) == (1, 1)


def test_another_encoder_does_not_pass_for_a_copy() -> None:
    first, second = (exported(ResNet(8, (1, 1))) for _ in range(2))
    encoders = [OnnxEncoder(made.weights, made.card) for made in (first, second)]
    assert not agreement(encoders[0], encoders[1], pixels(40, 1)).is_kept


@pytest.mark.parametrize(("cosine", "shared", "kept"), [(0.995, 0.8, True), (0.98, 0.8, False), (0.995, 0.7, False)])
def test_both_figures_decide(cosine: float, shared: float, kept: bool) -> None:
    assert Agreement(pictures=100, cosine=cosine, shared=shared, speed=2).is_kept == kept


def test_what_cannot_be_copied_is_refused() -> None:
    made = exported(ResNet(8, (1, 1)))
    enough, few = pixels(16, 0), pixels(15, 0)
    for card, what in (
        (replace(made.card, precision="int8"), "int8 already"),
        (replace(made.card, classes=("a", "b")), "a classifier"),
        (replace(made.card, input="float32"), "a float32 graph"),
    ):
        with pytest.raises(BadInput, match=what):
            to_int8(made.weights, card, enough)
    with pytest.raises(BadInput, match="15 pictures are too few"):
        to_int8(made.weights, made.card, few)
    encoder = OnnxEncoder(made.weights, made.card)
    with pytest.raises(BadInput, match="15 pictures are too few"):
        agreement(encoder, encoder, few)
