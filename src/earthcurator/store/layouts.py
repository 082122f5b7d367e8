"""Where each vector of an encoder lies on a map of two dimensions: two files an encoder, which can be made again.

A layout belongs to the first rows of a table of vectors. Rows are only added, so it stays right for these; should the
table be rewritten, its fingerprint says so, and the layout does not count any longer.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from earthcurator.store.files import Files
from earthcurator.store.vectors import StoredVectors

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Places of the first vectors of an encoder."""

    places: NDArray[np.float32]
    """`(n, 2)`, each within -1..1."""
    fingerprint: int
    """Of the rows that they belong to."""
    made: str
    """When, as ISO 8601."""


class Layouts:
    """The layouts of a project."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def put(self, encoder: str, layout: Layout) -> None:
        """Keep the layout of this encoder's vectors; one before it is forgotten."""
        places = layout.places.astype("<f4").tobytes()
        head = {"rows": len(layout.places), "fingerprint": layout.fingerprint, "made": layout.made}
        # The head comes last: it counts only with the places that it names.
        self._files.write(f"layouts/{encoder}", places)
        self._files.write(f"layouts/{encoder}.json", json.dumps({**head, "crc": crc32(places)}).encode())

    def made(self, encoder: str) -> str | None:
        """When its layout was made; None when it has none."""
        head = self._head(encoder)
        return None if head is None else str(head["made"])

    def get(self, encoder: str, vectors: StoredVectors) -> Layout | None:
        """The layout of these vectors, or of the first of them; None when there is none, or another's."""
        head, places = self._head(encoder), self._files.read(f"layouts/{encoder}")
        if head is None or places is None or crc32(places) != head["crc"]:
            return None
        rows = int(head["rows"])
        if rows > len(vectors) or vectors.fingerprint(rows) != head["fingerprint"]:
            return None
        return Layout(
            np.frombuffer(places, "<f4").astype(np.float32).reshape(rows, 2), head["fingerprint"], head["made"]
        )

    def _head(self, encoder: str) -> dict[str, Any] | None:
        content = self._files.read(f"layouts/{encoder}.json")
        try:
            head: dict[str, Any] | None = None if content is None else json.loads(content)
        except ValueError as error:
            log.warning("the layout of %s is damaged and does not count: %s", encoder, error)
            return None
        return head
