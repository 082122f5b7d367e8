"""The encoders a project keeps: a card and an ONNX file each, in a folder named by the encoder's id.

One whose vectors were made elsewhere has a card alone.
"""

from __future__ import annotations

from earthcurator.errors import NotFound
from earthcurator.store.files import Files

WEIGHTS = "encoder.onnx"
CARD = "card.json"


class EncoderFiles:
    """Bytes in, bytes out: what they mean is the encoders' own business."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def ids(self) -> list[str]:
        """Ids of the encoders that are completely there."""
        return [name for name in self._files.names("encoders") if self._files.read(f"encoders/{name}/{CARD}")]

    def add(self, encoder: str, weights: bytes, card: bytes) -> None:
        """Keep an encoder. The card comes last: a folder without one does not count."""
        self._files.write(f"encoders/{encoder}/{WEIGHTS}", weights)
        self.add_card(encoder, card)

    def add_card(self, encoder: str, card: bytes) -> None:
        """Keep an encoder that is a name for ready-made vectors, and no model."""
        self._files.write(f"encoders/{encoder}/{CARD}", card)

    def weights(self, encoder: str) -> bytes:
        """The encoder's ONNX file."""
        return self._read(encoder, WEIGHTS)

    def card(self, encoder: str) -> bytes:
        """The encoder's card, as JSON."""
        return self._read(encoder, CARD)

    def _read(self, encoder: str, name: str) -> bytes:
        content = self._files.read(f"encoders/{encoder}/{name}")
        if content is None:
            raise NotFound(
                f"the encoder {encoder} has no {name} in {self._files.location}",
                hint="`curator encoders` lists those that are there",
            )
        return content
