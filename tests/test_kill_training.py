"""kill -9 and Ctrl-C of `curator train`: the same command goes on, and its losses are those of an undisturbed run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import earthcurator as ec
from earthcurator.cli import main
from earthcurator.learn.checkpoint import NAME
from earthcurator.learn.loop import train
from earthcurator.learn.methods.simclr import SimCLR
from earthcurator.learn.recipe import Trained
from tests.learn.scenes import SIZE, ground, short, small_trunk
from tests.learn.training_command import quicken

COMMAND = ("train", "--init", "random", "--trunk", "tiny", "--epochs", "8", "--batch", "16", "--size", f"{SIZE}",
           "--dim", "8")  # fmt: skip


class Training:
    """A project of small pictures, and `curator train` on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        pictures = folder / "pictures"
        pictures.mkdir(parents=True)
        for name, content in ground(60).files.items():
            (pictures / f"{name}.png").write_bytes(content)
        with ec.create(folder / "project") as project:
            project.import_pictures([pictures])

    def run(self) -> list[float]:
        """Train in this process, to the end; the losses of all steps."""
        with pytest.MonkeyPatch.context() as patch:
            quicken(patch, self.folder / "losses")
            main(["--project", f"{self.folder / 'project'}", *COMMAND])
        return self.losses()

    def start(self) -> subprocess.Popen[str]:
        """Train in a process of its own, which waits after every step until it is let."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.learn.training_command", f"{self.folder / 'losses'}", "--project",
             f"{self.folder / 'project'}", *COMMAND],
            cwd=Path(__file__).parents[1], env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def losses(self) -> list[float]:
        """Of all steps, when it has ended."""
        found: list[float] = json.loads((self.folder / "losses").read_text())
        return found

    def steps(self) -> int:
        """How many the checkpoint holds."""
        for path in (self.folder / "project").rglob(NAME):
            return int(torch.load(path, weights_only=True)["state"]["step"])
        return 0

    def let(self, process: subprocess.Popen[str], steps: int) -> None:
        """Wait until it has done so many steps more."""
        wanted = self.steps() + steps
        assert process.stdin is not None
        process.stdin.write("\n" * steps)
        process.stdin.flush()
        while self.steps() < wanted:
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("_python_interrupts")
def test_training_that_was_killed_and_stopped_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    undisturbed = Training(tmp_path / "whole").run()

    training, rng = Training(tmp_path / "disturbed"), random.Random(0)
    killed = training.start()
    training.let(killed, rng.randint(2, 5))
    time.sleep(rng.uniform(0, 0.05))
    killed.kill()
    killed.communicate()
    assert 0 < training.steps() < len(undisturbed)

    stopped = training.start()
    training.let(stopped, rng.randint(2, 5))
    stopped.send_signal(signal.SIGINT)
    _, said = stopped.communicate(timeout=240)
    assert stopped.returncode == 0, said
    assert "the same command goes on from here" in said
    assert len(training.losses()) == training.steps() < len(undisturbed)

    np.testing.assert_allclose(training.run(), undisturbed, rtol=1e-4)


class Pressed(SimCLR):
    """Somebody presses Ctrl-C in the midst of a step."""

    def __init__(self, features: int, at: int) -> None:
        super().__init__(features)
        self.at, self.calls = at, 0

    def loss(self, trunk: nn.Module, first: Tensor, second: Tensor) -> Tensor:
        found = super().loss(trunk, first, second)
        self.calls += 1
        if self.calls == self.at:
            signal.raise_signal(signal.SIGINT)
        return found


@pytest.fixture
def _python_interrupts() -> Iterator[None]:
    """As outside of tests, SIGINT raises KeyboardInterrupt. On one thread, as every test that trains."""
    before, threads = signal.signal(signal.SIGINT, signal.default_int_handler), torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, before)


def learned(folder: Path, *, pressed_at: int = 0, stop: bool = False) -> Trained:
    """Three epochs. With `stop`, the end had been asked for when Ctrl-C was pressed."""
    torch.manual_seed(0)
    trunk, method = small_trunk(), Pressed(8, pressed_at)
    return train(
        ground(96), trunk, method, short(epochs=3), checkpoint_folder=folder, device="cpu",
        stop=lambda: stop and method.calls >= pressed_at,
    )  # fmt: skip


@pytest.mark.usefixtures("_python_interrupts")
def test_interrupt_in_the_midst_of_a_step_keeps_the_best_and_a_checkpoint(tmp_path: Path) -> None:
    whole = learned(tmp_path / "whole")
    stopped = learned(tmp_path / "own", pressed_at=4)
    assert stopped.ending == "stopped"
    assert stopped.losses == whole.losses[:4]
    assert stopped.qualities[-1].step == 4
    assert learned(tmp_path / "own").losses == whole.losses


@pytest.mark.usefixtures("_python_interrupts")
def test_second_interrupt_ends_at_once_and_loses_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        learned(tmp_path / "own", pressed_at=4, stop=True)
    assert torch.load(tmp_path / "own" / NAME, weights_only=True)["state"]["step"] == 4
    assert learned(tmp_path / "own").losses == learned(tmp_path / "whole").losses
