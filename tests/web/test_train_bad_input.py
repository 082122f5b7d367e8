"""Training jobs on pictures and labels that teach nothing: a sentence each, never a mistake of the server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

import earthcurator as ec
from earthcurator.jobs import Runner
from tests.learn.conftest import _one_thread
from tests.learn.poor import TEACH_NOTHING, arrival, broken, label, plain, scenes

__all__ = ["_one_thread"]  # for every test here

SHORT = {"init": "random", "trunk": "resnet18-narrow", "size": 32, "batch": 16, "minutes": 0.01}
SECONDS = 240.0
"""Machines that test are busy."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ec.Project]:
    """An empty project, with somebody who does its jobs."""
    with ec.create(tmp_path / "project") as made, Runner(made, told_seconds=0.05, poll_seconds=0.02):
        yield made


def fill(project: ec.Project, pictures: Sequence[bytes]) -> list[str]:
    """Put these pictures into the project, readable or not; gives the chips' ids."""
    found = [arrival(number, content) for number, content in enumerate(pictures)]
    project.chips.add(found)
    return [each.chip.id for each in found]


def failure(client: httpx.Client, kind: str, **parameters: Any) -> str:
    """What is said of a job that is to fail."""
    asked = client.post("/jobs", json={"kind": kind, "parameters": parameters})
    assert asked.status_code == 202, asked.text
    deadline = time.monotonic() + SECONDS
    while (job := client.get(f"/jobs/{asked.json()['id']}").json())["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    assert job["state"] == "failed", job
    assert job["hint"]
    return str(job["error"])


@pytest.mark.parametrize(("pictures", "words"), TEACH_NOTHING)
def test_pictures_that_teach_nothing_are_a_sentence(
    project: ec.Project, client: httpx.Client, pictures: list[bytes], words: str
) -> None:
    fill(project, pictures)
    assert words in failure(client, "train", **SHORT)
    assert all(entry["card"]["name"].startswith("lite0") for entry in client.get("/encoders").json()["encoders"])


def test_classes_that_cannot_be_learned_are_a_sentence(project: ec.Project, client: httpx.Client) -> None:
    chips = fill(project, scenes(24))
    none, same = label(project, "none", {}), label(project, "same", dict.fromkeys(chips[1:], "dots"))
    one = label(project, "one", {chip: "dots" if number else "stripes" for number, chip in enumerate(chips)})
    for task, words in ((none, "no chip"), (same, "one class teaches nothing"), (one, "stripes has 1 label,")):
        assert words in failure(client, "finetune", task=task)


@pytest.mark.parametrize("how", ["linear", "full"])
@pytest.mark.parametrize(
    ("pictures", "words"),
    [(plain(24, differ=False), ("look the same", "identical")), (broken(scenes(24), 1), ("can be read",))],
    ids=["identical", "unreadable"],
)
def test_labels_on_pictures_that_show_nothing_are_a_sentence(
    project: ec.Project, client: httpx.Client, pictures: list[bytes], words: tuple[str, ...], how: str
) -> None:
    chips = fill(project, pictures)
    task = label(project, "half", {chip: ("dots", "stripes")[number % 2] for number, chip in enumerate(chips)})
    said = failure(client, "finetune", task=task, how=how)
    assert any(each in said for each in words), said
