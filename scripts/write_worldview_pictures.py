"""Make the pictures of `docs/guides/worldview.md`, from the real extension and the real app in Debian's Chromium.

    make app extension
    python scripts/write_worldview_pictures.py

Nothing is asked of NASA: in the place of Worldview is a page with the demo's Blue Marble as its map, and the server
gets its imagery, the same picture, from this machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import BrowserContext, Page, Playwright, Route, sync_playwright

import earthcurator as ec
from earthcurator.demo import data_folder
from earthcurator.settings import Settings
from earthcurator.testing.blue_marble import LAYER, BlueMarbleGibs
from earthcurator.testing.gibs import FakeGibs

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "images"
EXTENSION = ROOT / "dist" / "extension" / "chrome"
WORLDVIEW = "https://worldview.earthdata.nasa.gov/"
VIEW = (-88.0, 11.0, -64.0, 35.0)
"""The Bahamas in the middle; as wide as it is high, like the window."""
LINK = f"{WORLDVIEW}?v={','.join(map(str, VIEW))}&l={LAYER}&t=2004-08-15-T00:00:00Z"
WIDE, PANEL, HIGH = 720, 400, 720
PORT = "8000"  # it is in the pictures
STANDIN = """<!doctype html>
<title>A stand-in for Worldview</title>
<style>
body { margin: 0; font: 13px system-ui, sans-serif }
.ol-viewport { position: relative; height: 100vh; overflow: hidden }
canvas { position: absolute; width: 100%; height: 100% }
footer { position: absolute; left: 0; bottom: 0; padding: 4px 10px; color: #fff; background: #222c }
</style>
<div class="ol-viewport"><div class="ol-layer"><canvas></canvas></div></div>
<footer>In the place of NASA Worldview: {what}</footer>
<script>
const picture = new Image();
picture.onload = () => {
  const canvas = document.querySelector("canvas");
  const [left, bottom, right, top] = new URLSearchParams(location.search).get("v").split(",").map(Number);
  const scale = picture.width / 360;
  [canvas.width, canvas.height] = [2 * innerWidth, 2 * innerHeight];
  canvas.getContext("2d").drawImage(picture, (left + 180) * scale, (90 - top) * scale, (right - left) * scale,
    (top - bottom) * scale, 0, 0, canvas.width, canvas.height);
  document.body.dataset.ready = "";
};
picture.src = "globe.jpg";
</script>
"""


def main() -> None:
    with BlueMarbleGibs() as gibs, staged(gibs, LAYER, data_folder() / "bmng.jpg", "Blue Marble, 2004") as stage:
        by_extension(stage)
        by_link(stage)


@dataclass(frozen=True)
class Stage:
    """A server with something to find, and a browser with the extension."""

    url: str
    browser: BrowserContext
    extension: str
    """Its id."""


@contextmanager
def staged(gibs: FakeGibs, layer: str, globe: Path, what: str) -> Iterator[Stage]:
    """`globe` is what the page in the place of Worldview shows, and `what` says so."""
    if not EXTENSION.is_dir():
        raise SystemExit("the extension is not built: make app extension")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        work = Path(folder)
        fill(work / "project", layer, Settings(source=gibs.url, cache=work / "cache", megabits_per_second=10_000))
        settings = {"CURATOR_SOURCE": gibs.url, "CURATOR_CACHE": str(work / "cache")}
        with serving(work / "project", settings) as url, chromium(playwright, work, globe, what) as browser:
            [worker] = browser.service_workers or [browser.wait_for_event("serviceworker")]
            yield Stage(url, browser, worker.url.split("/")[2])


# -- what there is to be found ---------------------------------------------------------------------------------------


def fill(folder: Path, layer: str, settings: Settings) -> None:
    """All seas and coasts between 45 degrees south and north, in pictures of nine degrees."""
    with ec.create(folder, name="Islands", settings=settings) as project:
        belt = ec.Box(west=-180, south=-45, east=180, north=45)
        project.download(layer, belt, zoom=3, chip_size=128)
        project.embed()
        project.tasks.create("Is there an island?", ("island", "other"))


@contextmanager
def serving(folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """The server, as a person starts it. Yields its address."""
    command = [sys.executable, "-m", "earthcurator", "--project", str(folder), "serve", "--port", PORT]
    with (folder.parent / "serve.log").open("w+") as log:
        server = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield address_in(log.name, server)
        finally:
            server.terminate()
            server.wait()


def address_in(log: str, server: subprocess.Popen[bytes]) -> str:
    while server.poll() is None:
        said = Path(log).read_text()
        if found := re.search(r"http://127\.0\.0\.1:\d+", said):
            return found[0]
        time.sleep(0.2)
    raise SystemExit(f"the server ended: {Path(log).read_text()}")


# -- the browser -----------------------------------------------------------------------------------------------------


@contextmanager
def chromium(playwright: Playwright, work: Path, globe: Path, what: str) -> Iterator[BrowserContext]:
    """With the extension, which may ask this machine: without a window nobody can be asked whether it may."""
    shutil.copytree(EXTENSION, work / "extension")
    manifest = json.loads((work / "extension" / "manifest.json").read_text())
    manifest["host_permissions"].append("http://127.0.0.1/*")
    (work / "extension" / "manifest.json").write_text(json.dumps(manifest))
    context = playwright.chromium.launch_persistent_context(
        work / "profile",
        executable_path=shutil.which("chromium"),
        color_scheme="light",
        locale="en-GB",
        args=[
            "--no-sandbox",
            f"--disable-extensions-except={work / 'extension'}",
            f"--load-extension={work / 'extension'}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ],
    )
    context.set_default_timeout(120_000)
    context.route(f"{WORLDVIEW}**", lambda route: stand_in(route, globe, what))
    yield context
    context.close()


def stand_in(route: Route, globe: Path, what: str) -> None:
    if route.request.url.endswith("globe.jpg"):
        route.fulfill(path=globe)
    else:
        route.fulfill(body=STANDIN.replace("{what}", what), content_type="text/html")


def opened(browser: BrowserContext, address: str, width: int, height: int) -> Page:
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address)
    return page


def pictures_shown(page: Page) -> None:
    page.wait_for_function("[...document.images].every((one) => one.complete)")
    page.evaluate("Promise.all([...document.images].map((one) => one.decode()))")


def click_toolbar(stage: Stage) -> None:
    """Click Curator's button in the tab of Worldview."""
    assert stage.browser.browser is not None
    devtools = stage.browser.browser.new_browser_cdp_session()
    targets = devtools.send("Target.getTargets", {"filter": [{"type": "tab", "exclude": False}]})["targetInfos"]
    [tab] = [target for target in targets if target["url"].startswith(WORLDVIEW)]
    devtools.send("Extensions.triggerAction", {"id": stage.extension, "targetId": tab["targetId"]})


def keep(target: Path, *pictures: bytes, colours: int = 200) -> None:
    """Side by side, with few enough colours for a small file."""
    parts = [Image.open(BytesIO(picture)).convert("RGB") for picture in pictures]
    whole = Image.new("RGB", (sum(part.width for part in parts), max(part.height for part in parts)), "white")
    left = 0
    for part in parts:
        whole.paste(part, (left, 0))
        left += part.width
    target.parent.mkdir(exist_ok=True)
    whole.quantize(colours).save(target, optimize=True)


# -- what a person does ----------------------------------------------------------------------------------------------


def filled_settings(stage: Stage, code: str) -> Page:
    """The extension's settings with the server and a code, which wait for a click."""
    settings = opened(stage.browser, f"chrome-extension://{stage.extension}/options.html", 800, 560)
    settings.get_by_label("Server address").fill(stage.url)
    settings.get_by_label("Pairing code").fill(code)
    return settings


def connect(settings: Page) -> None:
    settings.get_by_role("button", name="Connect").click()
    settings.get_by_text("Connected to Islands").wait_for()
    settings.close()


def marked_scene(stage: Stage, link: str, wide: int, high: int) -> tuple[Page, Page]:
    """The page in the place of Worldview with the rectangle on its map, and the panel."""
    map_ = opened(stage.browser, link, wide, high)
    map_.wait_for_selector("[data-ready]")
    click_toolbar(stage)
    map_.get_by_role("dialog").wait_for()
    map_.wait_for_timeout(1500)  # until the server has said how large a chip is
    panel = opened(stage.browser, f"chrome-extension://{stage.extension}/panel.html", PANEL, high)
    panel.get_by_text("Mark the scene on the map").wait_for()
    return map_, panel


def take_scene(map_: Page, panel: Page, *, keys: Sequence[str]) -> None:
    """Search by what is marked, and press keys on the results, `y` and `n` say."""
    map_.bring_to_front()
    map_.keyboard.press("Enter")
    panel.bring_to_front()
    panel.get_by_role("gridcell").nth(5).locator("img").wait_for()
    panel.get_by_role("grid").focus()
    for key in keys:
        panel.keyboard.press(key)
        panel.wait_for_timeout(400)


# -- the pictures ----------------------------------------------------------------------------------------------------


def by_extension(stage: Stage) -> None:
    settings = filled_settings(stage, offered_code(stage))
    keep(picture("settings"), settings.screenshot())
    connect(settings)
    map_, panel = marked_scene(stage, LINK, WIDE, HIGH)
    keep(picture("mark"), map_.screenshot(), panel.screenshot())
    take_scene(map_, panel, keys=("y", "ArrowRight", "y", "ArrowRight"))
    pictures_shown(panel)
    keep(picture("results"), map_.screenshot(), panel.screenshot())


def offered_code(stage: Stage) -> str:
    """A code for pairing, as the app shows it."""
    app = opened(stage.browser, f"{stage.url}/settings", 1000, 900)
    app.get_by_role("button", name="Pair a browser").click()
    code = app.get_by_label("Pairing code").input_value()
    app.get_by_role("img", name="QR code").wait_for()
    keep(picture("code"), app.get_by_role("region", name="Worldview extension").screenshot())
    return code


def by_link(stage: Stage) -> None:
    page = opened(stage.browser, f"{stage.url}/explore?worldview={quote(LINK, safe='')}&views=world", 1280, 720)
    page.get_by_role("region", name="Like these", exact=True).get_by_text(LAYER).wait_for()
    page.get_by_text("most alike of").wait_for()
    page.get_by_role("gridcell").nth(5).locator("img").wait_for()
    page.wait_for_load_state("networkidle")
    pictures_shown(page)
    keep(picture("link"), page.screenshot(animations="disabled"))


def picture(name: str) -> Path:
    return PICTURES / f"worldview-{name}.png"


if __name__ == "__main__":
    main()
