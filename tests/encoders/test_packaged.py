from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from earthcurator.encoders import packaged, packaged_entries, packaged_for, packaged_weights
from earthcurator.errors import NotFound


@pytest.mark.parametrize(
    ("pixels", "name"),
    [(1, "lite0-64"), (64, "lite0-64"), (96, "lite0-64"), (97, "lite0-128"), (256, "lite0-128")],
)
def test_encoder_suits_the_size_of_the_chips(pixels: int, name: str) -> None:
    assert packaged_for(pixels) == name


def test_sizes_are_encoders_of_their_own() -> None:
    entries = packaged_entries()
    assert [entry.card.input_size for entry in entries] == [64, 128, 224]
    assert len({entry.id for entry in entries}) == 3
    assert entries[0].id == packaged("lite0-64").id


def test_cards_credit_where_the_weights_come_from() -> None:
    for entry in packaged_entries():
        assert entry.card.licence == "Apache-2.0"
        assert "EfficientNet-Lite0" in entry.card.attribution
        assert entry.card.dim == 128


def test_weights_stay_small() -> None:
    folder = files("earthcurator.encoders") / "packaged"
    assert [path.name for path in folder.iterdir() if path.name.endswith(".onnx")] == ["lite0.onnx"]
    assert len(packaged_weights("lite0-64")) <= 14_000_000


def test_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="resnet") as caught:
        packaged("resnet")
    assert "lite0-64, lite0-128, lite0-224" in caught.value.hint


def test_a_picture_is_nearer_to_its_brighter_self_than_to_another() -> None:
    rng = np.random.default_rng(0)
    stripes = np.tile(np.repeat([[40], [120]], 8, axis=0), (4, 64))[..., None].repeat(3, axis=2)
    spots = rng.integers(0, 160, (16, 16, 3)).repeat(4, axis=0).repeat(4, axis=1)
    batch = np.stack([stripes, stripes + 40, spots]).astype(np.uint8)
    first, brighter, other = packaged("lite0-64").encode(batch)
    assert first @ brighter > first @ other + 0.1
