"""Pictures that people searched by. They are kept, so that a link to a search still works tomorrow."""

from __future__ import annotations

import re
from hashlib import sha256

from earthcurator.errors import NotFound
from earthcurator.store.files import Files

_ID = re.compile(r"[0-9a-f]{64}")


class Examples:
    """Uploaded pictures by the hash of their bytes."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def add(self, picture: bytes) -> str:
        """Keep a picture; returns its id. The same picture twice is one."""
        name = sha256(picture).hexdigest()
        if self._files.read(f"examples/{name}") is None:
            self._files.write(f"examples/{name}", picture)
        return name

    def get(self, name: str) -> bytes:
        """The picture with this id."""
        picture = self._files.read(f"examples/{name}") if _ID.fullmatch(name) else None
        if picture is None:
            raise NotFound(f"there is no example {name:.80}", hint="upload the picture again: POST /api/v1/examples")
        return picture
