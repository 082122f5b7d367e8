"""The encoders of a project: its own, and those that ship with Curator."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from itertools import count
from pathlib import Path
from threading import Lock

from earthcurator.encoders import (
    Encoder,
    EncoderCard,
    EncoderEntry,
    OnnxEncoder,
    VectorsOnly,
    card_from_json,
    card_to_json,
    packaged_entries,
    packaged_weights,
    read_model,
    vectors_only_card,
    vectors_only_id,
)
from earthcurator.encoders.card import fields_from_json
from earthcurator.errors import BadEncoder, BadInput, Conflict, NotFound
from earthcurator.store import EncoderFiles, Files

_OF_OTHERS = ("hf:", "timm:")


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

    def add(self, model: Path | str, card: Path | None = None) -> EncoderEntry:
        """Plug in an ONNX file, or a model of transformers or timm by `hf:NAME` or `timm:NAME`.

        What its card does not say is read from the file or the model.
        """
        if str(model).startswith(_OF_OTHERS):
            return self.keep(*_exported(str(model), card))
        weights, made = read_model(Path(model), card)
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

    def for_vectors(self, name: str, dim: int, source: str) -> EncoderEntry:
        """The entry for ready-made vectors of this name and length, which is kept once `keep_name` says so."""
        for other in self.list():
            if other.card.name == name and (not other.card.vectors_only or other.card.dim != dim):
                what = f"vectors of {other.card.dim} numbers, not {dim}" if other.card.vectors_only else "a model"
                raise BadInput(
                    f"the encoder {name} has {what}", hint="give these vectors a name of their own: --encoder NAME"
                )
        card = vectors_only_card(name, dim, source)
        made = vectors_only_id(card)
        return self._entry(made) if made in self._files.ids() else EncoderEntry(made, card)

    def keep_name(self, entry: EncoderEntry) -> None:
        """List an entry for ready-made vectors from now on."""
        if entry.id not in self._files.ids():
            self._files.add_card(entry.id, card_to_json(entry.card))

    def weights(self, entry: EncoderEntry) -> bytes:
        """The ONNX file of an encoder."""
        if entry.card.vectors_only:
            raise BadInput(
                f"{entry.card.name} is a table of ready-made vectors: there is no model to begin from",
                hint="name another with --encoder, e.g. lite0-128; `curator encoders` lists them",
            )
        return self._files.weights(entry.id) if entry.id in self._files.ids() else packaged_weights(entry.card.name)

    def load(self, entry: EncoderEntry) -> Encoder:
        """The encoder itself. The project keeps a copy of one that ships with Curator.

        With the copy, its vectors stay searchable when a later Curator ships another.
        """
        with self._loading:
            if entry.id not in self._loaded and entry.card.vectors_only:
                self._loaded[entry.id] = VectorsOnly(entry.card)
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


def _exported(name: str, card: Path | None) -> tuple[bytes, EncoderCard]:
    """File and card of another package's model."""
    try:
        stated = fields_from_json(card.read_bytes()) if card else {}
        named = import_module("earthcurator.learn.named")
    except OSError as exc:
        raise NotFound(f"the encoder card {card} cannot be read: {exc.strerror}", hint="check the path") from exc
    except ModuleNotFoundError as exc:
        raise Conflict(
            f"{name} needs the package {exc.name}, which is not here", hint="pip install 'earthcurator[hf]'"
        ) from exc
    made = named.export_named(name, stated)
    return made.weights, made.card
