"""What goes into a dataset: a chip and its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from earthcurator.errors import BadInput
from earthcurator.models import Chip

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A chip and the class it goes into the dataset with."""

    chip: Chip
    label: str
    """Its class. Where a task allows several at once, the first of them; empty when it has none."""
    split: str | None = None
    """`train`, `val` or `test`; None when the dataset is not split."""
    labels: tuple[str, ...] = ()
    """All its classes, `label` first. Left out, they are `label` alone."""
    votes: Mapping[str, int] = field(default_factory=dict)
    """Class → how many people chose it; empty when nobody voted."""
    classes: tuple[str, ...] = ()
    """Every class of the task, in its order: formats with numbered classes count by it, the same in every export."""

    def __post_init__(self) -> None:
        if self.split is not None and self.split not in SPLITS:
            raise BadInput(f"there is no split called {self.split!r:.60}", hint=f"choose one of {', '.join(SPLITS)}")
        if not self.labels and self.label:
            object.__setattr__(self, "labels", (self.label,))
        if self.label != (self.labels[0] if self.labels else ""):
            raise BadInput(f"{self.label!r:.60} is not the first of the classes {list(self.labels)!r:.200}")

    @property
    def combination(self) -> str:
        """All its classes as one, e.g. `cloud + snow`; empty when it has none."""
        return " + ".join(self.labels)
