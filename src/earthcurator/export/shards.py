"""Files that are filled one after the other, a series for each split: `train-000000.tar`, `train-000001.tar`, ..."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

MOST_SAMPLES = 10_000
MOST_BYTES = 99_000_000
"""Of content; with what a file needs around it, a shard stays under 100 MB. A larger sample has one for itself."""


class _Closes(Protocol):
    def close(self) -> None: ...


F = TypeVar("F", bound=_Closes)


class Shards(Generic[F]):
    """The open file of each split, and how full it is."""

    def __init__(self, out: Path, ending: str, new: Callable[[Path], F]) -> None:
        self._out = out
        self._ending = ending
        self._new = new
        self._open: dict[str, F] = {}
        self._begun: dict[str, int] = {}
        self._samples: dict[str, int] = {}
        self._bytes: dict[str, int] = {}

    def with_room(self, split: str, size: int) -> F:
        """The file that this split's next sample, of so many bytes, goes into."""
        full = self._samples.get(split, 0) >= MOST_SAMPLES or self._bytes.get(split, 0) + size > MOST_BYTES
        if split not in self._open or (full and self._samples[split]):
            self._begin(split)
        self._samples[split] += 1
        self._bytes[split] += size
        return self._open[split]

    def _begin(self, split: str) -> None:
        if split in self._open:
            self._open.pop(split).close()
        number = self._begun.get(split, 0)
        self._open[split] = self._new(self._out / f"{split}-{number:06d}.{self._ending}")
        self._begun[split] = number + 1
        self._samples[split] = self._bytes[split] = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for file in self._open.values():
            file.close()
