"""`curator shards`: plan, run, commit, and what each says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.testing.gibs import FakeGibs, Faults

from .conftest import TRUE_COLOUR, Shell, chips_of, failure

GLOBE = ("--bbox", "-180,-90,180,90", "--dates", "2020-08-16", "--zoom", 4, "--min-valid", 0)
SHARDS = 67
"""Of so many chips, three each."""


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


def test_task_of_an_array_with_processes_of_its_own(
    shell: Shell, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = shell("shards", "plan", "embed", "--size", 3)[1].strip()
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setattr("earthcurator.scale.run_shard", lambda *_, **__: pytest.fail("it was not to be done in here"))
    code, out, _ = shell("shards", "run", plan, "--of", 2, "--workers", 2, "--json")
    assert (code, json.loads(out)["made"]) == (0, 2)


def test_what_is_said_of_a_plan_leads_on(shell: Shell, shared: Path) -> None:
    plan, err = (said.strip() for said in shell("shards", "plan", "embed")[1:])
    assert f"1 shard, 0 done; next: curator shards run {plan}" in err
    assert shell("shards", "run", plan, "--index", 0)[0] == 0
    assert f"1 shard, 1 done; next: curator shards commit {plan}" in shell("shards", "plan", "embed")[2]
    again = shell("shards", "run", plan)[2].splitlines()
    assert again[-1] == f"nothing was left to do here; next: curator shards commit {plan}"
    assert shell("shards", "commit", plan)[0] == 0
    assert shell("shards", "run", plan)[2].splitlines()[-1] == "nothing was left to do here; all are in the project"


def test_damaged_records_are_named(shell: Shell, shared: Path) -> None:
    plan = shell("shards", "plan", "embed", "--size", 3)[1].strip()
    shell("shards", "run", plan, "--index", 1)
    (shared / "shards" / "junk").mkdir()
    assert shell("shards", "status")[0] == 0
    note = shared / "shards" / plan / "done" / "1.json"
    note.write_text("{")
    code, error, _ = failure(shell("shards", "commit", plan))
    assert (code, error) == (6, f"error: shards/{plan}/done/1.json is damaged")
    note.unlink()
    note = shared / "shards" / plan / "commits" / "x.json"
    note.parent.mkdir()
    note.write_text("[]")
    code, error, hint = failure(shell("shards", "status", plan))
    assert (code, error) == (6, f"error: shards/{plan}/commits/x.json is damaged")
    assert "commit again" in hint


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
    ("environment", "options", "tasks"),
    [
        ({"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "50"}, (), 50),
        ({"BATCH_TASK_INDEX": "0", "BATCH_TASK_COUNT": "60"}, ("--of", 30), 60),
        ({"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "1000"}, (), SHARDS),
        ({"JOB_COMPLETION_INDEX": "0"}, ("--of", 50), 50),
        ({"JOB_COMPLETION_INDEX": "0"}, (), SHARDS),
        ({}, ("--index", 0, "--of", 50), 50),
        ({"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "2"}, ("--at-once", 64), None),
    ],
)
def test_task_of_an_array_asks_a_source_for_its_part(
    shell: Shell,
    fires: Path,
    gibs: FakeGibs,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    options: tuple[object, ...],
    tasks: int | None,
) -> None:
    plan = shell("shards", "plan", "download", TRUE_COLOUR, *GLOBE, "--size", 3)[1].strip()
    gibs.counts.peak = 0  # of the documents that a plan takes
    gibs.faults = Faults(latency_seconds=0.05)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, _, words = shell("shards", "run", plan, *options)
    assert (code, gibs.counts.peak) == (0, 1)
    assert (f"this is one of {tasks} tasks that share 10000 Mb/s" in words) == (tasks is not None)


@pytest.mark.parametrize("options", [("--index", 0), ("--index", 0, "--of", 50, "--at-once", 1)])
def test_shard_that_is_tried_alone_has_all_of_the_rate(
    shell: Shell, fires: Path, gibs: FakeGibs, options: tuple[object, ...]
) -> None:
    plan = shell("shards", "plan", "download", TRUE_COLOUR, *GLOBE, "--size", 3)[1].strip()
    gibs.counts.peak = 0  # of the documents that a plan takes
    gibs.faults = Faults(latency_seconds=0.1)
    code, _, words = shell("shards", "run", plan, *options)
    assert (code, gibs.counts.peak) == (0, 3)
    assert "note" not in words


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
