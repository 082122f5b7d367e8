"""A second look: the last word where people disagree, and where the model does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from earthcurator.models import Label, Task

from .conftest import Site, Visit

pytestmark = pytest.mark.slow


def say(site: Site, task: Task, said: Iterable[tuple[str, bool]], who: str = "ada") -> None:
    """Of each chip, whether it is of the first class."""
    for chip, first in said:
        site.project.tasks.store.put(
            Label(
                id=uuid4().hex, task=task.id, chip=chip, annotator=who, decision="label",
                value=(task.classes[0 if first else 1],), time=datetime.now(UTC),
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


def by_redness(site: Site) -> list[str]:
    """Chips from the open sea to the desert."""
    chips = [chip.id for chip in site.project.chips.all()]
    pictures = site.project.chips.pictures(chips)
    red = {chip: float(np.asarray(Image.open(BytesIO(pictures[chip])).convert("RGB"))[..., 0].mean()) for chip in chips}
    return sorted(chips, key=red.__getitem__)


def test_slips_are_suspected_until_somebody_decides(site: Site, visit: Visit) -> None:
    """Of forty clear answers two are the wrong way round."""
    task = site.task("Is it land?", "land", "sea")
    chips = by_redness(site)
    sea, land = chips[:20], chips[-20:]
    slips = {sea[3]: "sea", land[3]: "land"}
    say(site, task, [(chip, (chip in land) != (chip in slips)) for chip in (*sea, *land)])
    page = visit(f"{site.url}/tasks/{task.id}/review")
    page.get_by_role("tab", name="Suspected mistakes").click()
    expect(page.get_by_text("1 of 2 · 0 decided now")).to_be_visible()
    assert "show=suspects" in page.url
    for number in (1, 2):
        expect(page.get_by_text(f"{number} of 2 · {number - 1} decided now")).to_be_visible()
        chip = reviewed(page)
        right = slips.pop(chip)
        wrong = "land" if right == "sea" else "sea"
        doubt = {
            "land": "The model thinks it is land; people say it is not.",
            "sea": "People say it is land; the model thinks it is not.",
        }
        expect(page.get_by_text(doubt[right])).to_be_visible()
        expect(page.get_by_role("region", name=wrong, exact=True)).to_contain_text("ada")
        with page.expect_response(lambda answer: answer.url.endswith("/adjudications")):
            page.keyboard.press("y" if right == "land" else "n")
        word = site.project.tasks.states(task)[chip].adjudication
        assert word is not None
        assert word.value == (right,)
    page.reload()
    expect(page.get_by_text("Nothing to decide")).to_be_visible()
