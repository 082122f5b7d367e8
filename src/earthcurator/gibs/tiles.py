"""What is asked of a tile server, and what comes back. Values, and the one seam to where tiles are kept."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from earthcurator.grids import Tile
from earthcurator.models import StoredTile

__all__ = ["Failed", "Fetched", "StoredTile", "TileCache", "TileRequest"]


@dataclass(frozen=True, slots=True)
class TileRequest:
    """One tile of one layer at one instant."""

    layer: str
    time: datetime | None
    """An instant that exists (UTC); None for a layer without times."""
    tile: Tile
    url: str
    """Where it is; also the name under which the cache knows it."""
    size: tuple[int, int] | None = None
    """Width and height in pixels that its grid says it has; None: not checked."""


class TileCache(Protocol):
    """Where answers are kept, by the address they came from; tiles by the hash of their bytes."""

    def get(self, url: str) -> StoredTile | None:
        """What was answered under this address, if its bytes are still there."""
        ...

    def read(self, sha256: str) -> bytes | None:
        """The bytes of a tile; None when they are gone or damaged."""
        ...

    def put(self, stored: StoredTile, content: bytes) -> None:
        """Keep an answer; safe against kill -9 at any moment."""
        ...

    def forget(self, url: str) -> None:
        """Drop an answer that turned out to be damaged."""
        ...

    def trim(self) -> None:
        """Remove what was not used for longest, until the cap on the size holds."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer."""

    request: TileRequest
    stored: StoredTile
    content: bytes = field(repr=False)
    """The tile, byte for byte as the server sent it; empty when missing."""
    cached: bool
    """Whether it came without asking the server."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A tile that could not be had, after all tries."""

    request: TileRequest
    reason: str
    """One sentence: layer, time, tile and what the server answered."""
    refused: bool = False
    """Whether the server will answer the same another time."""


Fetch = Callable[[Iterable[TileRequest]], Generator[Fetched | Failed]]
"""Brings tiles, in the order in which they come."""
