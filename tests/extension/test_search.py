"""From a scene on Worldview to chips that look like it, and from there to other examples, to the app and to places."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from earthcurator.models import Box
from tests.gibs.conftest import TRUE_COLOUR

from .conftest import Browser, Server
from .steps import DAY, NEXT_DAY, WORLDVIEW, ask_for_scene, begin_anew, drag, eventually, marked, result, search

pytestmark = pytest.mark.slow

VIIRS = "VIIRS_SNPP_CorrectedReflectance_TrueColor"
CHIP = Box(west=-121.5, south=40.5, east=-117.0, north=45.0)
CORNERS = ((234, 1), (533, 300))
"""Where that chip of the project is on the screen."""


def examples(panel: Page) -> Locator:
    """What the search goes by, the newest first."""
    return panel.get_by_role("region", name="Examples").get_by_role("listitem")


def asks_by(positives: int, negatives: int) -> Callable[[Request], bool]:
    """Whether a request is a search by so many examples."""

    def is_it(request: Request) -> bool:
        asked = request.post_data_json if request.url.endswith("/api/v1/search") else None
        return asked is not None and (len(asked["positives"]), len(asked["negatives"])) == (positives, negatives)

    return is_it


def parameters(address: str) -> dict[str, str]:
    """What a link to Worldview says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


# -- marking and finding ---------------------------------------------------------------------------------------------


def test_the_toolbar_button_opens_the_panel_and_searches(browser: Browser, server: Server) -> None:
    browser.remember(server)
    page = browser.worldview()
    browser.click_toolbar()
    marked(page)
    drag(page, *CORNERS)
    page.keyboard.press("Enter")
    beside = "chrome.extension.getViews().find((view) => view.location.pathname === '/panel.html')"
    eventually(lambda: bool(browser.home.evaluate(f"!!{beside}?.document.querySelector('[role=gridcell]')")))
    text = browser.home.evaluate(f"{beside}.document.body.innerText")
    assert "most alike of 18" in text
    assert TRUE_COLOUR in text
    expect(page.locator("#curator-overlay")).to_have_count(0)


def test_the_chip_that_was_marked_comes_first(panel: Page, browser: Browser, server: Server) -> None:
    page = browser.worldview(t=f"{NEXT_DAY}-T00:00:00Z")
    hits = search(panel, page, *CORNERS)
    [chip] = server.project.chips.get([hits[0]["chip"]])
    assert chip.box == CHIP
    expect(result(panel, 1)).to_have_attribute(
        "aria-label", f"Result 1, likeness 1.00, {NEXT_DAY}, 42.8° N, 119.3° W, {TRUE_COLOUR}"
    )
    expect(examples(panel)).to_have_count(1)
    expect(examples(panel)).to_contain_text("42.8° N, 119.3° W")
    expect(examples(panel)).to_contain_text("from the archive")
    assert browser.refused == []


def test_the_rectangle_begins_as_a_chip_and_follows_pointer_and_map(panel: Page, browser: Browser) -> None:
    page = browser.worldview()
    frame = ask_for_scene(panel, page)
    words = page.locator("#curator-overlay").get_by_role("status")
    expect(words).to_have_text(f"{DAY} · 4.50 × 4.50° at 40.5, -119.0")
    drag(page, (400, 300), (500, 300))  # from its middle: it moves
    expect(words).to_have_text(f"{DAY} · 4.50 × 4.50° at 40.5, -117.5")
    box = frame.bounding_box()
    assert box
    corner = (int(box["x"] + box["width"]) - 4, int(box["y"] + box["height"]) - 4)
    drag(page, corner, (corner[0] + 100, corner[1] + 50))  # from its corner: it grows
    expect(words).to_have_text(f"{DAY} · 6.00 × 5.25° at 40.1, -116.8")
    page.mouse.wheel(0, -200)  # the map below zooms, and the rectangle is of less
    expect(words).not_to_contain_text("6.00")
    assert float(parameters(page.url)["v"].split(",")[0]) > -125
    page.keyboard.press("Escape")
    expect(page.locator("#curator-overlay")).to_have_count(0)
    expect(panel.get_by_role("button", name="Mark a scene")).to_be_visible()


def test_a_drawing_can_be_begun_anew_and_cancelled_from_the_panel(panel: Page, browser: Browser) -> None:
    page = browser.worldview()
    ask_for_scene(panel, page)
    begin_anew(browser, page)
    panel.get_by_role("button", name="Cancel").click()
    expect(page.locator("#curator-overlay")).to_have_count(0)
    ask_for_scene(panel, page)
    panel.bring_to_front()
    panel.keyboard.press("Escape")
    expect(page.locator("#curator-overlay")).to_have_count(0)
    ask_for_scene(panel, page)
    page.close()  # and the rectangle with it
    panel.get_by_role("button", name="Cancel").click()
    expect(panel.get_by_role("button", name="Mark a scene")).to_be_visible()


