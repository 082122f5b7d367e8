"""The panel goes on where it was, whatever the browser ends meanwhile."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from .conftest import Browser, Server
from .steps import begin_anew, drag, marked, result, search

pytestmark = pytest.mark.slow


def kill_worker(browser: Browser) -> None:
    """What browsers do to a service worker that has had nothing to do for half a minute."""
    workers = browser.targets("service_worker")
    assert workers
    browser.end(workers)


def test_the_search_is_still_there_after_all_scripts_were_ended(browser: Browser, server: Server) -> None:
    task = server.task(*(chip.id for chip in server.project.chips.all()))
    browser.remember(server, task=task)
    panel = browser.panel()
    search(panel, browser.worldview())
    first = result(panel, 1).get_attribute("aria-label") or ""
    result(panel, 1).hover()
    result(panel, 1).get_by_role("button", name="smoke", exact=True).click()
    panel.get_by_role("button", name="Filters").click()
    panel.get_by_label("From").fill("2020-08-01")
    expect(panel.get_by_text("✓ 1 ✗ 0 ? 0 saved")).to_be_visible()
    kill_worker(browser)
    panel.reload()
    expect(result(panel, 1)).to_have_attribute("aria-label", f"{first}, smoke")
    expect(panel.get_by_text("✓ 1 ✗ 0 ? 0 saved")).to_be_visible()
    expect(panel.get_by_label("From")).to_have_value("2020-08-01")
    result(panel, 1).hover()
    result(panel, 1).get_by_role("button", name="smoke: take it back").click()
    expect(panel.get_by_text("✓ 0 ✗ 0 ? 0 saved")).to_be_visible()
    assert server.stands(task) == {}


def test_a_server_on_this_computer_is_asked_while_there_is_no_network(panel: Page, browser: Browser) -> None:
    expect(panel.get_by_role("button", name="Mark a scene")).to_be_visible()
    panel.evaluate("window.dispatchEvent(new Event('offline'))")  # what the browser says when the network goes
    search(panel, browser.worldview())


def test_a_scene_is_taken_though_the_worker_ended_while_it_was_drawn(panel: Page, browser: Browser) -> None:
    page = browser.worldview()
    browser.click_toolbar()
    marked(page)
    kill_worker(browser)
    drag(page, (300, 100), (420, 220))
    page.keyboard.press("Enter")
    expect(panel.get_by_role("gridcell").first).to_be_visible()


def test_a_scene_that_was_taken_before_the_panel_opened_is_not_lost(browser: Browser, server: Server) -> None:
    page = browser.worldview()
    browser.click_toolbar()
    marked(page)
    drag(page, (300, 100), (420, 220))
    page.keyboard.press("Enter")
    panel = browser.panel()
    expect(panel.get_by_text("Connect to your Curator server")).to_be_visible()
    browser.remember(server)
    expect(panel.get_by_role("gridcell").first).to_be_visible()


def test_a_second_gesture_begins_anew(panel: Page, browser: Browser) -> None:
    page = browser.worldview()
    browser.click_toolbar()
    marked(page)
    kill_worker(browser)
    begin_anew(browser, page)
    page.keyboard.press("Escape")
    expect(page.locator("#curator-overlay")).to_have_count(0)
    expect(panel.get_by_role("button", name="Mark a scene")).to_be_visible()
