"""Tasks, labels, people and jobs: kept in SQL, in SQLite for one server or in PostgreSQL for several."""

from earthcurator.store.sql.answers import Kept
from earthcurator.store.sql.database import Database
from earthcurator.store.sql.jobs import Jobs
from earthcurator.store.sql.pairings import Pairings
from earthcurator.store.sql.people import People
from earthcurator.store.sql.rounds import Rounds
from earthcurator.store.sql.tasks import Counts, Page, Tasks

__all__ = ["Counts", "Database", "Jobs", "Kept", "Page", "Pairings", "People", "Rounds", "Tasks"]
