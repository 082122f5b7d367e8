"""Make the screenshots for the stores, `extension/store/screenshots`, of the size that they ask for.

    make app extension
    python scripts/write_store_screenshots.py

As for the pictures of the guide (`write_worldview_pictures.py`), a page stands in for Worldview. Its planet is drawn
here, so that nothing in the pictures belongs to anybody else.
"""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright
from write_worldview_pictures import (
    ROOT,
    WORLDVIEW,
    chromium,
    click_toolbar,
    extension_of,
    opened,
    pictures_shown,
    serving,
)

import earthcurator as ec
from earthcurator.settings import Settings
from earthcurator.testing.blue_marble import BlueMarbleGibs
from earthcurator.testing.gibs import FakeGibs, FakeLayer

SCREENSHOTS = ROOT / "extension" / "store" / "screenshots"
LAYER = "Drawn_Planet"
MAP, PANEL, HIGH = 880, 400, 800
VIEW = (-41.7, -2.2, -15.3, 21.8)
"""As wide for its height as the map."""
LINK = f"{WORLDVIEW}?v={','.join(map(str, VIEW))}&l={LAYER}&t=2024-08-15-T00:00:00Z"
SEA, SHALLOW, COAST, FOREST, HILLS = (8, 30, 70), (20, 78, 120), (190, 174, 130), (62, 92, 48), (138, 120, 88)


def main() -> None:
    globe = planet(np.random.default_rng(8))
    with tempfile.TemporaryDirectory() as folder, DrawnGibs(globe) as gibs, sync_playwright() as playwright:
        work = Path(folder)
        globe.save(work / "globe.jpg", quality=92)
        fill(work / "project", Settings(source=gibs.url, cache=work / "cache", megabits_per_second=10_000))
        settings = {"CURATOR_SOURCE": gibs.url, "CURATOR_CACHE": str(work / "cache")}
        with (
            serving(work / "project", settings) as url,
            chromium(playwright, work, work / "globe.jpg", "a drawn planet") as browser,
        ):
            take(browser, url)


# -- the planet ------------------------------------------------------------------------------------------------------


class DrawnGibs(BlueMarbleGibs):
    """Serves the planet as one layer."""

    def __init__(self, globe: Image.Image) -> None:
        layer = FakeLayer(id=LAYER, title="A drawn planet", sets={"epsg4326": "500m"}, timed=False, ongoing=False)
        FakeGibs.__init__(self, [layer])
        self._globe = globe


def planet(rng: np.random.Generator) -> Image.Image:
    """Seas, islands and clouds, by noise that has no seam."""
    height, moisture, clouds = rough(rng, 1.9, 60), rough(rng, 1.6, 20), rough(rng, 1.4, 12)
    colours = np.array([SEA, SEA, SHALLOW, COAST, FOREST, HILLS, (240, 240, 240)], float)
    levels = np.array([-4, 0.9, 1.38, 1.42, 1.48, 2.4, 3.6])
    shore = height + 0.12 * moisture
    ground = np.stack([np.interp(shore, levels, colours[:, band]) for band in range(3)], axis=-1)
    cover = np.clip((clouds - 1.3) * 0.8, 0, 0.85)[..., None]
    return Image.fromarray((ground * (1 - cover) + 245 * cover).astype(np.uint8))


def rough(
    rng: np.random.Generator, fall: float, longest: int, shape: tuple[int, int] = (2700, 5400)
) -> NDArray[np.float64]:
    """Noise whose waves are weaker the shorter they are, from `longest` around the globe on; mean 0, deviation 1."""
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    length = np.hypot(rows, columns)
    length[0, 0] = np.inf
    waves = np.fft.rfft2(rng.standard_normal(shape)) / np.maximum(length, longest / shape[1]) ** fall
    noise = np.fft.irfft2(waves, s=shape)
    return np.asarray((noise - noise.mean()) / noise.std())


def fill(folder: Path, settings: Settings) -> None:
    with ec.create(folder, name="Islands", settings=settings) as project:
        project.download(LAYER, ec.Box(west=-180, south=-45, east=180, north=45), zoom=3, chip_size=128)
        project.embed()
        project.tasks.create("Is there an island?", ("island", "other"))


# -- the screenshots -------------------------------------------------------------------------------------------------


def take(browser: BrowserContext, url: str) -> None:
    extension = extension_of(browser)
    pair(browser, url, extension)
    shown = opened(browser, LINK, MAP, HIGH)
    shown.wait_for_selector("[data-ready]")
    click_toolbar(browser, extension)
    shown.get_by_role("dialog").wait_for()
    shown.wait_for_timeout(1500)  # until the server has said how large a chip is
    panel = opened(browser, f"chrome-extension://{extension}/panel.html", PANEL, HIGH)
    panel.get_by_text("Mark the scene on the map").wait_for()
    keep("1-mark", shown, panel)
    shown.bring_to_front()
    shown.keyboard.press("Enter")
    panel.bring_to_front()
    panel.get_by_role("gridcell").nth(8).locator("img").wait_for()
    panel.get_by_role("grid").focus()
    for key in ("y", "ArrowRight", "y", "ArrowRight", "y", "ArrowRight", "ArrowRight"):
        panel.keyboard.press(key)
        panel.wait_for_timeout(400)
    keep("2-results", shown, panel)
    with shown.expect_navigation():
        panel.keyboard.press("Enter")
    shown.wait_for_selector("[data-ready]")
    panel.bring_to_front()
    panel.get_by_role("button", name="Filters").click()
    panel.wait_for_timeout(400)
    keep("3-fly-and-filter", shown, panel)
    panel.get_by_role("button", name="Filters").click()
    panel.emulate_media(color_scheme="dark")
    panel.wait_for_timeout(400)
    keep("4-dark", shown, panel)


def pair(browser: BrowserContext, url: str, extension: str) -> None:
    code = browser.request.post(f"{url}/api/v1/pairings", data={"role": "curator"}).json()["code"]
    settings = opened(browser, f"chrome-extension://{extension}/options.html", 800, 600)
    settings.get_by_label("Server address").fill(url)
    settings.get_by_label("Pairing code").fill(code)
    settings.get_by_role("button", name="Connect").click()
    settings.get_by_text("Connected to Islands").wait_for()
    settings.close()


def keep(name: str, shown: Page, panel: Page) -> None:
    """Side by side, as the browser has them."""
    pictures_shown(panel)
    whole = Image.new("RGB", (MAP + PANEL, HIGH))
    whole.paste(Image.open(BytesIO(shown.screenshot())), (0, 0))
    whole.paste(Image.open(BytesIO(panel.screenshot())), (MAP, 0))
    SCREENSHOTS.mkdir(exist_ok=True)
    whole.quantize(255).save(SCREENSHOTS / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
