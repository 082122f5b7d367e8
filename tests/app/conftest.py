"""The web app as people have it: built, served by a real server, and shown by a real browser (Debian's Chromium).

Every page that a test opens is watched: it fails when anything is asked of another host, when the content security
policy stops something, and when a script fails.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from filelock import FileLock
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

import earthcurator as ec
from earthcurator.demo import data_folder
from earthcurator.ingest import SceneOptions
from earthcurator.jobs import Runner
from earthcurator.models import Box, Role, Task
from earthcurator.settings import Settings
from earthcurator.store.sql.database import Database
from earthcurator.web.app import create_app
from earthcurator.web.pages import BUILT
from earthcurator.web.proxies import Proxied
from earthcurator.web.serving import Serving
from tests.web.conftest import chip, served

ROOT = Path(__file__).parents[2]
PICTURES = 40
PATIENCE = 30_000
"""Milliseconds: machines that test are busy."""

expect.set_options(timeout=PATIENCE)


# -- the app and its projects ------------------------------------------------------------------------------------------


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker to need it makes for all of them."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    with FileLock(shared / f"{name}.lock"):
        if not (shared / f"{name}.made").exists():
            make(shared / name)
            (shared / f"{name}.made").touch()
    return shared / name


@pytest.fixture(scope="session")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built app: the one that is named, that of `make app`, or one that is built now."""
    if named := os.environ.get("CURATOR_STATIC"):
        return Path(named)
    if (BUILT / "index.html").exists():
        return BUILT

    def build(folder: Path) -> None:
        npm = [sys.executable, str(ROOT / "hatch_build.py")]
        if not (ROOT / "frontend" / "node_modules").exists():
            subprocess.run([*npm, "ci", "--no-audit", "--no-fund"], check=True)
        subprocess.run([*npm, "exec", "--", "vite", "build", "--outDir", str(folder)], check=True)

    return made_once(tmp_path_factory, "app", build)


