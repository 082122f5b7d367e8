"""`curator train` and `finetune` on pictures and labels that teach nothing: a sentence each, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.cli.train import _Told
from earthcurator.learn.quality import Quality
from earthcurator.learn.recipe import Progress
from tests.cli.conftest import Shell, failure
from tests.learn.conftest import _one_thread
from tests.learn.poor import TEACH_NOTHING, arrival, broken, label, plain, scenes

__all__ = ["_one_thread"]  # for every test here

TINY = ("--init", "random", "--trunk", "resnet18-narrow", "--size", 32, "--batch", 16)
ONCE = (*TINY, "--epochs", 1)

Fill = Callable[[Sequence[bytes]], list[str]]


@pytest.fixture
def fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fill:
    """Make a project of these pictures, readable or not, which commands find by themselves; gives the chips' ids."""

    def make(pictures: Sequence[bytes]) -> list[str]:
        found = [arrival(number, content) for number, content in enumerate(pictures)]
        with ec.create(tmp_path / "project") as project:
            project.chips.add(found)
        monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "project"))
        return [each.chip.id for each in found]

    return make


def ask(question: str, answers: dict[str, str], tmp_path: Path) -> None:
    with ec.open(tmp_path / "project") as project:
        label(project, question, answers)


@pytest.mark.parametrize(("pictures", "words"), TEACH_NOTHING)
def test_pictures_that_teach_nothing_are_a_sentence(
    fill: Fill, shell: Shell, tmp_path: Path, pictures: list[bytes], words: str
) -> None:
    fill(pictures)
    code, error, hint = failure(shell("train", *ONCE))
    assert code == 2
    assert words in error
    assert hint != "hint: "
    assert all("lite0" in line for line in shell("encoders")[1].splitlines()[1:])


def test_pictures_that_hardly_differ_are_no_success(fill: Fill, shell: Shell) -> None:
    fill(plain(60, differ=True))
    code, out, err = shell("train", *ONCE, "--json")
    assert "Traceback" not in err
    if code == 0:
        assert not json.loads(out)["is_better"]
    else:
        assert (code, out) == (2, "")


def test_unreadable_pictures_among_good_ones_are_left_out_and_counted(fill: Fill, shell: Shell) -> None:
    fill(broken(scenes(90), 9))
    code, out, err = shell("train", *ONCE, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert 1 <= found["unreadable"] <= 10
    assert found["chips"] + found["asked"] < 90
    code, out, err = shell("train", *ONCE, "--seed", 1)
    assert code == 0, err
    assert "pictures could not be read and were left out" in err


def test_collapse_is_told_while_it_happens_and_in_the_verdict(fill: Fill, shell: Shell) -> None:
    """At a rate this high SimSiam gives every picture the same vector within an epoch (spread 0.0001)."""
    fill(scenes(60))
    code, out, err = shell("train", *TINY, "--epochs", 2, "--method", "simsiam", "--rate", 0.5)
    assert code == 0, err
    assert "warning: the method is collapsing" in err
    assert out.splitlines()[-1].startswith("no better")
    assert "collapsed" in out


def test_collapse_is_told_once_and_not_of_the_untrained_projector(capsys: pytest.CaptureFixture[str]) -> None:
    told = _Told(clock=lambda: 0.0)
    for step, measured, spread in [(2, 0, 0.01), (9, 8, 0.5), (20, 16, 0.01), (30, 24, 0.01)]:
        quality = Quality(step=measured, retrieval=0.5, knn=None, spread=spread, filled=0.5)
        told(
            Progress(
                step=step, epoch=1, fraction=0.5, seconds=1.0, seconds_left=1.0, loss=1.0, rate=0.1,
                pictures_per_second=9.0, quality=quality,
            )
        )  # fmt: skip
        assert capsys.readouterr().err.count("collapsing") == (step == 20)


def test_classes_that_cannot_be_learned_are_a_sentence(fill: Fill, shell: Shell, tmp_path: Path) -> None:
    chips = fill(scenes(24))
    ask("none", {}, tmp_path)
    ask("same", dict.fromkeys(chips, "dots"), tmp_path)
    ask("one", {chip: "dots" if number else "stripes" for number, chip in enumerate(chips)}, tmp_path)
    for question, words in (
        ("none", "no chip"),
        ("same", "one class teaches nothing"),
        ("one", "stripes has 1 label,"),
    ):
        code, error, hint = failure(shell("finetune", question))
        assert (code, words in error, hint != "hint: ") == (3, True, True), error
    assert failure(shell("finetune", "nothing"))[0] == 2


def test_classes_of_which_some_pictures_are_broken_are_learned_from_the_rest(
    fill: Fill, shell: Shell, tmp_path: Path
) -> None:
    chips = fill(broken(scenes(48), 8))
    ask("Is it dots?", {chip: ("dots", "stripes")[number % 2] for number, chip in enumerate(chips)}, tmp_path)
    code, out, err = shell("finetune", "Is it dots?", "--json")
    assert code == 0, err
    assert json.loads(out)["unreadable"] == 6


@pytest.mark.parametrize(
    ("pictures", "words"),
    [(plain(24, differ=False), "look the same"), (broken(scenes(24), 1), "can be read")],
    ids=["identical", "unreadable"],
)
def test_labels_on_pictures_that_show_nothing_are_a_sentence(
    fill: Fill, shell: Shell, tmp_path: Path, pictures: list[bytes], words: str
) -> None:
    chips = fill(pictures)
    ask("Is it dots?", {chip: ("dots", "stripes")[number % 2] for number, chip in enumerate(chips)}, tmp_path)
    code, error, _ = failure(shell("finetune", "Is it dots?"))
    assert (code, words in error) == (3, True), error
