"""From a task's labels to a classifier among the project's encoders, with figures from labels it never saw.

The labels are parted in three, by place where the chips have one: most teach, some set how sure the classifier is (and
which epoch was best), and the rest say how good it is. Where a chip may have several classes, each has a probability
of its own.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from earthcurator.encoders import EncoderCard, EncoderEntry, OnnxEncoder, embed, prepare
from earthcurator.errors import BadEncoder, BadInput, Conflict
from earthcurator.export.labelled import Labelled
from earthcurator.export.splits import By, split, strata
from earthcurator.labels.policy import Policy
from earthcurator.learn.classifier import Head, attach, calibrated, fit_head
from earthcurator.learn.export import PARITY, export
from earthcurator.learn.feed import fingerprint, sample
from earthcurator.learn.finetune import LAST_PART, Answer, Lesson, adapt
from earthcurator.learn.metrics import Metrics, draw_confusion, draw_confusions, measure
from earthcurator.learn.recipe import check_seed
from earthcurator.learn.trunks import packaged_trunk
from earthcurator.learn.views import preset
from earthcurator.models import Task
from earthcurator.project.chipsource import ChipSource
from earthcurator.project.datasets import answers

if TYPE_CHECKING:
    from earthcurator.project.project import Project

log = logging.getLogger(__name__)

SHARES: Mapping[str, float] = {"teach": 0.6, "calibrate": 0.15, "measure": 0.25}
FEWEST = 4
"""Labels that every class needs: some to teach, one to calibrate with and one to measure on. Where a chip may have
several classes, so many chips without it too."""
_FIT_ON = 1024
_NEAR = 1e-3  # how far probabilities of the file may be from ours

How = Literal["linear", "mlp", "partial", "full"]
Seen = tuple[list[str], NDArray[np.float32], NDArray[np.int64]]
"""Chips whose pictures can be read, their vectors `(n, d)`, and the numbers of their classes `(n,)` or, where a chip
may have several, 0 and 1 for each `(n, classes)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `curator finetune` can be told."""

    how: How = "linear"
    """`linear` and `mlp` put a head on an encoder as it is; `partial` and `full` change the encoder too."""
    encoder: str | None = None
    """The encoder to begin with; by default the project's."""
    split: By | None = None
    """How the labels are parted; by default by place where that leaves every class on all sides, else at random."""
    seconds: float | None = None
    epochs: int = 20
    seed: int = 0
    name: str | None = None

    def __post_init__(self) -> None:
        if self.how not in ("linear", "mlp", "partial", "full"):
            raise BadInput(f"there is no fine-tuning called {self.how}", hint="use linear, mlp, partial or full")
        if self.epochs < 1 or (self.seconds is not None and not self.seconds > 0):
            raise BadInput(
                f"{self.epochs} epochs in {self.seconds} seconds teach nothing",
                hint="use at least 1 epoch and more than 0 minutes",
            )
        check_seed(self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finetuned:
    """A classifier, and how good it is."""

    encoder: str
    """Its id among the project's encoders."""
    name: str
    classes: tuple[str, ...]
    how: How
    split: By
    taught: int
    """Labels it learned from."""
    metrics: Metrics
    several: bool
    """Whether a chip may have several of the classes, or none."""
    temperature: float | None
    """How much surer it was than it had a right to be, before it was set right; None where that differs by class."""
    unreadable: int
    unmeasured: tuple[str, ...]
    """Classes without a label among those that measure."""
    epochs: float | None
    """How often the trunk saw the labels that teach; None where it stays as it was (linear, mlp)."""
    changed: bool
    """Whether the trunk is another one now: of `partial` and `full`, if that did better on the labels that choose."""
    picture: str
    """What it takes for what, as SVG."""
    seconds: float
    default: bool = False
    """Whether the project embeds with it now."""


def finetune(
    project: Project,
    task: Task,
    *,
    use: bool = False,
    policy: Policy | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
    **named: Any,
) -> Finetuned:
    """Make a classifier of the task's answers and keep it. `named` are fields of `Options`.

    With `use` the project goes by its vectors from now on. Where the trunk stayed as it was, they are those of the
    encoder that it began with, which then becomes the default: what is embedded with that need not be embedded again.
    """
    options, begun = Options(**named), clock()
    rows = _labelled(project, task, policy or Policy())
    classes = _classes(task, rows)
    parts, by = _parted(rows, options)
    sides = {side: {row.chip.id: _answer(task, row, classes) for row in some} for side, some in parts.items()}
    _check_parts(sides, classes, by)

    base = project.encoders.find(options.encoder) if options.encoder else _default(project)
    weights, entry, epochs = project.encoders.weights(base), base, None
    if options.how in ("partial", "full"):
        weights, entry, epochs = _adapted(project, base, weights, sides, len(classes), options, progress, stop)
    encoder = OnnxEncoder(weights, replace(entry.card, classes=(), several=False))
    vectors = {side: _vectors(project, encoder, some) for side, some in sides.items()}
    _check_read(vectors, len(classes))
    kind: Literal["linear", "mlp"] = "mlp" if options.how == "mlp" else "linear"
    head = fit_head(*vectors["teach"][1:], len(classes), kind, seed=options.seed)
    head = calibrated(head, *vectors["calibrate"][1:])
    _, held_out, truth = vectors["measure"]
    metrics = measure(head.probabilities(held_out), truth, np.random.default_rng(options.seed))
    card = replace(
        entry.card,
        name=options.name or f"{_slug(task.question)}-{options.how}",
        classes=classes,
        several=task.several,
        method=f"{options.how} classifier for the question {task.question!r} on {entry.card.name} ({entry.id}); "
        f"{entry.card.method}",
        trained_on=f"{len(vectors['teach'][0])} labels, fingerprint of their chips {fingerprint(vectors['teach'][0])}; "
        f"{entry.card.trained_on}",
        metrics=_figures(metrics, by),
    )
    made = attach(weights, head, encoder.vectors_output)
    some = _prepared(project, vectors["teach"][0][:32], card)
    _check_parity(OnnxEncoder(made, card), head, some, vectors["teach"][1][: len(some)])
    kept = project.encoders.keep(made, card)
    changed = entry is not base
    if use:
        project.set_default_encoder((kept if changed else base).id)
    title = f"{task.question} {kept.card.name}"
    return Finetuned(
        encoder=kept.id,
        name=kept.card.name,
        classes=classes,
        how=options.how,
        split=by,
        taught=len(vectors["teach"][0]),
        metrics=metrics,
        several=task.several,
        temperature=None if task.several else head.temperature,
        unreadable=sum(map(len, sides.values())) - sum(len(found) for found, _, _ in vectors.values()),
        unmeasured=tuple(
            name for name, found in zip(classes, metrics.of_classes, strict=True) if found.average_precision is None
        ),
        epochs=epochs,
        changed=changed,
        picture=draw_confusions(metrics.of_classes, classes, title=title)
        if task.several
        else draw_confusion(metrics.confusion, classes, title=title),
        seconds=clock() - begun,
        default=use and changed,
    )


def _labelled(project: Project, task: Task, policy: Policy) -> list[Labelled]:
    """The chips of the task that have an answer."""
    found = answers(task, project.tasks.store.chips(task.id), list(project.tasks.events(task)), policy)
    if not found.decided:
        raise Conflict(
            f"no chip of the task {task.question!r} has an answer yet", hint="label some first: curator label TASK"
        )
    return [found.labelled(chip) for chip in project.chips.get(sorted(found.decided))]


def _classes(task: Task, rows: Sequence[Labelled]) -> tuple[str, ...]:
    """Those with labels, in the order of the task. Raises Conflict where there is nothing to learn."""
    counts = Counter(name for row in rows for name in row.labels)
    if not counts or (len(counts) < 2 and not task.several):
        said = f"say {next(iter(counts))}: one class teaches nothing" if counts else "are of none of its classes"
        raise Conflict(
            f"all {len(rows):,} labels of the task {task.question!r} {said}", hint="label some chips of another class"
        )
    for name, count in sorted(counts.items(), key=lambda found: found[1]):
        if count < FEWEST:
            raise Conflict(
                f"the class {name} has {_labels(count)}, and every class needs {FEWEST}: "
                "to learn from, to calibrate with and to measure on",
                hint=f'find more of them: curator suggest "{task.question}"',
            )
        if task.several and len(rows) - count < FEWEST:
            raise Conflict(
                f"all {len(rows):,} labelled chips {f'but {len(rows) - count} ' if count < len(rows) else ''}have the "
                f"class {name}, and every class needs {FEWEST} chips without it",
                hint=f'find some without it: curator suggest "{task.question}"',
            )
    return tuple(name for name in task.classes if name in counts)


def _labels(count: int) -> str:
    return f"{count} label{'s' if count > 1 else ''}"


def _answer(task: Task, row: Labelled, classes: Sequence[str]) -> Answer:
    return tuple(int(name in row.labels) for name in classes) if task.several else classes.index(row.label)


def _parted(rows: Sequence[Labelled], options: Options) -> tuple[Mapping[str, list[Labelled]], By]:
    balanced = list(zip((row.chip for row in rows), strata(rows, len(SHARES)), strict=True))
    by: By = options.split or "random"
    sides = split(balanced, SHARES, by=by, seed=options.seed)
    if options.split is None and all(row.chip.box is not None for row in rows):
        try:
            apart = split(balanced, SHARES, by="place", seed=options.seed)
        except BadInput as error:
            log.info("the labels cannot be parted by place: %s", error)
        else:
            by, sides = ("random", sides) if _lacks(apart, rows) or _is_lopsided(apart) else ("place", apart)
    return {side: [row for row in rows if sides[row.chip.id] == side] for side in SHARES}, by


def _lacks(sides: Mapping[str, str], rows: Sequence[Labelled]) -> bool:
    """Whether some class is missing from some side."""
    there = {(sides[row.chip.id], name) for row in rows for name in row.labels}
    return len(there) < len(SHARES) * len({name for row in rows for name in row.labels})


def _is_lopsided(sides: Mapping[str, str]) -> bool:
    """Whether some side has less than half of its share."""
    counts = Counter(sides.values())
    return any(counts[side] < 0.5 * share * len(sides) for side, share in SHARES.items())


def _check_parts(sides: Mapping[str, Mapping[str, Answer]], classes: Sequence[str], by: By) -> None:
    hint = "label such chips in other places or times, or use --split random"
    taught = _taught(np.array(list(sides["teach"].values()), np.int64), len(classes))
    if missing := [name for name, known in zip(classes, taught, strict=True) if not known]:
        raise Conflict(f"parted by {by}, no label of {' and '.join(missing)} is left to learn from", hint=hint)
    if not _taught(np.array(list(sides["measure"].values()), np.int64), len(classes)).any():
        raise Conflict(f"parted by {by}, the labels that are left to measure on show no class", hint=hint)


def _taught(labels: NDArray[np.int64], classes: int) -> NDArray[np.bool_]:
    """Whether these labels show each class; where there may be several, also what is without it."""
    if labels.ndim == 2:
        shown: NDArray[np.bool_] = np.any(labels == 1, axis=0) & np.any(labels == 0, axis=0)
        return shown
    return np.isin(np.arange(classes), labels)


def _default(project: Project) -> EncoderEntry:
    encoder = project.encoder()
    return EncoderEntry(encoder.id, encoder.card)


def _adapted(
    project: Project,
    base: EncoderEntry,
    weights: bytes,
    sides: Mapping[str, Mapping[str, Answer]],
    classes: int,
    options: Options,
    progress: Callable[[int, int], None],
    stop: Callable[[], bool],
) -> tuple[bytes, EncoderEntry, float]:
    """An encoder like `base` whose trunk the labels have changed, or `base` if that did no good, and the epochs."""
    try:
        trunk = packaged_trunk(weights)
    except BadEncoder as error:
        raise BadInput(
            f"{base.card.name} cannot be changed by labels: {error}", hint="use --how linear or mlp, or another encoder"
        ) from error
    size = base.card.input_size
    lesson = Lesson(
        views=preset("gentle", size),
        share=LAST_PART if options.how == "partial" else 1.0,
        epochs=options.epochs,
        seconds=options.seconds,
        seed=options.seed,
        threads=project.threads,
    )
    source = ChipSource(project, list(sides["teach"]))
    done = adapt(source, trunk, sides["teach"], sides["calibrate"], classes, lesson, progress=progress, stop=stop)
    if not done.is_changed:
        return weights, base, done.epochs
    pictures = sample(source, source.ids, size, _FIT_ON, seed=options.seed)
    card = replace(
        base.card,
        name=f"{base.card.name}-{options.how}",
        method=f"{options.how} fine-tuning of {base.card.name} ({base.id}), {done.epochs:.3g} epochs, "
        f"seed {options.seed}",
        metrics={},
        classes=(),
        several=False,
    )
    made = export(done.trunk, pictures, card)
    return made.weights, EncoderEntry(OnnxEncoder(made.weights, made.card).id, made.card), done.epochs


def _vectors(project: Project, encoder: OnnxEncoder, answers: Mapping[str, Answer]) -> Seen:
    found: list[str] = []
    rows = [np.empty((0, encoder.card.dim), np.float32)]
    with closing(embed(_pictures(project, list(answers)), encoder, threads=project.threads)) as batches:
        for batch in batches:
            found += batch.keys
            rows.append(batch.vectors)
    return found, np.concatenate(rows), np.array([answers[chip] for chip in found], np.int64)


def _pictures(project: Project, chips: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for at in range(0, len(chips), 256):
        yield from project.chips.pictures(chips[at : at + 256]).items()


def _check_read(vectors: Mapping[str, Seen], classes: int) -> None:
    """Whether the pictures that can be read are enough, and not all the same."""
    _, taught, labels = vectors["teach"]
    if not all(len(found) for found, _, _ in vectors.values()) or not _taught(labels, classes).all():
        raise Conflict(
            "too few of the labelled pictures can be read", hint="check the project's pictures: curator doctor"
        )
    if np.ptp(taught, axis=0).max() < 1e-6:
        raise Conflict("all labelled pictures look the same to the encoder", hint="check that they are not blank")


def _prepared(project: Project, chips: Sequence[str], card: EncoderCard) -> NDArray[np.uint8]:
    pictures = project.chips.pictures(chips)
    return np.stack([prepare(pictures[chip], card) for chip in chips])


def _check_parity(
    classifier: OnnxEncoder, head: Head, pictures: NDArray[np.uint8], vectors: NDArray[np.float32]
) -> None:
    """Refuse a file whose vectors or probabilities are not those that were measured."""
    cosine = float((classifier.encode(pictures) * vectors).sum(axis=1).min())
    off = float(np.abs(classifier.classify(pictures) - head.probabilities(vectors)).max())
    if cosine < PARITY or off > _NEAR:
        raise BadEncoder(
            f"the exported classifier is not what was measured: cosine {cosine:.5f}, probabilities {off:.4f} off",
            hint="tell us which encoder it began with",
        )


def _figures(metrics: Metrics, by: By) -> dict[str, float]:
    where = f"on {metrics.pictures} labels held out by {by}" if by != "random" else f"on {metrics.pictures} labels"
    named = {"accuracy": metrics.accuracy, "F1": metrics.f1, "average precision": metrics.average_precision}
    return {f"{name} {where}": round(figure.value, 4) for name, figure in named.items()}


def _slug(question: str) -> str:
    words = "".join(sign if sign.isalnum() else " " for sign in question.lower()).split()
    return "-".join(words)[:40] or "classifier"
