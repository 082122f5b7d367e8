"""When the server cannot fetch what was marked, the map's own picture is taken, else a picture of the screen. The panel
says which, and why; and what no picture helps with is said instead.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from earthcurator import pictures
from earthcurator.testing.gibs import FakeGibs, Faults
from tests.gibs.conftest import TRUE_COLOUR

from .conftest import Browser, Server
from .steps import ask_for_scene, drag, eventually, marked

pytestmark = pytest.mark.slow

ELSEWHEN = {"t": "2015-05-05"}
"""A day that no cache has."""
LACKED = {"l": "VIIRS_SNPP_CorrectedReflectance_TrueColor"}
CORNERS = ((200, 150), (400, 300))


@pytest.fixture
def down(gibs: FakeGibs) -> Iterator[None]:
    """NASA's archive has a bad day."""
    gibs.faults = Faults(error_503=1, max_fails=1_000_000)
    yield
    gibs.faults = Faults()


def take(panel: Page, page: Page) -> None:
    ask_for_scene(panel, page)
    drag(page, *CORNERS)
    page.keyboard.press("Enter")


def says(panel: Page, *words: str) -> None:
    """Of the example."""
    for text in words:
        expect(panel.get_by_role("region", name="Examples").get_by_role("listitem")).to_contain_text(text)


def check_picture(browser: Browser, server: Server) -> None:
    """It is of the part that was marked: red goes from left to right over the map, green from the bottom to the top."""
    found = browser.home.evaluate("chrome.storage.session.get('panel')")["panel"]["samples"][0]["example"]["example"]
    picture = pictures.decode(server.client.get(f"/examples/{found}").content)
    high, wide = picture.shape[:2]
    assert wide / high == pytest.approx(200 / 150, abs=0.02)
    corners = np.array([picture[3, 3, :2], picture[-4, -4, :2]]) / 255
    assert corners == pytest.approx(np.array([[0.25, 0.75], [0.5, 0.5]]), abs=0.02)


def test_what_the_project_has_no_chips_of_is_read_from_the_map(panel: Page, browser: Browser, server: Server) -> None:
    take(panel, browser.worldview(**LACKED))
    says(panel, "from the map", "This project has no chips of what the link shows")
    expect(panel.get_by_role("gridcell").first).to_be_visible()
    check_picture(browser, server)


def test_of_what_was_read_from_the_map_the_archive_gives_another_layer(panel: Page, browser: Browser) -> None:
    take(panel, browser.worldview(**LACKED))
    says(panel, "from the map")
    panel.get_by_label("Layer of this example").select_option(TRUE_COLOUR)
    says(panel, "from the archive")
    expect(panel.get_by_label("Layer of this example")).to_have_value(TRUE_COLOUR)


def test_a_polar_scene_that_is_read_from_the_map_has_a_place(panel: Page, browser: Browser) -> None:
    take(panel, browser.worldview(p="arctic", v="-2000000,-1500000,2000000,1500000", **LACKED))
    says(panel, "from the map", "84.2° N, 171.9° W")


def test_while_the_archive_is_down_the_map_is_read(panel: Page, browser: Browser, server: Server, down: None) -> None:
    take(panel, browser.worldview(**ELSEWHEN))
    says(panel, "from the map", "Not from the archive:", "It does not answer at the moment.", "41.6° N, 120.5° W")
    check_picture(browser, server)


def test_a_map_that_may_not_be_read_is_cut_from_the_screen(browser: Browser, server: Server) -> None:
    browser.remember(server)
    panel = browser.panel()
    page = browser.worldview(**LACKED)
    page.evaluate("standIn.taint()")
    browser.click_toolbar()  # which allows a picture of the tab
    marked(page)
    drag(page, *CORNERS)
    page.keyboard.press("Enter")
    says(
        panel,
        "from the screen",
        "This project has no chips of what the link shows",
        "The map shows pictures of another site",
    )
    check_picture(browser, server)


def test_a_map_without_a_canvas_is_cut_from_the_screen(browser: Browser, server: Server) -> None:
    browser.remember(server)
    panel = browser.panel()
    page = browser.worldview(**LACKED)
    page.evaluate("standIn.clear()")
    browser.click_toolbar()
    marked(page)
    drag(page, *CORNERS)
    page.keyboard.press("Enter")
    says(panel, "from the screen", "The map has no canvas that can be read.")


