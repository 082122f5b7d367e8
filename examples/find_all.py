"""Find every island of NASA's Blue Marble, beginning with one picture of Hawaii.

    pip install 'earthcurator[demo]'
    python examples/find_all.py islands

The whole of a search as a program: one example, rounds of labels until the advice is to stop, a certified check that
says how much was surely found, and the dataset. A land-sea mask plays the annotator, so that the end can be compared
with the truth. In your own project the labels come from people, and everything else stays as it is.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import earthcurator as ec
from earthcurator.demo import NAME, START, Truth, answer_next, cut_globe, island_task

BATCH = 20
"""Labels between two rounds."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How the search ended."""

    labels: int
    """Given in the search, those of the check not counted."""
    checked: int
    """Given in the check; 0 when there was none."""
    found: int
    islands: int
    """How many there really are. In a search of your own nobody knows."""
    recall_low: float | None
    """The share that is surely found, with 95 % confidence."""
    exported: int


def find_all(project: ec.Project, out: Path, *, check: int | None = None) -> Figures:
    """Search until the advice is to stop, check, and export to `out`.

    The check takes as many labels as its price says, but at most `check`; 0 for none.
    """
    truth = Truth(project)
    task = island_task(project, truth.nearest_island(*START))
    learner, search = project.learner(task), project.search_of(task)

    # Rounds: the learner puts the best chips at the head of the queue, the annotator answers, the learner learns.
    while not (outlook := search.outlook()).advice.stop:
        learner.advance()
        answer_next(project, task, truth, BATCH)
    print(outlook.advice.sentence)

    # The check: random chips, which come first in the queue. Its price is known beforehand.
    print(outlook.price.sentence)
    size = outlook.price.labels or 0
    if check is not None:
        size = min(size, check)
    if size:
        search.check(size, seed=1)
        checked = answer_next(project, task, truth, size)
        while checked < size and (more := answer_next(project, task, truth, size - checked)):
            checked += more
        outlook = search.outlook()
        print(outlook.advice.sentence)

    exported = project.export(out, task=task, format="imagefolder").chips
    return Figures(
        labels=outlook.finds.labels,
        checked=outlook.audit.answered if outlook.audit else 0,
        found=project.tasks.report(task).classes["island"],
        islands=truth.islands,
        recall_low=outlook.audit.recall_low if outlook.audit else None,
        exported=exported,
    )


def main(folder: Path) -> None:
    """Do it on the whole globe, in a new folder: half a minute on two cores."""
    with ec.create(folder, name=NAME) as project:
        cut_globe(project)
        project.embed()
        figures = find_all(project, folder / "dataset")
    print(
        f"{figures.labels:,} labels of the search and {figures.checked:,} of the check, of {figures.exported:,} in all"
    )
    print(f"found {figures.found:,} of {figures.islands:,} islands ({figures.found / figures.islands:.1%})")
    if figures.recall_low is not None:
        print(f"the check says: at least {figures.recall_low:.1%}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "islands"))
