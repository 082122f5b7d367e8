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

from earthcurator.encoders import EncoderEntry, OnnxEncoder, packaged_for
from earthcurator.errors import BadInput
from earthcurator.export.splits import Between, By, split
from earthcurator.learn import checkpoint, loop
from earthcurator.learn.compact import FEWEST
from earthcurator.learn.export import card_of, check_expressible, export
from earthcurator.learn.feed import MIN_PICTURES, fingerprint, sample
from earthcurator.learn.methods import METHODS, make_method
from earthcurator.learn.named import is_named, load_named, short_name
from earthcurator.learn.neighbours import Neighbours, Preview
from earthcurator.learn.recipe import Ending, Progress, Recipe, Trained
from earthcurator.learn.trunks import feature_count, make_trunk, packaged_trunk, trunk_shape
from earthcurator.learn.views import preset
from earthcurator.models import Chip
from earthcurator.project.chipsource import ChipSource
from earthcurator.project.compacting import MOST_ASKED, Int8Report, try_int8
from earthcurator.project.course import Nearest
from earthcurator.project.verdict import Comparison, compare, judge

if TYPE_CHECKING:
    from earthcurator.project.project import Project

log = logging.getLogger(__name__)

_FIT_ON = 1024  # chips that the projection to the encoder's dimensions is fitted on


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `curator train` can be told."""

    method: str = "simclr"
    init: str = "packaged"
    """`packaged`, `random`, or an encoder of the project with the architecture of the packaged one; `pretrained` for
    the weights that a trunk of timm or transformers comes with."""
    trunk: Any = "lite0"
    """A name of `earthcurator.learn.trunks`, `timm:NAME`, `hf:NAME`, or any `torch.nn.Module` that takes (n, 3, h, w)
    within 0..1 and gives (n, d). A module begins with the weights that it has, whatever `init` says."""
    seconds: float | None = None
    epochs: float | None = None
    batch: int = 128
    accumulate: int = 1
    """Batches whose gradients are averaged before a step: larger steps in the same memory."""
    rate: float = 5e-4
    size: int | None = None
    """Sides in pixels that pictures have for the encoder; by default what suits the chips."""
    view_size: int | None = None
    """Sides in pixels of the views that it learns from; by default as the encoder's. Half as large, they teach four
    times as many steps in the same time, which is worth more in a short training from random weights."""
    dim: int = 128
    views: str = "aerial"
    hold_out: By | None = None
    """How the chips of the report are set apart; by default by place where all have one, else at random. It does not
    go by the seed: what one training holds out, the next one does too, so that it may begin from its result."""
    seed: int = 0
    patience: int | None = None
    name: str | None = None
    int8: bool = False
    """Make an int8 copy of the encoder too, and keep it if it is as good."""


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
    """How many others there are to compare it on; each comparison says on how many of them it is."""
    held_out_by: By
    unreadable: int
    seconds: float
    epochs: float
    loss: float
    comparisons: tuple[Comparison, ...]
    is_better: bool
    """Than every encoder it was compared with, clearly."""
    verdict: str
    """Empty in all but the first of several processes that trained together: that one keeps the encoder."""
    default: bool = False
    """Whether it is what the project uses now."""
    int8: Int8Report | None = None
    """About its int8 copy, if one was asked for."""


def train(
    project: Project,
    *,
    use: Literal["never", "if better", "always"] = "never",
    classes: Mapping[str, str] | None = None,
    previews: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    watch: Callable[[Progress, Callable[[], Nearest]], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    **named: Any,
) -> TrainReport:
    """Teach an encoder the project's imagery, keep it among the project's encoders, and say whether it is better.

    `named` are fields of `Options`. `classes`, chip to class, only measure; without them the folders of import do.
    `watch` is called as `progress` is, and can ask what some held-out chips are nearest to at that moment. The same
    call again goes on where it was stopped or killed.
    """
    options = Options(**named)
    METHODS.get(options.method)  # before the chips are read
    chips = list(project.chips.all())
    known = classes or {chip.id: chip.folder for chip in chips if chip.folder is not None}
    seen, asked, by = _hold_out(chips, options)
    size = options.size or _size_for(chips)
    source, start = ChipSource(project, seen), _start(project, options, size)
    trunk, features = start.trunk, feature_count(start.trunk, size)
    if options.view_size:
        feature_count(trunk, options.view_size)  # whether it can learn from those
    _check_possible(options, asked, features)
    if not isinstance(options.trunk, str) or is_named(options.trunk):
        check_expressible(trunk, size, _trunk_name(options))
    recipe = _recipe(options, size, len(seen), threads=project.threads)
    folder = project.cache / "training" / _key(options, size, seen)
    neighbours = Neighbours(ChipSource(project, asked), trunk, size, seed=options.seed) if previews or watch else None
    shown = Preview(neighbours, previews) if neighbours and previews else None

    def tell(now: Progress) -> None:
        if shown:
            shown.draw(now.quality.step)
        if watch and neighbours:
            watch(now, neighbours.named)
        progress(now)

    trained = loop.train(
        source,
        trunk,
        make_method(options.method, features, seed=options.seed),
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
        collapsed=_has_collapsed(trained),
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
    if not trained.is_first:
        return report
    if trained.best.step == 0:
        report = replace(report, verdict=_nothing_gained(report, start.words))
    else:
        report = _kept(project, options, trained, recipe, report, size=size, start=start, asked=asked, known=known)
        if report.encoder and (use == "always" or (use == "if better" and report.is_better)):
            project.set_default_encoder(report.encoder)
            report = replace(report, default=True)
    if trained.ending != "stopped":
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _check_possible(options: Options, asked: Sequence[str], features: int) -> None:
    """Whether what is asked for can be made and measured afterwards. Raises BadInput."""
    if not 1 <= options.dim <= features:
        raise BadInput(
            f"the trunk gives {features} features, which cannot become {options.dim} dimensions",
            hint=f"use --dim {min(128, features)}",
        )
    if options.int8 and len(asked) < FEWEST:
        raise BadInput(
            f"{len(asked)} held-out chips are too few to measure int8 on: it takes {FEWEST}",
            hint=f"import {10 * FEWEST} chips or more, or leave --int8 out",
        )


def _has_collapsed(trained: Trained) -> bool:
    """At its end, or in the weights that are kept: what comes right after the first steps was none."""
    return any(quality.collapsed and quality.step > 0 for quality in (trained.qualities[-1], trained.best))


def _recipe(options: Options, size: int, chips: int, *, threads: int) -> Recipe:
    return Recipe(
        views=preset(options.views, options.view_size or size),
        epochs=options.epochs,
        seconds=options.seconds,
        batch=min(options.batch, max(2, chips // (4 * max(1, options.accumulate)))),
        accumulate=options.accumulate,
        rate=options.rate,
        patience=options.patience,
        seed=options.seed,
        threads=threads,
    )


def _kept(
    project: Project,
    options: Options,
    trained: Trained,
    recipe: Recipe,
    report: TrainReport,
    *,
    size: int,
    start: _Start,
    asked: list[str],
    known: Mapping[str, str],
) -> TrainReport:
    """The trained trunk as an encoder of the project, and what is to be said of it."""
    seen = list(trained.train_ids)
    card = card_of(
        trained,
        recipe,
        name=options.name or f"{options.method}-{_trunk_name(options)}-{size}",
        method=f"{options.method} with {_trunk_name(options)}",
        start=start.words,
        size=size,
        dim=options.dim,
        licence=start.licence,
        attribution=start.attribution,
    )
    pictures = sample(ChipSource(project, seen), seen, size, _FIT_ON, seed=options.seed)
    made = export(trained.trunk, pictures, card)
    ours = OnnxEncoder(made.weights, made.card)
    comparisons, count = compare(project, ours, asked, seen, known, start=start.entry, seed=options.seed)
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
        int8=try_int8(project, entry, pictures, asked) if options.int8 else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """The trunk to begin with. The licence of its weights holds on."""

    trunk: Any  # a torch module; torch is imported in learn only
    words: str
    entry: EncoderEntry | None = None
    licence: str = "unknown"
    attribution: str = ""


def _start(project: Project, options: Options, size: int) -> _Start:
    if not isinstance(options.trunk, str):
        return _Start(trunk=options.trunk, words="the weights that it came with")
    if options.init == "random":
        return _Start(trunk=_random_trunk(options, size), words="random weights")
    if is_named(options.trunk) and options.init == "pretrained":
        found = load_named(options.trunk, size=size)
        return _Start(trunk=found.trunk, words=found.method, licence=found.licence, attribution=found.method)
    if options.trunk != "lite0":
        choices = "--init pretrained or random" if is_named(options.trunk) else "--init random"
        raise BadInput(
            f"the trunk {options.trunk} cannot begin from {options.init}: those weights are of lite0",
            hint=f"add {choices}, or use --trunk lite0",
        )
    entry = project.encoders.find(packaged_for(size) if options.init == "packaged" else options.init)
    return _Start(
        trunk=packaged_trunk(project.encoders.weights(entry)),
        words=f"{entry.card.name} ({entry.id})",
        entry=entry,
        licence=entry.card.licence,
        attribution=entry.card.attribution,
    )


def _random_trunk(options: Options, size: int) -> Any:
    if is_named(options.trunk):
        return load_named(options.trunk, size=size, seed=options.seed).trunk
    return make_trunk(options.trunk, seed=options.seed)


def _trunk_name(options: Options) -> str:
    return short_name(options.trunk) if isinstance(options.trunk, str) else type(options.trunk).__name__


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
    if by == "place" and options.hold_out is None:
        sides, by = _by_place(rows, shares)
    else:
        sides = split(rows, shares, by=by)
    asked = [chip for chip, side in sides.items() if side == "test"]
    order = np.random.default_rng(0).permutation(len(asked))[:MOST_ASKED]
    return sorted(chip for chip, side in sides.items() if side == "train"), [asked[place] for place in order], by


def _by_place(rows: list[tuple[Chip, str]], shares: Mapping[str, float]) -> tuple[dict[str, str], By]:
    """By place, if need be without chips at the borders; at random where that would ask far more or fewer than asked.

    Chips that touch stay together: of two regions without gaps, one would be all that is asked.
    """
    attempts: tuple[Between, ...] = ("join", "leave out")
    for between in attempts:
        try:
            sides = split(rows, shares, by="place", between=between)
        except BadInput as error:
            log.debug("the chips cannot be parted by place: %s", error)
            continue
        share = sum(side == "test" for side in sides.values()) / len(sides)
        if len(sides) >= 0.7 * len(rows) and shares["test"] / 3 <= share <= 2 * shares["test"]:
            return sides, "place"
    log.warning("the chips do not lie so that they can be parted by place: neighbours may be on both sides")
    return split(rows, shares, by="random"), "random"


def _key(options: Options, size: int, ids: Sequence[str]) -> str:
    """A name for the checkpoint of this training: the same command on the same chips finds it again."""
    trunk = options.trunk if isinstance(options.trunk, str) else trunk_shape(options.trunk)
    asked = asdict(replace(options, trunk=trunk, name=None, patience=None, size=size))
    del asked["int8"]  # it comes after
    told = {**asked, "chips": fingerprint(ids), "format": checkpoint.FORMAT}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _nothing_gained(report: TrainReport, start: str) -> str:
    why = "the method collapsed: it tells few pictures apart" if report.collapsed else "training made it worse"
    return f"no better: keep what you have. On held-out chips nothing beat {start}, from which it began; {why}"
