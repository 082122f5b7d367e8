"""The certified check: who is asked, what the answers prove, and what it costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import hypergeom

from earthcurator.active.audit import AuditPlan, AuditResult, audit_bound, audit_price, plan_audit
from earthcurator.errors import BadInput


def draw(size: int = 400, n: int = 100, *, found: int = 20, seed: int = 1, attempt: int = 1) -> AuditPlan:
    """Rows 1000... are unlabelled; the higher, the less likely."""
    rows = np.arange(1000, 1000 + size)
    return plan_audit(-rows.astype(np.float32), rows, n, found=found, seed=seed, attempt=attempt)


def answered(plan: AuditPlan, positive: Callable[[int], bool] = lambda _: False) -> dict[int, bool | None]:
    return {row: positive(row) for row in plan.rows}


def shown(result: AuditResult) -> tuple[int, float, tuple[int, int]]:
    assert result.left_high is not None
    assert result.recall_low is not None
    assert result.total is not None
    return result.left_high, result.recall_low, result.total


def test_a_plan_draws_unlabelled_chips_once_each() -> None:
    plan = draw(400, 100)
    assert len(plan.rows) == len(set(plan.rows)) == len(plan.strata) == 100
    assert set(plan.rows) <= set(range(1000, 1400))
    assert plan.sizes == (20, 380)
    assert {row for row, stratum in zip(plan.rows, plan.strata, strict=True) if stratum == 0} <= set(range(1000, 1020))


def test_the_seed_decides_the_plan() -> None:
    assert draw(seed=5) == draw(seed=5)
    assert draw(seed=5).rows != draw(seed=6).rows


def test_likely_chips_are_drawn_more_densely_and_none_is_left_out_of_chance() -> None:
    plan = draw(4000, 400)
    dense, thin = (plan.strata.count(number) / plan.sizes[number] for number in (0, 1))
    assert dense == pytest.approx(3 * thin, rel=0.1)
    assert thin > 0


def test_the_order_of_the_chips_does_not_tell_the_strata_apart() -> None:
    strata = draw(4000, 400).strata
    assert 0 in strata[:100]
    assert 1 in strata[:20]


def test_every_unlabelled_chip_may_be_drawn() -> None:
    assert set(draw(30, 30).rows) == set(range(1000, 1030))
    assert len(draw(21, 20).rows) == 20


@pytest.mark.parametrize(("size", "n"), [(60, 20), (40, 30), (40, 37)])
def test_shown_figures_are_true_as_often_as_they_say_for_every_number_left(size: int, n: int) -> None:
    """Counts every possible sample, so nothing is left to chance."""
    plan = draw(size, n, found=7)
    (likely, rest), (dense, thin) = plan.sizes, (plan.strata.count(0), plan.strata.count(1))
    rows = [[row for row, stratum in zip(plan.rows, plan.strata, strict=True) if stratum == k] for k in (0, 1)]
    figures = {}
    for hits in range(dense + 1):
        for more in range(thin + 1):
            yes = {*rows[0][:hits], *rows[1][:more]}
            figures[hits, more] = shown(audit_bound(plan, answered(plan, yes.__contains__), 7 + len(yes)))
    ones = hypergeom.pmf(np.arange(dense + 1), likely, np.arange(likely + 1)[:, None], dense)
    others = hypergeom.pmf(np.arange(thin + 1), rest, np.arange(rest + 1)[:, None], thin)
    for one in range(likely + 1):
        for other in range(rest + 1):
            bound = recall = total = 0.0
            for (hits, more), (left_high, recall_low, (low, high)) in figures.items():
                chance = ones[one, hits] * others[other, more]
                bound += chance * (one + other - hits - more <= left_high)
                recall += chance * ((7 + hits + more) / (7 + one + other) >= recall_low - 1e-12)
                total += chance * (low <= 7 + one + other <= high)
            assert min(bound, recall, total) >= 0.95 - 1e-9


def test_figures_hold_after_a_learner_chose_what_was_labelled() -> None:
    """The likeliest 60 of 600 chips were labelled, which says nothing of the rest; 300 searches, 300 checks."""
    right = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        truth = rng.random(600) < 0.05
        scores = rng.normal(size=600) + 2 * truth
        order = np.argsort(-scores)
        unlabelled, found = order[60:], int(truth[order[:60]].sum())
        plan = plan_audit(scores[unlabelled], unlabelled, 120, found=found, seed=seed)
        said: dict[int, bool | None] = {row: bool(truth[row]) for row in plan.rows}
        result = audit_bound(plan, said, found + sum(map(bool, said.values())))
        _, recall, (low, high) = shown(result)
        right += low <= truth.sum() <= high and recall <= (found + result.hits) / truth.sum()
    assert right >= 0.93 * 300


def test_looking_early_shows_only_wider_figures() -> None:
    plan = draw(2000, 400)
    said = answered(plan, lambda row: row % 37 == 0)
    final = audit_bound(plan, said, 20 + sum(map(bool, said.values())))
    _, recall, (low, high) = shown(final)
    for share in range(20, 400, 20):
        part = {row: said[row] for row in plan.rows[:share]}
        _, early_recall, (early_low, early_high) = shown(audit_bound(plan, part, 20 + sum(map(bool, part.values()))))
        assert early_recall <= recall
        assert early_low <= low <= high <= early_high


def test_unsure_counts_as_the_worst_case_on_either_side() -> None:
    plan = draw(2000, 400)
    no, yes = answered(plan), answered(plan, lambda row: row in plan.rows[:5])
    unsure: dict[int, bool | None] = {**no, **dict.fromkeys(plan.rows[:5])}
    result = audit_bound(plan, unsure, 20)
    assert result.unsure == 5
    assert result.complete
    assert shown(result)[2] == (shown(audit_bound(plan, no, 20))[2][0], shown(audit_bound(plan, yes, 25))[2][1])
    assert "The 5 without a clear answer are counted as the worst case." in result.sentence


def test_answers_about_other_chips_never_enter() -> None:
    plan = draw(2000, 400)
    others: dict[int, bool | None] = {row: True for row in range(1000, 3000) if row not in plan.rows}
    assert audit_bound(plan, {**answered(plan), **others}, 20) == audit_bound(plan, answered(plan), 20)


def test_what_is_found_later_is_no_longer_left() -> None:
    plan = draw(2000, 400)
    left, recall, (_, high) = shown(audit_bound(plan, answered(plan), 20))
    left_later, recall_later, (low_later, high_later) = shown(audit_bound(plan, answered(plan), 23))
    assert (left_later, low_later, high_later) == (left - 3, 23, high)
    assert recall_later > recall


def test_a_find_that_was_corrected_since_makes_no_figure_better() -> None:
    plan = draw(2000, 400)
    left, recall, _ = shown(audit_bound(plan, answered(plan), 20))
    assert shown(audit_bound(plan, answered(plan), 18))[0] == left
    assert shown(audit_bound(plan, answered(plan), 18))[1] < recall


def test_figures_of_fewer_than_twenty_answers_are_hidden() -> None:
    plan = draw(400, 100)
    result = audit_bound(plan, dict.fromkeys(plan.rows[:19], False), 20)
    assert (result.left_high, result.recall_low, result.total) == (None, None, None)
    assert "no figure below 20 answers" in result.sentence
    assert audit_bound(plan, dict.fromkeys(plan.rows[:20], False), 20).left_high is not None


def test_checking_again_needs_more_evidence() -> None:
    again = draw(2000, 400, attempt=2)
    assert (
        shown(audit_bound(again, answered(again), 20))[0] > shown(audit_bound(draw(2000, 400), answered(again), 20))[0]
    )


def test_a_check_of_everything_knows_everything() -> None:
    plan = draw(60, 60)
    result = audit_bound(plan, answered(plan, lambda row: row < 1003), 23)
    assert shown(result) == (0, 1.0, (23, 23))


def test_the_sentence_never_rounds_up() -> None:
    plan = draw(4000, 1000, found=100)
    result = audit_bound(plan, answered(plan), 100)
    said = float(result.sentence.split("at least ")[1].split("% of the class")[0]) / 100
    assert said <= shown(result)[1] < said + 0.001


def test_certifying_95_percent_at_one_percent_prevalence_costs_about_six_thousand_labels() -> None:
    price = audit_price(99_000, 970)
    assert price.labels is not None
    assert 5_000 <= price.labels <= 7_500
    assert f"about {price.labels:,} random chips" in price.sentence


def test_a_price_is_enough_and_much_less_is_not() -> None:
    price = audit_price(2_000, 196, guess=0.02).labels
    assert price is not None
    wins = {}
    for n in (price, price // 2):
        wins[n] = 0
        for seed in range(60):
            rng = np.random.default_rng(seed)
            left = set(rng.choice(np.arange(1100, 3_000), 4, replace=False).tolist())
            plan = draw(2_000, n, found=196, seed=seed)
            said = answered(plan, left.__contains__)
            recall = audit_bound(plan, said, 196 + sum(map(bool, said.values()))).recall_low
            wins[n] += recall is not None and recall >= 0.95
    assert wins[price] >= 0.7 * 60
    assert wins[price // 2] < 0.7 * 60


def test_a_price_that_cannot_be_is_said() -> None:
    assert audit_price(1000, 0).labels is None
    assert "Nothing is found yet" in audit_price(1000, 0).sentence
    hopeless = audit_price(10_000, 90, guess=0.1)
    assert hopeless.labels is None
    assert "look for more of it first" in hopeless.sentence


def test_a_check_of_a_tiny_class_means_looking_at_everything() -> None:
    price = audit_price(5_000, 10)
    assert price.labels == 5_000
    assert "all 5,000 chips" in price.sentence


@pytest.mark.parametrize("n", [0, 19, 401])
def test_a_check_of_too_few_or_too_many_chips_is_refused(n: int) -> None:
    with pytest.raises(BadInput) as refused:
        draw(400, n)
    assert refused.value.hint == "take 20 to 400"


def test_bad_requests_are_refused_with_a_reason() -> None:
    with pytest.raises(BadInput, match="listed twice"):
        plan_audit(np.zeros(40), np.zeros(40, np.int64), 20, found=0, seed=0)
    with pytest.raises(BadInput, match="39 scores cannot order 40 chips"):
        plan_audit(np.zeros(39), np.arange(40), 20, found=0, seed=0)
    with pytest.raises(BadInput, match="check number 0"):
        draw(attempt=0)
    with pytest.raises(BadInput, match="guess must be at least 0"):
        audit_price(100, 5, guess=1.0)


def test_nothing_left_to_check_costs_nothing() -> None:
    price = audit_price(0, 30)
    assert price.labels == 0
    assert "every chip has an answer" in price.sentence
