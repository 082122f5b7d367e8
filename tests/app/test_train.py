"""Teaching Curator: a training that one watches, its verdict, and its use. The walk makes a classifier from labels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

import earthcurator as ec
from tests.web.conftest import CHIPS, chip

from .conftest import Site, Visit, made_once

pytestmark = pytest.mark.slow

LONG = 240_000
"""Milliseconds for what learns: many tests share few processors."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads of torch wait for each other at every step."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of sixty generated pictures: forty would be too few to learn from."""

    def make(folder: Path) -> None:
        with ec.create(folder, name="Sixty") as made:
            made.chips.add([chip(number) for number in range(CHIPS)])
            made.embed()

    return made_once(tmp_path_factory, "sixty", make)


@pytest.fixture
def drawing(serve: Callable[[Path], Site], sixty: Path) -> Site:
    return serve(sixty)


def begin(page: Page, minutes: float) -> None:
    """A training of so many minutes, in steps of eight chips."""
    page.get_by_label("Minutes").fill(str(minutes))
    page.get_by_text("Advanced", exact=True).click()
    page.get_by_label("Chips in a step").fill("8")
    page.get_by_role("button", name="Start training").click()


def test_training_is_watched_by_all_stopped_and_its_encoder_used(drawing: Site, visit: Visit) -> None:
    page = visit(f"{drawing.url}/train")
    begin(page, 30)
    now = page.get_by_role("region", name="Now: Train an encoder")
    expect(now.get_by_text("pictures a second")).to_be_visible(timeout=LONG)
    expect(now.get_by_role("region", name="Neighbours").get_by_role("img").first).to_be_visible()
    page.reload()
    expect(now.get_by_text("pictures a second")).to_be_visible()
    now.get_by_role("button", name="Stop and keep the best").click()

    report = page.get_by_role("region", name="Report: Train an encoder")
    expect(report.get_by_role("table").get_by_text("lite0-64").first).to_be_visible(timeout=LONG)
    expect(report.get_by_role("button", name="Go on with it")).to_be_visible()
    report.get_by_role("button", name=f"Use it for searches and embed {CHIPS} chips").click()
    trained = page.get_by_role("article", name="simclr-lite0-64")
    expect(trained.get_by_text("Searches use it")).to_be_visible()
    expect(trained.get_by_text(f"Has seen all {CHIPS} chips.")).to_be_visible(timeout=LONG)

    compared = page.get_by_role("region", name="Compare two encoders")
    for name in ("simclr-lite0-64", "lite0-64"):
        found = compared.get_by_role("region", name=f"What {name} finds", exact=True)
        expect(found.get_by_role("img")).to_have_count(12)


def test_server_without_torch_says_so_instead_of_offering_the_button(
    drawing: Site, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    page = visit(f"{drawing.url}/train")
    expect(page.get_by_text("Training is not installed on this server")).to_be_visible()
    expect(page.get_by_text("pip install 'earthcurator[train]'")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_have_count(0)


def test_vectors_that_were_made_elsewhere_have_no_size_in_pixels(drawing: Site, visit: Visit) -> None:
    entry = drawing.project.encoders.for_vectors("clay", 16, "clay.parquet")
    drawing.project.encoders.keep_name(entry)
    page = visit(f"{drawing.url}/train")
    card = page.get_by_role("article", name="clay")
    expect(card).to_contain_text("vectors only")
    expect(card).not_to_contain_text("pixels")
