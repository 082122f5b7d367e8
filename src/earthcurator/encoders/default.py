"""The encoders that ship with Curator: one ONNX file, and a card for each input size it is good at.

Vectors made at different input sizes cannot be compared, so each card is an encoder of its own with its own id.
`scripts/build_packaged_encoder.py` makes the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from earthcurator.encoders.card import card_from_json, encoder_id
from earthcurator.encoders.onnx import OnnxEncoder
from earthcurator.errors import NotFound
from earthcurator.models import EncoderCard

PACKAGED = ("lite0-64", "lite0-128", "lite0-224")
_FILES = files("earthcurator.encoders") / "packaged"


@dataclass(frozen=True, slots=True)
class EncoderEntry:
    """An encoder that can be used: its id and its card, without its weights."""

    id: str
    card: EncoderCard


def packaged_for(pixels: int) -> str:
    """Name of the packaged encoder for pictures whose shorter side has about this many pixels.

    `lite0-224` is never chosen: on pictures of 256 pixels it finds no more than `lite0-128` at almost three times the
    cost (benchmarks/retrieval_quality.py).
    """
    return "lite0-64" if pixels <= 96 else "lite0-128"


@cache
def packaged_entries() -> tuple[EncoderEntry, ...]:
    """Every packaged encoder, smallest input first."""
    return tuple(EncoderEntry(encoder_id(packaged_weights(name), _card(name)), _card(name)) for name in PACKAGED)


def packaged_weights(name: str) -> bytes:
    """The ONNX file of a packaged encoder."""
    if name not in PACKAGED:
        raise NotFound(f"no encoder called {name} ships with Curator", hint=f"there are {', '.join(PACKAGED)}")
    return (_FILES / "lite0.onnx").read_bytes()


def packaged(name: str) -> OnnxEncoder:
    """A packaged encoder, ready to use."""
    return OnnxEncoder(packaged_weights(name), _card(name))


def _card(name: str) -> EncoderCard:
    return card_from_json((_FILES / f"{name}.json").read_bytes())
