"""Threads that do the jobs of a project, one each at a time: some take the long ones, and others the rest.

A job belongs to its worker as long as that beats: the end of a process, however sudden, lets another go on with it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, Thread
from types import TracebackType
from typing import Any, Literal, Self
from uuid import uuid4

from earthcurator.errors import Conflict, CuratorError
from earthcurator.jobs.exported import job_folder
from earthcurator.jobs.joblog import JobLog
from earthcurator.jobs.kinds import long_kinds
from earthcurator.jobs.kinds.work import Cancelled, HandedBack, Lost, Paused, Stop
from earthcurator.jobs.requests import read_work
from earthcurator.models import Job
from earthcurator.project import Project
from earthcurator.store.sql.jobs import Jobs, Wish

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0
"""A worker that was silent for this long has lost its job."""
TOLD_SECONDS = 1.0
"""How often progress is written, at most, and how soon a worker learns that its job was cancelled."""
POLL_SECONDS = 1.0
"""How often an idle worker looks for a job."""
STOP_SECONDS = 8.0
"""How long work has to notice that the runner stops."""

Lane = Literal["short", "long"]


@dataclass(frozen=True, slots=True)
class _Team:
    """Threads that started together, and the sign for them to stop."""

    threads: tuple[Thread, ...]
    stopping: Event


class Runner:
    """Does the jobs of a project while it is started: `with Runner(project): ...`."""

    def __init__(
        self,
        project: Project,
        *,
        workers: int = 1,
        name: str | None = None,
        lease_seconds: float = LEASE_SECONDS,
        told_seconds: float = TOLD_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """`workers` take long jobs, and as many others the rest.

        `name` must be that of no other runner, also of an earlier one; by default it is random.
        """
        self._project = project
        self._workers = workers
        self._name = name
        self._lease_seconds, self._told_seconds, self._poll_seconds = lease_seconds, told_seconds, poll_seconds
        self._team: _Team | None = None

    def start(self) -> None:
        """Begin to work. What an earlier run left unfinished comes first."""
        if self._team is not None:
            return
        if not self._project.records.shared:
            self._project.records.jobs.orphan_all()  # SQLite has one server: whoever ran them is gone
        stopping, name = Event(), self._name or uuid4().hex[:12]
        lanes: tuple[Lane, ...] = ("short", "long")
        workers = [(f"{name}-{lane}-{number}", lane) for lane in lanes for number in range(self._workers)]
        team = tuple(
            Thread(target=self._work, args=(worker, lane, stopping), name=f"curator-job-{worker}", daemon=True)
            for worker, lane in workers
        )
        self._team = _Team(team, stopping)
        for thread in team:
            thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Hand back what runs, so that the next start goes on with it."""
        team, self._team = self._team, None
        if team is None:
            return
        team.stopping.set()
        deadline = time.monotonic() + seconds
        for thread in team.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                log.warning("a job is in a step that cannot be interrupted; it begins again at the next start")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _work(self, worker: str, lane: Lane, stopping: Event) -> None:
        jobs, long = self._project.records.jobs, long_kinds()
        mine = {"only": long} if lane == "long" else {"never": long}
        while not stopping.is_set():
            try:
                job = jobs.claim(worker, self._lease_seconds, **mine)
                if job is not None:
                    said = JobLog(self._project.location)
                    self._do(_Held(jobs, job, worker, stopping, said, self._lease_seconds, self._told_seconds))
                    continue
            except Exception:
                log.exception("worker %s goes on after a failure", worker)
            stopping.wait(self._poll_seconds)

    def _do(self, held: _Held) -> None:
        """One job, to whatever end. What is raised here is the database's: the job is claimed again later."""
        job = held.job
        log.info("job %s (%s) begins, attempt %d", job.id, job.kind, job.attempts)
        held.said.say("begun" if job.attempts == 1 and not job.done else "goes on")
        try:
            with held, held.said:
                work = read_work(job.kind, job.parameters)
                result = work.run(self._project, held, job_folder(self._project, job.id))
        except Cancelled as stopped:
            held.finish(cancelled=True, result=stopped.result)
        except Paused:
            held.hand_back()
        except Lost:
            log.warning("job %s is no longer ours", job.id)
        except Exception as error:  # noqa: BLE001 a job fails alone
            _fail(held, error, self._project.location)
        else:
            held.finish(result=result)
            work.clean_up(self._project)
        log.info("job %s (%s) ends", job.id, job.kind)


