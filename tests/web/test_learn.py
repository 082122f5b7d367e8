"""Active learning over HTTP: what comes next, what is told live, what the model thinks, and how the search goes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

import earthcurator as ec
from earthcurator.web import trainer
from earthcurator.web.learn import _points
from tests.web.conftest import CHIPS, Serve, Server

SECONDS = 20.0


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not rest between rounds."""
    monkeypatch.setattr(trainer, "LONGEST_REST", 0.01)


@pytest.fixture
def task(client: httpx.Client) -> str:
    """The path of a task about all chips, of which nothing is known."""
    return make_task(client)


@pytest.fixture
def annotator(server: Server) -> Iterator[httpx.Client]:
    """Somebody who labels and nothing more; the first to come was an owner."""
    people = server.project.records.people
    people.add("Olga", "owner")
    headers = {"Authorization": f"Bearer {people.issue(people.add('Ann', 'annotator').id, 'token')}"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=20) as opened:
        yield opened


def make_task(client: httpx.Client, **options: object) -> str:
    made = client.post("/tasks", json={"question": "Is it water?", "classes": ["yes", "no"], **options})
    assert made.status_code == 201, made.text
    return f"/tasks/{made.json()['task']['id']}"


def put(client: httpx.Client, task: str, answers: dict[str, str]) -> None:
    events = [{"id": uuid4().hex, "chip": chip, "decision": "label", "value": [it]} for chip, it in answers.items()]
    outcomes = client.post(f"{task}/labels", json={"labels": events}).json()["outcomes"]
    assert all(outcome["error"] is None for outcome in outcomes), outcomes


def lease(client: httpx.Client, task: str, count: int) -> list[str]:
    answer = client.post(f"{task}/leases", json={"count": count, "seconds": 60})
    return [held["chip"]["id"] for held in answer.json()["leases"]]


def get(client: httpx.Client, path: str, **query: object) -> dict[str, Any]:
    answer = client.get(path, params=query)  # type: ignore[arg-type]  # numbers and texts
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def round_of(client: httpx.Client, task: str, labels: int) -> dict[str, Any]:
    """The newest round, once so many labels have been counted in it and the queue is in its order."""
    deadline = time.monotonic() + SECONDS
    while True:
        rounds = get(client, f"{task}/rounds", limit=1)["rounds"]
        if rounds and rounds[0]["round"]["labels"] == labels:
            _let_the_trainer_finish(client)
            return dict(rounds[0]["round"])
        assert time.monotonic() < deadline, rounds
        time.sleep(0.02)


