"""What a dataset holds, counted while its rows go by on their way to the file."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from earthcurator.export.labelled import SPLITS, Labelled
from earthcurator.export.rows import to_json
from earthcurator.models import Chip


@dataclass(slots=True)
class Span:
    """Some chips: how many, of which times and versions."""

    chips: int = 0
    first: datetime | None = None
    last: datetime | None = None
    versions: set[str] = field(default_factory=set)

    def take(self, chip: Chip) -> None:
        """Let one more chip count."""
        self.chips += 1
        if chip.time is not None:
            self.first = min(self.first or chip.time, chip.time)
            self.last = max(self.last or chip.time, chip.time)
        if chip.version is not None:
            self.versions.add(chip.version)


class Contents:
    """Reads along while a dataset is written."""

    def __init__(self) -> None:
        self.all = Span()
        self.layers: dict[str, Span] = {}
        """Layer, or nothing for imported files, → its chips."""
        self.origins: dict[str, str] = {}
        """Layer → where one of its pictures is from."""
        self.classes: Counter[tuple[str, str]] = Counter()
        """Class and split → how many chips. A chip without a class counts as that of the empty name."""
        self.by_split: Counter[str] = Counter()
        self.several = False
        """Whether a chip has more than one class."""
        self.months: Counter[tuple[int, int]] = Counter()
        """Year and month → how many chips."""
        self.places: defaultdict[tuple[str, str], array[float]] = defaultdict(lambda: array("f"))
        """Split and classes → longitude, latitude, longitude, ... of the middles of chips."""
        self.placed = 0
        """How many chips have a known place."""
        self._asked: dict[str, None] = {}
        self._lines: list[bytes] = []

    def reading(self, rows: Iterable[Labelled]) -> Iterator[Labelled]:
        """The same rows, counted."""
        for row in rows:
            self._take(row)
            yield row

    @property
    def names(self) -> list[str]:
        """The classes: in the order of the task where it has one, then by name."""
        found = {name for name, _ in self.classes if name}
        return [*self._asked, *sorted(found - self._asked.keys())]

    @property
    def splits(self) -> list[str]:
        """The splits that hold something; none when the dataset is not split."""
        return [name for name in SPLITS if self.by_split[name]]

    def fingerprint(self) -> str:
        """SHA-256 of one line for each chip, sorted: `["chip", ["class", ...], "split" or null]` as ASCII JSON.

        Two datasets with the same have the same chips, classes and splits, whatever their formats.
        """
        digest = sha256()
        for line in sorted(self._lines):
            digest.update(line)
        return digest.hexdigest()

    def _take(self, row: Labelled) -> None:
        chip, split = row.chip, row.split or ""
        self._asked.update(dict.fromkeys(row.classes))
        self._lines.append(f"{to_json([chip.id, row.labels, row.split])}\n".encode())
        self.by_split[split] += 1
        self.several |= len(row.labels) > 1
        for name in row.labels or ("",):
            self.classes[name, split] += 1
        self.all.take(chip)
        self.layers.setdefault(chip.layer or "", Span()).take(chip)
        if chip.layer:
            self.origins.setdefault(chip.layer, chip.origin)
        if chip.time is not None:
            self.months[chip.time.year, chip.time.month] += 1
        if chip.box is not None:
            self.placed += 1
            self.places[split, row.combination].extend(chip.box.center)
