"""The benchmark that chooses and reports versions of the packaged encoder runs on tiny data, so that it never rots."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from earthcurator import demo
from tests.encoders.tiny_models import tiny_onnx

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCALE = 2
"""The globe and its chips are smaller by this: the same places, fewer pixels."""
FEW = {"BUDGETS": (20, 40), "CLASS_DRAWS": 1, "DRAWS": 2, "LABELS_A_CLASS": (1, 2), "STARTS": 2}


@dataclass(frozen=True)
class Tiny:
    """Data sets of red and blue noise, easy to tell apart, and the folder that they are in."""

    folder: Path
    module: Any

    def measure(self, *more: str) -> dict[str, dict[str, Any]]:
        """What the benchmark says of an encoder that sees mean colours and of one that sees nothing, by figure."""
        (self.folder / "sees.onnx").write_bytes(tiny_onnx(size="side", dim=128, bias=0.0))
        (self.folder / "blind.onnx").write_bytes(tiny_onnx(size="side", dim=128, scale=0.0))
        files = [str(self.folder / f"{name}.onnx") for name in ("sees", "blind")]
        data = [word for name in ("eurosat", "ucmerced", "modis") for word in (f"--{name}", str(self.folder / name))]
        self.module.main([*files, *data, *more, "--out", str(self.folder)])
        figures = json.loads((self.folder / "encoder_versions.json").read_text())["figures"]
        assert figures["part"] == ("choosing" if "--choosing" in more else "held back")
        return {row["figure"]: row for row in figures["rows"]}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tiny]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import encoder_versions  # found through the line above

    rng, rows = np.random.default_rng(0), ["file,scene_label,source,y,x"]
    for channel, name in ((0, "red"), (2, "blue")):
        for number in range(40):
            _draw(tmp_path / "eurosat" / name / f"{name}_{number}.jpg", channel, rng)
        for number in (*range(8), *range(35, 39), *range(50, 54)):
            _draw(tmp_path / "ucmerced" / name / f"{name}{number:02d}.jpg", channel, rng)
        for number in range(8):
            _draw(tmp_path / "modis" / f"{name}{number}.jpg", channel, rng)
            rows.append(f"{name}{number}.jpg,{name},{name},0,{300 * number}")
    (tmp_path / "modis" / "manifest.csv").write_text("\n".join(rows) + "\n")

    globe = tmp_path / "globe"
    globe.mkdir()
    shutil.copy(demo.data_folder() / "lsmask_5min_i.bin", globe)
    with Image.open(demo.data_folder() / "bmng.jpg") as picture:
        picture.reduce(SCALE).save(globe / "bmng.jpg")
    size = demo.CHIP_SIZE // SCALE
    monkeypatch.setattr(demo, "data_folder", lambda: globe)
    monkeypatch.setattr(demo, "CHIP_SIZE", size)
    for name, value in {**FEW, "CHIPS": {size: 16}}.items():
        monkeypatch.setattr(encoder_versions, name, value)
    yield Tiny(tmp_path, encoder_versions)
    for module in ("common", "encoder_versions"):
        sys.modules.pop(module, None)


def _draw(file: Path, channel: int, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 128, (32, 32, 3), dtype=np.uint8)
    pixels[..., channel] += 127
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def test_an_encoder_that_sees_is_told_from_one_that_does_not(tiny: Tiny) -> None:
    rows = tiny.measure()
    for name in ("EuroSAT @64", "UC Merced @128", "UC Merced @224", "MODIS @128"):
        assert rows[f"{name}: 5-NN"]["sees"] == 100
        assert rows[f"{name}: 5-NN"]["blind: gain"] < -20
    assert rows["UC Merced @128: 5-NN"]["n"] == 8
    coasts = f"coasts, chips of {demo.CHIP_SIZE}: average precision"
    assert rows[coasts]["blind: gain"] + rows[coasts]["blind: 95% +-"] < 0


def test_choosing_needs_no_held_back_picture(tiny: Tiny) -> None:
    for file in (*tiny.module.eurosat(tiny.folder / "eurosat").queries, *tiny.folder.glob("ucmerced/*/*5?.jpg")):
        file.unlink()
    rows = tiny.measure("--choosing")
    assert rows["EuroSAT @64: 5-NN"]["sees"] == 100
    assert rows["UC Merced @128: 5-NN"]["n"] == 8
    islands = f"islands, chips of {demo.CHIP_SIZE}: precision@10"
    east, west = (tiny.module.globe(demo.CHIP_SIZE, east=east).tasks["islands"].sum() for east in (True, False))
    assert rows[islands]["n"] == west != east
