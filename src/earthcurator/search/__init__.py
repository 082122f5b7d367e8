"""Ranking chips by likeness to examples or by a model: query arithmetic, filters, near-duplicates and diversity."""

from earthcurator.search.filters import parse_dates
from earthcurator.search.ranking import Ranking, Vectors, rank, search

__all__ = ["Ranking", "Vectors", "parse_dates", "rank", "search"]
