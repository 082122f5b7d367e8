"""The server keeps to its own description: schemathesis asks every route for what it allows and for what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Server

SHUTS_OUT = "^(end_session|revoke_token|change_role|remove_person)_"
"""Routes with which a run can shut itself out: they have a run of their own, as somebody else."""

BEYOND_SCHEMAS = "positive_data_acceptance"
"""The one check that is off: a date, a box or a name can be wrong in ways that no JSON schema can say."""


@pytest.mark.slow
def test_every_route_answers_as_the_description_says(server: Server, tmp_path: Path) -> None:
    phases = "examples,coverage,fuzzing,stateful"
    _run(server, _owner(server, "Ada"), tmp_path, phases, *_shuts_out("exclude"))


@pytest.mark.slow
def test_routes_that_shut_people_out_answer_as_the_description_says(server: Server, tmp_path: Path) -> None:
    _owner(server, "Ada")
    _run(server, _owner(server, "Bob"), tmp_path, "examples,coverage,fuzzing", *_shuts_out("include"))


def _run(server: Server, token: str, folder: Path, phases: str, *which: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--no-color", "run", f"{server.url}/api/v1/openapi.json"),
            *("--url", server.url, "--header", f"Authorization: Bearer {token}", *which),
            *("--phases", phases, "--mode", "all", "--checks", "all", "--exclude-checks", BEYOND_SCHEMAS),
            *("--max-examples", "10", "--seed", "1", "--generation-database", "none", "--continue-on-failure"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


def _shuts_out(verb: str) -> tuple[str, str]:
    return f"--{verb}-operation-id-regex", SHUTS_OUT


def _owner(server: Server, name: str) -> str:
    people = server.project.records.people
    return people.issue(people.add(name, "owner").id, "token")