# -- examples and filters --------------------------------------------------------------------------------------------


def test_examples_are_for_and_against(panel: Page, browser: Browser) -> None:
    page = browser.worldview()
    search(panel, page)

    panel.get_by_role("button", name="Example of what it should not look like").click()
    marked(page)
    drag(page, (500, 300), (600, 400))
    with panel.expect_request(asks_by(1, 1)):
        page.keyboard.press("Enter")
    expect(examples(panel)).to_have_count(2)

    panel.bring_to_front()
    result(panel, 2).hover()
    with panel.expect_request(asks_by(2, 1)):
        result(panel, 2).get_by_role("button", name="More like this").click()
    expect(examples(panel)).to_have_count(3)
    expect(examples(panel).first).to_contain_text("a result")
    with panel.expect_request(asks_by(3, 0)):
        examples(panel).nth(1).get_by_role("button", name="Unlike this: turn to like").click()
    result(panel, 3).hover()
    with panel.expect_request(asks_by(3, 1)):
        result(panel, 3).get_by_role("button", name="Less like this").click()
    for left in (3, 2, 1, 0):
        examples(panel).first.get_by_role("button", name="Remove this example").click()
        expect(examples(panel)).to_have_count(left)
    expect(panel.get_by_role("button", name="Mark a scene")).to_be_visible()
    assert browser.refused == []


def shows_layer(browser: Browser, layer: str) -> bool:
    """Whether the only example is of this layer."""
    [sample] = browser.home.evaluate("chrome.storage.session.get('panel')")["panel"]["samples"]
    return bool(sample["layer"] == layer)


def test_another_layer_can_be_taken_of_the_same_scene(panel: Page, browser: Browser) -> None:
    search(panel, browser.worldview(l=f"{TRUE_COLOUR},{VIIRS}(hidden)"))
    layer = examples(panel).get_by_label("Layer of this example")
    expect(layer).to_have_value(TRUE_COLOUR)
    place = examples(panel).get_by_text("° N").text_content() or ""
    for wanted in (VIIRS, TRUE_COLOUR):  # the project has no chips of the first one: the map shows it
        layer.select_option(wanted)
        eventually(partial(shows_layer, browser, wanted))
        expect(layer).to_have_value(wanted)
        expect(examples(panel)).to_have_count(1)
        expect(examples(panel)).to_contain_text(place)
        expect(examples(panel)).to_contain_text("from the archive")
    assert browser.refused == []


def test_a_layer_that_cannot_be_had_leaves_the_example_as_it_was(panel: Page, browser: Browser) -> None:
    search(panel, browser.worldview(l=f"{TRUE_COLOUR},Nobody_Has_This(hidden)"))
    layer = examples(panel).get_by_label("Layer of this example")
    layer.select_option("Nobody_Has_This")
    expect(panel.get_by_role("alert")).to_contain_text("This project has no chips of Nobody_Has_This")
    expect(layer).to_have_value(TRUE_COLOUR)
    expect(examples(panel)).to_have_count(1)


def test_results_can_be_kept_to_any_layer_of_the_project(panel: Page, browser: Browser) -> None:
    search(panel, browser.worldview())
    panel.get_by_role("button", name="Filters").click()
    with panel.expect_request("**/api/v1/search") as asked:
        panel.get_by_label("Layer", exact=True).select_option(TRUE_COLOUR)
    assert json.loads(asked.value.post_data or "")["filter"]["layers"] == [TRUE_COLOUR]
    expect(panel.get_by_role("button", name="Filters (on)")).to_be_visible()


def test_redraw_replaces_the_last_scene(panel: Page, browser: Browser) -> None:
    page = browser.worldview()
    search(panel, page)
    before = browser.home.evaluate("chrome.storage.session.get('panel')")["panel"]["samples"]
    panel.get_by_role("button", name="Redraw").click()
    marked(page)
    drag(page, (500, 300), (600, 400))
    page.keyboard.press("Enter")
    eventually(lambda: browser.home.evaluate("chrome.storage.session.get('panel')")["panel"]["samples"] != before)
    expect(examples(panel)).to_have_count(1)


