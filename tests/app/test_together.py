"""Several people at once: each has pictures of their own, and may do what their role says."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from playwright.sync_api import Error, Page, expect

from .conftest import Site, Visit, offline, press, saved, shown, until

pytestmark = pytest.mark.slow


def sign_in(page: Page) -> Page:
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Screens")).to_be_visible()
    return page


def test_two_people_label_at_once_and_never_the_same(site: Site, visit: Visit) -> None:
    owner = visit(site.url + "/share")
    owner.get_by_label("Your name").fill("Olga")
    owner.get_by_role("button", name="Make my account").click()
    expect(owner.get_by_role("heading", name="People", exact=True)).to_be_visible()
    task = site.task()
    ada, bo = (sign_in(visit(site.link(name, "annotator"))) for name in ("Ada", "Bo"))
    for page in (ada, bo):
        page.goto(f"{site.url}/tasks/{task.id}/label")
    said = {}
    for _ in range(15):
        said[press(ada, "y")] = ("island",)
        said[press(bo, "n")] = ("other",)
    assert len(said) == 30
    site.hears(task, said)
    leases = {shown(ada), shown(bo)}
    assert len(leases) == 2
    assert not leases & set(said)


def test_chips_of_a_killed_tab_come_back_and_a_late_answer_is_a_second_opinion(site: Site, visit: Visit) -> None:
    site.project.records.people.add("Olga", "owner")
    chips = [chip.id for chip in site.project.chips.all()][:30]
    task = site.task(chips=chips)
    gone, late = (sign_in(visit(site.link(name, "annotator"))) for name in ("Gone", "Late"))
    gone.goto(f"{site.url}/tasks/{task.id}/label")
    shown(gone)
    crash(gone)
    late.goto(f"{site.url}/tasks/{task.id}/label")
    shown(late)
    assert site.project.tasks.store.counts(task.id).leased == 30  # twenty and ten: nobody else is asked anything
    with offline(late):
        said = [press(late, "n") for _ in range(3)]
        site.later(timedelta(seconds=91))
        third = sign_in(visit(site.link("Third", "annotator")))
        third.goto(f"{site.url}/tasks/{task.id}/label")
        opinions = {press(third, "y") for _ in range(28)}
        while len(opinions) < 30:
            opinions.add(press_last(third))
    assert opinions == set(chips)
    events = site.project.tasks.store.events
    until(lambda: len(list(events(task.id))) == 33)
    assert {event.chip for event in events(task.id) if event.value == ("other",)} == set(said)
    counts = site.project.tasks.store.counts(task.id)
    assert (counts.done, counts.opinions) == (30, 33)
    saved(late)


def press_last(page: Page) -> str:
    """As `press`, also for the last, behind which nothing comes."""
    chip = shown(page)
    page.keyboard.press("y")
    page.wait_for_function(
        "before => !document.querySelector('.label-card img.now')?.getAttribute('src').includes(before)", arg=chip
    )
    return chip


def test_who_is_invited_is_asked_for_a_name(site: Site, visit: Visit) -> None:
    people = site.project.records.people
    people.add("Olga", "owner")
    page = visit(f"{site.url}/join#%zz")  # no link of ours, and no blank page
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("ask for a new one")
    page = visit(f"{site.url}/join#{people.invite('annotator', seconds=60)}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("write your name")
    page.get_by_label("Your name").fill("Ada")
    sign_in(page)
    assert [(person.name, person.role) for person in people.list()][1:] == [("Ada", "annotator")]


def crash(page: Page) -> None:
    """End the tab without a word, as when the machine goes down."""
    with page.expect_event("crash"), suppress(Error):  # it never comes back to say that it is done
        page.goto("chrome://crash")


@pytest.mark.parametrize(
    ("role", "may"),
    [("viewer", set()), ("annotator", {"Label"}), ("curator", {"Label", "New task", "Get imagery"})],
)
def test_people_see_what_their_role_lets_them_do(site: Site, visit: Visit, role: str, may: set[str]) -> None:
    site.project.records.people.add("Olga", "owner")
    task = site.task()
    page = sign_in(visit(site.link("Ada", role)))  # type: ignore[arg-type]  # one of the roles
    page.goto(f"{site.url}/tasks")
    expect(page.get_by_role("heading", name=task.question)).to_be_visible()
    main = page.get_by_role("main")
    offered = {
        "Label": main.get_by_role("link", name="Label"),
        "New task": main.get_by_role("button", name="New task"),
        "Get imagery": page.get_by_role("link", name="Get imagery"),
    }
    for name, control in offered.items():
        expect(control).to_be_visible(visible=name in may)
    page.goto(f"{site.url}/tasks/{task.id}/label")
    if "Label" in may:
        expect(page.locator(".label-card img.now")).to_be_visible()
    else:
        expect(page.get_by_text("You may look, but not label")).to_be_visible()
    page.goto(f"{site.url}/share")
    expect(page.get_by_role("heading", name="People", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Programs and browsers")).to_be_visible()
    expect(page.get_by_role("button", name="Make the link")).to_be_hidden()
