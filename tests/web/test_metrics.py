"""What those who run a server ask of it: figures, whether it can work, and a log that programs read."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import earthcurator as ec
from earthcurator.errors import Busy, NotReady, StorageFailed
from earthcurator.jobs import Embed, request
from earthcurator.web.health import Readiness
from earthcurator.web.lanes import Lane
from earthcurator.web.metrics import Metrics
from tests.cli.test_serve import started

from .conftest import Serve, Server


def figures(text: str) -> dict[tuple[str, ...], float]:
    """Every sample: its name and the values of its labels → its value."""
    families = text_string_to_metric_families(text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def scrape(server: Server, **options: Any) -> dict[tuple[str, ...], float]:
    answer = httpx.get(f"{server.url}/metrics", **options)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return figures(answer.text)


# -- figures ---------------------------------------------------------------------------------------------------------


def test_requests_are_counted_by_the_template_of_their_route(server: Server, client: httpx.Client) -> None:
    task = client.post("/tasks", json={"question": "Is there smoke?", "classes": ["smoke", "clear"]}).json()["task"][
        "id"
    ]
    for _ in range(3):
        client.get(f"/tasks/{task}")
    client.get("/tasks/nothing")
    client.get("/no-such-path")
    client.request("PROPFIND", "/tasks")
    counted = scrape(server)
    assert counted["curator_http_requests_total", "GET", "/tasks/{task}", "200"] == 3
    assert counted["curator_http_requests_total", "GET", "/tasks/{task}", "404"] == 1
    assert counted["curator_http_requests_total", "GET", "other", "404"] == 1
    assert any(key[:2] == ("curator_http_requests_total", "other") for key in counted)
    assert not any("PROPFIND" in key for key in counted)
    assert counted["curator_http_request_seconds_count", "GET", "/tasks/{task}"] == 4
    assert counted["curator_http_requests_open",] == 1  # the one that asks


def test_labels_are_counted_once_and_nobody_is_named(server: Server, client: httpx.Client, chip_ids: list[str]) -> None:
    task = client.post("/tasks", json={"question": "Is there smoke?", "classes": ["smoke", "clear"]}).json()["task"][
        "id"
    ]
    label = {"id": uuid4().hex, "chip": chip_ids[0], "decision": "label", "value": ["smoke"]}
    for _ in range(2):
        assert client.post(f"/tasks/{task}/labels", json={"labels": [label]}).status_code == 200
    client.get(f"/chips/{chip_ids[0]}")
    text = httpx.get(f"{server.url}/metrics").text
    assert figures(text)["curator_labels_written_total",] == 1
    assert not any(name in text for name in (*chip_ids, task, server.project.location))


def test_jobs_are_counted_by_state(server: Server) -> None:
    for _ in range(2):
        request(server.project, Embed())
    assert scrape(server)["curator_jobs", "waiting"] == 2


def test_search_is_timed(server: Server, client: httpx.Client, chip_ids: list[str]) -> None:
    assert client.post("/search", json={"positives": [{"chip": chip_ids[0]}]}).status_code == 200
    assert scrape(server)["curator_lane_seconds_count", "search"] >= 1


def test_lane_shows_who_is_in_it_and_who_was_refused() -> None:
    metrics = Metrics()
    lane = Lane("pictures", threads=1, waiting=1, metrics=metrics)
    with lane.admit(), lane.admit():
        with pytest.raises(Busy):
            asyncio.run(lane.run(lambda: None))
        counted = figures(metrics.text({}).decode())
        assert counted["curator_lane_requests", "pictures"] == 2
        assert counted["curator_lane_refused_total", "pictures"] == 1
    assert figures(metrics.text({}).decode())["curator_lane_requests", "pictures"] == 0


@pytest.fixture
def metrics_token(monkeypatch: pytest.MonkeyPatch) -> str:
    """Set before the project is opened."""
    monkeypatch.setenv("CURATOR_METRICS_TOKEN", "a-token-for-figures")
    return "a-token-for-figures"


def test_figures_are_for_owners_and_for_the_token_alone(metrics_token: str, serve: Serve, project: ec.Project) -> None:
    people = project.records.people
    owner, curator = (people.issue(people.add(role, role).id, kind="token") for role in ("owner", "curator"))

    def status(path: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.get(f"{server.url}{path}", headers=headers).status_code

    with serve() as server:
        assert status("/metrics", owner) == 200
        assert status("/metrics", curator) == 403
        assert status("/metrics", "") == 401
        assert status("/metrics", f"{metrics_token}s") == 401
        assert status("/metrics", metrics_token) == 200
        assert status("/api/v1/project", metrics_token) == 401


# -- readiness -------------------------------------------------------------------------------------------------------


def test_ready_server_says_so_to_anybody(serve: Serve, project: ec.Project) -> None:
    project.records.people.add("Ada", "owner")
    with serve() as server:
        answer = httpx.get(f"{server.url}/readyz", timeout=20)
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")


def test_server_whose_storage_is_gone_is_alive_and_not_ready(server: Server) -> None:
    chips = Path(server.project.location) / "chips.lance"
    chips.rename(chips.with_suffix(".away"))
    refused = httpx.get(f"{server.url}/readyz", timeout=20)
    assert refused.status_code == 503
    assert refused.json()["error"]["code"] == "NotReady"
    assert refused.json()["error"]["message"] == "the storage does not answer"
    assert int(refused.headers["retry-after"]) > 0
    assert server.project.location not in refused.text
    assert httpx.get(f"{server.url}/healthz").status_code == 200
    chips.with_suffix(".away").rename(chips)
    assert httpx.get(f"{server.url}/readyz", timeout=20).status_code == 200


def test_part_that_hangs_is_named_and_asked_once() -> None:
    released, asked = threading.Event(), []

    def hang() -> None:
        asked.append(1)
        released.wait()

    async def ask() -> list[BaseException | None]:
        readiness = Readiness([("the database", lambda: None), ("the storage", hang)], seconds=0.1)
        answers = await asyncio.gather(*(readiness.check() for _ in range(5)), return_exceptions=True)
        released.set()
        await readiness.check()
        return answers

    answers = asyncio.run(ask())
    assert [str(error) for error in answers] == ["the storage has not answered for 0.1 seconds"] * 5
    assert all(isinstance(error, NotReady) for error in answers)
    assert len(asked) == 1


def test_database_that_fails_is_named() -> None:
    def fail() -> None:
        raise StorageFailed("the disk of /srv/secret is full")

    with pytest.raises(NotReady, match=r"^the database does not answer$"):
        asyncio.run(Readiness([("the database", fail)]).check())


# -- the log ---------------------------------------------------------------------------------------------------------


def test_log_in_json_tells_of_each_request_by_its_id(project: ec.Project) -> None:
    with started(Path(project.location), "serve", "--port", 0, "--log-format", "json") as server:
        headers = {"X-Request-ID": "from-a-proxy"}
        httpx.get(f"{server.address}/api/v1/tasks/nothing", headers=headers, timeout=20)
        httpx.get(f"{server.address}/healthz", timeout=20)
        line = json.loads(server.said("from-a-proxy"))
        assert line["request"] == "from-a-proxy"
        assert (line["method"], line["route"], line["status"]) == ("GET", "/tasks/{task}", 404)
        assert line["level"] == "INFO"
        assert line["milliseconds"] >= 0
        assert server.stop(signal.SIGTERM) == 0
        assert not any("healthz" in said for said in server.words)
