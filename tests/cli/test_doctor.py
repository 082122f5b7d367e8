"""`curator doctor` names everything that can be installed beside Curator."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from earthcurator.cli import doctor
from tests.cli.conftest import Shell

ROOT = Path(__file__).parents[2]


def test_every_extra_for_users_is_looked_for(shell: Shell) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = {finding["what"]: finding for finding in json.loads(shell("doctor", "--json")[1])}
    assert {f"extra {name}" for name in extras.keys() - {"dev", "docs", "test"}} == {
        what for what in found if what.startswith("extra ")
    }


def test_missing_part_of_an_extra_is_told_with_the_line_that_brings_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(doctor._EXTRAS, "hf", ("torch", "transformers_of_tomorrow"))
    found = {finding["what"]: finding for finding in json.loads(shell("doctor", "--json")[1])}
    assert found["extra train"]["state"] == "ok"
    assert (found["extra hf"]["state"], found["extra hf"]["fix"]) == ("missing", "pip install 'earthcurator[hf]'")