def test_filters_narrow_the_results_and_go_with_them_to_the_app(panel: Page, browser: Browser) -> None:
    page = browser.worldview()
    search(panel, page)
    expect(panel.get_by_text("18 most alike of 18")).to_be_visible()
    panel.get_by_role("button", name="Filters").click()
    panel.get_by_label("From").fill(NEXT_DAY)
    expect(panel.get_by_text("8 most alike of 8")).to_be_visible()
    panel.get_by_label("Only in the view as it is now").click(force=True)
    expect(panel.get_by_text("6 most alike of 6")).to_be_visible()
    opened = urlsplit(panel.get_by_role("link", name="Open in Curator").get_attribute("href") or "")
    assert opened.path == "/explore"
    asked = parse_qs(opened.query)
    assert asked["dates"][0].startswith(NEXT_DAY)
    assert [len(asked["like"]), len(asked["box"])] == [1, 1]
    panel.get_by_label("From").fill("2020-09-01")
    expect(panel.get_by_text("Nothing passes these filters")).to_be_visible()
    panel.get_by_role("button", name="Clear all filters").click()
    expect(panel.get_by_text("18 most alike of 18")).to_be_visible()


def test_the_list_can_be_kept(panel: Page, browser: Browser, tmp_path: Path) -> None:
    hits = search(panel, browser.worldview())
    with panel.expect_download() as table:
        panel.get_by_role("button", name="Export").click()
        panel.get_by_role("menuitem", name="CSV").click()
    table.value.save_as(tmp_path / "similar.csv")
    lines = (tmp_path / "similar.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == [hit["chip"] for hit in hits]
    with panel.expect_download() as points:
        panel.get_by_role("button", name="Export").click()
        panel.get_by_role("menuitem", name="GeoJSON").click()
    points.value.save_as(tmp_path / "similar.geojson")
    features = json.loads((tmp_path / "similar.geojson").read_text())["features"]
    assert [feature["id"] for feature in features] == [hit["chip"] for hit in hits]


# -- flying ----------------------------------------------------------------------------------------------------------


def fly(panel: Page, page: Page, number: int) -> dict[str, str]:
    """Fly to a result, and return what Worldview is asked to show."""
    result(panel, number).hover()
    with page.expect_request(f"{WORLDVIEW}?**") as flight:
        result(panel, number).get_by_role("button", name="Fly there on Worldview").click()
    page.wait_for_selector("[data-ready]")
    return parameters(flight.value.url)


def test_flying_shows_the_place_the_day_and_the_layer(panel: Page, browser: Browser, server: Server) -> None:
    page = browser.worldview(l=f"Coastlines_15m,{TRUE_COLOUR}(opacity=0.5),VIIRS_Other", e="stays")
    hits = search(panel, page, *CORNERS)
    at = next(number for number, hit in enumerate(hits, 1) if hit["time"].startswith(NEXT_DAY))
    [chip] = server.project.chips.get([hits[at - 1]["chip"]])
    assert chip.box
    asked = fly(panel, page, at)
    west, south, east, north = map(float, asked["v"].split(","))
    assert (west + east, south + north) == (chip.box.west + chip.box.east, chip.box.south + chip.box.north)
    assert east - west == 3 * (chip.box.east - chip.box.west)
    assert asked["t"] == f"{NEXT_DAY}-T00:00:00Z"
    assert asked["l"] == f"Coastlines_15m,{TRUE_COLOUR}(opacity=0.5),VIIRS_Other(hidden)"
    assert asked["e"] == "stays"
    assert "p" not in asked


def test_a_chip_of_the_polar_map_is_shown_on_it(panel: Page, browser: Browser, server: Server) -> None:
    page = browser.worldview()
    hits = search(panel, page)
    at = next(number for number, hit in enumerate(hits, 1) if hit["center"][1] > 75)
    panel.get_by_role("grid").focus()
    for _ in range(at - 1):
        panel.keyboard.press("ArrowRight")
    with page.expect_request(f"{WORLDVIEW}?**") as flight:
        panel.keyboard.press("Enter")
    page.wait_for_selector("[data-ready]")
    asked = parameters(flight.value.url)
    assert asked["p"] == "arctic"
    left, bottom, right, top = map(float, asked["v"].split(","))
    middle = page.evaluate("place => standIn.toDegrees(place)", [(left + right) / 2, (bottom + top) / 2])
    [chip] = server.project.chips.get([hits[at - 1]["chip"]])
    assert chip.box
    assert chip.box.west < middle[0] < chip.box.east
    assert chip.box.south < middle[1] < chip.box.north
    assert right - left == top - bottom == 3 * 128 * 8192 / 2**2


def test_without_worldview_a_tab_is_opened_for_it(panel: Page, browser: Browser) -> None:
    page = browser.worldview()
    search(panel, page)
    page.close()
    panel.get_by_role("button", name="Redraw").click()
    expect(panel.get_by_role("alert")).to_contain_text("No tab shows Worldview.")
    expect(panel.get_by_role("alert")).not_to_contain_text("Error")
    result(panel, 1).hover()
    with browser.context.expect_page() as opened:
        result(panel, 1).get_by_role("button", name="Fly there on Worldview").click()
    opened.value.wait_for_selector("[data-ready]")
    assert TRUE_COLOUR in parameters(opened.value.url)["l"]
