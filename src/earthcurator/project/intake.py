"""Imports: from arrivals to commits, with a report of what was left out."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

from earthcurator.models import Arrival, Chip, Quarantined, Skipped
from earthcurator.store import Chips

_TOLD = ("box", "time", "layer", "folder")  # what the user says of a chip, beside its content
COMMIT_ROWS = 4096
COMMIT_BYTES = 64_000_000
COMMIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did."""

    added: int
    """Chips that are new."""
    present: int
    """Chips that were in the project already, from the same file."""
    differing: int
    """How many of those are there with another place, time, layer or class folder, which was kept."""
    skipped: int
    """Windows of scenes that were left out as asked, having too little data."""
    quarantined: Mapping[str, int]
    """How many files were left out, by kind."""
    report: str | None
    """Where the list of those files is, with the reason of each (CSV); None when there are none."""
    seconds: float
    reason: str | None = None
    """Why the first of those files was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """What a download did."""

    added: int
    """Chips that are new."""
    present: int
    """Chips that were in the project already."""
    changed: int
    """How many of those look different at the source now, e.g. since near-real-time imagery was processed again.
    Chips never change; what is in the project was kept."""
    shifted: int
    """Chips for which the source showed another time than it was asked for; they carry the time that it showed."""
    skipped: Mapping[str, int]
    """Chips that were left out as asked, by reason: `blank`, `missing`, `too little data`, `cloudy`."""
    failed: int
    """Chips that could not be had; running it again tries them again."""
    report: str | None
    """Where the list of those is, with the reason of each (CSV); None when there are none."""
    requests: int
    """How many requests were sent."""
    cached: int
    """How many tiles were here already."""
    download_bytes: int
    seconds: float


class Intake:
    """Collects arrivals into commits, and tells apart what is new, what is there, and what is a duplicate."""

    def __init__(self, chips: Chips) -> None:
        self.added = 0
        self.present = 0
        self.differing = 0
        self.changed = 0
        self.shifted = 0
        self.skipped: Counter[str] = Counter()
        self.quarantined: Counter[str] = Counter()
        self.reason: str | None = None
        self.report = StringIO()
        self._rows = csv.writer(self.report)
        self._rows.writerow(["origin", "kind", "reason"])
        self._chips = chips
        self._waiting: dict[str, Arrival] = {}
        self._bytes = 0
        self._since = time.monotonic()

    def take(self, item: Arrival | Quarantined | Skipped) -> None:
        """Count it, and commit when enough wait."""
        if isinstance(item, Skipped):
            self.skipped[item.reason] += 1
            return
        if isinstance(item, Quarantined):
            self._leave_out(item)
            return
        self.shifted += item.chip.requested is not None and item.chip.time != item.chip.requested
        twin = self._waiting.get(item.chip.id)
        if twin is not None:
            self._leave_out_twin(item.chip, twin.chip)
            return
        self._waiting[item.chip.id] = item
        self._bytes += len(item.picture)
        full = len(self._waiting) >= COMMIT_ROWS or self._bytes >= COMMIT_BYTES
        if full or time.monotonic() - self._since > COMMIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what waits."""
        arrivals = list(self._waiting.values())
        self._waiting.clear()
        self._bytes = 0
        known = self._chips.ids.known(arrival.chip.id for arrival in arrivals)
        self._sort_known([arrival.chip for arrival in arrivals if arrival.chip.id in known])
        if new := [arrival for arrival in arrivals if arrival.chip.id not in known]:
            added = self._chips.add(new)
            self.added += added
            self.present += len(new) - added  # another program was quicker
        self._since = time.monotonic()

    def _sort_known(self, chips: Sequence[Chip]) -> None:
        there = {chip.id: chip for chip in self._chips.get([chip.id for chip in chips])}
        for chip in chips:
            self._leave_out_twin(chip, there[chip.id])

    def _leave_out_twin(self, chip: Chip, twin: Chip) -> None:
        if chip.origin == twin.origin:
            self.present += 1
            self.changed += chip.sha256 != twin.sha256
            self.differing += any(getattr(chip, name) != getattr(twin, name) for name in _TOLD)
        else:
            self._leave_out(Quarantined(chip.origin, "duplicate", f"the same picture as {twin.origin}"))

    def _leave_out(self, item: Quarantined) -> None:
        self.quarantined[item.kind] += 1
        self.reason = self.reason or item.reason
        self._rows.writerow([item.origin, item.kind, item.reason])
