"""From a trained trunk to an encoder file: ONNX that reads uint8 pictures and gives unit vectors, and its card.

What is exported is the trunk's pooled features, projected to 128 dimensions by the uncentred principal components of
the training pictures' unit features, and scaled to length one. (The packaged encoder's are also half whitened, which
scripts/build_packaged_encoder.py compares on imagery of many kinds.) A trunk that was trained elsewhere keeps all its
features. Nothing is handed out before ONNX Runtime agrees with torch.
"""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from earthcurator.encoders import EncoderCard, OnnxEncoder
from earthcurator.errors import BadEncoder, BadInput
from earthcurator.learn.feed import fingerprint
from earthcurator.learn.quality import features
from earthcurator.learn.recipe import Recipe, Trained
from earthcurator.learn.trunks import feature_count
from earthcurator.learn.views import as_planes

PARITY = 0.9999
"""The lowest cosine between a picture's vector from torch and from the file."""
_OPSET = 17


@dataclass(frozen=True, slots=True)
class Exported:
    """An encoder, ready to be added to a project or written to disk."""

    weights: bytes
    """The ONNX file."""
    card: EncoderCard
    parity: float
    """The lowest cosine between torch and the file that was found."""


def export(
    trunk: nn.Module,
    pictures: NDArray[np.uint8],
    card: EncoderCard,
    *,
    half: bool = False,
    any_size: bool = False,
) -> Exported:
    """The trunk as an encoder with this card's name, size and dim, its projection fitted on the pictures (n, s, s, 3).

    `half` stores weights as float16, which halves the file; they are computed with in float32. `any_size` leaves the
    input size open, for trunks that pool at the end; sizes should then be multiples of 32. The card's parity and
    versions are filled in. Raises BadEncoder when the file does not agree with torch.
    """
    trunk = _ready(trunk, pictures, card)
    found = features(trunk, torch.from_numpy(pictures).permute(0, 3, 1, 2), torch.device("cpu"))
    return _checked(_Encoder(trunk, projection(found, card.dim)), pictures, card, half=half, any_size=any_size)


def export_whole(trunk: nn.Module, pictures: NDArray[np.uint8], card: EncoderCard) -> Exported:
    """The same with all features of the trunk as they are. The pictures only compare the file with torch."""
    return _checked(_Encoder(_ready(trunk, pictures, card), None), pictures, card)


def check_expressible(trunk: nn.Module, size: int, name: str) -> None:
    """Whether ONNX can express this trunk, which its weights do not matter for: to be asked before it is trained.

    Raises BadEncoder.
    """
    pictures = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    card = EncoderCard(name=name, dim=feature_count(trunk, size), input_size=size)
    module = _Encoder(_ready(trunk, pictures, card), None).eval()
    encoder = OnnxEncoder(_to_onnx(module, card, half=False, any_size=False), card)
    with torch.inference_mode():
        has_directions = bool(module(torch.from_numpy(pictures)).any(dim=1).all())
    if has_directions:  # weights that were never trained may give none, which says nothing of the file
        encoder.encode(pictures)


def _ready(trunk: nn.Module, pictures: NDArray[np.uint8], card: EncoderCard) -> nn.Module:
    """A copy of the trunk to export."""
    if len(pictures) == 0 or pictures.shape[1:] != (card.input_size, card.input_size, 3):
        raise BadInput(
            f"the card says {card.input_size} pixels, the pictures are {pictures.shape}",
            hint="prepare some training pictures with earthcurator.encoders.prepare and this card",
        )
    return copy.deepcopy(trunk).cpu().float().eval()


