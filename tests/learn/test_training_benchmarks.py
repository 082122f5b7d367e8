"""The benchmark of training speed runs on tiny data, so that it never rots. lightly is not installed here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder laid out like EuroSAT."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    rng = np.random.default_rng(0)
    (tmp_path / "data" / "noise").mkdir(parents=True)
    for number in range(100):
        pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / "noise" / f"{number}.jpg")
    yield tmp_path / "data"
    for module in ("common", "ssl_quality", "training_speed"):
        sys.modules.pop(module, None)


def test_training_speed_compares_the_loop_with_its_bare_step(tiny: Path, tmp_path: Path) -> None:
    from training_speed import main  # found through the fixture

    few = ["--batch", "4", "--steps", "2", "--rounds", "1"]
    main(["--eurosat", str(tiny), "--contestants", "curator", "step", *few, "--out", str(tmp_path)])
    figures = json.loads((tmp_path / "training_speed.json").read_text())["figures"]
    curator, step = figures["rows"]
    assert curator["pictures/CPU-s"] > 0
    assert step["of step"] == 1


def test_training_speed_refuses_more_steps_than_an_epoch_has(tiny: Path, tmp_path: Path) -> None:
    from training_speed import main  # found through the fixture

    with pytest.raises(SystemExit, match="use --steps"):
        main(["--eurosat", str(tiny), "--contestants", "curator", "--batch", "16", "--out", str(tmp_path)])
