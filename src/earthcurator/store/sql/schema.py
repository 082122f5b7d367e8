"""The tables of tasks and labels, the database's clock, and how rows become values.

`labels` is the truth: events that are only ever inserted. `slots` is the queue: a row for each opinion that a task
asks of a chip. `opinions` is what counts now of what each person said, and with `slots` could be rebuilt from `labels`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    MetaData,
    RowMapping,
    SmallInteger,
    String,
    Table,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from earthcurator.models import Label, Lease, Task

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
)

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
)


class Clock(ColumnElement[int]):
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


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, which both databases write alike and SQLAlchemy does not share."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


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


def to_lease(row: RowMapping) -> Lease:
    """A leased row of `slots` as a value."""
    return Lease(task=row["task"], chip=row["chip"], annotator=row["owner"], until=to_instant(row["lease_until"]))
