"""What a training is told, what it tells while it runs, and what comes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from earthcurator.errors import BadInput
from earthcurator.learn.quality import Quality
from earthcurator.learn.views import Views

_LOWEST_RATE = 0.001  # of the highest

Ending = Literal["finished", "no longer improving", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train. Exactly one of `epochs` and `seconds` says for how long."""

    views: Views
    epochs: float | None = None
    seconds: float | None = None
    """Time for training, waiting for pictures included; measuring and writing come on top."""
    batch: int = 128
    accumulate: int = 1
    """Batches whose gradients are averaged before a step."""
    rate: float = 5e-4
    """Highest learning rate, after the warm-up."""
    weight_decay: float = 1e-4
    warm_up: float = 0.05
    """Share of the training in which the rate rises from zero; then it falls along a cosine."""
    patience: int | None = None
    """Stop after this many measurements in a row without a better score."""
    seed: int = 0
    measure_seconds: float = 120
    """Measure at the end of every epoch, and this long after the last time."""
    checkpoint_seconds: float = 120
    threads: int = 2
    """Threads that fetch and decode."""

    def __post_init__(self) -> None:
        length = [limit for limit in (self.epochs, self.seconds) if limit is not None]
        if len(length) != 1 or not 0 < length[0] < math.inf:
            raise BadInput("say how long to train: epochs or seconds, one of them, above 0", hint="e.g. seconds=600")
        if self.batch < 2 or self.accumulate < 1 or self.threads < 1:
            raise BadInput(
                f"batch {self.batch}, accumulate {self.accumulate}, threads {self.threads}: too small",
                hint="a batch has at least 2 pictures, the others are at least 1",
            )
        if not 0 < self.rate < 1:
            raise BadInput(f"a learning rate of {self.rate} teaches nothing", hint="try 0.0005")
        if self.patience is not None and self.patience < 1:
            raise BadInput(f"a patience of {self.patience} ends training before it begins", hint="try 5")
        check_seed(self.seed)

    def rate_at(self, fraction: float) -> float:
        """The learning rate when this share of the training is done."""
        if fraction < self.warm_up:
            return self.rate * max(fraction / self.warm_up, _LOWEST_RATE)
        done = min(1.0, (fraction - self.warm_up) / (1 - self.warm_up))
        return self.rate * max((1 + math.cos(math.pi * done)) / 2, _LOWEST_RATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where training stands after a step."""

    step: int
    epoch: int
    """That of this step, from 1."""
    fraction: float
    """Share of the training that is done."""
    seconds: float
    """Time spent in steps, that before an interruption included."""
    seconds_left: float
    loss: float
    rate: float
    pictures_per_second: float
    quality: Quality
    """The latest measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What came of a training."""

    trunk: nn.Module
    """With its best weights, on the CPU, in evaluation mode."""
    ending: Ending
    losses: tuple[float, ...]
    """Of every step."""
    qualities: tuple[Quality, ...]
    """Every measurement; the first is that of the trunk before training."""
    best: Quality
    """The measurement of the weights that were kept."""
    seconds: float
    epochs: float
    train_ids: tuple[str, ...] = field(repr=False)
    held_out_ids: tuple[str, ...] = field(repr=False)
    """Pictures that no step has seen."""
    unreadable: tuple[str, ...] = field(repr=False)
    """Pictures that were left out."""
    is_first: bool = True
    """Whether this process is the first of those that trained together: it is for one of them to keep the result."""


def check_seed(seed: int) -> None:
    """Whether all that draws numbers can begin with it. Raises BadInput."""
    if not 0 <= seed < 2**63:
        raise BadInput(f"{seed} is no seed: it takes a whole number from 0 on", hint="use 0")
