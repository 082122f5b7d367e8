"""Labelling one picture after the other: by key, button and touch, offline, and over a crash."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

import earthcurator as ec
from earthcurator.models import Arrival, Box
from tests.web.conftest import START
from tests.web.conftest import chip as drawn_chip

from .conftest import Site, Visit, cards, made_once, offline, press, saved, shown, until, wait_for_next

pytestmark = pytest.mark.slow


def label_page(site: Site, task: str) -> str:
    return f"{site.url}/tasks/{task}/label"


def swipe(page: Page, by: int) -> None:
    """A finger on the card, dragged so many pixels to the right."""
    box = page.locator(".label-card").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    cdp = page.context.new_cdp_session(page)

    def touch(kind: str, *at: float) -> None:
        points = [{"x": at[0], "y": y}] if at else []
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", x)
    for step in range(1, 9):
        touch("touchMove", x + by * step / 8)
    touch("touchEnd")


def test_count_of_answers_keeps_up_with_every_answer_and_undo(site: Site, visit: Visit) -> None:
    task = site.task()
    page = visit(label_page(site, task.id))
    total = len(site.project.chips)
    expect(page.get_by_text(f"0 of {total}", exact=True)).to_be_visible()
    for answered, key in enumerate("yns", start=1):
        press(page, key)
        saved(page)
        expect(page.get_by_text(f"{min(answered, 2)} of {total}", exact=True)).to_be_visible()  # a skip is no answer
    for key in ("z", "z"):
        page.keyboard.press(key)
    saved(page)
    expect(page.get_by_text(f"1 of {total}", exact=True)).to_be_visible()


def test_task_that_is_not_there_leads_to_those_that_are(site: Site, visit: Visit) -> None:
    page = visit(label_page(site, "none"))
    expect(page.get_by_role("heading", name="There is no such task")).to_be_visible()
    page.get_by_role("link", name="All tasks").click()
    expect(page).to_have_url(re.compile("/tasks$"))


def test_key_button_and_swipe_say_the_same(site: Site, visit: Visit) -> None:
    task = site.task()
    page = visit(label_page(site, task.id), viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    expect(page.get_by_role("heading", name="Is there an island?")).to_be_visible()
    by_key = press(page, "y")
    by_arrow = press(page, "ArrowLeft")
    by_button = shown(page)
    page.get_by_role("button", name="island").click()
    wait_for_next(page, by_button)
    to_the_right = shown(page)
    swipe(page, 200)
    wait_for_next(page, to_the_right)
    to_the_left = shown(page)
    swipe(page, -200)
    wait_for_next(page, to_the_left)
    kept = shown(page)
    swipe(page, 12)  # a tap that slipped
    unsure = press(page, "u")
    assert unsure == kept
    said = {by_key: "island", by_arrow: "other", by_button: "island", to_the_right: "island", to_the_left: "other"}
    site.hears(task, {**{chip: (name,) for chip, name in said.items()}, unsure: ("unsure",)})


def test_tour_comes_once_and_again_when_asked_for(site: Site, visit: Visit) -> None:
    page = visit(label_page(site, site.task().id), tour=True)
    tour = page.get_by_role("dialog", name="Labelling in thirty seconds")
    for _ in range(3):
        tour.get_by_role("button", name="Next").click()
    tour.get_by_role("button", name="Start labelling").click()
    expect(tour).to_be_hidden()
    page.reload()
    expect(page.locator(".label-card img.now")).to_be_visible()
    expect(tour).to_be_hidden()
    page.keyboard.press("?")
    page.get_by_role("button", name="See the tour again").click()
    expect(tour).to_be_visible()


def test_keys_answer_only_what_lies_on_top_and_where_they_are_wanted(site: Site, visit: Visit) -> None:
    task = site.task()
    page = visit(label_page(site, task.id))
    chip = shown(page)
    page.get_by_role("button", name="Shortcuts and tour").click()
    window = page.get_by_role("dialog", name="Shortcuts")
    window.get_by_role("heading").first.click()  # the focus is nowhere in particular
    page.keyboard.press("y")
    window.get_by_role("switch", name="Answer with single keys").click()
    page.keyboard.press("Escape")
    expect(window).to_be_hidden()
    page.keyboard.press("n")
    page.goto(f"{site.url}/settings")
    switch = page.get_by_role("switch", name="Single keys are shortcuts")
    expect(switch).not_to_be_checked()  # one choice, offered in two places
    switch.click()
    page.goto(label_page(site, task.id))
    page.get_by_text("Nine at once").click()  # which puts the focus on a radio button
    expect(page.get_by_role("region", name="Which of these are not island?")).to_be_visible()
    page.keyboard.press("g")
    expect(page.locator(".label-card img.now")).to_be_visible()
    assert shown(page) == chip
    assert press(page, "u") == chip
    site.hears(task, {chip: ("unsure",)})


def test_undo_goes_on_behind_a_reload(site: Site, visit: Visit) -> None:
    task = site.task()
    page = visit(label_page(site, task.id))
    said = [press(page, "y") for _ in range(12)]
    saved(page)
    page.reload()
    said += [press(page, "n") for _ in range(8)]
    for chip in reversed(said):
        page.keyboard.press("z")
        page.wait_for_function(
            "chip => document.querySelector('.label-card img.now')?.getAttribute('src').includes(chip)", arg=chip
        )
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    site.hears(task, {})
    assert len(list(site.project.tasks.store.events(task.id))) == 40  # nothing is forgotten: each is taken back


def test_what_is_said_offline_arrives_once(site: Site, visit: Visit) -> None:
    task = site.task()
    page = visit(label_page(site, task.id))
    said = [press(page, "y")]
    saved(page)
    with offline(page):
        said += [press(page, "n") for _ in range(6)]
        expect(page.get_by_text(re.compile("Offline · [67] waiting, kept in this browser"))).to_be_visible()
    said.append(press(page, "y"))
    site.hears(task, dict(zip(said, [("island",)] + [("other",)] * 6 + [("island",)], strict=True)))
    saved(page)


def test_answers_that_did_not_get_through_before_the_tab_closed_are_sent_on_the_next_visit(
    site: Site, visit: Visit
) -> None:
    task = site.task()
    page = visit(label_page(site, task.id))
    expect(page.locator(".label-card img.now")).to_be_visible()
    with offline(page):
        said = {press(page, "y") for _ in range(5)}
        expect(page.get_by_text("5 waiting")).to_be_visible()
        page.close()
    again = page.context.new_page()
    again.goto(label_page(site, task.id))
    site.hears(task, dict.fromkeys(said, ("island",)))


@pytest.fixture
def nearby(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of three places in a row, on three days each."""

    def seen(number: int) -> Arrival:
        arrival = drawn_chip(number)
        day, place = divmod(number, 3)
        box = Box(west=place, south=0, east=place + 1, north=1)
        facts = replace(arrival.chip, box=box, layer="Terra", time=START + timedelta(days=day))
        return Arrival(facts, arrival.picture)

    def make(folder: Path) -> None:
        with ec.create(folder, name="Nearby") as made:
            made.chips.add([seen(number) for number in range(9)])

    return made_once(tmp_path_factory, "nearby", make)