def _let_the_trainer_finish(client: httpx.Client) -> None:
    """It keeps a round first and puts the queue in order then; and it begins with no other task before that."""
    other = make_task(client, references={"yes": [client.get("/chips?limit=1").json()["chips"][0]["id"]]})
    deadline = time.monotonic() + SECONDS
    while not get(client, f"{other}/rounds")["rounds"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def picked(found: dict[str, Any]) -> list[str]:
    return [suggestion["chip"]["id"] for suggestion in found["suggestions"]]


# -- what to look at next --------------------------------------------------------------------------------------------


def test_suggestions_are_unlabelled_chips_on_nobodys_screen(
    client: httpx.Client, task: str, chip_ids: list[str]
) -> None:
    before = get(client, f"{task}/suggestions", n=CHIPS)
    assert sorted(picked(before)) == sorted(chip_ids)
    assert {suggestion["looks"] for suggestion in before["suggestions"]} == {None}
    put(client, task, {chip_ids[0]: "yes", chip_ids[1]: "no"})
    shown = lease(client, task, 3)
    after = get(client, f"{task}/suggestions", n=CHIPS)
    assert sorted(picked(after)) == sorted(set(chip_ids) - {*chip_ids[:2], *shown})
    assert {suggestion["looks"] for suggestion in after["suggestions"]} <= {"likely", "uncertain", "unlikely"}
    assert after["labels"] == 2


def test_suggestions_follow_the_strategy_and_bring_neighbours(
    client: httpx.Client, task: str, chip_ids: list[str]
) -> None:
    put(client, task, {chip_ids[0]: "yes", chip_ids[1]: "no"})
    likely = get(client, f"{task}/suggestions", n=CHIPS, strategy="most-likely-positive")
    utilities = [suggestion["utility"] for suggestion in likely["suggestions"]]
    assert utilities == sorted(utilities, reverse=True)
    near = get(client, f"{task}/suggestions", n=2, strategy="most-likely-positive", neighbours=3)
    assert picked(near)[:2] == picked(likely)[:2]
    assert 2 < len(picked(near)) <= 8
    assert code(client.get(f"{task}/suggestions", params={"strategy": "guess"})) == (400, "BadInput")
    assert code(client.get("/tasks/none/suggestions")) == (404, "NotFound")


def test_goal_decides_how_rounds_choose(client: httpx.Client, task: str, chip_ids: list[str]) -> None:
    put(client, task, {chip_ids[0]: "yes", chip_ids[1]: "no"})
    assert round_of(client, task, 2)["strategy"] == "hybrid"
    assert client.put(f"{task}/goal", json={"strategy": "most-likely-positive"}).status_code == 200
    assert get(client, f"{task}/outlook")["strategy"] == "most-likely-positive"
    put(client, task, {chip_ids[2]: "no"})
    chosen = round_of(client, task, 3)
    assert chosen["strategy"] == "most-likely-positive"
    assert chosen["picked"] == picked(get(client, f"{task}/suggestions", n=64))
    assert code(client.put(f"{task}/goal", json={"strategy": "guess"})) == (400, "BadInput")


def test_rounds_come_in_pages_the_newest_first(client: httpx.Client, task: str, chip_ids: list[str]) -> None:
    for count in range(1, 4):
        put(client, task, {chip_ids[count]: "yes"})
        round_of(client, task, count)
    first = get(client, f"{task}/rounds", limit=2)
    rest = get(client, f"{task}/rounds", limit=2, before=first["next"])
    assert [found["number"] for found in first["rounds"] + rest["rounds"]] == [3, 2, 1]
    assert rest["next"] is None
    assert [found["round"]["labels"] for found in first["rounds"]] == [3, 2]


def test_whoever_labels_sees_suggestions_and_the_outlook_but_steers_nothing(
    task: str, annotator: httpx.Client, chip_ids: list[str]
) -> None:
    put(annotator, task, {chip_ids[0]: "yes"})
    assert len(picked(get(annotator, f"{task}/suggestions", n=5))) == 5
    assert get(annotator, f"{task}/outlook")["finds"]["found"] == 1
    assert code(annotator.put(f"{task}/goal", json={"strategy": "find"})) == (403, "NotAllowed")
    assert code(annotator.post(f"{task}/audits", json={"chips": 20})) == (403, "NotAllowed")
    assert code(annotator.get(f"{task}/rounds")) == (403, "NotAllowed")


# -- the queue -------------------------------------------------------------------------------------------------------


def test_cards_that_were_handed_out_stay_and_the_next_are_the_rounds_picks(
    client: httpx.Client, task: str, chip_ids: list[str]
) -> None:
    cards = lease(client, task, 6)
    put(client, task, {cards[0]: "yes", cards[1]: "no"})
    chosen = round_of(client, task, 2)
    assert set(chosen["on_screen"]) == set(cards[2:])
    assert not set(chosen["picked"]) & set(cards)
    now = lease(client, task, 10)
    assert now == cards[2:] + chosen["picked"][:6]


def test_a_later_round_comes_before_an_earlier_one(client: httpx.Client, task: str, chip_ids: list[str]) -> None:
    put(client, task, {chip_ids[0]: "yes"})
    round_of(client, task, 1)
    put(client, task, {chip_ids[1]: "no"})
    chosen = round_of(client, task, 2)
    assert lease(client, task, 10) == chosen["picked"][:10]


def test_a_new_task_with_an_example_begins_with_what_is_like_it(client: httpx.Client, chip_ids: list[str]) -> None:
    task = make_task(client, references={"yes": [chip_ids[7]]})
    first = round_of(client, task, 0)
    assert lease(client, task, 5) == first["picked"][:5]
    asked = {"positives": [{"chip": chip_ids[7]}], "k": 1}
    assert [hit["chip"] for hit in client.post("/search", json=asked).json()["hits"]] == first["picked"][:1]


def test_without_an_example_the_order_that_was_asked_for_holds(client: httpx.Client, chip_ids: list[str]) -> None:
    ranked = [{"chip": chip, "priority": 1 - number / 10} for number, chip in enumerate(chip_ids[:5])]
    task = make_task(client, chips=ranked)
    other = make_task(client, references={"yes": [chip_ids[7]]})
    round_of(client, other, 0)  # the trainer has seen both
    assert get(client, f"{task}/rounds")["rounds"] == []
    assert lease(client, task, 5) == chip_ids[:5]


def test_imports_and_last_words_count_too(client: httpx.Client, task: str, chip_ids: list[str]) -> None:
    taken = client.post(f"{task}/imports", json={"labels": [{"chip": chip_ids[0], "classes": ["yes"]}]})
    assert taken.json() == {"added": 1}
    assert round_of(client, task, 1)["metrics"] == {"positives: yes": 1.0}
    word = {"id": uuid4().hex, "chip": chip_ids[1], "value": ["yes"]}
    assert client.post(f"{task}/adjudications", json=word).status_code == 200
    assert round_of(client, task, 2)["metrics"] == {"positives: yes": 2.0}


# -- how the search goes ---------------------------------------------------------------------------------------------


def test_a_check_comes_first_and_the_outlook_says_what_it_proves(
    server: Server, client: httpx.Client, task: str, chip_ids: list[str]
) -> None:
    put(client, task, dict.fromkeys(chip_ids[:4], "yes") | dict.fromkeys(chip_ids[4:8], "no"))
    round_of(client, task, 8)
    begun = client.post(f"{task}/audits", json={"chips": 25})
    assert begun.status_code == 201
    assert begun.json() == {"number": 1, "wanted": "yes", "chips": 25}
    _, record = server.project.records.rounds.last(task.rpartition("/")[2], "audit")
    assert record is not None
    assert lease(client, task, 25) == record["chips"]
    audit = get(client, f"{task}/outlook")["audit"]
    assert (audit["complete"], audit["result"]["of"], audit["result"]["answered"]) == (False, 25, 0)
    put(client, task, dict.fromkeys(record["chips"], "no"))
    audit = get(client, f"{task}/outlook")["audit"]
    assert audit["complete"]
    assert audit["result"]["left_high"] is not None
    assert f"at most {audit['result']['left_high']}" in audit["sentence"]


def test_outlook_is_told_of_a_check_that_an_older_version_kept(
    server: Server, client: httpx.Client, task: str, chip_ids: list[str]
) -> None:
    put(client, task, {chip_ids[0]: "yes"})
    client.post(f"{task}/audits", json={"chips": 25})
    rounds, name = server.project.records.rounds, task.rpartition("/")[2]
    number, record = rounds.last(name, "audit")
    assert record is not None
    older = {field: value for field, value in record.items() if field != "known"}
    assert rounds.add(name, "audit", number + 1, older)
    put(client, task, dict.fromkeys(record["chips"], "no"))
    assert get(client, f"{task}/outlook")["audit"]["complete"]


def test_rounds_do_not_reorder_a_check(server: Server, client: httpx.Client, task: str, chip_ids: list[str]) -> None:
    put(client, task, dict.fromkeys(chip_ids[:4], "yes") | dict.fromkeys(chip_ids[4:8], "no"))
    client.post(f"{task}/audits", json={"chips": 25})
    _, record = server.project.records.rounds.last(task.rpartition("/")[2], "audit")
    assert record is not None
    put(client, task, {record["chips"][0]: "no"})
    round_of(client, task, 9)
    assert lease(client, task, 24) == record["chips"][1:]


def test_two_checks_do_not_draw_alike(server: Server, client: httpx.Client, task: str, chip_ids: list[str]) -> None:
    put(client, task, {chip_ids[0]: "yes"})
    kept = server.project.records.rounds
    assert client.post(f"{task}/audits", json={"class": "yes", "chips": 20}).status_code == 201
    again = client.post(f"{task}/audits", json={"class": "yes", "chips": 20})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "Conflict")
    assert "20 have no answer yet" in again.json()["error"]["message"]
    _, first = kept.last(task.rpartition("/")[2], "audit")
    assert first is not None
    put(client, task, dict.fromkeys(first["chips"], "no"))
    assert client.post(f"{task}/audits", json={"class": "yes", "chips": 20}).status_code == 201
    _, second = kept.last(task.rpartition("/")[2], "audit")
    assert second is not None
    assert (second["attempt"], second["seed"] != first["seed"]) == (2, True)
    assert not set(first["chips"]) & set(second["chips"])


