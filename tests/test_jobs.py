"""Jobs: long work in the background, whatever happens to the process that does it."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

import earthcurator as ec
from earthcurator import jobs
from earthcurator.errors import BadBox, BadDates, BadInput, Conflict, NotFound, TooLarge
from earthcurator.imagery import Progress
from earthcurator.jobs import Download, Embed, Export, Import, Incoming, Runner, Work, kinds
from earthcurator.models import Job
from earthcurator.project import embedding
from earthcurator.settings import Settings
from earthcurator.testing.gibs import FakeGibs
from tests.postgres import PostgresServer

SECONDS = 20.0
TERRA = "MODIS_Terra_CorrectedReflectance_TrueColor"


class Wait(Work):
    """Says that it is at work until it is let go, then how it was ended."""

    kind = "wait"
    name: str = ""
    fail: str = ""

    begun: ClassVar[Counter[str]] = Counter()
    go_on: ClassVar[threading.Event] = threading.Event()
    silent: ClassVar[bool] = False

    def run(self, project: ec.Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        Wait.begun[self.name] += 1
        logging.getLogger("earthcurator.anything").warning("%s is in the way at %s", self.name, project.location)
        report(1, 3)
        if self.fail == "sentence":
            raise Conflict("the moon is in the way", hint="wait for it to pass")
        if self.fail.startswith("sentence about "):
            raise Conflict(self.fail.replace("sentence", "it is"), hint=f"look in {project.location}")
        if self.fail:
            raise ZeroDivisionError(self.fail)
        while not Wait.go_on.wait(0.01):
            if not Wait.silent:
                report(2, 3)
        return {"said": self.name}


class LongWait(Wait):
    """The same, among those that may take hours."""

    kind = "long-wait"
    long = True


@pytest.fixture(autouse=True)
def wait_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of job whose length a test decides."""
    monkeypatch.setattr(kinds, "KINDS", {**kinds.KINDS, "wait": Wait, "long-wait": LongWait})
    Wait.begun, Wait.go_on, Wait.silent = Counter(), threading.Event(), False


@pytest.fixture
def filled(project: ec.Project, make_pictures: Callable[..., Path]) -> ec.Project:
    """Twelve chips, half of them fields and half water."""
    project.import_pictures([make_pictures(12)])
    return project


def runner(project: ec.Project, **options: Any) -> Runner:
    return Runner(project, **{"told_seconds": 0.02, "poll_seconds": 0.02, **options})


def until(project: ec.Project, job: Job, *states: str, done: int = 0) -> Job:
    """The job, once it is in one of these states and so far."""
    deadline = time.monotonic() + SECONDS
    while (now := project.records.jobs.get(job.id)).state not in states or now.done < done:
        assert time.monotonic() < deadline, now
        time.sleep(0.01)
    return now


def ended(project: ec.Project, job: Job) -> Job:
    return until(project, job, "done", "failed", "cancelled")


def done(project: ec.Project, work: Work) -> Job:
    """The job of this work, after a runner did it."""
    asked = jobs.request(project, work)
    with runner(project):
        job = ended(project, asked)
    assert job.state == "done", job
    return job


def send(project: ec.Project, content: bytes, name: str = "") -> str:
    with Incoming(project, most_bytes=10**7) as incoming:
        incoming.write(content)
        return incoming.accept(name).id


# -- kinds -----------------------------------------------------------------------------------------------------------


