"""Adapt a trunk to labels: the last part of it, or all, behind a linear head that is fitted first.

The head comes first so that the trunk is not torn about by a head that knows nothing (Kumar et al. 2022,
https://arxiv.org/abs/2202.10054). Batch normalisations keep the statistics they have: batches of few labels know less.
What comes out is a trunk; its classifier is fitted afterwards on the vectors of the exported encoder, as for any other
(`earthcurator.learn.classifier`).
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from earthcurator.errors import BadInput
from earthcurator.learn.classifier import class_weights, fit_head, losses
from earthcurator.learn.distributed import chosen
from earthcurator.learn.evaluate import Labels
from earthcurator.learn.feed import Source, batches, epoch_order, read, sample
from earthcurator.learn.quality import features
from earthcurator.learn.views import Views, as_planes

log = logging.getLogger(__name__)

LAST_PART = 1 / 3
"""Share of a trunk's layers, the last ones, that partial fine-tuning changes."""
MOST_CHOOSING = 2000
"""Pictures that say which epoch was best; of more, so many at random."""
_LOOKED_AT = 256
_BATCH = 128  # without gradients
_WARM_UP = 0.1

Answer = int | tuple[int, ...]
"""The number of a picture's class; where it may have several, 0 or 1 for each class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """How to adapt a trunk."""

    views: Views
    share: float = 1.0
    """Of the trunk's layers, from the last: 1 for all."""
    epochs: int = 20
    seconds: float | None = None
    """Not longer than this, whatever epochs are left."""
    batch: int = 32
    rate: float = 3e-4
    head_rate: float = 3e-3
    weight_decay: float = 1e-3
    seed: int = 0
    threads: int = 2

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2 or (self.seconds is not None and not self.seconds > 0):
            raise BadInput(
                f"{self.epochs} epochs of batches of {self.batch} in {self.seconds} seconds teach nothing",
                hint="use at least 1 epoch, batches of 2 or more, and more than 0 seconds",
            )


@dataclass(frozen=True, slots=True)
class Adapted:
    """What came of it."""

    trunk: nn.Module
    """In evaluation mode, with the weights that did best on the pictures that chose."""
    epochs: float
    """How often it saw the pictures that taught."""
    losses: tuple[float, ...]
    """On the pictures that chose: before the first epoch, then after each, and at the end."""

    @property
    def is_changed(self) -> bool:
        """Whether any weights did better than those it began with."""
        return min(self.losses) < self.losses[0]


