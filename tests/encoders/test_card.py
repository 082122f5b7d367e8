from __future__ import annotations

import json
from dataclasses import replace

import pytest

from earthcurator.encoders import EncoderCard, card_from_json, card_to_json, encoder_id
from earthcurator.errors import BadEncoder

CARD = EncoderCard(name="mine", dim=6, input_size=16, metrics={"k-NN": 0.9}, versions={"torch": "2.13"})


def with_fields(**changes: object) -> bytes:
    return json.dumps({**json.loads(card_to_json(CARD)), **changes}).encode()


def test_card_survives_json() -> None:
    assert card_from_json(card_to_json(CARD)) == CARD


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": 1}, "unknown field: colour"),
        ({"dim": "128"}, "dim is '128', not a whole number"),
        ({"dim": True}, "dim is True"),
        ({"dim": 0}, "dim is 0, not within"),
        ({"input_size": 1_000_000}, "input_size is 1000000"),
        ({"resize": "stretch"}, "resize is 'stretch', not squash or crop"),
        ({"mean": [0.5, 0.5]}, r"mean is \[0.5, 0.5\], not 3 numbers"),
        ({"std": [1, 1, 0]}, "cannot normalise"),
        ({"mean": [float("nan"), 0, 0]}, "cannot normalise"),
        ({"metrics": {"k-NN": "good"}}, "not an object of a numbers"),
        ({"licence": None}, "licence is None, not text"),
        ({"name": " "}, "name is empty"),
    ],
)
def test_bad_field_is_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(BadEncoder, match=words):
        card_from_json(with_fields(**changes))


def test_missing_field_is_named() -> None:
    with pytest.raises(BadEncoder, match="lacks: dim, input_size"):
        card_from_json(b'{"name": "mine"}')


@pytest.mark.parametrize("data", [b"", b"name: mine", b"\xff\xfe", b"[1]"])
def test_what_is_not_a_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(BadEncoder, match="not"):
        card_from_json(data)


def test_words_about_an_encoder_do_not_change_its_id() -> None:
    described = replace(CARD, name="renamed", method="x", licence="MIT", metrics={}, versions={}, trained_on="y")
    assert encoder_id(b"weights", described) == encoder_id(b"weights", CARD)


@pytest.mark.parametrize(
    "change",
    [
        {"input_size": 32},
        {"dim": 7},
        {"resize": "crop"},
        {"input": "float32"},
        {"mean": (0.1, 0, 0)},
        {"std": (2.0, 1, 1)},
        {"precision": "int8"},
    ],
)
def test_what_changes_the_vectors_changes_the_id(change: dict[str, object]) -> None:
    assert encoder_id(b"weights", replace(CARD, **change)) != encoder_id(b"weights", CARD)  # type: ignore[arg-type]  # one field of any type


def test_weights_change_the_id_and_whole_numbers_do_not() -> None:
    assert encoder_id(b"other", CARD) != encoder_id(b"weights", CARD)
    assert encoder_id(b"weights", replace(CARD, std=(1, 1, 1))) == encoder_id(b"weights", CARD)