def test_outlook_counts_what_was_found(client: httpx.Client, task: str, chip_ids: list[str]) -> None:
    for number, answer in enumerate(("yes", "no", "yes")):  # one after the other, so that their order is known
        put(client, task, {chip_ids[number]: answer})
        time.sleep(0.01)
    found = get(client, f"{task}/outlook")
    assert found["wanted"] == "yes"
    assert found["finds"] == {
        "labels": 3,
        "found": 2,
        "unsure": 0,
        "recent": 2,
        "window": 3,
        "recent_share": None,
        "curve": [[1, 1], [2, 1], [3, 2]],
    }
    assert found["advice"]["stop"] is False
    assert found["audit"] is None
    assert (found["left"]["low"], found["left"]["high"]) == (0, len(chip_ids) - 3)
    assert "chips" in found["price"]["sentence"]
    assert get(client, f"{task}/outlook", **{"class": "no"})["wanted"] == "yes"
    assert code(client.get(f"{task}/outlook", params={"class": "cloud"})) == (400, "BadInput")


def test_learning_curve_is_drawn_from_twenty_answers_on(
    client: httpx.Client, task: str, chip_ids: list[str], annotator: httpx.Client
) -> None:
    answers = {chip: "yes" if number % 3 else "no" for number, chip in enumerate(chip_ids[:25])}
    put(client, task, dict(list(answers.items())[:19]))
    early = get(client, f"{task}/learning-curve")
    assert early == {"points": [], "reason": "There are 12 yes and 7 no so far. " + early["reason"].split("far. ")[1]}
    put(client, task, dict(list(answers.items())[19:]))
    drawn = get(client, f"{task}/learning-curve")
    assert [point["answers"] for point in drawn["points"]] == [10, 20]
    assert all(0 <= point["low"] <= point["value"] <= point["high"] <= 1 for point in drawn["points"])
    assert get(annotator, f"{task}/learning-curve") == drawn


