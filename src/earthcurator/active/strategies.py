"""Which chips to show next. Every strategy has one signature, `pick(standing, n, rng)`.

It returns up to `n` different open rows, in the order to show them; all of them when there are no more. It changes
nothing, and the same seed picks the same rows. `earthcurator.testing.strategies` holds every one of them to that.

Strategies that compare vectors with each other look only at a shortlist of open rows, so their cost does not grow
with the archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earthcurator.active.classifier import Floats, as_float32, posterior, score
from earthcurator.active.pool import Rows, Standing
from earthcurator.registry import Registry


class Strategy(Protocol):
    """How to choose the next chips."""

    def __call__(self, standing: Standing, n: int, rng: np.random.Generator, /) -> Rows:
        """Up to `n` different open rows, in the order to show them."""
        ...


_HERE = "earthcurator.active.strategies"
STRATEGIES: Registry[Strategy] = Registry(
    "strategy",
    {
        "hybrid": f"{_HERE}:hybrid",
        "find": f"{_HERE}:find",
        "train": f"{_HERE}:train",
        "random": f"{_HERE}:random",
        "most-likely-positive": f"{_HERE}:most_likely",
        "nearby": f"{_HERE}:nearby",
        "margin": f"{_HERE}:margin",
        "uncertainty": f"{_HERE}:margin",
        "entropy": f"{_HERE}:margin",
        "gaussian": f"{_HERE}:gaussian",
        "diversity": f"{_HERE}:diversity",
        "badge": f"{_HERE}:badge",
        "thompson": f"{_HERE}:thompson",
    },
)
DEFAULT = "hybrid"
GOALS = {
    "find": "Find them all: show what most likely belongs to the class, so that few labels find most of it.",
    "train": "Train a detector: show what the model is least sure of, so that it learns the most from each label.",
    "hybrid": "Both: half of what is shown is likely to belong to the class, the rest teaches the model.",
}
"""Strategies by what a person wants, in their words."""

SPREAD = 0.2
"""Width of the bell curve of `gaussian`, in probability."""
LOCAL = 5.0
"""What `nearby` adds to a logit per unit of likeness to the nearest positive, and takes for the nearest negative."""
_COMPARED = 2_000  # rows that `nearby` compares with every label
_SHORTLIST = 10_000  # rows that strategies which compare vectors look at
_LOOKED_THROUGH = 2_000  # random rows among which exploration seeks the one least like anything labelled


def random(standing: Standing, n: int, rng: np.random.Generator) -> Rows:
    """Any. What the others are compared with."""
    return standing.open[rng.choice(len(standing.open), min(n, len(standing.open)), replace=False)]


def most_likely(standing: Standing, n: int, rng: np.random.Generator) -> Rows:  # noqa: ARG001 - one signature
    """Those the classifier thinks most likely to belong to the class."""
    return standing.open[_top(standing.scores, n)]


def nearby(standing: Standing, n: int, rng: np.random.Generator) -> Rows:  # noqa: ARG001 - one signature
    """The most likely ones, where being like one particular positive counts as well as being like the class.

    A linear classifier averages; a class of several kinds has borders that it cannot draw. On EuroSAT at 1 %
    this takes a tenth off the labels to 90 % (benchmarks/label_efficiency.py). Only the most likely ones are looked at.
    """
    some = _top(standing.scores, max(_COMPARED, n))
    vectors = as_float32(standing.vectors[standing.open[some]])
    yes, no = (_nearest(vectors, standing, rows) for rows in (standing.positives, standing.negatives))
    return standing.open[some[_top(standing.scores[some] + LOCAL * (yes - no), n)]]


def margin(standing: Standing, n: int, rng: np.random.Generator) -> Rows:  # noqa: ARG001 - one signature
    """Those nearest to the classifier's boundary. For a yes-or-no question, entropy gives the same order."""
    return standing.open[_top(-np.abs(standing.scores), n)]


def gaussian(standing: Standing, n: int, rng: np.random.Generator) -> Rows:
    """At random, with weights on a bell curve around probability 0.5.

    The idea of SpaceML's Active Labeler. Where we differ: nothing is picked twice. The n largest of log weight plus
    Gumbel noise are a weighted sample without replacement.
    """
    likely = (1 + np.tanh(standing.scores / 2)) / 2
    keys = -0.5 * ((likely - 0.5) / SPREAD) ** 2 + rng.gumbel(size=len(likely))
    return standing.open[_top(keys, n)]


def diversity(standing: Standing, n: int, rng: np.random.Generator) -> Rows:  # noqa: ARG001 - one signature
    """Likely ones that differ: each is the farthest from what is labelled or picked, among the 3 n most likely.

    k-center greedy (Sener and Savarese, https://arxiv.org/abs/1708.00489). Where we differ: only among likely ones.
    """
    some = _top(standing.scores, 3 * n)
    vectors = as_float32(standing.vectors[standing.open[some]])
    return standing.open[some[_farthest(vectors, _likeness(vectors, standing), n)]]


def badge(standing: Standing, n: int, rng: np.random.Generator) -> Rows:
    """Uncertain ones that differ: k-means++ on the gradients that they would cause (https://arxiv.org/abs/1906.03671).

    The gradient of a linear head is its vector times the chance that the classifier errs. Only the shortlist of the
    largest gradients is looked at.
    """
    some = _top(-np.abs(standing.scores), max(_SHORTLIST, n))
    wrong = 1 / (1 + np.exp(np.abs(standing.scores[some])))
    gradients: Floats = as_float32(standing.vectors[standing.open[some]]) * wrong[:, None].astype(np.float32)
    return standing.open[some[_spread_out(gradients, n, rng)]]