@pytest.fixture(scope="session")
def marble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 294 chips with places: NASA's Blue Marble around the equator, as in `curator demo`."""

    def make(folder: Path) -> None:
        with Image.open(data_folder() / "bmng.jpg") as globe:
            belt = globe.crop((0, 900, 5400, 1796))  # 15 pixels a degree: 30 degrees north to 29.7 south
        folder.mkdir()
        belt.save(folder / "bmng.png", compress_level=1)
        bounds = Box(west=-180, south=30 - belt.height / 15, east=180, north=30)
        scenes = SceneOptions(chip_size=128, stride=128, edge="drop", box=bounds, layer="BlueMarble_NextGeneration")
        with ec.create(folder / "project", name="Blue Marble") as made:
            made.import_pictures([folder / "bmng.png"], scenes=scenes)
            made.embed()

    return made_once(tmp_path_factory, "marble", make) / "project"


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of forty generated pictures, along the equator, one a day."""

    def make(folder: Path) -> None:
        with ec.create(folder, name="Drawn") as made:
            made.chips.add([chip(number) for number in range(PICTURES)])
            made.embed()

    return made_once(tmp_path_factory, "drawn", make)


@dataclass
class Site:
    """A server of a project, and what its database knows."""

    url: str
    project: ec.Project
    clock: list[float] = field(default_factory=lambda: [0.0])

    def later(self, by: timedelta) -> None:
        """Let time pass for the server."""
        self.clock[0] += by.total_seconds()

    def task(self, question: str = "Is there an island?", *classes: str, **options: Any) -> Task:
        """A new task about all chips."""
        return self.project.tasks.create(question, classes or ("island", "other"), **options)

    def said(self, task: Task) -> dict[str, tuple[str, ...]]:
        """What stands, by chip: the classes, or the decision where that is no label."""
        store = self.project.tasks.store
        events = list(store.events(task.id))
        assert len({event.id for event in events}) == len(events)
        voided = {event.voids for event in events}
        standing = [event for event in events if event.decision != "undo" and event.id not in voided]
        assert len({event.chip for event in standing}) == len(standing)  # nothing is said twice
        return {event.chip: event.value or (event.decision,) for event in standing}

    def hears(self, task: Task, said: Mapping[str, tuple[str, ...]]) -> None:
        """Until this is what stands, and nothing else."""
        until(lambda: self.said(task) == said)
        assert self.said(task) == said

    def link(self, name: str, role: Role) -> str:
        """The address with which somebody new signs in."""
        people = self.project.records.people
        return f"{self.url}/join#{people.issue(people.add(name, role).id, 'link')}"


@contextmanager
def serving(
    archive: Path, folder: Path, static: Path, *names: str, host: str = "127.0.0.1", below: str = ""
) -> Iterator[Site]:
    """A server of a copy of a project, with its jobs; `below` is the path that a proxy has it at."""
    shutil.copytree(archive, folder, ignore=shutil.ignore_patterns("labels.db*", "*.lock"))
    with ec.open(folder, settings=Settings(static=static)) as project:
        listening = socket.create_server((host, 0))
        options = Serving(host=host, port=listening.getsockname()[1], names=frozenset(names))
        app = create_app(project, options, runner=Runner(project, poll_seconds=0.1))
        proxied = Proxied(app, prefix=below)
        with served(proxied, project, listening) as server:  # type: ignore[arg-type]  # an application, too
            yield Site(server.url + below, project)


@pytest.fixture
def serve(static: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Site]]:
    """Serve a copy of a project until the test ends: `serve(marble)`."""
    clock = [0.0]
    monkeypatch.setattr(Database, "clock", property(lambda _self: {"clock_offset": round(clock[0] * 1000)}))
    with ExitStack() as ends:

        def start(archive: Path, *names: str, **options: str) -> Site:
            site = ends.enter_context(serving(archive, tmp_path / "project", static, *names, **options))
            return replace(site, clock=clock)

        yield start


@pytest.fixture
def site(serve: Callable[[Path], Site], marble: Path) -> Site:
    """A server of the Blue Marble, with no accounts: whoever asks is the local owner."""
    return serve(marble)


# -- the browser -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")  # not longer: while Playwright runs, nothing else in this thread can use asyncio
def chromium() -> Iterator[Browser]:
    """A browser that finds no other host than this machine."""
    with launched("MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1") as browser:
        yield browser


@contextmanager
def launched(*rules: str) -> Iterator[Browser]:
    """Chromium without a window, which finds no other hosts than those of the rules."""
    program = shutil.which("chromium")
    assert program, "these tests need Debian's Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", f"--host-resolver-rules={', '.join(rules)}"]
        )
        yield browser
        browser.close()


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that no page shows. It is up to the caller to say what is wrong if it does not happen."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.05)


def tour_seen(context: BrowserContext) -> None:
    """As for somebody who was here before."""
    context.add_init_script("localStorage.setItem('curator tour seen', 'yes')")


Visit = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Open an address in a browser profile of its own: `visit(url, color_scheme="dark")`. `script` runs in each page
    before any other."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def start(url: str, *, tour: bool = False, script: str = "", **options: Any) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options})
        context.set_default_timeout(PATIENCE)
        if not tour:
            tour_seen(context)
        if script:
            context.add_init_script(script)
        contexts.append(context)
        page = context.new_page()
        watch(page, httpx.URL(url), faults)
        page.goto(url)
        return page

    yield start
    for context in contexts:
        context.close()
    assert not faults


def watch(page: Page, home: httpx.URL, faults: list[str]) -> None:
    """Note what must not happen on a page."""

    def asked(url: str) -> None:
        to = httpx.URL(url)
        if to.scheme not in {"data", "blob"} and (to.host, to.port) != (home.host, home.port):
            faults.append(f"asks {url}")

    def said(message: ConsoleMessage) -> None:
        usual = (
            "Failed to load resource",  # a server that refuses, or is away
            "WebSocket connection",
            "The Cross-Origin-Opener-Policy header has been ignored",  # as all plain HTTP over a network has it
        )
        if message.type == "error" and not message.text.startswith(usual):
            faults.append(message.text)

    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))
    page.on("console", said)
    page.on("pageerror", lambda error: faults.append(f"script failed: {error}"))


# -- what people see ---------------------------------------------------------------------------------------------------


def shown(page: Page) -> str:
    """The chip on the card."""
    src = page.locator(".label-card img.now").get_attribute("src")
    assert src
    return src.split("/chips/")[1].split("/")[0]


def cards(page: Page) -> list[str]:
    """The chips on the stage: the one that is asked about, and those behind it, which are loaded already."""
    sources = page.locator(".label-card img").evaluate_all("all => all.map(one => one.getAttribute('src'))")
    return [source.split("/chips/")[1].split("/")[0] for source in sources]


def wait_for_next(page: Page, chip: str) -> None:
    """Until the card shows another chip than this one."""
    page.wait_for_function(
        "before => { const now = document.querySelector('.label-card img.now'); "
        "return now && !now.getAttribute('src').includes(before) }",
        arg=chip,
    )


def press(page: Page, key: str) -> str:
    """Answer the chip on the card by a key, and wait for the next. Returns the chip."""
    chip = shown(page)
    page.keyboard.press(key)
    wait_for_next(page, chip)
    return chip


def drag(page: Page, target: Locator, *corners: tuple[float, float]) -> None:
    """With the button held, along corners given in shares of the target's size."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def saved(page: Page) -> None:
    """Until the page says that the server has everything. What was said a moment ago may not be counted yet."""
    expect(page.get_by_text("Saved ✓")).to_be_visible()


@contextmanager
def offline(page: Page) -> Iterator[None]:
    """Without a connection."""
    page.context.set_offline(True)
    try:
        yield
    finally:
        page.context.set_offline(False)
