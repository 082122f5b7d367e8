"""Reading what a tile server says about itself: WMTS capabilities, time domains and layer metadata.

Servers differ, so this reads any WMTS 1.0.0 document (OGC 07-057r7): GIBS', MapProxy's, MapCache's. A layer that cannot
be used is left out with a line in the log; a document that is something else is `SourceUnreachable`, saying what it is.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urljoin
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from earthcurator.errors import BadInput, CuratorError, SourceUnreachable
from earthcurator.gibs.layers import Concept, Layer, Pyramid
from earthcurator.gibs.times import Period, parse_periods
from earthcurator.grids import GIBS_SETS, METRES_PER_DEGREE, Grid, Matrix, gibs_grid

log = logging.getLogger(__name__)

LISTED_PERIODS = 100
"""GIBS' capabilities list no more than so many periods of a layer, the latest."""

_PIXEL = 0.00028  # metres, by which WMTS turns a resolution into a scale
_SAME = 1e-6  # grids that agree to this are one grid; servers round differently
_SPELLINGS = {"CRS84": "EPSG:4326", "900913": "EPSG:3857", "3785": "EPSG:3857"}
_PLACEHOLDERS = {name.lower(): name for name in ("Time", "TileMatrixSet", "TileMatrix", "TileRow", "TileCol")}


def read_capabilities(xml: bytes, *, base: str) -> dict[str, Layer]:
    """The layers of a capabilities document, by identifier. `base` is its address: relative ones start from there."""
    root = read_xml(xml, "Capabilities", base)
    contents = root.find("Contents")
    if contents is None:
        raise SourceUnreachable(f"{base} lists no layers", hint="check that it is a WMTS 1.0.0 service")
    grids = _grids(contents, base)
    get_tile = _get_tile_address(root)
    layers: dict[str, Layer] = {}
    for element in contents.findall("Layer"):
        name = _text(element, "Identifier")
        try:
            layers[name] = _layer(element, grids, get_tile, base)
        except (CuratorError, ValueError) as exc:
            log.warning("left out layer %r of %s: %s", name, base, exc)
    return layers


def merge_layers(projections: Iterable[Mapping[str, Layer]]) -> dict[str, Layer]:
    """One layer for each identifier, with the pyramids of all projections. The first that has a fact decides it."""
    merged: dict[str, Layer] = {}
    for layers in projections:
        for name, layer in layers.items():
            first = merged.setdefault(name, layer)
            merged[name] = replace(
                first,
                pyramids={**layer.pyramids, **first.pyramids},
                periods=first.periods or layer.periods,
                all_periods=first.all_periods if first.periods else layer.all_periods,
                default_time=first.default_time or layer.default_time,
                colormap=first.colormap or layer.colormap,
            )
    return merged


def read_domains(xml: bytes, *, base: str = "the server") -> tuple[tuple[Period, ...], str | None]:
    """The periods of a DescribeDomains document, and the address of its next page if there is one."""
    for dimension in read_xml(xml, "Domains", base).iter("DimensionDomain"):
        if _text(dimension, "Identifier").lower() == "time":
            page = _text(dimension, "NextPage")
            return parse_periods(_text(dimension, "Domain")), urljoin(base, page) if page else None
    return (), None


def read_layer_metadata(data: bytes, layer: Layer) -> Layer:
    """The layer with what its metadata document says about it: names, measurement, collections."""
    try:
        found: dict[str, Any] = dict(json.loads(data))
        concepts = tuple(_concept(concept) for concept in found.get("conceptIds") or ())
    except (ValueError, TypeError, AttributeError, RecursionError) as exc:
        raise SourceUnreachable(f"the metadata of {layer.id} is not what GIBS sends: {exc}", hint="try later") from exc
    ongoing = found.get("ongoing")
    day_night = found.get("daynight") or ""
    return replace(
        layer,
        title=str(found.get("title") or layer.title),
        subtitle=str(found.get("subtitle") or layer.subtitle),
        measurement=str(found.get("measurement") or layer.measurement),
        ongoing=ongoing if isinstance(ongoing, bool) else layer.ongoing,
        day_night=", ".join(day_night) if isinstance(day_night, list) else str(day_night),
        concepts=concepts or layer.concepts,
    )


