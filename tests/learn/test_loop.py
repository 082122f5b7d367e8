"""Training learns, tells where it is, keeps its best, and goes on after any interruption."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from earthcurator.errors import BadInput, Conflict
from earthcurator.learn.checkpoint import NAME
from earthcurator.learn.distributed import join
from earthcurator.learn.feed import epoch_order, split
from earthcurator.learn.loop import train
from earthcurator.learn.methods import METHODS, Method
from earthcurator.learn.quality import Probe, Quality
from earthcurator.learn.recipe import Progress, Recipe, Trained
from earthcurator.learn.run import Run
from earthcurator.learn.views import Views
from tests.learn.scenes import SIZE, Pictures, ground, kinds, short, small_trunk
from tests.learn.training_process import training


def simclr() -> Method:
    return METHODS.get("simclr")(8)


def test_training_lowers_the_loss_and_says_where_it_is() -> None:
    told: list[Progress] = []
    done = train(ground(160), small_trunk(), simclr(), short(epochs=6), progress=told.append, device="cpu")
    assert done.ending == "finished"
    assert np.mean(done.losses[-9:]) < np.mean(done.losses[:9]) - 0.2
    assert len(done.qualities) == 7
    assert [progress.step for progress in told] == list(range(1, 55))
    assert [progress.epoch for progress in told] == [number for number in range(1, 7) for _ in range(9)]
    assert told[-1].fraction == 1
    assert told[-1].seconds_left == 0
    assert not any(weights.isnan().any() for weights in done.trunk.parameters())


def test_the_same_seed_gives_the_same_training_and_another_seed_another() -> None:
    torch.manual_seed(0)
    first = train(ground(48), small_trunk(), simclr(), short(), device="cpu")
    torch.manual_seed(0)
    again = train(ground(48), small_trunk(), simclr(), short(), device="cpu")
    torch.manual_seed(0)
    other = train(ground(48), small_trunk(), simclr(), short(seed=1), device="cpu")
    assert first.losses == pytest.approx(again.losses, rel=1e-5)
    assert first.losses != pytest.approx(other.losses, rel=1e-3)


def test_classes_are_measured_where_there_are_some() -> None:
    pictures = ground(520)
    nameless = split(pictures.ids)[1][:2]
    some = {name: kind for name, kind in kinds(pictures).items() if name not in nameless}
    recipe = short(epochs=1, batch=64)
    done = train(pictures, small_trunk(), simclr(), recipe, classes=some, device="cpu")
    assert done.best.knn is not None
    assert done.best.score == done.best.knn


def test_classes_of_few_held_out_pictures_do_not_judge() -> None:
    """All of 20 are neighbours of each, whatever the trunk; but their views can be asked about, and those of all."""
    pictures = ground(500)
    _, held_out = split(pictures.ids)
    some = {name: kind for name, kind in kinds(pictures).items() if name not in held_out[20:]}
    recipe = short(epochs=1, batch=64)
    done = train(pictures, small_trunk(), simclr(), recipe, classes=some, device="cpu")
    without = train(pictures, small_trunk(), simclr(), recipe, device="cpu")
    assert done.best.knn is None
    assert done.qualities[0].retrieval == without.qualities[0].retrieval


def test_one_class_alone_measures_nothing() -> None:
    pictures = ground(64)
    some = dict.fromkeys(pictures.ids[:40], "dots")
    done = train(pictures, small_trunk(), simclr(), short(epochs=1), classes=some, device="cpu")
    assert done.best.knn is None


def test_scores_of_another_kind_are_not_compared() -> None:
    """A training that is gone on with may have classes by then: 20-NN is not worse than retrieval was."""

    class Told:
        def __init__(self, *scores: tuple[float, float | None]) -> None:
            self._left = [
                Quality(step=step, retrieval=retrieval, knn=knn, spread=1.0, filled=1.0)
                for step, (retrieval, knn) in enumerate(scores)
            ]

        def measure(self, *_: object, **__: object) -> Quality:
            return self._left.pop(0)

    told = Told((0.8, None), (0.95, None), (0.95, 0.7), (0.95, 0.75), (0.95, 0.72))
    recipe = short(patience=2)
    run = Run(small_trunk(), simclr(), recipe, join("cpu"), told, 64)  # type: ignore[arg-type]  # says what is measured
    ends = []
    for _ in range(5):
        run.measure()
        ends.append(run.patience_is_over())
    assert run.best_quality is not None
    assert run.best_quality.knn == 0.75
    assert ends == [False] * 5


def test_held_out_pictures_are_never_trained_on() -> None:
    done = train(ground(64), small_trunk(), simclr(), short(epochs=1), device="cpu")
    assert len(done.held_out_ids) == 8
    assert set(done.held_out_ids).isdisjoint(done.train_ids)
    assert split(ground(64).ids)[1] == list(done.held_out_ids)


def test_every_picture_comes_once_an_epoch_and_in_a_new_order() -> None:
    orders = [epoch_order(10, seed=0, epoch=epoch) for epoch in (0, 1)]
    assert [sorted(order) for order in orders] == [list(range(10))] * 2
    assert orders[0].tolist() != orders[1].tolist()
    parts = [epoch_order(11, seed=0, epoch=0, part=part, parts=2) for part in (0, 1)]
    assert len(parts[0]) == len(parts[1]) == 5
    assert set(parts[0]).isdisjoint(parts[1])


def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    undisturbed = training(None)
    command = [sys.executable, "-m", "tests.learn.training_process", str(tmp_path), "0.3"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 7:  # in the second epoch of five steps
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.wait() == -signal.SIGKILL
    resumed = training(tmp_path)
    assert len(resumed.losses) == len(undisturbed.losses) == 15
    assert resumed.losses == pytest.approx(undisturbed.losses, rel=1e-4)
    assert resumed.best == undisturbed.best
    for ours, theirs in zip(resumed.trunk.parameters(), undisturbed.trunk.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_stopped_training_goes_on_when_it_is_asked_again(tmp_path: Path) -> None:
    told: list[int] = []

    def run() -> Trained:
        torch.manual_seed(0)
        return train(
            ground(96), small_trunk(), simclr(), short(epochs=3), checkpoint_folder=tmp_path, device="cpu",
            progress=lambda progress: told.append(progress.step), stop=lambda: len(told) == 5,
        )  # fmt: skip

    assert run().ending == "stopped"
    finished = run()
    assert finished.ending == "finished"
    assert told == list(range(1, 16))
    assert run().losses == finished.losses


def test_ctrl_c_keeps_the_best_so_far() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    done = train(ground(96), small_trunk(), simclr(), short(epochs=50), progress=interrupt, device="cpu")
    assert done.ending == "stopped"
    assert len(done.losses) == 4
    assert done.best.retrieval == max(quality.retrieval for quality in done.qualities)


def test_a_training_that_no_longer_improves_ends() -> None:
    done = train(ground(64), small_trunk(), simclr(), short(epochs=100, rate=1e-9, patience=2), device="cpu")
    assert done.ending == "no longer improving"
    assert len(done.losses) < 50


def test_a_time_limit_ends_training() -> None:
    now = iter(range(10_000))
    recipe = short(epochs=None, seconds=10.0)
    done = train(ground(64), small_trunk(), simclr(), recipe, device="cpu", clock=lambda: float(next(now)))
    assert done.ending == "finished"
    assert 5 <= len(done.losses) <= 10


def test_collapse_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    class Pull(Method):
        """Only pulls together: its best answer is the same for all."""

        def __init__(self) -> None:
            super().__init__()
            self.projector = nn.Linear(8, 8)

        def loss(self, trunk: nn.Module, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            return (self.projector(trunk(first)) - 1).square().mean() + self.projector(trunk(second)).var(dim=0).mean()

    done = train(ground(64), small_trunk(), Pull(), short(epochs=30, rate=0.02), device="cpu")
    assert done.qualities[-1].collapsed
    assert "collapsed" in caplog.text


def test_vectors_that_differ_in_few_directions_only_are_a_collapse() -> None:
    """They are well apart, so that their spread alone would say nothing."""

    class Flat(nn.Module):
        def __init__(self, directions: int) -> None:
            super().__init__()
            self.directions = directions

        def forward(self, planes: torch.Tensor) -> torch.Tensor:
            drawn = planes.flatten(1)[:, :64] - 0.5
            return torch.cat([drawn[:, : self.directions], torch.zeros(len(drawn), 64 - self.directions)], dim=1)

    pixels = np.random.default_rng(0).integers(0, 256, (300, 16, 16, 3), dtype=np.uint8)
    planes = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    probe = Probe(planes, planes, planes, None)
    flat, full = (probe.measure(Flat(n), nn.Identity(), torch.device("cpu"), step=1) for n in (2, 64))
    assert flat.spread > 0.1
    assert flat.filled == pytest.approx(2 / 64, rel=0.05)
    assert flat.collapsed
    assert full.filled > 0.9
    assert not full.collapsed


def test_vectors_that_are_no_numbers_are_a_collapse_and_no_traceback() -> None:
    class Broken(nn.Module):
        def forward(self, planes: torch.Tensor) -> torch.Tensor:
            return planes.flatten(1)[:, :8] * float("nan")

    planes = torch.zeros(30, 3, 16, 16, dtype=torch.uint8)
    found = Probe(planes, planes, planes, None).measure(Broken(), nn.Identity(), torch.device("cpu"), step=1)
    assert found.collapsed


def test_a_loss_that_is_no_number_ends_with_a_sentence() -> None:
    class Broken(Method):
        def __init__(self) -> None:
            super().__init__()
            self.projector = nn.Linear(8, 8)

        def loss(self, trunk: nn.Module, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            return trunk(first).sum() * torch.nan

    with pytest.raises(BadInput, match="come apart"):
        train(ground(64), small_trunk(), Broken(), short(), device="cpu")


def test_gradients_of_several_batches_are_averaged() -> None:
    class Counts(Method):
        """Its gradient is the number of pictures that it is given, and of the calls before."""

        def __init__(self) -> None:
            super().__init__()
            self.projector, self.calls = nn.Linear(8, 8, bias=False), 0
            self.gradients: list[float] = []
            self.projector.weight.register_post_accumulate_grad_hook(
                lambda weight: self.gradients.append(float(weight.grad[0, 0]))
            )

        def loss(self, trunk: nn.Module, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return (len(first) + self.calls) * self.projector.weight.sum() + 0 * trunk(first).sum()

    method = Counts()
    done = train(ground(96), small_trunk(), method, short(batch=16, accumulate=2, epochs=1), device="cpu")
    assert len(done.train_ids) == 87
    assert len(done.losses) == 87 // 32
    assert method.gradients == [17 / 2, (17 + 18) / 2, 19 / 2, (19 + 20) / 2]


@pytest.mark.slow
def test_processes_that_train_together_have_the_same_weights(tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [*launcher, "-m", "tests.learn.together", str(tmp_path)],
        cwd=Path(__file__).parents[2], check=True, timeout=240, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    (losses, ours), (others, theirs) = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert len(losses) == len(others) == 2 * (87 // 2 // 16)
    assert losses != others  # each saw pictures of its own
    learned = [name for name in ours if "running" not in name and "batches" not in name]
    for name in learned:
        torch.testing.assert_close(ours[name], theirs[name])
    assert not ours["idle"].any()


@pytest.mark.parametrize("count", [0, 1, 10])
def test_too_few_pictures_are_refused_in_a_sentence(count: int) -> None:
    with pytest.raises(BadInput, match="too few to learn from") as error:
        train(ground(count), small_trunk(), simclr(), short(), device="cpu")
    assert str(error.value).startswith(f"{count} picture")


def test_identical_pictures_are_refused_in_a_sentence() -> None:
    one = next(iter(ground(1).files.values()))
    with pytest.raises(BadInput, match="identical"):
        train(Pictures({f"{n}": one for n in range(50)}), small_trunk(), simclr(), short(), device="cpu")


def test_unreadable_pictures_are_refused_in_a_sentence() -> None:
    broken = Pictures({f"{n}": b"\xff\xd8\xff not really" for n in range(50)})
    with pytest.raises(BadInput, match="can be read"):
        train(broken, small_trunk(), simclr(), short(), device="cpu")


def test_a_few_unreadable_pictures_are_left_out_and_named() -> None:
    pictures = ground(96)
    broken = dict.fromkeys(pictures.ids[::6], b"GIF89a broken")
    done = train(Pictures(pictures.files | broken), small_trunk(), simclr(), short(epochs=3), device="cpu")
    assert done.ending == "finished"
    assert done.unreadable
    assert set(done.unreadable) <= set(broken)


def test_two_programs_are_not_at_one_training(tmp_path: Path) -> None:
    def once_more(_: Progress) -> None:
        with pytest.raises(Conflict, match="another program is at this training"):
            train(ground(48), small_trunk(), simclr(), short(epochs=1), checkpoint_folder=tmp_path, device="cpu")

    recipe = short(epochs=1)
    done = train(ground(48), small_trunk(), simclr(), recipe, checkpoint_folder=tmp_path, progress=once_more)
    assert done.ending == "finished"


def test_another_training_does_not_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    train(ground(48), small_trunk(), simclr(), short(epochs=1), checkpoint_folder=tmp_path, device="cpu")
    with pytest.raises(Conflict, match="rate"):
        train(ground(48), small_trunk(), simclr(), short(epochs=1, rate=1e-3), checkpoint_folder=tmp_path, device="cpu")


class _Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("saved", ["pickle", "torch", "text"])
def test_a_hostile_checkpoint_is_refused_and_runs_nothing(tmp_path: Path, saved: str) -> None:
    trace, path = tmp_path / "trace", tmp_path / NAME
    match saved:
        case "pickle":
            path.write_bytes(pickle.dumps(_Hostile(trace)))
        case "torch":
            torch.save({"format": 1, "settings": {}, "state": _Hostile(trace)}, path)
        case _:
            path.write_text("not a checkpoint")
    with pytest.raises(BadInput, match="not a checkpoint"):
        train(ground(48), small_trunk(), simclr(), short(), checkpoint_folder=tmp_path, device="cpu")
    assert not trace.exists()


@pytest.mark.parametrize(
    "wrong", [{}, {"epochs": 1, "seconds": 1}, {"epochs": 1, "batch": 1}, {"epochs": 1, "rate": 0}]
)
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        Recipe(views=Views(size=SIZE), **wrong)  # type: ignore[arg-type]  # that is what is tested


def test_the_rate_warms_up_and_falls_along_a_cosine() -> None:
    recipe = short(rate=1.0 - 1e-9, warm_up=0.1)
    rates = [recipe.rate_at(fraction) for fraction in (0.0, 0.05, 0.1, 0.55, 1.0)]
    assert rates == pytest.approx([0.001, 0.5, 1, 0.5, 0.001], abs=1e-6)