def adapt(
    source: Source,
    trunk: nn.Module,
    teaching: Mapping[str, Answer],
    choosing: Mapping[str, Answer],
    classes: int,
    lesson: Lesson,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    stop: Callable[[], bool] = lambda: False,
    device: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Adapted:
    """Fine-tune a copy of the trunk on `teaching`, picture id → answer; `choosing` says which epoch was best.

    Ends early when `stop` says so, or the time is over; what was best so far is kept. `device` is torch's name for one;
    without it a GPU is used where there is one. The trunk that is given back is on the CPU.
    """
    at = chosen(device)
    trunk = copy.deepcopy(trunk).to(at, memory_format=torch.channels_last).eval()  # twice as fast
    size = lesson.views.size
    sample(source, list(teaching), size, _LOOKED_AT, seed=lesson.seed)  # whether they differ at all
    ids, found = _features_of(source, trunk, list(teaching), lesson)
    order = np.random.default_rng(lesson.seed).permutation(len(choosing))[:MOST_CHOOSING]
    asked = read(source, [list(choosing)[place] for place in order], size)
    known, truth = _answers_of(ids, teaching), torch.from_numpy(_answers_of(asked.ids, choosing)).to(at)
    model = _Classifier(trunk, _first_head(found, known, classes)).to(at)
    weights = class_weights(known, classes)
    optimizer = torch.optim.AdamW(_groups(model, lesson), weight_decay=lesson.weight_decay)
    rates = [group["lr"] for group in optimizer.param_groups]
    questions, best = torch.from_numpy(asked.pixels), copy.deepcopy(trunk.state_dict())
    history = [_loss(model, questions, truth, weights)]
    total = lesson.epochs * max(1, -(-len(ids) // lesson.batch))
    generator, begun, step, is_over = torch.Generator().manual_seed(lesson.seed), clock(), 0, False
    for epoch in range(lesson.epochs):
        first = step
        shuffled = [ids[place] for place in epoch_order(len(ids), seed=lesson.seed, epoch=epoch)]
        for batch in batches(source, _parts(shuffled, lesson.batch), size, threads=lesson.threads):
            spent = 0.0 if lesson.seconds is None else (clock() - begun) / lesson.seconds
            if is_over := spent >= 1 or stop():
                break
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * _slope(max(step / total, spent))
            view = lesson.views.one(as_planes(torch.from_numpy(batch.pixels).to(at)), generator)
            target = torch.from_numpy(_answers_of(batch.ids, teaching)).to(at)
            loss = losses(model(view), target, weights).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            progress(step, total)
        if step > first:
            history.append(_loss(model, questions, truth, weights))
            log.info("epoch %s of fine-tuning: loss %.4f", epoch + 1, history[-1])
            if history[-1] < min(history[:-1]):
                best = copy.deepcopy(trunk.state_dict())
        if is_over:
            break
    return Adapted(_with(trunk, best), lesson.epochs * step / total, tuple(history))


class _Classifier(nn.Module):
    """The trunk's features at length one, and a linear head on them."""

    def __init__(self, trunk: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.trunk, self.head = trunk, head

    def forward(self, planes: Tensor) -> Tensor:
        seen = self.trunk(planes.contiguous(memory_format=torch.channels_last))
        logits: Tensor = self.head(functional.normalize(seen, dim=1))
        return logits


def _features_of(source: Source, trunk: nn.Module, ids: Sequence[str], lesson: Lesson) -> tuple[list[str], Tensor]:
    """The pictures that can be read, and their features; only a few batches of them are in memory at a time."""
    readable, rows, at = [], [], next(trunk.parameters()).device
    for batch in batches(source, _parts(ids, _BATCH), lesson.views.size, threads=lesson.threads):
        readable += batch.ids
        rows.append(features(trunk, torch.from_numpy(batch.pixels).permute(0, 3, 1, 2), at))
    return readable, torch.cat(rows)


def _parts(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))


def _first_head(found: Tensor, known: Labels, classes: int) -> nn.Linear:
    ((weights, bias),) = fit_head(functional.normalize(found, dim=1).numpy(), known, classes, "linear").layers
    head = nn.Linear(found.shape[1], classes)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(np.ascontiguousarray(weights.T)))
        head.bias.copy_(torch.from_numpy(bias))
    return head


def _groups(model: _Classifier, lesson: Lesson) -> list[dict[str, object]]:
    """What learns: the head, and the last part of the trunk; the rest is held."""
    layers = list(model.trunk.parameters())
    held = len(layers) - max(1, round(lesson.share * len(layers)))
    for number, layer in enumerate(layers):
        layer.requires_grad_(number >= held)
    return [
        {"params": layers[held:], "lr": lesson.rate},
        {"params": list(model.head.parameters()), "lr": lesson.head_rate},
    ]


def _answers_of(ids: Sequence[str], answers: Mapping[str, Answer]) -> Labels:
    return np.array([answers[name] for name in ids], np.int64)


@torch.no_grad()
def _loss(model: _Classifier, pictures: Tensor, truth: Tensor, weights: Tensor) -> float:
    logits = torch.cat([model(as_planes(part.to(truth.device))) for part in pictures.split(_BATCH)])
    return float(losses(logits, truth, weights).mean())


def _slope(done: float) -> float:
    """Up, then down to nearly nothing."""
    return max(0.01, min(done / _WARM_UP, (1 - done) / (1 - _WARM_UP), 1.0))


def _with(trunk: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    trunk.load_state_dict(dict(weights))
    return trunk.cpu().requires_grad_(False).eval()
