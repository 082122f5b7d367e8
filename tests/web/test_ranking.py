"""Exploring by the model of a task and by what was said in it, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

import earthcurator as ec
from earthcurator.models import Decision, Label
from tests.web.conftest import CHIPS, START


@pytest.fixture
def task(project: ec.Project) -> str:
    """A task of which nothing is known."""
    return project.tasks.create("Is it water?", ("yes", "no"), opinions=2).id


def say(project: ec.Project, task: str, chip: str, *value: str, who: str = "ada", decision: Decision = "label") -> None:
    event = Label(id=uuid4().hex, task=task, chip=chip, annotator=who, decision=decision, value=value, time=START)
    project.tasks.store.put(event)


def find(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/search", json={"k": 1000, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def chips(found: dict[str, Any]) -> list[str]:
    return [hit["chip"] for hit in found["hits"]]


def test_model_of_a_task_ranks_its_chips_and_says_from_what_it_learnt(
    client: httpx.Client, project: ec.Project, task: str, chip_ids: list[str]
) -> None:
    say(project, task, chip_ids[1], "yes")
    say(project, task, chip_ids[2], "no")
    found = find(client, task=task)
    logits = {row.chip: row.scores["yes"] for row in project.learner(task).predict()}
    assert {hit["chip"]: hit["score"] for hit in found["hits"]} == pytest.approx(logits, abs=1e-4)
    assert chips(found) == sorted(chips(found), key=lambda chip: -logits[chip])
    assert (found["learnt_from"], found["searched"], found["exact"]) == (2, CHIPS, True)
    say(project, task, chips(found)[3], "no")
    again = find(client, task=task)
    assert again["learnt_from"] == 3
    assert chips(again).index(chips(found)[3]) > 3


def test_other_class_of_two_is_ranked_the_other_way_round(
    client: httpx.Client, project: ec.Project, task: str, chip_ids: list[str]
) -> None:
    say(project, task, chip_ids[1], "yes")
    say(project, task, chip_ids[2], "no")
    likely, unlikely = find(client, task=task), find(client, task=task, wanted="no")
    assert [hit["score"] for hit in unlikely["hits"]] == [-hit["score"] for hit in likely["hits"][::-1]]


def test_ranking_knows_the_filters_of_a_search(
    client: httpx.Client, project: ec.Project, task: str, chip_ids: list[str]
) -> None:
    say(project, task, chip_ids[1], "yes")
    say(project, task, chip_ids[2], "no")
    every = find(client, task=task)
    kept = find(client, task=task, filter={"dates": "2020-08-17/2020-08-20", "folders": ["water"]})
    assert sorted(chips(kept)) == sorted([chip_ids[1], chip_ids[3]])
    assert (kept["searched"], chips(kept)) == (2, [chip for chip in chips(every) if chip in chips(kept)])
    assert len(chips(find(client, task=task, collapse=0.6))) < CHIPS
    assert chips(find(client, task=task, k=5)) == chips(every)[:5]


@pytest.mark.parametrize("by", ["model", "example"])
def test_scores_thin_out_what_is_found(
    client: httpx.Client, project: ec.Project, task: str, chip_ids: list[str], by: str
) -> None:
    say(project, task, chip_ids[1], "yes")
    say(project, task, chip_ids[2], "no")
    what: dict[str, Any] = {"task": task} if by == "model" else {"positives": [{"chip": chip_ids[1]}]}
    every = find(client, **what)["hits"]
    low, high = every[40]["score"], every[7]["score"]
    between = [hit for hit in every if low <= hit["score"] <= high]
    assert find(client, **what, scores=[low, high])["hits"] == between
    assert find(client, **what, scores=[None, high], k=3)["hits"] == [hit for hit in every if hit["score"] <= high][:3]
    assert find(client, **what, scores=[low, None])["hits"] == [hit for hit in every if hit["score"] >= low]
    assert find(client, **what, scores=[1000, None])["hits"] == []


@pytest.fixture
def said(project: ec.Project, task: str, chip_ids: list[str]) -> dict[str, set[str]]:
    """Answer → the chips that have it, of a task in which everything was said."""
    say(project, task, chip_ids[0], "yes")
    say(project, task, chip_ids[1], "no")
    say(project, task, chip_ids[2], decision="unsure")
    say(project, task, chip_ids[3], decision="skip")
    say(project, task, chip_ids[4], "yes")
    say(project, task, chip_ids[4], "no", who="bo")
    say(project, task, chip_ids[5], "yes", who="bo")
    return {
        "yes": {chip_ids[0], chip_ids[5]},
        "no": {chip_ids[1]},
        "unsure": {chip_ids[2]},
        "disputed": {chip_ids[4]},
        "waiting": {chip_ids[3], *chip_ids[6:]},
    }


Ask = Callable[[httpx.Client, str, list[str]], set[str]]


def by_model(client: httpx.Client, task: str, labels: list[str]) -> set[str]:
    return set(chips(find(client, task=task, filter={"said": {"task": task, "labels": labels}})))


def by_list(client: httpx.Client, task: str, labels: list[str]) -> set[str]:
    page = client.get("/chips", params={"task": task, "label": labels, "limit": 1000}).raise_for_status().json()
    assert page["total"] == len(page["chips"])
    listed = client.get("/chips", params={"limit": 1000}).json()["chips"]
    assert [listed[number]["id"] for number in page["numbers"]] == [chip["id"] for chip in page["chips"]]
    return {chip["id"] for chip in page["chips"]}


def by_example(client: httpx.Client, task: str, labels: list[str]) -> set[str]:
    first = client.get("/chips", params={"limit": 1}).json()["chips"][0]["id"]
    body = {"positives": [{"chip": first}], "filter": {"said": {"task": task, "labels": labels}}}
    return set(chips(find(client, **body)))


@pytest.mark.parametrize("ask", [by_model, by_list, by_example])
def test_chips_are_found_by_what_was_said_of_them(
    client: httpx.Client, task: str, said: dict[str, set[str]], ask: Ask
) -> None:
    for label, expected in said.items():
        assert ask(client, task, [label]) == expected, label
    assert ask(client, task, ["no", "unsure"]) == said["no"] | said["unsure"]
    assert ask(client, task, ["none"]) == set()
    assert set().union(*said.values()) == ask(client, task, list(said))


@pytest.mark.parametrize("ask", [by_model, by_list, by_example])
def test_who_labels_finds_chips_by_their_own_answers_only(
    client: httpx.Client, project: ec.Project, task: str, said: dict[str, set[str]], chip_ids: list[str], ask: Ask
) -> None:
    people = project.records.people
    people.add("Olga", "owner")
    ann = people.add("Ann", "annotator")
    say(project, task, chip_ids[1], "yes", who=ann.id)
    client.headers["Authorization"] = f"Bearer {people.issue(ann.id, 'token')}"
    assert ask(client, task, ["yes"]) == {chip_ids[1]}
    assert ask(client, task, ["no", "unsure", "disputed"]) == set()
    assert ask(client, task, ["waiting"]) == set(chip_ids) - {chip_ids[1]}


def test_several_classes_and_none_of_them(client: httpx.Client, project: ec.Project, chip_ids: list[str]) -> None:
    task = project.tasks.create("What is there?", ("fire", "smoke"), several=True).id
    say(project, task, chip_ids[0], "fire", "smoke")
    say(project, task, chip_ids[1])
    assert by_list(client, task, ["smoke"]) == {chip_ids[0]}
    assert by_list(client, task, ["none"]) == {chip_ids[1]}


def test_class_that_is_called_like_a_word_comes_first(
    client: httpx.Client, project: ec.Project, chip_ids: list[str]
) -> None:
    task = project.tasks.create("Is there a ship?", ("ship", "waiting")).id
    say(project, task, chip_ids[0], "waiting")
    assert by_list(client, task, ["waiting"]) == {chip_ids[0]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"task": "none such"}, "NotFound"),
        ({"task": "TASK", "wanted": "cloud"}, "BadInput"),
        ({"task": "TASK", "positives": [{"chip": "CHIP"}]}, "BadInput"),
        ({"task": "TASK", "encoder": "lite0-128"}, "BadInput"),
        ({"positives": [{"chip": "CHIP"}], "wanted": "yes"}, "BadInput"),
        ({"task": "TASK", "filter": {"said": {"task": "TASK", "labels": ["maybe"]}}}, "BadInput"),
        ({"task": "TASK", "filter": {"said": {"task": "none such", "labels": ["yes"]}}}, "NotFound"),
        ({"task": "TASK", "scores": [1, 0]}, "BadInput"),
        ({}, "BadInput"),
    ],
)
def test_rankings_that_make_no_sense_are_refused(
    client: httpx.Client, project: ec.Project, task: str, chip_ids: list[str], body: dict[str, Any], code: str
) -> None:
    say(project, task, chip_ids[0], "yes")
    text = httpx.Request("POST", "http://x", json=body).content.decode()
    text = text.replace("TASK", task).replace("CHIP", chip_ids[0])
    answer = client.post("/search", content=text, headers={"Content-Type": "application/json"})
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["hint"]


def test_nothing_is_ranked_before_anything_is_known(client: httpx.Client, task: str) -> None:
    answer = client.post("/search", json={"task": task})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "Conflict")
    assert client.get("/chips", params={"label": "yes"}).status_code == 404
