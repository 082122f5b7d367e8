"""Long work that outlives requests and restarts: who runs it, how far it is, whether it should stop, and its log.

A worker claims a job for some seconds and reports while it works; a job whose worker went silent is claimed again.
Jobs are few, so that their changes queue for one lock. Each change gets a number that is larger than all before it, and
whoever asks what changed since a number misses nothing.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, func, or_, select, text, update

from earthcurator.errors import BadInput, Conflict, NotFound
from earthcurator.models import Job, JobLine
from earthcurator.store.sql.database import Database, lock_names
from earthcurator.store.sql.schema import JOB_LOGS, JOBS, NOW, to_job

MOST_ATTEMPTS = 5
"""How often a job is begun: one that kills its server must not do so for ever."""

MOST_CHANGED = 1000
"""Jobs in one answer of `changed`."""

MOST_LINES = 200
"""Lines of the log of a job that are kept: the newest."""

Wish = Literal["cancel", "pause"]
"""What somebody asked of a job that runs."""

_UNFINISHED = text("state IN ('waiting', 'running')")  # word for word that of the index, or SQLite passes it over
_CLAIMABLE = or_(JOBS.c.state == "waiting", JOBS.c.lease_until <= NOW)
_OLDEST = select(JOBS).where(_UNFINISHED, _CLAIMABLE).order_by(JOBS.c.seq).limit(1)
_WAITING = {"state": "waiting", "worker": None, "lease_until": None}
_PAUSED = {**_WAITING, "state": "paused", "started": None}  # the time left is told from its start


class Jobs:
    """The jobs of a project. Safe to use from many threads and servers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job: Job) -> Job:
        """A new job, to be begun by any worker. Adding it again changes nothing."""
        asked = {"kind": job.kind, "parameters": dict(job.parameters), "person": job.person}
        new = {**asked, "id": job.id, "state": "waiting", "done": 0, "total": job.total, "result": {}, "error": ""}

        def change(connection: Connection) -> Job:
            _queue_for_change(connection)
            if (kept := _find(connection, job.id)) is None:
                row = {**new, "hint": "", "attempts": 0, "cancel_asked": False}
                row |= {"pause_asked": False, "changed": _next_change(connection)}
                connection.execute(JOBS.insert().values(**row, created=NOW), self._database.clock)
                return to_job(_row(connection, job.id))
            if {name: kept[name] for name in asked} != asked:
                raise Conflict(f"job {job.id} exists and does something else", hint="give it an id of its own")
            return to_job(kept)

        if not job.id:
            raise BadInput("a job needs an id")
        return self._database.write(change)

    def get(self, job: str) -> Job:
        """The job with this id."""
        return self._database.read(lambda connection: to_job(_row(connection, job)))

    def counts(self) -> dict[str, int]:
        """How many jobs there are of each state that any is in."""
        statement = select(JOBS.c.state, func.count()).group_by(JOBS.c.state)
        rows = self._database.read(lambda connection: connection.execute(statement).all())
        return {state: number for state, number in rows}  # noqa: C416 - a row is no pair to the type checker

    def list(self, limit: int = 100, before: str | None = None) -> builtins.list[Job]:
        """The newest first; `before` is the id of the last one that was seen."""

        def query(connection: Connection) -> builtins.list[Job]:
            statement = select(JOBS).order_by(JOBS.c.seq.desc()).limit(limit)
            if before is not None:
                statement = statement.where(JOBS.c.seq < _row(connection, before)["seq"])
            return [to_job(row) for row in connection.execute(statement).mappings()]

        return self._database.read(query)

    def changed(self, after: int) -> tuple[builtins.list[Job], int]:
        """Jobs that have changed since, at most `MOST_CHANGED`, and the number to ask with next."""
        statement = select(JOBS).where(JOBS.c.changed > after).order_by(JOBS.c.changed).limit(MOST_CHANGED)
        rows = self._database.read(lambda connection: connection.execute(statement).mappings().all())
        return [to_job(row) for row in rows], rows[-1]["changed"] if rows else after

    def claim(
        self, worker: str, seconds: float = 30, *, only: Collection[str] | None = None, never: Collection[str] = ()
    ) -> Job | None:
        """The oldest job that waits or whose worker went silent, now this worker's for `seconds`; None without one.

        A worker is one thread of one server: its name is its own. It takes jobs of the kinds in `only`, or of all kinds
        but those in `never`.
        """
        clock = self._database.clock
        oldest = _OLDEST.where(JOBS.c.kind.not_in(never) if only is None else JOBS.c.kind.in_(only))
        lease = {"state": "running", "worker": worker, "lease_until": NOW + _milliseconds(seconds)}

        def change(connection: Connection) -> Job | None:
            _queue_for_change(connection)
            while row := connection.execute(oldest, clock).mappings().first():
                if row["cancel_asked"]:
                    self._end(connection, row, "cancelled", worker=None)
                elif row["pause_asked"]:
                    self._update(connection, row["id"], _PAUSED)
                elif row["attempts"] >= MOST_ATTEMPTS:
                    error = f"it was begun {MOST_ATTEMPTS} times, and its server stopped each time before the end"
                    self._end(connection, row, "failed", worker=None, error=error, hint="see the log of the server")
                else:
                    started = NOW if row["started"] is None else row["started"]
                    begun = {**lease, "started": started, "attempts": row["attempts"] + 1}
                    return self._update(connection, row["id"], begun)
            return None

        # Most of the time there is nothing to do, and nobody needs to wait for that.
        if self._database.read(lambda connection: connection.execute(oldest, clock).first()) is None:
            return None
        return self._database.write(change)

    def report(
        self,
        job: str,
        worker: str,
        done: int,
        total: int | None,
        seconds: float = 30,
        *,
        result: Mapping[str, Any] | None = None,
    ) -> Wish | None:
        """Say how far the job is, and keep it for `seconds` more; returns why it should stop, if it should.

        `result` is what has come of it so far; None leaves what was said before.
        """
        lease = {"lease_until": NOW + _milliseconds(seconds)}

        def change(connection: Connection) -> Wish | None:
            _queue_for_change(connection)
            row = _held(connection, job, worker)
            came = {} if result is None else {"result": dict(result)}
            if (row["done"], row["total"]) == (done, total) and not came:
                connection.execute(update(JOBS).where(JOBS.c.id == job).values(**lease), self._database.clock)
            else:
                self._update(connection, job, {**lease, "done": done, "total": total, **came})
            return "cancel" if row["cancel_asked"] else "pause" if row["pause_asked"] else None

        return self._database.write(change)

    def hand_back(self, job: str, worker: str) -> Job:
        """Let others go on with it at once, or once it is resumed if somebody asked for a pause.

        An orderly stop is none of the attempts that are counted.
        """

        def change(connection: Connection) -> Job:
            _queue_for_change(connection)
            row = _held(connection, job, worker)
            waiting = _PAUSED if row["pause_asked"] else _WAITING
            return self._update(connection, job, {**waiting, "attempts": row["attempts"] - 1})

        return self._database.write(change)

    def finish(
        self,
        job: str,
        worker: str,
        *,
        result: Mapping[str, Any] | None = None,
        error: str = "",
        hint: str = "",
        cancelled: bool = False,
        progress: tuple[int, int | None] | None = None,
    ) -> Job:
        """Say how the job ended: with an error, cancelled, else well. Only its worker can, and again is fine.

        `result` is what came of it, and `progress` how much was done, of how much; None leaves what was reported last.
        """
        came: dict[str, Any] = {} if progress is None else {"done": progress[0], "total": progress[1]}
        if result is not None:
            came["result"] = dict(result)
        state = "cancelled" if cancelled else "failed" if error else "done"

        def change(connection: Connection) -> Job:
            _queue_for_change(connection)
            row = _row(connection, job)
            if row["finished"] is not None and row["worker"] == worker:
                return to_job(row)
            _held(connection, job, worker)
            return self._end(connection, row, state, error=error, hint=hint, **came)

        return self._database.write(change)

    def cancel(self, job: str) -> Job:
        """One that waits or is paused is cancelled at once; one that runs is asked to stop; others stay as they are."""

        def change(connection: Connection) -> Job:
            _queue_for_change(connection)
            row = _row(connection, job)
            if row["state"] in ("waiting", "paused"):
                return self._end(connection, row, "cancelled")
            if row["state"] == "running":
                connection.execute(update(JOBS).where(JOBS.c.id == job).values(cancel_asked=True))
            return to_job(row)

        return self._database.write(change)

    def pause(self, job: str) -> Job:
        """One that waits is paused at once; one that runs is asked to stop where it can; others stay as they are."""

        def change(connection: Connection) -> Job:
            _queue_for_change(connection)
            row = _row(connection, job)
            if row["state"] == "waiting":
                return self._update(connection, job, {**_PAUSED, "pause_asked": True})
            if row["state"] == "running":
                connection.execute(update(JOBS).where(JOBS.c.id == job).values(pause_asked=True))
            return to_job(row)

        return self._database.write(change)

    def resume(self, job: str) -> Job:
        """One that is paused waits for its turn again, in its old place; one that was to be paused runs on."""

        def change(connection: Connection) -> Job:
            _queue_for_change(connection)
            row = _row(connection, job)
            if row["state"] == "paused":
                return self._update(connection, job, {**_WAITING, "pause_asked": False})
            connection.execute(update(JOBS).where(JOBS.c.id == job).values(pause_asked=False))
            return to_job(row)

        return self._database.write(change)

    def note(self, job: str, lines: Sequence[JobLine]) -> None:
        """Add lines to the log of a job; the oldest beyond `MOST_LINES` go."""
        new = [(line.time.isoformat(), line.text) for line in lines]

        def change(connection: Connection) -> None:
            _queue_for_change(connection)
            kept = _lines(connection, job)
            log = [*(kept or []), *new][-MOST_LINES:]
            if kept is None:
                connection.execute(JOB_LOGS.insert().values(job=job, lines=log))
            else:
                connection.execute(update(JOB_LOGS).where(JOB_LOGS.c.job == job).values(lines=log))

        if new:
            self._database.write(change)

    def log(self, job: str) -> builtins.list[JobLine]:
        """What the job has said, the oldest line first."""

        def query(connection: Connection) -> builtins.list[JobLine]:
            kept = _lines(connection, job) or []
            return [JobLine(time=datetime.fromisoformat(time), text=said) for time, said in kept]

        return self._database.read(query)

    def orphan_all(self) -> None:
        """Let every running job be claimed at once: for a server that has just begun, and is the only one."""
        orphans = update(JOBS).where(JOBS.c.state == "running").values(worker=None, lease_until=0)

        def change(connection: Connection) -> None:
            _queue_for_change(connection)
            connection.execute(orphans)

        self._database.write(change)

    def _end(self, connection: Connection, row: RowMapping, state: str, **outcome: Any) -> Job:
        ended = {"state": state, "finished": NOW, "lease_until": None, **outcome}
        return self._update(connection, row["id"], ended)

    def _update(self, connection: Connection, job: str, values: Mapping[str, Any]) -> Job:
        statement = update(JOBS).where(JOBS.c.id == job).values(**values, changed=_next_change(connection))
        connection.execute(statement, self._database.clock)
        return to_job(_row(connection, job))


