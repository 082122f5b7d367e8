"""Connecting to a server, and each way in which the connection can be no good."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

import earthcurator as ec

from .conftest import Browser, Server
from .steps import search

pytestmark = pytest.mark.slow


def connect(options: Page, server: str, code: str) -> None:
    options.get_by_label("Server address").fill(server)
    options.get_by_label("Pairing code").fill(code)
    options.get_by_role("button", name="Connect").click()


def test_a_code_connects_and_forgetting_ends_it(browser: Browser, server: Server) -> None:
    task = server.task(*(chip.id for chip in server.project.chips.all()))
    code = server.code()
    options = browser.options()
    connect(options, server.url.removeprefix("http://"), f"{code[:4].lower()}-{code[4:]}")  # as people type
    expect(options.get_by_role("heading", name="Connected to Sky")).to_be_visible()
    [pairing] = server.project.records.pairings.list()
    assert (pairing.origin, pairing.name) == (browser.origin, "Worldview extension")
    options.get_by_role("button", name="Test connection").click()
    expect(options.get_by_role("status")).to_have_text(f"It works: Curator {ec.__version__}, 18 chips.")
    options.get_by_label("Labels go to").select_option(task.id)
    panel = browser.panel()
    expect(panel.get_by_role("heading", name="Curator · Sky")).to_be_visible()
    assert browser.home.evaluate("chrome.storage.local.get('connection')")["connection"]["task"] == task.id
    options.get_by_role("button", name="Forget this server").click()
    expect(options.get_by_role("button", name="Connect")).to_be_visible()
    expect(panel.get_by_text("Connect to your Curator server")).to_be_visible()
    assert browser.home.evaluate("chrome.storage.local.get(null)") == {}
    assert browser.refused == []


def test_what_is_wrong_with_an_address_or_a_code_is_said(browser: Browser, server: Server) -> None:
    options = browser.options()
    alert = options.get_by_role("alert")
    connect(options, "ftp://here", "AAAA2222")
    expect(alert).to_contain_text("“ftp://here” is not an address.")
    connect(options, "127.0.0.1:9", "AAAA2222")
    expect(alert).to_contain_text("Nothing answers at http://127.0.0.1:9/")
    connect(options, server.project.settings.source or "", "AAAA2222")
    expect(alert).to_contain_text("is not Curator")
    connect(options, server.url, "AAAA2222")
    expect(alert).to_contain_text("This code is wrong, was used or has expired.")
    options.get_by_label("Pairing code").fill("AAAA")
    expect(options.get_by_role("button", name="Connect")).to_be_disabled()
    assert browser.refused[-1] == "401 POST /api/v1/pairings/claim"


def test_a_server_of_another_version_is_not_used(
    browser: Browser, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.remember(server)
    monkeypatch.setattr(ec, "__version__", "7.0.1")
    panel = browser.panel()
    expect(panel.get_by_text("The server is Curator 7.0.1;")).to_be_visible()
    browser.home.evaluate("chrome.storage.local.clear()")
    options = browser.options()
    connect(options, server.url, server.code())
    expect(options.get_by_role("alert")).to_contain_text("The server is Curator 7.0.1, which this extension does not")


def test_a_pairing_that_was_revoked_is_said_to_be(browser: Browser, server: Server) -> None:
    task = server.task(*(chip.id for chip in server.project.chips.all()))
    browser.remember(server, task=task)
    panel = browser.panel()
    search(panel, browser.worldview())
    server.revoke_all()
    panel.get_by_role("grid").focus()
    panel.keyboard.press("y")
    expect(panel.get_by_text("The server no longer knows this browser")).to_be_visible()
    assert server.stands(task) == {}
    with browser.context.expect_page() as opened:
        panel.get_by_role("button", name="Pair again").click()
    options = opened.value
    options.get_by_role("button", name="Test connection").click()
    expect(options.get_by_role("alert")).to_contain_text("Forget this server, and connect again with a new code.")
    options.get_by_role("button", name="Forget this server").click()
    connect(options, f"{server.url}/settings", server.code())  # as people copy it
    expect(options.get_by_role("heading", name="Connected to Sky")).to_be_visible()
    expect(panel.get_by_role("button", name="Mark a scene")).to_be_visible()


def test_a_server_that_is_away_is_asked_again_on_wish(browser: Browser, mortal: Server) -> None:
    browser.remember(mortal)
    mortal.stop()
    panel = browser.panel()
    expect(panel.get_by_role("alert")).to_contain_text(f"The server at {mortal.url}/ does not answer.")
    expect(panel.get_by_role("alert")).to_contain_text("curator serve")
    expect(panel.get_by_role("button", name="Try again")).to_be_enabled()
