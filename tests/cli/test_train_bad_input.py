"""`curator train` and `finetune` on pictures and labels that teach nothing: a sentence each, never a traceback."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import earthcurator as ec
from earthcurator.models import Arrival, Chip, Label
from earthcurator.pictures import encode_png
from tests.cli.conftest import Shell, failure
from tests.learn.conftest import _one_thread
from tests.learn.scenes import ground

__all__ = ["_one_thread"]  # for every test here

TINY = ("--init", "random", "--trunk", "resnet18-narrow", "--size", 32, "--batch", 16)
ONCE = (*TINY, "--epochs", 1)

Fill = Callable[[Sequence[bytes]], list[str]]


@pytest.fixture
def fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fill:
    """Make a project of these pictures, readable or not, which commands find by themselves; gives the chips' ids."""

    def make(pictures: Sequence[bytes]) -> list[str]:
        found = [_arrival(number, content) for number, content in enumerate(pictures)]
        with ec.create(tmp_path / "project") as project:
            project.chips.add(found)
        monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "project"))
        return [arrival.chip.id for arrival in found]

    return make


def _arrival(number: int, content: bytes) -> Arrival:
    """A chip as it was before its bytes went bad on a disk: an import would have left a damaged picture out."""
    name = f"{number:04d}-{hashlib.sha256(content).hexdigest()[:16]}"
    chip = Chip(
        id=name, media_type="image/png", width=32, height=32, sha256=hashlib.sha256(content).hexdigest(), origin=name
    )
    return Arrival(chip, content)


def scenes(count: int) -> list[bytes]:
    return list(ground(count).files.values())


def plain(count: int, *, differ: bool) -> list[bytes]:
    """Pictures of one grey, in which at most one pixel differs."""
    pixels: list[NDArray[np.uint8]] = [np.full((32, 32, 3), 90, np.uint8) for _ in range(count)]
    for number, each in enumerate(pixels if differ else []):
        each[number % 32, number // 32] = 91
    return [encode_png(each) for each in pixels]


def broken(pictures: Sequence[bytes], every: int) -> list[bytes]:
    """Some of them cut short, or something else altogether."""
    return [
        (content[: len(content) // 2] if number % 2 else b"<html>404</html>") if number % every == 0 else content
        for number, content in enumerate(pictures)
    ]


def label(question: str, answers: dict[str, str], tmp_path: Path) -> None:
    with ec.open(tmp_path / "project") as project:
        task = project.tasks.create(question, ("dots", "stripes"))
        for chip, value in answers.items():
            said = Label(
                id=f"{question}-{chip}", task=task.id, chip=chip, annotator="me", decision="label", value=(value,),
                time=datetime.now(UTC),
            )  # fmt: skip
            project.tasks.store.put(said)


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ([], "0 pictures are too few"),
        (scenes(1), "1 picture is too few"),
        (scenes(10), "10 pictures are too few"),
        (plain(60, differ=False), "identical"),
        (broken(scenes(60), 1), "can be read"),
    ],
    ids=["none", "one", "ten", "identical", "unreadable"],
)
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


def test_classes_that_cannot_be_learned_are_a_sentence(fill: Fill, shell: Shell, tmp_path: Path) -> None:
    chips = fill(scenes(24))
    label("none", {}, tmp_path)
    label("same", dict.fromkeys(chips, "dots"), tmp_path)
    label("one", {chip: "dots" if number else "stripes" for number, chip in enumerate(chips)}, tmp_path)
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
    label("Is it dots?", {chip: ("dots", "stripes")[number % 2] for number, chip in enumerate(chips)}, tmp_path)
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
    label("Is it dots?", {chip: ("dots", "stripes")[number % 2] for number, chip in enumerate(chips)}, tmp_path)
    code, error, _ = failure(shell("finetune", "Is it dots?"))
    assert (code, words in error) == (3, True), error
