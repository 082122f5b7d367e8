"""The int8 copy of an encoder in a project: made from some of its chips, and kept if others say that it is as good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earthcurator.encoders import EncoderEntry, OnnxEncoder
from earthcurator.errors import Conflict, CuratorError
from earthcurator.learn.compact import FEWEST, LEAST_COSINE, LEAST_SHARED, Agreement, agreement, to_int8
from earthcurator.learn.feed import sample
from earthcurator.project.chipsource import ChipSource

if TYPE_CHECKING:
    from earthcurator.project.project import Project

MOST_ASKED = 1000
"""Chips that a report asks about."""
_RANGES_FROM = 128  # chips that set the ranges of int8


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Report:
    """Whether an int8 copy of an encoder is as good as the encoder."""

    encoder: str | None
    """Id of the copy; None when it lost quality and was not kept."""
    name: str
    agreement: Agreement | None
    """None when there could be no copy."""
    verdict: str


def int8(project: Project, name: str, *, seed: int = 0) -> Int8Report:
    """Make an int8 copy of an encoder from some chips of the project, and keep it if others say that it is as good."""
    entry = project.encoders.find(name)
    ids = sorted(chip.id for chip in project.chips.all())
    order = [ids[place] for place in np.random.default_rng(seed).permutation(len(ids))]
    if len(ids) < 2 * FEWEST:
        raise Conflict(
            f"the project has too few chips for an int8 copy: {len(ids)} of {2 * FEWEST}, half to set it and half to "
            "measure it",
            hint="import or download some first",
        )
    few = min(_RANGES_FROM, len(ids) // 2)
    pictures = sample(ChipSource(project, order), order[:few], entry.card.input_size, few, seed=seed)
    return _made(project, entry, pictures, order[few : few + MOST_ASKED])


def try_int8(project: Project, entry: EncoderEntry, pictures: NDArray[np.uint8], asked: Sequence[str]) -> Int8Report:
    """The same after a training, which is not to be lost when there can be no copy: the verdict says why.

    Its ranges are set by these pictures (n, s, s, 3), and it is measured on these chips.
    """
    try:
        return _made(project, entry, pictures, asked)
    except CuratorError as error:
        name = f"{entry.card.name}-int8"
        return Int8Report(encoder=None, name=name, agreement=None, verdict=f"there is no int8 copy: {error}")


def _made(project: Project, entry: EncoderEntry, pictures: NDArray[np.uint8], asked: Sequence[str]) -> Int8Report:
    weights, card = to_int8(project.encoders.weights(entry), entry.card, pictures[:_RANGES_FROM])
    held_out = sample(ChipSource(project, asked), asked, card.input_size, len(asked), seed=0)
    found = agreement(OnnxEncoder(weights, card), project.encoders.load(entry), held_out)
    figures = {"mean cosine to float32": round(found.cosine, 4), "nearest shared with float32 %": 100 * found.shared}
    kept = project.encoders.keep(weights, replace(card, metrics=figures)) if found.is_kept else None
    return Int8Report(
        encoder=kept.id if kept else None,
        name=kept.card.name if kept else card.name,
        agreement=found,
        verdict=f"int8 {'is as good: kept' if kept else 'loses quality: not kept'} (on {found.pictures:,} other chips: "
        f"mean cosine {found.cosine:.4f}, at least {LEAST_COSINE}; {found.shared:.0%} of the nearest are the same, at "
        f"least {LEAST_SHARED:.0%}; {found.speed:.1f} times as fast here)",
    )
