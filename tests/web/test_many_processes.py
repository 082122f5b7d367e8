"""Four servers of one project, on an S3 server and PostgreSQL, each with a cache of its own: they are as good as one.

Clients choose a server at random for every request, as a load balancer does.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
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
from tests.conftest import picture
from tests.forks import curator
from tests.postgres import PostgresServer
from tests.store.conftest import KEY, SECRET, S3Server, s3  # noqa: F401 - a fixture
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
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        answer = httpx.post(f"{url}/api/v1{path}", json=body, headers=headers, timeout=20)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def new_task(self, url: str) -> str:
        """A task about all chips, with one opinion for each."""
        made = self.post(url, "owner", "/tasks", {"question": uuid4().hex, "classes": ["smoke", "clear"]})
        return str(made["task"]["id"])

    def kept(self, url: str, task: str) -> list[str]:
        """Ids of the events of a task, as a server tells them."""
        headers = {"Authorization": f"Bearer {self.tokens['owner']}"}
        answer = httpx.get(f"{url}/api/v1/tasks/{task}/labels?limit=1000", headers=headers, timeout=20)
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


def test_every_server_finds_what_one_machine_finds(site: Site) -> None:
    with ec.open(site.local) as project:
        chips = [chip.id for chip in project.chips.all()]
        queries = [
            ec.Query(positives=[chips[0]], k=10),
            ec.Query(positives=chips[:2], negatives=[chips[3]], k=10),
            ec.Query(positives=[chips[5]], filter=ec.Filter(folders=("water",)), k=5),
        ]
        expected = [[(hit.chip, hit.score) for hit in project.search(query).hits] for query in queries]
    for url in site.urls:
        for query, hits in zip(queries, expected, strict=True):
            body = {
                "positives": [{"chip": chip} for chip in query.positives],
                "negatives": [{"chip": chip} for chip in query.negatives],
                "filter": {"folders": list(query.filter.folders)},
                "k": query.k,
            }
            found = [(hit["chip"], hit["score"]) for hit in site.post(url, "owner", "/search", body)["hits"]]
            assert [chip for chip, _ in found] == [chip for chip, _ in hits]
            assert [score for _, score in found] == pytest.approx([score for _, score in hits], abs=1e-6)


def test_what_one_machine_brings_in_every_server_finds_at_once(site: Site) -> None:
    write_pictures(site.folder / "more", range(100, 104))
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
