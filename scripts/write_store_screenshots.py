"""Make the screenshots for the stores, `extension/store/screenshots`, of the size that they ask for.

    make app extension
    python scripts/write_store_screenshots.py

As for the pictures of the guide (`write_worldview_pictures.py`), a page stands in for Worldview. Its planet is drawn
here, so that nothing in the pictures belongs to anybody else.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from write_worldview_pictures import (
    PANEL,
    ROOT,
    WORLDVIEW,
    Stage,
    connect,
    filled_settings,
    keep,
    marked_scene,
    pictures_shown,
    staged,
    take_scene,
)

from earthcurator.testing.blue_marble import BlueMarbleGibs
from earthcurator.testing.gibs import FakeGibs, FakeLayer

SCREENSHOTS = ROOT / "extension" / "store" / "screenshots"
LAYER = "Drawn_Planet"
MAP, HIGH = 1280 - PANEL, 800
VIEW = (-41.7, -2.2, -15.3, 21.8)
"""As wide for its height as the map."""
LINK = f"{WORLDVIEW}?v={','.join(map(str, VIEW))}&l={LAYER}&t=2024-08-15-T00:00:00Z"
SEA, SHALLOW, COAST, FOREST, HILLS = (8, 30, 70), (20, 78, 120), (190, 174, 130), (62, 92, 48), (138, 120, 88)


def main() -> None:
    globe = planet(np.random.default_rng(8))
    with tempfile.TemporaryDirectory() as folder, DrawnGibs(globe) as gibs:
        picture = Path(folder) / "globe.jpg"
        globe.save(picture, quality=92)
        with staged(gibs, LAYER, picture, "a drawn planet") as stage:
            take(stage)


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


# -- the screenshots -------------------------------------------------------------------------------------------------


def take(stage: Stage) -> None:
    code = stage.browser.request.post(f"{stage.url}/api/v1/pairings", data={"role": "curator"}).json()["code"]
    connect(filled_settings(stage, code))
    map_, panel = marked_scene(stage, LINK, MAP, HIGH)

    def shoot(name: str) -> None:
        pictures_shown(panel)
        keep(SCREENSHOTS / f"{name}.png", map_.screenshot(), panel.screenshot(), colours=255)

    shoot("1-mark")
    take_scene(map_, panel, keys=("y", "ArrowRight", "y", "ArrowRight", "y", "ArrowRight", "ArrowRight"))
    shoot("2-results")
    with map_.expect_navigation():
        panel.keyboard.press("Enter")
    map_.wait_for_selector("[data-ready]")
    panel.bring_to_front()
    panel.get_by_role("button", name="Filters").click()
    panel.wait_for_timeout(400)
    shoot("3-fly-and-filter")
    panel.get_by_role("button", name="Filters").click()
    panel.emulate_media(color_scheme="dark")
    panel.wait_for_timeout(400)
    shoot("4-dark")


if __name__ == "__main__":
    main()
