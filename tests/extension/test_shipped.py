"""The extension as it is shipped: what it may do, what the stores get, and what it says when it may not ask."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, expect

from tests.app.conftest import ROOT

from .conftest import Server, chromium

pytestmark = pytest.mark.slow

WORLDVIEW_ONLY = ["https://worldview.earthdata.nasa.gov/*"]


@pytest.fixture(scope="module")
def pack() -> dict[str, Any]:
    """What `extension/pack.py` defines."""
    return runpy.run_path(str(ROOT / "extension" / "pack.py"))


def manifest(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return read


def test_it_asks_for_no_more_than_it_needs(shipped: Path, pack: dict[str, Any]) -> None:
    chrome = manifest(shipped)
    assert chrome["permissions"] == ["activeTab", "contextMenus", "scripting", "sidePanel", "storage"]
    assert chrome["host_permissions"] == WORLDVIEW_ONLY
    assert "content_scripts" not in chrome
    assert "script-src 'self';" in chrome["content_security_policy"]["extension_pages"]
    firefox = pack["for_firefox"](chrome)
    assert firefox["permissions"] == ["activeTab", "contextMenus", "scripting", "storage"]
    assert firefox["host_permissions"] == WORLDVIEW_ONLY
    assert firefox["sidebar_action"]["default_panel"] == "panel.html"
    assert firefox["background"] == {"scripts": ["sw.js"], "type": "module"}
    assert not {"side_panel", "minimum_chrome_version"} & firefox.keys()


def test_every_file_that_it_names_is_there(shipped: Path, pack: dict[str, Any]) -> None:
    for named in (manifest(shipped), pack["for_firefox"](manifest(shipped))):
        background = named["background"]
        pages = [named.get("side_panel", named.get("sidebar_action")), named["options_ui"]]
        files = [*named["icons"].values(), *background.get("scripts", [background.get("service_worker")]), "content.js"]
        files += [page[key] for page in pages for key in page if key in ("default_path", "default_panel", "page")]
        assert [file for file in files if not (shipped / file).is_file()] == []


def test_the_same_files_give_the_same_zip(shipped: Path, pack: dict[str, Any], tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        pack["_zip"](shipped, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_a_server_that_the_browser_does_not_allow_is_not_asked(
    playwright: Playwright, shipped: Path, standin: Path, server: Server, tmp_path: Path
) -> None:
    with chromium(playwright, shipped, standin, tmp_path) as browser:
        browser.remember(server)
        panel = browser.panel()
        expect(panel.get_by_text("The browser does not let Curator reach your server")).to_be_visible()
        expect(panel.get_by_role("button", name="Allow")).to_be_enabled()
        assert browser.faults == []
