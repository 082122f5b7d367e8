"""One GeoJSON file (RFC 7946): a polygon for each chip with its class and what is known of it, for any map program.

What crosses the antimeridian is cut there into a MultiPolygon. A chip without a place has no geometry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from earthcurator.export.labelled import Labelled
from earthcurator.export.rows import facts, to_json
from earthcurator.models import Chip
from earthcurator.regions import region_of_box


def write_geojson(
    out: Path, rows: Iterable[Labelled], pictures: Callable[[Sequence[str]], Mapping[str, bytes]] | None = None
) -> int:
    """Write `chips.geojson`, one feature a line."""
    del pictures  # this format has none
    count = 0
    with (out / "chips.geojson").open("w", encoding="ascii", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for count, row in enumerate(rows, 1):
            file.write(f"{',' if count > 1 else ''}\n{to_json(_feature(row))}")
        file.write("\n]}\n")
    return count


def outline(chip: Chip) -> BaseGeometry | None:
    """Where the chip is, cut at the antimeridian, outer rings counterclockwise; None when its place is not known."""
    return shapely.orient_polygons(region_of_box(chip.box).geometry) if chip.box else None


def _feature(row: Labelled) -> dict[str, object]:
    shape = outline(row.chip)
    return {"type": "Feature", "geometry": None if shape is None else mapping(shape), "properties": facts(row)}
