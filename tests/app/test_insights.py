"""How a search goes: one figure of finds wherever it is told, and a check that proves it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from earthcurator.demo import Truth

from .conftest import Site, Visit, press, saved, shown
from .test_review import say

pytestmark = pytest.mark.slow

CHECKED = 40


def test_figure_and_map_count_the_same_finds(site: Site, visit: Visit) -> None:
    """What as many people call an island as do not is none, until somebody decides."""
    task = site.task(opinions=2)
    chips = [chip.id for chip in site.project.chips.all()][:10]
    say(site, task, [(chip, at < 6) for at, chip in enumerate(chips)], "ada")
    say(site, task, [(chip, at < 4) for at, chip in enumerate(chips)], "bo")
    page = visit(f"{site.url}/tasks/{task.id}/insights")
    found = page.get_by_role("region", name="Found so far")
    expect(found).to_contain_text(re.compile(r"4\s*of island"))
    expect(found).to_contain_text(re.compile(r"2\s*unsure or disputed"))
    expect(found.get_by_text("no part of the search")).to_have_count(0)
    expect(page.get_by_role("region", name="Where and when")).to_contain_text("4 of 4 chips with a place in view")
    expect(page.get_by_role("region", name="People")).to_contain_text("2 chips are disputed")


def test_check_proves_how_many_there_are(site: Site, visit: Visit) -> None:
    """As many chips are left as it draws: what it proves is then the truth to the last chip."""
    truth = Truth(site.project)
    chips = [chip.id for chip in site.project.chips.all()]
    left = chips[:: len(chips) // CHECKED][:CHECKED]
    task = site.task()
    say(site, task, [(chip, truth.is_island(chip)) for chip in chips if chip not in left])
    page = visit(f"{site.url}/tasks/{task.id}/insights")
    check = page.get_by_role("region", name="Certified check")
    check.get_by_label("Chips to draw").fill(str(CHECKED))
    check.get_by_role("button", name="Begin the check").click()
    check.get_by_role("link", name="Answer the check").click()
    said: set[str] = set()
    for _ in range(CHECKED - 1):
        said.add(press(page, "y" if truth.is_island(shown(page)) else "n"))
    said.add(shown(page))
    page.keyboard.press("y" if truth.is_island(shown(page)) else "n")
    saved(page)
    assert said == set(left)
    page.goto(f"{site.url}/tasks/{task.id}/insights")
    expect(check.get_by_text(re.compile("at least 100% of the class is found and at most 0 are left"))).to_be_visible()
    expect(check.get_by_text(f"there are {truth.islands} to {truth.islands} in all")).to_be_visible()
    found = page.get_by_role("region", name="Found so far")
    expect(found).to_contain_text(re.compile(rf"{truth.islands}\s*of island"))
    drawn = sum(truth.is_island(chip) for chip in left)
    assert drawn > 1
    expect(found.get_by_text(f"{drawn} finds are no part of the search")).to_be_visible()
    places = page.get_by_role("region", name="Where and when")
    expect(places).to_contain_text(f"{truth.islands} of {truth.islands} chips with a place in view")
