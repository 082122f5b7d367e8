"""Which chips pass a condition on what was said of them in a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from earthcurator.errors import BadInput
from earthcurator.labels.fold import ChipState
from earthcurator.models import Said, Task
from earthcurator.project.maps import DISPUTED, UNSURE, common_answer, own_answer

WORDS = ("unsure", "disputed", "none", "waiting")
"""What a chip may be called beside the classes of its task."""


def labelled(
    task: Task,
    states: Mapping[str, ChipState],
    said: Said,
    rows_of: Callable[[Iterable[str]], Mapping[str, int]],
    count: int,
) -> NDArray[np.bool_]:
    """Which of the first `count` rows of a table of chips pass, `(count,)`. `rows_of` says where chips are in it."""
    if unknown := [name for name in said.labels if name not in (*task.classes, *WORDS)]:
        raise BadInput(
            f"{unknown[0]!r:.80} is no answer in this task",
            hint=f"its answers are {', '.join((*task.classes, *WORDS))}",
        )
    wanted = set(said.labels)
    passes = {chip: not wanted.isdisjoint(_names(task, state, said.reader)) for chip, state in states.items()}
    mask = np.full(count, "waiting" in wanted - set(task.classes))  # those of which nobody said anything have no state
    for chip, row in rows_of(passes).items():
        if row < count:
            mask[row] = passes[chip]
    return mask


def _names(task: Task, state: ChipState, reader: str | None) -> tuple[str, ...]:
    """What a chip is called by: its classes, or one of the words."""
    answer = common_answer(task, state) if reader is None else own_answer(state, reader)
    if isinstance(answer, tuple):
        if answer:
            return answer
        word = "none"
    else:
        word = {UNSURE: "unsure", DISPUTED: "disputed"}.get(answer, "waiting")
    return () if word in task.classes else (word,)
