"""From unlabelled imagery to a classifier: teach an encoder, see whether it is better, label, make a classifier.

    pip install 'earthcurator[demo,train]'
    python examples/ssl_to_labels.py islands

It runs on NASA's Blue Marble, where a land-sea mask plays the annotator. In your own project the labels come from
people, and everything else stays as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import earthcurator as ec
from earthcurator.demo import NAME, START, Truth, answer_next, cut_globe, island_task

ROUNDS, BATCH = 10, 20


def from_pictures_to_classifier(project: ec.Project, *, seconds: float) -> None:
    """Train, report, label by active learning, and make a classifier."""
    project.embed()
    report = project.train(method="simclr", seconds=seconds, use="if better")
    print(f"the trained encoder is {report.verdict}")
    project.embed()

    truth = Truth(project)
    task = island_task(project, truth.nearest_island(*START))
    for _ in range(ROUNDS):
        project.learner(task).advance()
        answer_next(project, task, truth, BATCH)

    made = project.finetune(task, how="linear")
    print(f"{made.name}: accuracy {made.metrics.accuracy}, F1 {made.metrics.f1}, labels parted by {made.split}")
    likely = sorted(project.classify(task, made.name), key=lambda chip: -chip.scores["island"])
    print(f"surest: {', '.join(chip.chip for chip in likely[:5])}")


def main() -> None:
    """The whole of it in a new folder."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "islands")
    with ec.create(folder, name=NAME) as project:
        cut_globe(project)
        from_pictures_to_classifier(project, seconds=600)


if __name__ == "__main__":
    main()
