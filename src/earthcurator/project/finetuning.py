"""From a task's labels to a classifier among the project's encoders, with figures from labels it never saw.

The labels are parted in three, by place where the chips have one: most teach, some set how sure the classifier is (and
which epoch was best), and the rest say how good it is.
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
from earthcurator.export.splits import By, split
from earthcurator.labels.policy import Decided, Policy
from earthcurator.learn.classifier import Head, attach, calibrated, fit_head
from earthcurator.learn.export import PARITY, export
from earthcurator.learn.feed import fingerprint, sample
from earthcurator.learn.finetune import LAST_PART, Lesson, adapt
from earthcurator.learn.metrics import Metrics, draw_confusion, measure
from earthcurator.learn.trunks import packaged_trunk
from earthcurator.learn.views import preset
from earthcurator.models import Chip, Task
from earthcurator.project.datasets import answers
from earthcurator.project.training import Chips

if TYPE_CHECKING:
    from earthcurator.project.project import Project

log = logging.getLogger(__name__)

SHARES: Mapping[str, float] = {"teach": 0.6, "calibrate": 0.15, "measure": 0.25}
FEWEST = 4
"""Labels that every class needs: some to teach, one to calibrate with and one to measure on."""
_FIT_ON = 1024
_NEAR = 1e-3  # how far probabilities of the file may be from ours

How = Literal["linear", "mlp", "partial", "full"]
Seen = tuple[list[str], NDArray[np.float32], NDArray[np.int64]]
"""Chips whose pictures can be read, their vectors `(n, d)` and the numbers of their classes."""


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
    temperature: float
    """How much surer it was than it had a right to be, before it was set right."""
    unreadable: int
    unmeasured: tuple[str, ...]
    """Classes without a label among those that measure."""
    picture: str
    """What it takes for what, as SVG."""
    seconds: float
    default: bool = False


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
    """Make a classifier of the task's answers and keep it. `named` are fields of `Options`."""
    options, begun = Options(**named), clock()
    chips, labels = _labelled(project, task, policy or Policy())
    _check(task, labels)
    parts, by = _parted(chips, labels, options)
    classes = tuple(name for name in task.classes if name in set(labels.values()))
    numbers = {name: number for number, name in enumerate(classes)}
    sides = {side: {chip: numbers[labels[chip]] for chip in some} for side, some in parts.items()}
    _check_parts(sides, classes, by)

    base = project.encoders.find(options.encoder) if options.encoder else _default(project)
    weights, entry = project.encoders.weights(base), base
    if options.how in ("partial", "full"):
        weights, entry = _adapted(project, base, sides, len(classes), options, progress, stop)
    encoder = OnnxEncoder(weights, replace(entry.card, classes=()))
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
    if use:
        project.set_default_encoder(kept.id)
    measured = {names for names, count in zip(classes, map(sum, metrics.confusion), strict=True) if count}
    return Finetuned(
        encoder=kept.id,
        name=kept.card.name,
        classes=classes,
        how=options.how,
        split=by,
        taught=len(vectors["teach"][0]),
        metrics=metrics,
        temperature=head.temperature,
        unreadable=sum(map(len, sides.values())) - sum(len(found) for found, _, _ in vectors.values()),
        unmeasured=tuple(name for name in classes if name not in measured),
        picture=draw_confusion(metrics.confusion, classes, title=f"{task.question} {kept.card.name}"),
        seconds=clock() - begun,
        default=use,
    )


def _labelled(project: Project, task: Task, policy: Policy) -> tuple[list[Chip], dict[str, str]]:
    """The chips of the task that have an answer of one class."""
    if task.several:
        raise BadInput(
            f"in the task {task.question!r} a chip may have several classes, which a classifier cannot learn yet",
            hint="make a task for each class: curator task create",
        )
    found = answers(task, project.tasks.store.chips(task.id), list(project.tasks.events(task)), policy).decided
    labels = {chip: answer.value[0] for chip, answer in found.items() if _is_clear(answer)}
    if not labels:
        raise Conflict(
            f"no chip of the task {task.question!r} has an answer yet", hint="label some first: curator label TASK"
        )
    chips = project.chips.get(sorted(labels))
    return chips, {chip.id: labels[chip.id] for chip in chips}


