"""Training in a project: from its pictures to an encoder, from a task's labels to a classifier, and an honest verdict.

It reads chips straight from the project. Some are kept away from training altogether, by place where the chips have
one, and what is said of the result is measured on those. It needs the extra `train`; nothing else in Curator does.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from earthcurator.encoders import EncoderEntry, OnnxEncoder, packaged_for
from earthcurator.errors import BadInput
from earthcurator.export.splits import By, split
from earthcurator.learn.compare import readable, stand
from earthcurator.learn.evaluate import encode_classes
from earthcurator.learn.export import card_of, export
from earthcurator.learn.feed import MIN_PICTURES, fingerprint, sample
from earthcurator.learn.loop import train
from earthcurator.learn.methods import METHODS
from earthcurator.learn.metrics import Estimate, difference
from earthcurator.learn.neighbours import Preview
from earthcurator.learn.recipe import Ending, Progress, Recipe
from earthcurator.learn.trunks import feature_count, make_trunk, packaged_trunk
from earthcurator.learn.views import preset
from earthcurator.models import Chip

if TYPE_CHECKING:
    from torch import nn

    from earthcurator.project.project import Project

log = logging.getLogger(__name__)

MOST_ASKED = 1000
"""Held-out chips that a report asks about."""
MOST_KNOWN = 2000
"""Chips with classes that it compares them with."""
_FIT_ON = 1024  # chips that the projection to the encoder's dimensions is fitted on

Outcome = Literal["better", "worse", "no clear difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `curator train` can be told."""

    method: str = "simclr"
    init: str = "packaged"
    """`packaged`, `random`, or an encoder of the project with the architecture of the packaged one."""
    trunk: str = "lite0"
    seconds: float | None = None
    epochs: float | None = None
    batch: int = 128
    rate: float = 5e-4
    size: int | None = None
    """Sides in pixels that pictures have for the encoder; by default what suits the chips."""
    dim: int = 128
    views: str = "aerial"
    hold_out: By | None = None
    """How the chips of the report are set apart; by default by place where all have one, else at random."""
    seed: int = 0
    patience: int | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The new encoder against another, on chips that neither was trained on here."""

    other: str
    """Name of the other."""
    on: Literal["view retrieval", "20-NN", "linear probe"]
    new: float
    """Share of the chips that the new one gets right."""
    old: float
    gain: Estimate
    """The difference, from the same chips."""

    @property
    def outcome(self) -> Outcome:
        """Whether the difference is one."""
        if self.gain.low > 0:
            return "better"
        return "worse" if self.gain.high < 0 else "no clear difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainReport:
    """What a training gave, and whether it was worth it."""

    encoder: str | None
    """Id of the new encoder; None when nothing better than the start was found, so that there is none."""
    name: str | None
    ending: Ending
    collapsed: bool
    chips: int
    """How many it learned from."""
    asked: int
    """On how many others the comparisons are."""
    held_out_by: By
    unreadable: int
    seconds: float
    epochs: float
    loss: float
    comparisons: tuple[Comparison, ...]
    is_better: bool
    """Than every encoder it was compared with, clearly."""
    verdict: str
    default: bool = False
    """Whether it is what the project uses now."""


class Chips:
    """Some chips of a project as a source of pictures."""

    def __init__(self, project: Project, ids: Sequence[str]) -> None:
        self.ids = ids
        self._chips = project.chips

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        """These chips' pictures as received."""
        return self._chips.pictures(ids)


