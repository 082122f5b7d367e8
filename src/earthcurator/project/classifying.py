"""What a classifier says of chips: it sees their pictures, and needs no vectors and no training packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earthcurator.encoders import EncoderCard, OnnxEncoder, embed
from earthcurator.errors import BadInput

if TYPE_CHECKING:
    from earthcurator.project.project import Project

_PAGE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """What a classifier says of a chip."""

    chip: str
    scores: Mapping[str, float]
    """Class -> probability, as calibrated on labels that it was not fitted on."""
    label: tuple[str, ...]
    """The likeliest class; where there may be several, all that are likelier than not."""


def classify(
    project: Project, chips: Sequence[str], classifier: str, progress: Callable[[int, int | None], None]
) -> Iterator[Classified]:
    """In the order of the chips; those whose picture cannot be read are left out."""
    entry = project.encoders.find(classifier)
    if not entry.card.classes:
        raise BadInput(
            f"{entry.card.name} is an encoder without classes", hint="make a classifier: curator finetune TASK"
        )
    scorer = _Scorer(OnnxEncoder(project.encoders.weights(entry), entry.card))
    pictures = (
        (chip, found[chip])
        for some in _pages(chips)
        for found in [project.chips.pictures(some)]
        for chip in some
        if chip in found
    )
    done = 0
    with closing(embed(pictures, scorer, threads=project.threads)) as batches:
        for batch in batches:
            done += len(batch.keys) + len(batch.failed)
            progress(done, len(chips))
            for chip, row in zip(batch.keys, batch.vectors.tolist(), strict=True):
                scores = dict(zip(entry.card.classes, row, strict=True))
                yield Classified(chip=chip, scores=scores, label=_label(scores, several=entry.card.several))


def _label(scores: Mapping[str, float], *, several: bool) -> tuple[str, ...]:
    if several:
        return tuple(name for name, score in scores.items() if score > 0.5)
    return (max(scores, key=scores.__getitem__),)


class _Scorer:
    """A classifier in the place of an encoder: many pictures at once, on all cores, with probabilities for vectors."""

    def __init__(self, model: OnnxEncoder) -> None:
        self._model = model

    @property
    def id(self) -> str:
        return self._model.id

    @property
    def card(self) -> EncoderCard:
        return self._model.card

    def encode(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._model.classify(pictures)


def _pages(chips: Sequence[str]) -> Iterator[Sequence[str]]:
    return (chips[at : at + _PAGE] for at in range(0, len(chips), _PAGE))