def _fail(held: _Held, error: Exception, location: str) -> None:
    job = held.job
    if held.stopping.is_set():  # also what fails only because all around it ends
        held.hand_back()
    elif isinstance(error, CuratorError):
        # Where the project is, is nobody's business who looks at its jobs over the network.
        said, hint = (text.replace(location, "the project") for text in (str(error), error.hint))
        held.finish(error=said, hint=hint)
    else:
        log.error("job %s (%s) failed", job.id, job.kind, exc_info=error)
        held.finish(error="the server made a mistake", hint="its log says more")


_STOPS: Mapping[Wish, type[Stop]] = {"cancel": Cancelled, "pause": Paused}


class _Held:
    """A job in the hands of a worker. As a context it keeps the job, whether its work says something or not."""

    def __init__(
        self,
        jobs: Jobs,
        job: Job,
        worker: str,
        stopping: Event,
        said: JobLog,
        lease_seconds: float,
        told_seconds: float,
    ) -> None:
        self.jobs, self.job, self.worker, self.stopping, self.said = jobs, job, worker, stopping, said
        self._lease_seconds, self._told_seconds = lease_seconds, told_seconds
        self._progress: tuple[int, int | None] = (0, None)
        self._so_far: Mapping[str, Any] | None = None
        self._why_stop: type[Stop] | None = None
        self._ended = Event()
        self._heart = Thread(target=self._beat, name=f"curator-heart-{job.id}", daemon=True)

    @property
    def before(self) -> Mapping[str, Any]:
        """What an earlier attempt said had come of the job."""
        return self.job.result

    def __call__(self, done: int, total: int | None) -> None:
        """The report that the work calls. Raises to end it."""
        self._progress = (done, total)
        self.said.progress(done, total)
        if self._why_stop is not None:
            raise self._why_stop
        if self.stopping.is_set():
            raise HandedBack

    def so_far(self, result: Mapping[str, Any]) -> None:
        """To be written with the next beat."""
        self._so_far = result

    def finish(self, **outcome: Any) -> None:
        """Say how it ended, and how far it came: options of `Jobs.finish`."""
        ended = self.jobs.finish(self.job.id, self.worker, progress=self._progress, **outcome)
        self._note(f"{ended.state}: {ended.error}" if ended.error else ended.state)

    def hand_back(self) -> None:
        """Let another worker go on with it: at once, or when it is resumed."""
        left = self.jobs.hand_back(self.job.id, self.worker)
        self._note("paused" if left.state == "paused" else "handed back: the server stops")

    def _note(self, *last: str) -> None:
        """Write what was said. A log that cannot be written is no reason for a job to fail."""
        for text in last:
            self.said.say(text)
        try:
            self.jobs.note(self.job.id, self.said.take())
        except Exception:
            log.exception("the log of job %s could not be written", self.job.id)

    def __enter__(self) -> Self:
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._heart.join()

    def _beat(self) -> None:
        written: Mapping[str, Any] | None = None
        while not self._ended.wait(self._told_seconds):
            so_far = self._so_far
            news = so_far if so_far is not written else None
            try:
                wish = self.jobs.report(
                    self.job.id, self.worker, *self._progress, seconds=self._lease_seconds, result=news
                )
                self._why_stop = None if wish is None else _STOPS[wish]
                written = so_far
            except Conflict:
                self._why_stop = Lost
                return
            except Exception:  # the database may come back before the lease is over
                log.exception("the progress of job %s could not be written", self.job.id)
            self._note()
