"""The extension as people have it: built, loaded by a real Chromium, on a stand-in for NASA Worldview, and paired with
a real server whose imagery comes from a fake GIBS.

The tests share one browser and one server, which cost seconds to start; what a test opened, remembered or was paired
with is gone before the next one, and its tasks are its own. So that nothing waits for the whole run with a browser
open, they run one after the other, in whatever order.

Every test fails when anything is asked of another host, when the content security policy stops something, and when a
script fails. What the server refused is noted: a test that expects no refusal says so.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import (
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    Response,
    Route,
    WebError,
    Worker,
    sync_playwright,
)

import earthcurator as ec
from earthcurator.models import Role, Task
from earthcurator.settings import Settings
from earthcurator.testing.gibs import FakeGibs
from earthcurator.web.app import create_app
from earthcurator.web.serving import Serving
from tests.app.conftest import PATIENCE, ROOT, made_once
from tests.gibs.conftest import TRUE_COLOUR
from tests.web.conftest import served

from .steps import DAY, HIGH, NEXT_DAY, WIDE, WORLDVIEW, eventually, link

ELSEWHERE = "https://elsewhere.earthdata.nasa.gov/"
"""Where a picture comes from that no page may read."""
HOME = "/icons/16.png"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests together, where the first of them stands."""
    here = Path(__file__).parent
    first = next((at for at, item in enumerate(items) if item.path.parent == here), len(items))
    items[first:] = sorted(items[first:], key=lambda item: item.path.parent != here)


# -- what is built -----------------------------------------------------------------------------------------------------


