"""Every strategy that ships keeps the contract, and does what its name says."""

from __future__ import annotations

import numpy as np
import pytest

from earthcurator.active import GOALS, STRATEGIES, Strategy, stand, take_turns
from earthcurator.active.strategies import margin, mixed, most_likely, random
from earthcurator.errors import BadInput
from earthcurator.testing.strategies import StrategyContract


def contract(name: str) -> type[StrategyContract]:
    class Kept(StrategyContract):
        def strategy(self) -> Strategy:
            return STRATEGIES.get(name)

    return Kept


class TestHybrid(contract("hybrid")):  # type: ignore[misc]  # a base made by a function
    pass


class TestFind(contract("find")):  # type: ignore[misc]  # as above
    pass


class TestTrain(contract("train")):  # type: ignore[misc]  # as above
    pass


class TestRandom(contract("random")):  # type: ignore[misc]  # as above
    pass


class TestMostLikely(contract("most-likely-positive")):  # type: ignore[misc]  # as above
    pass


class TestNearby(contract("nearby")):  # type: ignore[misc]  # as above
    pass


class TestMargin(contract("margin")):  # type: ignore[misc]  # as above
    pass


class TestGaussian(contract("gaussian")):  # type: ignore[misc]  # as above
    pass


class TestDiversity(contract("diversity")):  # type: ignore[misc]  # as above
    pass


class TestBadge(contract("badge")):  # type: ignore[misc]  # as above
    pass


class TestThompson(contract("thompson")):  # type: ignore[misc]  # as above
    pass


def test_every_strategy_is_held_to_the_contract() -> None:
    tested = {
        suite().strategy()
        for suite in (
            TestHybrid,
            TestFind,
            TestTrain,
            TestRandom,
            TestMostLikely,
            TestNearby,
            TestMargin,
            TestGaussian,
            TestDiversity,
            TestBadge,
            TestThompson,
        )
    }
    assert tested == {STRATEGIES.get(name) for name in STRATEGIES.names()}


def test_goals_are_strategies() -> None:
    assert set(GOALS) <= set(STRATEGIES.names())


def test_an_unknown_strategy_names_those_there_are() -> None:
    with pytest.raises(BadInput) as refused:
        STRATEGIES.get("guassian")
    assert "gaussian" in (refused.value.hint or "")


def line(n: int = 50) -> np.ndarray:
    """Unit vectors along a quarter circle: row 0 is most like the class, the last one least."""
    angle = np.linspace(0, np.pi / 2, n)
    return np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_most_likely_starts_next_to_the_positives() -> None:
    assert most_likely(stand(line(), positives=[0], negatives=[49]), 3, rng()).tolist() == [1, 2, 3]


def test_margin_asks_about_the_middle() -> None:
    assert sorted(margin(stand(line(), positives=[0], negatives=[49]), 2, rng()).tolist()) == [24, 25]


def test_gaussian_prefers_the_middle_and_takes_nothing_twice() -> None:
    pick = STRATEGIES.get("gaussian")
    standing = stand(line(), positives=[0], negatives=[49])
    picks = np.concatenate([pick(standing, 5, rng(seed)) for seed in range(200)])
    middle = np.isin(picks, np.arange(15, 35)).mean()
    assert middle > 0.6  # 20 of 48 rows; .42 if it did not care


def test_diversity_and_badge_do_not_take_copies_of_one_picture() -> None:
    copies = np.concatenate([line(50), np.repeat(line(50)[25:26], 30, axis=0)])
    standing = stand(copies, positives=[0], negatives=[49])
    for name in ("diversity", "badge"):
        picked = STRATEGIES.get(name)(standing, 6, rng())
        assert len(np.unique(copies[picked], axis=0)) == 6, name


def test_thompson_differs_between_seeds_and_stays_with_the_likely() -> None:
    standing = stand(line(), positives=[0, 1, 2], negatives=[40, 49])
    pick = STRATEGIES.get("thompson")
    picks = [pick(standing, 5, rng(seed)) for seed in range(5)]
    assert len({tuple(rows) for rows in picks}) > 1
    assert max(rows.mean() for rows in picks) < 25


def test_hybrid_takes_half_of_its_picks_from_the_most_likely() -> None:
    standing = stand(line(200), positives=[0, 1], negatives=[198, 199])
    picked = STRATEGIES.get("hybrid")(standing, 20, rng())
    assert {2, 3, 4, 5, 6, 7, 8, 9, 10} <= set(picked.tolist())
    assert np.isin(picked, np.arange(60, 140)).sum() >= 7


def test_a_small_share_is_taken_now_and_then() -> None:
    standing = stand(line(), positives=[0], negatives=[49])
    first = most_likely(standing, 5, rng()).tolist()
    strays = [
        len(set(mixed(standing, 5, rng(seed), [(most_likely, 0.95), (random, 0.05)]).tolist()) - set(first))
        for seed in range(400)
    ]
    assert 0.1 < np.mean(strays) < 0.4  # a quarter of a pick a round


def test_classes_take_turns_and_share_no_row() -> None:
    vectors = line()
    two = [stand(vectors, positives=[0], negatives=[49]), stand(vectors, positives=[49], negatives=[0])]
    assert take_turns(most_likely, two, 6, rng()).tolist() == [1, 48, 2, 47, 3, 46]
    assert sorted(take_turns(most_likely, two, 99, rng()).tolist()) == list(range(1, 49))
