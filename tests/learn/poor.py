"""Pictures and labels that teach nothing, for the tests of all who might be given them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

import earthcurator as ec
from earthcurator.models import Arrival, Chip, Label
from earthcurator.pictures import encode_png
from tests.learn.scenes import ground


def arrival(number: int, content: bytes) -> Arrival:
    """A chip as it was before its bytes went bad on a disk: an import would have left a damaged picture out."""
    name = f"{number:04d}-{hashlib.sha256(content).hexdigest()[:16]}"
    chip = Chip(
        id=name, media_type="image/png", width=32, height=32, sha256=hashlib.sha256(content).hexdigest(), origin=name
    )
    return Arrival(chip, content)


def scenes(count: int) -> list[bytes]:
    return list(ground(count).files.values())


def plain(count: int, *, differ: bool) -> list[bytes]:
    """Pictures of one grey, in which at most one pixel differs."""
    pixels: list[NDArray[np.uint8]] = [np.full((32, 32, 3), 90, np.uint8) for _ in range(count)]
    for number, each in enumerate(pixels if differ else []):
        each[number % 32, number // 32] = 91
    return [encode_png(each) for each in pixels]


def broken(pictures: Sequence[bytes], every: int) -> list[bytes]:
    """Some of them cut short, or something else altogether."""
    return [
        (content[: len(content) // 2] if number % 2 else b"<html>404</html>") if number % every == 0 else content
        for number, content in enumerate(pictures)
    ]


def label(project: ec.Project, question: str, answers: Mapping[str, str]) -> str:
    """A new task with these answers; gives its id."""
    task = project.tasks.create(question, ("dots", "stripes"))
    for chip, value in answers.items():
        said = Label(
            id=f"{task.id}-{chip}", task=task.id, chip=chip, annotator="me", decision="label", value=(value,),
            time=datetime.now(UTC),
        )  # fmt: skip
        project.tasks.store.put(said)
    return task.id


TEACH_NOTHING = [
    pytest.param([], "0 pictures are too few", id="none"),
    pytest.param(scenes(1), "1 picture is too few", id="one"),
    pytest.param(scenes(10), "10 pictures are too few", id="ten"),
    pytest.param(plain(60, differ=False), "identical", id="identical"),
    pytest.param(broken(scenes(60), 1), "can be read", id="unreadable"),
]
"""Pictures, and what is said of them."""
