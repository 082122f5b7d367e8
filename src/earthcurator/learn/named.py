"""Models of other packages by their names: `hf:NAME` of transformers, `timm:NAME` of timm.

They serve as trunks to train, and as encoders as they are. A name of transformers may also be a folder that
`save_pretrained` wrote. Its weights are read from safetensors only, and code that comes with a model is never run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MethodType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from earthcurator.encoders.card import card_from_fields
from earthcurator.errors import BadInput, Conflict
from earthcurator.learn.export import Exported, export_whole
from earthcurator.learn.trunks import feature_count

CLASS_TOKEN = ("dinov2", "dinov2_with_registers", "dinov3_vit", "vit")
"""Kinds of transformers' models whose features are those of the class token, normalised."""
POOLED = ("convnext", "convnextv2", "dinov3_convnext")
"""Kinds whose features are the mean over all places, normalised."""
MOST_WEIGHTS = 500_000_000
"""An ONNX file cannot be larger than 2 GB."""
STATED = ("attribution", "input_size", "licence", "method", "name", "resize", "trained_on")
"""What a person's card may say of such an encoder; the rest is in the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A model of another package as a trunk, and what is known of it."""

    trunk: nn.Module
    """It normalises its input itself, as all trunks do."""
    size: int
    """Sides in pixels of the pictures that it is for."""
    resize: Literal["squash", "crop"]
    method: str
    """What it is and where it is from, in words."""
    licence: str = "unknown"
    trained_on: str = "unknown"


def is_named(name: str) -> bool:
    """Whether this is the name of another package's model."""
    return name.partition(":")[0] in _LOADERS and ":" in name


def short_name(name: str) -> str:
    """The last part: `dinov2-small` of `hf:facebook/dinov2-small`."""
    return re.split(r"[:/\\]", name.rstrip("/\\"))[-1]


def load_named(name: str, *, size: int | None = None, seed: int | None = None) -> Named:
    """The model by that name for pictures of this size, by default its own; with random weights if there is a seed.

    Raises BadInput when there is none, Conflict when its package is not installed.
    """
    package, _, rest = name.partition(":")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        found = _LOADERS[package](rest, size, seed is None)
    weights = sum(parameter.numel() for parameter in found.trunk.parameters())
    if weights > MOST_WEIGHTS:
        raise BadInput(
            f"{name} has {weights / 1e6:,.0f} million weights, more than fit into an ONNX file",
            hint="choose a smaller one of its family",
        )
    return found


def export_named(name: str, stated: Mapping[str, object]) -> Exported:
    """The model by that name as an encoder, as it is. `stated` are fields of its card that somebody knows better."""
    if wrong := stated.keys() - {*STATED}:
        raise BadInput(
            f"the card cannot say {', '.join(sorted(wrong))} of {name}: the model does",
            hint=f"it may say {', '.join(STATED)}",
        )
    asked = stated.get("input_size")
    found = load_named(name, size=asked if isinstance(asked, int) else None)
    fields = {
        "name": short_name(name),
        "input_size": found.size,
        "resize": found.resize,
        "method": found.method,
        "licence": found.licence,
        "trained_on": found.trained_on,
        **stated,
    }
    card = card_from_fields({**fields, "dim": feature_count(found.trunk, found.size)})
    return export_whole(found.trunk, _clouds(card.input_size), card)


class NormalisedTrunk(nn.Module):
    """A trunk, out of a model that reads normalised pictures."""

    def __init__(self, model: nn.Module, mean: Any, std: Any) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """The model's features."""
        features: Tensor = self.model((pictures - self.mean) / self.std)
        return features


class _Features(nn.Module):
    """What a model of transformers says of whole pictures."""

    def __init__(self, model: nn.Module, kind: str) -> None:
        super().__init__()
        self.model, self.kind = model, kind

    def forward(self, pictures: Tensor) -> Tensor:
        given = self.model(pixel_values=pictures)
        features: Tensor = given.last_hidden_state[:, 0] if self.kind in CLASS_TOKEN else given.pooler_output
        return features


def _from_transformers(name: str, size: int | None, pretrained: bool) -> Named:
    transformers = _package("transformers", "pip install 'earthcurator[hf]'")
    try:
        config = transformers.AutoConfig.from_pretrained(name, trust_remote_code=False)
        seen, _ = transformers.ImageProcessingMixin.get_image_processor_dict(name)
    except Exception as exc:  # the package of others reads the files of others
        raise _unusable(f"hf:{name}", exc, "it needs config.json and preprocessor_config.json") from exc
    if config.model_type not in (*CLASS_TOKEN, *POOLED):
        raise BadInput(
            f"hf:{name} is of the kind {config.model_type}, whose features Curator does not know",
            hint=f"it knows {', '.join((*CLASS_TOKEN, *POOLED))}; others: export to ONNX, and add the file",
        )
    model = _weights(transformers, name, config) if pretrained else transformers.AutoModel.from_config(config)
    model = model.float().eval()
    own, resize = _looks(name, seen)
    if config.model_type.startswith("dinov2"):
        _hold_positions(model.embeddings, size or own)
    mean, std = (seen.get(f"image_{part}") for part in ("mean", "std"))
    if not (seen.get("do_normalize", True) and mean and std):
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    source = Path(name).name if Path(name).is_dir() else name
    revision = getattr(config, "_commit_hash", None)
    licence, trained_on = _told(transformers, name)
    return Named(
        trunk=NormalisedTrunk(_Features(model, config.model_type), mean, std),
        size=size or own,
        resize=resize,
        method=f"{type(model).__name__} of {source}{f' at {revision[:12]}' if revision else ''}, "
        + ("class token" if config.model_type in CLASS_TOKEN else "mean over the last layer"),
        licence=licence,
        trained_on=trained_on,
    )


