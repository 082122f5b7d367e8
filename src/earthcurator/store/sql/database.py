"""A SQL database, opened once in each program: SQLite for one server, PostgreSQL for several.

SQLite lets one program write at a time, and short-lived commands wait their turn beside a server. Two servers would
starve each other's people (measured: p99 of seconds), so that the second one is refused.

Callers pass functions that use a connection: `read(query)` and `write(change)`. A change is one short transaction and
must be safe to run twice, for it runs again after a lost connection or a deadlock. Time is the database's clock.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

from filelock import FileLock, Timeout
from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    Select,
    bindparam,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from earthcurator.errors import BadInput, Conflict, NotFound, StorageFailed
from earthcurator.store.sql.groupcommit import GroupCommit
from earthcurator.store.sql.migrations import STEPS, applied, migrate_one

log = logging.getLogger(__name__)

T = TypeVar("T")

BUSY_SECONDS = 30
"""How long SQLite waits for another program, e.g. a backup, that holds the file."""

CONNECTIONS = 16
"""At most, for each process. PostgreSQL allows 100 in all unless told otherwise."""

PAUSES = (0.02, 0.1, 0.5, 1, 2, 4, 8)
"""Seconds before each next try at PostgreSQL: enough for a restart."""


class Database:
    """One database, safe to use from many threads."""

    def __init__(
        self,
        reader: Engine,
        writer: GroupCommit | Engine | None,
        *,
        lock: FileLock | None = None,
        clock_offset: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = lock
        self._clock_offset = clock_offset
        # First come, first served: SQLAlchemy's pool lets busy threads starve those that wait (measured: for 6 s).
        self._turns = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="curator-sql")

    @classmethod
    def open(
        cls,
        location: str | Path,
        *,
        read_only: bool = False,
        serving: bool = False,
        clock_offset: Callable[[], float] = lambda: 0.0,
    ) -> Database:
        """The database at a path (SQLite) or a `postgresql://` address, brought up to date.

        `serving` is for servers, of which a SQLite file has one at a time; commands write beside it.
        `clock_offset` is added to the database's clock, in seconds: for tests of what happens later.
        """
        url = _postgresql_url(location)
        if url is not None:
            opened = _open_postgresql(url, read_only, clock_offset)
        else:
            opened = _open_sqlite(Path(location), read_only, serving, clock_offset)
        try:
            opened._bring_up_to_date()
        except BaseException:
            opened.close()
            raise
        return opened

    @property
    def clock(self) -> Mapping[str, int]:
        """What statements with `NOW` need to know."""
        return {"clock_offset": round(self._clock_offset() * 1000)}

    def read(self, query: Callable[[Connection], T]) -> T:
        """What `query` returns; it sees one state of the database if that is SQLite."""
        return self._in_turn(self._reader, query)

    def write(self, change: Callable[[Connection], T]) -> T:
        """What `change` returns, once it is committed. It must be safe to run twice."""
        match self._writer:
            case None:
                raise Conflict("the database was opened for reading only", hint="open it for writing to change it")
            case GroupCommit() as writer:
                with _Gate():
                    return writer.write(change)
            case engine:
                return self._in_turn(engine, change)

    def close(self) -> None:
        """Finish what waits, and let others open it."""
        if isinstance(self._writer, GroupCommit):
            self._writer.close()
        self._turns.shutdown()
        self._reader.dispose()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _in_turn(self, engine: Engine, change: Callable[[Connection], T]) -> T:
        try:
            turn = self._turns.submit(_run, engine, change)
        except RuntimeError as error:
            raise Conflict("the database is closed", hint="open the project again") from error
        return turn.result()

    def _bring_up_to_date(self) -> None:
        if self._writer is not None:
            while self.write(migrate_one):
                pass
        elif self.read(applied) < len(STEPS):
            raise Conflict(
                "the database of labels is of an older Curator and was opened for reading only",
                hint="open it for writing once, e.g. with `curator serve`",
            )


def lock_names(connection: Connection, *names: str, joining: str | None = None) -> None:
    """Until this transaction ends, let no other that names the same go on. SQLite has one writer, and needs nothing.

    With `joining`, `await_writers` of that name waits for this transaction.
    """
    if connection.dialect.name == "postgresql":
        writers = [] if joining is None else [_writers_of(joining)]
        keys = {f"key{number}": _lock_key(name) for number, name in enumerate([*names, *writers])}
        connection.execute(_locks(len(names), len(writers)), keys)


def update_statistics(connection: Connection, table: str) -> None:
    """Let PostgreSQL know what it cannot guess: a task that is new to it.

    With statistics from before, it expects no rows of the task, takes any index for as good as the others, and reads
    all of the task's rows again for each of them (measured: 28 labels a second instead of 260).
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {table}"))


