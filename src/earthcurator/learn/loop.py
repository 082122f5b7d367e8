"""Self-supervised training: one loop, visible from views to step.

It reads pictures straight from their source, measures itself on a held-out tenth, keeps the best trunk, and writes
checkpoints from which it goes on exactly where it stood. Everything random follows from the seed and the step, never
from what was drawn before.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from earthcurator.errors import BadInput
from earthcurator.learn import checkpoint
from earthcurator.learn.distributed import join
from earthcurator.learn.evaluate import FEWEST_NAMED, encode_classes
from earthcurator.learn.feed import Read, Source, batches, check_differ, fingerprint, read, sample, split
from earthcurator.learn.methods import Method
from earthcurator.learn.quality import Probe
from earthcurator.learn.recipe import Ending, Progress, Recipe, Trained
from earthcurator.learn.run import Run
from earthcurator.learn.views import as_planes

log = logging.getLogger(__name__)

_SAMPLE = 256
_FREE = ("threads", "measure_seconds", "checkpoint_seconds", "patience")
"""What may change between the parts of an interrupted training."""


@runtime_checkable
class Settles(Protocol):
    """A trunk that wants to see some pictures before training begins."""

    def settle(self, pictures: Tensor) -> None:
        """Make ready for training on pictures like these (n, 3, s, s)."""
        ...


def train(
    source: Source,
    trunk: nn.Module,
    method: Method,
    recipe: Recipe,
    *,
    classes: Mapping[str, str] | None = None,
    checkpoint_folder: Path | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    device: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Teach the trunk with the method, and give it back with the weights that did best on held-out pictures.

    The trunk maps (n, 3, s, s) within 0..1 to (n, d). `classes` are names of some pictures' classes: they only measure,
    and never teach. With a folder that has a checkpoint of the same training, that training goes on; Conflict is raised
    while another program is at it. Ctrl-C and `stop` end it after the step under way, with a checkpoint and with what
    is best so far. Ctrl-C after `stop` ends it with the checkpoint alone: KeyboardInterrupt. Of several processes, only
    the first calls `progress` and writes.
    """
    process = join(device)
    train_ids, held_out_ids = split(source.ids)
    probe = _probe(source, held_out_ids, recipe, classes)
    if isinstance(trunk, Settles):
        pixels = sample(source, train_ids, recipe.views.size, _SAMPLE, seed=recipe.seed)
        trunk.settle(as_planes(torch.from_numpy(pixels)))
    method.adopt(trunk)
    run = Run(trunk, method, recipe, process, probe, len(train_ids))
    settings = _settings(recipe, trunk, method, train_ids, process.count)
    folder = checkpoint_folder if process.rank == 0 else None
    with checkpoint.alone(folder) if folder else nullcontext():
        saved = process.from_first(checkpoint.load(folder, settings) if folder else None)
        if saved is None:
            run.measure()
        else:
            run.restore(saved)
            log.info("training goes on from step %s", run.step)

        def save() -> None:
            if folder:
                checkpoint.save(folder, settings, run.state())

        try:
            ending = _learn(source, train_ids, run, progress, stop, save, clock)
        except KeyboardInterrupt:
            log.warning("training is stopped at step %s; its best so far is kept", run.step)
            save()
            if stop():
                raise
            run.measure()
            save()
            ending = "stopped"
    return run.trained(ending, train_ids, held_out_ids)


