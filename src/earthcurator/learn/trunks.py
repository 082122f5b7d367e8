"""The networks that learn: from pictures (n, 3, s, s) within 0..1 to features (n, d).

Any `torch.nn.Module` of this shape will do; `feature_count` says of one whether it is. These are the ones that Curator
can make by name. They are small, because most of what they see is small. Each normalises its input itself.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from earthcurator.errors import BadInput
from earthcurator.learn.lite0 import Lite0, load
from earthcurator.registry import Registry

TRUNKS: Registry[Callable[[], nn.Module]] = Registry(
    "trunk",
    {
        "convnext-atto": "earthcurator.learn.trunks:convnext_atto",
        "lite0": "earthcurator.learn.lite0:Lite0",
        "resnet18": "earthcurator.learn.trunks:resnet18",
        "resnet18-narrow": "earthcurator.learn.trunks:resnet18_narrow",
        "vit-tiny": "earthcurator.learn.trunks:vit_tiny",
    },
)
"""Makers of trunks with random weights."""

_MEAN, _STD = 0.45, 0.25  # of all channels: imagery differs too much for finer numbers to matter


def make_trunk(name: str, *, seed: int = 0) -> nn.Module:
    """The trunk by that name with random weights that follow from the seed."""
    maker = TRUNKS.get(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return maker()


def packaged_trunk(file: bytes) -> Lite0:
    """The trunk of the packaged encoder, or of another with its architecture, from the ONNX file."""
    trunk = Lite0()
    load(trunk, file)
    return trunk


def feature_count(trunk: nn.Module, size: int) -> int:
    """How many features the trunk gives for pictures of this size. Raises BadInput when it gives something else."""
    weights = next(trunk.parameters(), torch.empty(0))
    was_training = trunk.training
    trunk.eval()
    try:
        with torch.inference_mode():
            given = trunk(torch.rand(2, 3, size, size, device=weights.device))
    except Exception as exc:  # anybody's module fails in any way
        raise BadInput(
            f"the trunk {type(trunk).__name__} fails on pictures of {size} pixels: {exc}",
            hint="it reads float32 (n, 3, size, size) within 0..1; if it is for another size, give it: --size",
        ) from exc
    finally:
        trunk.train(was_training)
    if not isinstance(given, Tensor) or given.ndim != 2 or len(given) != 2 or not given.is_floating_point():
        what = f"{given.dtype} {tuple(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
        raise BadInput(
            f"the trunk {type(trunk).__name__} gives {what} for 2 pictures, not one row of features each",
            hint="end it with pooling and flattening",
        )
    return int(given.shape[1])


def trunk_shape(trunk: nn.Module) -> str:
    """A text that two trunks share exactly when the weights of one fit into the other."""
    return f"{type(trunk).__name__} " + ", ".join(
        f"{name} {tuple(value.shape)}" for name, value in trunk.state_dict().items()
    )


# --- residual networks --------------------------------------------------------------------------------------------


class ResNet(nn.Module):
    """He et al. 2015, https://arxiv.org/abs/1512.03385, with two 3 x 3 convolutions a block.

    The stem is one 3 x 3 convolution of stride 2 without pooling, since pictures are small. Each block begins as the
    identity (Goyal et al. 2017, https://arxiv.org/abs/1706.02677): without it SimSiam at first gets worse from random
    weights.
    """

    def __init__(self, width: int = 64, blocks: tuple[int, ...] = (2, 2, 2, 2)) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, width, stride=2), nn.ReLU(inplace=True)]
        channels = width
        for stage, count in enumerate(blocks):
            out = width << stage
            for number in range(count):
                layers.append(_Residual(channels, out, stride=2 if stage and number == 0 else 1))
                channels = out
        self.layers = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pooled features, 8 times the width for four stages."""
        features: Tensor = self.layers((pictures - _MEAN) / _STD).mean(dim=(2, 3))
        return features


class _Residual(nn.Module):
    def __init__(self, channels: int, out: int, *, stride: int) -> None:
        super().__init__()
        self.first = _convolution(channels, out, stride=stride)
        self.second = _convolution(out, out)
        nn.init.zeros_(self.second[1].weight)
        same = stride == 1 and channels == out
        self.way = nn.Identity() if same else _convolution(channels, out, kernel=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(functional.relu(self.first(x), inplace=True))
        return functional.relu(y + self.way(x), inplace=True)


def _convolution(channels: int, out: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out))


def resnet18() -> ResNet:
    """ResNet-18: 11 million weights, 512 features."""
    return ResNet(64)


def resnet18_narrow() -> ResNet:
    """ResNet-18 at half its width: 2.8 million weights, 256 features, and four times as fast on a CPU."""
    return ResNet(32)


# --- vision transformer -------------------------------------------------------------------------------------------


class ViT(nn.Module):
    """Dosovitskiy et al. 2020, https://arxiv.org/abs/2010.11929, with the patches' mean as features.

    Positions are sines and cosines of both coordinates (https://arxiv.org/abs/2205.01580), so any size works.
    """

    def __init__(self, dim: int = 192, depth: int = 12, heads: int = 3, patch: int = 8) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, dim, patch, patch)
        self.layers = nn.Sequential(*(_Attention(dim, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim)

    def forward(self, pictures: Tensor) -> Tensor:
        """The mean of the patches' features."""
        grid = self.patches((pictures - _MEAN) / _STD)
        places = _places(grid.shape[2], grid.shape[3], grid.shape[1]).to(grid)
        features: Tensor = self.norm(self.layers(grid.flatten(2).transpose(1, 2) + places)).mean(dim=1)
        return features


class _Attention(nn.Module):
    """Every patch looks at all others, then thinks by itself."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.mix, self.join = nn.LayerNorm(dim), nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.think = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        count, patches, dim = x.shape
        mixed = self.mix(self.norm(x)).view(count, patches, 3, self.heads, dim // self.heads)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.join(seen.transpose(1, 2).reshape(count, patches, dim))
        thought: Tensor = x + self.think(x)
        return thought


def _places(height: int, width: int, dim: int) -> Tensor:
    """(height * width, dim): a quarter each of sines and cosines of y and of x."""
    pace = 1000.0 ** -torch.linspace(0, 1, dim // 4)
    y, x = torch.arange(height)[:, None] * pace, torch.arange(width)[:, None] * pace
    rows = torch.cat([y.sin(), y.cos()], dim=1)[:, None].expand(height, width, -1)
    columns = torch.cat([x.sin(), x.cos()], dim=1)[None].expand(height, width, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


def vit_tiny() -> ViT:
    """ViT-Ti with patches of 8 pixels: 5.4 million weights, 192 features."""
    return ViT()


# --- ConvNeXt -----------------------------------------------------------------------------------------------------


class ConvNeXt(nn.Module):
    """Liu et al. 2022, https://arxiv.org/abs/2201.03545, after a stem of stride 2 instead of 4."""

    def __init__(self, widths: tuple[int, ...] = (40, 80, 160, 320), depths: tuple[int, ...] = (2, 2, 6, 2)) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 2, 2), _ChannelNorm(widths[0])]
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            if stage:
                layers += [_ChannelNorm(widths[stage - 1]), nn.Conv2d(widths[stage - 1], width, 2, 2)]
            layers += [_Inverted(width) for _ in range(depth)]
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(widths[-1])

    def forward(self, pictures: Tensor) -> Tensor:
        """Pooled and normalised features."""
        features: Tensor = self.norm(self.layers((pictures - _MEAN) / _STD).mean(dim=(2, 3)))
        return features


class _ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (n, c, h, w)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Inverted(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.think = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.scale = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        y = self.think(self.look(x).permute(0, 2, 3, 1)) * self.scale
        return x + y.permute(0, 3, 1, 2)


def convnext_atto() -> ConvNeXt:
    """ConvNeXt-Atto: 3.4 million weights, 320 features."""
    return ConvNeXt()
