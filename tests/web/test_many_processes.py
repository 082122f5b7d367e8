"""Four servers of one project, on an S3 server and PostgreSQL, each with a cache of its own: they are as good as one.

Clients choose a server at random for every request, as a load balancer does.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import earthcurator as ec
from earthcurator.web.app import create_app
from earthcurator.web.serving import Serving
from tests.conftest import picture
from tests.forks import curator
from tests.postgres import PostgresServer
from tests.store.conftest import KEY, SECRET, S3Server, s3  # noqa: F401 - a fixture
from tests.web.conftest import served
from tests.web.test_kill_server import free_port

pytestmark = pytest.mark.slow

SERVERS = 4
PICTURES = 24
PEOPLE = ("ana", "ben", "eva", "tim")


@dataclass
class Site:
    """A project that several servers serve, and a copy of it in a folder."""

    folder: Path
    location: str
    local: str
    tokens: dict[str, str]
    environment: dict[str, str]
    urls: list[str]

    def start(self, name: str) -> tuple[str, BaseProcess]:
        """One more server, with an empty cache."""
        port, errors = free_port(), self.folder / f"{name}.txt"
        process = curator(
            *("--project", self.location, "serve", "--port", str(port)),
            errors=errors,
            environment={**self.environment, "CURATOR_CACHE": str(self.folder / name)},
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 200:
                    return f"http://127.0.0.1:{port}", process
            except httpx.TransportError:
                assert process.is_alive(), errors.read_text()
            assert time.monotonic() < deadline, errors.read_text()
            time.sleep(0.05)

    def post(self, url: str, who: str, path: str, body: dict[str, Any]) -> Any:
        """What a server answers to this person."""
        answer = self.ask(url, who, "POST", path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def ask(self, url: str, who: str, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer of a server to this person, whatever it is."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return httpx.request(method, f"{url}/api/v1{path}", headers=headers, timeout=20, **options)

    def new_task(self, url: str) -> str:
        """A task about all chips, with one opinion for each."""
        made = self.post(url, "owner", "/tasks", {"question": uuid4().hex, "classes": ["smoke", "clear"]})
        return str(made["task"]["id"])

    def kept(self, url: str, task: str) -> list[str]:
        """Ids of the events of a task, as a server tells them."""
        answer = self.ask(url, "owner", "GET", f"/tasks/{task}/labels?limit=1000")
        return [label["id"] for label in answer.json()["labels"]]


@pytest.fixture(scope="module")
def site(
    s3: S3Server,  # noqa: F811
    postgresql: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """Four servers of a project with 24 chips."""
    folder = tmp_path_factory.mktemp("many")
    environment = {
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "CURATOR_DATABASE_URL": postgresql.new_database(),
        "CURATOR_CACHE": str(folder / "cache"),
    }
    location, local = f"s3://ready/{uuid4().hex}", str(folder / "project")
    write_pictures(folder / "pictures", range(PICTURES))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        for where in (location, local):
            with ec.create(where) as project:
                project.import_pictures([folder / "pictures"])
                project.embed()
        with ec.open(location) as project:
            people = project.records.people
            roles = {"owner": "owner", **dict.fromkeys(PEOPLE, "annotator")}
            tokens = {name: people.issue(people.add(name, role).id, kind="token") for name, role in roles.items()}  # type: ignore[arg-type]  # roles by name
        site = Site(folder, location, local, tokens, environment, [])
        started = [site.start(f"server-{number}") for number in range(SERVERS)]
        site.urls = [url for url, _ in started]
        yield site
        for _, process in started:
            process.kill()
            process.join()


def write_pictures(folder: Path, numbers: range) -> None:
    for number in numbers:
        place = folder / ("field", "water")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        picture(number).save(place / f"{number:05d}.png")


# -- search ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alone(site: Site) -> Iterator[str]:
    """The address of a server of the copy in a folder, on SQLite and without accounts."""
    listening = socket.create_server(("127.0.0.1", 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CURATOR_DATABASE_URL")
        project = ec.open(site.local)
    app = create_app(project, Serving(port=listening.getsockname()[1]))
    with project, served(app, project, listening) as server:
        yield server.url


SEARCHES: dict[str, tuple[int, dict[str, Any]]] = {
    "one example": (200, {"positives": [0]}),
    "examples and counterexamples": (200, {"positives": [1, 2], "negatives": [3, 4], "k": 20}),
    "a folder": (200, {"positives": [0], "filter": {"folders": ["water"]}}),
    "dates": (200, {"positives": [0], "filter": {"dates": "2020"}}),
    "scores": (200, {"positives": [5], "scores": [0.2, 0.9], "k": 20}),
    "without near-duplicates": (200, {"positives": [5], "collapse": 0.9, "k": 20}),
    "a mixture": (200, {"positives": [5], "diversity": 0.5, "k": 8}),
    "an encoder that has no vectors": (409, {"positives": [0], "encoder": "lite0-224"}),
    "no example": (400, {"positives": []}),
    "too many hits": (422, {"positives": [0], "k": 10_001}),
}
"""What is asked, with examples by their place among the chips, and the status of the answer."""


@pytest.mark.parametrize("name", SEARCHES)
def test_every_server_answers_a_search_as_one_machine_does(site: Site, alone: str, name: str) -> None:
    with ec.open(site.local) as project:
        chips = [chip.id for chip in project.chips.all()]
    status, asked = SEARCHES[name]
    examples = {side: [{"chip": chips[at]} for at in asked.get(side, ())] for side in ("positives", "negatives")}
    expected = httpx.post(f"{alone}/api/v1/search", json={**asked, **examples}, timeout=20)
    assert expected.status_code == status
    for url in site.urls:
        answer = site.ask(url, "owner", "POST", "/search", json={**asked, **examples})
        assert answer.status_code == status
        assert answer.json() | {"seconds": 0} == expected.json() | {"seconds": 0}


def test_picture_that_one_server_was_given_is_an_example_at_every_other(site: Site, alone: str) -> None:
    content = (site.folder / "pictures" / "water" / "00007.png").read_bytes()
    expected = httpx.post(f"{alone}/api/v1/search/upload", files={"positive": content}, timeout=20).json()["hits"]
    kept = site.ask(site.urls[0], "ana", "POST", "/examples", content=content).json()["id"]
    for url in site.urls:
        assert site.post(url, "ana", "/search", {"positives": [{"example": kept}]})["hits"] == expected
        answer = site.ask(url, "ana", "POST", "/search/upload", files={"positive": content})
        assert answer.json()["hits"] == expected


def test_every_server_ranks_by_what_was_said_at_all_of_them(site: Site) -> None:
    task = site.new_task(site.urls[0])
    with ec.open(site.location) as project:
        classes = {chip.id: chip.folder for chip in project.chips.all()}
    for url, (chip, folder) in zip(cycle(site.urls), sorted(classes.items())[:12], strict=False):
        value = "smoke" if folder == "water" else "clear"
        event = {"id": uuid4().hex, "chip": chip, "decision": "label", "value": [value]}
        site.post(url, "owner", f"/tasks/{task}/labels", {"labels": [event]})
    found = [site.post(url, "owner", "/search", {"task": task, "k": 20}) for url in site.urls]
    assert {one["learnt_from"] for one in found} == {12}
    assert all(one["hits"] == found[0]["hits"] for one in found)


def test_encoder_that_is_chosen_at_one_server_is_soon_that_of_all(site: Site) -> None:
    def choose(encoder: str) -> str:
        answer = site.ask(site.urls[0], "owner", "PUT", "/encoders/default", json={"encoder": encoder})
        return str(answer.json()["id"])

    def used(url: str) -> str:
        return str(site.post(url, "owner", "/search", {"positives": [{"chip": chip}], "k": 1})["encoder"])

    with ec.open(site.location) as project:
        before, chip = str(project.default_encoder), next(project.chips.all()).id
        other = "lite0-128" if project.encoder().card.name != "lite0-128" else "lite0-64"
        project.embed(other)
    try:
        chosen = choose(other)
        assert chosen != before
        deadline = time.monotonic() + 20
        while {used(url) for url in site.urls} != {chosen}:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        choose(before)
    while {used(url) for url in site.urls} != {before}:  # for the tests that follow
        time.sleep(0.1)


def test_what_one_machine_brings_in_every_server_finds_at_once(site: Site) -> None:
    write_pictures(site.folder / "more", range(100, 104))
    with ec.open(site.local) as copy:  # so that both have the same, whichever test comes next
        copy.import_pictures([site.folder / "more"])
        copy.embed()
    with ec.open(site.location) as project:
        before = len(project.chips)
        added = project.import_pictures([site.folder / "more"]).added
        project.embed()
        new = [chip.id for chip in project.chips.all()][-1]
    for url in site.urls:
        found = site.post(url, "owner", "/search", {"positives": [{"chip": new}], "k": 3})
        assert found["searched"] == before + added
        assert found["hits"][0]["chip"] == new


# -- labels ----------------------------------------------------------------------------------------------------------


class Labelling(RuleBasedStateMachine):
    """People who lease, answer, repeat and undo, each time at another server, and a small model of the truth."""

    site: Site

    @initialize(server=st.integers(0, SERVERS - 1))
    def begin(self, server: int) -> None:
        self.task = f"/tasks/{self.site.new_task(self.site.urls[server])}"
        self.held: dict[str, str] = {}
        self.said: dict[str, tuple[str, str]] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []

    @rule(server=st.integers(0, SERVERS - 1), who=st.sampled_from(PEOPLE), count=st.integers(1, 3))
    def lease(self, server: int, who: str, count: int) -> None:
        """Nobody gets a chip that another has, or that is answered."""
        asked = {"count": count, "seconds": 600}
        for lease in self.site.post(self.site.urls[server], who, f"{self.task}/leases", asked)["leases"]:
            chip = lease["chip"]["id"]
            assert self.held.get(chip, who) == who
            assert chip not in self.said
            self.held[chip] = who

    @precondition(lambda self: self.held)
    @rule(server=st.integers(0, SERVERS - 1), pick=st.randoms(use_true_random=False))
    def answer(self, server: int, pick: random.Random) -> None:
        chip, who = pick.choice(sorted(self.held.items()))
        event: dict[str, Any] = {"id": uuid4().hex, "chip": chip, "decision": "label", "value": ["smoke"]}
        outcome = self.put(server, who, event)
        assert not outcome["replayed"]
        assert not outcome["extra"]
        del self.held[chip]
        self.said[chip] = (who, event["id"])

    @precondition(lambda self: self.events)
    @rule(server=st.integers(0, SERVERS - 1), pick=st.randoms(use_true_random=False))
    def repeat(self, server: int, pick: random.Random) -> None:
        who, event = pick.choice(self.events)
        assert self.put(server, who, event, again=True)["replayed"]

    @precondition(lambda self: self.said)
    @rule(server=st.integers(0, SERVERS - 1), pick=st.randoms(use_true_random=False))
    def undo(self, server: int, pick: random.Random) -> None:
        chip, (who, voids) = pick.choice(sorted(self.said.items()))
        self.put(server, who, {"id": uuid4().hex, "chip": chip, "decision": "undo", "voids": voids})
        del self.said[chip]

    @rule(server=st.integers(0, SERVERS - 1))
    def look(self, server: int) -> None:
        """Every server tells every event, in one order."""
        kept = self.site.kept(self.site.urls[server], self.task.rpartition("/")[2])
        assert kept == [event["id"] for _, event in self.events]

    def put(self, server: int, who: str, event: dict[str, Any], *, again: bool = False) -> Any:
        outcome = self.site.post(self.site.urls[server], who, f"{self.task}/labels", {"labels": [event]})["outcomes"][0]
        assert outcome["error"] is None, outcome
        if not again:
            self.events.append((who, event))
        return outcome


def test_labels_agree_with_a_model_whichever_server_is_asked(site: Site) -> None:
    Labelling.site = site
    run_state_machine_as_test(
        Labelling,
        settings=settings(
            max_examples=6,
            stateful_step_count=20,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_server_that_is_told_to_stop_while_people_label_loses_nothing(site: Site) -> None:
    url, process = site.start("stopped")
    urls, task = [*site.urls[:3], url], site.new_task(site.urls[0])
    acknowledged: list[tuple[str, str]] = []
    faults: list[object] = []

    def work(who: str) -> None:
        rng = random.Random(who)

        def ask(path: str, body: dict[str, Any]) -> Any:
            while True:
                try:
                    return site.post(rng.choice(urls), who, f"/tasks/{task}/{path}", body)
                except httpx.TransportError:
                    time.sleep(0.05)  # that server is gone: another is asked the same

        try:
            while leases := ask("leases", {"count": 2, "seconds": 600})["leases"]:
                for lease in leases:
                    event = {"id": uuid4().hex, "chip": lease["chip"]["id"], "decision": "label", "value": ["smoke"]}
                    outcome = ask("labels", {"labels": [event]})["outcomes"][0]
                    if outcome["error"] or outcome["extra"]:
                        faults.append(outcome)
                    acknowledged.append((str(event["id"]), lease["chip"]["id"]))
        except AssertionError as error:
            faults.append(error)

    team = [threading.Thread(target=work, args=(who,)) for who in PEOPLE]
    for one in team:
        one.start()
    while len(acknowledged) < PICTURES // 3 and not faults:
        time.sleep(0.01)
    process.terminate()
    for one in team:
        one.join(120)
    process.join(30)
    assert not faults
    assert process.exitcode == 0
    kept = site.kept(site.urls[0], task)
    assert sorted(kept) == sorted(event for event, _ in acknowledged)
    chips = [chip for _, chip in acknowledged]
    assert len(chips) == len(set(chips)) >= PICTURES
