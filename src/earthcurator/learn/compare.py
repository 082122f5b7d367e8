"""Which of two encoders is better on the same pictures, asked without classes and, where there are any, with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from earthcurator.encoders.pipeline import Encoder
from earthcurator.encoders.prepare import prepare
from earthcurator.errors import BadPicture
from earthcurator.learn.classifier import fit_head
from earthcurator.learn.evaluate import Labels, Vectors
from earthcurator.learn.views import Views, as_bytes

Hits = NDArray[np.bool_]
NEIGHBOURS = 20
_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an encoder gets right: for each held-out picture, whether it did."""

    retrieval: Hits
    """Whether a changed view of the picture is nearest to another changed view of it, among all pictures' views."""
    knn: Hits | None
    """Of each that has a class, whether it wins the vote of its 20 nearest; None without classes."""
    linear: Hits | None
    """Of the same, whether a linear classifier gets it; None without classes."""


def readable(pictures: dict[str, bytes], encoder: Encoder) -> list[str]:
    """Ids of the pictures that can be decoded."""
    return [name for name, picture in pictures.items() if _prepared(picture, encoder) is not None]


def stand(
    encoder: Encoder,
    asked: list[bytes],
    gallery: list[bytes],
    classes: tuple[Labels, Labels] | None,
    *,
    seed: int,
) -> Standing:
    """Ask an encoder about held-out pictures. All must be readable.

    `classes` are theirs, -1 for a picture that has none, and those of `gallery`, which all have one.
    """
    pixels = _pixels(asked, encoder)
    seen = _views_encoded(pixels, encoder, seed)
    retrieval = (seen[0] @ seen[1].T).argmax(axis=1) == np.arange(len(asked))
    if classes is None:
        return Standing(retrieval=retrieval, knn=None, linear=None)
    truth, known = classes
    named = truth >= 0
    truth = truth[named]
    queries, vectors = _encoded(pixels[named], encoder), _encoded(_pixels(gallery, encoder), encoder)
    head = fit_head(vectors, known, int(max(known.max(), truth.max())) + 1, "linear")
    return Standing(
        retrieval=retrieval,
        knn=_vote(vectors, known, queries) == truth,
        linear=head.logits(queries).argmax(axis=1) == truth,
    )


def _vote(gallery: Vectors, known: Labels, queries: Vectors) -> Labels:
    rows = torch.from_numpy(queries @ gallery.T).topk(min(NEIGHBOURS, len(gallery)), dim=1).indices
    votes: Labels = functional.one_hot(torch.from_numpy(known))[rows].sum(dim=1).argmax(dim=1).numpy()
    return votes


def _views_encoded(pixels: NDArray[np.uint8], encoder: Encoder, seed: int) -> tuple[Vectors, Vectors]:
    """Vectors of two views of each picture.

    The views' parameters do not depend on the size, so every encoder sees the same crops, turns and colours.
    """
    views, generator = Views(size=encoder.card.input_size), torch.Generator().manual_seed(seed)
    pairs = [
        [_encoded(as_bytes(view).permute(0, 2, 3, 1).numpy(), encoder) for view in views(part, generator)]
        for part in torch.from_numpy(pixels).split(_BATCH)
    ]
    return np.concatenate([first for first, _ in pairs]), np.concatenate([second for _, second in pairs])


def _encoded(pixels: NDArray[np.uint8], encoder: Encoder) -> Vectors:
    parts = range(0, len(pixels), _BATCH)
    return np.concatenate([encoder.encode(np.ascontiguousarray(pixels[at : at + _BATCH])) for at in parts])


def _pixels(pictures: list[bytes], encoder: Encoder) -> NDArray[np.uint8]:
    return np.stack([prepare(picture, encoder.card) for picture in pictures])


def _prepared(picture: bytes, encoder: Encoder) -> NDArray[np.uint8] | None:
    try:
        return prepare(picture, encoder.card)
    except BadPicture:
        return None
