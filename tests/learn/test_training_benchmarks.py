"""The benchmarks of training run on tiny data, so that they never rot. lightly is not installed here, nor are the
weights of ImageNet: random ones stand for those."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from earthcurator.learn.lite0 import Lite0

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder laid out like EuroSAT: two classes of noise, of which one is dark."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    rng = np.random.default_rng(0)
    for number in range(120):
        folder = tmp_path / "data" / ("dark", "light")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, (100, 256)[number % 2], (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg")
    yield tmp_path / "data"
    for module in ("common", "label_saving", "ssl_quality", "starts", "training_speed"):
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


def test_ssl_quality_asks_before_and_after_training(tiny: Path, tmp_path: Path) -> None:
    from ssl_quality import main  # found through the fixture

    trunk = ["--init", "random", "--trunk", "resnet18-narrow", "--size", "32"]
    main(["--eurosat", str(tiny), *trunk, "--minutes", "0.02", "--batch", "8", "--seeds", "0", "--out", str(tmp_path)])
    (record,) = tmp_path.glob("ssl_quality_simclr_random_*_32px.json")
    rows = {row["encoder"]: row for row in json.loads(record.read_text())["figures"]["rows"]}
    words = "random resnet18-narrow"
    learned = f"{words}, simclr"
    assert list(rows) == ["RGB histogram", "packaged", f"{words}, untrained", f"{learned}, at 32 pixels", learned]
    assert rows["RGB histogram"]["knn"] > 90
    assert rows[learned]["epochs"] > 0


def test_label_saving_compares_all_ways_with_the_peer(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import label_saving  # found through the fixture

    trunk = Lite0().eval()
    torch.save(trunk.state_dict(), tmp_path / "trunk.pt")
    monkeypatch.setattr(label_saving, "imagenet_trunk", lambda: trunk)
    monkeypatch.setattr(label_saving, "_FEWEST_STEPS", 4)
    monkeypatch.setattr(label_saving, "_FEWEST_TUNED", 1)
    few = ["--each", "2", "6", "--asked", "40", "--seeds", "0", "--passes", "1"]
    options = ["--eurosat", str(tiny), "--trunk", str(tmp_path / "trunk.pt"), *few, "--out", str(tmp_path)]
    label_saving.main(options)
    figures = json.loads((tmp_path / "label_saving.json").read_text())["figures"]
    ways = {row["way"]: row for row in figures["rows"]}
    assert set(ways) == {
        label_saving.PEER,
        *(f"{name}, {how}" for name in ("self-supervised", "ImageNet") for how in ("linear", "fine-tuned")),
    }
    assert ways["ImageNet, linear"]["accuracy %"] > 60
    assert ways["ImageNet, linear"]["accuracy %"] == ways["self-supervised, linear"]["accuracy %"]