def test_mistakes_are_suspected_until_somebody_has_the_last_word(
    server: Server, client: httpx.Client, task: str, annotator: httpx.Client
) -> None:
    vectors = server.project.embeddings(server.project.encoder()).index.open()
    rows = vectors.vectors(slice(None))
    along = rows @ np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][0]
    order = vectors.ids(np.argsort(along))
    answers = dict.fromkeys(order[:15], "no") | dict.fromkeys(order[-15:], "yes")
    put(client, task, answers)
    before = {one["chip"]["id"] for one in get(client, f"{task}/suspects")["chips"]}
    assert not before & {order[0], order[-1]}
    put(client, task, {order[0]: "yes", order[-1]: "no"})
    found = get(client, f"{task}/suspects")
    scores = {one["chip"]["id"]: one["score"] for one in found["chips"]}
    assert scores[order[0]] < -1 and scores[order[-1]] > 1  # noqa: PT018 - both are one finding
    assert [label["value"] for one in found["chips"][:1] for label in one["answers"].values()] in ([["yes"]], [["no"]])
    word = {"id": uuid4().hex, "chip": order[0], "value": ["no"]}
    assert client.post(f"{task}/adjudications", json=word).status_code == 200
    assert order[0] not in {one["chip"]["id"] for one in get(client, f"{task}/suspects")["chips"]}
    assert annotator.get(f"{task}/suspects").status_code == 403


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 12_345])
def test_a_long_curve_is_drawn_with_few_points_and_ends_where_it_ends(count: int) -> None:
    points = _points(tuple(range(1, count + 1)))
    assert len(points) <= 500
    assert all(done == found for done, found in points)
    assert points[-1:] == ([(count, count)] if count else [])
    assert points == sorted(points)


# -- what the model thinks -------------------------------------------------------------------------------------------


