"""For everybody: every screen in light and dark, on a phone and zoomed in, without motion, for ears and for keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Page, expect

from .conftest import ROOT, Site, Visit

pytestmark = pytest.mark.slow

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
FAULTS = """
axe.run({
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
  // An experimental rule, which takes the caption below a picture for the name of its cell.
  rules: { "label-content-name-mismatch": { enabled: false } },
}).then((found) =>
  found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 150)).join(" | ")}`))
"""
# A figure that is computed late enables buttons, whose colours then are those of neither state for a moment.
STILL = """
() => new Promise((done) => {
  const settled = () => { watcher.disconnect(); done(); };
  let timer = setTimeout(settled, 300);
  const watcher = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(settled, 300); });
  watcher.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
})
"""
WIDER = "() => document.documentElement.scrollWidth > window.innerWidth"


@pytest.fixture
def screens(serve: Callable[[Path], Site], drawn: Path) -> dict[str, str]:
    """The address of every screen, of a project in which all of them have something to show."""
    site = serve(drawn)
    api = httpx.Client(base_url=f"{site.url}/api/v1")
    chips = [chip.id for chip in site.project.chips.all()]
    task = site.task("Is it red?", "yes", "no", references={"yes": tuple(chips[:2])}, opinions=2)
    leases = api.post(f"/tasks/{task.id}/leases", json={"count": 15}).json()["leases"]
    labels = [
        {"id": uuid4().hex, "chip": lease["chip"]["id"], "decision": "label", "value": [("yes", "no")[at % 2]]}
        for at, lease in enumerate(leases)
    ]
    assert api.post(f"/tasks/{task.id}/labels", json={"labels": labels}).status_code == 200
    made = api.post("/jobs", json={"kind": "export", "parameters": {"task": task.id, "format": "csv", "policy": "any"}})
    assert made.status_code == 202, made.text
    here = f"/tasks/{task.id}"
    addresses = {
        "Project": "/",
        "Get imagery": "/imagery?place=-10,30,10,45",
        "Explore": f"/explore?like=chip:{chips[0]}&unlike=chip:{chips[1]}&dates=2020&views=likeness,world,time",
        "A chip": f"/explore?chip={chips[0]}",
        "Tasks": "/tasks",
        "Label": f"{here}/label",
        "Nine at once": f"{here}/label?mode=grid",
        "Review": f"{here}/review",
        "Insights": f"{here}/insights",
        "Encoders": "/train",
        "Datasets": "/datasets",
        "People": "/share",
        "Settings": "/settings",
        "Sign in": "/join#cur_nothing",
        "Nothing there": "/no/such/screen",
    }
    return {name: site.url + path for name, path in addresses.items()}


def each(page: Page, screens: dict[str, str]) -> Iterator[str]:
    """Go to one screen after the other, and wait until it is all there."""
    for name, address in screens.items():
        page.goto(address)
        expect(page.get_by_role("main")).not_to_be_empty()
        expect(page.get_by_role("main").locator(".mantine-Loader-root")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        page.evaluate(STILL)
        yield name


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_screen_is_accessible(screens: dict[str, str], visit: Visit, colours: str) -> None:
    assert AXE.is_file(), "axe is not installed: python hatch_build.py ci"
    axe = AXE.read_text(encoding="utf-8")
    page = visit(next(iter(screens.values())), reduced_motion="reduce", color_scheme=colours)
    wrong = []
    for name in each(page, screens):
        page.evaluate(axe)  # by the debugger, to which the content security policy does not apply
        expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", colours)
        wrong += [f"{name}: {fault}" for fault in page.evaluate(FAULTS)]
    assert not wrong


@pytest.mark.parametrize(("what", "width", "height"), [("phone", 320, 568), ("zoomed to 200 %", 640, 400)])
def test_no_screen_scrolls_sideways(screens: dict[str, str], visit: Visit, what: str, width: int, height: int) -> None:
    """A window of 1280 pixels that is zoomed to 200 % has 640 of CSS."""
    page = visit(next(iter(screens.values())), viewport={"width": width, "height": height})
    wrong = [name for name in each(page, screens) if page.evaluate(WIDER)]
    assert not wrong


def test_nothing_moves_for_those_who_want_it_still(screens: dict[str, str], visit: Visit) -> None:
    page = visit(screens["Label"], reduced_motion="reduce")
    card = page.locator(".label-card")
    box = card.bounding_box()
    assert box
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 180, box["y"] + 100, steps=4)
    expect(card).to_have_attribute("data-lean", "right")  # it says where it leans to, and stays
    expect(card).to_have_css("transform", "none")
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.up()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    lasting = "() => document.getAnimations().filter((one) => one.effect.getComputedTiming().duration > 1).length"
    assert page.evaluate(lasting) == 0


def test_screens_are_named_for_those_who_listen(screens: dict[str, str], visit: Visit) -> None:
    """Each has one main part and a heading; the tab is named; what was answered is said."""
    page = visit(screens["Label"])
    expect(page.get_by_role("img", name="Picture: ")).to_be_visible()
    page.keyboard.press("y")
    expect(page.locator("[aria-live=polite]").filter(has_text="Answered yes. Now:")).to_have_count(1)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type("datasets")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Datasets – Curator")
    expect(page.get_by_role("main")).to_be_focused()
    for name in each(page, screens):
        assert page.get_by_role("main").count() == 1, name
        assert page.get_by_role("main").get_by_role("heading").count() > 0, name
