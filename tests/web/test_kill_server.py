"""kill -9 of the server, and of its PostgreSQL, while people label: every label that was acknowledged is there."""

from __future__ import annotations

import random
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

import earthcurator as ec
from earthcurator.settings import Settings
from tests.forks import curator
from tests.postgres import PostgresServer

pytestmark = pytest.mark.slow

KILLS = 50
KILLS_OF_POSTGRESQL = 5
ANNOTATORS = 6
CHIPS = 200
OPINIONS = 99  # so that the annotators do not run out of work
RESTART_SECONDS = 5.0
THINK_SECONDS = 0.02  # or the annotators leave no time to the server
DOWN_SECONDS = 0.05


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Team:
    """Annotators at work, who send again what was not acknowledged, under the same id."""

    url: str
    task: str
    tokens: list[str]
    acknowledged: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def working(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._work, args=(token,)) for token in self.tokens]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(60)

    def say_more(self, labels: int) -> None:
        """Return when so many more labels were acknowledged."""
        wanted, deadline = len(self.acknowledged) + labels, time.monotonic() + 60
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, "nobody can label"
            time.sleep(0.005)

    def _work(self, token: str) -> None:
        url, headers = f"{self.url}/api/v1/tasks/{self.task}", {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=20, verify=False) as client:
            while not self._stop.is_set():
                try:
                    self._label_some(client)
                except httpx.TransportError:
                    self._stop.wait(DOWN_SECONDS)  # the server is down

    def _label_some(self, client: httpx.Client) -> None:
        leases = self._post(client, "/leases", {"count": 5, "seconds": 60})["leases"]
        for lease in leases:
            event: dict[str, object] = {
                "id": uuid4().hex,
                "chip": lease["chip"]["id"],
                "decision": "label",
                "value": ["smoke"],
            }
            self._answer(client, event)
        if not leases:
            self._stop.wait(0.2)

    def _answer(self, client: httpx.Client, event: dict[str, object]) -> None:
        while not self._stop.is_set():
            try:
                outcome = self._post(client, "/labels", {"labels": [event]})["outcomes"][0]
            except httpx.TransportError:
                self._stop.wait(DOWN_SECONDS)
                continue
            self._stop.wait(THINK_SECONDS)
            if outcome.get("error"):
                self.faults.append(str(outcome))
            else:
                self.acknowledged.add(str(event["id"]))
            return

    def _post(
        self, client: httpx.Client, path: str, body: dict[str, object]
    ) -> dict[str, list[dict[str, dict[str, str]]]]:
        answer = client.post(path, json=body)
        if answer.status_code >= 500:  # its database is down
            raise httpx.ReadError(answer.text)
        assert answer.status_code == 200, answer.text
        found: dict[str, list[dict[str, dict[str, str]]]] = answer.json()
        return found


@dataclass
class Server:
    """`curator serve` in a process of its own."""

    project: Path
    port: int
    database: str | None = None
    process: BaseProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start it; returns after how many seconds it answered."""
        started = time.monotonic()
        self.process = curator(
            *("--project", str(self.project), "serve", "--port", str(self.port)),
            errors=self.project / "errors.txt",
            environment={"CURATOR_DATABASE_URL": self.database} if self.database else {},
        )
        while True:
            try:
                httpx.get(f"{self.url}/healthz", timeout=5).raise_for_status()
                return time.monotonic() - started
            except httpx.TransportError:
                assert self.process.is_alive(), (self.project / "errors.txt").read_text()
                assert time.monotonic() - started < 60
                time.sleep(0.02)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.join()


@dataclass
class Site:
    """A project with a task for a team, and how to open it again."""

    folder: Path
    settings: Settings
    task: str
    tokens: list[str]

    def labels(self) -> list[str]:
        """Ids of all that is kept."""
        with ec.open(self.folder, settings=self.settings) as project:
            return [label.id for label in project.tasks.store.events(self.task)]


@pytest.fixture
def make_site(tmp_path: Path, make_pictures: Callable[..., Path]) -> Callable[..., Site]:
    def make(database_url: str | None = None) -> Site:
        settings = Settings(database_url=database_url)
        with ec.create(tmp_path / "site", settings=settings) as project:
            project.import_pictures([make_pictures(CHIPS)])
            task = project.tasks.create("Is there smoke?", ("smoke", "clear"), opinions=OPINIONS)
            people = project.records.people
            people.add("owner", "owner")
            names = [people.add(f"annotator {number}", "annotator") for number in range(ANNOTATORS)]
            tokens = [people.issue(person.id, kind="token") for person in names]
        return Site(tmp_path / "site", settings, task.id, tokens)

    return make


def test_kill_of_the_server_loses_no_acknowledged_label(make_site: Callable[..., Site]) -> None:
    site = make_site()
    server = Server(site.folder, free_port())
    team = Team(server.url, site.task, site.tokens)
    rng, restarts = random.Random(0), []
    usual = server.start()
    try:
        with team.working():
            for _ in range(KILLS):
                team.say_more(rng.randint(1, 10))
                time.sleep(rng.uniform(0, 0.02))  # in the midst of another
                server.kill()
                restarts.append(server.start())
    finally:
        server.kill()
    kept = site.labels()
    assert not team.faults
    assert len(team.acknowledged) > KILLS
    assert team.acknowledged <= set(kept)
    assert len(kept) == len(set(kept))
    # A machine on which any start takes long is not what is tested.
    assert sorted(restarts)[len(restarts) // 2] < max(RESTART_SECONDS, 2 * usual)
    with closing(sqlite3.connect(site.folder / "labels.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_kill_of_postgresql_loses_no_acknowledged_label(make_site: Callable[..., Site]) -> None:
    database = PostgresServer(durable=True)
    try:
        site = make_site(database.new_database())
        server = Server(site.folder, free_port(), site.settings.database_url)
        team = Team(server.url, site.task, site.tokens)
        rng = random.Random(0)
        server.start()
        try:
            with team.working():
                for _ in range(KILLS_OF_POSTGRESQL):
                    team.say_more(rng.randint(1, 20))
                    time.sleep(rng.uniform(0, 0.02))
                    database.crash()
                    team.say_more(2)
        finally:
            server.kill()
        kept = site.labels()
    finally:
        database.stop()
    assert not team.faults
    assert team.acknowledged <= set(kept)
    assert len(kept) == len(set(kept))
