"""Records of a task's active learning: rounds (what was chosen, and why), audits (what was drawn) and goals.

They are JSON that their makers understand; here they are only kept, in order, and never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from earthcurator.store.sql.database import Database, lock_names
from earthcurator.store.sql.schema import NOW, RECORDS

Kind = Literal["round", "audit", "goal"]

Record = Mapping[str, Any]


class Rounds:
    """Rounds and audits of all tasks. Safe to use from many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, task: str, kind: Kind, number: int, record: Record) -> bool:
        """Keep a record as this number of its task, 1 for the first. False when somebody else was first."""

        def change(connection: Connection) -> bool:
            lock_names(connection, f"{kind}s of {task}")
            if number != 1 + (connection.execute(_last(task, kind)).scalar_one() or 0):
                return False
            row = {"task": task, "kind": kind, "number": number, "record": dict(record)}
            connection.execute(RECORDS.insert().values(**row, time=NOW), self._database.clock)
            return True

        return self._database.write(change)

    def last(self, task: str, kind: Kind) -> tuple[int, Record | None]:
        """The newest record and its number; 0 and None when there is none."""
        found = self.list(task, kind, limit=1)
        return found[0] if found else (0, None)

    def list(self, task: str, kind: Kind, limit: int = 1000, *, before: int | None = None) -> list[tuple[int, Record]]:
        """Records with their numbers, newest first; only those before a number, if one is given."""
        statement = (
            select(RECORDS.c.number, RECORDS.c.record)
            .where(RECORDS.c.task == task, RECORDS.c.kind == kind)
            .order_by(RECORDS.c.number.desc())
            .limit(limit)
        )
        if before is not None:
            statement = statement.where(RECORDS.c.number < before)
        return self._database.read(
            lambda connection: [(number, record) for number, record in connection.execute(statement)]
        )

    def newest(self, kind: Kind) -> dict[str, int]:
        """Task → number of its newest record, for the tasks that have one. Read from an index alone."""
        newest = select(RECORDS.c.task, func.max(RECORDS.c.number).label("number"))
        statement = newest.where(RECORDS.c.kind == kind).group_by(RECORDS.c.task)
        return self._database.read(lambda connection: {row.task: row.number for row in connection.execute(statement)})


def _last(task: str, kind: Kind) -> Any:
    return select(func.max(RECORDS.c.number)).where(RECORDS.c.task == task, RECORDS.c.kind == kind)