def test_predictions_page_through_all_chips_the_likeliest_first(
    server: Server, client: httpx.Client, task: str, chip_ids: list[str]
) -> None:
    put(client, task, {chip_ids[0]: "yes", chip_ids[1]: "no"})
    rows: list[dict[str, Any]] = []
    start: int | None = 0
    while start is not None:
        page = get(client, f"{task}/predictions", start=start, limit=25)
        rows += page["predictions"]
        start = page["next"]
    assert page["total"] == CHIPS
    expected = {row.chip: row.scores["yes"] for row in server.project.learner(task.rpartition("/")[2]).predict()}
    assert {row["chip"]: row["score"] for row in rows} == pytest.approx(expected, abs=1e-5)
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    said = {row["chip"]: row["standing"] for row in rows if row["standing"] != "waiting"}
    assert said == {chip_ids[0]: "decided", chip_ids[1]: "decided"}
    assert get(client, f"{task}/predictions", start=10**9)["predictions"] == []


def test_predictions_follow_new_labels(client: httpx.Client, task: str, chip_ids: list[str]) -> None:
    put(client, task, {chip_ids[0]: "yes", chip_ids[1]: "no"})
    before = get(client, f"{task}/predictions", limit=1)["predictions"][0]
    assert get(client, f"{task}/predictions", limit=1)["predictions"][0] == before
    put(client, task, {before["chip"]: "no", chip_ids[5]: "yes"} if before["chip"] != chip_ids[5] else {})
    after = get(client, f"{task}/predictions", limit=CHIPS)["predictions"]
    moved = {row["chip"]: row["score"] for row in after}[before["chip"]]
    assert moved < before["score"]


def test_of_two_classes_the_other_one_is_ranked_the_other_way_round(
    client: httpx.Client, task: str, chip_ids: list[str]
) -> None:
    put(client, task, {chip_ids[0]: "yes", chip_ids[1]: "no"})
    yes = get(client, f"{task}/predictions", **{"class": "yes"})["predictions"]
    no = get(client, f"{task}/predictions", **{"class": "no"})["predictions"]
    assert [row["score"] for row in no] == [-row["score"] for row in yes[::-1]]
    assert code(client.get(f"{task}/predictions", params={"class": "cloud"})) == (400, "BadInput")


def test_nothing_is_predicted_before_anything_is_known(client: httpx.Client, task: str, chip_ids: list[str]) -> None:
    assert code(client.get(f"{task}/predictions")) == (409, "Conflict")
    liked = make_task(client, references={"yes": [chip_ids[3]]})
    assert get(client, f"{liked}/predictions", limit=1)["predictions"][0]["chip"] == chip_ids[3]


# -- live ------------------------------------------------------------------------------------------------------------


def hear(server: Server, does: Callable[[], object], until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first such message that somebody hears who began to listen before it was done."""

    async def run() -> dict[str, Any]:
        async with asyncio.timeout(SECONDS), connect(f"ws://127.0.0.1:{server.port}/api/v1/live") as socket:
            await _next(socket, lambda message: message["type"] == "hello")
            await asyncio.to_thread(does)
            return await _next(socket, until)

    return asyncio.run(run())


def _next(socket: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> Awaitable[dict[str, Any]]:
    async def found() -> dict[str, Any]:
        while not wanted(message := json.loads(await socket.recv())):
            pass
        return dict(message)

    return found()


def test_a_round_is_told_to_who_listens(server: Server, client: httpx.Client, task: str, chip_ids: list[str]) -> None:
    told = hear(server, lambda: put(client, task, {chip_ids[0]: "yes"}), lambda message: message["type"] == "model")
    chosen = round_of(client, task, 1)
    name = task.rpartition("/")[2]
    assert told == {
        "type": "model",
        "task": name,
        "round": 1,
        "labels": 1,
        "strategy": "hybrid",
        "next": chosen["picked"][:20],
    }


def test_a_round_is_told_by_servers_that_did_not_make_it(
    serve: Serve, project: ec.Project, chip_ids: list[str]
) -> None:
    with serve() as one, serve() as other, closing(httpx.Client(base_url=f"{one.url}/api/v1", timeout=20)) as client:
        task = make_task(client)
        told = hear(other, lambda: put(client, task, {chip_ids[0]: "yes"}), lambda message: message["type"] == "model")
    assert (told["task"], told["round"]) == (task.rpartition("/")[2], 1)
    assert project.records.rounds.newest("round") == {told["task"]: 1}
