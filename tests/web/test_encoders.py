"""Encoders over HTTP."""

from __future__ import annotations

import httpx

import earthcurator as ec

from .conftest import CHIPS


def test_list_tells_what_each_has_seen_and_which_is_used(client: httpx.Client, project: ec.Project) -> None:
    told = client.get("/encoders").json()
    by_id = {entry["id"]: entry for entry in told["encoders"]}
    assert told["default"] == project.default_encoder
    assert told["chips"] == CHIPS
    assert {entry["id"]: entry["vectors"] for entry in told["encoders"]} == {
        name: CHIPS if name == project.default_encoder else 0 for name in by_id
    }
    assert [entry["id"] for entry in told["encoders"] if entry["default"]] == [project.default_encoder]
    assert by_id[project.default_encoder]["card"]["dim"] == 128


def test_another_default_is_used_from_then_on(client: httpx.Client, project: ec.Project) -> None:
    other = next(entry for entry in client.get("/encoders").json()["encoders"] if not entry["default"])
    chosen = client.put("/encoders/default", json={"encoder": other["card"]["name"]})
    assert (chosen.status_code, chosen.json()["id"], chosen.json()["default"]) == (200, other["id"], True)
    assert project.default_encoder == other["id"]
    assert client.get("/project").json()["vectors"] == 0


def test_encoder_that_is_not_there_is_a_sentence(client: httpx.Client) -> None:
    answer = client.put("/encoders/default", json={"encoder": "nothing"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound")
