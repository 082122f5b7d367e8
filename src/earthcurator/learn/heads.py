"""The small networks that methods put on top of a trunk while it learns; they are thrown away afterwards."""

from __future__ import annotations

from torch import nn


def mlp(features: int, hidden: int, out: int, *, layers: int = 2) -> nn.Sequential:
    """Linear layers with batch normalisation and ReLU between them; the last is bare."""
    parts: list[nn.Module] = []
    width = features
    for _ in range(layers - 1):
        parts += [nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True)]
        width = hidden
    return nn.Sequential(*parts, nn.Linear(width, out))


def normalised_mlp(features: int, hidden: int, out: int, *, layers: int = 3) -> nn.Sequential:
    """The same with a batch normalisation at the end that has nothing to learn, as SimSiam's projector has."""
    body = mlp(features, hidden, out, layers=layers)
    return nn.Sequential(*body, nn.BatchNorm1d(out, affine=False))
