"""Searching from NASA Worldview: by a link, by a bookmark, and by an extension that is paired with the project."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

import earthcurator as ec
from earthcurator.settings import Settings
from earthcurator.testing.gibs import FakeGibs, Faults

from .conftest import Site, Visit, made_once

pytestmark = pytest.mark.slow

TERRA = "MODIS_Terra_CorrectedReflectance_TrueColor"
WORLDVIEW = "https://worldview.earthdata.nasa.gov/"
SCENE = "Aug 16, 2020 · 40.500° N, 117.000° W"
"""Where the middle of a view is, to the pixel."""
GIVE = """
(target, [kind, text]) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  target.dispatchEvent(kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}
"""


@pytest.fixture
def gibs() -> Iterator[FakeGibs]:
    with FakeGibs() as server:
        yield server


@pytest.fixture
def sky(
    serve: Callable[[Path], Site],
    gibs: FakeGibs,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    """A server of sixteen chips that came from the fake, which it still asks."""
    monkeypatch.setenv("CURATOR_SOURCE", gibs.url)
    monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CURATOR_MEGABITS_PER_SECOND", "10000")

    def make(folder: Path) -> None:
        settings = Settings(cache=folder.with_name("linked-cache"))  # what it fetched, no test has at hand
        with ec.create(folder, name="Sky", settings=settings) as made:
            box = ec.Box(west=-126, south=36, east=-108, north=45)
            made.download(TERRA, box, "2020-08-16/2020-08-17", zoom=4, chip_size=128, min_valid=0)
            made.embed()

    return serve(made_once(tmp_path_factory, "linked", make))


def link(*, layers: str = f"Coastlines_15m,{TERRA}(opacity=0.5)", day: str = "2020-08-16") -> str:
    return f"{WORLDVIEW}?v=-122,38,-112,43&l={layers}&lg=false&t={day}-T00:00:00Z"


def like(page: Page) -> Locator:
    return page.get_by_role("region", name="Like these", exact=True)


def asked(page: Page) -> dict[str, list[str]]:
    """What the address says."""
    return parse_qs(urlsplit(page.url).query)


def test_typed_link_becomes_an_example_by_keys_alone(sky: Site, visit: Visit) -> None:
    page = visit(f"{sky.url}/explore")
    button = like(page).get_by_role("button", name="Worldview")
    button.focus()
    page.keyboard.press("Enter")
    field = page.get_by_label("Link to NASA Worldview")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(field).to_be_focused()
    page.keyboard.type("https://example.org/")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is no link to Worldview")).to_be_visible()
    field.fill(link())
    page.keyboard.press("Enter")
    expect(like(page).get_by_alt_text("Example 1")).to_be_visible()
    expect(like(page).get_by_text(TERRA)).to_be_visible()
    expect(like(page).get_by_text(SCENE)).to_be_visible()
    expect(page.get_by_text("16 most alike of 16 chips")).to_be_visible()
    (example,) = asked(page)["like"]
    picture = httpx.get(f"{sky.url}/api/v1/examples/{example.removeprefix('picture:')}")
    assert picture.status_code == 200
    page.reload()
    expect(like(page).get_by_text(SCENE)).to_be_visible()


@pytest.mark.parametrize(("way", "side"), [("paste", "Like these"), ("drop", "Not like these")])
def test_link_is_pasted_or_dropped(sky: Site, visit: Visit, way: str, side: str) -> None:
    page = visit(f"{sky.url}/explore")
    here = page.get_by_role("region", name=side, exact=True)
    here.evaluate(GIVE, [way, "https://example.org/"])
    here.evaluate(GIVE, [way, link()])
    expect(here.get_by_text(SCENE)).to_be_visible()
    assert list(asked(page)) == ["like" if way == "paste" else "unlike"]


def test_address_with_a_link_becomes_one_with_an_example(sky: Site, visit: Visit) -> None:
    page = visit(f"{sky.url}/explore?most=5&worldview={quote(link(), safe='')}")
    expect(like(page).get_by_text(SCENE)).to_be_visible()
    expect(page.get_by_text("5 most alike of 16 chips")).to_be_visible()
    assert set(asked(page)) == {"like", "most"}
    page.get_by_role("link", name="Project").click()
    page.go_back()
    expect(like(page).get_by_alt_text("Example 1")).to_be_visible()
    expect(like(page).get_by_alt_text("Example 2")).to_have_count(0)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (link(layers="Some_Other_Layer"), f"This project has no chips of.*Some_Other_Layer.*it has {TERRA}"),
        (link(day="1980-01-01"), "1980-01-01.*2000-02-24"),
        ("https://example.org/?a=1", "is not.*copy the address"),
    ],
    ids=["layer", "date", "another page"],
)
def test_link_that_cannot_be_used_is_explained(sky: Site, visit: Visit, address: str, said: str) -> None:
    page = visit(f"{sky.url}/explore?worldview={quote(address, safe='')}")
    alert = page.get_by_role("alert")
    expect(alert).to_have_text(re.compile(said, re.IGNORECASE | re.DOTALL))
    page.get_by_role("button", name="Search without it").click()
    expect(alert).to_have_count(0)
    expect(page.get_by_text("16 chips", exact=True)).to_be_visible()
    assert asked(page) == {}


def test_source_that_is_away_is_asked_again(sky: Site, gibs: FakeGibs, visit: Visit) -> None:
    gibs.faults = Faults(error_500=1, max_fails=1000)
    page = visit(f"{sky.url}/explore")
    like(page).evaluate(GIVE, ["paste", link()])
    expect(page.get_by_role("alert")).to_be_visible()
    gibs.faults = Faults()
    page.get_by_role("button", name="Try again").click()
    expect(like(page).get_by_text(SCENE)).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_bookmark_brings_what_worldview_shows(sky: Site, visit: Visit) -> None:
    """It is run as a browser runs it: decoded, in the page of Worldview."""
    page = visit(f"{sky.url}/settings")
    bookmark = page.get_by_role("link", name="Find in Curator").get_attribute("href")
    assert bookmark
    assert page.get_by_label("make a bookmark with this address").input_value() == bookmark
    worldview = page.context.new_page()
    worldview.route(f"{WORLDVIEW}**", lambda route: route.fulfill(body="a map", content_type="text/html"))
    worldview.goto(link())
    with page.context.expect_page() as opened:
        worldview.evaluate("code => { (0, eval)(decodeURIComponent(code)); }", bookmark.removeprefix("javascript:"))
    expect(like(opened.value).get_by_text(SCENE)).to_be_visible()


def test_browser_is_paired_by_a_code_and_let_go(sky: Site, visit: Visit) -> None:
    page = visit(f"{sky.url}/settings")
    page.get_by_role("button", name="Pair a browser").click()
    code = page.get_by_label("Pairing code").input_value()
    assert re.fullmatch(r"[2-9A-Z]{4}-[2-9A-Z]{4}", code)
    expect(page.get_by_label("Server address")).to_have_value(sky.url)
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"^(10:00|9:\d\d)$"))
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    extension = httpx.Client(base_url=f"{sky.url}/api/v1", headers={"Origin": "chrome-extension://" + "a" * 32})
    claimed = extension.post("/pairings/claim", json={"code": code, "name": "Ada's laptop"})
    assert claimed.status_code == 201
    expect(page.get_by_text("Paired", exact=True)).to_be_visible()
    expect(page.get_by_role("row", name="Ada's laptop")).to_contain_text("Chrome or Edge")
    extension.headers["Authorization"] = f"Bearer {claimed.json()['token']}"
    assert extension.get("/project").status_code == 200
    page.get_by_role("button", name="Revoke: Ada's laptop").click()
    expect(page.get_by_role("table", name="Paired browsers, and codes that wait")).to_have_count(0)
    assert extension.get("/project").status_code == 401


def test_code_that_nobody_typed_runs_out(sky: Site, visit: Visit) -> None:
    page = visit(f"{sky.url}/settings")
    page.clock.install()
    page.get_by_role("button", name="Pair a browser").click()
    before = page.get_by_label("Pairing code").input_value()
    page.clock.fast_forward("10:05")
    sky.later(timedelta(seconds=605))
    expect(page.get_by_text("The code has expired")).to_be_visible()
    page.get_by_role("button", name="Make a new one").click()
    expect(page.get_by_label("Pairing code")).to_be_visible()
    assert page.get_by_label("Pairing code").input_value() != before
