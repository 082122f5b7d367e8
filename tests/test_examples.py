"""The examples that are notebooks run from the first cell to the last, on less than in the notebooks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from earthcurator.demo import data_folder
from earthcurator.pictures import decode
from earthcurator.testing.blue_marble import LAYER, BlueMarbleGibs

ROOT = Path(__file__).parent.parent


def run(name: str, **settings: str) -> dict[str, Any]:
    """Run an example with other values for some of the names that it sets, and return all that it defined."""
    tree = ast.parse((ROOT / "examples" / f"{name}.py").read_text())
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=set_here)]) if set_here in settings:
                statement.value = ast.parse(settings.pop(set_here), mode="eval").body
    assert not settings, f"{name} does not set {', '.join(settings)}"
    defined: dict[str, Any] = {"__name__": name}
    exec(compile(ast.fix_missing_locations(tree), name, "exec"), defined)
    return defined


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Examples write below the current folder, cache nothing of a person's, and draw without a window."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
    mpl.use("template")
    yield
    plt.close("all")


def test_server_of_the_blue_marble_gives_the_globe_in_tiles_and_black_beyond_it() -> None:
    with Image.open(data_folder() / "bmng.jpg") as picture:
        globe = np.asarray(picture.resize((640, 320), Image.Resampling.LANCZOS), np.int16)
    with BlueMarbleGibs() as gibs:
        address = f"{gibs.url}/wmts/epsg4326/best/{LAYER}/default/500m/0/0/"
        tiles = [decode(urlopen(f"{address}{column}.jpg").read()) for column in (0, 1)]
    mosaic = np.concatenate(tiles, axis=1).astype(np.int16)
    assert np.abs(mosaic[:320, :640] - globe).mean() < 3
    assert mosaic[330:].max() < 8
    assert mosaic[:, 650:].max() < 8


@pytest.mark.slow
def test_notebook_from_gibs_to_an_encoder_runs(capsys: pytest.CaptureFixture[str]) -> None:
    defined = run("gibs_to_encoder", PLACE="ec.Box(west=90, south=-18, east=162, north=36)", EPOCHS="0.5", QUERIES="5")
    assert defined["report"].chips + defined["report"].asked <= 192 == len(defined["every"])
    assert len(defined["encoders"]) == (2 if defined["report"].encoder else 1)
    assert defined["shares"].keys() == defined["encoders"].keys()
    assert defined["shares"]["packaged"] > len(defined["islands"]) / len(defined["every"])
    assert "192 chips, 192 of them new" in capsys.readouterr().out


@pytest.mark.slow
def test_notebook_from_pictures_to_labels_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    defined = run("ssl_to_labels", CHIP_SIZE="96", EPOCHS="0.2", MOST_LABELS="200")
    assert defined["outlook"].finds.labels == 200
    assert defined["outlook"].finds.found > 2 * 200 * defined["truth"].islands / len(defined["project"].chips)
    assert (tmp_path / "ssl-to-labels" / "dataset" / "train" / "island").is_dir()
    assert "islands; chips drawn blindly" in capsys.readouterr().out
