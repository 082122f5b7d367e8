"""Encoders: from a picture to a unit vector that says what it looks like."""

from earthcurator.encoders.card import card_from_json, card_to_json, encoder_id
from earthcurator.encoders.default import EncoderEntry, packaged, packaged_entries, packaged_for, packaged_weights
from earthcurator.encoders.onnx import OnnxEncoder, read_model
from earthcurator.encoders.pipeline import Batch, Encoder, embed
from earthcurator.encoders.pixel import PixelEncoder
from earthcurator.encoders.prepare import prepare, resize
from earthcurator.encoders.vectors_only import VectorsOnly, vectors_only_card, vectors_only_id
from earthcurator.models import EncoderCard

__all__ = [
    "Batch",
    "Encoder",
    "EncoderCard",
    "EncoderEntry",
    "OnnxEncoder",
    "PixelEncoder",
    "VectorsOnly",
    "card_from_json",
    "card_to_json",
    "embed",
    "encoder_id",
    "packaged",
    "packaged_entries",
    "packaged_for",
    "packaged_weights",
    "prepare",
    "read_model",
    "resize",
    "vectors_only_card",
    "vectors_only_id",
]
