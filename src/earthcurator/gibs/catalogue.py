"""The catalogue: which layers there are, found by words, names and dates, kept as JSON.

A snapshot of layers that scientists use ships with the package (`scripts/write_catalogue.py` writes it). Nothing here
opens a socket: whoever wants newer facts passes a function that fetches.
"""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from typing import Any

from earthcurator.errors import BadDates, BadInput, CuratorError, NotFound, SourceUnreachable
from earthcurator.gibs import times
from earthcurator.gibs.capabilities import merge_layers, read_capabilities, read_domains, read_layer_metadata
from earthcurator.gibs.layers import Concept, Layer, Pyramid
from earthcurator.gibs.times import Period, instants, parse_periods, period_name, snap
from earthcurator.grids import GIBS_SETS, Grid, Matrix, gibs_grid

log = logging.getLogger(__name__)

GIBS = "https://gibs.earthdata.nasa.gov"
PROJECTIONS = ("EPSG:4326", "EPSG:3413", "EPSG:3031", "EPSG:3857")

Fetch = Callable[[str], bytes]
"""Gets the document at an address, or raises a `CuratorError`."""

_PROJECTION_NAMES = {"geographic": "4326", "arctic": "3413", "antarctic": "3031", "mercator": "3857"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The layers of one source, as known on one day."""

    layers: Mapping[str, Layer]
    written: date
    source: str
    """Where the facts are from, for people."""

    def get(self, identifier: str) -> Layer:
        """The layer with this identifier. Raises `NotFound` with the nearest ones."""
        if identifier in self.layers:
            return self.layers[identifier]
        near = self._near(identifier)
        raise NotFound(
            f"there is no layer {identifier!r} in the catalogue of {self.written}",
            hint=f"did you mean {' or '.join(near)}?" if near else "find one with: curator layers WORDS",
        )

    def search(
        self,
        words: Sequence[str] = (),
        *,
        period: str | None = None,
        projection: str | None = None,
        format: str | None = None,  # noqa: A002 - the word that people use for it
        resolution: float | None = None,
        date: date | None = None,
    ) -> list[Layer]:
        """Layers that have every word somewhere in their names, best match first, and pass every filter.

        `period` is a name like `daily` or `8-day`, `resolution` metres a pixel or finer, `date` a day with imagery.
        """
        wanted = [word.casefold() for word in words]
        crs = None if projection is None else _crs(projection)
        ranked = [
            (_rank(layer, wanted), layer)
            for layer in self.layers.values()
            if all(word in _names(layer) for word in wanted)
            and (period is None or period_name(layer.periods) == period.casefold())
            and (crs is None or crs in layer.pyramids)
            and (format is None or _same_format(layer.format, format))
            and (resolution is None or _finest(layer, crs) <= resolution)
            and (date is None or _has(layer, date))
        ]
        return [layer for _, layer in sorted(ranked, key=lambda pair: (pair[0], pair[1].id))]

    def to_json(self) -> bytes:
        """The catalogue as JSON, a layer a line. Of GIBS' own grids only the name is written."""
        other: dict[str, Any] = {}
        lines = ",\n".join(
            json.dumps(_layer_fields(layer, other), ensure_ascii=False) for layer in self.layers.values()
        )
        head = json.dumps({"written": self.written.isoformat(), "source": self.source, "grids": other})
        return f'{head[:-1]}, "layers": [\n{lines}\n]}}\n'.encode()

    @classmethod
    def from_json(cls, data: bytes) -> Catalogue:
        """Read what `to_json` wrote."""
        try:
            found = json.loads(data)
            grids = {name: _grid_from(fields) for name, fields in found["grids"].items()}
            layers = [_layer_from(fields, grids) for fields in found["layers"]]
            written = date.fromisoformat(found["written"])
            return cls(layers={layer.id: layer for layer in layers}, written=written, source=found["source"])
        except (ValueError, TypeError, KeyError, AttributeError, CuratorError) as exc:
            raise BadInput(f"this is not a catalogue: {exc}", hint="write it again with --refresh") from exc

    def _near(self, identifier: str) -> list[str]:
        """Up to four that are spelled alike, or whose names share most words."""
        by_fold = {name.casefold(): name for name in self.layers}
        spelled = difflib.get_close_matches(identifier.casefold(), by_fold, n=3, cutoff=0.6)
        words = {word.casefold() for word in re.findall(r"[A-Z]*[a-z0-9]+|[A-Z]+", identifier) if len(word) > 2}
        shared = {name: sum(word in _names(layer) for word in words) for name, layer in self.layers.items()}
        most = max(shared.values(), default=0)
        alike = [name for name, count in shared.items() if count == most] if 2 * most >= len(words) > 0 else []
        return list(dict.fromkeys(alike + [by_fold[name] for name in spelled]))[:4]


def load_snapshot() -> Catalogue:
    """The catalogue that ships with the package."""
    return Catalogue.from_json(files("earthcurator.gibs").joinpath("catalogue.json").read_bytes())


def instants_of(layer: Layer, start: datetime, end: datetime) -> list[datetime]:
    """The instants whose imagery a layer shows from `start` to before `end`: also one that began before, if it still
    lasts. Empty for a layer without times. Raises `BadDates` with the range of the layer when there are none.
    """
    if not layer.periods:
        return []
    begun = snap(layer.periods, start)
    found = [begun] if begun is not None and begun < start < end else []
    found += instants(layer.periods, start, end)
    if found:
        return found
    asked = (
        start.date() if end - start <= timedelta(days=1) else f"{start.date()}/{(end - timedelta(seconds=1)).date()}"
    )
    raise BadDates(f"{layer.id} has no imagery of {asked}: {range_of(layer)}", hint=_dates_hint(layer, start))


def first_and_last(layer: Layer) -> tuple[datetime, datetime]:
    """The first and the last instant of a layer. Raises `BadInput` for a layer without times."""
    span = times.first_and_last(layer.periods)
    if span is None:
        raise BadInput(f"{layer.id} has no times", hint="leave the dates out")
    return span


def range_of(layer: Layer) -> str:
    """When a layer has imagery, for people: `daily from 2000-02-24 to 2026-10-05`."""
    span = times.first_and_last(layer.periods)
    if span is None:
        return "it has no times"
    sub_daily = any(period.step.seconds % 86_400 or period.start.time() != time() for period in layer.periods)
    first, last = (f"{moment:%Y-%m-%dT%H:%MZ}" if sub_daily else f"{moment:%Y-%m-%d}" for moment in span)
    return f"{period_name(layer.periods)} from {first} to {last}"


# --- from a server ------------------------------------------------------------------------------------------------


def endpoint(base: str, projection: str) -> str:
    """Where a server with GIBS' addresses has the tiles of a projection."""
    return f"{base}/wmts/{projection.lower().replace(':', '')}/best"


def capabilities_of(base: str, projection: str) -> str:
    """Where such a server lists them."""
    return f"{endpoint(base, projection)}/1.0.0/WMTSCapabilities.xml"


def refresh(
    fetch: Fetch,
    base: str = GIBS,
    projections: Iterable[str] = PROJECTIONS,
    *,
    known: Catalogue | None = None,
    today: date | None = None,
) -> Catalogue:
    """The catalogue of a server with GIBS' addresses. What `known` says of a layer and capabilities do not is kept.

    A projection that cannot be had is left out, unless it is the only one.
    """
    addresses = [capabilities_of(base, projection) for projection in projections]
    found, failed = [], []
    with ThreadPoolExecutor(len(addresses)) as executor:
        for address, document in zip(addresses, [executor.submit(fetch, one) for one in addresses], strict=True):
            try:
                found.append(read_capabilities(document.result(), base=address))
            except CuratorError as exc:
                failed.append(exc)
                log.info("no layers at %s: %s", address, exc)
    if not any(found):
        raise SourceUnreachable(f"{base} lists no layers: {failed[0] if failed else 'they are empty'}") from None
    return _catalogue(merge_layers(found), base, known=known, today=today)


def read_source(fetch: Fetch, url: str, *, today: date | None = None) -> Catalogue:
    """The catalogue of any WMTS server: the address of its capabilities, or one below which they are found."""
    if url.endswith(".xml") or "getcapabilities" in url.lower():
        return _catalogue(read_capabilities(fetch(url), base=url), url, today=today)
    url = url.rstrip("/")
    try:
        return refresh(fetch, url, today=today)
    except CuratorError as exc:
        failed: CuratorError = exc
    query = f"{url}{'&' if '?' in url else '?'}SERVICE=WMTS&REQUEST=GetCapabilities&VERSION=1.0.0"
    for address in (f"{url}/1.0.0/WMTSCapabilities.xml", query):
        try:
            return _catalogue(read_capabilities(fetch(address), base=address), url, today=today)
        except CuratorError as exc:
            failed = exc
    hint = failed.hint or "give the address of its capabilities document"
    raise SourceUnreachable(f"there is no WMTS service at {url}: {failed}", hint=hint) from failed


def with_all_periods(layer: Layer, fetch: Fetch) -> Layer:
    """The layer with every period that it has now, asked of the server; as it is if the server has no such document."""
    address: str | None = next((p.domains for p in layer.pyramids.values() if p.domains), None)
    if address is None:
        return layer
    periods: list[Period] = []
    asked: set[str] = set()
    while address is not None and address not in asked:
        asked.add(address)
        page, following = read_domains(fetch(address), base=address)
        periods += page
        address = following
    return replace(layer, periods=tuple(dict.fromkeys(periods)) or layer.periods, all_periods=True)


def with_metadata(layer: Layer, fetch: Fetch, base: str = GIBS) -> Layer:
    """The layer with what the server's metadata say: names, measurement, collections."""
    return read_layer_metadata(fetch(f"{base}/layer-metadata/v1.0/{layer.id}.json"), layer)


def _catalogue(
    layers: Mapping[str, Layer], source: str, *, known: Catalogue | None = None, today: date | None = None
) -> Catalogue:
    described = {name: _described(layer, known.layers.get(name) if known else None) for name, layer in layers.items()}
    return Catalogue(layers=described, written=today or datetime.now(UTC).date(), source=source)


def _described(layer: Layer, known: Layer | None) -> Layer:
    if known is None:
        return layer
    return replace(
        layer,
        title=known.title,
        subtitle=layer.subtitle or known.subtitle,
        measurement=layer.measurement or known.measurement,
        ongoing=known.ongoing if layer.ongoing is None else layer.ongoing,
        day_night=layer.day_night or known.day_night,
        concepts=layer.concepts or known.concepts,
    )


# --- search -------------------------------------------------------------------------------------------------------


def _names(layer: Layer) -> str:
    return f"{layer.id} {layer.title} {layer.subtitle} {layer.measurement}".casefold()


def _rank(layer: Layer, words: Sequence[str]) -> tuple[bool, int]:
    """Small is good: all words in the id or title, then as many as possible as whole words."""
    title = f"{layer.id} {layer.title}".casefold()
    whole = set(re.split(r"[^a-z0-9]+", title))
    return not all(word in title for word in words), sum(word not in whole for word in words)


def _crs(text: str) -> str:
    folded = text.casefold()
    crs = f"EPSG:{_PROJECTION_NAMES.get(folded, folded.removeprefix('epsg').lstrip(':'))}"
    if crs not in GIBS_SETS:
        raise BadInput(f"GIBS has no projection {text!r}", hint=f"choose one of {', '.join(GIBS_SETS)}")
    return crs


def _same_format(media_type: str, text: str) -> bool:
    wanted = text.casefold().removeprefix("image/")
    return media_type.removeprefix("image/") == {"jpg": "jpeg"}.get(wanted, wanted)


def _finest(layer: Layer, crs: str | None) -> float:
    grids = [pyramid.grid for name, pyramid in layer.pyramids.items() if crs in (None, name)]
    return min(grid.metres_per_pixel(len(grid.matrices) - 1) for grid in grids)


def _has(layer: Layer, day: date) -> bool:
    start = datetime.combine(day, time(), UTC)
    if not layer.periods or snap(layer.periods, start):
        return True
    return next(instants(layer.periods, start, start + timedelta(days=1)), None) is not None


def _dates_hint(layer: Layer, start: datetime) -> str:
    span = times.first_and_last(layer.periods)
    if layer.ongoing and span is not None and start > span[1]:
        return "the catalogue may be old: update it with curator layers --refresh"
    return "choose dates within that range"


# --- JSON ---------------------------------------------------------------------------------------------------------


def _layer_fields(layer: Layer, grids: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "id": layer.id,
        "title": layer.title,
        "subtitle": layer.subtitle,
        "measurement": layer.measurement,
        "format": layer.format,
        "periods": ",".join(str(period) for period in layer.periods),
        "all_periods": layer.all_periods,
        "default_time": layer.default_time,
        "colormap": layer.colormap,
        "ongoing": layer.ongoing,
        "day_night": layer.day_night,
        "concepts": [asdict(concept) for concept in layer.concepts],
        "pyramids": {crs: _pyramid_fields(pyramid, grids) for crs, pyramid in layer.pyramids.items()},
    }
    return {name: value for name, value in fields.items() if value not in ("", [], None)}


def _pyramid_fields(pyramid: Pyramid, grids: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"grid": _grid_name(pyramid.grid, grids), "template": pyramid.template}
    if pyramid.domains:
        fields["domains"] = pyramid.domains
    if pyramid.limits:
        fields["limits"] = {str(zoom): list(limits) for zoom, limits in pyramid.limits.items()}
    return fields


def _grid_name(grid: Grid, grids: dict[str, Any]) -> str:
    name = grid.identifier
    if name in GIBS_SETS.get(grid.crs, ()) and gibs_grid(grid.crs, name) == grid:
        return name
    key = f"{grid.crs} {name}"
    grids[key] = asdict(grid)
    return key


def _layer_from(fields: Mapping[str, Any], grids: Mapping[str, Grid]) -> Layer:
    rest = {name: value for name, value in fields.items() if name not in ("periods", "concepts", "pyramids")}
    pyramids = {
        crs: Pyramid(
            grid=grids.get(found["grid"]) or gibs_grid(crs, found["grid"]),
            template=found["template"],
            domains=found.get("domains", ""),
            limits={int(zoom): tuple(limits) for zoom, limits in found.get("limits", {}).items()},
        )
        for crs, found in fields["pyramids"].items()
    }
    concepts = tuple(Concept(**concept) for concept in fields.get("concepts", ()))
    return Layer(**rest, periods=parse_periods(fields.get("periods", "")), pyramids=pyramids, concepts=concepts)


def _grid_from(fields: Mapping[str, Any]) -> Grid:
    matrices = tuple(Matrix(**matrix) for matrix in fields["matrices"])
    return Grid(fields["identifier"], fields["crs"], matrices, tuple(fields["world"]))
