"""Maps of vectors in two dimensions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from earthcurator.search.layout import ROUNDS, beside, lay_out, principal, spread


def groups(count: int, each: int, dim: int = 16) -> NDArray[np.float32]:
    """Unit vectors in well separated groups, one after the other."""
    rng = np.random.default_rng(0)
    middles = np.repeat(np.eye(dim)[:count], each, axis=0)
    vectors = middles + 0.1 * rng.normal(size=middles.shape)
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32)


def purity(places: NDArray[np.float32], each: int) -> float:
    """Share of points whose nearest other point is of their group."""
    apart = np.linalg.norm(places[:, np.newaxis] - places, axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.argmin(axis=1)
    return float(np.mean(nearest // each == np.arange(len(places)) // each))


def test_groups_that_two_directions_cannot_show_come_apart() -> None:
    vectors = groups(10, 60)
    assert purity(principal(vectors), 60) < 0.9
    assert purity(spread(vectors), 60) == 1


def test_neighbourhoods_are_as_faithful_as_those_of_scikit_learn() -> None:
    from sklearn.manifold import TSNE, trustworthiness

    vectors = groups(6, 50)
    theirs = TSNE(init="pca", perplexity=15, max_iter=500, random_state=0).fit_transform(vectors)
    ours = spread(vectors)
    assert trustworthiness(vectors, ours, n_neighbors=10) > trustworthiness(vectors, theirs, n_neighbors=10) - 0.01


@pytest.mark.parametrize("count", [0, 1, 2, 3, 16, 17, 40])
def test_few_vectors_have_places_too(count: int) -> None:
    places = lay_out(groups(4, 10)[:count], lambda _done, _total: None)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert np.abs(places).max(initial=0) <= 1


def test_copies_of_one_picture_have_places() -> None:
    same = np.repeat(groups(1, 1), 50, axis=0)
    assert np.isfinite(spread(same)).all()


def test_same_vectors_have_the_same_places() -> None:
    vectors = groups(5, 20)
    np.testing.assert_array_equal(spread(vectors), spread(vectors))


def test_those_beyond_the_most_lie_with_their_likes() -> None:
    vectors = groups(8, 50)
    places = lay_out(vectors, lambda _done, _total: None, most=120)
    assert purity(places, 50) > 0.98


def test_copy_of_a_landmark_lies_on_it() -> None:
    landmarks = groups(5, 4)
    places = principal(landmarks)
    np.testing.assert_allclose(beside(landmarks[:1], landmarks[::4], places[::4]), places[:1], atol=1e-3)


def test_progress_ends_at_the_end_and_may_stop_it() -> None:
    told: list[tuple[int, int]] = []
    lay_out(groups(4, 20), lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (ROUNDS - 1, ROUNDS)

    def stop(done: int, _total: int) -> None:
        if done > 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        lay_out(groups(4, 20), stop)
