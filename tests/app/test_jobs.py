"""Long work in the Activity drawer: paused, resumed, and what it said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from playwright.sync_api import Page, expect

import earthcurator as ec
from earthcurator.jobs import Work, kinds, request
from earthcurator.jobs.kinds.work import Report

from .conftest import Site, Visit

pytestmark = pytest.mark.slow


class Count(Work):
    """Counts to a hundred, and waits there until it is let go."""

    kind = "count"
    go_on: ClassVar[threading.Event] = threading.Event()

    def run(self, project: ec.Project, report: Report, folder: Path) -> Mapping[str, Any]:
        for number in range(101):
            report(number, 200)
        while not Count.go_on.wait(0.05):
            report(100, 200)
        return {"chips": 200}


@pytest.fixture
def counting(serve: Callable[[Path], Site], drawn: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A server that has just been asked to count."""
    monkeypatch.setattr(kinds, "KINDS", {**kinds.KINDS, "count": Count})
    Count.go_on = threading.Event()
    site = serve(drawn)
    request(site.project, Count())
    return site


def activity(page: Page) -> None:
    page.get_by_role("button", name="Activity").click()
    expect(page.get_by_role("dialog", name="Activity")).to_be_visible()


def test_job_is_paused_goes_on_and_tells_what_it_did(counting: Site, visit: Visit) -> None:
    page = visit(f"{counting.url}/tasks")
    activity(page)
    drawer = page.get_by_role("dialog", name="Activity")
    job = drawer.get_by_role("article", name="Count")
    expect(job.get_by_text("50%")).to_be_visible()
    job.get_by_role("button", name="Pause: Count").click()
    expect(job.get_by_text("Paused. What is done is kept.")).to_be_visible()
    expect(page.get_by_role("button", name="Activity: 1 job running")).to_have_count(0)

    page.reload()  # it is the server that knows
    activity(page)
    Count.go_on.set()
    job.get_by_role("button", name="Go on: Count").click()
    expect(job.get_by_text("Done: 200 chips")).to_be_visible()
    expect(job.get_by_role("button", name="Pause: Count")).to_have_count(0)
    job.get_by_role("button", name="Log").click()
    lines = job.get_by_role("list", name="Log").get_by_role("listitem")
    expect(lines.first).to_contain_text("Begun.")
    expect(lines.filter(has_text="Paused.")).to_have_count(1)
    expect(lines.filter(has_text="100 of 200.")).not_to_have_count(0)
    expect(lines.last).to_contain_text("Done.")
