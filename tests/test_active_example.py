"""The documented search from one example to a dataset, on a part of the Blue Marble, and the demo's loop."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import earthcurator as ec
from earthcurator.demo import BATCH, CHIP_SIZE, START, STRIDE, Truth, answer_next, data_folder, island_task
from earthcurator.ingest import SceneOptions

EXAMPLE = Path(__file__).parent.parent / "examples" / "find_all.py"
EAST = ec.Box(west=30, south=-30, east=180, north=30)
PIXELS_PER_DEGREE = 15


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the chips of one part of the globe."""
    folder, box = tmp_path_factory.mktemp("example"), EAST
    with Image.open(data_folder() / "bmng.jpg") as globe:
        assert globe.width == 360 * PIXELS_PER_DEGREE
        left, top = (box.west + 180) * PIXELS_PER_DEGREE, (90 - box.north) * PIXELS_PER_DEGREE
        right, bottom = (box.east + 180) * PIXELS_PER_DEGREE, (90 - box.south) * PIXELS_PER_DEGREE
        globe.crop((int(left), int(top), int(right), int(bottom))).save(folder / "part.png")
    with ec.create(folder / "project") as project:
        scenes = SceneOptions(chip_size=CHIP_SIZE, stride=STRIDE, edge="drop", box=box)
        project.import_pictures([folder / "part.png"], scenes=scenes)
        project.embed()
    return folder / "project"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE))


def test_one_example_leads_to_advice_a_check_and_a_dataset(
    made: Path, example: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ec.open(made) as project:
        figures = example["find_all"](project, tmp_path / "dataset", check=20)
        truth = Truth(project)
        assert len(project.chips) > 1.3 * figures.labels  # it stopped before it had seen everything
    assert figures.islands == truth.islands > 10
    assert figures.checked == 20
    assert figures.found <= figures.islands
    assert figures.found >= 0.8 * figures.islands
    assert figures.exported == figures.labels + figures.checked
    found = {path.stem for path in (tmp_path / "dataset" / "island").iterdir()}
    others = {path.stem for path in (tmp_path / "dataset" / "other").iterdir()}
    assert len(found) == figures.found
    assert all(truth.is_island(chip) for chip in found)
    assert not any(truth.is_island(chip) for chip in others)
    assert "You may stop" in capsys.readouterr().out


def test_learner_finds_more_than_chance_and_a_second_run_adds_nothing(made: Path) -> None:
    with ec.open(made) as project:
        truth = Truth(project)
        island = truth.nearest_island(120, 0)
        task = project.tasks.create("Other islands?", ("island", "other"), references={"island": (island.id,)})
        for _ in range(3):
            project.learner(task).advance()
            answer_next(project, task, truth, BATCH)
        finds = project.search_of(task).outlook().finds
        assert finds.labels == 3 * BATCH
        assert finds.found > 1.5 * finds.labels * truth.islands / len(project.chips)
        example = truth.nearest_island(*START)
        assert island_task(project, example) == island_task(project, example)
