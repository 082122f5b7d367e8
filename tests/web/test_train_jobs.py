"""Training over HTTP: asked for, watched, called off, interrupted, and what is said of it at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

import earthcurator as ec
from earthcurator.imagery import Progress
from earthcurator.jobs import Runner
from earthcurator.jobs.kinds.learning import Finetune

from .conftest import CHIPS

SECONDS = 240.0
"""Machines that test are busy."""
SHORT = {"init": "random", "trunk": "resnet18-narrow", "size": 32, "batch": 16, "minutes": 0.03}
LONG = {**SHORT, "minutes": 60}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads of torch wait for each other at every step, and here many tests share few processors."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def running(project: ec.Project) -> Iterator[Runner]:
    """Somebody who does the jobs."""
    with Runner(project, told_seconds=0.05, poll_seconds=0.02) as runner:
        yield runner


def ask(client: httpx.Client, kind: str, **parameters: Any) -> str:
    answer = client.post("/jobs", json={"kind": kind, "parameters": parameters})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def until(client: httpx.Client, job: str, is_so: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while not is_so(now := client.get(f"/jobs/{job}").json()):
        assert time.monotonic() < deadline, now
        assert now["state"] != "failed", now
        time.sleep(0.05)
    return dict(now)


def has_ended(job: dict[str, Any]) -> bool:
    return job["state"] not in ("waiting", "running")


def points(job: dict[str, Any]) -> list[dict[str, Any]]:
    return list(job["result"].get("course", {}).get("points", ()))


@pytest.mark.usefixtures("running")
def test_training_is_watched_and_ends_with_a_verdict(client: httpx.Client, chip_ids: list[str]) -> None:
    asked = ask(client, "train", **SHORT)
    job = until(client, asked, has_ended)
    assert job["state"] == "done", job
    result = job["result"]
    assert result["verdict"]
    for point in points(job):
        assert point["loss"] > 0
        assert point["pictures_per_second"] > 0
    measured = [point["quality"] for point in points(job) if point["quality"]]
    assert measured[0]["step"] == 0  # from where it began
    assert all(0 <= quality["retrieval"] <= 1 for quality in measured)
    for row in result["course"]["neighbours"][-1]["rows"]:
        assert set(row) <= set(chip_ids)
        assert len(set(row)) == len(row) > 1
    listed = client.get("/jobs").json()["jobs"][0]["result"]
    assert "course" not in listed
    assert listed["verdict"] == result["verdict"]


@pytest.mark.usefixtures("running")
def test_cancelled_training_keeps_the_best_and_goes_on_when_asked_again(client: httpx.Client) -> None:
    first = ask(client, "train", **LONG)
    until(client, first, points)  # others see it while it runs
    client.post(f"/jobs/{first}/cancel")
    ended = until(client, first, has_ended)
    assert (ended["state"], ended["result"]["ending"]) == ("cancelled", "stopped")
    assert ended["result"]["verdict"]
    if ended["result"]["encoder"]:  # none when nothing beat its beginning
        known = {entry["id"]: entry["card"]["name"] for entry in client.get("/encoders").json()["encoders"]}
        assert known[ended["result"]["encoder"]] == ended["result"]["name"]
        for found in ended["result"]["comparisons"]:
            assert found["outcome"] in ("better", "worse", "no clear difference")
    again = ask(client, "train", **LONG)
    resumed = until(client, again, points)
    assert points(resumed)[0]["step"] > points(ended)[0]["step"]
    client.post(f"/jobs/{again}/cancel")
    until(client, again, has_ended)


def test_server_that_stops_leaves_a_checkpoint_from_which_the_next_goes_on(
    client: httpx.Client, project: ec.Project
) -> None:
    asked = ask(client, "train", **LONG)
    with Runner(project, told_seconds=0.05, poll_seconds=0.02):
        before = until(client, asked, points)
    stopped = until(client, asked, lambda job: job["state"] == "waiting")
    assert points(stopped)[0] == points(before)[0]
    assert list((project.cache / "training").rglob("*.*"))
    assert not [entry for entry in project.encoders.list() if "simclr" in entry.card.name]  # it was not ended
    with Runner(project, told_seconds=0.05, poll_seconds=0.02):
        until(client, asked, lambda job: job["state"] == "running")
        client.post(f"/jobs/{asked}/cancel")
        ended = until(client, asked, has_ended)
    steps = [point["step"] for point in points(ended)]
    assert steps[0] == points(before)[0]["step"]
    assert all(one < other for one, other in pairwise(steps))


@pytest.mark.usefixtures("running")
def test_labels_of_a_task_become_a_classifier_with_figures(client: httpx.Client, project: ec.Project) -> None:
    task = project.tasks.create("Is it water?", ("water", "field"))
    project.tasks.import_folders(task)
    job = until(client, ask(client, "finetune", task=task.id), has_ended)
    assert job["state"] == "done", job
    result = job["result"]
    for name in ("accuracy", "f1", "average_precision"):
        figure = result["metrics"][name]
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert result["picture"].startswith("<svg")
    assert result["split"] in ("place", "random")
    assert result["taught"] + result["metrics"]["pictures"] < CHIPS  # the rest calibrates
    assert "picture" not in client.get("/jobs").json()["jobs"][0]["result"]


@pytest.fixture
def waits_after_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fine-tuning makes no third step before somebody has asked it to end."""
    run = Finetune.run

    def slowly(work: Finetune, project: ec.Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        def tell(done: int, total: int | None) -> None:
            report(done, total)
            while done == 2:
                time.sleep(0.01)
                report(done, total)

        return run(work, project, tell, folder)

    monkeypatch.setattr(Finetune, "run", slowly)


def finetuning(client: httpx.Client, project: ec.Project, how: str) -> str:
    """A job that has begun."""
    task = project.tasks.create("Is it water?", ("water", "field"))
    project.tasks.import_folders(task)
    asked = ask(client, "finetune", task=task.id, how=how)
    until(client, asked, lambda job: job["done"])
    return asked


@pytest.mark.usefixtures("waits_after_two_steps", "running")
def test_cancelled_fine_tuning_keeps_the_best_classifier(client: httpx.Client, project: ec.Project) -> None:
    asked = finetuning(client, project, "full")
    client.post(f"/jobs/{asked}/cancel")
    job = until(client, asked, has_ended)
    assert (job["state"], job["done"]) == ("cancelled", 2)
    result = job["result"]
    assert 0 < result["epochs"] < 3
    assert 0 <= result["metrics"]["accuracy"]["value"] <= 1
    known = {entry["id"]: entry["card"]["name"] for entry in client.get("/encoders").json()["encoders"]}
    assert known[result["encoder"]] == result["name"] == "is-it-water-full"


@pytest.mark.usefixtures("waits_after_two_steps", "running")
def test_paused_fine_tuning_keeps_nothing(client: httpx.Client, project: ec.Project) -> None:
    asked = finetuning(client, project, "partial")
    client.post(f"/jobs/{asked}/pause")
    assert until(client, asked, has_ended)["state"] == "paused"
    assert not [entry for entry in project.encoders.list() if entry.card.classes]


@pytest.mark.parametrize(
    ("kind", "parameters", "status"),
    [
        ("train", {"trunk": "timm:resnet18"}, 422),
        ("train", {"trunk": "resnet18"}, 400),
        ("train", {"init": "nobody"}, 404),
        ("train", {"minutes": 0}, 422),
        ("train", {"previews": "/tmp"}, 422),
        ("finetune", {}, 422),
        ("finetune", {"task": "none"}, 404),
    ],
)
def test_impossible_wishes_are_refused_at_once(
    client: httpx.Client, kind: str, parameters: dict[str, Any], status: int
) -> None:
    answer = client.post("/jobs", json={"kind": kind, "parameters": parameters})
    assert answer.status_code == status, answer.text
    assert client.get("/jobs").json()["jobs"] == []


def test_without_torch_a_sentence_with_the_remedy_comes_before_any_job(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/encoders").json()["training"] is None
    monkeypatch.setitem(sys.modules, "torch", None)
    assert "pip install 'earthcurator[train]'" in client.get("/encoders").json()["training"]
    answer = client.post("/jobs", json={"kind": "train"})
    assert answer.status_code == 409
    assert "torch" in answer.json()["error"]["message"]
    assert "earthcurator[train]" in answer.json()["error"]["hint"]
    assert client.get("/jobs").json()["jobs"] == []


def test_only_curators_ask_for_training(client: httpx.Client, project: ec.Project) -> None:
    people = project.records.people
    people.add("Eve", "owner")
    secret = people.issue(people.add("Ada", "annotator").id, "token")
    answer = client.post("/jobs", json={"kind": "train"}, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 403
