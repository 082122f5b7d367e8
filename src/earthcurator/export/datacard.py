"""The data card: what a dataset holds, where its pictures are from, and whom to thank. Markdown beside the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from earthcurator.export.labelled import Labelled
from earthcurator.models import Chip

NAME = "DATA_CARD.md"


@dataclass(slots=True)
class _Span:
    chips: int = 0
    first: datetime | None = None
    last: datetime | None = None
    versions: set[str] = field(default_factory=set)

    def take(self, chip: Chip) -> None:
        self.chips += 1
        if chip.time is not None:
            self.first = min(self.first or chip.time, chip.time)
            self.last = max(self.last or chip.time, chip.time)
        if chip.version is not None:
            self.versions.add(chip.version)


class Card:
    """Reads along while a dataset is written."""

    def __init__(self) -> None:
        self._classes: Counter[str] = Counter()
        self._layers: dict[str, _Span] = {}
        self.origins: dict[str, str] = {}
        """Layer → where one of its pictures is from."""

    def reading(self, rows: Iterable[Labelled]) -> Iterator[Labelled]:
        """The same rows, counted."""
        for row in rows:
            self._classes[row.label] += 1
            self._layers.setdefault(row.chip.layer or "", _Span()).take(row.chip)
            if row.chip.layer:
                self.origins.setdefault(row.chip.layer, row.chip.origin)
            yield row

    def text(self, name: str, credits: Sequence[str]) -> str:  # noqa: A002 - the word people use for it
        """The card. `credits` are sentences of thanks and citations."""
        lines = [f"# {name}", "", f"{self._classes.total():,} labelled pictures.", ""]
        lines += _table(
            ("class", "pictures"), [(label, f"{count:,}") for label, count in sorted(self._classes.items())]
        )
        lines += ["", "## Where the pictures are from", ""]
        rows = [
            (
                layer or "imported files", f"{span.chips:,}", _when(span.first), _when(span.last),
                ", ".join(sorted(span.versions)),
            )
            for layer, span in sorted(self._layers.items())
        ]  # fmt: skip
        lines += _table(("layer", "pictures", "from", "to", "versions"), rows)
        if credits:
            lines += ["", "## Acknowledgement and citation", "", *(f"- {sentence}" for sentence in credits)]
            lines += [
                "",
                "Browse imagery is a picture, not a measurement: its colours are stretched for display.",
            ]
        return "\n".join(lines) + "\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _when(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}" if time.hour or time.minute else f"{time:%Y-%m-%d}"
