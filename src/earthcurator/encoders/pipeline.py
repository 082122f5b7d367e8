"""Many pictures to vectors, on all cores.

Each worker thread takes a batch all the way: decode, resize, encode. Decoders and ONNX Runtime release the GIL, so the
threads fill the cores, and since decoding one batch overlaps with encoding another, nothing waits. Batches are small
because a larger one is no faster on a CPU and only needs memory (benchmarks/embed_throughput.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from earthcurator.encoders.prepare import prepare
from earthcurator.errors import BadEncoder, BadPicture, CuratorError
from earthcurator.models import EncoderCard

K = TypeVar("K")

BATCH = 16


class Encoder(Protocol):
    """Picture to unit vector. `earthcurator.testing.encoders` has the tests that every encoder passes."""

    @property
    def id(self) -> str:
        """Twelve hex digits; vectors can be compared exactly when these are equal."""
        ...

    @property
    def card(self) -> EncoderCard:
        """What the encoder is and how pictures are prepared for it."""
        ...

    def encode(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Unit vectors (n, dim) of prepared pictures (n, size, size, 3). May be called from several threads."""
        ...


@dataclass(frozen=True, slots=True)
class Batch(Generic[K]):
    """The vectors of some pictures, and the pictures that have none."""

    keys: list[K]
    vectors: NDArray[np.float32]
    """(len(keys), dim), unit rows, in the order of `keys`."""
    failed: list[tuple[K, CuratorError]]
    """Pictures that could not be decoded, or that the encoder gives no direction to, and why."""


def embed(
    pictures: Iterable[tuple[K, bytes]], encoder: Encoder, *, threads: int, batch_size: int = BATCH
) -> Generator[Batch[K], None, None]:
    """Vectors of all pictures, in the order they come, a batch at a time.

    `pictures` is read on the caller's thread, never more than a few batches ahead. Closing the generator, or Ctrl-C,
    drops what has not begun; what has begun ends within a batch.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="embed")
    waiting: deque[Future[Batch[K]]] = deque()
    try:
        for batch in _batches(pictures, batch_size):
            waiting.append(pool.submit(_embed_batch, batch, encoder))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _embed_batch(batch: list[tuple[K, bytes]], encoder: Encoder) -> Batch[K]:
    keys: list[K] = []
    prepared: list[NDArray[np.uint8]] = []
    failed: list[tuple[K, CuratorError]] = []
    for key, picture in batch:
        try:
            prepared.append(prepare(picture, encoder.card))
        except BadPicture as exc:
            failed.append((key, exc))
        else:
            keys.append(key)
    if not keys:
        return Batch(keys, np.empty((0, encoder.card.dim), np.float32), failed)
    try:
        return Batch(keys, encoder.encode(np.stack(prepared)), failed)
    except BadEncoder:
        return _one_by_one(keys, prepared, encoder, failed)


def _one_by_one(
    keys: list[K], prepared: list[NDArray[np.uint8]], encoder: Encoder, failed: list[tuple[K, CuratorError]]
) -> Batch[K]:
    """Leave out the picture that has no vector. An encoder that fails on every picture is broken, and raises."""
    good: list[tuple[K, NDArray[np.float32]]] = []
    bad: list[tuple[K, CuratorError]] = []
    for key, picture in zip(keys, prepared, strict=True):
        try:
            good.append((key, encoder.encode(picture[np.newaxis])))
        except BadEncoder as exc:
            bad.append((key, exc))
    if not good:
        raise bad[0][1]
    return Batch([key for key, _ in good], np.concatenate([row for _, row in good]), failed + bad)


def _batches(items: Iterable[tuple[K, bytes]], size: int) -> Iterator[list[tuple[K, bytes]]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