def test_a_screen_that_shows_something_else_by_now_is_not_read(browser: Browser, server: Server) -> None:
    page = browser.worldview(**LACKED)
    page.evaluate("standIn.taint()")
    browser.click_toolbar()
    marked(page)
    drag(page, *CORNERS)
    page.keyboard.press("Enter")
    expect(page.locator("#curator-overlay")).to_have_count(0)
    eventually(lambda: "drawn" in browser.home.evaluate("chrome.storage.session.get(null)"))
    page.keyboard.press("ArrowRight")  # which shows another day
    panel = browser.panel()
    browser.remember(server)
    expect(panel.get_by_role("alert")).to_contain_text("The tab shows something else by now. Draw again.")
    expect(panel.get_by_role("listitem")).to_have_count(0)
    panel.get_by_role("button", name="Draw again").click()
    marked(page)
    expect(panel.get_by_role("alert")).to_have_count(0)


def test_a_screen_that_may_not_be_read_says_how_to_allow_it(panel: Page, browser: Browser) -> None:
    page = browser.worldview(**LACKED)
    page.evaluate("standIn.taint()")
    take(panel, page)
    alert = panel.get_by_role("alert")
    expect(alert).to_contain_text("This project has no chips of what the link shows")
    expect(alert).to_contain_text("Or click Curator's button in the toolbar")
    expect(panel.get_by_role("button", name="Try again")).to_have_count(0)
    panel.get_by_role("button", name="Leave it").click()
    expect(panel.get_by_role("button", name="Mark a scene")).to_be_visible()


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        ({"t": "1990-01-01"}, "1990-01-01", "2000-02-24"),
        ({"t": "2020-12-25"}, "There is no imagery of", "Choose another place or date"),
        ({"t": "2001-06-20"}, "2001-06-20", "2001-06-14 or 2001-07-03"),
        ({"l": ""}, "The link shows no imagery.", "Switch a layer on in Worldview"),
        ({"v": "-125,36,-124.999,36.001"}, "pixel", ""),
    ],
    ids=["before the layer begins", "a day without imagery", "in a gap of the layer", "no layer", "too small"],
)
def test_what_no_picture_helps_with_is_said(
    panel: Page, browser: Browser, asked: dict[str, str], message: str, hint: str
) -> None:
    take(panel, browser.worldview(**asked))
    expect(panel.get_by_role("alert")).to_contain_text(message)
    expect(panel.get_by_role("alert")).to_contain_text(hint)
    expect(panel.get_by_role("listitem")).to_have_count(0)


def test_an_address_that_cannot_be_read_is_said_on_the_map(panel: Page, browser: Browser) -> None:
    page = browser.worldview(t="2020-13-45")
    ask_for_scene(panel, page)
    words = page.locator("#curator-overlay").get_by_role("status")
    expect(words).to_contain_text("2020-13-45 in the link is not a time")
    page.keyboard.press("Enter")
    expect(words).to_be_visible()


def test_a_page_without_a_map_is_said_to_have_none(panel: Page, browser: Browser) -> None:
    page = browser.worldview()
    page.evaluate("document.querySelector('#map').remove()")
    panel.bring_to_front()
    panel.get_by_role("button", name="Mark a scene").click()
    expect(panel.get_by_role("alert")).to_contain_text("The map is not there yet.")


def test_a_server_that_has_gone_is_said_and_the_scene_waits_for_it(browser: Browser, mortal: Server) -> None:
    browser.remember(mortal)
    panel = browser.panel()
    page = browser.worldview()
    ask_for_scene(panel, page)
    mortal.stop()
    drag(page, *CORNERS)
    page.keyboard.press("Enter")
    expect(panel.get_by_role("alert")).to_contain_text("does not answer")
    expect(panel.get_by_role("alert")).to_contain_text("curator serve")
    assert "drawn" in browser.home.evaluate("chrome.storage.session.get(null)")
    expect(panel.get_by_role("button", name="Try again")).to_be_visible()
