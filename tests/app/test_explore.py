"""Finding: the grid, the map of likeness, the world and the timeline are views of one query and one selection."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from earthcurator.models import Task
from tests.conftest import picture
from tests.web.conftest import START

from .conftest import PATIENCE, PICTURES, Site, Visit, drag

pytestmark = pytest.mark.slow

DROP = """
(target, [name, bytes, kind]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
}
"""


def grid(page: Page) -> Locator:
    return page.get_by_role("grid")


def found(page: Page) -> list[str]:
    """The chips that the grid shows, in its order."""
    expect(grid(page).locator("img").first).to_be_visible()
    sources = grid(page).locator("img").evaluate_all("all => all.map(one => one.getAttribute('src'))")
    return [source.split("/chips/")[1].split("/")[0] for source in sources]


def asked(page: Page) -> dict[str, list[str]]:
    """What the address says."""
    return parse_qs(urlsplit(page.url).query)


def test_grid_reaches_the_last_of_a_million_by_key_and_by_scroll_bar(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}/explore?demo=1000000")
    expect(page.get_by_text("1,000,000 chips")).to_be_visible()
    grid(page).focus()
    page.keyboard.press("End")
    last = page.get_by_role("gridcell", name="Chip 1000000", exact=False)
    expect(last).to_be_in_viewport(ratio=0.9)
    expect(last.locator("img")).to_be_visible()
    page.keyboard.press("Home")
    expect(page.get_by_role("gridcell", name=re.compile("^Chip 1,"))).to_be_in_viewport(ratio=0.9)
    grid(page).evaluate("one => one.scrollTop = one.scrollHeight")
    expect(last).to_be_in_viewport(ratio=0.9)


def test_lasso_selects_what_is_labelled_and_taken_back(site: Site, visit: Visit) -> None:
    task = site.task()
    page = visit(f"{site.url}/explore?views=likeness")
    likeness = page.get_by_role("region", name="Map of likeness")
    expect(likeness.get_by_text("294 of 294 chips in view")).to_be_visible()
    likeness.get_by_text("Lasso", exact=True).click()
    drag(page, likeness.locator("canvas"), (0.01, 0.01), (0.5, 0.01), (0.5, 0.99), (0.01, 0.99))
    selection = page.get_by_role("region", name="Selection")
    expect(selection.get_by_text(re.compile(r"^\d+ chips selected"))).to_be_visible()
    some = int(selection.get_by_role("status").inner_text().split()[0])
    assert 0 < some < 294
    selection.get_by_role("button", name="Label", exact=True).click()
    page.get_by_role("menuitem", name="island").click()
    expect(page.get_by_text(f"{some} chips: island")).to_be_visible()
    assert len(site.said(task)) == some
    labelled = page.get_by_role("gridcell", name=re.compile("island$"))
    expect(labelled.first).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Taken back")).to_be_visible()
    assert site.said(task) == {}
    expect(labelled).to_have_count(0)


def test_map_of_likeness_is_never_seen_empty(site: Site, visit: Visit) -> None:
    """A canvas of a new size is empty. It must be drawn again before the browser paints, not a frame later."""
    page = visit(f"{site.url}/explore?views=likeness")
    expect(page.get_by_text("294 of 294 chips in view")).to_be_visible()
    page.evaluate(
        """() => {
          const canvas = document.querySelector("section[aria-label='Map of likeness'] canvas");
          window.seen = [];  // after each change of the size: whether there is a point
          new MutationObserver(() => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            window.seen.push(data.some((value) => value !== 0));
          }).observe(canvas, { attributeFilter: ["width", "height"] });
        }"""
    )
    page.set_viewport_size({"width": 1100, "height": 700})
    page.wait_for_function("() => window.seen.length > 0")
    assert all(page.evaluate("() => window.seen"))


def test_lasso_over_a_million_selects_what_it_holds(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}/explore?demo=1000000&views=likeness")
    likeness = page.get_by_role("region", name="Map of likeness")
    expect(likeness.get_by_text("1,000,000 of 1,000,000 chips in view")).to_be_visible()
    likeness.get_by_text("Lasso", exact=True).click()
    drag(page, likeness.locator("canvas"), (0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99))
    expect(page.get_by_role("region", name="Selection").get_by_role("status")).to_have_text("1,000,000 chips selected")


@pytest.mark.parametrize("map_", ["World", "Arctic", "Antarctic"])
def test_drawn_box_is_the_filter(site: Site, visit: Visit, map_: str) -> None:
    """A square at the middle of each map: around the point of zero degrees, or around a pole."""
    page = visit(f"{site.url}/explore?views=world")
    world = page.get_by_role("region", name="World map")
    world.get_by_text(map_, exact=True).click()
    canvas = world.get_by_role("application")
    expect(world.get_by_text(re.compile(r"of 294 chips with a place in view"))).to_be_visible()
    world.get_by_role("button", name="Draw a box").click()
    with page.expect_response(re.compile(r"/api/v1/chips\?.*bbox=")) as answer:
        drag(page, canvas, (0.45, 0.4), (0.55, 0.6))
    west, south, east, north = (
        float(edge) for edge in parse_qs(urlsplit(answer.value.url).query)["bbox"][0].split(",")
    )
    if map_ == "World":
        assert west == pytest.approx(-east, abs=5)
        assert south == pytest.approx(-north, abs=5)
        assert 0 < north < 90
        assert 0 < east < 90
    else:  # the whole turn, down to the latitude of the square's corners
        assert (west, east) == (-180, 180)
        assert (north == 90 and 40 < south < 90) if map_ == "Arctic" else (south == -90 and -90 < north < -40)
    expect(page.get_by_text(f"{answer.value.json()['total']} chips pass the filters")).to_be_visible()
    assert asked(page)["box"] == [answer.value.request.url.split("bbox=")[1].split("&")[0].replace("%2C", ",")]


def test_box_over_the_dateline_finds_both_sides(site: Site, visit: Visit) -> None:
    """Typed; with the map moved so far that the dateline is in its middle, drawn."""
    page = visit(f"{site.url}/explore?views=world")
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Place").fill("170, -20, -170, 20")
    page.get_by_label("Place").press("Enter")
    expect(page.get_by_text(re.compile(r"^\d+ chips pass the filters"))).to_be_visible()
    assert asked(page)["box"] == ["170,-20,-170,20"]
    places = {chip.id: chip.box.center[0] for chip in site.project.chips.all() if chip.box}
    shown = [places[chip] for chip in found(page)]
    assert min(shown) < -165
    assert max(shown) > 165
    assert all(abs(place) > 165 for place in shown)
    world = page.get_by_role("application")
    drag(page, world, (0.7, 0.15), (0.25, 0.15))  # by half the world to the east
    page.get_by_role("button", name="Draw a box").click()
    drag(page, world, (0.3, 0.4), (0.7, 0.6))
    expect(page).not_to_have_url(re.compile("box=170"))
    west, _, east, _ = (float(edge) for edge in asked(page)["box"][0].split(","))
    assert west > east


def test_timeline_filters_every_view(serve: Callable[[Path], Site], drawn: Path, visit: Visit) -> None:
    page = visit(f"{serve(drawn).url}/explore?views=likeness,world,time")
    timeline = page.get_by_role("region", name="Timeline")
    drag(page, timeline.locator("svg").first, (0.26, 0.5), (0.49, 0.5))
    expect(page.get_by_text(re.compile("^10 chips pass the filters"))).to_be_visible()
    first, last = (f"{START + timedelta(days=day):%Y-%m-%d}" for day in (10, 19))
    assert asked(page)["dates"] == [f"{first}/{last}"]
    expect(page.get_by_role("region", name="Map of likeness").get_by_text("10 of 40 chips in view")).to_be_visible()
    expect(page.get_by_role("region", name="World map").get_by_text("10 of 40 chips with a place")).to_be_visible()
    timeline.get_by_role("slider", name="First day").press("ArrowRight")
    expect(page.get_by_text(re.compile("^9 chips pass the filters"))).to_be_visible()
    timeline.get_by_role("button", name="All dates").click()
    expect(page.get_by_text(f"{PICTURES} chips", exact=True)).to_be_visible()


@pytest.mark.parametrize("way", ["paste", "drop", "choose"])
def test_picture_from_outside_finds_its_like(
    serve: Callable[[Path], Site], drawn: Path, visit: Visit, tmp_path: Path, way: str
) -> None:
    site = serve(drawn)
    page = visit(f"{site.url}/explore")
    expect(grid(page)).to_be_visible()
    picture(8, side=64).save(tmp_path / "eight.png")
    side = page.get_by_role("region", name="Like these", exact=True)
    if way == "choose":
        side.locator("input[type=file]").set_input_files(tmp_path / "eight.png")
    else:
        given = ["eight.png", list((tmp_path / "eight.png").read_bytes()), way]
        side.evaluate(DROP, given)
    expect(side.get_by_alt_text("Example 1")).to_be_visible()
    expect(page.get_by_text(f"{PICTURES} most alike of {PICTURES} chips")).to_be_visible()
    (same,) = (chip.id for chip in site.project.chips.all() if chip.origin == "/archive/008")
    assert found(page)[0] == same


def test_examples_change_the_order_and_the_link_shows_the_same_to_others(
    serve: Callable[[Path], Site], drawn: Path, visit: Visit
) -> None:
    site = serve(drawn)
    page = visit(f"{site.url}/explore?most=40&views=time")
    chips = found(page)
    grid(page).focus()
    page.keyboard.press("+")
    expect(page.get_by_text("40 most alike of 40 chips")).to_be_visible()
    expect(page.get_by_role("gridcell").nth(4)).to_be_visible()
    before = found(page)
    assert before[0] == chips[0]
    page.get_by_role("gridcell").nth(2).hover()
    page.get_by_role("gridcell").nth(2).get_by_role("button", name="Less like this").click()
    unlike = page.get_by_role("region", name="Not like these")
    expect(unlike.get_by_alt_text("Example 1")).to_be_visible()
    page.wait_for_load_state("networkidle")
    after = found(page)
    assert after[0] == chips[0]
    assert before[2] not in after[:3]
    page.get_by_role("gridcell").nth(4).locator("img").click()
    expect(page.get_by_role("dialog", name="Chip")).to_be_visible()
    colleague = visit(page.url)
    expect(colleague.get_by_role("dialog", name="Chip")).to_be_visible()
    expect(grid(colleague).locator("img")).to_have_count(len(after))
    assert found(colleague) == after
    expect(colleague.get_by_role("region", name="Not like these").get_by_alt_text("Example 1")).to_be_visible()
    expect(colleague.get_by_role("region", name="Timeline")).to_be_visible()


def test_chip_dragged_from_the_grid_becomes_an_example(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}/explore")
    chip = found(page)[1]
    side = page.get_by_role("region", name="Not like these")
    page.get_by_role("gridcell").nth(1).locator("[draggable=true]").drag_to(side)
    expect(side.get_by_alt_text("Example 1")).to_be_visible()
    assert asked(page)["unlike"] == [f"chip:{chip}"]


# -- by the model of a task --------------------------------------------------------------------------------------------


def say(site: Site, task: Task, chip: str, value: str) -> None:
    """As a colleague does, over HTTP."""
    event = {"id": uuid4().hex, "chip": chip, "decision": "label", "value": [value]}
    answer = httpx.post(f"{site.url}/api/v1/tasks/{task.id}/labels", json={"labels": [event]}, timeout=PATIENCE)
    assert answer.json()["outcomes"][0]["error"] is None


def in_view(page: Page) -> list[str]:
    """The chips whose cards can be seen, with where they are."""
    places: list[str] = grid(page).evaluate(
        """grid => [...grid.querySelectorAll("img")]
        .map(img => [img.getAttribute("src").split("/chips/")[1].split("/")[0], img.getBoundingClientRect()])
        .filter(([, box]) => box.top < grid.getBoundingClientRect().bottom)
        .map(([chip, box]) => `${chip} ${Math.round(box.left)} ${Math.round(box.top)}`)"""
    )
    return places


def test_labels_rank_again_by_themselves_and_no_card_in_view_moves(site: Site, visit: Visit) -> None:
    task = site.task()
    chips = [chip.id for chip in site.project.chips.all()]
    for chip, value in ((chips[30], "island"), (chips[200], "other")):
        say(site, task, chip, value)
    page = visit(f"{site.url}/explore")
    page.get_by_text("Rank by its model").click()
    expect(page.get_by_text("294 likeliest of 294 chips, by 2 labelled chips")).to_be_visible()
    assert asked(page)["order"] == ["model"]
    assert found(page)[0] == chips[30]
    expect(page.get_by_role("button", name=re.compile("at the top"))).to_have_count(0)
    before = in_view(page)
    unlikely = httpx.post(f"{site.url}/api/v1/search", json={"task": task.id, "k": 294}).json()["hits"][-9]["chip"]
    say(site, task, unlikely, "island")  # what was thought unlikely
    expect(page.get_by_text("294 likeliest of 294 chips, by 3 labelled chips")).to_be_visible()
    assert in_view(page) == before
    page.get_by_role("button", name=re.compile(r"^\d+ new at the top$")).click()
    expect(page.get_by_role("button", name=re.compile("at the top"))).to_have_count(0)
    ranked = httpx.post(f"{site.url}/api/v1/search", json={"task": task.id, "k": 294}).json()["hits"]
    assert found(page) == [hit["chip"] for hit in ranked[: len(found(page))]]
    assert in_view(page) != before
    colleague = visit(page.url)
    assert found(colleague) == found(page)


def test_chips_are_filtered_by_what_was_said_and_by_their_score(site: Site, visit: Visit) -> None:
    task = site.task()
    chips = [chip.id for chip in site.project.chips.all()]
    for chip, value in ((chips[30], "island"), (chips[31], "island"), (chips[200], "other")):
        say(site, task, chip, value)
    page = visit(f"{site.url}/explore?views=world")
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("combobox", name="Labelled").click()
    page.get_by_role("option", name="island").click()
    expect(page.get_by_text("2 chips pass the filters")).to_be_visible()
    assert found(page) == chips[30:32]
    assert asked(page)["label"] == ["island"]
    expect(page.get_by_role("region", name="World map").get_by_text("2 of 294 chips with a place")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_text("Rank by its model").click()
    expect(page.get_by_text("2 likeliest of 2 chips, by 3 labelled chips")).to_be_visible()
    page.goto(f"{site.url}/explore?order=model&label=waiting")
    expect(page.get_by_text("291 likeliest of 291 chips, by 3 labelled chips")).to_be_visible()
    page.get_by_label("Lowest score").fill("100")
    expect(page.get_by_text("No chip passes these filters.")).to_be_visible()
    assert asked(page)["scores"] == ["100,"]
    page.get_by_role("button", name="Clear all filters").first.click()
    expect(page.get_by_text("294 likeliest of 294 chips, by 3 labelled chips")).to_be_visible()


def test_browsed_list_follows_the_labels_and_no_card_in_view_moves(site: Site, visit: Visit) -> None:
    task = site.task()
    chips = [chip.id for chip in site.project.chips.all()]
    for chip in chips[:3]:
        say(site, task, chip, "island")
    page = visit(f"{site.url}/explore?label=island")
    renew = page.get_by_role("button", name="Show the new list")
    expect(page.get_by_text("3 chips pass the filters")).to_be_visible()
    assert found(page) == chips[:3]
    say(site, task, chips[100], "island")
    expect(page.get_by_text("4 chips pass the filters")).to_be_visible()
    assert found(page) == [*chips[:3], chips[100]]  # behind those in view
    expect(renew).to_have_count(0)
    say(site, task, chips[0], "other")
    expect(page.get_by_text("3 chips pass the filters")).to_be_visible()
    assert found(page) == [*chips[:3], chips[100]]
    renew.click()
    expect(page.get_by_role("gridcell")).to_have_count(3)
    assert found(page) == [*chips[1:3], chips[100]]
    expect(renew).to_have_count(0)


def test_model_that_nothing_taught_says_what_to_do_and_follows_the_first_label(site: Site, visit: Visit) -> None:
    task = site.task()
    page = visit(f"{site.url}/explore?order=model&task={task.id}")
    expect(page.get_by_text("Nobody has labelled a chip of this task as island yet.")).to_be_visible()
    chip = next(site.project.chips.all()).id
    say(site, task, chip, "island")
    expect(page.get_by_text("294 likeliest of 294 chips, by 1 labelled chip")).to_be_visible()
    assert found(page)[0] == chip


def test_box_on_the_map_becomes_examples(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}/explore?views=world&box=-40,-20,40,20")
    world = page.get_by_role("region", name="World map")
    total = int(page.get_by_text(re.compile(r"^\d+ chips pass the filters")).inner_text().split()[0])
    expect(world.get_by_text(f"It holds {total} chips; the 20 nearest to its middle become examples.")).to_be_visible()
    world.get_by_role("button", name="More like this box").click()
    expect(page.get_by_text("294 most alike of 294 chips")).to_be_visible()
    address = asked(page)
    assert "box" not in address
    places = {f"chip:{chip.id}": chip.box.center for chip in site.project.chips.all() if chip.box}
    within = sorted(lon**2 + lat**2 for lon, lat in places.values() if abs(lon) <= 40 and abs(lat) <= 20)
    assert len(within) == total
    chosen = [places[example] for example in address["like"]]
    assert len(chosen) == 20
    assert max(lon**2 + lat**2 for lon, lat in chosen) == pytest.approx(within[19], rel=0.05)  # on the globe


def test_box_without_a_chip_says_so(site: Site, visit: Visit) -> None:
    page = visit(f"{site.url}/explore?views=world&box=0,70,10,80")
    expect(page.get_by_text("No chip lies in this box")).to_be_visible()
    expect(page.get_by_role("button", name="More like this box")).to_have_count(0)
