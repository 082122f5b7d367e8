"""From what people said of a task's chips to the answers of a dataset, and what its data card tells of them."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earthcurator.export import Division, Labelled, Opinions
from earthcurator.export.labelled import SPLITS
from earthcurator.labels.agreement import Coefficient, krippendorff_alpha, mean, of_class, ratings
from earthcurator.labels.fold import NOTHING_SAID, ChipState, fold
from earthcurator.labels.policy import Decided, Policy, decide
from earthcurator.models import Chip, Label, Task

CLASSES_FROM = {
    "folders": "the folders that the pictures were imported with",
    "LABELS.csv": "a file or list of labels, below called LABELS.csv, that is not part of the dataset",
}
"""What the command line is given in place of a task → what that is."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One answer for each chip that has one, and how it came about."""

    decided: Mapping[str, Decided]
    """Chip → its answer."""
    states: Mapping[str, ChipState]
    opinions: Opinions

    def labelled(self, chip: Chip) -> Labelled:
        """The row of a chip that has an answer."""
        task, value = self.opinions.task, self.decided[chip.id].value
        votes = _votes(task, self.states[chip.id])
        return Labelled(chip, value[0] if value else "", labels=value, votes=votes, classes=task.classes)


def answers(task: Task, chips: Sequence[str], events: Sequence[Label], policy: Policy) -> Answers:
    """What these events make of the chips of the task."""
    states = fold(task, events)
    everything = dict.fromkeys([*states, *chips])
    found = {chip: decide(task, states.get(chip, NOTHING_SAID), policy) for chip in everything}
    said = [label for state in states.values() for label in state.opinions.values()]
    alpha = _alpha(task, states)
    return Answers(
        decided={chip: answer for chip, answer in found.items() if isinstance(answer, Decided)},
        states=states,
        opinions=Opinions(
            task=task,
            events=len(events),
            last_event=max((event.time for event in events), default=None),
            policy=policy_name(policy),
            people=len({label.annotator for label in said if label.source != "import"}),
            imported=len({label.chip for label in said if label.source == "import"}),
            alpha=alpha.value,
            interval=None if alpha.low is None or alpha.high is None else (alpha.low, alpha.high),
            compared=alpha.chips,
            no_alpha=alpha.reason,
            left_out=Counter(answer.reason for answer in found.values() if not isinstance(answer, Decided)),
        ),
    )


def policy_name(policy: Policy) -> str:
    """As `parse_policy` reads it."""
    return policy.rule if policy.share is None else f"{policy.rule}={policy.share!r}"


def command(what: str, out: Path, format_name: str, opinions: Opinions | None, division: Division | None) -> str:
    """The command line that writes this dataset; `what` is a task, a file of labels or the word `folders`."""
    words = ["curator", "export", what, out.name, "--format", format_name]
    if opinions:
        words += ["--policy", opinions.policy]
    if division:
        shares = ",".join(f"{division.shares.get(name, 0)}" for name in SPLITS)
        words += ["--split", division.by, "--shares", shares, "--seed", f"{division.seed}"]
        words += ["--block-km", f"{division.block_km:g}"] if division.block_km else []
    return shlex.join(words)


def _votes(task: Task, state: ChipState) -> dict[str, int]:
    """Class → how many people chose it, in the order of the task."""
    votes = Counter(name for said in state.opinions.values() if said.decision == "label" for name in said.value)
    return {name: votes[name] for name in task.classes if votes[name]}


def _alpha(task: Task, states: Mapping[str, ChipState]) -> Coefficient:
    """The one of the task's report, without all else that is in a report and takes long where many people agree."""
    said = ratings(states)
    rng = np.random.default_rng(0)
    questions = [of_class(said, name) for name in task.classes] if task.several else [said]
    return mean([krippendorff_alpha(question, rng=rng) for question in questions])