def test_other_days_and_what_lies_around_are_seen_and_the_question_stays(
    serve: Callable[..., Site], nearby: Path, visit: Visit
) -> None:
    site = serve(nearby)
    chips = [chip.id for chip in site.project.chips.all()]
    task = site.task("Is it red?", "yes", "no", chips=[chips[4]])  # in the middle, on the second day
    page = visit(label_page(site, task.id))
    assert shown(page) == chips[4]
    other_days = page.get_by_role("group", name="The same place on other days")
    other_days.get_by_role("button", name="Later").click()
    expect(page.get_by_text("You are asked about")).to_be_visible()
    assert shown(page) == chips[7]
    page.keyboard.press(",")
    page.keyboard.press(",")
    expect(page.locator(f".label-card img.now[src*='{chips[1]}']")).to_be_visible()
    page.keyboard.press("w")
    expect(page.get_by_role("img", name="with 2 neighbours")).to_be_visible()
    page.keyboard.press("y")
    site.hears(task, {chips[4]: ("yes",)})


def test_new_choice_of_the_model_leaves_the_card_and_the_next_two(site: Site, visit: Visit) -> None:
    """Twenty answers teach the model anew; what is near the screen stays, what is behind it is exchanged."""
    task = site.task()
    page = visit(label_page(site, task.id))
    exchanged: list[str] = []
    page.on("request", lambda request: exchanged.append(request.url) if "/leases/release" in request.url else None)
    for number in range(20):
        press(page, "yn"[number % 2])
    saved(page)
    near = cards(page)[:3]
    deadline = time.monotonic() + 30
    while not exchanged:  # by the message that the model chose
        assert time.monotonic() < deadline, "no new choice of the model came"
        page.wait_for_timeout(50)
        assert cards(page)[:3] == near
    page.wait_for_load_state("networkidle")
    assert cards(page)[:3] == near
    assert [press(page, "n"), press(page, "n"), press(page, "n")] == near


