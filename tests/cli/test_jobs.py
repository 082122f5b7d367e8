"""`jobs`, as a shell and a script see it, also beside a running server's hold on the database."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.jobs import Embed, Runner, request

from .conftest import Shell, failure


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The job that waits in an otherwise empty project, which commands find by themselves."""
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "fires"))
    with ec.create(tmp_path / "fires") as project:
        return request(project, Embed()).id


def test_job_is_listed_paused_and_resumed(shell: Shell, asked: str) -> None:
    _, out, _ = shell("jobs", "list")
    assert all(word in out for word in (asked, "embed", "waiting"))
    assert "paused" in shell("jobs", "pause", asked)[2]
    assert json.loads(shell("jobs", "list", "--json")[1])[0]["state"] == "paused"
    assert json.loads(shell("jobs", "resume", asked, "--json")[1])["state"] == "waiting"
    assert "cancelled" in shell("jobs", "cancel", asked)[2]


def test_log_is_read_while_a_server_works(shell: Shell, asked: str, tmp_path: Path) -> None:
    with ec.open(tmp_path / "fires") as project:
        project.records.serve()
        with Runner(project, told_seconds=0.02, poll_seconds=0.02) as runner:
            until_done(project, asked)
            runner.stop()
        code, out, _ = shell("jobs", "log", asked)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].endswith("  begun")
    assert lines[-1].endswith("  failed: the project has no chips yet")


def until_done(project: ec.Project, job: str) -> None:
    deadline = time.monotonic() + 20
    while project.records.jobs.get(job).state in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_unknown_job_is_a_sentence(shell: Shell, asked: str) -> None:
    code, error, hint = failure(shell("jobs", "log", "nothing"))
    assert (code, error) == (2, "error: there is no job nothing")
    assert "curator jobs list" in hint
    assert asked not in hint
