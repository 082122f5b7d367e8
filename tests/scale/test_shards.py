"""Many processes do what one does: the same rows, each once, whatever dies and whoever races."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import earthcurator as ec
from earthcurator.errors import BadInput, Conflict, SourceUnreachable, StorageFailed
from earthcurator.imagery import Imagery, orders
from earthcurator.models import Arrival, Chip
from earthcurator.project.sharding import ShardBook
from earthcurator.scale import (
    commit,
    local,
    missing,
    plan_download,
    plan_embed,
    plan_index,
    run_here,
    run_shard,
    status,
)
from earthcurator.scale.status import shards_of_task
from earthcurator.scale.work import polite
from earthcurator.settings import Settings
from earthcurator.store import LocalFiles
from earthcurator.testing.gibs import FakeGibs, Faults

from .conftest import PICTURES, assert_finds_the_same, data_files, ids_of, run_all, vectors_of


def test_several_processes_make_the_vectors_that_one_makes(bucket: str, alone: str) -> None:
    with ec.open(bucket) as project:
        plan = plan_embed(project, size=9)
        ran = run_here(bucket, plan, missing(project, plan), workers=2, settings=project.settings)
        assert (ran.made, ran.there, ran.failed) == (5, 0, {})
        assert len(project.embeddings(project.encoder())) == 0  # nobody sees them yet
        done = commit(project, plan)
        assert (done.shards, done.rows, done.doubled) == (5, PICTURES, 0)
        assert project.search(ec.Query(positives=[next(project.chips.all())], k=3)).waiting == 0
    assert_finds_the_same(bucket, alone)


def test_error_of_a_worker_is_told_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> str:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(local, "run_at", failing)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    ours, theirs = Pipe()
    ours.send(3)
    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(local._work, theirs, "", Settings(), "", 1)
        outcome = ours.recv()
        ours.close()
        worker.result()
    theirs.close()
    assert isinstance(outcome, StorageFailed)
    assert str(outcome) == "ZeroDivisionError: by nothing"


def test_two_workers_at_every_shard_make_it_once(location: str) -> None:
    with ec.open(location) as project:
        plan = plan_embed(project, size=8)

    def work(_: int) -> list[str]:
        with ec.open(location) as mine:
            return [run_shard(mine, plan, index) for index in range(5)]

    with ThreadPoolExecutor(2) as pool:
        outcomes = [outcome for worker in pool.map(work, range(2)) for outcome in worker]
    assert sorted(outcomes) == ["made"] * 5 + ["there"] * 5
    with ec.open(location) as project:
        assert commit(project, plan).rows == PICTURES
    assert len(vectors_of(location)) == PICTURES


def test_the_worker_that_comes_second_removes_what_it_wrote(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=40)
        run_shard(project, plan, 0)
        before = data_files(folder)
        monkeypatch.setattr(ShardBook, "is_done", lambda *_: False)  # as seen just before the first was done
        assert run_shard(project, plan, 0) == "there"
    assert data_files(folder) == before


def test_record_whose_answer_was_lost_on_the_way_is_the_workers_own(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = LocalFiles.create
    with ec.open(folder) as project:
        plan = plan_embed(project, size=40)
        # A client that hears nothing asks again, and is told that the record is there.
        monkeypatch.setattr(LocalFiles, "create", lambda *of: create(*of) and create(*of))
        assert run_shard(project, plan, 0) == "made"
        assert commit(project, plan).rows == PICTURES


def test_committers_and_an_embedding_at_once_double_nothing(location: str) -> None:
    with ec.open(location) as project:
        plan = plan_embed(project, size=4)
        run_all(project, plan)

    def take_in(number: int) -> None:
        with ec.open(location) as mine:
            if number:
                commit(mine, plan)
            else:
                mine.embed()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(take_in, range(3)))
    assert len(vectors_of(location)) == PICTURES


def test_commit_can_be_repeated_and_done_in_parts(location: str) -> None:
    with ec.open(location) as project:
        plan = plan_embed(project, size=10)
        run_shard(project, plan, 2)
        assert commit(project, plan).rows == 10
        assert commit(project, plan).shards == 0
        run_all(project, plan)
        assert commit(project, plan).rows == 30
        now = status(project, plan)
        assert (now.shards, now.done, now.committed, now.rows, now.missing) == (4, 4, 4, 40, 0)
    assert len(vectors_of(location)) == PICTURES


def test_shard_that_two_programs_committed_counts_once(folder: str) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=10)
        run_all(project, plan)
        commit(project, plan)
        project.shards.add_commit(plan, {0: {"rows": 0, "doubled": 10, "failed": 0}})
        project.shards.add_commit(plan, {1: {"rows": 10, "doubled": 0, "failed": 0}})
        now = status(project, plan)
    assert (now.committed, now.rows, now.doubled) == (4, 40, 0)


def test_rows_that_came_another_way_are_left_out_of_the_commit(folder: str, make_pictures: Callable[..., Path]) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=16)
        run_all(project, plan)
        encoder = project.encoder()
        embeddings = project.embeddings(encoder)
        rows = np.arange(10, 20)
        facts = [of for of, _ in embeddings.pictures(project.chips, rows)]
        embeddings.add(facts, np.eye(10, encoder.card.dim, dtype=np.float32))
        done = commit(project, plan)
    assert (done.rows, done.doubled) == (30, 10)
    assert len(vectors_of(folder)) == PICTURES


def test_commit_that_died_before_it_could_note_itself_is_recognised(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=16)
        run_all(project, plan)
        with monkeypatch.context() as dying:
            dying.setattr(ShardBook, "add_commit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                commit(project, plan)
        files = data_files(folder)
        done = commit(project, plan)
    assert (done.shards, done.rows, done.doubled) == (3, PICTURES, 0)
    assert data_files(folder) == files
    assert len(vectors_of(folder)) == PICTURES


def test_shard_whose_file_is_gone_is_run_again(folder: str) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=16)
        run_all(project, plan)
        pieces = project.shards.record(plan, 1)["pieces"]
        project.embeddings(project.encoder()).staging.discard(pieces)
        assert commit(project, plan).reopened == (1,)
        assert missing(project, plan) == [1]
        run_all(project, plan)
        commit(project, plan)
    assert len(vectors_of(folder)) == PICTURES


def test_bad_picture_is_an_error_in_the_record(folder: str) -> None:
    with ec.open(folder) as project:
        bad = Chip(id="bad", media_type="image/png", width=1, height=1, sha256="0" * 64, origin="bad")
        project.chips.add([Arrival(bad, b"no picture")])
        plan = plan_embed(project)
        assert run_all(project, plan) == ["made"]
        [[name, reason]] = project.shards.record(plan, 0)["errors"]
        assert name == "bad"
        assert reason
        assert commit(project, plan).failed == 1
    assert len(vectors_of(folder)) == PICTURES


def test_same_shard_has_the_same_digest_wherever_it_is_made(folder: str) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=40)
        run_shard(project, plan, 0)
        first = project.shards.record(plan, 0)
        project.shards.reopen(plan, 0)
        run_shard(project, plan, 0)
        second = project.shards.record(plan, 0)
    assert first["sha256"] == second["sha256"]
    assert first["pieces"] != second["pieces"]


def test_more_chips_are_a_new_plan_of_those_alone(folder: str, make_pictures: Callable[..., Path]) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=40)
        assert plan_embed(project, size=40) == plan
        run_all(project, plan)
        commit(project, plan)
        project.import_pictures([make_pictures(7, root="more", start=100)])
        more = plan_embed(project, size=40)
        run_all(project, more)
        assert commit(project, more).rows == 7


def test_index_is_one_shard(folder: str) -> None:
    with ec.open(folder) as project:
        project.embed()
        plan = plan_index(project)
        assert run_all(project, plan) == ["made"]
        assert commit(project, plan).shards == 1
        assert status(project, plan).missing == 0


def test_tasks_of_an_array_share_all_shards(folder: str) -> None:
    with ec.open(folder) as project:
        plan = plan_embed(project, size=9)
        assert shards_of_task(project, plan, 3, None) == [3]
        assert sorted(index for task in range(2) for index in shards_of_task(project, plan, task, 2)) == [0, 1, 2, 3, 4]
        with pytest.raises(BadInput, match="task 2"):
            shards_of_task(project, plan, 2, 2)


# -- imagery -----------------------------------------------------------------------------------------------------------

TRUE_COLOUR = "MODIS_Terra_CorrectedReflectance_TrueColor"
TEMPERATURE = "AIRS_L2_Surface_Air_Temperature_Day"  # lies on a coarser grid
GLOBE = ec.Box(west=-180, south=-90, east=180, north=90)


def planned(project: ec.Project, *layers: str, size: int = 4, **options: Any) -> str:
    with Imagery(settings=project.settings) as imagery:
        [order] = orders(layers, GLOBE, "2020-08-16/2020-08-17", **{"zoom": 2, "min_valid": 0, **options})
        return plan_download(project, order, imagery, size=size)


@pytest.mark.parametrize(
    "options", [{"zoom": 2}, {"zoom": 1, "chip_size": 256, "stride": 200, "edge": "within"}], ids=["tiles", "windows"]
)
def test_download_in_shards_brings_the_chips_of_a_download(
    tmp_path: Path, settings: Settings, options: dict[str, Any]
) -> None:
    with ec.create(tmp_path / "alone", settings=settings) as alone:
        alone.download([TRUE_COLOUR, TEMPERATURE], GLOBE, "2020-08-16/2020-08-17", min_valid=0, **options)
        expected = alone.chips.pictures([chip.id for chip in alone.chips.all()])
    with ec.create(tmp_path / "shared", settings=settings) as project:
        plan = planned(project, TRUE_COLOUR, TEMPERATURE, size=9, **options)
        assert set(run_all(project, plan)) == {"made"}
        assert commit(project, plan).rows == len(expected)
        found = project.chips.pictures([chip.id for chip in project.chips.all()])
    assert len(expected) > 8
    assert found == expected


@pytest.mark.parametrize("at_once", [1, 2, 5, 16, 100])
def test_workers_together_ask_a_source_for_what_one_alone_would(at_once: int) -> None:
    alone, each = polite(Settings(), 1), polite(Settings(), at_once)
    assert each.megabits_per_second * at_once == pytest.approx(alone.megabits_per_second)
    for name in ("fewest", "connections", "most"):
        assert getattr(each, name) * at_once <= max(at_once, getattr(alone, name))


def test_one_of_many_workers_downloads_over_one_connection(tmp_path: Path, gibs: FakeGibs, settings: Settings) -> None:
    gibs.faults = Faults(latency_seconds=0.05)
    with ec.create(tmp_path / "shared", settings=settings) as project:
        plan = planned(project, TRUE_COLOUR, size=5)
        gibs.counts.peak = 0  # of the documents that a plan takes
        assert run_shard(project, plan, 0, at_once=64) == "made"
        assert gibs.counts.peak == 1
        assert run_shard(project, plan, 1) == "made"
        assert gibs.counts.peak > 1


def test_source_that_does_not_answer_leaves_the_shard_open(
    tmp_path: Path, gibs: FakeGibs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earthcurator.gibs.fetch.backoff", lambda *_: 0.001)
    with ec.create(tmp_path / "shared", settings=settings) as project:
        plan = planned(project, TRUE_COLOUR, size=100)
        gibs.faults = Faults(error_503=1, max_fails=1000)
        with pytest.raises(SourceUnreachable):
            run_shard(project, plan, 0)
        assert missing(project, plan) == [0, 1]
        gibs.faults = Faults()
        run_all(project, plan)
        assert commit(project, plan).rows == len(ids_of(project.location, opened_with=settings))


def test_tile_that_is_refused_is_an_error_in_the_record(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, where = FakeGibs._asked, "/2020-08-16/250m/2/1/1."
    with ec.create(tmp_path / "shared", settings=settings) as project:
        plan = planned(project, TRUE_COLOUR, size=100)
        with monkeypatch.context() as refusing:
            # The server knows no such level, and answers 400.
            refusing.setattr(
                FakeGibs, "_asked", lambda self, path: asked(self, path.replace(where, "/2020-08-16/250m/99/1/1."))
            )
            assert run_all(project, plan) == ["made", "made"]
        errors = [error for index in range(2) for error in project.shards.record(plan, index)["errors"]]
        assert [(where in name, "400: " in reason) for name, reason in errors] == [(True, True)]
        done = commit(project, plan)
        assert done.rows > 1
        assert done.failed == 1
        again = project.download([TRUE_COLOUR], GLOBE, "2020-08-16/2020-08-17", zoom=2, min_valid=0)
    assert (again.added, again.present) == (1, done.rows)


def test_server_that_refuses_everything_leaves_the_shard_open(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = FakeGibs._asked
    with ec.create(tmp_path / "shared", settings=settings) as project:
        plan = planned(project, TRUE_COLOUR, size=100)
        refused = partial(re.sub, r"250m/\d+/", "250m/99/")
        monkeypatch.setattr(FakeGibs, "_asked", lambda self, path: asked(self, refused(path)))
        with pytest.raises(SourceUnreachable, match=r"refuses all of it, e\.g\. .*400"):
            run_shard(project, plan, 0)
        assert 0 in missing(project, plan)


def test_grid_that_changed_since_is_refused(tmp_path: Path, settings: Settings) -> None:
    with ec.create(tmp_path / "shared", settings=settings) as project:
        plan = planned(project, TRUE_COLOUR)
        other = project.shards.add_plan(project.shards.plan(plan).replace('"places":', '"places":1'))
        with pytest.raises(Conflict, match="another grid"):
            run_shard(project, other, 0)
