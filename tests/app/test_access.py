"""For everybody: screens and windows in light and dark, on a phone and zoomed in, without motion, for ears and keys.

Screens are gone to as the app itself does, without loading it anew, and looked at in every way while they are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Page, expect

from .conftest import ROOT, Site, Visit, serving

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
COUNT_REQUESTS = """
window.waiting = 0;
const ask = window.fetch;
window.fetch = (...what) => {
  window.waiting++;
  return ask(...what).finally(() => window.waiting--);
};
"""
# A figure that is computed late enables buttons, whose colours then are those of neither state for a moment.
STILL = """
(milliseconds) => new Promise((done) => {
  let timer;
  const look = () => {
    const main = document.querySelector("main");
    if (!main?.innerText.trim() || main.querySelector(".mantine-Loader-root") || window.waiting > 0) return wait();
    watcher.disconnect();
    done();
  };
  const wait = () => { clearTimeout(timer); timer = setTimeout(look, milliseconds); };
  const watcher = new MutationObserver(wait);
  watcher.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  wait();
})
"""
# Colours take a moment from dark to light, and are those of neither meanwhile.
UNCHANGING = """
() => !document.getAnimations().some((each) => each instanceof CSSTransition && each.playState === "running")
"""
WIDER = "() => document.documentElement.scrollWidth > window.innerWidth"
WHOLE, ZOOMED, PHONE = (1280, 800), (640, 400), (320, 568)
"""Windows: of 1280 pixels zoomed to 200 %, there are 640 of CSS."""


def tour(page: Page) -> None:
    page.keyboard.press("?")
    page.get_by_role("button", name="See the tour again").click()


SCREENS = {
    "find": ("Project", "Get imagery", "Explore", "A chip", "Nothing there"),
    "label": ("Tasks", "Label", "Nine at once", "Review", "Insights"),
    "share": ("Encoders", "Datasets", "People", "Settings", "Sign in"),
}
WINDOWS: dict[str, dict[str, Callable[[Page], None]]] = {
    "Project": {
        "Activity": lambda page: page.get_by_role("button", name="Activity").click(),
        "Commands": lambda page: page.keyboard.press("Control+k"),
        "Shortcuts": lambda page: page.keyboard.press("?"),
    },
    "Tasks": {"New task": lambda page: page.get_by_role("button", name="New task").click()},
    "Label": {"Tour": tour},
    "Datasets": {"Data card": lambda page: page.get_by_role("button", name="Data card").click()},
}
"""What opens over the screens."""


@pytest.fixture(scope="module")
def site(static: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A project of which every screen has something to show. What is said in it changes nothing of that."""
    with serving(drawn, tmp_path_factory.mktemp("access") / "project", static) as site:
        api = httpx.Client(base_url=f"{site.url}/api/v1")
        chips = [chip.id for chip in site.project.chips.all()]
        task = site.task("Is it red?", "yes", "no", references={"yes": tuple(chips[:2])}, opinions=2)
        leases = api.post(f"/tasks/{task.id}/leases", json={"count": 15}).json()["leases"]
        labels = [
            {"id": uuid4().hex, "chip": lease["chip"]["id"], "decision": "label", "value": [("yes", "no")[at % 2]]}
            for at, lease in enumerate(leases)
        ]
        assert api.post(f"/tasks/{task.id}/labels", json={"labels": labels}).status_code == 200
        asked = {"task": task.id, "format": "csv", "policy": "any"}
        made = api.post("/jobs", json={"kind": "export", "parameters": asked})
        assert made.status_code == 202, made.text
        yield site


@pytest.fixture(scope="module")
def screens(site: Site) -> dict[str, str]:
    """The path of every screen."""
    chips = [chip.id for chip in site.project.chips.all()]
    (task,) = site.project.tasks.list()
    here = f"/tasks/{task.id}"
    return {
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


def go(page: Page, path: str) -> None:
    page.evaluate("path => history.pushState(null, '', path)", path)
    page.evaluate(STILL, 250)


def seen_by_axe(page: Page) -> list[str]:
    """What is wrong, in light and in dark."""
    wrong: list[str] = []
    for colours in ("dark", "light"):
        page.emulate_media(color_scheme=colours)
        expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", colours)
        page.evaluate(STILL, 100)
        page.wait_for_function(UNCHANGING)
        wrong += [f"{fault}, in {colours}" for fault in page.evaluate(FAULTS)]
    return wrong


def scrolls_sideways(page: Page) -> list[str]:
    """In which windows one has to."""
    wrong: list[str] = []
    for width, height in (ZOOMED, PHONE, WHOLE):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(STILL, 100)
        wrong += [f"scrolls sideways at {width} pixels"] if page.evaluate(WIDER) else []
    return wrong


def unnamed(page: Page) -> list[str]:
    """Each screen has one main part and a heading, and the tab a name."""
    main = page.get_by_role("main")
    named = main.count() == 1 and main.get_by_role("heading").count() > 0 and page.title().endswith(" – Curator")
    return [] if named else [f"is not named: {page.title()}"]


@pytest.mark.parametrize("part", SCREENS)
def test_every_screen_and_window_is_for_everybody(site: Site, screens: dict[str, str], visit: Visit, part: str) -> None:
    assert AXE.is_file(), "axe is not installed: python hatch_build.py ci"
    page = visit(site.url, reduced_motion="reduce", color_scheme="light", script=COUNT_REQUESTS)
    page.evaluate(AXE.read_text(encoding="utf-8"))  # by the debugger, to which the content security policy is nothing
    wrong = []
    titles = set()
    for name in SCREENS[part]:
        go(page, screens[name])
        titles.add(page.title())
        found = [*unnamed(page), *seen_by_axe(page), *scrolls_sideways(page)]
        wrong += [f"{name}: {fault}" for fault in found]
        for window, opening in WINDOWS.get(name, {}).items():
            opening(page)
            page.evaluate(STILL, 250)
            wrong += [f"{window}: {fault}" for fault in seen_by_axe(page)]
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)
    assert not wrong
    assert len(titles) >= 4  # what is shown in the same screen has its name


def test_nothing_moves_for_those_who_want_it_still(site: Site, screens: dict[str, str], visit: Visit) -> None:
    page = visit(site.url + screens["Label"], reduced_motion="reduce")
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


def test_what_was_answered_and_where_one_is_are_said(site: Site, screens: dict[str, str], visit: Visit) -> None:
    page = visit(site.url + screens["Label"])
    expect(page.get_by_role("img", name="Picture: ")).to_be_visible()
    page.keyboard.press("y")
    expect(page.locator("[aria-live=polite]").filter(has_text="Answered yes. Now:")).to_have_count(1)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type("datasets")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Datasets – Curator")
    expect(page.get_by_role("main")).to_be_focused()
