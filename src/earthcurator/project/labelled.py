"""Which chips pass a condition on what was said of them in a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earthcurator.errors import BadInput
from earthcurator.labels.fold import ChipState
from earthcurator.models import Said, Task
from earthcurator.project.maps import DISPUTED, UNSURE, common_answer, own_answer

if TYPE_CHECKING:
    from earthcurator.project.project import Project
    from earthcurator.store.ids import Ids

WORDS = ("unsure", "disputed", "none", "waiting")
"""What a chip may be called beside the classes of its task."""


def labelled(project: Project, said: Said, ids: Ids, count: int) -> NDArray[np.bool_]:
    """Which of the first `count` rows of a table of chips pass, `(count,)`. `ids` are those of the table."""
    task = project.tasks.store.get(said.task)
    states = project.tasks.states(task)
    if unknown := [name for name in said.labels if name not in (*task.classes, *WORDS)]:
        raise BadInput(
            f"{unknown[0]!r:.80} is no answer in this task",
            hint=f"its answers are {', '.join((*task.classes, *WORDS))}",
        )
    wanted = set(said.labels)
    passes = {chip: not wanted.isdisjoint(_names(task, state, said.reader)) for chip, state in states.items()}
    mask = np.full(count, "waiting" in wanted - set(task.classes))  # those of which nobody said anything have no state
    for chip, row in ids.rows(passes).items():
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
