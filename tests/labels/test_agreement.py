"""Agreement: published examples, second implementations, and the cases that have no number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthcurator.labels.agreement import (
    Ratings,
    Share,
    agreement,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
)
from tests.labels.events import TASK, states

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units, gaps.
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# https://en.wikipedia.org/wiki/Fleiss'_kappa#Worked_example: ten subjects, fourteen raters, five categories.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip

Table = list[list[int | None]]
"""People by chips; None where somebody did not answer."""


def said(table: Table) -> Ratings:
    """The table as ratings."""
    return {
        f"chip {place}": {f"p{who}": value for who, value in enumerate(column) if value is not None}
        for place, column in enumerate(zip(*table, strict=True))
    }


def tables(*, gaps: bool, people: int = 3) -> st.SearchStrategy[Table]:
    answers: st.SearchStrategy[int | None] = st.integers(0, 3)
    if gaps:
        answers |= st.none()
    return st.integers(1, 12).flatmap(
        lambda chips: st.lists(st.lists(answers, min_size=chips, max_size=chips), min_size=people, max_size=people)
    )


def test_alpha_of_the_published_example() -> None:
    found = krippendorff_alpha(said(KRIPPENDORFF), rng=np.random.default_rng(0))
    assert found.value == pytest.approx(0.743, abs=0.0005)
    assert found.chips == 11  # one unit has a single value, which pairs with nothing
    assert found.low is not None
    assert found.high is not None
    assert 0.3 < found.low < 0.743 < found.high <= 1


def test_fleiss_of_the_published_example() -> None:
    ratings = {
        str(chip): dict(enumerate(category for category, votes in enumerate(row) for _ in range(votes)))
        for chip, row in enumerate(FLEISS)
    }
    named = {chip: {str(who): value for who, value in people.items()} for chip, people in ratings.items()}
    assert fleiss_kappa(named).value == pytest.approx(0.210, abs=0.0005)


def test_cohen_of_the_published_example() -> None:
    # https://en.wikipedia.org/wiki/Cohen%27s_kappa#Simple_example: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no.
    pairs = [(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15
    ratings = {str(chip): {"a": one, "b": other} for chip, (one, other) in enumerate(pairs)}
    assert cohen_kappa(ratings, "a", "b").value == pytest.approx(0.4)


@settings(deadline=None)  # the first example loads the package
@given(tables(gaps=True))
def test_alpha_equals_the_krippendorff_package(table: Table) -> None:
    import krippendorff as other

    found = krippendorff_alpha(said(table))
    if found.value is not None:
        data = np.array([[np.nan if value is None else value for value in row] for row in table], dtype=float)
        assert found.value == pytest.approx(other.alpha(data, level_of_measurement="nominal"), abs=1e-9)


@settings(deadline=None)
@given(tables(gaps=False))
def test_fleiss_equals_statsmodels(table: Table) -> None:
    from statsmodels.stats import inter_rater as other

    found = fleiss_kappa(said(table))
    if found.value is not None:
        counts, _ = other.aggregate_raters(np.array(table).T)
        assert found.value == pytest.approx(other.fleiss_kappa(counts), abs=1e-9)


@settings(deadline=None)
@given(tables(gaps=False, people=2))
def test_cohen_equals_scikit_learn(table: Table) -> None:
    from sklearn import metrics as other

    found = cohen_kappa(said(table), "p0", "p1")
    if found.value is not None:
        assert found.value == pytest.approx(other.cohen_kappa_score(*table), abs=1e-9)


@given(tables(gaps=True))
def test_every_coefficient_is_a_number_or_has_a_reason(table: Table) -> None:
    ratings = said(table)
    rng = np.random.default_rng(0)
    for found in (
        krippendorff_alpha(ratings, rng=rng, draws=20),
        fleiss_kappa(ratings),
        cohen_kappa(ratings, "p0", "p1"),
    ):
        if found.value is None:
            assert found.reason
        else:
            assert np.isfinite(found.value)
            assert found.value <= 1


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([[1, 2, 1]], "no chip has the opinions of two people"),
        ([[1, None], [None, 1]], "no chip has the opinions of two people"),
        ([[1, 1], [1, 1]], "all opinions are the same class"),
    ],
)
def test_one_person_no_overlap_and_one_class_have_no_agreement(table: Table, reason: str) -> None:
    for found in (krippendorff_alpha(said(table), rng=np.random.default_rng(0)), fleiss_kappa(said(table))):
        assert found.value is None
        assert found.reason.startswith(reason)


def test_fleiss_refuses_different_numbers_of_opinions_and_names_the_remedy() -> None:
    found = fleiss_kappa(said([[1, 2], [1, 2], [1, None]]))
    assert found.value is None
    assert found.reason == "chips have 2 to 3 opinions, and this needs the same for all; see alpha"


def test_two_people_without_a_chip_in_common_have_no_kappa() -> None:
    found = cohen_kappa(said([[1, None], [None, 1]]), "p0", "p1")
    assert (found.value, found.reason) == (None, "p0 and p1 labelled no chip in common")


def test_the_interval_holds_the_true_alpha_about_as_often_as_it_says() -> None:
    # Two people who each see the truth, one of two classes, four times out of five, and else guess: alpha is .64.
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        truth = rng.integers(2, size=120)
        seen = [np.where(rng.random(120) < 0.8, truth, rng.integers(2, size=120)).tolist() for _ in range(2)]
        found = krippendorff_alpha(said(seen), rng=rng, draws=300)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.64 <= found.high
    assert 0.88 <= hits / 200 <= 0.99


def test_chance_is_zero_and_unanimity_one() -> None:
    rng = np.random.default_rng(0)
    guesses = rng.integers(3, size=(4, 3_000)).tolist()
    assert krippendorff_alpha(said(guesses)).value == pytest.approx(0, abs=0.02)
    assert krippendorff_alpha(said([guesses[0]] * 4)).value == 1


def test_a_task_reports_pairs_classes_and_who_differs_from_the_others() -> None:
    found = agreement(
        TASK,
        states(
            TASK,
            {
                "a": {"ann": "smoke", "bob": "smoke", "cy": "clear"},
                "b": {"ann": "clear", "bob": "clear", "cy": "clear"},
                "c": {"ann": "dust", "bob": "dust", "cy": "smoke"},
                "d": {"ann": "smoke", "bob": "?"},
            },
        ),
        rng=np.random.default_rng(0),
    )
    assert set(found.pairs) == {("ann", "bob"), ("ann", "cy"), ("bob", "cy")}
    assert found.pairs["ann", "bob"].value == 1
    assert found.with_others == {"ann": Share(1, 1), "bob": Share(1, 1), "cy": Share(1, 3)}
    assert found.alpha.chips == 3
    assert set(found.classes) == set(TASK.classes)


def test_several_classes_agree_class_by_class() -> None:
    task = replace(TASK, several=True)
    found = agreement(
        task,
        states(
            task,
            {
                "a": {"ann": "smoke+clear", "bob": "smoke"},
                "b": {"ann": "clear", "bob": "none"},
                "c": {"ann": "smoke", "bob": "smoke+clear"},
                "d": {"ann": "none", "bob": "none"},
            },
        ),
        rng=np.random.default_rng(0),
    )
    smoke, clear, dust = (found.classes[name].value for name in task.classes)
    assert smoke == 1
    assert clear is not None
    assert clear < 0.1
    assert dust is None  # nobody ever said it
    assert found.alpha.value == pytest.approx((1 + clear) / 2)
    assert found.with_others["ann"] == Share(9, 12)


def test_a_share_of_nothing_has_no_value_and_few_answers_a_wide_interval() -> None:
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, None)
    assert Share(10, 10).interval == pytest.approx((0.7225, 1), abs=0.0005)
    assert Share(0, 1).interval == pytest.approx((0, 0.7935), abs=0.0005)
