"""What people do with Worldview and the panel, in the words of the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Locator, Page, expect

from tests.app.conftest import until
from tests.gibs.conftest import TRUE_COLOUR

if TYPE_CHECKING:
    from .conftest import Browser

WORLDVIEW = "https://worldview.earthdata.nasa.gov/"
DAY_BEFORE, DAY, NEXT_DAY = "2020-08-15", "2020-08-16", "2020-08-17"
VIEW = (-125.0, 36.0, -113.0, 45.0)
WIDE, HIGH = 800, 600
"""What Worldview shows at first, and on how many pixels: the two have one shape, so that the map fills the window."""


def link(**asked: object) -> str:
    """A link to Worldview: California on a day, unless said otherwise."""
    usual = {"v": ",".join(map(str, VIEW)), "l": f"Coastlines_15m,{TRUE_COLOUR}", "t": f"{DAY}-T00:00:00Z"}
    return WORLDVIEW + "?" + "&".join(f"{name}={value}" for name, value in (usual | asked).items())


def eventually(happened: Callable[[], bool]) -> None:
    """Wait for something that no page shows, and fail if it does not happen."""
    until(happened)
    assert happened()


def marked(page: Page) -> Locator:
    """The rectangle over the map, once it is there."""
    frame = page.get_by_role("application", name="Marked scene")
    frame.wait_for()
    return frame


def begin_anew(browser: Browser, page: Page) -> None:
    """Click the button again, and wait until there is another rectangle in the place of the one that was there."""
    page.locator("#curator-overlay").evaluate("overlay => overlay.setAttribute('data-old', '')")
    browser.click_toolbar()
    expect(page.locator("#curator-overlay:not([data-old])")).to_have_count(1)
    expect(page.locator("#curator-overlay")).to_have_count(1)


def drag(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """With the mouse."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def ask_for_scene(panel: Page, page: Page) -> Locator:
    """Press the panel's button, and return the rectangle that appears on the map."""
    panel.get_by_role("button", name="Mark a scene").click()
    page.bring_to_front()
    return marked(page)


def search(
    panel: Page, page: Page, start: tuple[int, int] = (300, 100), end: tuple[int, int] = (420, 220)
) -> list[dict[str, Any]]:
    """Mark a part of the map, and return what is found."""
    ask_for_scene(panel, page)
    drag(page, start, end)
    with panel.expect_response("**/api/v1/search") as answer:
        page.keyboard.press("Enter")
    panel.bring_to_front()
    expect(panel.get_by_role("gridcell").first).to_be_visible()
    found: list[dict[str, Any]] = answer.value.json()["hits"]
    return found


def result(panel: Page, number: int) -> Locator:
    """One of the results, from 1."""
    return panel.get_by_role("gridcell", name=f"Result {number},")
