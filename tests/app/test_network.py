"""The app over a network: by plain HTTP, which browsers do not trust, below a path of a proxy, and with few bytes.

Over plain HTTP they offer no clipboard and no `crypto.randomUUID`. The page is opened by this machine's own address.
Where it has none but loopback, which browsers trust, it is opened by a name, which they do not.
"""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from .conftest import Site, Visit, launched, press, saved

ELSEWHERE = "198.51.100.1"
"""Set aside for documentation: nothing is ever sent there."""

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1", "::1", "localhost", ELSEWHERE])]


@pytest.fixture(scope="module")
def host() -> str:
    """What others would call this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect((ELSEWHERE, 9))  # for UDP that only finds the way there
        except OSError:
            return "curator.test"
        address: str = asked.getsockname()[0]
    return "curator.test" if address.startswith("127.") else address


@pytest.fixture(scope="module")
def chromium(host: str) -> Iterator[Browser]:
    with launched("MAP curator.test 127.0.0.1", "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", f"EXCLUDE {host}") as browser:
        yield browser


def test_labels_by_keys_and_an_invitation_over_plain_http(
    serve: Callable[..., Site], drawn: Path, visit: Visit, host: str
) -> None:
    site = serve(drawn, host, host="0.0.0.0")
    here = site.url.replace("127.0.0.1", host)
    task = site.task("Is it red?", "yes", "no")
    owner = visit(site.link("Olga", "owner").replace(site.url, here))
    assert owner.evaluate("[isSecureContext, typeof crypto.randomUUID, typeof navigator.clipboard]") == [
        False, "undefined", "undefined",
    ]  # fmt: skip
    owner.get_by_role("button", name="Sign in").click()
    expect(owner.get_by_role("navigation", name="Screens")).to_be_visible()

    owner.goto(f"{here}/tasks/{task.id}/label")
    said = {press(owner, key): (answer,) for key, answer in (("y", "yes"), ("n", "no"), ("ArrowRight", "yes"))}
    site.hears(task, said)
    saved(owner)

    owner.goto(f"{here}/share")
    owner.get_by_role("button", name="Make the link").click()
    owner.get_by_role("button", name="Copy", exact=True).click()
    expect(owner.get_by_text("Your browser lets you copy it from here only: Ctrl C.")).to_be_visible()
    link = owner.get_by_label("The link", exact=True)
    expect(link).to_be_focused()
    address = link.input_value()
    assert owner.evaluate("document.getSelection().toString()") == address  # so that Ctrl C takes all of it
    assert address.startswith(f"{here}/join#")

    guest = visit(address)
    guest.get_by_label("Your name").fill("Ada")
    guest.get_by_role("button", name="Sign in").click()
    expect(guest.get_by_role("navigation", name="Screens")).to_be_visible()
    guest.goto(f"{here}/tasks/{task.id}/label")
    hers = press(guest, "n")
    site.hears(task, {**said, hers: ("no",)})


def test_app_works_below_the_path_that_a_proxy_has_it_at(serve: Callable[..., Site], drawn: Path, visit: Visit) -> None:
    site = serve(drawn, below="/hub/user/ada")
    task = site.task("Is it red?", "yes", "no")
    page = visit(site.url)
    expect(page.get_by_role("heading", name="Drawn")).to_be_visible()
    with page.expect_websocket() as live:
        page.reload()
    assert live.value.url == f"{site.url.replace('http:', 'ws:')}/api/v1/live"
    live.value.wait_for_event("framereceived")
    page.get_by_role("link", name="Explore and find").click()
    expect(page).to_have_url(f"{site.url}/explore")
    page.get_by_role("gridcell").first.locator("img").click()
    expect(page.get_by_role("dialog", name="Chip").get_by_role("img").first).to_be_visible()
    page.goto(f"{site.url}/tasks/{task.id}/label")
    site.hears(task, {press(page, "y"): ("yes",)})


def test_first_load_is_light(serve: Callable[..., Site], drawn: Path, visit: Visit) -> None:
    """Scripts of at most 250 kB, compressed as they are sent."""
    page = visit(serve(drawn).url)
    expect(page.get_by_role("heading", name="Drawn")).to_be_visible()
    page.wait_for_load_state("networkidle")
    loaded = "performance.getEntriesByType('resource').map(one => one.name).filter(name => name.endsWith('.js'))"
    sizes = [len(gzip.compress(httpx.get(name).content)) for name in page.evaluate(loaded)]
    assert 50_000 < sum(sizes) <= 250_000
