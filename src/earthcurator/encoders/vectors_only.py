"""Encoders whose vectors were made elsewhere: a name for them, so that they can be searched, and no model."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from earthcurator.encoders.card import card_from_fields, encoder_id
from earthcurator.encoders.prepare import cannot_see
from earthcurator.models import EncoderCard


class VectorsOnly:
    """Stands where an encoder stands, and has a sentence for whoever shows it a picture."""

    def __init__(self, card: EncoderCard) -> None:
        self.card = card
        self.id = vectors_only_id(card)

    def encode(self, pictures: NDArray[np.uint8]) -> NoReturn:
        """Raise BadInput: nothing here can see."""
        del pictures
        raise cannot_see(self.card)


def vectors_only_id(card: EncoderCard) -> str:
    """By name and length: several tables under one name are parts of the same."""
    return encoder_id(b"vectors only: " + card.name.encode(), card)


def vectors_only_card(name: str, dim: int, source: str) -> EncoderCard:
    """A card for vectors of this length from a file. Raises BadEncoder for an empty name."""
    return card_from_fields(
        {"name": name, "dim": dim, "input_size": 0, "method": f"ready-made vectors, first from {source}"}
    )
