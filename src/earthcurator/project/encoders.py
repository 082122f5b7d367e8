"""The encoders of a project: its own, and those that ship with Curator."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Lock

from earthcurator.encoders import (
    Encoder,
    EncoderCard,
    EncoderEntry,
    OnnxEncoder,
    card_from_json,
    card_to_json,
    packaged_entries,
    packaged_weights,
    read_model,
)
from earthcurator.errors import BadEncoder, BadInput, NotFound
from earthcurator.store import EncoderFiles, Files


class Encoders:
    """Finds, adds and loads encoders."""

    def __init__(self, files: Files) -> None:
        self._files = EncoderFiles(files)
        self._loaded: dict[str, Encoder] = {}
        self._loading = Lock()

    def list(self) -> list[EncoderEntry]:
        """Those of the project, then those that ship with Curator."""
        own = [self._entry(name) for name in self._files.ids()]
        known = {entry.id for entry in own}
        return [*own, *(entry for entry in packaged_entries() if entry.id not in known)]

    def find(self, name: str) -> EncoderEntry:
        """The one with this name, id or unique beginning of an id."""
        if name in self._loaded:
            return EncoderEntry(name, self._loaded[name].card)
        if name in self._files.ids():
            return self._entry(name)  # whatever is wrong with the cards of others
        found = [entry for entry in self.list() if name in (entry.card.name, entry.id)]
        found = found or [entry for entry in self.list() if name and entry.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(entry.id for entry in found)
            raise BadInput(f"several encoders are called {name}", hint=f"use an id: {ids}")
        raise NotFound(f"there is no encoder {name} here", hint="`curator encoders` lists those that are there")

    def add(self, model: Path, card: Path | None = None) -> EncoderEntry:
        """Plug in an ONNX file; what its card does not say is read from the file."""
        weights, made = read_model(model, card)
        encoder = OnnxEncoder(weights, made)
        self._files.add(encoder.id, weights, card_to_json(made))
        return EncoderEntry(encoder.id, made)

    def keep(self, weights: bytes, card: EncoderCard) -> EncoderEntry:
        """Take in an encoder that was made here. Its name gets a number where another has it already."""
        made = OnnxEncoder(weights, card).id
        taken = {entry.card.name for entry in self.list() if entry.id != made}
        names = (card.name if number == 1 else f"{card.name}-{number}" for number in count(1))
        named = replace(card, name=next(name for name in names if name not in taken))
        self._files.add(made, weights, card_to_json(named))
        return EncoderEntry(made, named)

    def weights(self, entry: EncoderEntry) -> bytes:
        """The ONNX file of an encoder."""
        return self._files.weights(entry.id) if entry.id in self._files.ids() else packaged_weights(entry.card.name)

    def load(self, entry: EncoderEntry) -> Encoder:
        """The encoder itself. The project keeps a copy of one that ships with Curator.

        With the copy, its vectors stay searchable when a later Curator ships another.
        """
        with self._loading:
            if entry.id not in self._loaded:
                if entry.id not in self._files.ids():
                    self._files.add(entry.id, packaged_weights(entry.card.name), card_to_json(entry.card))
                self._loaded[entry.id] = OnnxEncoder(self._files.weights(entry.id), entry.card)
            return self._loaded[entry.id]

    def _entry(self, encoder: str) -> EncoderEntry:
        try:
            return EncoderEntry(encoder, card_from_json(self._files.card(encoder)))
        except BadEncoder as error:
            raise BadEncoder(f"encoders/{encoder}/card.json: {error}", hint=error.hint) from error

    def close(self) -> None:
        """Let go of those that are loaded."""
        self._loaded.clear()
