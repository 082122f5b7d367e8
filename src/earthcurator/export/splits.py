"""Parts a dataset into train, val and test so that the test is fair: at random, by place or by time.

Neighbouring pictures and pictures of the same day look alike. A random split puts them on both sides, and a model then
seems better than it is (Roberts et al. 2017, https://doi.org/10.1111/ecog.02881). The same chips, shares and seed give
the same split on every machine, whatever the order of the chips.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from math import asin, ceil, cos, degrees, floor, pi, radians, sin
from statistics import median
from types import MappingProxyType
from typing import Literal

from earthcurator.errors import BadInput
from earthcurator.export.labelled import Labelled
from earthcurator.models import Box, Chip

By = Literal["random", "place", "time"]
Between = Literal["auto", "join", "leave out"]
SHARES: Mapping[str, float] = MappingProxyType({"train": 0.7, "val": 0.15, "test": 0.15})
_DAY = timedelta(days=1)
_EARTH_KM = 6371.0088  # mean radius
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

Rows = Mapping[str, tuple[Chip, str]]
"""Chip id → the chip and its class, in the order of ids."""


def split(
    chips: Iterable[tuple[Chip, str]],
    shares: Mapping[str, float] = SHARES,
    *,
    by: By,
    seed: int = 0,
    block_km: float | None = None,
    buffer_km: float = 0.0,
    between: Between = "join",
    every: timedelta = _DAY,
) -> dict[str, str]:
    """Chip id → the name of its side, from chips with their classes.

    `random`: each class has the shares, as exactly as whole chips can. `place`: chips of one block of `block_km` (four
    times the typical chip, unless given), and chips whose boxes touch or come within `buffer_km`, are on one side.
    `time`: periods of `every` stay whole; the earliest go to the first side, the latest to the last.

    Where chips touch all over, as in a gapless mosaic, no split by place can keep every chip: `between="leave out"`
    then leaves out those at the borders of the sides. They are missing from the answer; larger blocks lose fewer.
    `auto` does so only where the chips that hang together are too many for the shares.
    """
    _check(shares)
    rows = _unique(chips)
    if not rows:
        return {}
    if by == "random":
        return split_at_random(rows, shares, seed=seed)
    if by == "time":
        return split_by_time(rows, shares, every=every)
    boxes = _boxes(rows)
    blocks = Blocks(4 * _typical_side_km(boxes.values()) if block_km is None else block_km, buffer_km=buffer_km)
    groups = blocks.joined(boxes) if between != "leave out" else {}
    if between == "join" or (between == "auto" and _can_be_shared(groups, shares)):
        return split_by_groups(rows, shares, groups, seed=seed)
    middles = {name: blocks.at(*box.center) for name, box in boxes.items()}
    kept = blocks.without_borders(boxes, split_by_groups(rows, shares, middles, seed=seed))
    if empty := [name for name in shares if name not in kept.values()]:
        raise BadInput(
            f"between blocks of {blocks.block_km:g} km only {len(kept):,} of {len(rows):,} chips are left, and none "
            f"for {' and '.join(empty)}",
            hint="use other blocks, at least a few times a chip's width and the buffer, label more, or split by time",
        )
    return kept


def strata(rows: Sequence[Labelled], sides: int) -> list[str]:
    """What a split keeps in balance, for each row: its class, or the combination of its classes where it has several.

    A combination of fewer chips than there are sides cannot be on all of them: those chips count as the rarest of their
    classes, so that at least this one is in balance. After Sechidis et al. 2011, who let the rarest class decide for
    every chip: https://doi.org/10.1007/978-3-642-23808-6_10
    """
    combinations = Counter(row.labels for row in rows)
    classes = Counter(name for row in rows for name in row.labels)
    return [
        row.combination
        if combinations[row.labels] >= sides or not row.labels
        else min(row.labels, key=lambda name: (classes[name], name))
        for row in rows
    ]


def split_at_random(rows: Rows, shares: Mapping[str, float], *, seed: int) -> dict[str, str]:
    """Each class by largest remainders; what rounding takes from a side in one class it gets back in the next."""
    classes: defaultdict[str, list[str]] = defaultdict(list)
    for chip, (_, label) in rows.items():
        classes[label].append(chip)
    sides: dict[str, str] = {}
    owed = dict.fromkeys(shares, 0.0)
    for label in sorted(classes):
        members = sorted(classes[label], key=lambda chip: _shuffled(chip, seed))
        counts = {name: floor(share * len(members) + 1e-9) for name, share in shares.items()}
        for name, share in shares.items():
            owed[name] += share * len(members) - counts[name]
        # A side whose share of this class is whole has it: one chip more would be one too many.
        rounded = [name for name, share in shares.items() if share * len(members) - counts[name] > 1e-9]
        for name in sorted(rounded, key=lambda name: -round(owed[name], 9))[: len(members) - sum(counts.values())]:
            counts[name] += 1
            owed[name] -= 1
        names = [name for name, count in counts.items() for _ in range(count)]
        sides.update(zip(members, names, strict=True))
    return sides


def split_by_time(rows: Rows, shares: Mapping[str, float], *, every: timedelta) -> dict[str, str]:
    """Cuts between periods, as near to the shares as the periods allow; each side has at least one."""
    if every <= timedelta():
        raise BadInput(f"periods of {every} make no split", hint="give a day or more, e.g. timedelta(days=1)")
    periods: defaultdict[int, list[str]] = defaultdict(list)
    missing = 0
    for name, (chip, _) in rows.items():
        if chip.time is None:
            missing += 1
        else:
            periods[(chip.time - _BEGINNING) // every].append(name)
    if missing:
        raise BadInput(f"{missing:,} of {len(rows):,} chips have no time to split by", hint="split at random")
    ordered = [periods[period] for period in sorted(periods)]
    if len(ordered) < len(shares) <= len(rows):
        raise BadInput(
            f"the chips are of {len(ordered)} periods of {every}, too few for {len(shares)} sides",
            hint="use shorter periods, fewer sides, or split by place",
        )
    starts = [0, *_cuts([len(period) for period in ordered], list(shares.values())), len(ordered)]
    return {
        chip: name
        for name, start, end in zip(shares, starts, starts[1:], strict=False)
        for period in ordered[start:end]
        for chip in period
    }


def _can_be_shared(groups: Mapping[str, Hashable], shares: Mapping[str, float]) -> bool:
    """Whether there are enough groups for the sides, and none is larger than the largest side."""
    sizes = Counter(groups.values())
    largest = ceil(max(shares.values()) * len(groups))
    return len(sizes) >= min(len(shares), len(groups)) and max(sizes.values()) <= largest


def split_by_groups(
    rows: Rows, shares: Mapping[str, float], groups: Mapping[str, Hashable], *, seed: int
) -> dict[str, str]:
    """Whole groups, the largest first, each to the side where it brings the counts of classes nearest to the shares.

    Each side has at least one group.
    """
    members: defaultdict[Hashable, list[str]] = defaultdict(list)
    for chip in rows:
        members[groups[chip]].append(chip)
    ordered = sorted(members.values(), key=lambda group: (-len(group), _shuffled(group[0], seed)))
    if len(ordered) < len(shares) <= len(rows):
        raise BadInput(
            f"the {len(rows):,} chips hang together in {len(ordered)} places, too few for {len(shares)} sides",
            hint="use smaller blocks, leave out the chips between blocks, or split by time",
        )
    wanted = Counter(label for _, label in rows.values())
    held: dict[str, Counter[str]] = {name: Counter() for name in shares}
    sides: dict[str, str] = {}
    for number, group in enumerate(ordered):
        counts = Counter(rows[chip][1] for chip in group)
        empty = [name for name in shares if not held[name]]
        open_sides = empty if len(ordered) - number <= len(empty) else shares
        best = max(open_sides, key=lambda name: _gain(counts, held[name], wanted, shares[name]))
        held[best].update(counts)
        sides.update(dict.fromkeys(group, best))
    return sides


Block = tuple[int, int]
"""Row and column."""


class Blocks:
    """Blocks of nearly equal area all over the globe, and which of them boxes reach.

    Rows of equal height, each cut into as many columns as keep a block about as wide as high, as in the sinusoidal grid
    of MODIS (https://modis-land.gsfc.nasa.gov/MODLAND_grid.html), but each row ends where it begins: nothing is torn at
    the antimeridian. Two boxes that touch, or lie within `buffer_km` of each other on the sphere, reach a common block.
    """

    def __init__(self, block_km: float, *, buffer_km: float = 0.0) -> None:
        if not 0 < block_km <= 20_000:
            raise BadInput(f"blocks of {block_km:g} km are not within 0..20000", hint="try a few times a chip's width")
        if not 0 <= buffer_km <= 5_000:
            raise BadInput(
                f"a buffer of {buffer_km:g} km is not within 0..5000", hint="0 means that chips do not touch"
            )
        self.block_km = block_km
        self.rows = max(1, round(pi * _EARTH_KM / block_km))
        self._reach = degrees(buffer_km / 2 / _EARTH_KM) + 1e-9
        """How far a box reaches beyond its edges, in degrees of arc: half the buffer, as the other box does the rest.
        The rest makes boxes touch in spite of rounding; it is a tenth of a millimetre."""

    def columns(self, row: int) -> int:
        """How many blocks this row has."""
        middle = -90 + (row + 0.5) * 180 / self.rows
        return max(1, round(2 * pi * _EARTH_KM * cos(radians(middle)) / self.block_km))

    def at(self, longitude: float, latitude: float) -> Block:
        """The block of a point."""
        row = self._row(latitude)
        return row, floor((longitude + 180) / 360 * self.columns(row)) % self.columns(row)

    def reached(self, box: Box) -> list[Block]:
        """Every block that the box or its half of the buffer reaches."""
        rows = range(self._row(box.south - self._reach), self._row(box.north + self._reach) + 1)
        west, width = self._longitudes(box)
        if len(rows) * max(1.0, width / 360 * 2 * self.rows) > 100_000:
            raise BadInput(
                f"blocks of {self.block_km:g} km are far smaller than a chip",
                hint="use larger blocks, or leave the size out",
            )
        found: list[Block] = []
        for row in rows:
            count = self.columns(row)
            first, last = floor((west + 180) / 360 * count), floor((west + width + 180) / 360 * count)
            found += [(row, column % count) for column in range(first, min(last, first + count - 1) + 1)]
        return found

    def joined(self, boxes: Mapping[str, Box]) -> dict[str, Block]:
        """Chip → a name for all chips that hang together with it through common blocks."""
        reached = {box: self.reached(box) for box in set(boxes.values())}
        parents = {block: block for blocks in reached.values() for block in blocks}
        for first, *others in reached.values():
            for other in others:
                parents[_root(parents, other)] = _root(parents, first)
        return {chip: _root(parents, reached[box][0]) for chip, box in boxes.items()}

    def without_borders(self, boxes: Mapping[str, Box], sides: Mapping[str, str]) -> dict[str, str]:
        """Only the chips that keep to blocks of their side. `sides` puts all chips with their middle in a block on one.

        A block without any chip's middle is of the side of the first chip that reaches it.
        """
        reached = {box: self.reached(box) for box in set(boxes.values())}
        owners = {self.at(*box.center): sides[chip] for chip, box in boxes.items()}
        for chip, box in boxes.items():
            for block in reached[box]:
                owners.setdefault(block, sides[chip])
        return {
            chip: sides[chip]
            for chip, box in boxes.items()
            if all(owners[block] == sides[chip] for block in reached[box])
        }

    def _row(self, latitude: float) -> int:
        return min(self.rows - 1, max(0, floor((latitude + 90) / 180 * self.rows)))

    def _longitudes(self, box: Box) -> tuple[float, float]:
        """Western edge and width in degrees with the buffer; the whole circle where that takes in a pole."""
        furthest = max(abs(box.south), abs(box.north))
        if furthest + self._reach >= 90:
            return -180.0, 360.0
        # The meridians that a circle around a point of this latitude touches.
        more = degrees(asin(sin(radians(self._reach)) / cos(radians(furthest))))
        width = box.east - box.west + (360 if box.crosses_antimeridian else 0) + 2 * more
        return box.west - more, min(width, 360.0)


def _root(parents: dict[Block, Block], block: Block) -> Block:
    while parents[block] != block:
        parents[block] = parents[parents[block]]
        block = parents[block]
    return block


def _typical_side_km(boxes: Iterable[Box]) -> float:
    """From south to north; at least 1 km, for chips that are points."""
    return max(1.0, radians(median(box.north - box.south for box in boxes)) * _EARTH_KM)


def _gain(counts: Counter[str], held: Counter[str], wanted: Counter[str], share: float) -> float:
    """How much nearer to its share of every class, and of all chips, a side comes with these; squared errors."""
    gain = _nearer(counts.total(), held.total(), wanted.total(), share)
    return gain + sum(_nearer(count, held[label], wanted[label], share) for label, count in counts.items())


def _nearer(more: int, held: int, total: int, share: float) -> float:
    missing = share - held / total
    return float(missing**2 - (missing - more / total) ** 2)


def _cuts(sizes: Sequence[int], shares: Sequence[float]) -> list[int]:
    """Before which periods to cut, so that the sums of sizes come nearest to the shares and no side is empty."""
    sums = [0]
    for size in sizes:
        sums.append(sums[-1] + size)
    cuts: list[int] = []
    for side in range(1, len(shares)):
        target = sums[-1] * sum(shares[:side])
        first = min((cuts[-1] if cuts else 0) + 1, len(sizes))
        last = max(first, len(sizes) - (len(shares) - side))
        cuts.append(min(range(first, last + 1), key=lambda cut: abs(sums[cut] - target)))
    return cuts


def _boxes(rows: Rows) -> dict[str, Box]:
    boxes = {name: chip.box for name, (chip, _) in rows.items() if chip.box is not None}
    if len(boxes) < len(rows):
        missing = len(rows) - len(boxes)
        raise BadInput(f"{missing:,} of {len(rows):,} chips have no place to split by", hint="split at random")
    return boxes


def _check(shares: Mapping[str, float]) -> None:
    hint = "shares are above 0 and add up to 1, e.g. train=.7, val=.15, test=.15"
    for name, share in shares.items():
        if not 0 < share <= 1:
            raise BadInput(f"the share of {name}, {share:g}, is not above 0 and up to 1", hint=hint)
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise BadInput(f"the shares add up to {sum(shares.values()):g}", hint=hint)


def _unique(chips: Iterable[tuple[Chip, str]]) -> dict[str, tuple[Chip, str]]:
    rows: dict[str, tuple[Chip, str]] = {}
    for chip, label in sorted(chips, key=lambda row: row[0].id):
        if chip.id in rows:
            raise BadInput(f"the chip {chip.id} is there twice", hint="give each chip once, with one class")
        rows[chip.id] = (chip, label)
    return rows


def _shuffled(chip: str, seed: int) -> bytes:
    """A sort key in no order. From the id, so that new chips move few others, and no numpy release changes it."""
    return blake2b(f"{seed}/{chip}".encode(), digest_size=8).digest()
