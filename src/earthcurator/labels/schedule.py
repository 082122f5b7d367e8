"""Which chips to ask twice about, and how to mix in chips whose answer is known. Leases decide who gets which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import numpy as np

from earthcurator.errors import BadInput
from earthcurator.labels.agreement import Share
from earthcurator.labels.fold import ChipState


def second_opinions(chips: Iterable[str], share: float, *, seed: int = 0) -> list[str]:
    """About this share of the chips, to be shown to one more person so that agreement can be measured.

    Each chip is chosen by its own id: chips that come later, or in another order, do not change earlier choices.
    """
    if not 0 <= share <= 1:
        raise BadInput(f"a share of {share:g} is not within 0..1", hint="write .1 for one chip in ten")
    return [chip for chip in chips if _fraction(chip, seed) < share]


def mix_gold(chips: Sequence[str], gold: Iterable[str], *, every: int, rng: np.random.Generator) -> list[str]:
    """The chips in their order with a gold chip at a random place among each `every`, as long as there are any.

    Gold chips come in random order, each at most once; those among `chips` are not shown twice.
    """
    if every < 2:
        raise BadInput(f"a gold chip among every {every} chips leaves no others", hint="write 20 for one in twenty")
    golden = set(gold)
    known = sorted(golden)
    waiting = [known[place] for place in rng.permutation(len(known))]
    rest = [chip for chip in chips if chip not in golden]
    mixed: list[str] = []
    for start in range(0, len(rest), every - 1):
        some = rest[start : start + every - 1]
        if waiting:
            some.insert(int(rng.integers(len(some) + 1)), waiting.pop())
        mixed += some
    return mixed


def accuracy(gold: Mapping[str, Sequence[str]], states: Mapping[str, ChipState]) -> dict[str, Share]:
    """Annotator → how many of the gold chips they answered have the classes that `gold` names. Unsure is not right."""
    right: dict[str, list[bool]] = {}
    for chip, value in gold.items():
        for who, said in states[chip].opinions.items() if chip in states else ():
            right.setdefault(who, []).append(said.decision == "label" and set(said.value) == set(value))
    return {who: Share(sum(answers), len(answers)) for who, answers in sorted(right.items())}


def _fraction(chip: str, seed: int) -> float:
    """A number in 0..1 that looks random and is always the same for this chip and seed."""
    digest = blake2b(f"{seed}/{chip}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
