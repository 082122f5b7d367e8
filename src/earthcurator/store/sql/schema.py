"""The tables of tasks, labels, people and jobs, the database's clock, and how rows become values.

`labels` is the truth: events that are only ever inserted. `slots` is the queue: a row for each opinion that a task
asks of a chip. `opinions` is what counts now of what each person said, and with `slots` could be rebuilt from `labels`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Insert,
    Integer,
    MetaData,
    Row,
    RowMapping,
    SmallInteger,
    String,
    Table,
    bindparam,
    literal_column,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from earthcurator.models import Invite, Job, Label, Lease, Pairing, Person, Task, Token

FREE, LEASED, DONE = 0, 1, 2
"""What a slot's `status` says."""

METADATA = MetaData()

TASKS = Table(
    "tasks",
    METADATA,
    Column("id", String, primary_key=True),
    Column("question", String),
    Column("classes", JSON),
    Column("several", Boolean),
    Column("opinions", Integer),
    Column("guide", String),
    Column("references_", JSON),
    Column("created", BigInteger),
    Column("creator", String),
)

SLOTS = Table(
    "slots",
    METADATA,
    Column("id", BigInteger, primary_key=True),
    Column("task", String),
    Column("chip", String),
    Column("slot", SmallInteger),
    Column("priority", Float),
    Column("status", SmallInteger),
    Column("owner", String),  # who holds it or has filled it
    Column("lease_until", BigInteger),
    Column("returned", SmallInteger),  # 1: it came back to the queue, maybe before the places of `presence`
)

# Written into the statements: with bound values, planners pass over indexes of some states only.
IS_FREE, IS_LEASED, IS_DONE = (SLOTS.c.status == literal_column(str(status)) for status in (FREE, LEASED, DONE))

LABELS = Table(
    "labels",
    METADATA,
    Column("seq", BigInteger, primary_key=True),
    Column("id", String),
    Column("task", String),
    Column("chip", String),
    Column("annotator", String),
    Column("decision", String),
    Column("value", JSON),
    Column("time", BigInteger),
    Column("seconds", Float),
    Column("source", String),
    Column("voids", String),
    Column("note", String),
    Column("extra", Boolean),
)

OPINIONS = Table(
    "opinions",
    METADATA,
    Column("task", String, primary_key=True),
    Column("chip", String, primary_key=True),
    Column("annotator", String, primary_key=True),
    Column("decision", String),
)

PRESENCE = Table(
    "presence",
    METADATA,
    Column("task", String, primary_key=True),
    Column("annotator", String, primary_key=True),
    Column("seen", BigInteger),
    # Where in the queue the first chip is that is new to them, but for what came back; null: not known.
    Column("passed_priority", Float),
    Column("passed_id", BigInteger),
)

PEOPLE = Table(
    "people",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String),
    Column("name_key", String),  # the name without case: unique among those who are active
    Column("role", String),
    Column("created", BigInteger),
    Column("active", Boolean),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", String, primary_key=True),
    Column("hash", String),
    Column("person", String),
    Column("kind", String),
    Column("name", String),
    Column("created", BigInteger),
    Column("expires", BigInteger),
    Column("parent", String),  # the token that a session was made with: it ends with it
)

INVITES = Table(
    "invites",
    METADATA,
    Column("id", String, primary_key=True),
    Column("hash", String),
    Column("role", String),
    Column("creator", String),
    Column("created", BigInteger),
    Column("expires", BigInteger),
    Column("uses_left", Integer),
)

PAIRINGS = Table(
    "pairings",
    METADATA,
    Column("id", String, primary_key=True),
    Column("person", String),
    Column("role", String),
    Column("code", String),  # a hash; null once it was claimed
    Column("hash", String),  # of the secret; null until then
    Column("name", String),
    Column("origin", String),
    Column("created", BigInteger),
    Column("expires", BigInteger),
)

