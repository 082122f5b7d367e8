"""The learning curve: what it counts, and when it says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from earthcurator.active import fit, learning
from earthcurator.active.learning import learning_curve, unseen_scores

Floats = NDArray[np.float32]


def chips(
    n: int, *, share: float = 0.3, apart: float = 1.0, dim: int = 16, seed: int = 0
) -> tuple[Floats, NDArray[np.bool_]]:
    """Vectors `(n, dim)`, and which are of the class, whose mean lies so far from that of the others."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < share
    vectors = rng.standard_normal((n, dim)) + apart * truth[:, None]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), truth


def test_points_double_and_the_last_has_all_that_may_be_learnt_from() -> None:
    curve = learning_curve(*chips(200))
    assert [point.answers for point in curve.points] == [10, 20, 40, 80, 160]
    assert learning_curve(*chips(250)).points[-1].answers == 200
    assert curve.reason == ""


def test_model_that_learns_gets_better_and_one_with_nothing_to_learn_does_not() -> None:
    good = learning_curve(*chips(400, apart=0.25, dim=128)).points
    assert good[-1].value > good[0].value + 0.1
    assert good[-1].low > 0.7
    nothing = learning_curve(*chips(400, apart=0)).points[-1]
    assert nothing.low < 0.5 < nothing.high


def test_interval_holds_the_quality_on_new_chips() -> None:
    held = 0
    for seed in range(20):
        vectors, truth = chips(3000, apart=0.5, seed=seed)
        point = learning_curve(vectors[:125], truth[:125]).points[-1]
        assert point.answers == 100
        model = fit(vectors[:100][truth[:100]], vectors[:100][~truth[:100]])
        right = (model.scores(vectors[125:]) > 0) == truth[125:]
        real = (right[truth[125:]].mean() + right[~truth[125:]].mean()) / 2
        held += point.low <= real <= point.high
    assert held >= 17


def test_same_answers_draw_the_same_curve() -> None:
    assert learning_curve(*chips(100)) == learning_curve(*chips(100))


@pytest.mark.parametrize("truth", [[True] * 4 + [False] * 15, [True] * 4 + [False] * 100, [True] * 30, []])
def test_too_few_answers_are_a_sentence(truth: list[bool]) -> None:
    curve = learning_curve(np.zeros((len(truth), 16), np.float32), np.array(truth, bool))
    assert curve.points == ()
    assert f"{sum(truth)} yes" in curve.reason


def test_sizes_at_which_only_one_side_had_answers_are_left_out() -> None:
    vectors, _ = chips(100)
    truth = np.arange(100) >= 30  # the first thirty are no
    assert [point.answers for point in learning_curve(vectors, truth).points] == [40, 80]


def test_many_answers_are_judged_and_no_more_learnt_from_than_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST", 40)
    assert [point.answers for point in learning_curve(*chips(400)).points] == [10, 20, 40]


def test_wrong_answers_are_contradicted_by_models_that_have_not_seen_them() -> None:
    vectors, truth = chips(200, dim=64)
    wrong = np.random.default_rng(1).choice(200, 20, replace=False)
    said = truth.copy()
    said[wrong] = ~said[wrong]

    def contradicted(scores: Floats) -> int:
        return int((np.where(said, -scores, scores)[wrong] >= 1).sum())

    assert contradicted(unseen_scores(vectors, said)) >= 15
    assert contradicted(fit(vectors[said], vectors[~said]).scores(vectors)) <= 3  # it has learnt them


def test_too_few_answers_contradict_nobody() -> None:
    vectors, truth = chips(19)
    assert not unseen_scores(vectors, truth).any()
    assert not unseen_scores(vectors, np.ones(19, bool)).any()
