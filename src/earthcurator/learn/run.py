"""All that changes while training, in one value that can be taken to disk and back."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from earthcurator.errors import BadInput
from earthcurator.learn.distributed import Process
from earthcurator.learn.feed import epoch_order
from earthcurator.learn.methods import Method
from earthcurator.learn.quality import Probe, Quality
from earthcurator.learn.recipe import Ending, Progress, Recipe, Trained

log = logging.getLogger(__name__)

_AS_GOOD = 0.005  # scores of a thousand pictures that differ by less are equal, and later weights are preferred


@dataclass
class Run:
    """A training under way."""

    trunk: nn.Module
    method: Method
    recipe: Recipe
    process: Process
    probe: Probe
    count: int
    """How many pictures there are to train on."""
    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    qualities: list[Quality] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_quality: Quality | None = None

    def __post_init__(self) -> None:
        device = self.process.device
        self.trunk.to(device, memory_format=torch.channels_last).train()
        self.method.to(device).train()
        self.optimizer = torch.optim.AdamW(_groups(self.trunk, self.method, self.recipe.weight_decay), lr=0.0)
        self.steps_per_epoch = max(1, self.count // (self.recipe.batch * self.recipe.accumulate * self.process.count))
        epochs = self.recipe.epochs
        self.steps = None if epochs is None else max(1, round(epochs * self.steps_per_epoch))

    def fraction(self) -> float:
        """Share of the training that is done."""
        if self.steps is not None:
            return min(1.0, self.step / self.steps)
        return min(1.0, self.seconds / (self.recipe.seconds or 1))

    def batches_of_epoch(self, ids: Sequence[str]) -> Iterator[list[str]]:
        """What is left of the current epoch, a step at a time."""
        epoch, begin = divmod(self.step, self.steps_per_epoch)
        order = epoch_order(
            len(ids), seed=self.recipe.seed, epoch=epoch, part=self.process.rank, parts=self.process.count
        )
        size = self.recipe.batch * self.recipe.accumulate
        for number in range(begin, self.steps_per_epoch):
            yield [ids[place] for place in order[number * size : (number + 1) * size]]

    def set_rate(self, rate: float) -> None:
        """Learn at this rate from now on."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def mixed_precision(self) -> torch.autocast:
        """bfloat16 on GPUs; on a CPU it is slower than float32."""
        return torch.autocast(self.process.device.type, torch.bfloat16, enabled=self.process.device.type == "cuda")

    def after_step(self, loss: float, seconds: float, unreadable: Sequence[str]) -> None:
        """Count the step. Raises BadInput when the loss is no longer a number."""
        if not math.isfinite(loss):
            raise BadInput(
                f"the loss is {loss} at step {self.step}: training has come apart",
                hint=f"use a learning rate below {self.recipe.rate:g}",
            )
        self.step += 1
        self.seconds += seconds
        self.losses.append(loss)
        self.unreadable.update(unreadable)

    def ends_epoch(self) -> bool:
        """Whether the last step was the last of its epoch."""
        return self.step % self.steps_per_epoch == 0

    def measure(self) -> None:
        """Ask the held-out pictures, and keep the weights when they have not done better before."""
        quality = self.probe.measure(self.trunk, self.method.projector, self.process.device, step=self.step)
        if quality.collapsed and self.step:
            log.warning("the method has collapsed (spread %.3f, filled %.3f)", quality.spread, quality.filled)
        highest = max((past.score for past in self.qualities if past.is_like(quality)), default=0.0)
        self.qualities.append(quality)
        if quality.score >= highest - _AS_GOOD:
            self.best = {name: value.detach().cpu().clone() for name, value in self.trunk.state_dict().items()}
            self.best_quality = quality

    def patience_is_over(self) -> bool:
        """Whether the last measurements were all worse than one before them."""
        patience = self.recipe.patience
        if patience is None:
            return False
        scores = [past.score for past in self.qualities if past.is_like(self.qualities[-1])]
        return len(scores) > patience and max(scores[-patience:]) <= max(scores[:-patience])

    def progress(self, loss: float, rate: float, pictures_per_second: float) -> Progress:
        """What there is to tell after a step."""
        fraction = self.fraction()
        return Progress(
            step=self.step,
            epoch=-(-self.step // self.steps_per_epoch),
            fraction=fraction,
            seconds=self.seconds,
            seconds_left=self.seconds * (1 - fraction) / max(fraction, 1e-9),
            loss=loss,
            rate=rate,
            pictures_per_second=pictures_per_second,
            quality=self.qualities[-1],
        )

    def state(self) -> dict[str, Any]:
        """Everything above as tensors, numbers and text."""
        return {
            "trunk": self.trunk.state_dict(),
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "losses": torch.tensor(self.losses, dtype=torch.float64),
            "qualities": [asdict(quality) for quality in self.qualities],
            "unreadable": sorted(self.unreadable),
            "best": self.best,
            "best_quality": asdict(self.best_quality) if self.best_quality else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Stand where `state` was taken. Raises BadInput when it is not what `state()` gave."""
        try:
            self._restore(state)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as exc:
            raise BadInput(
                f"the checkpoint is damaged, or not of this training ({type(exc).__name__})",
                hint="to start again, remove the folder `training` in the project's cache",
            ) from exc

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.trunk.load_state_dict(state["trunk"])
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.losses = state["losses"].tolist()
        self.qualities = [Quality(**quality) for quality in state["qualities"]]
        self.unreadable = set(state["unreadable"])
        self.best = state["best"]
        self.best_quality = Quality(**state["best_quality"]) if state["best_quality"] else None

    def trained(self, ending: Ending, train_ids: list[str], held_out_ids: list[str]) -> Trained:
        """The result, with the best weights."""
        trunk = copy.deepcopy(self.trunk).cpu()
        trunk.load_state_dict(self.best)
        return Trained(
            trunk=trunk.eval(),
            ending=ending,
            losses=tuple(self.losses),
            qualities=tuple(self.qualities),
            best=self.best_quality or self.qualities[-1],
            seconds=self.seconds,
            epochs=self.step / self.steps_per_epoch,
            train_ids=tuple(train_ids),
            held_out_ids=tuple(held_out_ids),
            unreadable=tuple(sorted(self.unreadable)),
            is_first=self.process.rank == 0,
        )


def _groups(trunk: nn.Module, method: Method, weight_decay: float) -> list[dict[str, Any]]:
    """Kernels and matrices, which decay, and biases and gains, which do not."""
    learned = [weights for module in (trunk, method) for weights in module.parameters() if weights.requires_grad]
    return [
        {"params": [weights for weights in learned if weights.ndim > 1], "weight_decay": weight_decay},
        {"params": [weights for weights in learned if weights.ndim <= 1], "weight_decay": 0.0},
    ]
