"""Every loss of ours beside lightly's: the same projections in, so the same loss and the same gradients out.

    python benchmarks/ssl_losses.py          # lightly_peer.py says how to install lightly on a CPU

Ours computes in float32 whatever comes in, so lightly runs twice: in float64, which counts as the truth, and in
float32, which shows how far rounding alone leads. A difference is relative: a loss's to its size, or to 1 where that is
smaller (cosines may be about 0); a gradient's to its length. Ours divides Barlow Twins by 10, and so is lightly's here.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import common
import lightly_peer as lightly
import torch

from earthcurator.learn.methods import METHODS
from earthcurator.learn.methods.byol import BYOL

BATCHES, DIMS = (4, 32, 128, 512), (16, 128, 1024)
SPREADS = (1.0, 0.01)
"""Deviation of the projections: as they should be, and nearly collapsed, where small constants begin to matter."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=common.RESULTS)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    rows = [
        {"method": name, "batch": batch, "dim": dim, "deviation": spread, **_compare(name, batch, dim, spread)}
        for name, batch, dim, spread in product(METHODS.names(), BATCHES, DIMS, SPREADS)
    ]
    worst = [_worst(name, [row for row in rows if row["method"] == name]) for name in METHODS.names()]
    pace = _pace()
    print(common.table(worst))
    print(f"BYOL's following copy after 20 steps: {pace:.1e}")
    figures = {"settings": {"seed": options.seed}, "worst": worst, "byol copy": pace, "rows": rows}
    common.record("ssl_losses", figures, folder=options.out)


def _compare(name: str, batch: int, dim: int, spread: float) -> dict[str, float]:
    """Largest differences of our loss and gradients, and of lightly's in float32, from lightly's in float64."""
    method = METHODS.get(name)(dim)
    method.projector = torch.nn.Identity()  # so that the method's loss is that of projections
    if hasattr(method, "predictor"):
        method.predictor = type(method)(dim, dim=dim).predictor
    method.adopt(torch.nn.Identity())
    first = torch.randn(batch, dim) * spread
    second = first + torch.randn(batch, dim) * spread / 2
    exact = copy.deepcopy(method).double()
    truth = _with_gradients(lambda a, b: THEIRS[name](exact, a, b), exact, first.double(), second.double())
    ours = _with_gradients(lambda a, b: method.loss(torch.nn.Identity(), a, b), method, first, second)
    rounded = _with_gradients(lambda a, b: THEIRS[name](method, a, b), method, first, second)
    return {
        "loss": _loss_difference(ours, truth),
        "gradient": _gradient_difference(ours, truth),
        "loss, rounding": _loss_difference(rounded, truth),
        "gradient, rounding": _gradient_difference(rounded, truth),
    }


def _with_gradients(loss: Callable[[Any, Any], Any], method: Any, first: Any, second: Any) -> tuple[float, Any]:
    """The loss and, in one row, its gradients by both views and by the method's weights."""
    first, second = first.clone().requires_grad_(), second.clone().requires_grad_()
    value = loss(first, second)
    learned = [weights for weights in method.parameters() if weights.requires_grad]
    gradients = torch.autograd.grad(value, [first, second, *learned], allow_unused=True, materialize_grads=True)
    return float(value.detach()), torch.cat([gradient.flatten().double() for gradient in gradients])


def _loss_difference(found: tuple[float, Any], truth: tuple[float, Any]) -> float:
    return abs(found[0] - truth[0]) / max(1.0, abs(truth[0]))


def _gradient_difference(found: tuple[float, Any], truth: tuple[float, Any]) -> float:
    return float((found[1] - truth[1]).norm() / truth[1].norm())


def _barlow(method: Any, first: Any, second: Any) -> Any:
    return lightly.BarlowTwinsLoss(lambda_param=method.redundancy)(first, second) / 10


def _predicted(method: Any, first: Any, second: Any) -> Any:
    """SimSiam and BYOL as in lightly's examples; nothing flows back through the side that is predicted."""
    criterion = lightly.NegativeCosineSimilarity()
    p0, p1 = method.predictor(first), method.predictor(second)
    return 0.5 * (criterion(p0, second.detach()) + criterion(p1, first.detach()))


def _simclr(method: Any, first: Any, second: Any) -> Any:
    return lightly.NTXentLoss(temperature=method.temperature)(first, second)


def _vicreg(_: Any, first: Any, second: Any) -> Any:
    return lightly.VICRegLoss()(first, second)


THEIRS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "barlow": _barlow,
    "byol": _predicted,
    "simclr": _simclr,
    "simsiam": _predicted,
    "vicreg": _vicreg,
}


def _pace(steps: int = 20) -> float:
    """Largest relative difference of BYOL's following copy from lightly's, while the trunk moves along a line."""
    trunk = torch.nn.Linear(32, 32)
    method, theirs = BYOL(32, pace=0.01), copy.deepcopy(trunk)
    method.adopt(trunk)
    for step in range(steps):
        with torch.no_grad():
            trunk.weight += 0.1
        method.after_step(trunk, step / steps)
        kept = lightly.cosine_schedule(step, steps + 1, 0.99, 1.0)  # it ends one step before what it is told
        lightly.update_momentum(trunk, theirs, kept)
    ours, weights = next(method.target.parameters()).detach(), theirs.weight.detach()
    return float((ours - weights).abs().max() / weights.abs().max())


def _worst(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, str | float]:
    measures = [key for key in rows[0] if key not in ("method", "batch", "dim", "deviation")]
    return {"method": name, **{key: max(row[key] for row in rows) for key in measures}}


if __name__ == "__main__":
    main()
