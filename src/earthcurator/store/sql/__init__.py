"""Tasks and labels: kept in SQL, in SQLite for one program or in PostgreSQL for several."""

from earthcurator.store.sql.answers import Kept
from earthcurator.store.sql.database import Database
from earthcurator.store.sql.tasks import Counts, Page, Tasks

__all__ = ["Counts", "Database", "Kept", "Page", "Tasks"]
