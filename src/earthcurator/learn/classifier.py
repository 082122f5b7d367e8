"""Classes from vectors: a head on an encoder, with probabilities that mean what they say.

A head is linear, or has one hidden layer. It is fitted on unit vectors with every class weighing the same, its
probabilities are set to the right confidence on labels it was not fitted on, and it becomes a second output of the
encoder's own ONNX graph: one file gives vectors and class scores, and its vectors stay those of the encoder.

Labels are numbers of classes, (n,). Where a picture may have several classes, or none, they are 0 and 1 for each,
(n, classes): then every class has a probability of its own, set right by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from earthcurator.encoders.onnx import SCORES
from earthcurator.errors import BadEncoder
from earthcurator.learn.evaluate import Labels, Vectors, minimise

STRENGTH = 10.0
"""Of the linear head: an L2 penalty of 1 / (2 strength), as scikit-learn's C."""
_HIDDEN, _STEPS, _RATE, _DECAY, _DROP = 256, 300, 3e-3, 1e-3, 0.2  # of the head with a hidden layer
_PREFIX = "classifier_"


@dataclass(frozen=True, slots=True)
class Head:
    """From unit vectors (n, d) to logits (n, classes): layers with ReLU between them."""

    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    """Weights (in, out) and bias of each."""
    temperature: float = 1.0
    """Logits are divided by it: above 1 the head was surer than it had a right to be."""
    several: bool = False
    """Whether a picture may have several of the classes, or none."""

    def logits(self, vectors: Vectors) -> NDArray[np.float32]:
        """Before the temperature."""
        rows = vectors
        for number, (weights, bias) in enumerate(self.layers):
            rows = (np.maximum(rows, 0) if number else rows) @ weights + bias
        return rows

    def probabilities(self, vectors: Vectors) -> NDArray[np.float32]:
        """Of each class; rows add up to 1 unless a picture may have several."""
        logits = self.logits(vectors) / np.float32(self.temperature)
        return sigmoid(logits) if self.several else softmax(logits)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows that add up to 1."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float32] = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each by itself."""
    return ((1 + np.tanh(logits / 2)) / 2).astype(np.float32, copy=False)


def class_weights(labels: Labels, classes: int) -> Tensor:
    """What a picture of each class counts, so that all classes count the same, and a picture 1 on average.

    Where a picture may have several, (2, classes): what lacking a class counts, and having it.
    """
    if labels.ndim == 2:
        having = torch.from_numpy(labels.sum(axis=0)).double()
        return len(labels) / (2 * torch.stack([len(labels) - having, having]).clamp(min=1))
    counts = torch.from_numpy(np.bincount(labels, minlength=classes)).double()
    return len(labels) / (classes * counts.clamp(min=1))


