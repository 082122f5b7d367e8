"""Which answer a chip gets when people said several things, and which chips somebody should look at again.

An adjudication always wins. `unsure` is an answer like the others: where most people cannot tell, the chip stays out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Literal

from earthcurator.errors import BadInput
from earthcurator.labels.fold import ChipState
from earthcurator.models import Label, Task

Rule = Literal["majority", "adjudicated", "any", "min_agreement"]
"""`majority`: the most frequent answer, once all opinions are in. `min_agreement`: the same, if a large enough share
gave it. `any`: what one or more people said, if nobody said something else. `adjudicated`: adjudications only."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How opinions become one answer."""

    rule: Rule = "majority"
    share: float | None = None
    """For `min_agreement`: the share of a chip's opinions that must agree, above 0 and up to 1."""

    def __post_init__(self) -> None:
        if (self.rule == "min_agreement") != (self.share is not None):
            raise BadInput(
                f"the policy {self.rule!r} has the share {self.share}",
                hint="a share goes with min_agreement, and with nothing else: min_agreement=0.8",
            )
        if self.share is not None and not 0 < self.share <= 1:
            raise BadInput(f"the share {self.share:g} is not within 0..1", hint="write e.g. min_agreement=0.8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The answer for a chip, and what it rests on."""

    value: tuple[str, ...]
    """Classes, in the order of the task; empty where a task with several classes found none."""
    votes: int
    """How many people gave an opinion, unsure ones too."""
    agreement: float | None
    """Share of them that gave this answer. With several classes, that of the class agreed on least. None: nobody did
    but the adjudicator."""
    how: Rule


@dataclass(frozen=True, slots=True)
class Undecided:
    """Why a chip has no answer."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """A chip about which people disagree."""

    chip: str
    entropy: float
    """In bits, of the answers; summed over the classes where there may be several. 0 is full agreement."""
    answers: Mapping[str, Label]
    """Annotator → their opinion."""


_Answer = str | bool | None
"""A class; or whether one class holds, where there may be several; or None for unsure."""


def parse_policy(text: str) -> Policy:
    """Read `majority`, `adjudicated`, `any` or `min_agreement=0.8`.

    >>> parse_policy("min_agreement=0.8")
    Policy(rule='min_agreement', share=0.8)
    """
    hint = "write majority, adjudicated, any or min_agreement=0.8"
    match text.partition("="):
        case ("majority" | "adjudicated" | "any") as rule, "", "":
            return Policy(rule)
        case "min_agreement", "=", number:
            try:
                return Policy("min_agreement", float(number))
            except ValueError as exc:
                raise BadInput(f"{number!r} is not a number", hint=hint) from exc
    raise BadInput(f"{text!r} is no label policy", hint=hint)


def decide(task: Task, state: ChipState, policy: Policy) -> Decided | Undecided:
    """The answer this chip goes into a dataset with, or why it has none."""
    if state.adjudication is not None:
        return _adjudicated(task, state, state.adjudication)
    if policy.rule == "adjudicated":
        return Undecided("not adjudicated")
    if not state.opinions:
        return Undecided("no opinion yet")
    if policy.rule == "any":
        return _unopposed(task, state)
    if len(state.opinions) < task.opinions:
        return Undecided(f"{len(state.opinions)} of {task.opinions} opinions")
    return _voted(task, state, policy)


def disputed(task: Task, states: Mapping[str, ChipState]) -> list[Disputed]:
    """Chips with different answers and no adjudication, the most contested first, then those with most opinions."""
    found = [
        Disputed(
            chip=chip,
            entropy=sum(_entropy(votes) for votes in _ballots(task, state).values()),
            answers=state.opinions,
        )
        for chip, state in states.items()
        if state.adjudication is None and len({_value(task, said) for said in state.opinions.values()}) > 1
    ]
    return sorted(found, key=lambda one: (-one.entropy, -len(one.answers), one.chip))


def _adjudicated(task: Task, state: ChipState, word: Label) -> Decided | Undecided:
    value = _value(task, word)
    if value is None:
        return Undecided("the adjudicator was unsure")
    same = sum(_value(task, said) == value for said in state.opinions.values())
    votes = len(state.opinions)
    return Decided(value=value, votes=votes, agreement=same / votes if votes else None, how="adjudicated")


def _unopposed(task: Task, state: ChipState) -> Decided | Undecided:
    values = [_value(task, said) for said in state.opinions.values()]
    votes = Counter(value for value in values if value is not None)
    match list(votes.items()):
        case []:
            return Undecided("only unsure")
        case [(value, count)]:
            return Decided(value=value, votes=len(values), agreement=count / len(values), how="any")
    return Undecided("people disagree")


def _voted(task: Task, state: ChipState, policy: Policy) -> Decided | Undecided:
    value: list[str] = []
    least = 1.0
    for question, votes in _ballots(task, state).items():
        (answer, count), *others = votes.most_common()
        about = f" about {question}" if question else ""
        if others and others[0][1] == count:
            return Undecided(f"a tie{about}")
        if answer is None:
            return Undecided("most were unsure")
        least = min(least, count / votes.total())
        if answer is True:
            value.append(question)
        elif answer is not False:
            value.append(answer)
    if policy.share is not None and least < policy.share - 1e-9:
        return Undecided(f"{least:.0%} agree, less than {policy.share:.0%}")
    return Decided(value=tuple(value), votes=len(state.opinions), agreement=least, how=policy.rule)


def _ballots(task: Task, state: ChipState) -> dict[str, Counter[_Answer]]:
    """The votes on each question: one per class where there may be several, else one without a name."""
    values = [_value(task, said) for said in state.opinions.values()]
    if not task.several:
        return {"": Counter(None if value is None else value[0] for value in values)}
    return {name: Counter(None if value is None else name in value for value in values) for name in task.classes}


def _value(task: Task, said: Label) -> tuple[str, ...] | None:
    """The classes in the order of the task; None for unsure."""
    return tuple(name for name in task.classes if name in said.value) if said.decision == "label" else None


def _entropy(votes: Counter[_Answer]) -> float:
    return -sum(count / votes.total() * log2(count / votes.total()) for count in votes.values())
