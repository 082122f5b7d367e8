"""Each loss equals its formula written out in slow numpy, and gradients go where the papers send them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from earthcurator.errors import BadInput
from earthcurator.learn.methods import METHODS, Method
from earthcurator.learn.methods.barlow import barlow
from earthcurator.learn.methods.byol import BYOL
from earthcurator.learn.methods.simclr import nt_xent
from earthcurator.learn.methods.simsiam import SimSiam, towards
from earthcurator.learn.methods.vicreg import vicreg
from tests.learn.scenes import small_trunk

Rows = NDArray[np.float64]


def two(n: int = 7, d: int = 5) -> tuple[Rows, Rows]:
    rng = np.random.default_rng(3)
    first = rng.normal(size=(n, d))
    return first, first + rng.normal(scale=0.5, size=(n, d))


def cosine(a: Rows, b: Rows) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def slow_nt_xent(first: Rows, second: Rows, temperature: float) -> float:
    rows, n, losses = [*first, *second], len(first), []
    for i in range(2 * n):
        partner = i + n if i < n else i - n
        others = [np.exp(cosine(rows[i], rows[j]) / temperature) for j in range(2 * n) if j != i]
        losses.append(-np.log(np.exp(cosine(rows[i], rows[partner]) / temperature) / sum(others)))
    return float(np.mean(losses))


def slow_vicreg(first: Rows, second: Rows) -> float:
    n, d = first.shape
    invariance = sum((first[i, j] - second[i, j]) ** 2 for i in range(n) for j in range(d)) / (n * d)
    variance = covariance = 0.0
    for z in (first, second):
        for j in range(d):
            variance += max(0.0, 1 - np.sqrt(z[:, j].var(ddof=1) + 1e-4)) / d / 2
            for k in range(d):
                if j != k:
                    products = (z[:, j] - z[:, j].mean()) * (z[:, k] - z[:, k].mean())
                    covariance += (products.sum() / (n - 1)) ** 2 / d
    return float(25 * invariance + 25 * variance + covariance)


def slow_barlow(first: Rows, second: Rows) -> float:
    d, total = first.shape[1], 0.0
    for j in range(d):
        for k in range(d):
            correlation = np.corrcoef(first[:, j], second[:, k])[0, 1]
            total += (1 - correlation) ** 2 if j == k else 0.005 * correlation**2
    return float(total)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent_is_the_papers_formula(temperature: float) -> None:
    first, second = two()
    ours = nt_xent(torch.from_numpy(first), torch.from_numpy(second), temperature)
    assert float(ours) == pytest.approx(slow_nt_xent(first, second, temperature), rel=1e-5)


@pytest.mark.parametrize(
    ("ours", "slow"),
    [(vicreg, slow_vicreg), (lambda a, b: barlow(a, b, 0.005), slow_barlow)],
    ids=["vicreg", "barlow"],
)
def test_loss_is_the_papers_formula(
    ours: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], slow: Callable[[Rows, Rows], float]
) -> None:
    first, second = two(n=9)
    assert float(ours(torch.from_numpy(first), torch.from_numpy(second))) == pytest.approx(
        slow(first, second), rel=1e-3
    )


def test_prediction_loss_is_the_negative_mean_cosine() -> None:
    first, second = two()
    expected = -np.mean([cosine(a, b) for a, b in zip(first, second, strict=True)])
    assert float(towards(torch.from_numpy(first), torch.from_numpy(second))) == pytest.approx(expected, rel=1e-5)


def test_no_gradient_flows_through_what_is_predicted() -> None:
    prediction, target = (torch.from_numpy(rows).requires_grad_() for rows in two())
    towards(prediction, target).backward()
    assert prediction.grad is not None
    assert target.grad is None


@pytest.mark.parametrize("name", METHODS.names())
def test_a_step_along_the_gradient_lowers_every_methods_loss(name: str) -> None:
    trunk, method = small_trunk(), METHODS.get(name)(8)
    method.adopt(trunk)
    first, second = torch.rand(2, 12, 3, 16, 16)
    learned = [weights for weights in (*trunk.parameters(), *method.parameters()) if weights.requires_grad]
    optimizer = torch.optim.SGD(learned, lr=1e-3)
    before = method.loss(trunk, first, second)
    before.backward()
    assert all(weights.grad is not None for weights in trunk.parameters())
    optimizer.step()
    assert method.loss(trunk, first, second).item() < before.item()


@pytest.mark.parametrize("name", METHODS.names())
def test_the_order_of_the_views_does_not_matter(name: str) -> None:
    trunk, method = small_trunk(), METHODS.get(name)(8)
    method.adopt(trunk)
    first, second = torch.rand(2, 12, 3, 16, 16)
    there, back = method.loss(trunk, first, second), method.loss(trunk, second, first)
    assert there.item() == pytest.approx(back.item(), rel=1e-4)


def test_byols_copy_follows_the_trunk_and_stops_at_the_end() -> None:
    trunk = nn.Linear(4, 8)
    method = BYOL(8, pace=0.1)
    method.adopt(trunk)
    copy = next(method.target.parameters())
    start = copy.clone()
    with torch.no_grad():
        trunk.weight += 1
    method.after_step(trunk, 0.0)
    torch.testing.assert_close(copy, start + 0.1)
    method.after_step(trunk, 1.0)
    torch.testing.assert_close(copy, start + 0.1)
    assert not any(weights.requires_grad for weights in method.target.parameters())


def test_every_method_has_the_one_shape() -> None:
    assert all(isinstance(METHODS.get(name)(8), Method) for name in METHODS.names())
    assert SimSiam(8).projector[-1].affine is False


def test_an_unknown_method_is_answered_with_those_there_are() -> None:
    with pytest.raises(BadInput) as error:
        METHODS.get("simclear")
    assert "simclr" in error.value.hint
