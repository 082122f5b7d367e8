"""Whether a new encoder is better than those there are, on chips that it never saw, in figures and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from earthcurator.encoders import Encoder, EncoderEntry, packaged_for
from earthcurator.learn.compare import Hits, Standing, readable, stand
from earthcurator.learn.evaluate import FEWEST_NAMED, Labels, encode_classes
from earthcurator.learn.metrics import Estimate, difference

if TYPE_CHECKING:
    from earthcurator.project.project import Project

MOST_KNOWN = 2000
"""Chips with classes that held-out ones are compared with."""

Measure = Literal["view retrieval", "20-NN", "linear probe"]
Outcome = Literal["better", "worse", "no clear difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The new encoder against another, on the same held-out chips."""

    other: str
    """Name of the other."""
    on: Measure
    new: float
    """Share of the chips that the new one gets right."""
    old: float
    gain: Estimate
    """The difference."""
    chips: int
    """On how many it is measured."""

    @property
    def outcome(self) -> Outcome:
        """Whether the difference is one."""
        if self.gain.low > 0:
            return "better"
        return "worse" if self.gain.high < 0 else "no clear difference"


def compare(
    project: Project,
    new: Encoder,
    asked: Sequence[str],
    seen: Sequence[str],
    known: Mapping[str, str],
    *,
    start: EncoderEntry | None,
    seed: int,
) -> tuple[tuple[Comparison, ...], int]:
    """Against the packaged encoder for its size, the project's default and its own start; also how many can be read.

    `asked` are chips that training never saw; where they cannot be read there are no comparisons. Where enough of them
    have a class, chip -> class, those of `seen` that have one are the gallery.
    """
    rng = np.random.default_rng(seed)
    pictures = project.chips.pictures(asked)
    questions = readable(pictures, new)
    if len(questions) < 2:
        return (), len(questions)
    gallery = _gallery(project, new, [chip for chip in seen if chip in known], rng)
    classes: tuple[Labels, Labels] | None = None
    named = sum(chip in known for chip in questions)
    if min(named, len(gallery)) >= FEWEST_NAMED and len({known[chip] for chip in gallery}) > 1:
        numbers = encode_classes([known.get(chip) for chip in (*questions, *gallery)])
        classes = numbers[: len(questions)], numbers[len(questions) :]

    def standing(encoder: Encoder) -> Standing:
        return stand(encoder, [pictures[chip] for chip in questions], list(gallery.values()), classes, seed=seed)

    ours, found = standing(new), []
    for entry in _others(project, new, start):
        theirs = standing(project.encoders.load(entry))
        for on, first, second in _pairs(ours, theirs):
            shares = float(first.mean()), float(second.mean())
            gain = difference(first, second, rng)
            name, chips = entry.card.name, len(first)
            found.append(Comparison(other=name, on=on, new=shares[0], old=shares[1], gain=gain, chips=chips))
    return tuple(found), len(questions)


def judge(comparisons: Sequence[Comparison], asked: int, *, collapsed: bool) -> tuple[bool, str]:
    """Whether it is clearly better than all others, and the verdict in words.

    Classes decide where there are any: views favour whoever was trained on views.
    """
    if not comparisons:
        return False, f"not known: {asked} of the held-out chips can be read, too few to compare it with others on"
    with_classes = [found for found in comparisons if found.on != "view retrieval"]
    deciding = with_classes or comparisons
    others = {found.other for found in deciding}
    won = {name for name in others if _won([found for found in deciding if found.other == name])}
    is_better = bool(others) and won == others and not collapsed
    where = f"on {deciding[0].chips:,} chips it never saw"
    figures = "; ".join(
        f"{found.on} {100 * found.new:.1f} % against {100 * found.old:.1f} % of {found.other}, {found.outcome}"
        for found in deciding
    )
    if not is_better:
        verdict = f"no better: keep {' and '.join(sorted(others - won or others))} ({where}: {figures})"
    elif with_classes:
        verdict = f"better {where} ({figures})"
    else:
        verdict = (
            f"better {where} at telling them apart under changed views ({figures}); whether it is better for your "
            f"classes cannot be known before {FEWEST_NAMED} of these chips have labels"
        )
    if collapsed:
        verdict += ". The method had collapsed at the end, or where it did best: its vectors tell few chips apart"
    return is_better, verdict


def _gallery(project: Project, new: Encoder, labelled: Sequence[str], rng: np.random.Generator) -> dict[str, bytes]:
    chosen = [labelled[place] for place in rng.permutation(len(labelled))[:MOST_KNOWN]]
    pictures = project.chips.pictures(chosen)
    return {chip: pictures[chip] for chip in readable(pictures, new)}


def _others(project: Project, new: Encoder, start: EncoderEntry | None) -> list[EncoderEntry]:
    packaged = project.encoders.find(packaged_for(new.card.input_size))
    default = project.encoders.find(project.default_encoder) if project.default_encoder else packaged
    others = {entry.id: entry for entry in (packaged, default, start or packaged)}.values()
    return [entry for entry in others if entry.id != new.id and not entry.card.vectors_only]


def _pairs(ours: Standing, theirs: Standing) -> list[tuple[Measure, Hits, Hits]]:
    pairs: list[tuple[Measure, Hits, Hits]] = []
    if ours.knn is not None and theirs.knn is not None:
        pairs.append(("20-NN", ours.knn, theirs.knn))
    if ours.linear is not None and theirs.linear is not None:
        pairs.append(("linear probe", ours.linear, theirs.linear))
    return [*pairs, ("view retrieval", ours.retrieval, theirs.retrieval)]


def _won(found: Sequence[Comparison]) -> bool:
    """Better at something, and worse at nothing."""
    outcomes = {each.outcome for each in found}
    return "better" in outcomes and "worse" not in outcomes
