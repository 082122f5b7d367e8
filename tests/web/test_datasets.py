"""Datasets over HTTP: what exports have written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import earthcurator as ec
from earthcurator.jobs import Runner

SECONDS = 20.0


@pytest.fixture(autouse=True)
def running(project: ec.Project) -> Iterator[Runner]:
    """Somebody who does the jobs."""
    with Runner(project, told_seconds=0.02, poll_seconds=0.02) as runner:
        yield runner


def exported(client: httpx.Client, **parameters: Any) -> str:
    job = client.post("/jobs", json={"kind": "export", "parameters": parameters}).json()
    deadline = time.monotonic() + SECONDS
    while (state := client.get(f"/jobs/{job['id']}").json()["state"]) in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert state == "done"
    return str(job["id"])


def test_list_tells_of_each_export_what_it_holds_the_newest_first(client: httpx.Client) -> None:
    first, second = exported(client, format="csv"), exported(client, format="geojson", split="time", seed=7)
    third = exported(client, format="geojson", split="time", seed=7)
    told = client.get("/datasets").json()
    assert [dataset["id"] for dataset in told["datasets"]] == [third, second, first]
    assert told["bytes"] == sum(dataset["bytes"] for dataset in told["datasets"]) > 0
    newest, middle, oldest = told["datasets"]
    assert (newest["chips"], newest["recipe"]["format"], newest["recipe"]["split"]) == (60, "geojson", "time")
    assert newest["fingerprint"] == middle["fingerprint"] != oldest["fingerprint"]
    assert len(newest["fingerprint"]) == 64


def test_card_and_map_are_shown_without_fetching_the_dataset(client: httpx.Client) -> None:
    name = exported(client, format="csv")
    card = client.get(f"/datasets/{name}/card")
    assert card.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "60 labelled pictures" in card.text
    drawn = client.get(f"/datasets/{name}/map")
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<svg" in drawn.text


def test_deleted_dataset_stays_known_and_takes_no_room(client: httpx.Client) -> None:
    name = exported(client, format="csv")
    assert [client.delete(f"/datasets/{name}").status_code for _ in range(2)] == [204, 204]
    told = client.get("/datasets").json()
    assert (told["datasets"][0]["here"], told["bytes"]) == (False, 0)
    for path in (f"/jobs/{name}/file", f"/datasets/{name}/card"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]["hint"]) == (404, "export again")


def test_only_exports_are_datasets(client: httpx.Client) -> None:
    job = client.post("/jobs", json={"kind": "embed"}).json()["id"]
    assert client.get("/datasets").json() == {"datasets": [], "bytes": 0}
    assert client.delete(f"/datasets/{job}").status_code == 404
    assert client.get("/datasets/nothing/card").status_code == 404
