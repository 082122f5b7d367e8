"""What is marked is what is searched by: on every map of Worldview, however it is turned or compared."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.gibs.conftest import TRUE_COLOUR

from .conftest import Browser
from .steps import DAY, DAY_BEFORE, NEXT_DAY, ask_for_scene, drag

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("asked", "crs", "time", "turns"),
    [
        ({}, "EPSG:4326", DAY, 0),
        ({"p": "arctic", "v": "-2000000,-1500000,2000000,1500000"}, "EPSG:3413", DAY, 0),
        ({"p": "arctic", "v": "-2000000,-1500000,2000000,1500000", "r": "30"}, "EPSG:3413", DAY, 0),
        ({"p": "antarctic", "v": "-2000000,-1500000,2000000,1500000"}, "EPSG:3031", DAY, 0),
        ({"ca": "false", "l1": TRUE_COLOUR, "t1": NEXT_DAY}, "EPSG:4326", NEXT_DAY, 0),
        ({"v": "176,-9,200,9"}, "EPSG:4326", DAY_BEFORE, 1),
        ({"v": "-200,-9,-176,9"}, "EPSG:4326", NEXT_DAY, -1),
    ],
    ids=["geographic", "arctic", "turned", "antarctic", "side B", "beyond 180", "beyond -180"],
)
def test_what_is_marked_is_fetched(
    panel: Page, browser: Browser, asked: dict[str, str], crs: str, time: str, turns: int
) -> None:
    page = browser.worldview(**asked)
    frame = ask_for_scene(panel, page)
    drag(page, (330, 210), (450, 300))
    box = frame.bounding_box()
    assert box
    corners = [(x, y) for x in (box["x"], box["x"] + box["width"]) for y in (box["y"], box["y"] + box["height"])]
    places = [page.evaluate("pixel => standIn.placeOf(pixel)", corner) for corner in corners]
    with panel.expect_response("**/api/v1/examples/worldview") as answer:
        page.keyboard.press("Enter")
    capture = answer.value.json()
    assert capture["crs"] == crs
    assert capture["time"][:10] == time
    xs, ys = [x - 360 * turns for x, _ in places], [y for _, y in places]
    pixel = (capture["rectangle"][2] - capture["rectangle"][0]) / capture["width"]
    assert capture["rectangle"] == pytest.approx([min(xs), min(ys), max(xs), max(ys)], abs=pixel)
    assert browser.refused == []
