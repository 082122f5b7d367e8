"""Pictures that people searched by. They are kept, so that a link to a search still works tomorrow.

There is room for so many of them; then the oldest go. Only addresses of searches name them: tasks name chips.
"""

from __future__ import annotations

import logging
import re
from hashlib import sha256

from earthcurator.errors import NotFound
from earthcurator.store.files import Files

log = logging.getLogger(__name__)

MOST_EXAMPLES = 2000
"""Pictures that a project keeps."""
MOST_BYTES = 1_000_000_000
"""Of all of them together. A single one is much smaller: the server takes no larger picture than 32 MB."""

_ID = re.compile(r"[0-9a-f]{64}")


class Examples:
    """Uploaded pictures by the hash of their bytes."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def add(self, picture: bytes) -> str:
        """Keep a picture; returns its id. The same picture twice is one, and as new as the second."""
        name = sha256(picture).hexdigest()
        with self._files.lock("examples"):
            self._files.write(f"examples/{name}", picture)
            self._make_room(name, len(picture))
        return name

    def get(self, name: str) -> bytes:
        """The picture with this id."""
        picture = self._files.read(f"examples/{name}") if _ID.fullmatch(name) else None
        if picture is None:
            raise NotFound(
                f"there is no example {name:.80}, or it made room for newer ones",
                hint="upload the picture again: POST /api/v1/examples",
            )
        return picture

    def _make_room(self, newest: str, size: int) -> None:
        """Remove the oldest of the others, as long as there are too many or they take too much."""
        others = [kept for kept in self._files.kept("examples") if kept.name != newest]
        room, many = MOST_BYTES - size - sum(kept.bytes for kept in others), len(others) + 1
        for kept in others:
            if room >= 0 and many <= MOST_EXAMPLES:
                return
            log.info("example %s makes room for newer ones", kept.name)
            self._files.remove(f"examples/{kept.name}")
            room, many = room + kept.bytes, many - 1
