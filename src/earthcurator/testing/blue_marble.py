"""A GIBS on 127.0.0.1 that serves one real picture: NASA's Blue Marble, as GIBS has it in the layer `LAYER`.

For examples that download imagery and must run without network. Asked with the same words, NASA's own server gives the
same places. The picture is the demo's, of 15 pixels a degree: level 3 (14 pixels a degree) shows all that is in it.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image

from earthcurator.demo import data_folder
from earthcurator.testing.gibs import FakeGibs, FakeLayer
from earthcurator.testing.gibs_archive import matrix

if TYPE_CHECKING:
    from earthcurator.testing.gibs import _Asked

LAYER = "BlueMarble_NextGeneration"


class BlueMarbleGibs(FakeGibs):
    """The server, in EPSG:4326 only; runs from `with` to its end."""

    def __init__(self) -> None:
        layer = FakeLayer(
            id=LAYER,
            title="Blue Marble (August 2004)",
            sets={"epsg4326": "500m"},
            timed=False,
            measurement="Blue Marble",
            ongoing=False,
        )
        super().__init__([layer])
        with Image.open(data_folder() / "bmng.jpg") as picture:
            self._globe = picture.convert("RGB")

    def _tile(self, asked: _Asked) -> bytes:
        level = matrix(asked.projection, asked.zoom)
        left, top = asked.column * level.side, asked.row * level.side
        width, height = min(level.side, level.width - left), min(level.side, level.height - top)
        scale = self._globe.width / level.width
        box = (left * scale, top * scale, (left + width) * scale, (top + height) * scale)
        tile, out = Image.new("RGB", (level.side, level.side)), BytesIO()
        tile.paste(self._globe.resize((width, height), Image.Resampling.LANCZOS, box=box))
        tile.save(out, "jpeg", quality=90)
        return out.getvalue()