def _is_clear(answer: Decided) -> bool:
    return len(answer.value) == 1


def _check(task: Task, labels: Mapping[str, str]) -> None:
    """Whether there is something to learn."""
    counts = Counter(labels.values())
    if len(counts) < 2:
        raise Conflict(
            f"all {len(labels):,} labels of the task {task.question!r} say {next(iter(counts))}: one class teaches "
            "nothing",
            hint="label some chips of another class",
        )
    for name, count in sorted(counts.items(), key=lambda found: found[1]):
        if count < FEWEST:
            raise Conflict(
                f"the class {name} has {count} label{'s' if count > 1 else ''}, and every class needs {FEWEST}: "
                "to learn from, to calibrate with and to measure on",
                hint=f'find more of them: curator suggest "{task.question}"',
            )


def _parted(chips: Sequence[Chip], labels: Mapping[str, str], options: Options) -> tuple[Mapping[str, list[str]], By]:
    rows = [(chip, labels[chip.id]) for chip in chips]
    by: By = options.split or "random"
    sides = split(rows, SHARES, by=by, seed=options.seed)
    if options.split is None and all(chip.box is not None for chip in chips):
        try:
            apart = split(rows, SHARES, by="place", seed=options.seed)
        except BadInput as error:
            log.info("the labels cannot be parted by place: %s", error)
        else:
            by, sides = ("random", sides) if _lacks(apart, labels) else ("place", apart)
    return {side: [chip for chip, name in sides.items() if name == side] for side in SHARES}, by


def _lacks(sides: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether some class is missing from some side."""
    there = {(side, labels[chip]) for chip, side in sides.items()}
    return len(there) < len(SHARES) * len(set(labels.values()))


def _check_parts(sides: Mapping[str, Mapping[str, int]], classes: Sequence[str], by: By) -> None:
    taught = set(sides["teach"].values())
    if missing := [name for number, name in enumerate(classes) if number not in taught]:
        raise Conflict(
            f"parted by {by}, no label of {' and '.join(missing)} is left to learn from",
            hint="label such chips in other places or times, or use --split random",
        )


def _default(project: Project) -> EncoderEntry:
    encoder = project.encoder()
    return EncoderEntry(encoder.id, encoder.card)


def _adapted(
    project: Project,
    base: EncoderEntry,
    sides: Mapping[str, Mapping[str, int]],
    classes: int,
    options: Options,
    progress: Callable[[int, int], None],
    stop: Callable[[], bool],
) -> tuple[bytes, EncoderEntry]:
    """An encoder like `base` whose trunk the labels have changed."""
    try:
        trunk = packaged_trunk(project.encoders.weights(base))
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
    source = Chips(project, list(sides["teach"]))
    done = adapt(source, trunk, sides["teach"], sides["calibrate"], classes, lesson, progress=progress, stop=stop)
    pictures = sample(source, source.ids, size, _FIT_ON, seed=options.seed)
    card = replace(
        base.card,
        name=f"{base.card.name}-{options.how}",
        method=f"{options.how} fine-tuning of {base.card.name} ({base.id}), {done.epochs} epochs, seed {options.seed}",
        metrics={},
        classes=(),
    )
    made = export(done.trunk, pictures, card)
    return made.weights, EncoderEntry(OnnxEncoder(made.weights, made.card).id, made.card)


def _vectors(project: Project, encoder: OnnxEncoder, classes: Mapping[str, int]) -> Seen:
    found: list[str] = []
    rows = [np.empty((0, encoder.card.dim), np.float32)]
    with closing(embed(_pictures(project, list(classes)), encoder, threads=project.threads)) as batches:
        for batch in batches:
            found += batch.keys
            rows.append(batch.vectors)
    return found, np.concatenate(rows), np.array([classes[chip] for chip in found], np.int64)


def _pictures(project: Project, chips: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for at in range(0, len(chips), 256):
        yield from project.chips.pictures(chips[at : at + 256]).items()


def _check_read(vectors: Mapping[str, Seen], classes: int) -> None:
    """Whether the pictures that can be read are enough, and not all the same."""
    _, taught, labels = vectors["teach"]
    if len(set(labels.tolist())) < classes or not all(len(found) for found, _, _ in vectors.values()):
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
