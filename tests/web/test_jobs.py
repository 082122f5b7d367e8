"""Jobs and uploads over HTTP."""

from __future__ import annotations

import hashlib
import shutil
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

import earthcurator as ec
from earthcurator.jobs import Runner
from earthcurator.models import Role
from tests.conftest import picture

from .conftest import CHIPS, Serve, Server

SECONDS = 20.0


@pytest.fixture
def running(project: ec.Project) -> Iterator[Runner]:
    """Somebody who does the jobs."""
    with Runner(project, told_seconds=0.02, poll_seconds=0.02) as runner:
        yield runner


def ask(client: httpx.Client, kind: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/jobs", json={"kind": kind, **more})
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    return job


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while (now := client.get(f"/jobs/{job['id']}").json())["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return dict(now)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.usefixtures("running")
def test_export_is_asked_for_awaited_and_fetched(client: httpx.Client) -> None:
    job = ended(client, ask(client, "export", parameters={"format": "csv", "split": "time"}))
    assert (job["state"], job["result"]["chips"]) == ("done", CHIPS), job
    answer = client.get(f"/jobs/{job['id']}/file")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{job["result"]["file"]}"'
    assert int(answer.headers["content-length"]) == job["result"]["bytes"] == len(answer.content)
    assert hashlib.sha256(answer.content).hexdigest() == job["result"]["sha256"]
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert any(name.endswith("chips.csv") for name in archive.namelist())


@pytest.mark.usefixtures("running")
def test_download_that_broke_off_is_continued(client: httpx.Client) -> None:
    job = ended(client, ask(client, "export"))
    whole = client.get(f"/jobs/{job['id']}/file").content
    rest = client.get(f"/jobs/{job['id']}/file", headers={"Range": "bytes=1000-"})
    assert rest.status_code == 206
    assert rest.content == whole[1000:]


@pytest.mark.usefixtures("running")
def test_file_that_is_not_there_is_a_sentence(client: httpx.Client, project: ec.Project) -> None:
    embed = ended(client, ask(client, "embed"))
    assert code(client.get(f"/jobs/{embed['id']}/file")) == (404, "NotFound")
    export = ended(client, ask(client, "export"))
    shutil.rmtree(project.folder / "exports")
    assert code(client.get(f"/jobs/{export['id']}/file")) == (404, "NotFound")


def test_file_of_an_export_that_waits_is_a_conflict(client: httpx.Client) -> None:
    job = ask(client, "export")
    assert code(client.get(f"/jobs/{job['id']}/file")) == (409, "Conflict")
    assert client.post(f"/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
    assert code(client.get(f"/jobs/{job['id']}/file")) == (409, "Conflict")


def test_paused_job_goes_on_when_it_is_resumed_and_its_log_tells_of_it(
    client: httpx.Client, project: ec.Project
) -> None:
    job = ask(client, "embed")
    assert client.get(f"/jobs/{job['id']}/log").json() == {"lines": []}
    assert client.post(f"/jobs/{job['id']}/pause").json()["state"] == "paused"
    with Runner(project, told_seconds=0.02, poll_seconds=0.02):
        assert ended(client, ask(client, "export"))["state"] == "done"
        assert client.get(f"/jobs/{job['id']}").json()["state"] == "paused"
        assert client.post(f"/jobs/{job['id']}/resume").json()["state"] == "waiting"
        assert ended(client, job)["state"] == "done"
        wait_for(lambda: len(said(client, job)) > 1)
    assert (said(client, job)[0], said(client, job)[-1]) == ("begun", "done")


def said(client: httpx.Client, job: dict[str, Any]) -> list[str]:
    return [line["text"] for line in client.get(f"/jobs/{job['id']}/log").json()["lines"]]


def test_jobs_are_paged_the_newest_first(client: httpx.Client) -> None:
    asked = [ask(client, "embed")["id"] for _ in range(5)]
    seen: list[str] = []
    before: dict[str, str] = {}
    while True:
        page = client.get("/jobs", params={"limit": 2, **before}).json()
        assert len(page["jobs"]) <= 2
        seen += [job["id"] for job in page["jobs"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert seen == asked[::-1]


def test_asking_again_with_the_same_id_changes_nothing(client: httpx.Client) -> None:
    first = ask(client, "embed", id="embed-2020-08-16")
    assert ask(client, "embed", id="embed-2020-08-16") == first
    assert code(client.post("/jobs", json={"kind": "export", "id": "embed-2020-08-16"})) == (409, "Conflict")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "rm"}, 422),
        ({"kind": "embed", "more": 1}, 422),
        ({"kind": "embed", "id": "../../../etc/passwd"}, 400),
        ({"kind": "embed", "parameters": {"encoder": "none"}}, 404),
        ({"kind": "export", "parameters": {"format": "floppy"}}, 400),
        ({"kind": "export", "parameters": {"task": "none"}}, 404),
        ({"kind": "export", "parameters": {"out": "/tmp"}}, 422),
        ({"kind": "download", "parameters": {"worldview": "/etc/passwd", "layers": ["a"]}}, 400),
        ({"kind": "download", "parameters": {"source": "http://127.0.0.1:1", "layers": ["a"]}}, 422),
        ({"kind": "import", "parameters": {"upload": "../labels.db"}}, 422),
        ({"kind": "import", "parameters": {"upload": "0" * 32}}, 404),
    ],
)
def test_wrong_wishes_are_refused_at_once(body: dict[str, Any], status: int, client: httpx.Client) -> None:
    answer = client.post("/jobs", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert client.get("/jobs").json() == {"jobs": [], "next": None}


def test_unknown_jobs_are_not_found(client: httpx.Client) -> None:
    for path in ("/jobs/nothing", "/jobs/nothing/file", "/jobs/nothing/log", "/jobs?before=nothing"):
        assert code(client.get(path)) == (404, "NotFound")
    for change in ("cancel", "pause", "resume"):
        assert code(client.post(f"/jobs/nothing/{change}")) == (404, "NotFound")


@pytest.mark.usefixtures("running")
def test_uploaded_archive_becomes_chips(client: httpx.Client, project: ec.Project) -> None:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(1000, 1005):
            out = BytesIO()
            picture(number).save(out, "png")
            archive.writestr(f"ice/{number}.png", out.getvalue())
    sent = client.post("/uploads", params={"name": "../Eis & Schnee.zip"}, content=content.getvalue())
    assert sent.status_code == 201, sent.text
    upload = sent.json()
    assert (upload["name"], upload["bytes"]) == ("../Eis & Schnee.zip", len(content.getvalue()))
    job = ended(client, ask(client, "import", parameters={"upload": upload["id"]}))
    assert (job["state"], job["result"]["added"]) == ("done", 5), job
    project.chips.table.refresh()
    assert [chip.folder for chip in project.chips.all()].count("ice") == 5
    assert left_over(project) == []


def test_upload_that_is_streamed_empty_or_too_large(serve: Serve, project: ec.Project) -> None:
    with serve() as server, httpx.Client(base_url=f"{server.url}/api/v1") as client:
        assert code(client.post("/uploads", content=b"")) == (400, "BadInput")
        assert client.post("/uploads", content=iter([b"a" * 1000] * 1000)).json()["bytes"] == 1_000_000
        shutil.rmtree(project.folder / "uploads")
        project._settings = project.settings.model_copy(update={"upload_gb": 0.001})  # what a new server would read
        assert code(client.post("/uploads", content=iter([b"a" * 1000] * 1001))) == (413, "TooLarge")
    assert left_over(project) == []


def test_upload_whose_sender_vanishes_leaves_nothing(server: Server, project: ec.Project) -> None:
    head = f"POST /api/v1/uploads HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as vanishing:
        vanishing.sendall(head.encode() + b"a" * 100_000)
        wait_for(lambda: left_over(project) != [])
    wait_for(lambda: left_over(project) == [])


def left_over(project: ec.Project) -> list[Path]:
    folder = project.folder / "uploads"
    return list(folder.iterdir()) if folder.exists() else []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.usefixtures("running")
def test_dataset_is_for_all_but_those_who_label(client: httpx.Client, project: ec.Project) -> None:
    job = ended(client, ask(client, "export"))
    people = project.records.people
    roles: tuple[Role, ...] = ("owner", "curator", "annotator", "viewer")
    tokens = {role: people.issue(people.add(f"The {role}", role).id, "token") for role in roles}
    answers = {
        role: client.get(f"/jobs/{job['id']}/file", headers={"Authorization": f"Bearer {token}"})
        for role, token in tokens.items()
    }
    assert {role: answer.status_code for role, answer in answers.items()} == {
        "owner": 200, "curator": 200, "viewer": 200, "annotator": 403,
    }  # fmt: skip
    assert code(answers["annotator"]) == (403, "NotAllowed")


def test_jobs_are_paused_and_their_logs_read_by_curators(client: httpx.Client, project: ec.Project) -> None:
    job = ask(client, "export")
    people = project.records.people
    people.add("Ada", "owner")
    bearer = {"Authorization": f"Bearer {people.issue(people.add('Vic', 'viewer').id, 'token')}"}
    assert code(client.get(f"/jobs/{job['id']}/log", headers=bearer)) == (403, "NotAllowed")
    assert code(client.post(f"/jobs/{job['id']}/pause", headers=bearer)) == (403, "NotAllowed")
    assert project.records.jobs.get(job["id"]).state == "waiting"
