"""Tasks, leases and labels over HTTP, by several people at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from threading import Event
from typing import Any
from uuid import uuid4

import httpx
import pytest

from earthcurator.models import Arrival, Chip, Role
from earthcurator.store.sql import Counts
from tests.web.conftest import CHIPS, Server

Join = Callable[..., httpx.Client]


@pytest.fixture
def join(server: Server) -> Iterator[Join]:
    """Sign somebody new in: `join("Ada", "annotator")`. The first to come is an owner before them."""
    people = server.project.records.people
    people.add("Olga", "owner")
    clients = []

    def sign_in(name: str, role: Role = "annotator") -> httpx.Client:
        headers = {"Authorization": f"Bearer {people.issue(people.add(name, role).id, 'token')}"}
        clients.append(httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=30))
        return clients[-1]

    yield sign_in
    for client in clients:
        client.close()


def make_task(client: httpx.Client, **options: object) -> str:
    """The path of a new task."""
    made = client.post("/tasks", json={"question": "Is it water?", "classes": ["yes", "no"], **options})
    assert made.status_code == 201, made.text
    return f"/tasks/{made.json()['task']['id']}"


def event(chip: str, *value: str, **fields: object) -> dict[str, Any]:
    return {"id": uuid4().hex, "chip": chip, "decision": "label", "value": list(value), "seconds": 1.5, **fields}


def undo(of: dict[str, Any]) -> dict[str, Any]:
    return {"id": uuid4().hex, "chip": of["chip"], "decision": "undo", "voids": of["id"]}


def put(client: httpx.Client, task: str, *events: object) -> list[dict[str, Any]]:
    answer = client.post(f"{task}/labels", json={"labels": events})
    assert answer.status_code == 200, answer.text
    outcomes: list[dict[str, Any]] = answer.json()["outcomes"]
    assert len(outcomes) == len(events)
    return outcomes


def lease(client: httpx.Client, task: str, number: int = 10) -> list[str]:
    leases = client.post(f"{task}/leases", json={"count": number, "seconds": 60}).json()["leases"]
    return [held["chip"]["id"] for held in leases]


def counts(client: httpx.Client, task: str) -> dict[str, int]:
    found: dict[str, int] = client.get(task).json()["counts"]
    return found


def test_task_asks_about_the_chips_it_names_most_urgent_first(client: httpx.Client, chip_ids: list[str]) -> None:
    ranked = [{"chip": chip, "priority": number} for number, chip in enumerate(chip_ids[:5])]
    task = make_task(client, chips=ranked, guide="# How", references={"yes": chip_ids[:2]}, opinions=2)
    shown = client.get(task).json()
    assert (shown["task"]["guide"], shown["task"]["references"]) == ("# How", {"yes": chip_ids[:2]})
    assert (shown["counts"]["chips"], shown["counts"]["slots"]) == (5, 10)
    assert lease(client, task) == chip_ids[4::-1]
    more = client.post(f"{task}/chips", json={"chips": [{"chip": chip_ids[7], "priority": 9}]})
    assert more.json()["counts"]["chips"] == 6
    everything = make_task(client)
    assert counts(client, everything)["chips"] == len(chip_ids)
    listed = client.get("/tasks", params={"limit": 1}).json()
    assert [f"/tasks/{one['task']['id']}" for one in listed["tasks"]] == [task]
    after = client.get("/tasks", params={"after": listed["next"]}).json()
    assert ([f"/tasks/{one['task']['id']}" for one in after["tasks"]], after["next"]) == ([everything], None)
    assert client.get("/tasks", params={"after": "none"}).status_code == 404


def test_task_made_twice_is_one(client: httpx.Client) -> None:
    assert make_task(client, id="my-own-task") == make_task(client, id="my-own-task") == "/tasks/my-own-task"
    assert len(client.get("/tasks").json()["tasks"]) == 1
    other = {"id": "my-own-task", "question": "Another?", "classes": ["yes", "no"]}
    assert client.post("/tasks", json=other).status_code == 409


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"question": "  "}, 400), ({"classes": ["yes"]}, 422), ({"classes": ["yes", "yes"]}, 400),
        ({"chips": [{"chip": "nobody"}]}, 404), ({"opinions": 0}, 422), ({"id": "a/b"}, 422),
        ({"references": {"maybe": []}}, 400), ({"references": {"yes": ["nobody"]}}, 404), ({"creator": "Eve"}, 422),
        ({"chips": [{"chip": "x", "priority": "high"}]}, 422), ({"question": "two\nlines"}, 400),
    ],
)  # fmt: skip
def test_bad_tasks_are_refused(client: httpx.Client, fields: dict[str, object], status: int) -> None:
    refused = client.post("/tasks", json={"question": "Is it water?", "classes": ["yes", "no"], **fields})
    assert (refused.status_code, set(refused.json()["error"])) == (status, {"code", "message", "hint"})
    assert client.get("/tasks").json()["tasks"] == []


def test_lease_answers_what_a_card_shows(client: httpx.Client, server: Server, chip_ids: list[str]) -> None:
    task = make_task(client)
    (held,) = client.post(f"{task}/leases", json={"count": 1}).json()["leases"]
    (chip,) = server.project.chips.get([held["chip"]["id"]])
    assert chip.box is not None
    assert chip.time is not None
    assert (held["chip"]["layer"], held["chip"]["box"]["west"]) == (chip.layer, chip.box.west)
    assert held["chip"]["time"].startswith(chip.time.strftime("%Y-%m-%dT%H:%M"))
    for bad in ({"count": 0}, {"count": 101}, {"seconds": 9}, {"seconds": 601}):
        assert client.post(f"{task}/leases", json=bad).status_code == 422
    for path in ("leases", "leases/heartbeat", "leases/release"):
        assert client.post(f"/tasks/none/{path}", json={}).status_code == 404


def test_two_people_never_hold_the_same_chip(join: Join) -> None:
    owner, ada, bob = join("Otto", "owner"), join("Ada"), join("Bob")
    task = make_task(owner)
    of_ada, of_bob = lease(ada, task), lease(bob, task)
    assert not set(of_ada) & set(of_bob)
    assert lease(ada, task) == of_ada  # as after a reload
    beat = ada.post(f"{task}/leases/heartbeat", json={"seconds": 300}).json()["leases"]
    assert [held["chip"] for held in beat] == of_ada


def test_giving_back_frees_only_what_is_ones_own(join: Join) -> None:
    owner, ada, bob = join("Otto", "owner"), join("Ada"), join("Bob")
    task = make_task(owner)
    of_ada, of_bob = lease(ada, task, 4), lease(bob, task, 4)
    assert bob.post(f"{task}/leases/release", json={"chips": [of_ada[0], of_bob[0]]}).status_code == 204
    assert counts(owner, task)["leased"] == 7
    assert set(of_ada) == set(lease(ada, task, 4))


def test_closing_the_page_gives_chips_back(client: httpx.Client) -> None:
    """`navigator.sendBeacon` sends text, or nothing at all."""
    task = make_task(client)
    held = lease(client, task, 5)
    beacon = {"Content-Type": "text/plain;charset=UTF-8"}
    body = f'{{"chips": ["{held[0]}"]}}'
    assert client.post(f"{task}/leases/release", content=body, headers=beacon).status_code == 204
    assert counts(client, task)["leased"] == 4
    assert client.post(f"{task}/leases/release").status_code == 204
    assert counts(client, task)["leased"] == 0
    for nonsense in ("[", "[]", '{"chips": 3}', "[" * 50_000, "x" * 200_000, b"\xff"):
        refused = client.post(f"{task}/leases/release", content=nonsense, headers=beacon)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "BadRequest")


def test_many_people_label_everything_once(join: Join, server: Server) -> None:
    chips = [f"more-{number:03d}" for number in range(240)]
    server.project.chips.add([Arrival(_chip(name), b"") for name in chips])
    owner = join("Otto", "owner")
    task = make_task(owner)
    held: Counter[str] = Counter()

    def work(client: httpx.Client) -> int:
        for done in count():
            mine = lease(client, task, 5)
            if not mine:
                return done
            held.update(mine)
            for outcome in put(client, task, *(event(chip, "yes") for chip in mine)):
                assert (outcome["error"], outcome["extra"]) == (None, False)
        raise AssertionError

    annotators = [join(f"Annotator {number}") for number in range(20)]
    with ThreadPoolExecutor(len(annotators)) as threads:
        assert sum(threads.map(work, annotators)) >= 60
    assert len(held) == 300
    assert set(held.values()) == {1}
    assert counts(owner, task) == {"chips": 300, "slots": 300, "free": 0, "leased": 0, "done": 300, "opinions": 300}
    report = owner.get(f"{task}/report").json()
    assert report["progress"] == {"total": 300, "decided": 300, "unsure": 0, "partial": 0, "waiting": 0}
    assert sum(speed["answers"] for speed in report["speed"].values()) == 300
    assert report["classes"] == {"yes": 300, "no": 0}


def test_batch_sent_again_changes_nothing(client: httpx.Client, chip_ids: list[str]) -> None:
    task = make_task(client)
    events = [event(chip, "yes", note="é") for chip in chip_ids[:20]]
    events.append(undo(events[3]))
    first, before = put(client, task, *events), counts(client, task)
    again = put(client, task, *events)
    assert [outcome["label"] for outcome in again] == [outcome["label"] for outcome in first]
    assert all(outcome["replayed"] for outcome in again)
    assert not any(outcome["replayed"] for outcome in first)
    assert counts(client, task) == before
    assert before["done"] == 19
    assert len(client.get(f"{task}/labels").json()["labels"]) == 21


def test_bad_event_stops_no_other(client: httpx.Client, chip_ids: list[str]) -> None:
    task = make_task(client)
    good = [event(chip, "yes") for chip in chip_ids[:3]]
    bad: list[Any] = [
        event(chip_ids[4], "maybe"), event("nobody", "yes"), event(chip_ids[4]), event(chip_ids[4], "yes", "no"),
        event(chip_ids[4], "yes", source="import"), event(chip_ids[4], "yes", annotator="Bob"), "text", None, [], {},
        event(chip_ids[4], "yes", note="x" * 2001), event(chip_ids[4], "yes", id="short"),
        event(chip_ids[4], "yes", seconds=-1), event(chip_ids[4], "yes", decision="erase"),
        {**good[0], "value": ["no"]}, undo({"chip": chip_ids[4], "id": "never-said"}), event(chip_ids[4], "y\0s"),
    ]  # fmt: skip
    outcomes = put(client, task, good[0], *bad, good[1], good[2])
    kept = [outcome["label"]["id"] for outcome in outcomes if outcome["label"]]
    assert kept == [one["id"] for one in good]
    errors = [outcome["error"] for outcome in outcomes if outcome["error"]]
    assert len(errors) == len(bad)
    assert all(set(error) == {"code", "message", "hint"} for error in errors)
    assert Counter(error["code"] for error in errors)["Conflict"] == 1
    assert counts(client, task)["done"] == 3
    for labels in ([], good * 34, "text", None):
        assert client.post(f"{task}/labels", json={"labels": labels}).status_code == 422


def test_twenty_decisions_are_undone_across_a_reload(join: Join) -> None:
    owner, ada, bob = join("Otto", "owner"), join("Ada"), join("Bob")
    task = make_task(owner)
    decisions = [
        event(chip, decision=("unsure", "skip")[number % 2]) if number % 3 == 0 else event(chip, "yes")
        for number, chip in enumerate(lease(ada, task, 20))
    ]
    for said in decisions:
        put(ada, task, said)
    put(bob, task, event(lease(bob, task, 1)[0], "no"))
    for left in range(20, 0, -1):
        mine = ada.get(f"{task}/mine").json()["labels"]  # a page that was loaded anew knows nothing else
        assert [said["id"] for said in mine] == [said["id"] for said in reversed(decisions[:left])]
        assert put(ada, task, undo(mine[0]))[0]["error"] is None
    assert ada.get(f"{task}/mine").json()["labels"] == []
    assert counts(owner, task)["done"] == 1
    assert len(bob.get(f"{task}/mine", params={"limit": 1}).json()["labels"]) == 1


def test_what_i_think_of_chips_is_known_however_long_ago_i_said_it(join: Join) -> None:
    owner, ada, bob = join("Otto", "owner"), join("Ada"), join("Bob")
    task = make_task(owner, opinions=2)
    first, second, third, fourth, fifth, *_ = lease(ada, task, 10)
    long_ago, unsure, undone = event(first, "yes"), event(third, decision="unsure"), event(fourth, "no")
    put(ada, task, event(second, "yes"), long_ago, unsure, undone, undo(undone), event(fifth, decision="skip"))
    put(bob, task, event(second, "no"), event(fourth, "yes"))
    for _ in range(10):  # a hundred at once, until the list of what one said last is full
        last = [event(second, "no") for _ in range(100)]
        put(ada, task, *last)
    newest = ada.get(f"{task}/mine", params={"limit": 1000}).json()["labels"]
    assert {said["chip"] for said in newest} == {second}
    chips = [fifth, fourth, third, second, first, "none"]
    mine = ada.post(f"{task}/mine/query", json={"chips": chips}).json()["labels"]
    assert [said["id"] for said in mine] == [unsure["id"], last[-1]["id"], long_ago["id"]]
    of_bob = bob.post(f"{task}/mine/query", json={"chips": chips}).json()["labels"]
    assert [(said["chip"], said["value"]) for said in of_bob] == [(fourth, ["yes"]), (second, ["no"])]
    assert ada.post(f"{task}/mine/query", json={"chips": [first] * 1001}).status_code == 422


def test_late_answer_is_one_more_opinion(join: Join) -> None:
    owner, ada, bob = join("Otto", "owner"), join("Ada"), join("Bob")
    task = make_task(owner)
    (chip,) = lease(ada, task, 1)
    ada.post(f"{task}/leases/release")  # or it has expired while she was away
    assert lease(bob, task, 1) == [chip]
    assert put(bob, task, event(chip, "no"))[0]["extra"] is False
    late = put(ada, task, event(chip, "yes"))[0]
    assert (late["error"], late["extra"]) == (None, True)
    assert (counts(owner, task)["done"], counts(owner, task)["opinions"]) == (1, 2)


def test_others_events_are_neither_read_nor_undone(join: Join) -> None:
    owner, ada, bob = join("Otto", "owner"), join("Ada"), join("Bob")
    task = make_task(owner, opinions=2)
    (chip,) = lease(ada, task, 1)
    of_ada, of_bob = event(chip, "yes", note="a secret"), event(chip, "no")
    put(ada, task, of_ada)
    stolen = put(bob, task, of_bob, undo(of_ada), {**of_ada, "note": ""}, of_ada)
    assert [outcome["error"] and outcome["error"]["code"] for outcome in stolen] == [None] + ["Conflict"] * 3
    page = bob.get(f"{task}/labels").json()
    assert [said["id"] for said in page["labels"]] == [of_bob["id"]]
    assert "secret" not in bob.get(f"{task}/report").text + bob.get(f"{task}/mine").text
    everything = owner.get(f"{task}/labels", params={"limit": 1}).json()
    assert (everything["labels"][0]["id"], everything["more"]) == (of_ada["id"], True)
    rest = owner.get(f"{task}/labels", params={"after": everything["next"]}).json()
    assert ([said["id"] for said in rest["labels"]], rest["more"]) == ([of_bob["id"]], False)
    assert owner.get(f"{task}/labels", params={"after": rest["next"]}).json() == {**rest, "labels": []}


def test_annotators_see_their_own_speed_and_nobody_elses(join: Join, server: Server) -> None:
    owner, ada, bob = join("Otto", "owner"), join("Ada"), join("Bob")
    task = make_task(owner, opinions=2)
    for client, value in ((ada, "yes"), (bob, "no")):
        put(client, task, *(event(chip, value) for chip in lease(client, task, 3)))
    own = ada.get(f"{task}/report").json()
    assert list(own["speed"]) == [server.project.records.people.find("Ada").id]
    assert (own["agreement"], own["classes"], own["disputed"]) == (None, None, None)
    everybody = owner.get(f"{task}/report").json()
    assert len(everybody["speed"]) == 2
    assert everybody["disputed"] == 3
    assert everybody["agreement"]["alpha"]["value"] < 0
    assert everybody["progress"] == own["progress"]


def test_adjudication_settles_a_dispute(join: Join) -> None:
    owner, ada, bob = join("Otto", "owner"), join("Ada"), join("Bob")
    task = make_task(owner, opinions=2)
    (chip,) = lease(ada, task, 1)
    put(ada, task, event(chip, "yes"))
    put(bob, task, event(chip, "no"))
    (contested,) = owner.get(f"{task}/disputed").json()["chips"]
    assert (contested["chip"]["id"], len(contested["answers"])) == (chip, 2)
    word = {"id": uuid4().hex, "chip": chip, "value": ["yes"], "note": "look at the shore"}
    first, again = (owner.post(f"{task}/adjudications", json=word).json() for _ in range(2))
    assert (first["label"]["source"], first["replayed"], again["replayed"]) == ("adjudication", False, True)
    assert owner.get(f"{task}/disputed").json() == {"chips": [], "total": 0}
    assert owner.get(f"{task}/report").json()["classes"] == {"yes": 1, "no": 0}
    unsure = {"id": uuid4().hex, "chip": chip, "value": None}
    assert owner.post(f"{task}/adjudications", json=unsure).json()["label"]["decision"] == "unsure"
    assert owner.get(f"{task}/report").json()["progress"]["unsure"] == 1
    assert put(owner, task, undo(unsure))[0]["error"] is None
    assert owner.get(f"{task}/report").json()["classes"] == {"yes": 1, "no": 0}
    wrong = {**word, "id": uuid4().hex, "value": ["maybe"]}
    assert owner.post(f"{task}/adjudications", json=wrong).status_code == 400
    assert owner.post(f"{task}/adjudications", json={**word, "chip": "nobody"}).status_code in {404, 409}


def test_labels_made_elsewhere_are_taken_over_once(client: httpx.Client, chip_ids: list[str]) -> None:
    folders = make_task(client, classes=["field", "water"])
    assert client.post(f"{folders}/imports", json={"labels": "folders"}).json() == {"added": len(chip_ids)}
    assert client.post(f"{folders}/imports", json={"labels": "folders"}).json() == {"added": 0}
    assert counts(client, folders)["done"] == len(chip_ids)
    task = make_task(client)
    rows = [{"chip": chip, "classes": ["yes"]} for chip in chip_ids[:7]]
    assert client.post(f"{task}/imports", json={"labels": rows}).json() == {"added": 7}
    for bad, status in (("nobody", 404), (chip_ids[8], 400)):
        row = {"chip": bad, "classes": ["maybe"]}
        assert client.post(f"{task}/imports", json={"labels": [row]}).status_code == status
    assert client.post(f"{task}/imports", json={"labels": "files"}).status_code == 422


def test_report_follows_what_is_said(client: httpx.Client, chip_ids: list[str]) -> None:
    task = make_task(client)
    for number, chip in enumerate(chip_ids[:5], 1):
        put(client, task, event(chip, "yes"))
        deadline = time.monotonic() + 20  # a machine so slow that the report took long may show the last one
        while client.get(f"{task}/report").json()["progress"]["decided"] != number:
            assert time.monotonic() < deadline
    more = [{"chip": chip, "classes": ["no"]} for chip in chip_ids[5:7]]
    client.post(f"{task}/imports", json={"labels": more})
    assert counts(client, task)["done"] == 7


def _chip(name: str) -> Chip:
    return Chip(id=name, media_type="image/png", width=1, height=1, sha256="0" * 64, origin=name)


def test_reports_that_take_long_hold_no_lease_up(
    client: httpx.Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_task(client)
    go_on = Event()
    monkeypatch.setattr(server.project.tasks, "report", lambda _task: go_on.wait(20) and None)
    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(httpx.get, f"{server.url}/api/v1{task}/report", timeout=30) for _ in range(45)]
        time.sleep(0.5)
        assert len(lease(client, task)) == 10  # else they wait for one another until the client gives up
        assert not any(answer.done() for answer in asked)
        go_on.set()


def test_who_labels_does_not_see_what_others_took_a_chip_for(join: Join, server: Server) -> None:
    owner, ada, viewer = join("Otto", "owner"), join("Ada"), join("Vi", "viewer")
    url = "https://gibs.example.org/0/0.jpg"
    server.project.chips.add([Arrival(replace(_chip("of a server"), origin=url, folder="ice"), b"")])
    server.project.chips.add([Arrival(replace(_chip("of a disk"), origin="/home/olga/ice/1.png", folder="ice"), b"")])
    task = make_task(owner, chips=[{"chip": "of a server"}, {"chip": "of a disk"}])

    def told(client: httpx.Client) -> list[tuple[str, str | None]]:
        found = client.post("/chips/query", json={"ids": ["of a server", "of a disk"]}).json()["chips"]
        (listed,) = client.get("/chips", params={"start": CHIPS + 1}).json()["chips"]
        assert client.get("/chips/of a disk").json() == listed == found[1]
        return [(chip["origin"], chip["folder"]) for chip in found]

    assert told(ada) == [(url, None), ("", None)]
    assert told(viewer) == told(owner) == [(url, "ice"), ("ice/1.png", "ice")]
    for client in (ada, owner):
        leases = client.post(f"{task}/leases").json()["leases"]
        assert all((held["chip"]["folder"], held["chip"]["origin"]) in ((None, ""), (None, url)) for held in leases)
        client.post(f"{task}/leases/release")


def test_leases_need_no_body(client: httpx.Client) -> None:
    task = make_task(client)
    assert len(client.post(f"{task}/leases").json()["leases"]) == 10
    assert len(client.post(f"{task}/leases/heartbeat").json()["leases"]) == 10


def test_list_counts_a_task_once_a_second(
    client: httpx.Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_task(client)
    counted: list[str] = []
    really = server.project.tasks.store.counts

    def counts_of(task: str) -> Counts:
        counted.append(task)
        return really(task)

    # Only a look inside tells how often it is asked.
    monkeypatch.setattr(server.project.tasks.store, "counts", counts_of)
    monkeypatch.setattr("earthcurator.project.tasks.COUNTED_SECONDS", 60.0)
    for _ in range(5):
        assert client.get("/tasks").json()["tasks"][0]["counts"]["free"] == CHIPS
    assert len(counted) == 1
