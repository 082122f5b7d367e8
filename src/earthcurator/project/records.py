"""The SQL database of a project: opened when it is first needed, and once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from earthcurator.errors import Conflict
from earthcurator.store.sql import Database, Jobs, Pairings, People, Rounds, Tasks


@dataclass(frozen=True, slots=True)
class _Opened:
    database: Database
    tasks: Tasks
    people: People
    pairings: Pairings
    jobs: Jobs
    rounds: Rounds


class Records:
    """Tasks with their labels and rounds, people, and jobs."""

    def __init__(self, location: str | Path) -> None:
        """`location` is a path or a `postgresql://` address; empty where none was set and no file can stand in."""
        self._location = location
        self._opened: _Opened | None = None
        self._opening = Lock()

    @property
    def shared(self) -> bool:
        """True when several servers can use it at once."""
        return "://" in str(self._location)

    @property
    def tasks(self) -> Tasks:
        """What is asked, who answers what, and what they said."""
        return self._open().tasks

    @property
    def people(self) -> People:
        """Who may come in."""
        return self._open().people

    @property
    def pairings(self) -> Pairings:
        """Which programs in a browser may come in."""
        return self._open().pairings

    @property
    def jobs(self) -> Jobs:
        """Long work."""
        return self._open().jobs

    @property
    def rounds(self) -> Rounds:
        """What active learning chose."""
        return self._open().rounds

    def serve(self) -> None:
        """Open it for a server. On SQLite a second server is refused."""
        self.close()
        self._open(serving=True)

    def close(self) -> None:
        """Let others open it."""
        with self._opening:
            if self._opened is not None:
                self._opened.database.close()
                self._opened = None

    def _open(self, *, serving: bool = False) -> _Opened:
        with self._opening:
            if self._opened is None:
                if str(self._location) == "":
                    raise Conflict(
                        "a project on object storage keeps its labels in PostgreSQL",
                        hint="set CURATOR_DATABASE_URL to postgresql://...",
                    )
                database = Database.open(self._location, serving=serving)
                self._opened = _Opened(
                    database,
                    Tasks(database),
                    People(database),
                    Pairings(database),
                    Jobs(database),
                    Rounds(database),
                )
            return self._opened