def losses(logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy of each picture (n,); where it may have several classes, the sum of theirs."""
    if target.ndim == 1:
        return functional.cross_entropy(logits, target, weights.to(logits), reduction="none")
    lacking, having = weights.to(logits)
    weight = torch.where(target == 1, having, lacking)
    each = functional.binary_cross_entropy_with_logits(logits, target.to(logits), weight, reduction="none")
    return each.sum(dim=1)


def fit_head(vectors: Vectors, labels: Labels, classes: int, kind: Literal["linear", "mlp"], *, seed: int = 0) -> Head:
    """The head that gives these unit vectors (n, d) their classes, 0 to classes - 1."""
    rows, target = torch.from_numpy(np.ascontiguousarray(vectors)), torch.from_numpy(labels)
    weights = class_weights(labels, classes)
    layers = _fit_linear(rows, target, weights) if kind == "linear" else _fit_mlp(rows, target, weights, seed)
    return Head(
        tuple((part.weight.detach().float().numpy().T, part.bias.detach().float().numpy()) for part in layers),
        several=labels.ndim == 2,
    )


def calibrated(head: Head, vectors: Vectors, labels: Labels) -> Head:
    """The head, as sure as it should be by labels that it was not fitted on."""
    logits = head.logits(vectors)
    return _with_platt(head, logits, labels) if head.several else _with_temperature(head, logits, labels)


def _with_platt(head: Head, logits: NDArray[np.float32], labels: Labels) -> Head:
    """Platt 1999, Probabilistic Outputs for Support Vector Machines: a slope and an offset for each class.

    The offset takes back what the weights of rare classes gave them. Both become part of the last layer. Where we
    differ: the slope stays positive, and near 1 where few labels say otherwise (its logarithm has a normal prior).
    """
    given, having = torch.from_numpy(logits).double(), torch.from_numpy(labels.sum(axis=0)).double()
    lacking = len(labels) - having
    target = torch.where(torch.from_numpy(labels) == 1, (having + 1) / (having + 2), 1 / (lacking + 2))
    steepness, offset = (torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=True) for _ in range(2))

    def loss() -> Tensor:
        said = given * steepness.exp() + offset
        return functional.binary_cross_entropy_with_logits(said, target, reduction="sum") + steepness.square().sum() / 2

    minimise([steepness, offset], loss)
    slope, shift = steepness.detach().exp().float().numpy(), offset.detach().float().numpy()
    *others, (weights, bias) = head.layers
    return replace(head, layers=(*others, (weights * slope, bias * slope + shift)))


def _with_temperature(head: Head, given: NDArray[np.float32], labels: Labels) -> Head:
    """One temperature, and an offset for each class that takes back what the weights of rare classes gave them.

    Guo et al. 2017, On Calibration of Modern Neural Networks, https://arxiv.org/abs/1706.04599. Where we differ: the
    offsets, which begin at the classes' shares of these labels and stay near them where labels are few; and the targets
    leave some doubt, as Platt's do, or a few labels that are all right would make it sure beyond measure.
    """
    logits, target = torch.from_numpy(given).double(), torch.from_numpy(labels)
    counts = torch.bincount(target, minlength=logits.shape[1]).double()
    shares = ((counts + 1) / (counts + 1).mean()).log()
    steepness = torch.zeros((), dtype=torch.float64, requires_grad=True)
    offset = torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=True)

    def loss() -> Tensor:
        said = logits * steepness.exp() + shares + offset
        misfit = functional.cross_entropy(said, target, label_smoothing=1 / (len(labels) + 2), reduction="sum")
        return misfit + (steepness.square() + offset.square().sum()) / 2

    minimise([steepness, offset], loss)
    temperature = float((-steepness.detach()).exp())
    shift = (shares + offset.detach()).float().numpy() * np.float32(temperature)
    *others, (weights, bias) = head.layers
    return replace(head, layers=(*others, (weights, bias + shift)), temperature=temperature)


def attach(encoder: bytes, head: Head, vectors_output: str) -> bytes:
    """The encoder's ONNX file with `scores` (n, classes) as a second output; it had `vectors_output` before.

    Raises BadEncoder for a file that has class scores already under other names than ours.
    """
    model = onnx.load_model_from_string(encoder)
    graph = model.graph
    _detach(graph)
    if any(SCORES in node.output for node in graph.node):
        raise BadEncoder("this model has an output `scores` of its own", hint="fine-tune another encoder")
    at = f"{_PREFIX}in"
    graph.node.extend(
        [
            helper.make_node("Cast", [vectors_output], [f"{_PREFIX}float"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", [f"{_PREFIX}float"], [f"{_PREFIX}flat"], axis=1),
            helper.make_node("LpNormalization", [f"{_PREFIX}flat"], [at], axis=1, p=2),
        ]
    )
    for number, (weights, bias) in enumerate(head.layers):
        is_last = number == len(head.layers) - 1
        divisor = np.float32(head.temperature if is_last else 1)
        names = [f"{_PREFIX}{number}_{what}" for what in ("weights", "bias", "out", "bent")]
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(weights / divisor), names[0]))
        graph.initializer.append(numpy_helper.from_array(bias / divisor, names[1]))
        graph.node.append(helper.make_node("Gemm", [at, *names[:2]], [names[2]]))
        if not is_last:
            graph.node.append(helper.make_node("Relu", [names[2]], [names[3]]))
        at = names[2] if is_last else names[3]
    bend = {"op_type": "Sigmoid"} if head.several else {"op_type": "Softmax", "axis": 1}
    graph.node.append(helper.make_node(**bend, inputs=[at], outputs=[SCORES]))
    graph.output.append(
        helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, ["n", int(head.layers[-1][1].shape[0])])
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _detach(graph: onnx.GraphProto) -> None:
    """Take off a head that `attach` put on: a classifier can be fine-tuned again."""
    ours = [node for node in graph.node if any(name.startswith(_PREFIX) for name in (*node.input, *node.output))]
    for node in ours:
        graph.node.remove(node)
    for tensor in [tensor for tensor in graph.initializer if tensor.name.startswith(_PREFIX)]:
        graph.initializer.remove(tensor)
    if ours:
        for output in [output for output in graph.output if output.name == SCORES]:
            graph.output.remove(output)


def _fit_linear(rows: Tensor, target: Tensor, weights: Tensor) -> list[nn.Linear]:
    """Logistic regression by L-BFGS, multinomial or one for each class, from zero: there is one answer."""
    layer = nn.Linear(rows.shape[1], weights.shape[-1], dtype=torch.float64)
    for part in (layer.weight, layer.bias):
        nn.init.zeros_(part)
    given = rows.double()

    def loss() -> Tensor:
        fit = losses(layer(given), target, weights).sum()
        return fit + layer.weight.square().sum() / (2 * STRENGTH)

    minimise(list(layer.parameters()), loss)
    return [layer]


def _fit_mlp(rows: Tensor, target: Tensor, weights: Tensor, seed: int) -> list[nn.Linear]:
    """One hidden layer with dropout, all vectors in every step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first, last = nn.Linear(rows.shape[1], _HIDDEN), nn.Linear(_HIDDEN, weights.shape[-1])
        body = nn.Sequential(first, nn.ReLU(), nn.Dropout(_DROP), last)
        optimizer = torch.optim.AdamW(body.parameters(), lr=_RATE, weight_decay=_DECAY)
        for _ in range(_STEPS):
            loss = losses(body(rows), target, weights).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [first, last]
