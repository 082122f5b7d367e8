"""Second opinions and gold chips."""

from __future__ import annotations

import numpy as np
import pytest

from earthcurator.errors import BadInput
from earthcurator.labels.agreement import Share
from earthcurator.labels.schedule import accuracy, mix_gold, second_opinions
from tests.labels.events import TASK, states

CHIPS = [f"chip {n}" for n in range(5_000)]


def test_about_the_share_gets_a_second_opinion_and_new_chips_change_no_choice() -> None:
    early, late = second_opinions(CHIPS[:2_000], 0.1), second_opinions(CHIPS, 0.1)
    assert late[: len(early)] == early
    assert len(late) == pytest.approx(500, abs=80)
    assert second_opinions(CHIPS, 0) == []
    assert second_opinions(CHIPS, 1) == CHIPS
    assert second_opinions(CHIPS, 0.1, seed=1) != late


def test_gold_is_spread_evenly_at_places_that_cannot_be_guessed() -> None:
    gold = {f"gold {n}" for n in range(5)}
    queue = mix_gold(CHIPS[:95], gold, every=20, rng=np.random.default_rng(0))
    assert [chip for chip in queue if chip not in gold] == CHIPS[:95]
    places = [n for n, chip in enumerate(queue) if chip in gold]
    assert [place // 20 for place in places] == [0, 1, 2, 3, 4]
    assert len({place % 20 for place in places}) > 1


def test_gold_runs_out_and_is_not_shown_twice() -> None:
    queue = mix_gold(CHIPS[:50], CHIPS[:2], every=10, rng=np.random.default_rng(0))
    assert sorted(queue) == sorted(CHIPS[:50])
    assert mix_gold([], ["gold"], every=10, rng=np.random.default_rng(0)) == []


def test_accuracy_counts_right_answers_with_their_uncertainty() -> None:
    found = states(TASK, {"a": {"ann": "smoke", "bob": "?"}, "b": {"ann": "dust"}, "other": {"ann": "dust"}})
    right = accuracy({"a": ["smoke"], "b": ["clear"], "never shown": ["dust"]}, found)
    assert right == {"ann": Share(1, 2), "bob": Share(0, 1)}
    low, high = right["ann"].interval or (1, 0)
    assert 0 < low < 0.5 < high < 1


def test_impossible_shares_and_distances_are_refused() -> None:
    with pytest.raises(BadInput, match=r"share of 10 is not within 0\.\.1"):
        second_opinions(CHIPS, 10)
    with pytest.raises(BadInput, match="every 1 chips"):
        mix_gold(CHIPS, [], every=1, rng=np.random.default_rng(0))
