"""From opinions to one answer, and to the queue of disagreements."""

from __future__ import annotations

from dataclasses import replace

import pytest

from earthcurator.errors import BadInput
from earthcurator.labels.fold import NOTHING_SAID, Fold
from earthcurator.labels.policy import Decided, Policy, Undecided, decide, disputed, parse_policy
from tests.labels.events import TASK, label, one, states, unsure

MAJORITY = Policy()
THREE = replace(TASK, opinions=3)
SEVERAL = replace(TASK, several=True)


@pytest.mark.parametrize(
    ("said", "value", "share"),
    [
        (["smoke"], ("smoke",), 1),
        (["smoke", "smoke", "clear"], ("smoke",), 2 / 3),
        (["smoke", "smoke", "clear", "dust"], ("smoke",), 1 / 2),
        (["smoke", "smoke", "?"], ("smoke",), 2 / 3),
    ],
)
def test_majority_is_the_most_frequent_answer(said: list[str], value: tuple[str, ...], share: float) -> None:
    expected = Decided(value=value, votes=len(said), agreement=share, how="majority")
    assert decide(TASK, one(TASK, *said), MAJORITY) == expected


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (["smoke", "clear"], "a tie"),
        (["smoke", "?"], "a tie"),
        (["smoke", "?", "?"], "most were unsure"),
        (["?"], "most were unsure"),
    ],
)
def test_ties_and_the_unsure_have_no_majority(said: list[str], reason: str) -> None:
    assert decide(TASK, one(TASK, *said), MAJORITY) == Undecided(reason)


def test_majority_waits_for_every_opinion_and_any_does_not() -> None:
    state = one(TASK, "smoke")
    assert decide(THREE, state, MAJORITY) == Undecided("1 of 3 opinions")
    assert decide(THREE, state, Policy("any")) == Decided(value=("smoke",), votes=1, agreement=1, how="any")
    assert decide(THREE, NOTHING_SAID, Policy("any")) == Undecided("no opinion yet")


def test_any_takes_what_nobody_contradicts() -> None:
    assert decide(TASK, one(TASK, "smoke", "?"), Policy("any")) == Decided(
        value=("smoke",), votes=2, agreement=0.5, how="any"
    )
    assert decide(TASK, one(TASK, "smoke", "smoke", "clear"), Policy("any")) == Undecided("people disagree")
    assert decide(TASK, one(TASK, "?"), Policy("any")) == Undecided("only unsure")


def test_min_agreement_asks_for_a_share_of_all_opinions() -> None:
    two_thirds = one(TASK, "smoke", "smoke", "clear")
    assert isinstance(decide(TASK, two_thirds, Policy("min_agreement", 2 / 3)), Decided)
    assert decide(TASK, two_thirds, Policy("min_agreement", 0.8)) == Undecided("67% agree, less than 80%")


@pytest.mark.parametrize("rule", ["majority", "adjudicated", "any", "min_agreement=1"])
def test_an_adjudication_wins_under_every_policy(rule: str) -> None:
    live = Fold(
        TASK, [label("1", "a", "ann", "smoke"), label("2", "a", "bob", "clear"), label("3", "a", "cy", "clear")]
    )
    live.take(replace(label("4", "a", "chief", "smoke", at=1), source="adjudication"))
    expected = Decided(value=("smoke",), votes=3, agreement=1 / 3, how="adjudicated")
    assert decide(TASK, live.state("a"), parse_policy(rule)) == expected
    live.take(replace(unsure("5", "a", "chief", at=2), source="adjudication"))
    assert decide(TASK, live.state("a"), parse_policy(rule)) == Undecided("the adjudicator was unsure")


def test_without_adjudication_the_strict_policy_has_no_answer() -> None:
    assert decide(TASK, one(TASK, "smoke", "smoke"), Policy("adjudicated")) == Undecided("not adjudicated")


def test_several_classes_are_voted_on_one_by_one() -> None:
    state = one(SEVERAL, "dust+smoke", "smoke", "clear+smoke")
    assert decide(SEVERAL, state, MAJORITY) == Decided(value=("smoke",), votes=3, agreement=2 / 3, how="majority")
    assert decide(SEVERAL, one(SEVERAL, "dust+smoke", "smoke+dust"), Policy("any")) == Decided(
        value=("smoke", "dust"), votes=2, agreement=1, how="any"
    )
    assert decide(SEVERAL, one(SEVERAL, "smoke", "smoke+dust"), MAJORITY) == Undecided("a tie about dust")
    assert decide(SEVERAL, one(SEVERAL, "none", "none", "dust"), MAJORITY) == Decided(
        value=(), votes=3, agreement=2 / 3, how="majority"
    )
    assert decide(SEVERAL, one(SEVERAL, "?", "?", "dust"), MAJORITY) == Undecided("most were unsure")


def test_the_most_contested_chips_come_first_and_settled_ones_not_at_all() -> None:
    found = states(
        TASK,
        {
            "agreed": {"ann": "smoke", "bob": "smoke"},
            "even": {"ann": "smoke", "bob": "clear"},
            "even, asked often": {"ann": "smoke", "bob": "clear", "cy": "smoke", "di": "clear"},
            "three ways": {"ann": "smoke", "bob": "clear", "cy": "dust"},
            "two to one": {"ann": "smoke", "bob": "clear", "cy": "smoke"},
            "unsure": {"ann": "smoke", "bob": "?", "cy": "smoke", "di": "smoke"},
            "all unsure": {"ann": "?", "bob": "?"},
            "settled": {"ann": "smoke", "bob": "clear"},
        },
    )
    word = replace(label("w", "settled", "chief", "smoke"), source="adjudication")
    found["settled"] = replace(found["settled"], adjudication=word)
    queue = disputed(TASK, found)
    assert [chip.chip for chip in queue] == ["three ways", "even, asked often", "even", "two to one", "unsure"]
    assert queue[2].entropy == pytest.approx(1)


def test_disagreement_about_two_classes_counts_more_than_about_one() -> None:
    found = states(SEVERAL, {"one": {"ann": "smoke", "bob": "none"}, "two": {"ann": "smoke", "bob": "dust"}})
    assert [(chip.chip, chip.entropy) for chip in disputed(SEVERAL, found)] == [("two", 2), ("one", 1)]


@pytest.mark.parametrize(
    "text", ["", "most", "majority=0.5", "min_agreement", "min_agreement=x", "min_agreement=0", "min_agreement=nan"]
)
def test_a_policy_that_makes_no_sense_is_refused_with_the_ones_that_do(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_policy(text)
    assert "min_agreement=0.8" in refused.value.hint
