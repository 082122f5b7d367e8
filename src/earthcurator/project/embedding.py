"""Embedding runs: from batches of vectors to commits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earthcurator.store import Embeddings, Facts

COMMIT_ROWS = 4096
COMMIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What an embedding run did."""

    encoder: str
    """Id of the encoder."""
    name: str
    """Its name for people."""
    added: int
    """Vectors that are new."""
    total: int
    """Vectors there are now."""
    failed: Sequence[str]
    """Ids of chips whose picture could not be decoded, or that the encoder gives no vector."""
    indexed: bool
    """Whether searches go through a vector index; below 300,000 vectors comparing all of them is as fast."""
    seconds: float


class VectorCommits:
    """Collects vectors into commits."""

    def __init__(self, embeddings: Embeddings) -> None:
        self._embeddings = embeddings
        self._facts: list[Facts] = []
        self._vectors: list[NDArray[np.float32]] = []
        self._since = time.monotonic()

    def take(self, facts: Sequence[Facts], vectors: NDArray[np.float32]) -> None:
        """Keep the vectors of these chips, `(n, d)`, and commit when enough wait."""
        self._facts += facts
        self._vectors.append(vectors)
        if len(self._facts) >= COMMIT_ROWS or time.monotonic() - self._since > COMMIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what waits."""
        if self._facts:
            self._embeddings.add(self._facts, np.concatenate(self._vectors))
        self._facts, self._vectors = [], []
        self._since = time.monotonic()
