"""Opening a database: alone, together, for reading, of another format, and when it breaks."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import Connection, create_engine, inspect, select, text

from earthcurator.errors import BadInput, Conflict, NewerFormat, NotFound, StorageFailed
from earthcurator.store.sql import Database, Jobs, People, Tasks
from earthcurator.store.sql.migrations import STEPS, applied, migrate_one
from earthcurator.store.sql.schema import METADATA, NOW
from tests.postgres import PostgresServer
from tests.store.sql.conftest import label, task


def test_second_server_is_refused_with_a_sentence_and_may_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.db"
    with Database.open(path, serving=True) as database:
        Tasks(database).create(task(), [("c0", 0.0)])
        with pytest.raises(Conflict, match="another program serves this project") as refused:
            Database.open(path, serving=True)
        assert "CURATOR_DATABASE_URL" in refused.value.hint
        script = (
            "import sys; from earthcurator.store.sql import Database, Tasks\n"
            "print(Tasks(Database.open(sys.argv[1], read_only=True)).counts('smoke').chips)\n"
            "Database.open(sys.argv[1], serving=True)"
        )
        other = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
        assert other.stdout.strip() == "1"
        assert "Conflict: another program serves this project" in other.stderr
    Database.open(path, serving=True).close()


def test_command_writes_beside_a_server_and_neither_loses_anything(tmp_path: Path) -> None:
    path = tmp_path / "labels.db"
    script = (
        "import sys; from earthcurator.store.sql import Database, Tasks\n"
        "from tests.store.sql.conftest import label\n"
        "with Database.open(sys.argv[1]) as database:\n"
        "    for number in range(40): Tasks(database).put(label(f'command {number}', f'c{number}', 'ben'))\n"
    )
    with Database.open(path, serving=True) as database:
        tasks = Tasks(database)
        tasks.create(task(opinions=2), [(f"c{number}", 0.0) for number in range(40)])
        command = subprocess.Popen([sys.executable, "-c", script, path], cwd=Path(__file__).parents[3])
        kept: set[str] = set()
        while command.poll() is None:
            kept.add(tasks.put(label(f"server {len(kept)}", f"c{len(kept) % 40}")).label.id)
        assert command.returncode == 0
        events = [event.id for event in tasks.events("smoke")]
    assert len(events) == len(set(events))
    assert set(events) == kept | {f"command {number}" for number in range(40)}


def test_programs_that_make_the_same_database_at_once_all_can(address: str) -> None:
    def add(number: int) -> None:
        with Database.open(address) as database:
            Tasks(database).create(task(f"task {number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    with Database.open(address, read_only=True) as database:
        assert len(Tasks(database).list()) == 8


def test_several_programs_share_postgresql(postgresql: PostgresServer) -> None:
    address = postgresql.new_database()
    with Database.open(address) as one, Database.open(address) as two:
        Tasks(one).create(task(), [("c0", 0.0), ("c1", 0.0)])
        assert [lease.chip for lease in Tasks(one).lease("smoke", "ana")] == ["c0"]
        assert [lease.chip for lease in Tasks(two).lease("smoke", "ben")] == ["c1"]


def test_opened_for_reading_changes_nothing(address: str) -> None:
    with Database.open(address) as database:
        Tasks(database).create(task(), [("c0", 0.0)])
    with Database.open(address, read_only=True) as database:
        assert Tasks(database).counts("smoke").chips == 1
        with pytest.raises(Conflict, match="reading only"):
            Tasks(database).lease("smoke", "ana")


def test_reading_what_is_not_there_is_refused(tmp_path: Path, postgresql: PostgresServer) -> None:
    with pytest.raises(NotFound):
        Database.open(tmp_path / "labels.db", read_only=True)
    with pytest.raises(NotFound):
        Database.open(tmp_path / "nowhere" / "labels.db")
    with pytest.raises(Conflict, match="older"):
        Database.open(postgresql.new_database(), read_only=True)


@pytest.mark.parametrize("address", ["mysql://host/name", "postgresql://host:port/name"])
def test_address_that_cannot_be_used_is_refused(address: str) -> None:
    with pytest.raises(BadInput):
        Database.open(address)


def test_server_that_does_not_answer_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="failed") as refused:
        Database.open(f"postgresql://me:secret@/name?host={tmp_path}")
    assert "secret" not in str(refused.value)


def test_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "labels.db").write_text("not a database" * 100)
    for _ in range(2):  # the lock was freed
        with pytest.raises(StorageFailed, match="not a database"):
            Database.open(tmp_path / "labels.db")


def test_newer_format_is_refused_with_a_sentence(address: str) -> None:
    with Database.open(address) as database:
        database.write(lambda c: c.execute(text("INSERT INTO migrations (number, name) VALUES (99, 'm099')")))
    for read_only in (False, True):
        with pytest.raises(NewerFormat, match="newer than") as refused:
            Database.open(address, read_only=read_only)
        assert "upgrade" in refused.value.hint


def test_steps_run_once_and_a_broken_one_leaves_nothing(database: Database) -> None:
    def breaks(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half_done (id INTEGER)"))
        raise StorageFailed("disk full")

    def works(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half_done (id INTEGER)"))

    known = STEPS
    with pytest.raises(StorageFailed):
        database.write(lambda c: migrate_one(c, steps=[*known, breaks]))
    assert database.read(lambda c: applied(c, steps=[*known, works])) == len(known)
    assert database.write(lambda c: migrate_one(c, steps=[*known, works]))
    assert not database.write(lambda c: migrate_one(c, steps=[*known, works]))


def test_steps_make_the_tables_that_we_use(database: Database) -> None:
    made = database.read(
        lambda c: {name: {column["name"] for column in inspect(c).get_columns(name)} for name in METADATA.tables}
    )
    assert made == {name: {column.name for column in table.columns} for name, table in METADATA.tables.items()}


def test_database_of_the_first_format_is_brought_up_to_date(address: str) -> None:
    url = address.replace("://", "+psycopg://") if "://" in address else f"sqlite:///{address}"
    engine = create_engine(url)
    with engine.begin() as connection:
        migrate_one(connection, steps=STEPS[:1])
    engine.dispose()
    with pytest.raises(Conflict, match="older"):
        Database.open(address, read_only=True)
    with Database.open(address) as database:
        assert database.read(applied) == len(STEPS)
        assert People(database).list() == []
        assert Jobs(database).list() == []


def test_statements_with_the_time_are_compiled_once(database: Database) -> None:
    """SQLAlchemy compiles what it cannot cache each time it runs: that was most of the time of a label."""

    def compiled(connection: Connection) -> int:
        cache: dict[object, object] = {}
        for _ in range(3):
            connection.execute(select(NOW), database.clock, execution_options={"compiled_cache": cache})
        return len(cache)

    assert database.read(compiled) == 1


def test_sqlite_is_set_to_survive_a_power_cut(tmp_path: Path) -> None:
    with Database.open(tmp_path / "labels.db") as database:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        settings = database.write(lambda c: [c.execute(text(f"PRAGMA {name}")).scalar_one() for name in names])
    assert settings == ["wal", 2, 1, 30_000]


def test_write_that_fails_fails_alone(database: Database) -> None:
    """Ten at once: with SQLite they share a commit."""
    tasks = Tasks(database)
    tasks.create(task(), [(f"c{number}", 0.0) for number in range(10)])
    failed: list[BaseException] = []

    def put(number: int) -> None:
        try:
            tasks.put(label(f"e{number}", f"c{number}" if number % 2 else "elsewhere"))
        except NotFound as error:
            failed.append(error)

    threads = [Thread(target=put, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failed) == 5
    assert {event.id for event in tasks.events("smoke")} == {"e1", "e3", "e5", "e7", "e9"}


def test_closed_database_is_told(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "labels.db")
    database.close()
    with pytest.raises(Conflict, match="closed"):
        database.write(lambda connection: None)
    with pytest.raises(Conflict, match="closed"):
        database.read(lambda connection: None)
    database.close()


def test_lost_connections_are_made_again(postgresql: PostgresServer) -> None:
    address = postgresql.new_database()
    with Database.open(address) as database:
        tasks = Tasks(database)
        tasks.create(task(), [("c0", 0.0)])
        postgresql.break_connections(address)
        assert tasks.put(label("e1", "c0")).label.id == "e1"
        postgresql.break_connections(address)
        assert tasks.counts("smoke").done == 1


def test_error_that_undoes_the_group_fails_every_write_of_it(tmp_path: Path) -> None:
    """SQLite may roll a whole transaction back when its disk is full, and not only the write that found it so."""
    begun, go_on = Event(), Event()

    def first(_connection: Connection) -> None:
        begun.set()
        go_on.wait(10)

    def full(connection: Connection) -> None:
        connection.execute(text("INSERT INTO said VALUES ('full')"))
        connection.exec_driver_sql("ROLLBACK")
        raise OSError("no space")

    def say(connection: Connection) -> None:
        connection.execute(text("INSERT INTO said VALUES ('kept')"))

    with Database.open(tmp_path / "labels.db") as database, ThreadPoolExecutor(4) as pool:
        database.write(lambda connection: connection.execute(text("CREATE TABLE said (word TEXT)")))
        writes = [pool.submit(database.write, first)]
        begun.wait(10)
        for change in (say, full, say):  # they wait together, and are committed together
            writes.append(pool.submit(database.write, change))
            time.sleep(0.05)
        go_on.set()
        kept = [write.exception() is None for write in writes][1:].count(True)
        words = database.read(lambda connection: connection.execute(text("SELECT word FROM said")).scalars().all())
        assert len(words) >= kept, "what was acknowledged is there"
        database.write(say)
