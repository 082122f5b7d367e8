"""Which chips count as finds of a class: one rule for every figure and map that the app shows of a task."""

from __future__ import annotations

from collections.abc import Iterator

from earthcurator.labels.fold import ChipState
from earthcurator.models import Label, Person, Task
from earthcurator.project import Project
from earthcurator.project.learner import agreed, said
from earthcurator.web.context import is_blind


def finds(project: Project, task: Task, who: Person | None = None) -> Iterator[tuple[str, list[str]]]:
    """Chips with the classes that most answers give, as the search counts them; not where as many say no as yes.

    Where `who` labels, and so must not see what others answered, only their own answers count.
    """
    for chip, state in project.tasks.states(task).items():
        heard = _heard(state, who)
        classes = [name for name in task.classes if agreed(heard, name)]
        if classes:
            yield chip, classes


def _heard(state: ChipState, who: Person | None) -> list[Label]:
    if who and is_blind(who):
        return [label for label in state.opinions.values() if label.annotator == who.id]
    return said(state)
