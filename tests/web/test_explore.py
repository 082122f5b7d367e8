"""The map of all chips, and the places of finds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

import earthcurator as ec
from earthcurator.jobs import Runner
from earthcurator.models import Arrival, Chip, Decision, Label, Person
from earthcurator.project.maps import DISPUTED, HIDDEN, NOTHING, SKIPPED, UNSURE, chip_map, label_map
from earthcurator.store import Layout
from earthcurator.web.access import LOCAL

from .conftest import CHIPS, START, chip

SECONDS = 60.0


@pytest.fixture
def running(project: ec.Project) -> Iterator[Runner]:
    """Somebody who does the jobs."""
    with Runner(project, told_seconds=0.02, poll_seconds=0.02) as runner:
        yield runner


def read(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What the description of the route says, in numpy."""
    content = answer.content
    length = int.from_bytes(content[:4], "little")
    head = json.loads(content[4 : 4 + length])
    return head, {
        column["name"]: np.frombuffer(content, column["type"], head["chips"], column["offset"])
        for column in head["columns"]
    }


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while (now := client.get(f"/jobs/{job['id']}").json())["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return dict(now)


def test_map_holds_every_chip_in_the_order_of_the_list(client: httpx.Client, chip_ids: list[str]) -> None:
    head, columns = read(client.get("/map"))
    assert (head["chips"], head["placed"], head["located"], head["dated"]) == (CHIPS,) * 4
    assert all(column["offset"] % 8 == 0 for column in head["columns"])
    listed = client.get("/chips", params={"limit": CHIPS}).json()["chips"]
    assert [entry["id"] for entry in listed] == chip_ids
    for number, entry in enumerate(listed):
        assert head["layers"][columns["layer"][number]] == entry["layer"]
        assert head["folders"][columns["folder"][number]] == entry["folder"]
        assert columns["lon"][number] == pytest.approx(2 * number + 0.5)
        assert columns["lat"][number] == 0
        assert datetime.fromtimestamp(columns["time"][number], UTC) == datetime.fromisoformat(entry["time"])
    assert datetime.fromtimestamp(columns["time"][0], UTC) == START


def test_alike_pictures_lie_together_from_the_first_look(client: httpx.Client) -> None:
    head, columns = read(client.get("/map"))
    assert head["method"] == "principal"
    assert np.abs([columns["x"], columns["y"]]).max() == 1


def test_map_is_sent_once_and_again_only_when_it_changed(client: httpx.Client, project: ec.Project) -> None:
    first = client.get("/map")
    assert first.headers["content-encoding"] == "gzip"
    known = {"If-None-Match": first.headers["etag"]}
    again = client.get("/map", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/map", headers={"Accept-Encoding": "identity"}).content == first.content
    project.chips.add([chip(CHIPS)])
    assert client.get("/map", headers=known).status_code == 200


def test_chip_without_vector_has_no_place_yet_and_one_without_facts_no_entry(
    client: httpx.Client, project: ec.Project
) -> None:
    bare = Chip(id="bare", media_type="image/png", width=64, height=64, sha256="0" * 64, origin="/bare")
    project.chips.add([Arrival(bare, chip(CHIPS).picture)])
    head, columns = read(client.get("/map"))
    assert (head["chips"], head["placed"], head["located"], head["dated"]) == (CHIPS + 1, CHIPS, CHIPS, CHIPS)
    assert np.isnan([columns[name][CHIPS] for name in ("x", "y", "lon", "lat", "time")]).all()
    assert (columns["layer"][CHIPS], columns["folder"][CHIPS]) == (65_535, 65_535)


def test_empty_project_has_an_empty_map(tmp_path: Path) -> None:
    with ec.create(tmp_path / "empty") as empty:
        found = chip_map(empty)
    assert (len(found.atlas), found.places.shape, found.method) == (0, (0, 2), "none")


@pytest.mark.usefixtures("running")
def test_layout_is_a_job_after_which_the_map_is_another(client: httpx.Client, project: ec.Project) -> None:
    before = client.get("/map/info").json()
    job = client.post("/jobs", json={"kind": "layout"})
    assert job.status_code == 202, job.text
    assert ended(client, job.json())["result"] == {"chips": CHIPS, "encoder": project.default_encoder}
    after = client.get("/map/info").json()
    assert (after["method"], after["laid_out"], after["placed"]) == ("spread", CHIPS, CHIPS)
    assert after["version"] != before["version"]


@pytest.mark.usefixtures("running")
def test_chips_that_come_after_a_layout_lie_beside_their_likes(client: httpx.Client, project: ec.Project) -> None:
    ended(client, client.post("/jobs", json={"kind": "layout"}).json())
    _, before = read(client.get("/map"))
    project.chips.add([chip(CHIPS)])
    project.embed()
    head, after = read(client.get("/map"))
    assert (head["laid_out"], head["placed"]) == (CHIPS, CHIPS + 1)
    np.testing.assert_array_equal(after["x"][:CHIPS], before["x"])
    assert abs(after["x"][CHIPS]) <= 1


def test_layout_of_other_vectors_does_not_count(project: ec.Project) -> None:
    encoder = project.encoder()
    vectors = project.embeddings(encoder).index.open()
    places = np.zeros((CHIPS, 2), np.float32)
    project.layouts.put(encoder.id, Layout(places, vectors.fingerprint(CHIPS), "2026-01-01"))
    assert project.layouts.get(encoder.id, vectors) is not None
    project.layouts.put(encoder.id, Layout(places, vectors.fingerprint(CHIPS) ^ 1, "2026-01-01"))
    assert project.layouts.get(encoder.id, vectors) is None


def test_places_of_finds_are_those_that_somebody_said(
    client: httpx.Client, project: ec.Project, chip_ids: list[str]
) -> None:
    task = project.tasks.create("Is there smoke?", ("smoke", "clear"))
    for number, said in ((3, "smoke"), (4, "clear"), (8, "smoke")):
        project.tasks.store.put(
            Label(
                id=f"event-{number:04d}",
                task=task.id,
                chip=chip_ids[number],
                annotator="ada",
                decision="label",
                value=(said,),
                time=START,
            )
        )
    found = client.get(f"/tasks/{task.id}/places").json()
    assert found["total"] == 2
    assert {place["chip"]: (place["longitude"], place["classes"]) for place in found["places"]} == {
        chip_ids[3]: (6.5, ["smoke"]),
        chip_ids[8]: (16.5, ["smoke"]),
    }
    clear = client.get(f"/tasks/{task.id}/places", params={"class": "clear"}).json()["places"]
    assert [place["chip"] for place in clear] == [chip_ids[4]]
    assert clear[0]["time"].startswith("2020-08-20T10:30")


def test_places_are_as_many_as_the_outlook_counts(
    client: httpx.Client, project: ec.Project, chip_ids: list[str]
) -> None:
    task = project.tasks.create("Is there smoke?", ("smoke", "clear"), opinions=3).id
    for who, smoke in (("ada", "012"), ("bo", "023"), ("cy", "0")):
        for number in range(4):
            say(project, task, chip_ids[number], who, "smoke" if str(number) in smoke else "clear")
    say(project, task, chip_ids[5], "ada", "smoke")
    say(project, task, chip_ids[5], "bo", "clear")  # as many as say so: disputed
    found = client.get(f"/tasks/{task}/places").json()
    assert [place["chip"] for place in found["places"]] == [chip_ids[0], chip_ids[2]]
    outlook = client.get(f"/tasks/{task}/outlook").json()
    assert outlook["found"] == outlook["finds"]["found"] == found["total"] == 2
    assert outlook["finds"]["unsure"] == 1


def say(project: ec.Project, task: str, chip: str, who: str, *value: str, decision: Decision = "label") -> None:
    event = Label(id=f"{who}-{chip}", task=task, chip=chip, annotator=who, decision=decision, value=value, time=START)
    project.tasks.store.put(event)


def test_map_of_labels_says_what_holds_of_every_chip(
    client: httpx.Client, project: ec.Project, chip_ids: list[str]
) -> None:
    task = project.tasks.create("What is there?", ("smoke", "fire", "dust"), several=True, opinions=2).id
    say(project, task, chip_ids[1], "ada", "fire")
    say(project, task, chip_ids[2], "ada", "smoke", "fire")
    say(project, task, chip_ids[3], "ada")
    say(project, task, chip_ids[4], "ada", decision="unsure")
    say(project, task, chip_ids[5], "ada", decision="skip")
    say(project, task, chip_ids[6], "ada", "smoke")
    say(project, task, chip_ids[6], "bo", "dust")
    say(project, task, chip_ids[7], LOCAL.id, "smoke")
    head, columns = read(client.get(f"/tasks/{task}/map"))
    said = [
        head["answers"][code] if code < len(head["answers"]) else int(code) for code in columns["said"][:9].tolist()
    ]
    assert said == [NOTHING, ["fire"], ["smoke", "fire"], [], UNSURE, SKIPPED, DISPUTED, ["smoke"], NOTHING]
    assert head["answers"][:3] == [["smoke"], ["fire"], ["dust"]]
    assert np.flatnonzero(columns["mine"]).tolist() == [7]
    assert (columns["said"][9:] == NOTHING).all()
    assert len(columns["said"]) == CHIPS


def test_last_word_counts_on_the_map_of_labels(client: httpx.Client, project: ec.Project, chip_ids: list[str]) -> None:
    task = project.tasks.create("Is there smoke?", ("smoke", "clear"), opinions=2)
    for chip_id in chip_ids[:2]:
        say(project, task.id, chip_id, "ada", "smoke")
        say(project, task.id, chip_id, "bo", "clear")
    project.tasks.adjudicate(task, chip_ids[0], ["clear"], by="cy")
    project.tasks.adjudicate(task, chip_ids[1], None, by=LOCAL.id)
    _, columns = read(client.get(f"/tasks/{task.id}/map"))
    assert columns["said"][:2].tolist() == [1, UNSURE]
    assert columns["mine"][:2].tolist() == [0, 1]


def test_who_labels_learns_of_others_answers_only_that_there_are_some(project: ec.Project, chip_ids: list[str]) -> None:
    task = project.tasks.create("Is there smoke?", ("smoke", "clear"), opinions=2)
    say(project, task.id, chip_ids[0], "ada", "clear")
    say(project, task.id, chip_ids[1], "bo", "clear")
    say(project, task.id, chip_ids[1], "ada", "smoke")
    say(project, task.id, chip_ids[2], "ada", decision="skip")
    say(project, task.id, chip_ids[3], "bo", decision="skip")
    project.tasks.adjudicate(task, chip_ids[4], ["clear"], by="cy")
    mine = label_map(project, task, reader="bo", blind=True)
    assert mine.said[:5].tolist() == [HIDDEN, 1, NOTHING, SKIPPED, HIDDEN]
    assert mine.mine[:5].tolist() == [0, 1, 0, 1, 0]


def test_who_labels_is_shown_the_places_of_their_own_finds_only(
    client: httpx.Client, project: ec.Project, chip_ids: list[str]
) -> None:
    people = project.records.people
    people.add("Olga", "owner")
    bo, cy = people.add("Bo", "annotator"), people.add("Cy", "curator")
    task = project.tasks.create("Is there smoke?", ("smoke", "clear"), opinions=2)
    say(project, task.id, chip_ids[0], "ada", "smoke")
    say(project, task.id, chip_ids[1], bo.id, "smoke")
    say(project, task.id, chip_ids[2], bo.id, "clear")
    project.tasks.adjudicate(task, chip_ids[2], ["smoke"], by=cy.id)

    def shown(person: Person) -> list[str]:
        headers = {"Authorization": f"Bearer {people.issue(person.id, 'token')}"}
        return [place["chip"] for place in client.get(f"/tasks/{task.id}/places", headers=headers).json()["places"]]

    assert shown(bo) == [chip_ids[1]]
    assert sorted(shown(cy)) == sorted(chip_ids[:3])


def test_map_of_labels_is_sent_again_only_when_it_changed(
    client: httpx.Client, project: ec.Project, chip_ids: list[str]
) -> None:
    task = project.tasks.create("Is there smoke?", ("smoke", "clear")).id
    first = client.get(f"/tasks/{task}/map")
    known = {"If-None-Match": first.headers["etag"]}
    assert client.get(f"/tasks/{task}/map", headers=known).status_code == 304
    say(project, task, chip_ids[0], "ada", "smoke")
    assert client.get(f"/tasks/{task}/map", headers=known).status_code == 200
    assert client.get("/tasks/none-such/map").status_code == 404


def test_demo_is_for_an_empty_project(client: httpx.Client) -> None:
    answer = client.post("/project/demo")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "Conflict")
