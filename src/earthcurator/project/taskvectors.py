"""The vectors of a project as one task sees them: by row, with the chips that it does not ask about marked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earthcurator.errors import Conflict
from earthcurator.models import Task

if TYPE_CHECKING:
    from earthcurator.project.project import Project
    from earthcurator.store.vectors import StoredVectors

Rows = NDArray[np.int64]


class TaskVectors:
    """One version of the vectors of the project's default encoder; `refresh` takes up newer ones."""

    def __init__(self, project: Project, task: Task) -> None:
        self.encoder = ""
        """Id of the encoder."""
        self.all: NDArray[np.float32] = np.empty((0, 0), np.float32)
        """`(n, d)`, unit rows, also of chips that the task does not ask about."""
        self.outside: Rows = np.empty(0, np.int64)
        """Rows of those chips."""
        self._project, self._task = project, task
        self._stored: StoredVectors | None = None
        self._asked_about = 0
        self._rows: dict[str, int | None] = {}
        self._references: dict[str, NDArray[np.float32]] = {}

    def refresh(self) -> None:
        """See the vectors that are there now."""
        encoder = self._project.encoder()
        embeddings = self._project.embeddings(encoder)
        embeddings.table.refresh()
        stored = embeddings.index.open()
        asked_about = self._project.tasks.lately(self._task).chips  # a task may be given more chips
        if stored is self._stored and asked_about == self._asked_about:
            return
        if not len(stored):
            raise Conflict(
                f"{self._project.location} has no vectors of {encoder.card.name} yet",
                hint="embed the chips first: on the page of the project, or with `curator embed`",
            )
        self._stored, self._asked_about, self.encoder = stored, asked_about, encoder.id
        self.all = stored.vectors(slice(None))
        self._rows, self._references = {}, {}
        asked = set(self._project.tasks.store.chips(self._task.id))
        inside = np.fromiter((chip in asked for chip in self.ids(np.arange(len(stored)))), bool, len(stored))
        self.outside = np.flatnonzero(~inside)

    @property
    def inside(self) -> Rows:
        """Rows of the chips that the task asks about."""
        mask = np.ones(len(self.all), bool)
        mask[self.outside] = False
        return np.flatnonzero(mask)

    def ids(self, rows: Rows) -> list[str]:
        """Chip ids of these rows."""
        assert self._stored is not None  # refreshed before
        return self._stored.ids(rows)

    def rows(self, chips: Iterable[str]) -> list[int]:
        """Rows of these chips; those without a vector are left out."""
        return [row for row in map(self._row, chips) if row is not None]

    def like(self, name: str) -> NDArray[np.float32]:
        """Vectors of the chips that show this class well, `(m, d)`."""
        if name not in self._references:
            chips = self._task.references.get(name, ())
            self._references[name] = self._project.vectors(chips, self._project.encoder(self.encoder))
        return self._references[name]

    def nearest(self, examples: NDArray[np.float32], k: int) -> Rows:
        """About the `k` rows nearest to any of the examples `(m, d)`, each once."""
        assert self._stored is not None  # refreshed before
        found = self._stored.nearest(examples, -(-k // len(examples)))
        if found is not None:
            return found
        likeness = np.max(self.all @ examples.T, axis=1)
        return np.argsort(-likeness, kind="stable")[:k]

    def _row(self, chip: str) -> int | None:
        if chip not in self._rows:
            assert self._stored is not None  # refreshed before
            self._rows[chip] = self._stored.row_of(chip)
        return self._rows[chip]