def thompson(standing: Standing, n: int, rng: np.random.Generator) -> Rows:
    """Each the most likely one to another classifier that the labels allow, drawn from the Laplace posterior."""
    some = _top(standing.scores, max(_SHORTLIST, n))
    vectors = as_float32(standing.vectors[standing.open[some]])
    yes, no = (as_float32(standing.vectors[rows]) for rows in (standing.positives, standing.negatives))
    picked: list[int] = []
    free = np.ones(len(some), bool)
    for draw in posterior(standing.classifier, yes, no, min(n, len(some)), rng):
        best = int(np.argmax(np.where(free, score(vectors, [draw])[:, 0], -np.inf)))
        picked.append(best)
        free[best] = False
    return standing.open[some[picked]]


def explore(standing: Standing, n: int, rng: np.random.Generator) -> Rows:
    """Rows least like anything labelled, each also unlike the ones before it, out of a random sample."""
    some = rng.choice(len(standing.open), min(max(_LOOKED_THROUGH, n), len(standing.open)), replace=False)
    vectors = as_float32(standing.vectors[standing.open[some]])
    return standing.open[some[_farthest(vectors, _likeness(vectors, standing), n)]]


def find(standing: Standing, n: int, rng: np.random.Generator) -> Rows:
    """Find them all."""
    return mixed(standing, n, rng, [(nearby, 0.95), (explore, 0.05)])


def train(standing: Standing, n: int, rng: np.random.Generator) -> Rows:
    """Train a detector."""
    return mixed(standing, n, rng, [(margin, 0.9), (explore, 0.1)])


def hybrid(standing: Standing, n: int, rng: np.random.Generator) -> Rows:
    """Find and learn, and keep an eye on what is unlike anything seen."""
    return mixed(standing, n, rng, [(nearby, 0.5), (margin, 0.4), (explore, 0.1)])


def mixed(standing: Standing, n: int, rng: np.random.Generator, shares: Sequence[tuple[Strategy, float]]) -> Rows:
    """A share of the picks from each strategy, the first named first; fractions are left to chance.

    What one has picked the next one passes over.
    """
    bounds = np.cumsum([0.0, *(share for _, share in shares)]) * n
    # One offset for all bounds (systematic rounding): a share of 5 % of a batch of 10 is one pick in two rounds.
    edges = np.floor(bounds + rng.random()).astype(int)
    edges[0], edges[-1] = 0, n
    picked: Rows = np.empty(0, np.int64)
    for (pick, _), wanted in zip(shares, np.diff(edges), strict=True):
        if wanted > 0:
            more = pick(standing, wanted + len(picked), rng)
            picked = np.concatenate([picked, more[~np.isin(more, picked)][:wanted]])
    return picked


def take_turns(pick: Strategy, standings: Sequence[Standing], n: int, rng: np.random.Generator) -> Rows:
    """Picks for a task of several classes, which take turns: one standing a class, over the same rows."""
    wanted = [iter(pick(standing, n, rng).tolist()) for standing in standings]
    picked: dict[int, None] = {}
    while wanted and len(picked) < n:
        for choices in list(wanted):
            row = next((row for row in choices if row not in picked), None)
            if row is None:
                wanted.remove(choices)
            elif len(picked) < n:
                picked[row] = None
    return np.array(list(picked), np.int64)


def _top(values: NDArray[np.floating], n: int) -> Rows:
    """Positions of the `n` largest, the largest first; equal ones in the order of their rows."""
    if n >= len(values):
        return np.argsort(-values, kind="stable")
    some = np.sort(np.argpartition(values, len(values) - max(n, 1))[len(values) - n :])
    return some[np.argsort(-values[some], kind="stable")]


def _likeness(vectors: Floats, standing: Standing) -> Floats:
    """Cosine of each vector to the nearest labelled one; -1 when nothing is labelled."""
    return _nearest(vectors, standing, standing.labelled)


def _nearest(vectors: Floats, standing: Standing, rows: Rows) -> Floats:
    """Cosine of each vector to the nearest of these rows; -1 when there is none."""
    nearest: Floats = np.max(vectors @ as_float32(standing.vectors[rows]).T, axis=1, initial=-1.0)
    return nearest


def _farthest(vectors: Floats, likeness: Floats, n: int) -> list[int]:
    """Positions, each the least like what went before. `likeness` is that to what came before all of them."""
    nearest = likeness.copy()
    picked: list[int] = []
    for _ in range(min(n, len(vectors))):
        best = int(np.argmin(nearest))
        picked.append(best)
        nearest = np.maximum(nearest, vectors @ vectors[best])
        nearest[picked] = np.inf
    return picked


def _spread_out(points: Floats, n: int, rng: np.random.Generator) -> list[int]:
    """Positions chosen as the first centres of k-means++: at random, by squared distance to those chosen before."""
    squares = np.vecdot(points, points).astype(np.float64)
    distance = squares.copy()
    picked: list[int] = []
    free = np.ones(len(points), bool)
    for _ in range(min(n, len(points))):
        weight = np.where(free, np.maximum(distance, 1e-12), 0.0)
        best = min(int(np.searchsorted(np.cumsum(weight), rng.random() * weight.sum(), "right")), len(points) - 1)
        if not free[best]:  # rounding at the far end of the sum
            best = int(np.argmax(weight))
        picked.append(best)
        free[best] = False
        gap = squares + squares[best] - 2 * (points @ points[best])
        distance = np.minimum(distance, gap) if len(picked) > 1 else gap
    return picked
