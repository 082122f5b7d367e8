"""Ranking chips by likeness to examples: query arithmetic, filters, near-duplicates and diversity."""

from earthcurator.search.filters import parse_dates
from earthcurator.search.ranking import Ranking, Vectors, search

__all__ = ["Ranking", "Vectors", "parse_dates", "search"]