RECORDS = Table(
    "records",
    METADATA,
    Column("task", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("record", JSON),
    Column("time", BigInteger),
)

JOBS = Table(
    "jobs",
    METADATA,
    Column("seq", BigInteger, primary_key=True),
    Column("id", String),
    Column("kind", String),
    Column("parameters", JSON),
    Column("person", String),
    Column("state", String),
    Column("done", BigInteger),
    Column("total", BigInteger),
    Column("result", JSON),
    Column("error", String),
    Column("hint", String),
    Column("attempts", Integer),
    Column("created", BigInteger),
    Column("started", BigInteger),
    Column("finished", BigInteger),
    Column("worker", String),  # who runs it, or has finished it
    Column("lease_until", BigInteger),
    Column("cancel_asked", Boolean),
    Column("pause_asked", Boolean),
    Column("changed", BigInteger),  # grows with each change of any job
)

JOB_LOGS = Table(
    "job_logs",
    METADATA,
    Column("job", String, primary_key=True),
    Column("lines", JSON),  # pairs of an instant, ISO 8601, and a text; the oldest first
)


class Clock(FunctionElement[int]):
    """Milliseconds since 1970 by the clock of the database, the same for a whole statement."""

    inherit_cache = True
    type = BigInteger()


@compiles(Clock, "sqlite")
def _sqlite_clock(_element: Clock, _compiler: SQLCompiler, **_options: Any) -> str:
    # unixepoch('subsec') needs SQLite 3.42; Debian 12 has 3.40.
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(Clock, "postgresql")
def _postgresql_clock(_element: Clock, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CAST(floor(extract(epoch FROM statement_timestamp()) * 1000) AS BIGINT)"


NOW = Clock() + bindparam("clock_offset", type_=BigInteger)
"""The time, for statements that are run with `database.clock` among their values."""


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, which both databases write alike and SQLAlchemy does not share."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def upsert(table: Table, column: str, **values: Any) -> Mapping[str, Insert]:
    """Database → the statement that inserts rows, or sets `column` of those that are there."""
    keys = list(table.primary_key)
    lite = sqlite.insert(table).values(**values)
    post = postgresql.insert(table).values(**values)
    return {
        "sqlite": lite.on_conflict_do_update(index_elements=keys, set_={column: lite.excluded[column]}),
        "postgresql": post.on_conflict_do_update(index_elements=keys, set_={column: post.excluded[column]}),
    }


def to_instant(milliseconds: int) -> datetime:
    """The stored time as a value."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def to_task(row: RowMapping) -> Task:
    """A row of `tasks` as a value."""
    return Task(
        id=row["id"],
        question=row["question"],
        classes=tuple(row["classes"]),
        several=row["several"],
        opinions=row["opinions"],
        guide=row["guide"],
        references={name: tuple(chips) for name, chips in row["references_"].items()},
        created=to_instant(row["created"]),
        creator=row["creator"],
    )


def from_task(task: Task) -> dict[str, Any]:
    """The columns of a task; `created` is the database's."""
    return {
        "id": task.id,
        "question": task.question,
        "classes": list(task.classes),
        "several": task.several,
        "opinions": task.opinions,
        "guide": task.guide,
        "references_": {name: list(chips) for name, chips in task.references.items()},
        "creator": task.creator,
    }


def to_label(row: RowMapping) -> Label:
    """A row of `labels` as a value."""
    return Label(
        id=row["id"],
        task=row["task"],
        chip=row["chip"],
        annotator=row["annotator"],
        decision=row["decision"],
        value=tuple(row["value"]),
        time=to_instant(row["time"]),
        seconds=row["seconds"],
        source=row["source"],
        voids=row["voids"],
        note=row["note"],
    )


def from_label(label: Label) -> dict[str, Any]:
    """The columns of a label; `time` is the database's."""
    return {
        "id": label.id,
        "task": label.task,
        "chip": label.chip,
        "annotator": label.annotator,
        "decision": label.decision,
        "value": list(label.value),
        "seconds": label.seconds,
        "source": label.source,
        "voids": label.voids,
        "note": label.note,
    }


def to_lease(row: Row[Any]) -> Lease:
    """A leased row of `slots` as a value."""
    return Lease(task=row.task, chip=row.chip, annotator=row.owner, until=to_instant(row.lease_until))


def to_person(row: RowMapping) -> Person:
    """A row of `people` as a value."""
    return Person(
        id=row["id"], name=row["name"], role=row["role"], created=to_instant(row["created"]), active=row["active"]
    )


def to_token(row: RowMapping) -> Token:
    """A row of `tokens` as a value, without its hash."""
    return Token(
        id=row["id"],
        person=row["person"],
        kind=row["kind"],
        name=row["name"],
        created=to_instant(row["created"]),
        expires=_maybe_instant(row["expires"]),
    )


def to_invite(row: RowMapping) -> Invite:
    """A row of `invites` as a value, without its hash."""
    return Invite(
        id=row["id"],
        role=row["role"],
        creator=row["creator"],
        created=to_instant(row["created"]),
        expires=to_instant(row["expires"]),
        uses_left=row["uses_left"],
    )


def to_pairing(row: RowMapping) -> Pairing:
    """A row of `pairings` as a value, without its hashes."""
    return Pairing(
        id=row["id"],
        person=row["person"],
        role=row["role"],
        name=row["name"],
        origin=row["origin"],
        claimed=row["hash"] is not None,
        created=to_instant(row["created"]),
        expires=to_instant(row["expires"]),
    )


def to_job(row: RowMapping) -> Job:
    """A row of `jobs` as a value."""
    return Job(
        id=row["id"],
        kind=row["kind"],
        parameters=row["parameters"],
        person=row["person"],
        state=row["state"],
        done=row["done"],
        total=row["total"],
        result=row["result"],
        error=row["error"],
        hint=row["hint"],
        attempts=row["attempts"],
        created=to_instant(row["created"]),
        started=_maybe_instant(row["started"]),
        finished=_maybe_instant(row["finished"]),
    )


def _maybe_instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else to_instant(milliseconds)
