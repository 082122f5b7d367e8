"""Write the catalogue that ships with the package, from a table of facts or from GIBS itself.

    python scripts/write_catalogue.py              # from scripts/catalogue_layers.csv, without network
    python scripts/write_catalogue.py --refresh    # those same layers, as GIBS' capabilities describe them today

Each row of the table is a layer, and `source` says who says so:

- `harvest`: the layer's record in https://github.com/OpenGeoMetadata/gov.nasa.gibs (CC0), read from GIBS on the day
  below: title, measurement, format, first and last day, and the level of its Web Mercator tiles, to which exactly one
  tile matrix set of the other projections belongs (`level`; a name where there are no such tiles).
- `api-docs` and `web-examples`: https://github.com/nasa-gibs/gibs-api-docs and nasa-gibs/gibs-web-examples.
- `guide`: the product's user guide: on which day of the year composites start anew.

In `periods`, `present` is the day of the harvest, so the latest instants of an ongoing layer may not exist, and gaps
are only there where the record names them. `from day 9` starts anew on that day of each year.
"""

from __future__ import annotations

import argparse
import csv
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from earthcurator.gibs.catalogue import GIBS, Catalogue, refresh, with_all_periods, with_metadata
from earthcurator.gibs.layers import Layer, Pyramid
from earthcurator.gibs.times import parse_periods
from earthcurator.grids import gibs_grid

HERE = Path(__file__).parent
TABLE = HERE / "catalogue_layers.csv"
OUT = HERE.parent / "src/earthcurator/gibs/catalogue.json"
HARVESTED = date(2026, 10, 5)
SETS = {6: "2km", 7: "1km", 8: "500m", 9: "250m", 12: "31.25m", 13: "15.625m"}
FORMATS = {
    "jpeg": ("image/jpeg", "jpg"),
    "png": ("image/png", "png"),
    "mvt": ("application/vnd.mapbox-vector-tile", "mvt"),
}


def from_table(rows: list[dict[str, str]]) -> Catalogue:
    layers = [read_row(row) for row in rows]
    return Catalogue(
        layers={layer.id: layer for layer in layers},
        written=HARVESTED,
        source="NASA GIBS, by way of the public sources named in scripts/catalogue_layers.csv",
    )


def read_row(row: Mapping[str, str]) -> Layer:
    media_type, extension = FORMATS[row["format"]]
    periods = parse_periods(",".join(expand(row["periods"])))
    return Layer(
        id=row["id"],
        title=row["title"],
        subtitle=row["subtitle"],
        measurement=row["measurement"],
        format=media_type,
        pyramids={crs: pyramid(row["id"], crs, name, extension, bool(periods)) for crs, name in grids(row)},
        periods=periods,
        all_periods=not periods,
        colormap=f"{GIBS}/colormaps/v1.3/{row['colormap']}.xml" if row["colormap"] else "",
        ongoing="present" in row["periods"],
    )


def grids(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Coordinate systems of a layer, each with its tile matrix set."""
    by_level = row["level"].isdigit()
    name = SETS[int(row["level"])] if by_level else row["level"]
    yield "EPSG:4326", name
    for code in row["polar"].split():
        yield f"EPSG:{code}", "1km" if name == "2km" else name  # GIBS has nothing coarser there
    if by_level:
        yield "EPSG:3857", f"GoogleMapsCompatible_Level{row['level']}"


def pyramid(layer: str, crs: str, name: str, extension: str, timed: bool) -> Pyramid:
    root = f"{GIBS}/wmts/{crs.lower().replace(':', '')}/best"
    time = "/{Time}" if timed else ""
    return Pyramid(
        grid=gibs_grid(crs, name),
        template=f"{root}/{layer}/default{time}/{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}.{extension}",
        domains=f"{root}/1.0.0/{layer}/default/{name}/all/all.xml" if timed else "",
    )


def expand(periods: str) -> Iterator[str]:
    """Periods as GIBS writes them."""
    for period in filter(None, periods.split(",")):
        text, _, day = period.partition(" from day ")
        dated = text.replace("present-90", f"{HARVESTED - timedelta(days=90)}").replace("present", f"{HARVESTED}")
        yield from each_year(dated, int(day)) if day else [dated]


def each_year(period: str, day: int) -> Iterator[str]:
    """A period of composites, cut where they start anew."""
    start, end, step = period.split("/")
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    for year in range(first.year, last.year + 1):
        begin = max(first, date(year, 1, 1) + timedelta(days=day - 1))
        until = min(last, date(year + 1, 1, 1) + timedelta(days=day - 2))
        if begin <= until:
            yield f"{begin}/{until}/{step}"


def from_gibs(rows: list[dict[str, str]]) -> Catalogue:
    """The layers of the table as GIBS describes them today."""
    fresh = refresh(fetch, known=from_table(rows), today=datetime.now(UTC).date())
    kept = {row["id"]: fresh.get(row["id"]) for row in rows}
    described = {name: with_metadata(with_all_periods(layer, fetch), fetch) for name, layer in kept.items()}
    return replace(fresh, layers=described)


def fetch(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"User-Agent": "earthcurator (scripts/write_catalogue.py)"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        content: bytes = answer.read()
    return content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refresh", action="store_true", help="ask GIBS instead of the table")
    arguments = parser.parse_args()
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    catalogue = from_gibs(rows) if arguments.refresh else from_table(rows)
    OUT.write_bytes(catalogue.to_json())
    print(f"{len(catalogue.layers)} layers of {catalogue.written} in {OUT}")


if __name__ == "__main__":
    main()
