"""For everybody: the panel, the settings and the rectangle, in light and dark, without faults that axe finds."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.app.test_access import AXE, FAULTS, WIDER

from .conftest import Browser, Server
from .steps import ask_for_scene, link, marked, result, search

pytestmark = pytest.mark.slow


def check(page: Page) -> None:
    """What is on the screen now."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(FAULTS) == []
    assert not page.evaluate(WIDER)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_page_is_accessible(browser: Browser, server: Server, colours: Literal["light", "dark"]) -> None:
    task = server.task(*(chip.id for chip in server.project.chips.all()))
    panel = browser.panel()
    panel.emulate_media(color_scheme=colours)
    expect(panel.get_by_role("button", name="Connect")).to_be_visible()
    check(panel)
    options = browser.options()
    options.emulate_media(color_scheme=colours)
    expect(options.get_by_label("Pairing code")).to_be_visible()
    check(options)
    options.get_by_label("Pairing code").fill("AAAA2222")
    options.get_by_label("Server address").fill(server.url)
    options.get_by_role("button", name="Connect").click()
    expect(options.get_by_role("alert")).to_be_visible()
    check(options)

    browser.remember(server, task=task)
    expect(options.get_by_role("button", name="Test connection")).to_be_visible()
    check(options)
    expect(panel.get_by_role("button", name="Mark a scene")).to_be_visible()
    check(panel)
    page = browser.worldview()
    ask_for_scene(panel, page)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(FAULTS.replace("axe.run(", "axe.run('#curator-overlay', ", 1)) == []
    page.keyboard.press("Escape")

    search(panel, page)
    panel.get_by_role("button", name="Filters").click()
    result(panel, 1).hover()
    result(panel, 1).get_by_role("button", name="smoke", exact=True).click()
    expect(panel.get_by_text("✓ 1 ✗ 0 ? 0 saved")).to_be_visible()
    check(panel)
    panel.set_viewport_size({"width": 320, "height": 640})  # as narrow as a side panel gets
    check(panel)
    page.goto(link(t="1990-01-01"))
    panel.get_by_role("button", name="Redraw").click()
    marked(page)
    page.keyboard.press("Enter")
    expect(panel.get_by_role("alert")).to_be_visible()
    check(panel)
