"""Getting imagery: a link to Worldview, a hundred chips to try, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from earthcurator.testing.gibs import FakeGibs

from .conftest import Site, Visit

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
