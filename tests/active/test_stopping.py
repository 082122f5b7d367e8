"""What a person is told about a search: plain counts, a rule with its measured recall, or proof."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earthcurator.active.audit import AuditResult
from earthcurator.active.stopping import MEASURED, RULES, advice, finds, left

RESULTS = Path(__file__).parents[2] / "benchmarks/results/stopping.json"

RICH = [True] * 60 + [False] * 40
"""A good first hundred."""


def proof(recall: float, *, answered: int = 400, unsure: int = 0, of: int = 400) -> AuditResult:
    return AuditResult(
        answered=answered,
        unsure=unsure,
        of=of,
        hits=0,
        confidence=0.95,
        left_high=4,
        recall_low=recall,
        total=(100, 104),
    )


def test_finds_are_counted_in_the_order_of_the_answers() -> None:
    counted = finds([True, False, None, True])
    assert (counted.labels, counted.found, counted.unsure, counted.curve) == (3, 2, 1, (1, 1, 2))


def test_recent_finds_are_those_of_the_last_hundred_clear_answers() -> None:
    counted = finds([True] * 50 + [None, False] * 97 + [True] * 3)
    assert (counted.recent, counted.window, counted.recent_share) == (3, 100, 0.03)


def test_a_share_of_fewer_than_twenty_labels_is_hidden() -> None:
    assert finds([True] * 19).recent_share is None
    assert finds([True] * 20).recent_share == 1.0
    assert "shown from 20 labels on" in advice([True] * 19).why


def test_nothing_labelled_is_no_reason_to_stop() -> None:
    assert not advice([]).stop
    assert advice([]).sentence == "Nothing is labelled yet."
    assert finds([]).curve == ()


def test_while_finds_keep_coming_the_advice_is_to_go_on() -> None:
    told = advice(RICH * 3)
    assert not told.stop
    assert told.rule is None
    assert told.measured is None
    assert "180 found in 300 labels, 60 of them in the last 100" in told.why


def test_a_hundred_labels_without_a_find_say_stop_with_the_measured_recall() -> None:
    assert not advice(RICH + [False] * 59).stop
    told = advice(RICH + [False] * 60)
    assert told.stop
    assert told.rule == "empty"
    assert told.measured == MEASURED["empty"]
    assert f"19 in 20 that followed this rule had found at least {MEASURED['empty'].low:.0%}" in told.sentence
    assert "not proof" in told.why


def test_unsure_neither_lengthens_a_run_without_finds_nor_breaks_it() -> None:
    assert advice(RICH + [False] * 30 + [None] * 100).stop is False
    assert advice(RICH + [False, None] * 60).rule == "empty"


def test_finds_a_tenth_as_frequent_as_at_best_say_stop() -> None:
    def later(count: int) -> list[bool | None]:
        return [*RICH, *([True] * count + [False] * (100 - count))]

    assert advice(later(6)).rule == "thin"
    assert advice(later(7)).rule is None


def test_an_annotator_who_errs_now_and_then_still_gets_advice() -> None:
    errs = [number % 20 == 0 for number in range(100)]
    assert advice([True] * 90 + [False] * 10 + errs).rule == "thin"


def test_a_search_that_hardly_found_anything_is_not_told_to_stop() -> None:
    told = advice([True] * 3 + [False] * 500)
    assert not told.stop
    assert "Only 3 found in 503 labels" in told.sentence
    assert not advice([False] * 1000).stop


def test_nothing_but_finds_is_no_reason_to_stop() -> None:
    assert not advice([True] * 1000).stop


def test_proof_speaks_before_any_rule() -> None:
    enough, too_little = advice(RICH, proof(0.96)), advice(RICH + [False] * 100, proof(0.90))
    assert enough.stop
    assert enough.rule == "certified"
    assert "at least 96% of the class is found" in enough.sentence
    assert not too_little.stop
    assert "Look further if you need 95%" in too_little.sentence


def test_a_check_under_way_does_not_silence_the_rules_unless_it_proves_enough_already() -> None:
    empty = [*RICH, *[False] * 100]
    assert advice(empty, proof(0.3, answered=200)).rule == "empty"
    assert advice(empty, proof(0.97, answered=399)).rule == "certified"
    assert advice(empty, proof(0.8, answered=395, unsure=5)).rule == "certified"


def test_a_check_with_too_few_answers_is_no_proof() -> None:
    hidden = AuditResult(answered=5, unsure=0, of=400, hits=0, confidence=0.95)
    assert advice(RICH, hidden).rule is None


@pytest.mark.parametrize("rule", RULES)
def test_quoted_recall_is_what_the_benchmark_measured(rule: str) -> None:
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["figures"]["rules"][rule]
    told = {name: measured for name, measured in MEASURED.items() if name == rule}.popitem()[1]
    assert told.searches <= rows["one kind"]["searches"]
    for quoted, case, name in (
        (told.median, "one kind", "recall median"),
        (told.low, "one kind", "recall 5 %"),
        (told.several_kinds_low, "several kinds", "recall 5 %"),
        (told.errors_low, "5 % errors", "recall 5 %"),
    ):
        assert quoted <= rows[case][name] + 1e-9 < quoted + 0.01 + 1e-9, (case, name)


def test_certified_figures_were_true_as_often_as_promised_in_the_benchmark() -> None:
    checks = json.loads(RESULTS.read_text(encoding="utf-8"))["figures"]["checks"]
    assert sum(row["searches"] for row in checks.values()) >= 1000
    for row in checks.values():
        assert min(row["bound"], row["total"], row["bound at every look"], row["total at every look"]) >= 0.93


def test_before_any_sign_of_an_end_everything_may_be_left() -> None:
    told = left(12, 5000, advice([True] * 12 + [False] * 30))
    assert (told.low, told.high) == (0, 5000)
    assert "Nobody can say yet" in told.sentence


def test_at_a_sign_of_an_end_the_interval_is_that_of_the_simulated_searches() -> None:
    told = left(90, 5000, advice([True] * 90 + [False] * 100))  # 19 in 20 had found 90 %, so that 10 of 100 are left
    assert (told.low, told.high) == (0, 10)
    assert "up to 56 if the class has kinds" in told.sentence
    assert left(90, 4, advice([True] * 90 + [False] * 100)).high == 4  # no more than there are


def test_answers_of_which_none_is_clear_are_not_called_nothing() -> None:
    assert advice([]).sentence == "Nothing is labelled yet."
    assert advice([None, None]).sentence == "No answer is clear yet."


@pytest.mark.parametrize("strategy", ["train", "margin", "random"])
def test_rules_do_not_speak_of_a_search_that_was_not_for_all(strategy: str) -> None:
    answers = RICH * 3 + [False] * 100
    assert advice(answers).stop
    told = advice(answers, strategy=strategy)
    assert not told.stop
    assert strategy in told.sentence
