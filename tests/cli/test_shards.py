"""`curator shards`: plan, run, commit, and what each says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import earthcurator as ec

from .conftest import TRUE_COLOUR, Shell, chips_of, failure


@pytest.fixture
def shared(tmp_path: Path, make_pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with 12 chips, which commands find by themselves."""
    with ec.create(tmp_path / "shared") as project:
        project.import_pictures([make_pictures(12)])
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "shared"))
    return tmp_path / "shared"


def test_embedding_as_tasks_of_an_array(shell: Shell, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, out, _ = shell("shards", "plan", "embed", "--size", 3)
    plan = out.strip()
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    assert shell("shards", "run", plan[:5], "--of", 2)[0] == 0
    assert json.loads(shell("shards", "status", plan, "--json")[1])["done"] == 2
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    assert shell("shards", "run", plan, "--of", 2)[0] == 0
    code, out, err = shell("shards", "commit", plan)
    assert (code, out) == (0, "")
    assert "took in 4 shards: 12 rows" in err
    assert json.loads(shell("embed", "--json")[1])["added"] == 0


def test_one_shard_by_its_number(shell: Shell, shared: Path) -> None:
    plan = shell("shards", "plan", "embed", "--size", 3)[1].strip()
    code, out, _ = shell("shards", "run", plan, "--index", 2, "--json")
    assert (code, json.loads(out)["made"]) == (0, 1)
    code, error, _ = failure(shell("shards", "run", plan, "--index", 4))
    assert (code, error) == (2, "error: there is no shard 4: the plan has 4, from 0 on")


def test_download_plan_takes_the_options_of_a_download(shell: Shell, fires: Path) -> None:
    where = ("--bbox", "-180,-90,180,90", "--dates", "2020-08-16", "--zoom", 1, "--min-valid", 0)
    plan = shell("shards", "plan", "download", TRUE_COLOUR, *where)[1].strip()
    assert shell("shards", "run", plan, "--index", 0)[0] == 0
    assert shell("shards", "commit", plan)[0] == 0
    assert len(chips_of(fires)) > 1
    code, out, _ = shell("download", TRUE_COLOUR, *where, "--json")
    assert (code, json.loads(out)["added"]) == (0, 0)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("run", "abc"), "error: there is no plan abc in"),
        (("commit", "abc"), "error: there is no plan abc in"),
        (("status", "abc"), "error: there is no plan abc in"),
    ],
)
def test_plan_that_is_not_there(shell: Shell, shared: Path, command: tuple[str, ...], says: str) -> None:
    code, error, _ = failure(shell("shards", *command))
    assert code == 2
    assert error.startswith(says)


def test_share_of_an_array_that_is_none_is_refused(shell: Shell, shared: Path) -> None:
    plan = shell("shards", "plan", "embed")[1].strip()
    code, error, _ = failure(shell("shards", "run", plan, "--of", 4))
    assert (code, error) == (2, "error: which of the tasks is this?")