def test_labelling_needs_no_pointer(site: Site, visit: Visit) -> None:
    """From the start page: to the tasks, a new one, its answers, and a page of nine, all by keys."""
    page = visit(site.url)
    expect(page.get_by_role("heading", name="Blue Marble")).to_be_visible()
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog")
    expect(palette).to_be_visible()
    page.keyboard.type("label")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/tasks")
    expect(page.locator("#main")).to_be_focused()
    expect(page.get_by_role("button", name="New task")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="New task")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Question")).to_be_focused()
    page.keyboard.type("Is there an island?")
    page.keyboard.press("Tab")
    page.keyboard.type("island,other,")
    page.get_by_role("dialog").get_by_label("How to decide").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Make the task")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Is there an island?")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Label").press("Enter")
    expect(page.locator(".label-card img.now")).to_be_visible()
    one = press(page, "y")
    page.keyboard.press("g")
    nine = page.get_by_role("region", name="Which of these are not island?").get_by_role("button")
    expect(nine).to_have_count(9)
    page.keyboard.press("3")
    expect(nine.nth(2)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    (task,) = site.project.tasks.list()
    until(lambda: len(site.said(task)) == 10)
    said = site.said(task)
    assert said.pop(one) == ("island",)
    assert sorted(said.values()) == [("island",)] * 8 + [("other",)]


def test_labels_outlive_a_server_that_is_killed(
    marble: Path, static: Path, tmp_path: Path, visit: Callable[..., Page]
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(marble, folder, ignore=shutil.ignore_patterns("labels.db*", "*.lock"))
    with ec.open(folder) as project:
        task = project.tasks.create("Is there an island?", ("island", "other"))
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = Site(f"http://127.0.0.1:{port}", project)
    running = start(folder, static, port)
    try:
        page = visit(label_page(site, task.id))
        said = [press(page, "y") for _ in range(3)]
        running.kill()
        running.wait()
        said += [press(page, "y") for _ in range(4)]
        expect(
            page.get_by_text(re.compile(r"[4-7] waiting"))
        ).to_be_visible()  # the last one before may not have got through
        running = start(folder, static, port)
        said.append(press(page, "y"))
        saved(page)
        page.close()  # what it has not sent by now, it sends when it goes
    finally:
        running.kill()
        running.wait()
    with ec.open(folder) as project:
        events = [(event.chip, event.value) for event in project.tasks.store.events(task.id)]
    assert events == [(chip, ("island",)) for chip in said]


def start(folder: Path, static: Path, port: int) -> subprocess.Popen[Any]:
    """`curator serve`, once it answers."""
    running = subprocess.Popen(
        [sys.executable, "-m", "earthcurator", "--project", str(folder), "serve", "--port", str(port)],
        env={**os.environ, "CURATOR_STATIC": str(static)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).raise_for_status()
        except httpx.TransportError:
            assert running.poll() is None, "the server ended"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return running
