"""A second look: the last word where people disagree."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from earthcurator.models import Label, Task

from .conftest import Site, Visit

pytestmark = pytest.mark.slow


def say(site: Site, task: Task, said: Iterable[tuple[str, bool]], who: str = "ada") -> None:
    """Of each chip, whether it shows an island."""
    for chip, island in said:
        site.project.tasks.store.put(
            Label(
                id=uuid4().hex, task=task.id, chip=chip, annotator=who, decision="label",
                value=("island" if island else "other",), time=datetime.now(UTC),
            )
        )  # fmt: skip


def reviewed(page: Page) -> str:
    """The chip that is looked at a second time."""
    src = page.locator(".review-picture").get_attribute("src")
    assert src
    return src.split("/chips/")[1].split("/")[0]


def test_last_word_settles_what_people_disagree_about(site: Site, visit: Visit) -> None:
    task = site.task(opinions=2)
    chips = [chip.id for chip in site.project.chips.all()][:6]
    say(site, task, [(chip, True) for chip in chips], "ada")
    say(site, task, [(chip, at > 1) for at, chip in enumerate(chips)], "bo")
    page = visit(f"{site.url}/tasks/{task.id}/review")
    expect(page.get_by_text("1 of 2 · 0 decided now")).to_be_visible()
    first = reviewed(page)
    expect(page.get_by_role("region", name="island")).to_contain_text("ada")
    expect(page.get_by_role("region", name="other")).to_contain_text("bo")
    page.keyboard.press("y")
    expect(page.get_by_text("2 of 2 · 1 decided now")).to_be_visible()
    second = reviewed(page)
    page.keyboard.press("n")
    expect(page.get_by_text("You decided: other.")).to_be_visible()
    assert {first, second} == set(chips[:2])
    page.reload()
    expect(page.get_by_text("Nothing to decide")).to_be_visible()
    words = [event for event in site.project.tasks.store.events(task.id) if event.source == "adjudication"]
    assert [(word.chip, word.value) for word in words] == [(first, ("island",)), (second, ("other",))]
