"""Ticks and crosses beside results: each is on the server once, and can be changed and taken back."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from earthcurator.models import Label, Role
from tests.gibs.conftest import TRUE_COLOUR

from .conftest import Browser, Server
from .steps import DAY, eventually, marked, result, search

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def saved(panel: Page, yes: int, no: int, unsure: int) -> None:
    """Until the panel says so. It counts what the server has."""
    expect(panel.get_by_text(f"✓ {yes} ✗ {no} ? {unsure} saved")).to_be_visible()


@pytest.mark.parametrize("role", ["curator", "annotator"])
def test_a_label_is_saved_once_changed_and_taken_back(browser: Browser, server: Server, role: Role) -> None:
    task = server.task(*(chip.id for chip in server.project.chips.all()))
    browser.remember(server, role, task)
    panel = browser.panel()
    [first, second, *_] = [hit["chip"] for hit in search(panel, browser.worldview())]

    result(panel, 1).hover()
    result(panel, 1).get_by_role("button", name="smoke", exact=True).click()
    saved(panel, 1, 0, 0)
    assert server.stands(task) == {first: ("smoke",)}
    result(panel, 1).get_by_role("button", name="clear", exact=True).click()
    saved(panel, 0, 1, 0)
    assert server.stands(task) == {first: ("clear",)}
    result(panel, 2).hover()
    result(panel, 2).get_by_role("button", name="unsure", exact=True).click()
    saved(panel, 0, 1, 1)
    assert server.stands(task) == {first: ("clear",), second: ("unsure",)}
    result(panel, 1).hover()
    result(panel, 1).get_by_role("button", name="clear: take it back").click()
    saved(panel, 0, 0, 1)
    assert server.stands(task) == {second: ("unsure",)}
    assert Counter(event.decision for event in server.project.tasks.store.events(task.id)) == {
        "label": 2,
        "undo": 2,
        "unsure": 1,
    }
    assert browser.refused == []


def test_a_curator_labels_chips_that_the_task_does_not_have(browser: Browser, server: Server) -> None:
    other, *_ = [chip.id for chip in server.project.chips.all()]
    task = server.task(other)
    browser.remember(server, "curator", task)
    panel = browser.panel()
    hits = [hit["chip"] for hit in search(panel, browser.worldview())]
    at = next(number for number, chip in enumerate(hits, 1) if chip != other)
    result(panel, at).hover()
    result(panel, at).get_by_role("button", name="smoke", exact=True).click()
    saved(panel, 1, 0, 0)
    assert server.stands(task) == {hits[at - 1]: ("smoke",)}
    assert browser.refused == []


def test_an_annotator_hears_that_the_task_does_not_have_the_chip(browser: Browser, server: Server) -> None:
    other, *_ = [chip.id for chip in server.project.chips.all()]
    task = server.task(other)
    browser.remember(server, "annotator", task)
    panel = browser.panel()
    hits = [hit["chip"] for hit in search(panel, browser.worldview())]
    at = next(number for number, chip in enumerate(hits, 1) if chip != other)
    result(panel, at).hover()
    result(panel, at).get_by_role("button", name="smoke", exact=True).click()
    expect(panel.get_by_role("alert")).to_contain_text("This chip is not in the task.")
    saved(panel, 0, 0, 0)
    assert server.stands(task) == {}
    assert browser.refused == []


def test_who_only_looks_is_offered_no_labels(browser: Browser, server: Server) -> None:
    server.task(*(chip.id for chip in server.project.chips.all()))
    browser.remember(server, "viewer")
    panel = browser.panel()
    search(panel, browser.worldview())
    result(panel, 1).hover()
    expect(result(panel, 1).get_by_role("button", name="More like this")).to_be_visible()
    expect(result(panel, 1).get_by_role("button", name="smoke", exact=True)).to_have_count(0)
    assert browser.refused == []


def test_what_this_person_said_before_is_shown_and_can_be_taken_back(browser: Browser, server: Server) -> None:
    task = server.task(*(chip.id for chip in server.project.chips.all()))
    browser.remember(server, task=task)
    panel = browser.panel()
    page = browser.worldview()
    [first, second, third, *_] = [hit["chip"] for hit in search(panel, page)]
    panel.close()
    labels = [
        {"id": f"{task.id}-1", "chip": first, "decision": "label", "value": ["smoke"]},
        {"id": f"{task.id}-2", "chip": second, "decision": "unsure"},
    ]
    server.client.post(f"/tasks/{task.id}/labels", json={"labels": labels}).raise_for_status()  # in the app, say
    said = Label(id=f"{task.id}-3", task=task.id, chip=third, annotator="ada", decision="unsure", time=NOW)
    server.project.tasks.store.put(said)

    panel = browser.panel()
    saved(panel, 1, 0, 1)
    expect(result(panel, 1)).to_have_attribute("aria-label", re.compile(", smoke$"))
    expect(result(panel, 2)).to_have_attribute("aria-label", re.compile(", unsure$"))
    expect(result(panel, 3)).to_have_attribute("aria-label", re.compile(f", {TRUE_COLOUR}$"))  # others sway nobody
    result(panel, 1).hover()
    result(panel, 1).get_by_role("button", name="smoke: take it back").click()
    saved(panel, 0, 0, 1)
    result(panel, 2).hover()
    result(panel, 2).get_by_role("button", name="clear", exact=True).click()
    saved(panel, 0, 1, 0)
    assert server.stands(task) == {second: ("clear",), third: ("unsure",)}
    assert browser.refused == []


def test_a_label_that_was_taken_back_elsewhere_is_not_shown_for_long(browser: Browser, server: Server) -> None:
    task = server.task(*(chip.id for chip in server.project.chips.all()))
    browser.remember(server, task=task)
    panel = browser.panel()
    [first, *_] = [hit["chip"] for hit in search(panel, browser.worldview())]
    panel.get_by_role("grid").focus()
    with panel.expect_response(lambda answer: "/mine/query" in answer.url and bool(answer.json()["labels"])):
        panel.keyboard.press("y")  # the panel asks for it once more; asked after the undo, it would know of that
    saved(panel, 1, 0, 0)
    [event] = server.project.tasks.store.events(task.id)
    undo = {"id": f"{task.id}-undo", "chip": first, "decision": "undo", "voids": event.id}
    server.client.post(f"/tasks/{task.id}/labels", json={"labels": [undo]}).raise_for_status()
    panel.keyboard.press("y")  # to take it back here, too
    expect(panel.get_by_role("alert")).to_contain_text("is undone already")
    saved(panel, 0, 0, 0)
    assert server.stands(task) == {}


def test_labels_go_to_the_task_and_mean_the_class_that_are_chosen(browser: Browser, server: Server) -> None:
    chips = [chip.id for chip in server.project.chips.all()]
    usual = server.task(*chips, question="Is there smoke?")
    wanted = server.task(*chips, question="Is it cloudy?")
    browser.remember(server, task=usual)
    panel = browser.panel()
    [first, *_] = [hit["chip"] for hit in search(panel, browser.worldview())]
    expect(panel.get_by_label("Labels go to")).to_have_value(usual.id)
    panel.get_by_label("Labels go to").select_option(wanted.id)
    panel.get_by_label("✓ means").select_option("clear")
    result(panel, 1).hover()
    result(panel, 1).get_by_role("button", name="clear", exact=True).click()
    saved(panel, 1, 0, 0)
    assert server.stands(wanted) == {first: ("clear",)}
    assert server.stands(usual) == {}


def test_what_was_said_stays_when_a_tick_gets_another_meaning(browser: Browser, server: Server, tmp_path: Path) -> None:
    task = server.project.tasks.create(
        "What is it?", ("smoke", "dust", "clear"), chips=[chip.id for chip in server.project.chips.all()]
    )
    browser.remember(server, task=task)
    panel = browser.panel()
    [first, second, *_] = [hit["chip"] for hit in search(panel, browser.worldview())]
    for number in (1, 2):
        result(panel, number).hover()
        result(panel, number).get_by_role("button", name="smoke", exact=True).click()
        saved(panel, number, 0, 0)
    panel.get_by_label("✓ means").select_option("dust")
    result(panel, 2).hover()
    result(panel, 2).get_by_role("button", name="dust", exact=True).click()
    expect(result(panel, 2).get_by_role("button", name="dust: take it back")).to_be_visible()
    assert server.stands(task) == {first: ("smoke",), second: ("dust",)}
    with panel.expect_download() as table:
        panel.get_by_role("button", name="Export").click()
        panel.get_by_role("menuitem", name="CSV").click()
    table.value.save_as(tmp_path / "similar.csv")
    lines = (tmp_path / "similar.csv").read_text().splitlines()
    assert [line.split(",")[-1] for line in lines[1:4]] == ["smoke", "dust", ""]


def test_everything_works_by_keys_alone(browser: Browser, server: Server) -> None:
    task = server.task(*(chip.id for chip in server.project.chips.all()))
    browser.remember(server, task=task)
    panel = browser.panel()
    page = browser.worldview()
    panel.bring_to_front()
    tab_to(panel, panel.get_by_role("button", name="Mark a scene"))
    panel.keyboard.press("Enter")

    frame = marked(page)
    page.bring_to_front()
    expect(frame).to_be_focused()
    words = page.locator("#curator-overlay").get_by_role("status")
    expect(words).to_have_text(f"{DAY} · 4.50 × 4.50° at 40.5, -119.0")
    for key in ("ArrowRight", "ArrowRight", "Control+ArrowLeft", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(words).to_have_text(f"{DAY} · 4.50 × 4.65° at 40.4, -118.7")
    assert f"t={DAY}" in page.url  # Worldview did not hear the arrow keys, which turn its days
    with panel.expect_response("**/api/v1/search") as answer:
        page.keyboard.press("Enter")

    panel.bring_to_front()
    expect(result(panel, 1)).to_be_visible()
    first, _, third = (hit["chip"] for hit in answer.value.json()["hits"][:3])
    tab_to(panel, panel.get_by_role("grid"))
    panel.keyboard.press("y")
    panel.keyboard.press("ArrowRight")
    for key in "nuyy":  # the last takes it back
        panel.keyboard.press(key)
    panel.keyboard.press("ArrowRight")
    panel.keyboard.press("n")
    eventually(lambda: server.stands(task) == {first: ("smoke",), third: ("clear",)})
    saved(panel, 1, 1, 0)
    assert server.stands(task) == {first: ("smoke",), third: ("clear",)}
    with page.expect_navigation():
        panel.keyboard.press("Enter")
    panel.bring_to_front()
    panel.keyboard.press("+")
    expect(panel.get_by_role("region", name="Examples").get_by_role("listitem")).to_have_count(2)
    assert browser.refused == []


def tab_to(page: Page, target: Locator) -> None:
    """With the Tab key."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement || element.contains(document.activeElement)"):
            return
    raise AssertionError(f"Tab does not lead to {target}")
