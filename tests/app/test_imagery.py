"""Getting imagery: the demo, a link to Worldview, a box on the map, a hundred chips to try, and files of one's own."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

import earthcurator as ec
from earthcurator.testing.gibs import FakeGibs
from tests.conftest import picture

from .conftest import PICTURES, Site, Visit, drag, until

pytestmark = pytest.mark.slow

TERRA = "MODIS_Terra_CorrectedReflectance_TrueColor"
LINK = f"https://worldview.earthdata.nasa.gov/?p=arctic&v=-900000,-900000,900000,900000&l={TERRA}&t=2020-08-16"


@pytest.fixture
def near(serve: Callable[[Path], Site], drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server whose imagery comes from this machine."""
    with FakeGibs() as gibs:
        monkeypatch.setenv("CURATOR_SOURCE", gibs.url)
        monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("CURATOR_MEGABITS_PER_SECOND", "10000")
        yield serve(drawn)


def test_pasted_link_brings_projection_layer_and_day(near: Site, visit: Visit) -> None:
    page = visit(f"{near.url}/imagery")
    place = page.get_by_label("Or say it")
    place.fill(LINK)
    place.press("Enter")
    expect(page.get_by_role("radio", name="Arctic", exact=True)).to_be_checked()
    expect(page.get_by_label("From")).to_have_value("2020-08-16")
    expect(page.get_by_role("region", name="What it takes")).to_contain_text(TERRA)
    expect(page.get_by_role("region", name="What and when").get_by_role("checkbox", checked=True)).to_have_count(1)


def test_hundred_chips_are_tried_before_the_rest(near: Site, visit: Visit) -> None:
    address = f"/imagery?place=-125,10,-50,60&layers={TERRA}&from=2020-08-16&to=2020-08-17&zoom=5&valid=0"
    page = visit(f"{near.url}{address}")
    before = len(near.project.chips)
    page.get_by_role("button", name="Try 100 first").click()
    job = page.get_by_role("article", name="Get imagery")
    expect(job.get_by_text("Done: 100 chips")).to_be_visible()
    assert len(near.project.chips) == before + 100
    job.get_by_role("button", name="Get the rest").click()
    expect(job.get_by_text("100 here already")).to_be_visible()
    assert len(near.project.chips) > before + 100


def test_demo_is_one_click_away_on_the_first_visit(
    serve: Callable[..., Site], tmp_path: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earthcurator.demo.STRIDE", 640)  # fewer chips than the real one has
    ec.create(tmp_path / "empty", name="Mine").close()
    page = visit(serve(tmp_path / "empty").url)
    expect(page.get_by_text("This project is empty.")).to_be_visible()
    page.get_by_role("button", name="Open the demo").click()
    page.get_by_role("link", name="Find examples").click()
    expect(page.get_by_role("grid").locator("img").first).to_be_visible()


@pytest.mark.parametrize("map_", ["World", "Arctic", "Antarctic"])
def test_box_drawn_on_a_map_is_asked_for_in_its_projection(near: Site, visit: Visit, map_: str) -> None:
    page = visit(f"{near.url}/imagery?layers={TERRA}&from=2020-08-16&to=2020-08-16")
    page.get_by_text(map_, exact=True).click()
    page.get_by_role("button", name="Draw a box").click()
    with page.expect_request("**/api/v1/imagery/estimate") as asked:
        drag(page, page.get_by_role("application"), (0.45, 0.4), (0.55, 0.6))
    order = json.loads(asked.value.post_data or "")
    if map_ == "World":
        west, south, east, north = order["bbox"]
        assert order["crs"] == "EPSG:4326"
        assert west == pytest.approx(-east, abs=1)
        assert south == pytest.approx(-north, abs=1)
        assert 0 < north < 90
    else:
        assert order["crs"] == {"Arctic": "EPSG:3413", "Antarctic": "EPSG:3031"}[map_]
        (edge,) = order["region"]["coordinates"]
        assert {longitude // 90 for longitude, _ in edge} == {-2, -1, 0, 1}  # around the pole
        corners = [latitude for _, latitude in edge[::8]]
        assert all(40 < latitude < 90 if map_ == "Arctic" else -90 < latitude < -40 for latitude in corners)
        assert max(corners) - min(corners) < 1  # as far from it
    expect(page.get_by_role("region", name="What it takes")).to_contain_text("chips")


def test_zip_file_of_class_folders_becomes_chips(
    serve: Callable[..., Site], drawn: Path, visit: Visit, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        for number in range(100, 104):
            picture(number, side=64).save(tmp_path / "one.png")
            archive.write(tmp_path / "one.png", f"mine/{('smoke', 'clear')[number % 2]}/{number}.png")
    site = serve(drawn)
    page = visit(f"{site.url}/imagery")
    own = page.get_by_role("region", name="Your own pictures")
    own.locator("input[type=file]").set_input_files(tmp_path / "mine.zip")
    expect(own.get_by_text("Sent. It is being imported: see Activity.")).to_be_visible()
    until(lambda: len(site.project.chips) == PICTURES + 4)
    page.goto(f"{site.url}/explore?folder=smoke")
    expect(page.get_by_text("2 chips pass the filters")).to_be_visible()