def test_export_leaves_one_zip_file_with_the_dataset(filled: ec.Project, tmp_path: Path) -> None:
    job = done(filled, Export(split="random", seed=3))
    path = jobs.export_file(filled, job)
    content = path.read_bytes()
    assert job.result == {
        "chips": 12,
        "left_out": 0,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "file": "project-imagefolder.zip",
        "fingerprint": job.result["fingerprint"],
    }
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "home")
    filled.export(tmp_path / "direct", split="random", seed=3)
    assert pictures_under(tmp_path / "home" / "project") == pictures_under(tmp_path / "direct")
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def pictures_under(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.png")}


def test_card_of_an_export_tells_nothing_of_the_server(filled: ec.Project) -> None:
    path = jobs.export_file(filled, done(filled, Export()))
    with zipfile.ZipFile(path) as archive:
        card = archive.read("project/DATA_CARD.md").decode()
    assert "project" in card
    assert path.stem not in card
    assert str(path.parent) not in card


def test_export_of_a_task_takes_its_labels_and_question(filled: ec.Project) -> None:
    task = filled.tasks.create("Is it water / ice?", ("field", "water"))
    filled.tasks.import_folders(task)
    job = done(filled, Export(task=task.id, format="csv", policy="any"))
    with zipfile.ZipFile(jobs.export_file(filled, job)) as archive:
        rows = csv.DictReader(archive.read("Is-it-water-ice/chips.csv").decode().splitlines())
    assert Counter(row["label"] for row in rows) == {"field": 6, "water": 6}
    assert job.result["file"] == "Is-it-water-ice-csv.zip"


def test_embed_makes_vectors_once(filled: ec.Project) -> None:
    assert done(filled, Embed()).result["added"] == 12
    again = done(filled, Embed()).result
    assert (again["added"], again["total"], again["failed"]) == (0, 12, 0)


def test_download_brings_imagery_of_a_box_and_of_a_region(tmp_path: Path) -> None:
    ring = [[-125, 30], [-100, 30], [-100, 45], [-125, 45], [-125, 30]]
    with FakeGibs() as gibs:
        settings = Settings(cache=tmp_path / "cache", source=gibs.url, megabits_per_second=10_000)
        with ec.create(tmp_path / "fires", settings=settings) as project:
            common: dict[str, Any] = {"layers": (TERRA,), "dates": "2020-08-16", "zoom": 3, "min_valid": 0}
            boxed = done(project, Download(bbox=(-125, 30, -100, 45), **common)).result
            drawn = done(project, Download(region={"type": "Polygon", "coordinates": [ring]}, **common)).result
            assert boxed["added"] == len(project.chips) > 0
    assert (drawn["added"], drawn["present"]) == (0, boxed["added"])


def test_download_that_was_tried_gets_the_rest(tmp_path: Path) -> None:
    with FakeGibs() as gibs:
        settings = Settings(cache=tmp_path / "cache", source=gibs.url, megabits_per_second=10_000)
        with ec.create(tmp_path / "fires", settings=settings) as project:
            asked = Download(
                layers=(TERRA,), bbox=(-125, 30, -100, 45), dates="2020-08-16/2020-08-17", zoom=5, min_valid=0, limit=5
            )
            tried = done(project, asked).result
            assert len({chip.time for chip in project.chips.all()}) == 2
            rest = done(project, asked.model_copy(update={"limit": None})).result
            assert len(project.chips) == tried["added"] + rest["added"]
    assert tried["added"] == rest["present"] == 5
    assert rest["added"] > 5


@pytest.mark.parametrize("kind", ["picture", "zip", "tar.gz"])
def test_upload_becomes_chips_and_is_deleted(
    kind: str, project: ec.Project, make_pictures: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_pictures(4)
    if kind == "picture":
        content = (folder / "field" / "00000.png").read_bytes()
    elif kind == "zip":
        content = Path(shutil.make_archive(str(tmp_path / "pictures"), "zip", folder)).read_bytes()
    else:
        with tarfile.open(tmp_path / "pictures.tgz", "w:gz") as archive:
            archive.add(folder, ".")
        content = (tmp_path / "pictures.tgz").read_bytes()
    upload = send(project, content, "../../its name says nothing.svg")
    job = done(project, Import(upload=upload, layer="Terra"))
    assert job.result["added"] == len(project.chips) == (1 if kind == "picture" else 4)
    assert {chip.layer for chip in project.chips.all()} == {"Terra"}
    assert list((project.folder / "uploads").iterdir()) == []
    with pytest.raises(NotFound, match="no upload"):
        jobs.request(project, Import(upload=upload))


def test_upload_that_is_too_large_or_empty_or_broken_off_leaves_nothing(project: ec.Project) -> None:
    with Incoming(project, most_bytes=5) as incoming:
        incoming.write(b"1234")
        with pytest.raises(TooLarge):
            incoming.write(b"56")
    with Incoming(project, most_bytes=5) as incoming, pytest.raises(BadInput, match="empty"):
        incoming.accept()
    assert list((project.folder / "uploads").iterdir()) == []


# -- asking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "error"),
    [
        (Export(task="nothing of the kind"), NotFound),
        (Export(format="floppy"), BadInput),
        (Export(policy="loudest"), BadInput),
        (Export(shares=kinds.Shares(train=0.9)), BadInput),
        (Embed(encoder="none"), NotFound),
        (Download(layers=(TERRA,)), BadInput),
        (Download(bbox=(0, 0, 1, 1)), BadInput),
        (Download(layers=(TERRA,), bbox=(0, 5, 1, 1)), BadBox),
        (Download(layers=(TERRA,), bbox=(0, 0, 1, 1), dates="tomorrowish"), BadDates),
        (Download(layers=(TERRA,), bbox=(0, 0, 1, 1), worldview="https://worldview.earthdata.nasa.gov/"), BadInput),
        (Download(worldview="/etc/passwd"), BadInput),
        (Download(layers=(TERRA,), region={"type": "Polygon", "coordinates": "\ud800"}), BadInput),
        (Download(layers=(TERRA,), region={"type": "Polygon", "coordinates": [[[0, 0]] * 30_000]}), BadInput),
        (Import(upload="0" * 32), NotFound),
    ],
)
def test_what_cannot_be_done_is_refused_when_it_is_asked_for(
    work: Work, error: type[Exception], project: ec.Project
) -> None:
    with pytest.raises(error):
        jobs.request(project, work)
    assert project.records.jobs.list() == []


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("format-disk", {}),
        ("export", {"out": "/etc"}),
        ("export", {"seed": -1}),
        ("export", {"shares": {"../train": 1}}),
        ("download", {"source": "http://169.254.169.254/"}),
        ("download", {"resolution": float("nan")}),
        ("import", {"upload": "../../labels.db"}),
    ],
)
def test_parameters_that_no_kind_has_are_refused(kind: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        jobs.read_work(kind, parameters)
    assert caught.value.hint


def test_asking_twice_with_one_id_asks_once_also_when_the_upload_is_used_up(
    project: ec.Project, make_pictures: Callable[..., Path]
) -> None:
    work = Import(upload=send(project, (make_pictures(1) / "field" / "00000.png").read_bytes()))
    asked = jobs.request(project, work, identity="my-import-1")
    with runner(project):
        ended(project, asked)
    assert jobs.request(project, work, identity="my-import-1").state == "done"
    with pytest.raises(Conflict):
        jobs.request(project, Embed(), identity="my-import-1")
    with pytest.raises(BadInput, match="cannot be the id"):
        jobs.request(project, Embed(), identity="../../etc")


# -- running ---------------------------------------------------------------------------------------------------------


def test_failure_keeps_sentence_and_hint_and_the_next_job_runs(project: ec.Project) -> None:
    Wait.go_on.set()
    first = jobs.request(project, Wait(fail="sentence"))
    second = jobs.request(project, Wait(name="after"))
    with runner(project):
        failed, fine = ended(project, first), ended(project, second)
    assert (failed.state, failed.error, failed.hint) == ("failed", "the moon is in the way", "wait for it to pass")
    assert (fine.state, fine.result) == ("done", {"said": "after"})


def test_defect_is_told_to_the_log_and_not_to_people(project: ec.Project, caplog: pytest.LogCaptureFixture) -> None:
    asked = jobs.request(project, Wait(fail="the secret is 42"))
    with runner(project):
        failed = ended(project, asked)
    assert (failed.state, failed.error, failed.hint) == ("failed", "the server made a mistake", "its log says more")
    assert "the secret is 42" in caplog.text


def test_job_of_a_kind_that_is_gone_fails_with_a_sentence(project: ec.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = jobs.request(project, Wait())
    monkeypatch.setattr(kinds, "KINDS", {"embed": Embed})
    with runner(project):
        failed = ended(project, asked)
    assert failed.state == "failed"
    assert "'wait'" in failed.error


def test_cancelled_midway_it_stops_and_says_so(project: ec.Project) -> None:
    running, waiting = jobs.request(project, Wait(name="first")), jobs.request(project, Wait(name="second"))
    with runner(project):
        until(project, running, "running", done=2)
        assert project.records.jobs.cancel(waiting.id).state == "cancelled"
        project.records.jobs.cancel(running.id)
        assert ended(project, running).state == "cancelled"
    assert Wait.begun == {"first": 1}


def test_cancelled_export_leaves_no_file(filled: ec.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    export = Export.run

    def cancelled_halfway(work: Export, project: ec.Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        def slowly(done: int, total: int | None) -> None:
            if done == 6:
                project.records.jobs.cancel(asked.id)
                time.sleep(0.3)
            report(done, total)

        return export(work, project, slowly, folder)

    monkeypatch.setattr(Export, "run", cancelled_halfway)
    asked = jobs.request(filled, Export())
    with runner(filled):
        job = ended(filled, asked)
    assert job.state == "cancelled"
    assert list((filled.folder / "exports").iterdir()) == []
    with pytest.raises(Conflict, match="is cancelled"):
        jobs.export_file(filled, job)


def test_stopped_runner_hands_back_and_the_next_start_goes_on(project: ec.Project) -> None:
    asked = jobs.request(project, Wait(name="long"))
    first = runner(project)
    first.start()
    until(project, asked, "running", done=2)
    first.stop()
    Wait.go_on.set()
    first.start()
    assert ended(project, asked).result == {"said": "long"}
    first.stop()
    assert Wait.begun == {"long": 2}


def test_paused_midway_it_stops_and_goes_on_when_it_is_resumed(project: ec.Project) -> None:
    paused, other = jobs.request(project, Wait(name="first")), jobs.request(project, Wait(name="second"))
    with runner(project):
        until(project, paused, "running", done=2)
        project.records.jobs.pause(paused.id)
        stopped = until(project, paused, "paused")
        assert (stopped.attempts, stopped.finished) == (0, None)
        until(project, other, "running", done=2)  # its worker is free
        assert project.records.jobs.resume(paused.id).state == "waiting"
        Wait.go_on.set()
        assert ended(project, paused).result == {"said": "first"}
    assert Wait.begun == {"first": 2, "second": 1}


def test_paused_job_stays_so_over_a_restart_until_it_is_cancelled(project: ec.Project) -> None:
    asked = jobs.request(project, Wait(name="aside"))
    assert project.records.jobs.pause(asked.id).state == "paused"
    after = jobs.request(project, Wait(name="after"))
    Wait.go_on.set()
    with runner(project):
        ended(project, after)
    assert project.records.jobs.get(asked.id).state == "paused"
    assert project.records.jobs.cancel(asked.id).state == "cancelled"
    assert Wait.begun == {"after": 1}


def test_paused_embedding_keeps_what_it_has(filled: ec.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "COMMIT_ROWS", 4)
    embed = Embed.run

    def paused_halfway(work: Embed, project: ec.Project, report: Progress, folder: Path) -> Mapping[str, Any]:
        def slowly(done: int, total: int | None) -> None:
            if done and project.records.jobs.get(asked.id).attempts == 1:
                project.records.jobs.pause(asked.id)
                time.sleep(0.3)
            report(done, total)

        return embed(work, project, slowly, folder)

    asked = jobs.request(filled, Embed())
    with monkeypatch.context() as once, runner(filled):
        once.setattr(Embed, "run", paused_halfway)
        until(filled, asked, "paused")
    before = len(vectors(filled))
    filled.records.jobs.resume(asked.id)
    with runner(filled):
        job = ended(filled, asked)
    assert (job.state, job.result["added"], job.result["total"]) == ("done", 12 - before, 12)


def test_long_work_holds_up_no_short_work_nor_short_work_long(project: ec.Project) -> None:
    asked = [LongWait(name="long"), LongWait(name="longer"), Wait(name="short"), Wait(name="shorter")]
    long, longer, short, shorter = [jobs.request(project, work) for work in asked]
    with runner(project):
        until(project, long, "running", done=2)
        until(project, short, "running", done=2)
        assert {project.records.jobs.get(job.id).state for job in (longer, shorter)} == {"waiting"}
        project.records.jobs.cancel(short.id)
        until(project, shorter, "running", done=2)
        assert project.records.jobs.get(long.id).state == "running"
        Wait.go_on.set()
        ended(project, longer)
    assert Wait.begun == {"long": 1, "longer": 1, "short": 1, "shorter": 1}


def test_only_what_may_take_hours_is_long() -> None:
    assert {"train", "finetune", "download"} <= kinds.long_kinds()
    assert {"embed", "import", "export", "layout", "demo"}.isdisjoint(kinds.long_kinds())


def test_log_of_a_job_tells_how_it_went_and_not_where_the_project_is(project: ec.Project) -> None:
    asked = jobs.request(project, Wait(name="the moon"))
    other = jobs.request(project, LongWait(name="the sun"))
    with runner(project):
        until(project, asked, "running", done=2)
        until(project, other, "running", done=2)
        project.records.jobs.pause(asked.id)
        until(project, asked, "paused")
        Wait.go_on.set()
        project.records.jobs.resume(asked.id)
        ended(project, asked)
        ended(project, other)
    said = [line.text for line in project.records.jobs.log(asked.id)]
    warned = "the moon is in the way at the project"
    assert said == ["begun", warned, "1 of 3", "2 of 3", "paused", "goes on", warned, "1 of 3", "done"]
    assert [line.text for line in project.records.jobs.log(other.id)][1] == "the sun is in the way at the project"


def test_log_of_a_failure_has_its_sentence_and_no_traceback(project: ec.Project) -> None:
    asked = jobs.request(project, Wait(fail="the secret is 42"))
    with runner(project):
        ended(project, asked)
    said = [line.text for line in project.records.jobs.log(asked.id)]
    assert said[-1] == "failed: the server made a mistake"
    assert "secret" not in " ".join(said)


def test_work_that_says_nothing_keeps_its_job(project: ec.Project) -> None:
    Wait.silent = True
    asked = jobs.request(project, Wait(name="silent"))
    with runner(project, workers=2, lease_seconds=1):  # a busy machine may be late by some tenths
        until(project, asked, "running")
        time.sleep(2)
        Wait.go_on.set()
        job = ended(project, asked)
    assert (job.state, job.attempts) == ("done", 1)


def test_worker_that_lost_its_job_stops_and_leaves_it_alone(project: ec.Project) -> None:
    asked = jobs.request(project, Wait(name="stolen"))
    with runner(project):
        until(project, asked, "running", done=2)
        Wait.silent = True  # it notices nothing before the thief has the job
        project.records.jobs.orphan_all()
        taken = project.records.jobs.claim("thief", 60)
        Wait.silent = False
        assert taken is not None
        time.sleep(0.3)
        project.records.jobs.finish(asked.id, "thief", result={"said": "mine"})
    job = project.records.jobs.get(asked.id)
    assert (job.state, job.result) == ("done", {"said": "mine"})


@pytest.fixture
def servers(
    postgresql: PostgresServer,
    tmp_path: Path,
) -> Iterator[tuple[ec.Project, ec.Project]]:
    """One project, open in two servers."""
    settings = Settings(database_url=postgresql.new_database())
    ec.create(tmp_path / "shared", settings=settings).close()
    with ec.open(tmp_path / "shared", settings=settings) as one, ec.open(tmp_path / "shared", settings=settings) as two:
        yield one, two


def test_two_servers_on_postgresql_never_run_one_job_twice(servers: tuple[ec.Project, ec.Project]) -> None:
    one, two = servers
    Wait.go_on.set()
    works = [(Wait, LongWait)[number % 2](name=str(number)) for number in range(40)]
    asked = [jobs.request(one, work) for work in works]
    with runner(one, workers=2), runner(two, workers=2):
        assert {ended(one, job).state for job in asked} == {"done"}
    assert Wait.begun == {str(number): 1 for number in range(40)}


def test_server_that_stops_hands_its_job_to_another_at_once(servers: tuple[ec.Project, ec.Project]) -> None:
    one, two = servers
    asked = jobs.request(one, Wait(name="long"))
    with runner(one):
        until(one, asked, "running", done=2)
        assert Wait.begun == {"long": 1}
    with runner(two, lease_seconds=60):
        Wait.go_on.set()
        assert ended(two, asked).state == "done"
    assert Wait.begun == {"long": 2}


# -- kill -9 ---------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys, time
import earthcurator as ec
from earthcurator.jobs import Embed, Export, Runner
from earthcurator.project import embedding
embedding.COMMIT_ROWS = 8

def slowed(run, seconds):
    def slow(work, project, report, folder):
        def said(done, total):
            time.sleep(seconds)
            report(done, total)
        return run(work, project, said, folder)
    return slow

Export.run, Embed.run = slowed(Export.run, 0.003), slowed(Embed.run, 0.1)
with ec.open(sys.argv[1]) as project, Runner(project, told_seconds=0.02, poll_seconds=0.02):
    while True:
        time.sleep(1)
"""


def killed_when(project: ec.Project, asked: Job, *, attempt: int, done: int, total: int | None = None) -> None:
    """Run a server's runner in a process of its own; kill -9 once the job is so far in this attempt.

    What an earlier attempt said stays until this one speaks: ask for more, or for another total.
    """
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, project.location])
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            job = project.records.jobs.get(asked.id)
            if job.attempts >= attempt and job.done >= done and job.total == total:
                return
            assert job.state in ("waiting", "running"), "it ended before it could be killed"
            assert process.poll() is None
            assert time.monotonic() < deadline, job
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def large(project: ec.Project, make_pictures: Callable[..., Path]) -> ec.Project:
    """Three hundred chips."""
    project.import_pictures([make_pictures(300)])
    return project


@pytest.mark.slow
def test_export_killed_three_times_is_complete_in_the_end(large: ec.Project) -> None:
    asked = jobs.request(large, Export(format="csv"))
    for attempt, progress in enumerate((40, 100, 160), 1):
        killed_when(large, asked, attempt=attempt, done=progress)
    with runner(large):
        job = ended(large, asked)
    assert (job.state, job.attempts, job.result["chips"]) == ("done", 4, 300)
    with zipfile.ZipFile(jobs.export_file(large, job)) as archive:
        assert archive.testzip() is None
        lines = archive.read("project/chips.csv").decode().splitlines()
    assert len(lines) == 301
    assert [entry.name for entry in (large.folder / "exports").iterdir()] == [f"{job.id}.zip"]


@pytest.mark.slow
def test_embed_killed_three_times_goes_on_where_it_was(large: ec.Project) -> None:
    asked = jobs.request(large, Embed())
    made = []
    for attempt in (1, 2, 3):
        before = vectors(large)
        killed_when(large, asked, attempt=attempt, done=1, total=300 - len(before))
        made.append(len(vectors(large)) - len(before))
    with runner(large):
        job = ended(large, asked)
    found = vectors(large)
    assert (job.state, job.attempts, job.result["total"]) == ("done", 4, 300)
    assert len(found) == len(set(found)) == 300
    assert all(made)
    assert job.result["added"] == 300 - sum(made)


def vectors(project: ec.Project) -> list[str]:
    """Ids of the chips that have a vector."""
    with ec.open(project.location) as here:
        dataset = here.embeddings(here.encoder()).table.dataset
        return dataset.to_table(columns=["id"])["id"].to_pylist() if dataset else []


def test_results_are_plain_json(filled: ec.Project) -> None:
    for work in (Export(), Embed()):
        job = done(filled, work)
        assert json.loads(json.dumps(dict(job.result))) == job.result


def test_failure_does_not_say_where_the_project_is(project: ec.Project, tmp_path: Path) -> None:
    asked = jobs.request(project, Wait(fail=f"sentence about {project.location}/chips.lance"))
    with runner(project):
        job = ended(project, asked)
    assert job.error == "it is about the project/chips.lance"
    assert str(tmp_path) not in f"{job.error} {job.hint} {job.result}"


def test_job_that_has_ended_says_how_far_it_came(filled: ec.Project) -> None:
    job = done(filled, Embed())
    assert (job.done, job.total) == (12, 12)


def test_import_that_brought_nothing_in_fails_and_says_why(project: ec.Project) -> None:
    asked = jobs.request(project, Import(upload=send(project, b"no picture at all", "notes.png")))
    with runner(project):
        job = ended(project, asked)
    assert job.state == "failed"
    assert job.error.startswith("nothing came in: the file was left out, ")
    assert project.location not in job.error
