"""What every strategy promises. Subclass `StrategyContract` in a test module and say which strategy it is:

class TestMyStrategy(StrategyContract):
    def strategy(self):
        return my_strategy
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earthcurator.active.pool import Rows, Standing, stand
from earthcurator.active.strategies import Strategy


class StrategyContract(ABC):
    """Tests that pytest collects through a subclass whose name starts with `Test`."""

    @abstractmethod
    def strategy(self) -> Strategy:
        """The strategy."""

    def vectors(self, count: int = 60, dim: int = 8) -> NDArray[np.float32]:
        """Unit rows in which a third lean towards the first axis: the class."""
        made = np.random.default_rng(11).standard_normal((count, dim))
        made[: count // 3, 0] += 3
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        return made.astype(np.float32)

    def pick(self, standing: Standing, n: int, seed: int = 3) -> Rows:
        """What the strategy picks from a standing."""
        return self.strategy()(standing, n, np.random.default_rng(seed))

    def check(self, n: int, **labels: ArrayLike) -> Rows:
        """Pick, and see that the picks are different open rows and as many as asked for, or all."""
        standing = stand(self.vectors(), **labels)  # type: ignore[arg-type]  # every keyword is rows
        picked = self.pick(standing, n)
        assert picked.dtype == np.int64
        assert len(np.unique(picked)) == len(picked) == min(n, len(standing.open))
        closed = np.concatenate([np.asarray(rows, np.int64) for rows in labels.values()]) if labels else ()
        assert not np.isin(picked, closed).any()
        assert np.isin(picked, np.arange(60)).all()
        assert np.isfinite(standing.utilities(picked)).all()
        return picked

    def test_picks_only_what_is_neither_labelled_nor_unsure_nor_on_a_screen(self) -> None:
        """Nobody is asked twice, and no two people at once."""
        for n in (1, 5, 20):
            self.check(n, positives=[0, 1, 2], negatives=[30, 31, 59], unsure=[3, 40], on_screen=[4, 41])

    def test_picks_all_when_there_are_no_more(self) -> None:
        """The end of the archive is no special case."""
        picked = self.check(1000, positives=[0, 1], negatives=[30], unsure=[59])
        assert sorted(picked.tolist()) == sorted(set(range(60)) - {0, 1, 30, 59})

    def test_every_state_of_the_labels_is_fine(self) -> None:
        """Nothing labelled, one label, only positives, only negatives, people who contradict each other."""
        self.check(7)
        self.check(7, positives=[5])
        self.check(7, negatives=[5])
        self.check(7, positives=range(20))
        self.check(7, negatives=range(20, 50))
        self.check(7, positives=[0, 1, 30], negatives=[0, 1, 30])

    def test_picks_nothing_from_nothing(self) -> None:
        """No eligible row, or none asked for."""
        assert self.check(5, positives=range(30), negatives=range(30, 60)).tolist() == []
        assert self.check(0, positives=[1], negatives=[40]).tolist() == []

    def test_one_chip_is_picked(self) -> None:
        """An archive of one."""
        assert self.pick(stand(self.vectors()[:1]), 5).tolist() == [0]

    def test_equal_vectors_are_still_different_rows(self) -> None:
        """Copies of one picture give no score to choose by."""
        same = np.repeat(self.vectors()[:1], 9, axis=0)
        picked = self.pick(stand(same, positives=[0], negatives=[1]), 20)
        assert sorted(picked.tolist()) == [2, 3, 4, 5, 6, 7, 8]

    def test_seed_decides(self) -> None:
        """The same standing and seed pick the same rows, whatever global generators did in between."""
        standing = stand(self.vectors(), positives=[0, 1, 2], negatives=[30, 31])
        before = self.pick(standing, 10)
        np.random.seed(99)
        np.testing.assert_array_equal(self.pick(standing, 10), before)

    def test_standing_is_not_changed(self) -> None:
        """Arrays may be memory maps opened for reading."""
        standing = stand(self.vectors(), positives=[0, 1, 2], negatives=[30, 31])
        arrays = [standing.vectors, standing.positives, standing.negatives, standing.open, standing.scores]
        for array in arrays:
            array.flags.writeable = False
        self.pick(standing, 10)

    def test_half_precision_vectors_are_fine(self) -> None:
        """Vectors may be stored in 16 bits."""
        picked = self.pick(stand(self.vectors().astype(np.float16), positives=[0, 1], negatives=[30]), 10)
        assert len(np.unique(picked)) == 10

    def test_a_perfect_oracle_gives_a_perfect_data_set(self) -> None:
        """Answers belong to the rows that were picked, not to their places in some list that has changed since."""
        vectors = self.vectors()
        truth = np.random.default_rng(5).permutation(np.arange(60) < 20)
        yes, no = [int(np.flatnonzero(truth)[0])], list[int]()
        for turn in range(40):
            picked = self.pick(stand(vectors, positives=yes, negatives=no), 7, seed=turn)
            yes += picked[truth[picked]].tolist()
            no += picked[~truth[picked]].tolist()
            if not len(picked):
                break
        assert sorted(yes) == np.flatnonzero(truth).tolist()
        assert sorted(no) == np.flatnonzero(~truth).tolist()