def npm(*words: str) -> None:
    """Run npm as the build does."""
    subprocess.run([sys.executable, str(ROOT / "hatch_build.py"), *words], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension as it is shipped for Chrome: that of `make extension`, else one that is built now."""
    made = ROOT / "dist" / "extension" / "chrome"
    if (made / "content.js").exists():
        return made

    def build(folder: Path) -> None:
        for mode in ("production", "content"):
            vite = ["--config", "../extension/vite.config.mts", "--mode", mode, "--outDir", str(folder)]
            npm("exec", "--", "vite", "build", *vite)

    return made_once(tmp_path_factory, "extension", build)


@pytest.fixture(scope="session")
def allowed(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that may ask this machine: without a window, nobody can answer when the browser asks."""

    def make(folder: Path) -> None:
        shutil.copytree(shipped, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["host_permissions"].append("http://127.0.0.1/*")
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return made_once(tmp_path_factory, "allowed", make)


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built stand-in for Worldview."""

    def build(folder: Path) -> None:
        config = str(Path(__file__).parent / "standin" / "vite.config.mjs")
        npm("exec", "--", "vite", "build", "--config", config, "--outDir", str(folder))

    return made_once(tmp_path_factory, "standin", build)


# -- the server --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="package")
def gibs() -> Iterator[FakeGibs]:
    """The archive behind the project and behind what is marked on the map."""
    with FakeGibs() as server:
        yield server


@pytest.fixture(scope="session")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one layer: 128 pixels a side on level 4 around California on two days, and some near the pole."""

    def make(folder: Path) -> None:
        with FakeGibs() as gibs:
            settings = Settings(cache=folder.with_name("cache"), source=gibs.url, megabits_per_second=10_000)
            with ec.create(folder, name="Sky", settings=settings) as made:
                box = ec.Box(west=-126, south=36, east=-110, north=45)
                cut: dict[str, Any] = {"chip_size": 128, "min_valid": 0}
                made.download(TRUE_COLOUR, box, f"{DAY}/{NEXT_DAY}", zoom=4, **cut)
                north = ec.Box(west=-50, south=78, east=-40, north=80)
                made.download(TRUE_COLOUR, north, DAY, zoom=2, crs="EPSG:3413", **cut)
                made.embed()

    return made_once(tmp_path_factory, "sky", make)


@pytest.fixture(scope="package")
def project(sky: Path, gibs: FakeGibs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ec.Project]:
    """A copy of it."""
    folder = tmp_path_factory.mktemp("extension")
    shutil.copytree(sky, folder / "sky", ignore=shutil.ignore_patterns("labels.db*", "*.lock"))
    settings = Settings(cache=folder / "cache", source=gibs.url, megabits_per_second=10_000)
    with ec.open(folder / "sky", settings=settings) as opened:
        yield opened


@dataclass
class Server:
    """A server of the project: one without accounts, so that this test is its owner."""

    url: str
    project: ec.Project
    client: httpx.Client
    """Asks its API as the person who runs it."""
    stop: Callable[[], None]
    """End it, as when somebody presses Ctrl+C."""

    def code(self, role: Role = "curator") -> str:
        """A new code for pairing."""
        return str(self.client.post("/pairings", json={"role": role}).json()["code"])

    def revoke_all(self) -> None:
        """As somebody does in the app's settings who has lost a laptop."""
        for pairing in self.client.get("/pairings").json()["pairings"]:
            self.client.delete(f"/pairings/{pairing['id']}").raise_for_status()

    def task(self, *chips: str, question: str = "Is there smoke?") -> Task:
        """A task about some chips."""
        return self.project.tasks.create(question, ("smoke", "clear"), chips=chips)

    def stands(self, task: Task) -> dict[str, tuple[str, ...]]:
        """What was said and not taken back, by chip: the classes, or the decision where that is no label."""
        events = list(self.project.tasks.store.events(task.id))
        voided = {event.voids for event in events}
        standing = [event for event in events if event.decision != "undo" and event.id not in voided]
        assert len({event.chip for event in standing}) == len(standing)  # nothing is said twice
        return {event.chip: event.value or (event.decision,) for event in standing}


@contextmanager
def serving(project: ec.Project) -> Iterator[Server]:
    """A server of the project, for as long as it is not stopped."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(project, Serving(port=listening.getsockname()[1]))
    with ExitStack() as running:
        url = running.enter_context(served(app, project, listening)).url
        client = running.enter_context(httpx.Client(base_url=f"{url}/api/v1", timeout=20))
        yield Server(url, project, client, running.close)


@pytest.fixture(scope="package")
def shared(project: ec.Project) -> Iterator[Server]:
    """The server of all tests but those that stop theirs."""
    with serving(project) as made:
        yield made


@pytest.fixture
def server(shared: Server) -> Server:
    """The server, which knows no pairings of earlier tests."""
    for pairing in shared.project.records.pairings.list():
        shared.project.records.pairings.revoke(pairing.id)
    return shared


@pytest.fixture
def mortal(project: ec.Project) -> Iterator[Server]:
    """A server that a test may stop."""
    with serving(project) as made:
        yield made


# -- the browser -------------------------------------------------------------------------------------------------------


@dataclass
class Browser:
    """Chromium with the extension."""

    context: BrowserContext
    devtools: CDPSession
    home: Page
    """Of the extension, without any script of it."""
    refused: list[str] = field(default_factory=list)
    """What the server did not do: status, method and path."""
    faults: list[str] = field(default_factory=list)
    """What must not happen."""

    @property
    def origin(self) -> str:
        """Of the extension's pages."""
        return self.home.url.removesuffix(HOME)

    def panel(self) -> Page:
        """The panel, in a tab of its own."""
        return self._page("panel", 400)

    def options(self) -> Page:
        """The settings."""
        return self._page("options", 800)

    def worldview(self, **asked: object) -> Page:
        """The stand-in in front of all other tabs. What it shows is in its address."""
        page = self.context.new_page()
        page.set_viewport_size({"width": WIDE, "height": HIGH})
        page.goto(link(**asked))
        page.wait_for_selector("[data-ready]")
        page.bring_to_front()
        return page

    def click_toolbar(self) -> None:
        """Click Curator's button while the tab with Worldview is in front."""
        [tab] = [target for target in self.targets("tab") if target["url"].startswith(WORLDVIEW)]
        self.devtools.send("Extensions.triggerAction", {"id": httpx.URL(self.origin).host, "targetId": tab["targetId"]})

    def worker(self) -> Worker:
        """The service worker. The browser ends it when it has nothing to do: a word from a page wakes it."""
        if not self.context.service_workers:
            with self.context.expect_event("serviceworker"):
                self.home.evaluate("void chrome.runtime.sendMessage({}).catch(() => {})")
        return self.context.service_workers[-1]

    def targets(self, kind: str) -> list[dict[str, Any]]:
        """What Chromium has open, whether Playwright knows of it or not."""
        wanted = {"filter": [{"type": kind, "exclude": False}]}
        found: list[dict[str, Any]] = self.devtools.send("Target.getTargets", wanted)["targetInfos"]
        return found

    def end(self, targets: list[dict[str, Any]]) -> None:
        """End these, and wait until they are gone."""
        for target in targets:
            self.devtools.send("Target.closeTarget", {"targetId": target["targetId"]})
        kinds, ended = {target["type"] for target in targets}, {target["targetId"] for target in targets}
        eventually(lambda: not ended & {left["targetId"] for kind in kinds for left in self.targets(kind)})

    def remember(self, server: Server, role: Role = "curator", task: Task | None = None) -> None:
        """Be paired with a server already."""
        asked = {"code": server.code(role), "name": "Test"}
        claimed = server.client.post("/pairings/claim", json=asked, headers={"Origin": self.origin})
        found = claimed.raise_for_status().json()
        connection = {name: found[name] for name in ("token", "version", "project", "person")}
        connection |= {"server": f"{server.url}/", "task": task.id if task else None}
        self.home.evaluate("connection => chrome.storage.local.set({ connection })", connection)

    def tidy(self) -> None:
        """As it was before the test."""
        for page in self.context.pages:
            if page != self.home:
                page.close()
        self.end([page for page in self.targets("page") if page["url"].endswith("/panel.html")])  # beside a page
        self.home.evaluate("Promise.all([chrome.storage.local.clear(), chrome.storage.session.clear()])")
        self.refused.clear()
        self.faults.clear()

    def _page(self, name: str, width: int) -> Page:
        page = self.context.new_page()
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"{self.origin}/{name}.html")
        return page


@pytest.fixture(scope="package")  # not longer: while it runs, nothing else in this thread can use asyncio
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@contextmanager
def chromium(playwright: Playwright, extension: Path, standin: Path, profile: Path) -> Iterator[Browser]:
    """Chromium without a window, which has this extension and finds no other host than this machine."""
    program = shutil.which("chromium")
    assert program, "these tests need Debian's Chromium: apt-get install chromium"
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=program,
        locale="en-GB",
        args=[
            "--no-sandbox",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--disable-extensions-except={extension}",
            f"--load-extension={extension}",
        ],
    )
    context.set_default_timeout(PATIENCE)
    [worker] = context.service_workers or [context.wait_for_event("serviceworker")]
    [home] = context.pages
    home.goto(worker.url.removesuffix("/sw.js") + HOME)
    assert context.browser
    made = Browser(context, context.browser.new_browser_cdp_session(), home)
    context.route(f"{WORLDVIEW}**", lambda route: fulfil(route, standin))
    context.route(f"{ELSEWHERE}**", lambda route: route.fulfill(path=standin / "dot.png"))
    watch(made)
    yield made
    context.close()


