"""EfficientNet-Lite0 in plain torch, and its weights out of an ONNX encoder such as the packaged one.

The architecture is that of Tan & Le 2019 (https://arxiv.org/abs/1905.11946) in its Lite form: no squeeze-and-excite,
ReLU6, and TensorFlow's padding, which puts an odd pixel at the right and the bottom.

The packaged file has every batch normalisation folded into its convolution, so the statistics that training needs are
gone. `unfold` gets them back from pictures: it sets each normalisation so that the network computes what it did, and
its parameters to what they would be had it been trained on those pictures.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from earthcurator.encoders.onnx_file import check_onnx
from earthcurator.errors import BadEncoder

_STAGES = (
    # repeats, kernel, stride, expansion, channels out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_FEATURES = 1280


class Lite0(nn.Module):
    """(n, 3, h, w) within 0..1 to (n, 1280) pooled features."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Unit(3, 32, 3, stride=2)
        blocks: list[nn.Module] = []
        channels = 32
        for repeats, kernel, stride, expansion, out in _STAGES:
            for number in range(repeats):
                blocks.append(_Block(channels, out, kernel, stride if number == 0 else 1, expansion))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.head = Unit(channels, _FEATURES, 1)
        self.folded = False
        """Whether its weights came from a file without the statistics that training needs."""

    def settle(self, pictures: Tensor) -> None:
        """Make ready for training, given some pictures to train on: `unfold`, once, where it is needed."""
        if self.folded:
            unfold(self, pictures)
            self.folded = False

    def forward(self, pictures: Tensor) -> Tensor:
        """Pooled features of the pictures."""
        x = (pictures * 255 - 127) / 128
        features: Tensor = self.head(self.blocks(self.stem(x))).mean(dim=(2, 3))
        return features


class Unit(nn.Module):
    """Convolution, normalisation, and ReLU6 unless it is the last of a block."""

    def __init__(
        self, channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1, bent: bool = True
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.bent = kernel, stride, bent
        same = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(channels, out, kernel, stride, same, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to (n, out, h / stride, w / stride), rounded up."""
        if self.stride > 1:
            x = functional.pad(x, (*self._padding(x.shape[3]), *self._padding(x.shape[2])))
        x = self.norm(self.conv(x))
        return functional.relu6(x, inplace=True) if self.bent else x

    def _padding(self, side: int) -> tuple[int, int]:
        outs = -(-int(side) // self.stride)
        missing = max(0, (outs - 1) * self.stride + self.kernel - int(side))
        return missing // 2, missing - missing // 2


class _Block(nn.Module):
    """Widen, look around in each channel, narrow; and add what came in where shapes allow."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        widen = [Unit(channels, wide, 1)] if expansion > 1 else []
        self.units = nn.Sequential(
            *widen, Unit(wide, wide, kernel, stride=stride, groups=wide), Unit(wide, out, 1, bent=False)
        )
        self.adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.units(x)
        return x + y if self.adds else y


def load(trunk: Lite0, file: bytes) -> None:
    """Give the trunk the weights of an ONNX encoder with the same architecture: its function becomes the file's.

    Raises BadEncoder.
    """
    check_onnx(file)
    graph = onnx.load_model_from_string(file).graph
    units = [module for module in trunk.modules() if isinstance(module, Unit)]
    kernels = _convolutions(graph)
    shapes = [tuple(unit.conv.weight.shape) for unit in units]
    if [kernel.shape for kernel, _ in kernels] != shapes:
        raise BadEncoder(
            "this ONNX file is no EfficientNet-Lite0: its convolutions have other shapes",
            hint="start from the packaged encoder, or from random weights",
        )
    # Our packaged file has the input's division by 128 inside its first kernel; files from torch divide by a node.
    divided = any(node.op_type == "Div" for node in graph.node)
    with torch.no_grad():
        for unit, (kernel, bias) in zip(units, kernels, strict=True):
            first = unit is units[0] and not divided
            unit.conv.weight.copy_(torch.from_numpy(kernel * np.float32(128 if first else 1)))
            unit.norm.running_mean.zero_()
            unit.norm.running_var.fill_(1)
            unit.norm.weight.fill_((1 + unit.norm.eps) ** 0.5)
            unit.norm.bias.copy_(torch.from_numpy(bias))
    trunk.folded = True


@torch.no_grad()
def unfold(trunk: nn.Module, pictures: Tensor) -> None:
    """Set every batch normalisation to these pictures' (n, 3, s, s) statistics without changing what is computed.

    With y = g (x - m) / s + b to keep, and the mean m' and deviation s' that x really has: g' = g s'/s and
    b' = b + g (m' - m) / s. Then the same holds while training, where m' and s' come from each batch.
    """

    def settle(norm: nn.BatchNorm2d, given: tuple[Tensor, ...]) -> None:
        mean, variance = given[0].mean(dim=(0, 2, 3)), given[0].var(dim=(0, 2, 3), unbiased=False)
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        norm.bias += gain * (mean - norm.running_mean)
        norm.weight.copy_(gain * (variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)

    was_training = trunk.training
    trunk.eval()
    hooks = [
        module.register_forward_pre_hook(settle) for module in trunk.modules() if isinstance(module, nn.BatchNorm2d)
    ]
    try:
        trunk(pictures)
    finally:
        for hook in hooks:
            hook.remove()
        trunk.train(was_training)


def _convolutions(graph: onnx.GraphProto) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Kernel and bias of each convolution, in the order of the graph."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    # A weight that is stored as float16 goes through a Cast, and of equal ones all but the first through an Identity.
    source: dict[str, str] = {}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity"):
            source[node.output[0]] = source.get(node.input[0], node.input[0])
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    names = [[source.get(name, name) for name in node.input[1:3]] for node in convolutions]
    if any(len(pair) != 2 or not set(pair) <= stored.keys() for pair in names):
        raise BadEncoder(
            "this ONNX file's convolutions have no stored weights and biases", hint="start from the packaged encoder"
        )
    return [
        (
            numpy_helper.to_array(stored[kernel]).astype(np.float32),
            numpy_helper.to_array(stored[bias]).astype(np.float32),
        )
        for kernel, bias in names
    ]
