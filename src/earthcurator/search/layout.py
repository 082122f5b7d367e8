"""A map of vectors: unit vectors of many dimensions laid out in two, so that what looks alike lies together.

`principal` is instant and linear. `spread` is t-SNE (van der Maaten and Hinton 2008,
https://jmlr.org/papers/v9/vandermaaten08a.html) with the repulsion computed on a grid by FFT as in FIt-SNE (Linderman
et al. 2019, https://doi.org/10.1038/s41592-018-0308-4). We differ in the neighbours' weights: the k nearest count
equally, which Böhm et al. 2022 (https://jmlr.org/papers/v23/21-0055.html) found to give the same maps as perplexities.
Of large collections a part is laid out, and the others are put beside those they are most like (`beside`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
"""`(n, 2)`"""
Vectors = NDArray[np.float32]
"""`(n, d)`, unit rows."""

MOST_SPREAD = 20_000
"""So many are laid out by t-SNE, evenly taken from all."""
NEIGHBOURS = 15
ROUNDS, EXAGGERATED = 500, 200
"""Steps in all, and those at the beginning that pull neighbours together more strongly."""

RATE = 1 / 24
"""Step size for each vector; from 1/6 on, small collections come out unordered."""
FARTHEST = 5.0
"""That a point moves in one step."""

_BLOCK = 2048
_LEAST_CELLS, _MOST_CELLS = 48, 256
_BESIDE = 3


def principal(vectors: Vectors) -> Points:
    """Onto the two directions in which they differ most (PCA), scaled to -1..1."""
    if len(vectors) < 3:
        return np.linspace(-0.5, 0.5, 2 * len(vectors), dtype=np.float32).reshape(2, -1).T.copy()
    sample = vectors[:: max(1, len(vectors) // 100_000)]
    middle = sample.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(sample.T - middle[:, np.newaxis]).astype(np.float64))
    axes = axes[:, :-3:-1]
    axes *= np.where(axes.sum(axis=0) < 0, -1, 1)  # an axis has no sign of its own: always take the same one
    return _scaled((vectors - middle) @ axes.astype(np.float32))


def lay_out(vectors: Vectors, progress: Callable[[int, int], None], *, most: int = MOST_SPREAD) -> Points:
    """A map of all vectors, scaled to -1..1. `progress` gets how much is done of how much, and may raise to stop."""
    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(most, len(vectors))).round().astype(np.int64))
    landmarks = vectors[chosen]
    total = ROUNDS + len(vectors) // _BLOCK
    places = spread(landmarks, lambda done: progress(done, total))
    if len(chosen) == len(vectors):
        return places
    return beside(vectors, landmarks, places, lambda done: progress(min(total, ROUNDS + done // _BLOCK), total))


def beside(
    vectors: Vectors, landmarks: Vectors, places: Points, progress: Callable[[int], None] = lambda _done: None
) -> Points:
    """Where new vectors belong among landmarks that have a place: between the few they are most like."""
    out = np.empty((len(vectors), 2), np.float32)
    few = min(_BESIDE, len(landmarks))
    for start in range(0, len(vectors), _BLOCK):
        progress(start)
        likeness = vectors[start : start + _BLOCK] @ landmarks.T
        near = np.argpartition(likeness, len(landmarks) - few, axis=1)[:, -few:]
        # The nearest counts most: a copy of a landmark lies on it, and nothing lies in the void between two groups.
        weights = np.exp(50 * (np.take_along_axis(likeness, near, 1) - likeness.max(axis=1, keepdims=True)))
        weights /= weights.sum(axis=1, keepdims=True)
        out[start : start + _BLOCK] = (places[near] * weights[..., np.newaxis]).sum(axis=1)
    return out


def spread(vectors: Vectors, progress: Callable[[int], None] = lambda _done: None) -> Points:
    """The t-SNE map, scaled to -1..1."""
    if len(vectors) <= NEIGHBOURS + 1:
        return principal(vectors)
    left, right, weight = _graph(vectors, progress)
    n = len(vectors)
    rate = RATE * n  # of the size that Belkina et al. 2019 give, https://doi.org/10.1038/s41467-019-13055-y
    places = principal(vectors).astype(np.float64) * 1e-2
    speed = np.zeros_like(places)
    gains = np.ones_like(places)
    for step in range(ROUNDS):
        progress(step)
        pull = _pull(places, left, right, weight, n) * (12 if step < EXAGGERATED else 1)
        gradient = 4 * (pull - _push(places))
        gains = np.where(np.sign(gradient) != np.sign(speed), gains + 0.2, np.maximum(gains * 0.8, 0.01))
        speed = (0.5 if step < EXAGGERATED else 0.8) * speed - rate * gains * gradient
        np.clip(speed, -FARTHEST, FARTHEST, out=speed)
        places += speed
        places -= places.mean(axis=0)
    return _scaled(places.astype(np.float32))


def _graph(
    vectors: Vectors, progress: Callable[[int], None]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of neighbours, in both directions, with weights that add up to 1."""
    n = len(vectors)
    near = np.empty((n, NEIGHBOURS), np.int64)
    for start in range(0, n, _BLOCK):
        progress(0)
        likeness = vectors[start : start + _BLOCK] @ vectors.T
        rows = np.arange(len(likeness))
        likeness[rows, start + rows] = -np.inf
        near[start : start + _BLOCK] = np.argpartition(likeness, n - NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]
    a, b = np.repeat(np.arange(n), NEIGHBOURS), near.ravel()
    pairs, counts = np.unique(np.concatenate([a * n + b, b * n + a]), return_counts=True)
    return pairs // n, pairs % n, counts / counts.sum()