def _checked(
    module: nn.Module, pictures: NDArray[np.uint8], card: EncoderCard, *, half: bool = False, any_size: bool = False
) -> Exported:
    """The module as a file that agrees with it, and the card with what was found."""
    module.eval()
    weights = _to_onnx(module, card, half=half, any_size=any_size)
    parity = _parity(module, weights, card, pictures[:: max(1, len(pictures) // 64)])
    metrics = {**card.metrics, "lowest cosine to torch": round(parity, 6)}
    return Exported(weights, replace(card, metrics=metrics, versions={**card.versions, **_versions()}), parity)


def card_of(
    trained: Trained,
    recipe: Recipe,
    *,
    name: str,
    method: str,
    start: str,
    size: int | None = None,
    dim: int = 128,
    licence: str = "unknown",
    attribution: str = "",
) -> EncoderCard:
    """What is known of the encoder that a training made; `method` and `start` are words for people.

    It reads pictures of `size` pixels, by default as large as the views that it learned from.
    """
    metrics = {"held-out view retrieval %": 100 * trained.best.retrieval}
    if trained.best.knn is not None:
        metrics["held-out 20-NN %"] = 100 * trained.best.knn
    return EncoderCard(
        name=name,
        dim=dim,
        input_size=size or recipe.views.size,
        method=f"{method} from {start}: {trained.epochs:.2f} epochs, step {trained.best.step} of "
        f"{len(trained.losses)}, views of {recipe.views.size} pixels, batch {recipe.batch * recipe.accumulate}, "
        f"rate {recipe.rate:g}, seed {recipe.seed}; "
        f"mean over the features of the last layer; uncentred PCA to {dim} dimensions",
        trained_on=f"{len(trained.train_ids)} unlabelled pictures, fingerprint of their ids "
        f"{fingerprint(trained.train_ids)}",
        licence=licence,
        attribution=attribution,
        metrics={figure: round(value, 2) for figure, value in metrics.items()},
    )


def projection(found: Tensor, dim: int) -> Tensor:
    """The (d, dim) matrix that keeps most of the cosines between these features (n, d)."""
    if dim > found.shape[1]:
        raise BadInput(
            f"the trunk gives {found.shape[1]} features, which cannot become {dim} dimensions",
            hint=f"use --dim {found.shape[1]} or less",
        )
    rows = functional.normalize(found.double(), dim=1)
    # Not torch's eigh, which does not converge where most features are never active (torch 2.13, MKL).
    leading = torch.from_numpy(np.linalg.eigh((rows.T @ rows).numpy()).eigenvectors).flip(1)[:, :dim]
    # The sign of an eigenvector is arbitrary: fix it, so that every machine writes the same file.
    largest = leading.gather(0, leading.abs().argmax(dim=0, keepdim=True))
    return (leading * largest.sign()).float()


class _Encoder(nn.Module):
    """uint8 (n, h, w, 3) to unit vectors: all that the file does."""

    def __init__(self, trunk: nn.Module, matrix: Tensor | None) -> None:
        super().__init__()
        self.trunk = trunk
        self.register_buffer("matrix", matrix)

    def forward(self, pictures: Tensor) -> Tensor:
        found = self.trunk(as_planes(pictures))
        return functional.normalize(found if self.matrix is None else found @ self.matrix, dim=1)


def _to_onnx(module: nn.Module, card: EncoderCard, *, half: bool, any_size: bool) -> bytes:
    try:
        model = _traced(module, card, any_size=any_size)
        if half:
            _halve(model)
        onnx.checker.check_model(model, full_check=True)
    except Exception as exc:  # anybody's module fails in any way
        why = str(exc).partition("\n")[0] or type(exc).__name__
        raise BadEncoder(
            f"ONNX cannot express the trunk of {card.name}: {why}",
            hint="use another trunk, or other operations in this one: an encoder must be an ONNX file",
        ) from exc
    return bytes(model.SerializeToString(deterministic=True))


def _traced(module: nn.Module, card: EncoderCard, *, any_size: bool) -> onnx.ModelProto:
    example = torch.zeros(2, card.input_size, card.input_size, 3, dtype=torch.uint8)
    open_axes = {0: "n", 1: "height", 2: "width"} if any_size else {0: "n"}
    file = io.BytesIO()
    with warnings.catch_warnings():
        # The older exporter needs neither onnxscript nor tracing through dynamo; torch advises against it aloud.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (example,),
            file,
            dynamo=False,
            opset_version=_OPSET,
            input_names=["pictures"],
            output_names=["vectors"],
            dynamic_axes={"pictures": open_axes, "vectors": {0: "n"}},
        )
    return onnx.load_model_from_string(file.getvalue())


def _halve(model: onnx.ModelProto) -> None:
    """Store large float32 weights as float16, each with a Cast that gives it back."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _parity(module: nn.Module, weights: bytes, card: EncoderCard, pictures: NDArray[np.uint8]) -> float:
    with torch.inference_mode():
        ours = module(torch.from_numpy(pictures)).numpy()
    theirs = OnnxEncoder(weights, card).encode(np.ascontiguousarray(pictures))
    lowest = float((ours * theirs).sum(axis=1).min())
    if not lowest >= PARITY:
        raise BadEncoder(
            f"the exported file disagrees with torch: cosine {lowest:.5f}, not {PARITY}",
            hint="export it without half precision, or check the trunk for operations that ONNX does not have",
        )
    return lowest


def _versions() -> Mapping[str, str]:
    return {name: version(name) for name in ("earthcurator", "onnx", "torch")}