def await_writers(connection: Connection, name: str) -> None:
    """Wait until the transactions that joined so far have ended.

    Numbers of rows are given before their commits, so that a reader may see 8 before 7.
    After this, 7 is there or never.
    """
    lock_names(connection, _writers_of(name))


def _writers_of(name: str) -> str:
    return f"writers of {name}"


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


@cache
def _locks(alone: int, shared: int) -> Select[Any]:
    """Takes so many locks, in the order of their keys' numbers, in one round trip."""
    functions = [func.pg_advisory_xact_lock] * alone + [func.pg_advisory_xact_lock_shared] * shared
    return select(*(take(bindparam(f"key{n}", type_=BigInteger)).label(f"lock{n}") for n, take in enumerate(functions)))


class _Gate:
    """Where errors of SQL become ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, DataError | UnicodeEncodeError | OverflowError):
            raise BadInput(
                "the database cannot keep this text or number", hint="leave out NUL characters and lone surrogates"
            ) from error
        if isinstance(error, SQLAlchemyError):
            cause = error.orig if isinstance(error, DBAPIError) else error
            raise StorageFailed(
                f"the database of labels failed: {str(cause).strip()}",
                hint="see that its disk has space and, for PostgreSQL, that the server runs; then do it again",
            ) from error


def _run(engine: Engine, change: Callable[[Connection], T]) -> T:
    """Run in a transaction; on PostgreSQL again after a deadlock, a conflict of transactions, or a lost connection."""
    pauses = PAUSES if engine.dialect.name == "postgresql" else ()
    with _Gate():
        for pause in pauses:
            try:
                with engine.begin() as connection:
                    return change(connection)
            except OperationalError as error:
                log.warning("trying PostgreSQL again in %g s: %s", pause, str(error.orig).strip())
                time.sleep(pause)
        with engine.begin() as connection:
            return change(connection)


def _postgresql_url(location: str | Path) -> URL | None:
    """The address, or None for a path. The password in it never gets into a message."""
    if isinstance(location, Path) or "://" not in location:
        return None
    scheme = location.partition("://")[0]
    if scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise BadInput(
            f"{scheme}:// is no database that Curator knows",
            hint="give a path for SQLite, or postgresql://USER:PASSWORD@HOST/NAME",
        )
    try:
        url = make_url(location.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError) as error:
        raise BadInput(
            "the address of the database cannot be read", hint="write postgresql://USER:PASSWORD@HOST:PORT/NAME"
        ) from error
    return url.set(drivername="postgresql+psycopg")


def _open_postgresql(url: URL, read_only: bool, clock_offset: Callable[[], float]) -> Database:
    engine = create_engine(url, pool_size=CONNECTIONS, max_overflow=0)
    event.listen(engine, "connect", _without_jit)
    with _Gate(), engine.connect():
        pass  # a wrong password or address is said at once, not after many tries
    return Database(engine, None if read_only else engine, clock_offset=clock_offset)


def _without_jit(connection: Any, _record: object) -> None:
    """Our statements take a few milliseconds; PostgreSQL would compile some of them for 160 ms each time."""
    connection.execute("SET jit = off")
    connection.commit()


def _open_sqlite(path: Path, read_only: bool, serving: bool, clock_offset: Callable[[], float]) -> Database:
    if read_only:
        if not path.exists():
            raise NotFound(f"there is no database at {path}", hint="it is made when the first task is")
        return Database(_sqlite_engine(path, "BEGIN", "ro"), None, clock_offset=clock_offset)
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder {path.parent} for the database", hint="make the folder first")
    lock = _lock_for_server(path) if serving else None
    writer = GroupCommit(_sqlite_engine(path, "BEGIN IMMEDIATE", "rwc", connections=1))
    return Database(_sqlite_engine(path, "BEGIN", "ro"), writer, lock=lock, clock_offset=clock_offset)


def _lock_for_server(path: Path) -> FileLock:
    lock = FileLock(f"{path}.lock", timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise Conflict(
            f"another program serves this project: it has {path} open for writing",
            hint="stop it, or set CURATOR_DATABASE_URL to a PostgreSQL database, which several can use at once",
        ) from error
    return lock


def _sqlite_engine(path: Path, begin: str, mode: str, *, connections: int = CONNECTIONS) -> Engine:
    """Connections whose transactions start with `begin`: Python's own way takes locks late and fails on upgrades."""
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
        )
        connection.execute("PRAGMA foreign_keys = ON")
        if mode == "rwc":
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=connections, max_overflow=0)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine
