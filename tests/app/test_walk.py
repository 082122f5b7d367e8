"""The whole way through the app: one picture, sixty labels, the advice whether to stop, and a dataset to take home.

Its pictures are those of `docs/tutorial-app.md`: with `CURATOR_WALK_PICTURES` set, this writes them there.
"""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import geopandas
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from earthcurator.demo import Truth

from .conftest import ROOT, Site, Visit, press, saved, shown

pytestmark = pytest.mark.slow

LABELS = 60


def keep(page: Page, name: str) -> None:
    """A picture for the tutorial, where it is wanted."""
    if not os.environ.get("CURATOR_WALK_PICTURES"):
        return
    page.wait_for_load_state("networkidle")
    path = ROOT / "docs" / "images" / f"app-{name}.png"
    page.screenshot(path=path, animations="disabled")
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(200).save(path, optimize=True)


def test_from_one_picture_to_a_dataset(site: Site, visit: Visit, tmp_path: Path) -> None:
    truth = Truth(site.project)
    hawaii = truth.nearest_island(-156, 20.5)
    (tmp_path / "hawaii.png").write_bytes(site.project.chips.pictures([hawaii.id])[hawaii.id])
    page = visit(site.url, tour=True)
    expect(page.get_by_role("heading", name="Blue Marble")).to_be_visible()
    keep(page, "project")

    page.get_by_role("link", name="Explore and find").click()
    side = page.get_by_role("region", name="Like these", exact=True)
    side.locator("input[type=file]").set_input_files(tmp_path / "hawaii.png")
    expect(page.get_by_text("294 most alike of 294 chips")).to_be_visible()
    page.get_by_role("group", name="Views beside the grid").get_by_text("Map", exact=True).click()
    expect(page.get_by_text("294 of 294 chips with a place in view")).to_be_visible()
    keep(page, "find")

    for number in (0, 1):  # the two that are most alike show what is looked for
        page.get_by_role("gridcell").nth(number).get_by_role("button", name="Select").click()
    page.get_by_role("button", name="Select all shown").click()
    page.get_by_role("button", name="Make a task from these").click()
    page.get_by_label("Question").fill("Is there an island?")
    answers = page.get_by_role("dialog").get_by_label("Answers")
    for _ in range(2):
        answers.press("Backspace")
    for name in ("island", "other"):
        answers.fill(name)
        answers.press("Enter")
    keep(page, "task")
    page.get_by_role("button", name="Make the task and label").click()
    expect(page.get_by_role("dialog", name="Labelling in thirty seconds")).to_be_visible()
    keep(page, "tour")
    page.get_by_role("button", name="Skip the tour").click()

    (task,) = site.project.tasks.list()
    said = {}
    for number in range(LABELS):
        chip = shown(page)
        island = truth.is_island(chip)
        if number == 3:
            expect(page.get_by_text(f"3 of {len(site.project.chips)}")).to_be_visible()
            keep(page, "label")
        said[press(page, "y" if island else "n")] = ("island",) if island else ("other",)
    site.hears(task, said)
    saved(page)

    page.goto(f"{site.url}/tasks/{task.id}/insights")
    advice = page.get_by_role("region", name="May I stop?")
    expect(advice.get_by_text(site.project.search_of(task).outlook().advice.sentence)).to_be_visible()
    islands = sum(value == ("island",) for value in said.values())
    expect(page.get_by_role("region", name="Found so far")).to_contain_text(re.compile(rf"{islands}\s*of island"))
    keep(page, "insights")

    advice.get_by_role("link", name="Make a dataset").click()
    page.get_by_role("combobox", name="Format").click()
    page.get_by_role("option", name="GeoParquet with pictures").click()
    page.get_by_role("button", name="Make the dataset").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    keep(page, "datasets")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "dataset.zip")
    with zipfile.ZipFile(tmp_path / "dataset.zip") as archive:
        archive.extractall(tmp_path / "dataset")
    (table,) = (tmp_path / "dataset").rglob("*.parquet")
    read = geopandas.read_parquet(table)
    assert set(read["split"]) == {"train", "val", "test"}  # by place: chips at borders may be left out
    assert LABELS / 2 < len(read) <= LABELS
    assert read.crs.to_string() == "OGC:CRS84"
    assert all((name,) == said[chip] for chip, name in zip(read["chip"], read["label"], strict=True))
