"""The gestures that begin a search beside the toolbar's button: the context menu and the keys.

No test can press the keys of a browser without a window, nor open its menus. What the browser has registered is asked
of it, and what it tells the extension when somebody uses them is told by the service worker's own events.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .conftest import Browser
from .steps import WORLDVIEW, drag, marked

pytestmark = pytest.mark.slow


def tab_of_worldview(browser: Browser) -> dict[str, Any]:
    """What the browser tells an extension of it."""
    found: list[dict[str, Any]] = browser.home.evaluate("url => chrome.tabs.query({ url })", f"{WORLDVIEW}*")
    [tab] = found
    return tab


def tell_worker(browser: Browser, event: str, *words: object) -> None:
    """An event of the browser, as the service worker hears it."""
    browser.worker().evaluate(f"chrome.{event}.dispatch(...{json.dumps(words)})")


def test_the_browser_has_the_keys_and_the_menu(browser: Browser) -> None:
    commands = browser.home.evaluate("chrome.commands.getAll()")
    assert [(command["name"], command["shortcut"]) for command in commands] == [("_execute_action", "Alt+Shift+S")]
    browser.worker().evaluate("chrome.contextMenus.update('find-similar', {})")  # fails where there is none of the name


@pytest.mark.parametrize("gesture", ["menu", "keys"])
def test_each_gesture_lays_the_rectangle_over_the_map(panel: Page, browser: Browser, gesture: str) -> None:
    page = browser.worldview()
    tab = tab_of_worldview(browser)
    if gesture == "menu":
        tell_worker(browser, "contextMenus.onClicked", {"menuItemId": "find-similar", "pageUrl": page.url}, tab)
    else:
        tell_worker(browser, "action.onClicked", tab)  # what the browser makes of `_execute_action`
    marked(page)
    drag(page, (300, 100), (420, 220))
    page.keyboard.press("Enter")
    expect(panel.get_by_role("gridcell").first).to_be_visible()
    assert browser.refused == []


def test_on_another_site_a_gesture_draws_nothing(panel: Page, browser: Browser) -> None:
    tell_worker(browser, "action.onClicked", {"id": 1, "windowId": 1, "url": "https://example.org/"})
    expect(panel.get_by_role("button", name="Mark a scene")).to_be_visible()
    assert "drawing" not in browser.home.evaluate("chrome.storage.session.get(null)")
