"""What goes into a dataset: a chip and its class."""

from __future__ import annotations

from dataclasses import dataclass

from earthcurator.models import Chip


@dataclass(frozen=True, slots=True)
class Labelled:
    """A chip and the class it goes into the dataset with."""

    chip: Chip
    label: str
