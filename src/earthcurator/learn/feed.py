"""Pictures on their way into training: which, in which order, decoded ahead of need on threads.

The order of an epoch depends on the seed and the epoch only, so an interrupted training finds its place again without
reading what it has already seen. Nothing is copied to disk, and only a few batches are in memory at a time.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earthcurator.encoders.prepare import prepare
from earthcurator.errors import BadInput, BadPicture
from earthcurator.models import EncoderCard
from earthcurator.parallel import Job, in_order

log = logging.getLogger(__name__)

MIN_PICTURES = 32
_HELD_OUT_MOST = 1000


class Source(Protocol):
    """Where pictures come from: a project's chips, a folder, a list."""

    @property
    def ids(self) -> Sequence[str]:
        """Every picture's id."""
        ...

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        """These pictures as received; ids that are not there may be left out."""
        ...


@dataclass(frozen=True, slots=True)
class Read:
    """A batch of decoded pictures."""

    ids: list[str]
    """Those that could be read, in the order asked."""
    pixels: NDArray[np.uint8]
    """(len(ids), size, size, 3)."""
    unreadable: list[str]
    """Those that could not, or that the source does not have."""


def split(ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Ids to train on, and ids held out: a tenth, at most 1000, chosen by hash and so the same in every run."""
    if len(ids) < MIN_PICTURES:
        some = "1 picture is" if len(ids) == 1 else f"{len(ids)} pictures are"
        raise BadInput(
            f"{some} too few to learn from: it takes at least {MIN_PICTURES}, and thousands to gain anything",
            hint="import or download more pictures, or use the packaged encoder as it is",
        )
    shuffled = sorted(ids, key=lambda name: hashlib.sha256(name.encode()).digest())
    held_out = min(_HELD_OUT_MOST, max(8, len(ids) // 10))
    return sorted(shuffled[held_out:]), shuffled[:held_out]


def fingerprint(ids: Sequence[str]) -> str:
    """Sixteen hex digits that tell which pictures these are, in any order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]


def epoch_order(count: int, *, seed: int, epoch: int, part: int = 0, parts: int = 1) -> NDArray[np.int64]:
    """Numbers of the pictures in the order of this epoch; with several parts, every process gets its share of them."""
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return order[: count - count % parts][part::parts]


def read(source: Source, ids: Sequence[str], size: int) -> Read:
    """Fetch and decode these pictures now."""
    found = source.pictures(ids)
    card = EncoderCard(name="", dim=1, input_size=size)
    good: dict[str, NDArray[np.uint8]] = {}
    for name in ids:
        try:
            if name in found:
                good[name] = prepare(found[name], card)
        except BadPicture as exc:
            log.debug("picture %s is left out: %s", name, exc)
    pixels = np.stack(list(good.values())) if good else np.empty((0, size, size, 3), np.uint8)
    return Read(list(good), pixels, [name for name in ids if name not in good])


def sample(source: Source, ids: Sequence[str], size: int, count: int, *, seed: int) -> NDArray[np.uint8]:
    """Up to `count` of these pictures, decoded, (n, size, size, 3): to fit a projection on, say. Raises BadInput."""
    chosen = np.random.default_rng(seed).permutation(len(ids))[:count]
    pixels = read(source, [ids[place] for place in chosen], size).pixels
    check_differ(pixels, len(chosen))
    return pixels


def batches(source: Source, chosen: Iterable[Sequence[str]], size: int, *, threads: int) -> Generator[Read]:
    """Each of the chosen batches, in order, a few of them read ahead of need."""
    with ThreadPoolExecutor(threads, thread_name_prefix="feed") as pool:
        jobs = (Job(partial(read, source, ids, size), 3 * size * size * len(ids)) for ids in chosen)
        yield from in_order(pool, jobs, ahead=2 * threads)


def check_differ(pixels: NDArray[np.uint8], total: int) -> None:
    """Refuse pictures that cannot teach anything: none that can be read, or all the same. Raises BadInput."""
    if len(pixels) < 2:
        raise BadInput(
            f"of {total} pictures looked at, {len(pixels)} can be read",
            hint="check the source: curator doctor; damaged pictures are listed when they are imported",
        )
    if not (pixels != pixels[0]).any():
        raise BadInput(
            f"{total} pictures looked at are identical: there is nothing to learn from their differences",
            hint="check that the right imagery was imported, and that it is not blank",
        )