def _queue_for_change(connection: Connection) -> None:
    lock_names(connection, "jobs")


def _next_change(connection: Connection) -> int:
    number: int = connection.execute(select(func.coalesce(func.max(JOBS.c.changed), 0) + 1)).scalar_one()
    return number


def _find(connection: Connection, job: str) -> RowMapping | None:
    return connection.execute(select(JOBS).where(JOBS.c.id == job)).mappings().first()


def _lines(connection: Connection, job: str) -> Any:
    """What is kept of the job's log; None before its first line."""
    _row(connection, job)
    return connection.execute(select(JOB_LOGS.c.lines).where(JOB_LOGS.c.job == job)).scalar()


def _row(connection: Connection, job: str) -> RowMapping:
    row = _find(connection, job)
    if row is None:
        raise NotFound(f"there is no job {job}", hint="the list of jobs has their ids: curator jobs list")
    return row


def _held(connection: Connection, job: str, worker: str) -> RowMapping:
    """The job, if this worker runs it."""
    row = _row(connection, job)
    if row["state"] != "running" or row["worker"] != worker:
        raise Conflict(f"job {job} is no longer run by {worker}", hint="stop: it has ended, or another worker runs it")
    return row


def _milliseconds(seconds: float) -> int:
    if not 0 < seconds <= 86400:
        raise BadInput(f"{seconds:g} s is no time for a lease", hint="give 1 s to 86400 s, a day")
    return round(seconds * 1000)
