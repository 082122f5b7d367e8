"""Which chips count as finds of a class: one rule for every figure and map that the app shows of a task."""

from __future__ import annotations

from collections.abc import Iterator

from earthcurator.labels.fold import ChipState
from earthcurator.models import Label, Person, Task
from earthcurator.project import Project
from earthcurator.project.learner import said
from earthcurator.web.context import is_blind


def finds(project: Project, task: Task, who: Person | None = None) -> Iterator[tuple[str, list[str]]]:
    """Chips with the classes that most answers give, as the search counts them; not where as many say no as yes.

    Where `who` labels, and so must not see what others answered, only their own answers count.
    """
    for chip, state in project.tasks.states(task).items():
        clear = [label.value for label in _heard(state, who) if label.decision == "label"]
        classes = [name for name in task.classes if 2 * sum(name in value for value in clear) > len(clear)]
        if classes:
            yield chip, classes


def _heard(state: ChipState, who: Person | None) -> list[Label]:
    if who and is_blind(who):
        return [label for label in state.opinions.values() if label.annotator == who.id]
    return said(state)
