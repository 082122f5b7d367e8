"""How a dataset came to be: what its data card says beyond what is in the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from earthcurator.export.splits import By
from earthcurator.models import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinions:
    """What people said of the chips of a task, and how it became one answer a chip."""

    task: Task
    events: int
    """How many label events of the task there were: the answers rest on all of them."""
    last_event: datetime | None
    policy: str
    """As the command line writes it, e.g. `min_agreement=0.8`."""
    people: int
    """How many people gave an opinion that counts."""
    imported: int
    """How many chips have an opinion that was taken over from elsewhere."""
    alpha: float | None
    """Krippendorff's, over the chips of the task with two opinions or more."""
    interval: tuple[float, float] | None
    """Of alpha, 95 %."""
    compared: int
    """How many chips alpha rests on."""
    no_alpha: str
    """Why there is none."""
    left_out: Mapping[str, int]
    """Reason → how many chips of the task have no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """How the dataset was split."""

    by: By
    shares: Mapping[str, float]
    seed: int
    block_km: float | None = None
    """Of a division by place; None: four times a chip."""
    left_out: int = 0
    """Chips that touch chips of another side."""


def _nobody(origins: Mapping[str, str]) -> Sequence[str]:
    del origins
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """All that is needed to make the dataset again. What is left out, the card does not say."""

    version: str = ""
    """Of curator."""
    project: str = ""
    """The name of the project."""
    classes_from: str = ""
    """Where the classes are from, in words, when they are not from a task."""
    opinions: Opinions | None = None
    """When the classes are from a task."""
    division: Division | None = None
    command: str = ""
    """The command line that writes the dataset, run inside the project."""
    credits: Callable[[Mapping[str, str]], Sequence[str]] = field(default=_nobody)
    """Sentences of thanks and citations, from layer → the origin of one of its pictures."""