def read_xml(xml: bytes, root: str, source: str) -> Element:
    """Parse a document and drop its namespaces. Raises `SourceUnreachable` unless its root has this name.

    Entities are refused with the DOCTYPE that would define them, before anything is expanded.
    """
    try:
        parser = XMLParser(target=_NoDoctype())  # noqa: S314 - what makes XML dangerous needs a DOCTYPE
        parser.feed(xml)
        tree: Element = parser.close()
    except (ParseError, BadInput, LookupError, ValueError) as exc:
        raise _unexpected(source, root, _what_came(xml, str(exc))) from exc
    for element in tree.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(name): value for name, value in element.attrib.items()}
    if tree.tag != root:
        words = " ".join(" ".join(tree.itertext()).split())
        raise _unexpected(source, root, f"{tree.tag}: {words:.200}")
    return tree


class _NoDoctype(TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002 - the signature of TreeBuilder
        raise BadInput("it has a DOCTYPE")


def _unexpected(source: str, wanted: str, came: str) -> SourceUnreachable:
    return SourceUnreachable(
        f"{source} answered with {came or 'nothing'} instead of a {wanted} document",
        hint="check the address, or try later",
    )


def _what_came(body: bytes, problem: str) -> str:
    start = body[:2000].decode(errors="replace").strip()
    if "<html" in start.lower() or start.lower().startswith("<!doctype html"):
        title = re.search(r"<title>(.*?)</title>", start, re.IGNORECASE | re.DOTALL)
        return f"an HTML page ({title[1].strip():.100})" if title else "an HTML page"
    if start.startswith("<"):
        return f"XML that cannot be read ({problem})"
    return repr(start[:100]) if start else ""


# --- layers -------------------------------------------------------------------------------------------------------


def _layer(element: Element, grids: Mapping[str, Grid], get_tile: str, base: str) -> Layer:
    name = _text(element, "Identifier")
    if not name:
        raise ValueError("it has no identifier")
    time = _dimensions(element).get("time")
    periods = parse_periods(",".join(value.text or "" for value in time.findall("Value"))) if time is not None else ()
    template, media_type = _template(element, name, get_tile, timed=bool(periods))
    return Layer(
        id=name,
        title=_text(element, "Title") or name,
        format=media_type,
        pyramids=_pyramids(element, grids, urljoin(base, template)),
        periods=periods,
        all_periods=len(periods) < LISTED_PERIODS,
        default_time=_text(time, "Default") if time is not None else "",
        colormap=_colormap(element, base),
    )


def _template(element: Element, name: str, get_tile: str, *, timed: bool) -> tuple[str, str]:
    """Address of a tile with placeholders, and the media type of tiles: REST if offered, else key-value pairs."""
    style = _style(element)
    fixed = {"layer": name, "style": style}
    for key, dimension in _dimensions(element).items():
        fixed.setdefault(key, _text(dimension, "Default"))
    fixed.pop("time", None)
    for resource in element.findall("ResourceURL"):
        template = re.sub(r"{(\w+)}", lambda found: _fill(found, fixed), resource.get("template", ""))
        wanted = set(_PLACEHOLDERS.values()) if timed else set(_PLACEHOLDERS.values()) - {"Time"}
        if resource.get("resourceType") == "tile" and set(re.findall(r"{(\w+)}", template)) == wanted:
            return template, _media_type(resource.get("format", ""))
    if not get_tile:
        raise ValueError(f"it offers no address of tiles {'for its times' if timed else 'without a time'}")
    media_types = [_media_type(found.text or "") for found in element.findall("Format")]
    media_type = next((found for found in media_types if found.startswith("image/")), "".join(media_types[:1]))
    pairs = {"LAYER": name, "STYLE": style, "FORMAT": media_type}
    query = "&".join(f"{key}={quote(value, safe='')}" for key, value in pairs.items())
    return (
        f"{get_tile}SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&{query}&TILEMATRIXSET={{TileMatrixSet}}"
        f"&TILEMATRIX={{TileMatrix}}&TILEROW={{TileRow}}&TILECOL={{TileCol}}{'&TIME={Time}' if timed else ''}"
    ), media_type


def _fill(found: re.Match[str], fixed: Mapping[str, str]) -> str:
    key = found[1].lower()
    return f"{{{_PLACEHOLDERS[key]}}}" if key in _PLACEHOLDERS else fixed.get(key) or found[0]


def _style(element: Element) -> str:
    styles = element.findall("Style")
    chosen = next((style for style in styles if style.get("isDefault") == "true"), styles[0] if styles else element)
    return (_text(chosen, "Identifier") if styles else "") or "default"


def _pyramids(element: Element, grids: Mapping[str, Grid], template: str) -> dict[str, Pyramid]:
    """The finest grid of each coordinate system."""
    pyramids: dict[str, Pyramid] = {}
    for link in element.findall("TileMatrixSetLink"):
        grid = grids.get(_text(link, "TileMatrixSet"))
        if grid is None:
            continue
        before = pyramids.get(grid.crs)
        if before is None or grid.matrices[-1].resolution < before.grid.matrices[-1].resolution:
            pyramids[grid.crs] = Pyramid(
                grid=grid, template=template, limits=_limits(link, grid), domains=_domains(element, grid, template)
            )
    if not pyramids:
        raise ValueError(f"none of its grids is in {', '.join(GIBS_SETS)}")
    return pyramids


def _limits(link: Element, grid: Grid) -> dict[int, tuple[int, int, int, int]]:
    zooms = {matrix.identifier: zoom for zoom, matrix in enumerate(grid.matrices)}
    return {
        zooms[name]: (
            int(_text(limits, "MinTileRow")),
            int(_text(limits, "MaxTileRow")),
            int(_text(limits, "MinTileCol")),
            int(_text(limits, "MaxTileCol")),
        )
        for limits in link.iter("TileMatrixLimits")
        if (name := _text(limits, "TileMatrix")) in zooms
    }


def _domains(element: Element, grid: Grid, base: str) -> str:
    """Address of all times over all of the layer: GIBS offers several templates, which differ in what they narrow."""
    addresses = {}
    for resource in element.findall("ResourceURL"):
        if resource.get("resourceType", "").lower() == "domains":
            address = resource.get("template", "").replace("{TileMatrixSet}", grid.identifier).replace("{BBOX}", "all")
            address = re.sub(r"{Time\w*}(--)?({Time\w*})?|--{Time\w*}", "all", address)
            addresses[address.count("{"), len(address)] = urljoin(base, address)
    return addresses[min(addresses)] if addresses else ""


def _colormap(element: Element, base: str) -> str:
    found = {
        metadata.get("role", ""): metadata.get("href", "")
        for metadata in element.findall("Metadata")
        if "/colormap" in metadata.get("role", "")
    }
    return urljoin(base, found[max(found)]) if found else ""


def _dimensions(element: Element) -> dict[str, Element]:
    return {_text(dimension, "Identifier").lower(): dimension for dimension in element.findall("Dimension")}


def _concept(found: Mapping[str, Any]) -> Concept:
    return Concept(
        id=str(found.get("value") or ""),
        kind=str(found.get("type") or ""),
        short_name=str(found.get("shortName") or ""),
        version=str(found.get("version") or ""),
    )


def _get_tile_address(root: Element) -> str:
    """Where key-value requests for tiles go, ready for a query to be added; empty if they are not offered."""
    for operation in root.iter("Operation"):
        if operation.get("name") != "GetTile":
            continue
        for get in operation.iter("Get"):
            encodings = [value.text for value in get.iter("Value")]
            href = get.get("href", "")
            if href and (not encodings or "KVP" in encodings):
                return href if href.endswith(("?", "&")) else href + ("&" if "?" in href else "?")
    return ""


# --- grids --------------------------------------------------------------------------------------------------------


def _grids(contents: Element, base: str) -> dict[str, Grid]:
    grids = {}
    for element in contents.findall("TileMatrixSet"):
        name = _text(element, "Identifier")
        try:
            grids[name] = _grid(element, name)
        except (CuratorError, ValueError) as exc:
            log.info("left out grid %r of %s: %s", name, base, exc)
    return grids


def _grid(element: Element, name: str) -> Grid:
    spelled = _text(element, "SupportedCRS")
    crs = _crs(spelled)
    finest = gibs_grid(crs, max(GIBS_SETS[crs], key=lambda known: GIBS_SETS[crs][known]))
    matrices = [_exact(_matrix(found, spelled, crs), finest) for found in element.findall("TileMatrix")]
    if not matrices:
        raise ValueError("it has no levels")
    matrices.sort(key=lambda matrix: -matrix.resolution)
    return Grid(name, crs, tuple(matrices), finest.world)


def _crs(text: str) -> str:
    """`EPSG:3413` for `urn:ogc:def:crs:EPSG:6.3:3413`, `http://www.opengis.net/def/crs/EPSG/0/3413` and the like."""
    code = re.split(r"[:/]", text)[-1]
    crs = _SPELLINGS.get(code, f"EPSG:{code}")
    if crs not in GIBS_SETS:
        raise ValueError(f"its coordinate system {text!r} is not one of {', '.join(GIBS_SETS)}")
    return crs


def _matrix(element: Element, spelled: str, crs: str) -> Matrix:
    metres_per_unit = METRES_PER_DEGREE if crs == "EPSG:4326" else 1.0
    left, top = _corner(_text(element, "TopLeftCorner"), spelled, crs)
    matrix = Matrix(
        identifier=_text(element, "Identifier"),
        resolution=float(_text(element, "ScaleDenominator")) * _PIXEL / metres_per_unit,
        left=left,
        top=top,
        tile_width=int(_text(element, "TileWidth")),
        tile_height=int(_text(element, "TileHeight")),
        columns=int(_text(element, "MatrixWidth")),
        rows=int(_text(element, "MatrixHeight")),
    )
    if not (
        0 < matrix.resolution < 1e9 and min(matrix.tile_width, matrix.tile_height, matrix.columns, matrix.rows) > 0
    ):
        raise ValueError(f"level {matrix.identifier} has no size")
    return matrix


def _corner(text: str, spelled: str, crs: str) -> tuple[float, float]:
    """Left and top. Servers disagree on the order of axes, so what lies to the left of and above the middle decides."""
    first, second = (float(number) for number in text.split())
    orders = [(first, second), (second, first)]
    plausible = [(left, top) for left, top in orders if left < 0 < top and (crs != "EPSG:4326" or top <= 90 + _SAME)]
    if len(plausible) == 1:
        return plausible[0]
    # A regional grid, where both may be right: only EPSG's own 4326 has latitude first.
    return orders[1] if crs == "EPSG:4326" and "CRS84" not in spelled else orders[0]


def _exact(matrix: Matrix, known: Grid) -> Matrix:
    """GIBS' own figures for a level of GIBS' grid, so that rounding in a document makes no second grid."""
    for ours in known.matrices:
        same = abs(ours.resolution - matrix.resolution) <= _SAME * ours.resolution
        apart = max(abs(ours.left - matrix.left), abs(ours.top - matrix.top)) / (ours.resolution * ours.tile_width)
        if same and apart < _SAME and ours.tile_width == matrix.tile_width:
            return replace(matrix, resolution=ours.resolution, left=ours.left, top=ours.top)
    return matrix


def _text(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _media_type(text: str) -> str:
    media_type = text.partition(";")[0].strip().lower()
    return "image/jpeg" if media_type == "image/jpg" else media_type