def _pull(
    places: NDArray[np.float64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    weight: NDArray[np.float64],
    n: int,
) -> NDArray[np.float64]:
    apart = places[left] - places[right]
    strength = weight / (1 + np.einsum("ij,ij->i", apart, apart))
    return np.stack([np.bincount(left, strength * apart[:, axis], n) for axis in range(2)], axis=1)


def _push(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """How all points repel a point, from a grid of cells whose sums are convolved by FFT with the two kernels."""
    low, high = places.min(axis=0), places.max(axis=0)
    size = float((high - low).max()) + 1e-9
    cells = int(np.clip(np.ceil(size), _LEAST_CELLS, _MOST_CELLS))
    width = size / (cells - 1)
    at = (places - low) / width
    corner = np.minimum(at.astype(np.int64), cells - 2)
    nodes, shares = _corners(at - corner, corner, cells)
    charges = [np.ones(len(places)), places[:, 0], places[:, 1]]
    grids = np.stack([_deposit(nodes, shares, charge, cells) for charge in charges])
    once, squared = _kernels(cells, width)
    spectra = np.fft.rfft2(grids, s=(2 * cells, 2 * cells))
    fields = np.fft.irfft2(spectra * squared, s=(2 * cells, 2 * cells))[:, :cells, :cells].reshape(3, -1)
    total = np.fft.irfft2(spectra[0] * once, s=(2 * cells, 2 * cells))[:cells, :cells].ravel()
    sums = np.stack([(field[nodes] * shares).sum(axis=1) for field in (*fields, total)])
    normal = sums[3].sum() - len(places)
    push: NDArray[np.float64] = (places * sums[0][:, np.newaxis] - sums[1:3].T) / max(normal, 1e-12)
    return push


def _corners(
    inside: NDArray[np.float64], corner: NDArray[np.int64], cells: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The four grid nodes around each point, and its share in each."""
    x, y = inside[:, 0], inside[:, 1]
    first = corner[:, 0] * cells + corner[:, 1]
    nodes = np.stack([first, first + 1, first + cells, first + cells + 1], axis=1)
    return nodes, np.stack([(1 - x) * (1 - y), (1 - x) * y, x * (1 - y), x * y], axis=1)


def _deposit(
    nodes: NDArray[np.int64], shares: NDArray[np.float64], charge: NDArray[np.float64], cells: int
) -> NDArray[np.float64]:
    sums = np.bincount(nodes.ravel(), (shares * charge[:, np.newaxis]).ravel(), cells * cells)
    return sums.astype(np.float64).reshape(cells, cells)


def _kernels(cells: int, width: float) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Spectra of 1 / (1 + d²) and of its square, around the corner of a grid twice as large."""
    distance = np.minimum(np.arange(2 * cells), 2 * cells - np.arange(2 * cells)) * width
    kernel = 1 / (1 + distance[:, np.newaxis] ** 2 + distance**2)
    return np.fft.rfft2(kernel), np.fft.rfft2(kernel**2)


def _scaled(points: NDArray[np.float32]) -> Points:
    """Centred, and as large as fits into -1..1."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    out: Points = (points - middle).astype(np.float32)
    most = float(np.abs(out).max())
    return out / np.float32(most) if most > 0 else out