def _weights(transformers: Any, name: str, config: Any) -> Any:
    """The model with its weights, all of them. What a file lacks would be random, which transformers only warns of."""
    try:
        model, told = transformers.AutoModel.from_pretrained(
            name, config=config, use_safetensors=True, trust_remote_code=False, output_loading_info=True
        )
    except Exception as exc:  # as above
        raise _unusable(f"hf:{name}", exc, "its weights must be safetensors: other files can run code") from exc
    missing = sorted(key for key in told["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise BadInput(
            f"hf:{name} lacks {len(missing)} weights of its architecture, e.g. {missing[0]}",
            hint="choose a complete model",
        )
    return model


def _looks(name: str, seen: Mapping[str, Any]) -> tuple[int, Literal["squash", "crop"]]:
    """The size, and how pictures are brought to it, out of an image processor's configuration."""
    crops = seen.get("do_center_crop") and seen.get("crop_size")
    size = crops or seen.get("size")
    shorter = size.get("shortest_edge") if isinstance(size, dict) else None
    side = size.get("height", shorter) if isinstance(size, dict) else size
    scale = seen.get("rescale_factor", 1 / 255)
    if not isinstance(side, int) or not abs(scale * 255 - 1) < 1e-3 or not seen.get("do_rescale", True):
        raise BadInput(
            f"the image processor of hf:{name} gives size {size} and scale {scale}, which Curator cannot follow",
            hint="export the model to ONNX, and add the file with a card",
        )
    return side, "crop" if crops or shorter else "squash"


def _hold_positions(embeddings: Any, size: int) -> None:
    """Work out the positions for one size now: they stay weights, and ONNX need not know how they were interpolated."""
    patches = (size // embeddings.patch_size) ** 2
    with torch.no_grad():
        tokens = torch.zeros(1, patches + 1, embeddings.position_embeddings.shape[2])
        held = embeddings.interpolate_pos_encoding(tokens, size, size)
    embeddings.position_embeddings = nn.Parameter(held.clone())
    embeddings.interpolate_pos_encoding = MethodType(_held_positions, embeddings)  # a copy of the model copies it too


def _held_positions(embeddings: Any, tokens: Tensor, height: int, width: int) -> Tensor:
    held: Tensor = embeddings.position_embeddings
    if tokens.shape[1] != held.shape[1]:
        raise ValueError(f"its positions are for {held.shape[1] - 1} patches, not for {height} x {width} pixels")
    return held


def _told(transformers: Any, name: str) -> tuple[str, str]:
    """Licence and training data, where the model's page says them."""
    page = transformers.utils.cached_file(name, "README.md", _raise_exceptions_for_missing_entries=False)
    if page is None:
        return "unknown", "unknown"
    told = import_module("huggingface_hub").ModelCard.load(page, ignore_metadata_errors=True).data
    licence = told.get("license_name") or told.get("license") or "unknown"
    sets = told.get("datasets") or "unknown"
    return str(licence), ", ".join(map(str, sets)) if isinstance(sets, list) else str(sets)


def _from_timm(name: str, size: int | None, pretrained: bool) -> Named:
    if not re.fullmatch(r"[\w.-]+", name):  # timm also takes hf-hub:NAME and local-dir:PATH
        raise BadInput(
            f"timm:{name} is not a name of timm's own: whoever made other weights may have put a pickle in, which runs "
            "code",
            hint="timm.list_models() has all names",
        )
    timm = _package("timm", "pip install timm torchvision, both in builds that fit the torch that is here")
    try:
        model = timm.create_model(name, pretrained=pretrained, num_classes=0)
    except Exception as exc:  # the package of others reads the files of others
        raise _unusable(f"timm:{name}", exc, "timm.list_models() has all names") from exc
    facts = model.pretrained_cfg
    return Named(
        trunk=NormalisedTrunk(model.eval(), facts["mean"], facts["std"]),
        size=size or int(facts["input_size"][1]),
        resize="crop",
        method=f"{name} of timm {timm.__version__}",
        licence=facts.get("license") or "unknown",
    )


def _package(name: str, remedy: str) -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # Curator sends nothing about its use anywhere
    try:
        return import_module(name)
    except Exception as exc:  # a torchvision that does not fit its torch fails in any way
        raise Conflict(f"the package {name} cannot be loaded: {_sentence(exc)}", hint=remedy) from exc


def _unusable(name: str, exc: Exception, hint: str) -> BadInput:
    return BadInput(f"{name} cannot be loaded: {_sentence(exc)}", hint=hint)


def _sentence(exc: Exception) -> str:
    """The first line of what another package says."""
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0]


def _clouds(size: int, count: int = 16) -> NDArray[np.uint8]:
    """Smooth coloured pictures to compare torch and ONNX on, the same everywhere."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 3, 6, 6)).astype(np.float32)
    smooth = nn.functional.interpolate(torch.from_numpy(coarse), size=(size, size), mode="bilinear")
    pictures: NDArray[np.uint8] = smooth.permute(0, 2, 3, 1).numpy().astype(np.uint8)
    return pictures


_LOADERS: Mapping[str, Callable[[str, int | None, bool], Named]] = {"hf": _from_transformers, "timm": _from_timm}
