"""What a page shows while it has nothing to show: it loads, it failed, or the server is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from .conftest import PATIENCE, Site, Visit, offline

pytestmark = pytest.mark.slow

FAULT = {"error": {"code": "ServerError", "message": "the server made a mistake", "hint": "its log says which"}}


@pytest.fixture
def made(serve: Callable[..., Site], drawn: Path) -> Site:
    return serve(drawn)


def fail(page: Page, path: str) -> None:
    """From now on. A server that works fails at nothing by itself, hence the browser answers for it."""
    page.route(f"**/api/v1/{path}", lambda route: route.fulfill(status=500, json=FAULT))


SCREENS = {
    "/": ("project", "Drawn"),
    "/explore": ("chips?*", "Explore and find"),
    "/explore?views=likeness": ("map", "Explore and find"),
    "/tasks": ("tasks?*", "Label"),
    "/train": ("encoders", "Encoders"),
    "/datasets": ("datasets", "Datasets"),
    "/share": ("me", "People"),
}
"""A screen, a request that it lives on, and what stands above it when that was answered."""


@pytest.mark.parametrize("screen", SCREENS)
def test_failure_is_told_and_can_be_tried_again(made: Site, visit: Visit, screen: str) -> None:
    path, title = SCREENS[screen]
    page = visit(made.url)
    fail(page, path)
    page.goto(made.url + screen)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The server made a mistake.")
    expect(alert).to_contain_text("Its log says which.")
    page.unroute_all(behavior="wait")  # a request whose route went under it is answered by nobody
    alert.get_by_role("button", name="Try again").click()
    expect(alert).to_have_count(0)
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_attached()


def test_waiting_says_for_what_and_when_it_takes_long(made: Site, visit: Visit) -> None:
    page = visit(made.url)
    waiting: list[Route] = []
    page.route("**/api/v1/datasets", lambda route: waiting.append(route))  # noqa: PLW0108 - it is given an attribute
    page.clock.install()
    page.goto(f"{made.url}/datasets")
    status = page.get_by_role("main").get_by_role("status")
    expect(status).to_have_text("Loading the datasets…")
    page.clock.run_for(8_000)
    expect(status).to_contain_text("The server takes long to answer.")
    for route in waiting:
        route.continue_()
    expect(page.get_by_role("heading", name="Datasets", exact=True)).to_be_visible()


def test_server_on_this_machine_is_asked_while_there_is_no_network(made: Site, visit: Visit) -> None:
    page = visit(made.url)
    expect(page.get_by_role("heading", name="Drawn")).to_be_visible()
    page.evaluate("window.dispatchEvent(new Event('offline'))")  # what the browser says when the network goes
    page.get_by_role("link", name="Label", exact=True).click()
    page.get_by_role("button", name="New task").click()
    page.get_by_label("Question").fill("Is it red?")
    for name in ("yes", "no"):
        page.get_by_role("dialog").get_by_label("Classes").fill(name)
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Make the task").click()
    expect(page.get_by_role("heading", name="Is it red?")).to_be_visible()


def test_what_is_shown_stays_when_the_server_goes(made: Site, visit: Visit) -> None:
    page = visit(f"{made.url}/train")
    heading = page.get_by_role("heading", name="All encoders")
    expect(heading).to_be_visible()
    page.wait_for_load_state("networkidle")  # what is never shown may fail aloud
    refused: list[str] = []
    page.on("requestfailed", lambda request: refused.append(request.url))
    page.clock.install()
    with offline(page):
        page.clock.run_for(10_000)  # until what is shown counts as old
        page.evaluate("window.dispatchEvent(new Event('visibilitychange'))")  # somebody looks at it again
        deadline = time.monotonic() + PATIENCE / 1000
        while refused.count(f"{made.url}/api/v1/encoders") < 3:
            assert time.monotonic() < deadline, "it was not asked for again"
            page.clock.run_for(1_000)
        page.clock.run_for(1_000)  # three times it asked in vain: now it has given up
        expect(heading).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
