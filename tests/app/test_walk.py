"""The whole way through the app: one picture, sixty labels, the advice whether to stop, and a dataset to take home.

Its pictures are those of `docs/tutorial-app.md`: with `CURATOR_WALK_PICTURES` set, this writes them there.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from itertools import filterfalse
from pathlib import Path
from uuid import uuid4

import geopandas
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from earthcurator.demo import Truth
from earthcurator.models import Label
from earthcurator.testing.gibs import FakeGibs

from .conftest import ROOT, Site, Visit, press, saved, shown, until

pytestmark = pytest.mark.slow

LABELS = 60
TERRA = "MODIS_Terra_CorrectedReflectance_TrueColor"
LONG = 240_000
"""Milliseconds for what learns: many tests share few processors."""


def keep(page: Page, name: str) -> None:
    """A picture for the tutorial, where it is wanted."""
    if not os.environ.get("CURATOR_WALK_PICTURES"):
        return
    page.wait_for_load_state("networkidle")
    expect(page.locator(".mantine-Notification-root")).to_have_count(0)
    page.wait_for_function("() => [...document.images].every((one) => one.complete)")
    path = ROOT / "docs" / "images" / f"app-{name}.webp"
    with Image.open(BytesIO(page.screenshot(animations="disabled"))) as picture:
        picture.convert("RGB").save(path, quality=90, method=6)  # satellite pictures have more colours than a palette
    assert path.stat().st_size < 150_000


def test_from_one_picture_to_a_dataset(site: Site, visit: Visit, tmp_path: Path) -> None:
    truth = Truth(site.project)
    hawaii = truth.nearest_island(-156, 20.5)
    (tmp_path / "hawaii.png").write_bytes(site.project.chips.pictures([hawaii.id])[hawaii.id])
    page = visit(site.url, tour=True)
    expect(page.get_by_role("heading", name="Blue Marble")).to_be_visible()
    expect(page.get_by_role("main").locator("img")).to_have_count(14)
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
    expect(page.locator(".label-card img.now")).to_be_visible()
    keep(page, "tour")
    page.get_by_role("button", name="Skip the tour").click()

    (task,) = site.project.tasks.list()
    said, pictured = {}, False
    for number in range(LABELS):
        chip = shown(page)
        island = truth.is_island(chip)
        if island and number >= 3 and not pictured:
            expect(page.get_by_text(f"{number} of {len(site.project.chips)}")).to_be_visible()
            keep(page, "label")
            pictured = True
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


@pytest.fixture
def lab(serve: Callable[[Path], Site], marble: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server of the Blue Marble whose imagery comes from this machine."""
    with FakeGibs() as gibs:
        monkeypatch.setenv("CURATOR_SOURCE", gibs.url)
        monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
        yield serve(marble)


def test_beside_the_way_imagery_colleagues_a_second_look_and_a_classifier(lab: Site, visit: Visit) -> None:
    address = f"{lab.url}/imagery?place=-125,37,-118,42&layers={TERRA}&from=2020-08-16&to=2020-08-18"
    page = visit(address, reduced_motion="reduce")  # lists do not open while what holds them still unfolds
    expect(page.get_by_role("region", name="What it takes")).to_contain_text("At most")
    expect(page.get_by_role("button", name="Try 100 first")).to_be_enabled()
    source = page.get_by_text(", catalogue of ")
    source.evaluate("one => { one.textContent = one.textContent.replace(/^[^,]*/, 'NASA GIBS') }")  # as readers see it
    keep(page, "imagery")
    page.get_by_role("button", name="More options").click()
    page.get_by_role("combobox", name="Cloud layer").click()
    page.get_by_role("option", name="None").click()

    task, wrong = two_opinions(lab)
    page.goto(f"{lab.url}/tasks/{task}/review")
    expect(page.get_by_text(re.compile(rf"1 of {wrong}|{wrong} "))).not_to_have_count(0)
    keep(page, "review")

    page.goto(f"{lab.url}/tasks/{task}/insights")
    page.get_by_role("link", name="Make a classifier").click()
    expect(page.get_by_role("combobox", name="Labels of")).to_have_value(re.compile("Is there an island"))
    page.get_by_role("button", name="Make a classifier").click()
    report = page.get_by_role("region", name="Report: Make a classifier")
    expect(report.get_by_role("row", name=re.compile("Accuracy"))).to_contain_text("%", timeout=LONG)
    expect(page.get_by_role("article", name="is-there-an-island-linear")).to_contain_text("Tells island, other apart")
    report.scroll_into_view_if_needed()
    picture = report.get_by_role("img", name=re.compile("Confusion matrix"))
    until(lambda: bool(picture.evaluate("image => image.complete && image.naturalWidth > 0")))
    assert picture.evaluate("image => image.naturalWidth") > 0
    keep(page, "train")

    page.goto(f"{lab.url}/share")
    page.get_by_label("Your name").fill("Olga")
    page.get_by_role("button", name="Make my account").click()
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_role("img", name=re.compile("QR"))).to_be_visible()
    keep(page, "share")


def two_opinions(site: Site) -> tuple[str, int]:
    """A task of which two people answered all islands and some other chips, and in how many they differ."""
    truth = Truth(site.project)
    task = site.task(opinions=2)
    chips = [chip.id for chip in site.project.chips.all()]
    islands, others = list(filter(truth.is_island, chips)), list(filterfalse(truth.is_island, chips))[::4]
    mistakes = set(islands[:4])  # bo overlooks these
    for chip in (*islands, *others):
        for who in ("ana", "bo"):
            island = truth.is_island(chip) != (who == "bo" and chip in mistakes)
            site.project.tasks.store.put(
                Label(
                    id=uuid4().hex, task=task.id, chip=chip, annotator=who, decision="label",
                    value=("island" if island else "other",), time=datetime.now(UTC),
                )
            )  # fmt: skip
    return task.id, len(mistakes)
