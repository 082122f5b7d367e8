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
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from earthcurator.encoders import OnnxEncoder, packaged_for
from earthcurator.errors import BadInput
from earthcurator.export.splits import By, split
from earthcurator.learn import loop
from earthcurator.learn.export import card_of, export
from earthcurator.learn.feed import MIN_PICTURES, fingerprint, sample
from earthcurator.learn.methods import METHODS
from earthcurator.learn.neighbours import Preview
from earthcurator.learn.recipe import Ending, Progress, Recipe, Trained
from earthcurator.learn.trunks import feature_count, make_trunk, packaged_trunk
from earthcurator.learn.views import preset
from earthcurator.models import Chip
from earthcurator.project.verdict import Comparison, compare, judge

if TYPE_CHECKING:
    from earthcurator.project.project import Project

log = logging.getLogger(__name__)

MOST_ASKED = 1000
"""Held-out chips that a report asks about."""
_FIT_ON = 1024  # chips that the projection to the encoder's dimensions is fitted on


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


def train(
    project: Project,
    *,
    use: Literal["never", "if better", "always"] = "never",
    classes: Mapping[str, str] | None = None,
    previews: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    **named: Any,
) -> TrainReport:
    """Teach an encoder the project's imagery, keep it among the project's encoders, and say whether it is better.

    `named` are fields of `Options`. `classes`, chip to class, only measure; without them the folders of import do. The
    same call again goes on where it was stopped or killed.
    """
    options = Options(**named)
    method = METHODS.get(options.method)
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

    trained = loop.train(
        source,
        trunk,
        method(feature_count(trunk, size)),
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
        report = _kept(project, options, trained, recipe, report, start=start, asked=asked, known=known)
        if report.encoder and (use == "always" or (use == "if better" and report.is_better)):
            project.set_default_encoder(report.encoder)
            report = replace(report, default=True)
    if trained.ending != "stopped":
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _kept(
    project: Project,
    options: Options,
    trained: Trained,
    recipe: Recipe,
    report: TrainReport,
    *,
    start: str,
    asked: list[str],
    known: Mapping[str, str],
) -> TrainReport:
    """The trained trunk as an encoder of the project, and what is to be said of it."""
    size, seen = recipe.views.size, list(trained.train_ids)
    licence, attribution = _terms(project, options)
    card = card_of(
        trained,
        recipe,
        name=options.name or f"{options.method}-{options.trunk}-{size}",
        method=f"{options.method} with {options.trunk}",
        start=start,
        dim=options.dim,
        licence=licence,
        attribution=attribution,
    )
    made = export(trained.trunk, sample(Chips(project, seen), seen, size, _FIT_ON, seed=options.seed), card)
    comparisons, count = compare(project, OnnxEncoder(made.weights, made.card), asked, seen, known, seed=options.seed)
    is_better, verdict = judge(comparisons, count, collapsed=report.collapsed)
    measured = {f"held-out {found.on} %": round(100 * found.new, 2) for found in comparisons}
    entry = project.encoders.keep(made.weights, replace(made.card, metrics={**made.card.metrics, **measured}))
    return replace(
        report,
        encoder=entry.id,
        name=entry.card.name,
        asked=count,
        comparisons=comparisons,
        is_better=is_better,
        verdict=verdict,
    )


def _start(
    project: Project, options: Options, size: int
) -> tuple[Any, str]:  # a torch module; torch is imported in learn only
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


def _nothing_gained(report: TrainReport, start: str) -> str:
    why = (
        "the method collapsed: it gives every picture the same vector" if report.collapsed else "training made it worse"
    )
    return f"no better: keep what you have. On held-out chips nothing beat {start}, from which it began; {why}"
