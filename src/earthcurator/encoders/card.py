"""Encoder cards as JSON, and the id that an encoder gets from its weights and its card.

Reading is strict: a card with an unknown, missing or mistyped field is refused, because a guess about preprocessing
would quietly spoil every vector.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from earthcurator.errors import BadEncoder
from earthcurator.models import EncoderCard

IDENTITY = ("dim", "input_size", "resize", "input", "mean", "std", "precision")
"""Fields that change the vectors and therefore the id. The others describe and may be edited freely."""

_HINTS = get_type_hints(EncoderCard)
_REQUIRED = {
    field.name for field in fields(EncoderCard) if field.default is MISSING and field.default_factory is MISSING
}


def card_to_json(card: EncoderCard) -> bytes:
    """The card as JSON for people: one field a line."""
    told = asdict(card)
    for name in ("classes", "several"):
        if not told[name]:
            del told[name]  # only classifiers have them, and Curators that know no classifiers read the others' cards
    return json.dumps(told, indent=1, ensure_ascii=False).encode() + b"\n"


def card_from_json(data: bytes) -> EncoderCard:
    """Read what `card_to_json` wrote, or a person did. Raises BadEncoder."""
    return card_from_fields(fields_from_json(data))


def fields_from_json(data: bytes) -> dict[str, Any]:
    """The JSON object itself, whose fields are still to be checked."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as exc:  # also UnicodeDecodeError
        raise BadEncoder(
            f"the encoder card is not JSON: {exc}", hint="see one with: curator encoders show lite0-128"
        ) from exc
    if not isinstance(found, dict):
        raise BadEncoder("the encoder card is not a JSON object", hint="see one with: curator encoders show lite0-128")
    return found


def card_from_fields(found: Mapping[str, Any]) -> EncoderCard:
    """Check every field and make the card. Raises BadEncoder."""
    hint = f"a card has the fields {', '.join(_HINTS)}"
    if unknown := found.keys() - _HINTS.keys():
        raise BadEncoder(f"the encoder card has an unknown field: {', '.join(sorted(unknown))}", hint=hint)
    if missing := _REQUIRED - found.keys():
        raise BadEncoder(f"the encoder card lacks: {', '.join(sorted(missing))}", hint=hint)
    for name, value in found.items():
        if not _fits(value, _HINTS[name]):
            raise BadEncoder(f"the encoder card's {name} is {value!r}, not {_words(_HINTS[name])}")
    checked: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in found.items()
    }
    card = EncoderCard(**checked)
    _check_ranges(card)
    return card


def encoder_id(weights: bytes, card: EncoderCard) -> str:
    """Twelve hex digits of a hash over the weights and those fields of the card that change the vectors.

    Vectors of two encoders can be compared exactly when their ids are equal.
    """
    identity = {name: getattr(card, name) for name in IDENTITY}
    numbers = {name: [float(number) for number in identity[name]] for name in ("mean", "std")}
    text = json.dumps({**identity, **numbers}, sort_keys=True)
    return hashlib.sha256(hashlib.sha256(weights).digest() + text.encode()).hexdigest()[:12]


def _check_ranges(card: EncoderCard) -> None:
    if not card.name.strip():
        raise BadEncoder("the encoder card's name is empty")
    for name, low, high in (("dim", 1, 65_536), ("input_size", 0, 4_096)):
        if not low <= getattr(card, name) <= high:
            raise BadEncoder(f"the encoder card's {name} is {getattr(card, name)}, not within {low}..{high}")
    if not all(map(math.isfinite, (*card.mean, *card.std))) or not all(deviation > 0 for deviation in card.std):
        raise BadEncoder(f"the encoder card's mean {card.mean} and std {card.std} cannot normalise anything")
    if len(set(card.classes)) < len(card.classes) or not all(name.strip() for name in card.classes):
        raise BadEncoder(f"the encoder card's classes are {', '.join(card.classes)}: each needs a name of its own")


def _fits(value: object, hint: Any) -> bool:
    """Whether a JSON value is of the type that the card declares."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in inner
    if origin is tuple:
        if inner[-1] is Ellipsis and isinstance(value, list | tuple):
            inner = inner[:1] * len(value)
        return isinstance(value, list | tuple) and len(value) == len(inner) and all(map(_fits, value, inner))
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, inner[1]) for item in value.values())
    if hint is bool:
        return isinstance(value, bool)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, hint) and not isinstance(value, bool | NoneType)


def _words(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(inner)
    if origin is tuple:
        return "a list of texts" if inner[-1] is Ellipsis else f"{len(inner)} numbers"
    if origin is dict:
        return f"an object of {_words(inner[1])}s"
    return {int: "a whole number", float: "a number", str: "text", bool: "true or false"}[hint]