def train_encoder(
    project: Project,
    options: Options,
    *,
    use: Literal["never", "if better", "always"] = "never",
    classes: Mapping[str, str] | None = None,
    previews: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> TrainReport:
    """Teach an encoder the project's imagery, keep it among the project's encoders, and say whether it is better.

    `classes`, chip → class, only measure; without them the folders of import do. The same call again goes on where it
    was stopped or killed.
    """
    chips = list(project.chips.all())
    known = classes or {chip.id: chip.folder for chip in chips if chip.folder is not None}
    seen, asked, by = _hold_out(chips, options)
    size = options.size or _size_for(chips)
    source, trunk, start = Chips(project, seen), *_start(project, options, size)
    recipe = Recipe(
        views=preset(options.views, size),
        epochs=options.epochs,
        seconds=options.seconds,
        batch=min(options.batch, max(2, len(seen) // 4)),
        rate=options.rate,
        patience=options.patience,
        seed=options.seed,
        threads=project.threads,
    )
    folder = project.cache / "training" / _key(options, size, seen)
    shown = Preview(Chips(project, asked), trunk, size, previews, seed=options.seed) if previews else None

    def tell(now: Progress) -> None:
        if shown:
            shown.draw(now.quality.step)
        progress(now)

    trained = train(
        source,
        trunk,
        METHODS.get(options.method)(feature_count(trunk, size)),
        recipe,
        classes={chip: known[chip] for chip in seen if chip in known} or None,
        checkpoint_folder=folder,
        progress=tell,
        stop=stop,
    )
    report = TrainReport(
        encoder=None,
        name=None,
        ending=trained.ending,
        collapsed=any(quality.collapsed for quality in trained.qualities[1:]),
        chips=len(trained.train_ids),
        asked=len(asked),
        held_out_by=by,
        unreadable=len(trained.unreadable),
        seconds=trained.seconds,
        epochs=trained.epochs,
        loss=float(np.mean(trained.losses[-20:])) if trained.losses else float("nan"),
        comparisons=(),
        is_better=False,
        verdict="",
    )
    if trained.best.step == 0:
        report = replace(report, verdict=_nothing_gained(report, start))
    else:
        name = options.name or f"{options.method}-{options.trunk}-{size}"
        licence, attribution = _terms(project, options)
        card = card_of(
            trained, recipe, name=name, method=f"{METHODS_IN_WORDS.get(options.method, options.method)} of "
            f"{options.trunk}", start=start, dim=options.dim, licence=licence, attribution=attribution,
        )  # fmt: skip
        pictures = sample(source, trained.train_ids, size, _FIT_ON, seed=options.seed)
        made = export(trained.trunk, pictures, card)
        new = OnnxEncoder(made.weights, made.card)
        comparisons, count = _compare(project, new, asked, list(trained.train_ids), known, options.seed)
        report = _judged(replace(report, comparisons=comparisons, asked=count))
        metrics = {
            f"held-out {found.on} %, packaged or other {found.other}: {100 * found.old:.1f}": 100 * found.new
            for found in comparisons
        }
        entry = project.encoders.keep(
            made.weights, replace(made.card, metrics={**made.card.metrics, **_rounded(metrics)})
        )
        report = replace(report, encoder=entry.id, name=entry.card.name)
        if use == "always" or (use == "if better" and report.is_better):
            project.set_default_encoder(entry.id)
            report = replace(report, default=True)
    if trained.ending != "stopped":
        shutil.rmtree(folder, ignore_errors=True)
    return report


METHODS_IN_WORDS: Mapping[str, str] = {
    "barlow": "Barlow Twins", "byol": "BYOL", "simclr": "SimCLR", "simsiam": "SimSiam", "vicreg": "VICReg",
}  # fmt: skip


def _start(project: Project, options: Options, size: int) -> tuple[nn.Module, str]:
    """The trunk to begin with, and words for it."""
    if options.init == "random":
        return make_trunk(options.trunk, seed=options.seed), "random weights"
    if options.trunk != "lite0":
        raise BadInput(
            f"the trunk {options.trunk} cannot begin from {options.init}: those weights are of lite0",
            hint="add --init random, or use --trunk lite0",
        )
    entry = project.encoders.find(packaged_for(size) if options.init == "packaged" else options.init)
    return packaged_trunk(project.encoders.weights(entry)), f"{entry.card.name} ({entry.id})"


def _terms(project: Project, options: Options) -> tuple[str, str]:
    """Licence and credit: those of the weights it began with hold on."""
    if options.init == "random":
        return "unknown", ""
    card = project.encoders.find("lite0-64" if options.init == "packaged" else options.init).card
    return card.licence, card.attribution


def _size_for(chips: Sequence[Chip]) -> int:
    side = statistics.median(min(chip.width, chip.height) for chip in islice(chips, 1000))
    return 64 if packaged_for(round(side)) == "lite0-64" else 128


def _hold_out(chips: Sequence[Chip], options: Options) -> tuple[list[str], list[str], By]:
    """Chips to learn from, chips to ask about afterwards, and how they were parted."""
    if len(chips) < MIN_PICTURES + 8:
        some = "1 picture is" if len(chips) == 1 else f"{len(chips)} pictures are"
        raise BadInput(
            f"{some} too few to learn from: it takes at least {MIN_PICTURES + 8}, and thousands to gain anything",
            hint="import or download more pictures, or use the packaged encoder as it is",
        )
    by: By = options.hold_out or ("place" if all(chip.box is not None for chip in chips) else "random")
    rows, shares = [(chip, "") for chip in chips], {"train": 0.9, "test": 0.1}
    try:
        sides = split(rows, shares, by=by, seed=options.seed)
    except BadInput:
        if options.hold_out or by != "place":
            raise
        sides, by = _apart(rows, shares, options.seed)
    asked = [chip for chip, side in sides.items() if side == "test"]
    order = np.random.default_rng(options.seed).permutation(len(asked))[:MOST_ASKED]
    return sorted(chip for chip, side in sides.items() if side == "train"), [asked[place] for place in order], by


def _apart(rows: list[tuple[Chip, str]], shares: Mapping[str, float], seed: int) -> tuple[dict[str, str], By]:
    """Where chips touch all over: by place without those at the borders, else at random."""
    try:
        sides = split(rows, shares, by="place", seed=seed, between="leave out")
        if len(sides) >= 0.7 * len(rows):
            return sides, "place"
    except BadInput:
        log.debug("the chips cannot be parted by place")
    log.warning("the chips lie too close together to be parted by place: neighbours may be on both sides")
    return split(rows, shares, by="random", seed=seed), "random"


def _key(options: Options, size: int, ids: Sequence[str]) -> str:
    """A name for the checkpoint of this training: the same command on the same chips finds it again."""
    told = {**asdict(options), "name": None, "patience": None, "size": size, "chips": fingerprint(ids)}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _compare(
    project: Project, new: OnnxEncoder, asked: list[str], seen: list[str], known: Mapping[str, str], seed: int
) -> tuple[tuple[Comparison, ...], int]:
    """The new encoder against the packaged one for its size and the project's default, on chips it never saw."""
    labelled = [chip for chip in seen if chip in known]
    order = np.random.default_rng(seed).permutation(len(labelled))[:MOST_KNOWN]
    there = project.chips.pictures([labelled[place] for place in order])
    gallery = {chip: there[chip] for chip in readable(there, new)}
    pictures = project.chips.pictures(asked)
    questions = [chip for chip in readable(pictures, new)]
    use_classes = len({known[chip] for chip in gallery}) > 1 and sum(chip in known for chip in questions) >= 8
    if use_classes:
        questions = [chip for chip in questions if chip in known]
    names = [known[chip] for chip in (*questions, *gallery)] if use_classes else []
    numbers = encode_classes(names) if use_classes else None
    truth = None if numbers is None else numbers[: len(questions)]
    classes = None if numbers is None else numbers[len(questions) :]

    others = {entry.id: entry for entry in _others(project, new)}
    at = {
        encoder.id: stand(
            encoder, [pictures[chip] for chip in questions], truth, list(gallery.values()), classes, seed=seed
        )
        for encoder in (new, *map(project.encoders.load, others.values()))
    }
    ours, rng = at[new.id], np.random.default_rng(seed)
    found = []
    for other, entry in others.items():
        theirs = at[other]
        measured = (("20-NN", ours.knn, theirs.knn), ("linear probe", ours.linear, theirs.linear))
        for on, first, second in (*measured, ("view retrieval", ours.retrieval, theirs.retrieval)):
            if first is not None and second is not None:
                found.append(
                    Comparison(
                        other=entry.card.name, on=on, new=float(first.mean()), old=float(second.mean()),
                        gain=difference(first, second, rng),
                    )
                )  # fmt: skip
    return tuple(found), len(questions)


def _others(project: Project, new: OnnxEncoder) -> list[EncoderEntry]:
    packaged = project.encoders.find(packaged_for(new.card.input_size))
    default = project.encoders.find(project.default_encoder) if project.default_encoder else packaged
    return [entry for entry in {packaged.id: packaged, default.id: default}.values() if entry.id != new.id]


def _judged(report: TrainReport) -> TrainReport:
    """The verdict in words. Classes decide where there are any: views favour whoever was trained on views."""
    with_classes = [found for found in report.comparisons if found.on != "view retrieval"]
    deciding = with_classes or report.comparisons
    others = {found.other for found in deciding}
    won = {name for name in others if _won([found for found in deciding if found.other == name])}
    is_better = bool(deciding) and won == others and not report.collapsed
    figures = "; ".join(
        f"{found.on} {100 * found.new:.1f} against {100 * found.old:.1f} % of {found.other}: {found.outcome}"
        for found in deciding
    )
    where = f"on {report.asked:,} chips it never saw"
    if is_better and with_classes:
        verdict = f"better {where} ({figures})"
    elif is_better:
        verdict = (
            f"better {where} at telling them apart under changed views ({figures}); whether it is better for your "
            "classes nobody knows before some chips have labels"
        )
    else:
        verdict = f"no better: keep {' and '.join(sorted(others - won) or sorted(others))} ({where}: {figures})"
    if report.collapsed:
        verdict += ". The method collapsed on the way: its vectors were nearly all the same"
    return replace(report, is_better=is_better, verdict=verdict)


def _won(found: Sequence[Comparison]) -> bool:
    """Better at something, and worse at nothing."""
    outcomes = [each.outcome for each in found]
    return "better" in outcomes and "worse" not in outcomes


def _nothing_gained(report: TrainReport, start: str) -> str:
    why = (
        "the method collapsed: it gives every picture the same vector" if report.collapsed else "training made it worse"
    )
    return f"no better: keep what you have. On held-out chips nothing beat {start}, from which it began; {why}"


def _rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in metrics.items()}