@pytest.fixture(scope="package")
def browsing(
    playwright: Playwright, allowed: Path, standin: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """The browser of all tests but those of another extension."""
    with chromium(playwright, allowed, standin, tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture
def browser(browsing: Browser) -> Iterator[Browser]:
    """The browser, with nothing open and nothing remembered."""
    browsing.tidy()
    yield browsing
    assert not browsing.faults


@pytest.fixture
def panel(browser: Browser, server: Server) -> Page:
    """The panel of an extension that is paired."""
    browser.remember(server)
    return browser.panel()


def fulfil(route: Route, standin: Path) -> None:
    """Answer as Worldview's host: with the stand-in."""
    file = standin / (httpx.URL(route.request.url).path.lstrip("/") or "index.html")
    route.fulfill(path=file) if file.is_file() else route.fulfill(status=404)


def watch(browser: Browser) -> None:
    """Note what must not happen, and what the server refuses."""
    hosts = {"127.0.0.1", *(httpx.URL(known).host for known in (WORLDVIEW, ELSEWHERE, browser.origin))}

    def asked(request: Request) -> None:
        to = httpx.URL(request.url)
        if to.scheme not in {"data", "blob"} and to.host not in hosts:
            browser.faults.append(f"asks {request.url}")

    def answered(response: Response) -> None:
        if response.status >= 400 and "127.0.0.1" in response.url:
            path = httpx.URL(response.url).path
            browser.refused.append(f"{response.status} {response.request.method} {path}")

    def said(message: ConsoleMessage) -> None:
        usual = ("Failed to load resource",)  # a server that refuses, or is away
        if message.type == "error" and not message.text.startswith(usual):
            browser.faults.append(message.text)

    def failed(error: WebError) -> None:
        browser.faults.append(f"script failed: {error.error}")

    browser.context.on("request", asked)
    browser.context.on("response", answered)
    browser.context.on("console", said)
    browser.context.on("weberror", failed)