def _learn(
    source: Source,
    ids: Sequence[str],
    run: Run,
    progress: Callable[[Progress], None],
    stop: Callable[[], bool],
    save: Callable[[], None],
    clock: Callable[[], float],
) -> Ending:
    recipe, process = run.recipe, run.process
    views, generator = recipe.views, torch.Generator()
    model = process.shared(_Loss(run.trunk, run.method))
    saved_at = measured_at = began = clock()
    while run.fraction() < 1:
        chosen = run.batches_of_epoch(ids)
        for batch in batches(source, chosen, views.size, threads=recipe.threads):
            with _whole_step():
                rate = recipe.rate_at(run.fraction())
                run.set_rate(rate)
                seed = _seed(recipe, run.step, process.rank)
                generator.manual_seed(seed)
                torch.manual_seed(seed)  # for trunks with dropout
                loss = 0.0
                for part in _parts(batch, recipe.accumulate):
                    first, second = views(part.to(process.device), generator)
                    with run.mixed_precision():
                        part_loss = model(first, second) / recipe.accumulate
                    part_loss.backward()
                    loss += float(part_loss.detach())
                run.optimizer.step()
                run.optimizer.zero_grad()
                run.method.after_step(run.trunk, run.fraction())

                run.after_step(loss, clock() - began, batch.unreadable)
            speed = len(batch.ids) * process.count / max(clock() - began, 1e-9)
            fraction, asked, saving, measuring = process.agree(
                [
                    run.fraction(),
                    stop(),
                    clock() - saved_at > recipe.checkpoint_seconds,
                    run.ends_epoch() or clock() - measured_at > recipe.measure_seconds,
                ]
            )
            if measuring or asked or fraction >= 1:
                run.measure()
                measured_at = clock()
            (given_up,) = process.agree([run.patience_is_over()])
            ending = _ending(fraction, asked, given_up)
            if process.rank == 0:
                progress(run.progress(loss, rate, speed))
            if saving or ending:
                save()
                saved_at = clock()
            if ending:
                return ending
            began = clock()
    return "finished"  # before this began: the checkpoint was the last


def _ending(fraction: float, asked: float, given_up: float) -> Ending | None:
    if fraction >= 1:
        return "finished"
    if asked:
        return "stopped"
    return "no longer improving" if given_up else None


@contextmanager
def _whole_step() -> Iterator[None]:
    """Ctrl-C waits till the end: half a step cannot be gone on from."""
    if threading.current_thread() is not threading.main_thread():
        yield  # nobody can press it here
        return
    pressed = False

    def wait(*_: object) -> None:
        nonlocal pressed
        pressed = True

    before = signal.signal(signal.SIGINT, wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        signal.raise_signal(signal.SIGINT)


class _Loss(nn.Module):
    """Trunk and method as one module, so that several processes can share their gradients."""

    def __init__(self, trunk: nn.Module, method: Method) -> None:
        super().__init__()
        self.trunk, self.method = trunk, method

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        channels_last = torch.channels_last
        return self.method.loss(
            self.trunk, first.contiguous(memory_format=channels_last), second.contiguous(memory_format=channels_last)
        )


def _parts(batch: Read, accumulate: int) -> Iterator[Tensor]:
    """The pictures of a step in as many parts as there are gradients to add. Raises BadInput when they are too few."""
    if len(batch.ids) < 2 * accumulate:
        raise BadInput(
            f"of {len(batch.ids) + len(batch.unreadable)} pictures for a step, {len(batch.ids)} can be read "
            f"(not, for one, {next(iter(batch.unreadable), 'none')})",
            hint="check the source: curator doctor",
        )
    yield from torch.from_numpy(batch.pixels).tensor_split(accumulate)


def _probe(source: Source, ids: Sequence[str], recipe: Recipe, classes: Mapping[str, str] | None) -> Probe:
    """The held-out pictures, with their classes where enough have one of several."""
    asked = read(source, ids, recipe.views.size)
    check_differ(asked.pixels, len(ids))
    labels = encode_classes([(classes or {}).get(name) for name in asked.ids])
    enough = np.count_nonzero(labels >= 0) >= FEWEST_NAMED and labels.max() > 0
    return Probe.of(asked.pixels, recipe.views, labels if enough else None, recipe.seed)


def _settings(recipe: Recipe, trunk: nn.Module, method: Method, ids: Sequence[str], processes: int) -> dict[str, Any]:
    """What must be the same for an interrupted training to go on."""
    return {
        **{name: value for name, value in asdict(recipe).items() if name not in _FREE},
        "trunk": type(trunk).__name__,
        "method": type(method).__name__,
        "parameters": sum(weights.numel() for weights in trunk.parameters()),
        "pictures": fingerprint(ids),
        "processes": processes,
    }


def _seed(recipe: Recipe, step: int, rank: int) -> int:
    """A seed for everything random in this step of this process."""
    return int(np.random.default_rng([recipe.seed, step, rank]).integers(2**62))
