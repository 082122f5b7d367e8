"""The benchmarks of the encoders run on tiny data, so that they never rot."""

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
    """A folder laid out like UC Merced: dark and bright noise, easy to tell apart."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("bright", 128)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in (*range(6), *range(50, 54)):
            pixels = rng.integers(low, low + 128, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{name}{number:02d}.jpg")
    yield tmp_path / "data"
    for module in ("common", "retrieval_quality", "embed_throughput"):
        sys.modules.pop(module, None)


def test_retrieval_quality_tells_dark_from_bright(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from retrieval_quality import main  # found through the fixture

    main(["--ucmerced", str(tiny), "--out", str(tmp_path)])
    report = json.loads((tmp_path / "retrieval_quality.json").read_text())
    rows = {row["encoder"]: row for row in report["figures"]["rows"]}
    assert rows["histogram-8x8x8"]["5-NN %"] == 100
    assert rows["lite0-224"]["gallery"] == 12
    assert rows["bare trunk 224"]["dim"] == 1280
    assert "pixel-8" in capsys.readouterr().out


def test_embed_throughput_compares_with_its_limit(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from embed_throughput import main  # found through the fixture

    main(["--eurosat", str(tiny), "--repeats", "1", "--out", str(tmp_path)])
    figures = json.loads((tmp_path / "embed_throughput.json").read_text())["figures"]
    assert figures["eurosat"]["pictures"] == 20
    assert figures["eurosat"]["of limit"] > 0
    assert figures["eurosat peak memory MB"] > 0
    assert "end to end" in capsys.readouterr().out
