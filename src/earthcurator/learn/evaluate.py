"""How good vectors are: nearest neighbours, and a linear classifier from few labels. Splits are the caller's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from earthcurator.errors import BadInput

_CHUNK = 1024
FEWEST_NAMED = 50
"""Pictures with classes that an encoder is judged by. Of a score or less, 20 neighbours are nearly all there are."""

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]


def knn(gallery: Vectors, labels: Labels, queries: Vectors, truth: Labels, *, k: int = 20) -> float:
    """Share of queries whose class wins the vote of their k nearest in the gallery, by cosine; ties to the lower class.

    Rows need not be unit vectors.
    """
    return _vote(gallery, labels, queries, truth, k=k, skip_self=False)


def knn_among(vectors: Vectors, labels: Labels, *, k: int = 20) -> float:
    """The same with each vector asking all others."""
    return _vote(vectors, labels, vectors, labels, k=min(k, len(vectors) - 1), skip_self=True)


def linear_probe(vectors: Vectors, labels: Labels, queries: Vectors, truth: Labels, *, strength: float = 1.0) -> float:
    """Accuracy of logistic regression on unit vectors, with an L2 penalty of 1 / (2 strength), as scikit-learn's C."""
    weights, bias = fit_logistic(vectors, labels, strength=strength)
    rows = torch.from_numpy(_unit(queries)).double()
    return float(((rows @ weights + bias).argmax(dim=1).numpy() == truth).mean())


def few_labels(
    vectors: Vectors,
    labels: Labels,
    queries: Vectors,
    truth: Labels,
    *,
    each: int,
    draws: int,
    rng: np.random.Generator,
    strength: float = 10.0,
) -> list[float]:
    """Accuracy of logistic regression from `each` labels a class, once for each draw of the labelled pictures."""
    accuracies = []
    for _ in range(draws):
        chosen = draw_each(labels, each, rng)
        accuracies.append(linear_probe(vectors[chosen], labels[chosen], queries, truth, strength=strength))
    return accuracies


def draw_each(labels: Labels, each: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of `each` pictures of every class, at random. Raises BadInput when a class has fewer."""
    chosen = []
    for name in np.unique(labels):
        members = np.flatnonzero(labels == name)
        if len(members) < each:
            raise BadInput(f"class {name} has {len(members)} pictures, not {each}", hint="ask for fewer labels a class")
        chosen.append(rng.choice(members, each, replace=False))
    return np.concatenate(chosen)


def fit_logistic(vectors: Vectors, labels: Labels, *, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (d, classes) and bias of multinomial logistic regression on unit vectors, by L-BFGS."""
    rows, target = torch.from_numpy(_unit(vectors)).double(), torch.from_numpy(labels)
    classes = int(labels.max()) + 1
    weights = torch.zeros(rows.shape[1], classes, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)

    def loss() -> torch.Tensor:
        fit = functional.cross_entropy(rows @ weights + bias, target, reduction="sum")
        return fit + weights.square().sum() / (2 * strength)

    minimise([weights, bias], loss)
    return weights.detach(), bias.detach()


def minimise(parameters: Sequence[torch.Tensor], loss: Callable[[], torch.Tensor]) -> None:
    """Change the parameters until this convex loss, or one nearly so, is lowest: L-BFGS."""
    optimizer = torch.optim.LBFGS(parameters, max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return float(value.detach())

    optimizer.step(closure)


def encode_classes(names: Sequence[str | None]) -> Labels:
    """Class names as numbers, in the order of the alphabet; -1 for who has none."""
    numbers = {name: number for number, name in enumerate(sorted({name for name in names if name is not None}))}
    return np.array([-1 if name is None else numbers[name] for name in names], np.int64)


def _vote(gallery: Vectors, labels: Labels, queries: Vectors, truth: Labels, *, k: int, skip_self: bool) -> float:
    rows, asked = torch.from_numpy(_unit(gallery)), torch.from_numpy(_unit(queries))
    classes = functional.one_hot(torch.from_numpy(labels))
    right = 0
    for start in range(0, len(asked), _CHUNK):
        likeness = asked[start : start + _CHUNK] @ rows.T
        if skip_self:
            likeness[torch.arange(len(likeness)), torch.arange(start, start + len(likeness))] = -torch.inf
        nearest = likeness.topk(min(k, len(rows)), dim=1).indices
        winner = classes[nearest].sum(dim=1).argmax(dim=1).numpy()
        right += int((winner == truth[start : start + _CHUNK]).sum())
    return right / len(asked)


def _unit(rows: Vectors) -> Vectors:
    unit: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit
