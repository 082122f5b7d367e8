"""The XML and JSON documents of the fake GIBS, in the shape in which OnEarth writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape

from earthcurator.testing.gibs_archive import CLASSES, LEVELS, FakeLayer, colour, entries, matrix, snap

LISTED_PERIODS = 100
"""How many periods, the latest, capabilities list; DescribeDomains has all."""

_CRS = {
    "epsg4326": "urn:ogc:def:crs:OGC:1.3:CRS84",
    "epsg3413": "urn:ogc:def:crs:EPSG::3413",
    "epsg3031": "urn:ogc:def:crs:EPSG::3031",
    "epsg3857": "urn:ogc:def:crs:EPSG:6.18:3:3857",
}


def exception_report(code: str, locator: str, text: str) -> str:
    """What OnEarth answers to a request that it does not understand."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ExceptionReport xmlns="http://www.opengis.net/ows/1.1" version="1.1.0" xml:lang="en">\n'
        f'  <Exception exceptionCode="{code}" locator="{locator}">\n'
        f"    <ExceptionText>{escape(text)}</ExceptionText>\n  </Exception>\n</ExceptionReport>\n"
    )


def capabilities(layers: Iterable[FakeLayer], projection: str, kind: str, base: str) -> str:
    """WMTSCapabilities.xml of a projection."""
    offered = [layer for layer in layers if projection in layer.sets]
    described = "\n".join(_layer(layer, projection, kind, base) for layer in offered)
    grids = "\n".join(_matrix_set(projection, name) for name in sorted({layer.sets[projection] for layer in offered}))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" \
xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0">
<ows:ServiceIdentification>
<ows:Title xml:lang="en">NASA Global Imagery Browse Services for EOSDIS (fake)</ows:Title>
<ows:ServiceType>OGC WMTS</ows:ServiceType><ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion>
</ows:ServiceIdentification>
<Contents>
{described}
{grids}
</Contents>
<ServiceMetadataURL xlink:href="{base}/wmts/{projection}/{kind}/1.0.0/WMTSCapabilities.xml"/>
</Capabilities>
"""


def _layer(layer: FakeLayer, projection: str, kind: str, base: str) -> str:
    grid = layer.sets[projection]
    here = f"{base}/wmts/{projection}/{kind}"
    tile = "{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}." + layer.extension
    times = ("/{Time}", "", "/default") if layer.timed else ("",)
    urls = [
        f'<ResourceURL format="{layer.media_type}" resourceType="tile" '
        f'template="{here}/{layer.id}/default{time}/{tile}"/>'
        for time in times
    ]
    if layer.periods:
        urls += [
            f'<ResourceURL format="text/xml" resourceType="Domains" '
            f'template="{here}/1.0.0/{layer.id}/default/{{TileMatrixSet}}/{box}/{range_}.xml"/>'
            for box, range_ in (("{BBOX}", "{TimeStart}--{TimeEnd}"), ("all", "all"))
        ]
    return f"""<Layer>
<ows:Title xml:lang="en">{escape(layer.title)}</ows:Title>
<ows:WGS84BoundingBox crs="urn:ogc:def:crs:OGC:2:84"><ows:LowerCorner>-180 -90</ows:LowerCorner>\
<ows:UpperCorner>180 90</ows:UpperCorner></ows:WGS84BoundingBox>
<ows:Identifier>{layer.id}</ows:Identifier>
{_links(layer, base)}
<Style isDefault="true"><ows:Title xml:lang="en">default</ows:Title><ows:Identifier>default</ows:Identifier></Style>
{_dimension(layer)}
<TileMatrixSetLink><TileMatrixSet>{grid}</TileMatrixSet>{_limits(layer)}</TileMatrixSetLink>
<Format>{layer.media_type}</Format>
{chr(10).join(urls)}
</Layer>"""


def _links(layer: FakeLayer, base: str) -> str:
    role = "http://earthdata.nasa.gov/gibs/metadata-type"
    links = [(f"{role}/layer/1.0", f"{base}/layer-metadata/v1.0/{layer.id}.json", "Layer Metadata")]
    if layer.painting != "true colour":
        title = "GIBS Color Map: Data - RGB Mapping"
        links += [
            (f"{role}/colormap{version}", f"{base}/colormaps/v1.3/{layer.id}.xml", title) for version in ("", "/1.3")
        ]
    return "\n".join(
        f'<ows:Metadata xlink:type="simple" xlink:role="{role}" xlink:href="{href}" xlink:title="{title}"/>'
        for role, href, title in links
    )


def _dimension(layer: FakeLayer) -> str:
    if not layer.periods:
        return ""
    latest = layer.periods.split(",")[-LISTED_PERIODS:]
    values = "".join(f"<Value>{period}</Value>" for period in latest)
    default = snap(layer.periods, "default") or ""
    if "T" not in latest[-1].split("/")[0]:
        default = default[:10]
    return (
        "<Dimension><ows:Identifier>Time</ows:Identifier><ows:UOM>ISO8601</ows:UOM>"
        f"<Default>{default}</Default><Current>false</Current>{values}</Dimension>"
    )


def _limits(layer: FakeLayer) -> str:
    if not layer.limits:
        return ""
    one_by_one = "".join(
        f"<TileMatrixLimits><TileMatrix>{zoom}</TileMatrix><MinTileRow>{rows[0]}</MinTileRow>"
        f"<MaxTileRow>{rows[1]}</MaxTileRow><MinTileCol>{rows[2]}</MinTileCol><MaxTileCol>{rows[3]}</MaxTileCol>"
        "</TileMatrixLimits>"
        for zoom, rows in sorted(layer.limits.items())
    )
    return f"<TileMatrixSetLimits>{one_by_one}</TileMatrixSetLimits>"


def _matrix_set(projection: str, name: str) -> str:
    levels = []
    for zoom in range(LEVELS[projection][name]):
        level = matrix(projection, zoom)
        levels.append(
            f"<TileMatrix><ows:Identifier>{zoom}</ows:Identifier>"
            f"<ScaleDenominator>{level.scale!r}</ScaleDenominator>"
            f"<TopLeftCorner>{level.left:.12g} {level.top:.12g}</TopLeftCorner>"
            f"<TileWidth>{level.side}</TileWidth><TileHeight>{level.side}</TileHeight>"
            f"<MatrixWidth>{level.columns}</MatrixWidth><MatrixHeight>{level.rows}</MatrixHeight></TileMatrix>"
        )
    return (
        f"<TileMatrixSet><ows:Identifier>{name}</ows:Identifier>"
        f"<ows:SupportedCRS>{_CRS[projection]}</ows:SupportedCRS>{''.join(levels)}</TileMatrixSet>"
    )


def domains(layer: FakeLayer, start: str, end: str, *, offset: int, limit: int, here: str) -> str:
    """DescribeDomains: a page of the periods that overlap `start`..`end` (text; empty: open). `here`: its address."""
    asked = [
        period
        for period in layer.periods.split(",")
        if (not end or period.split("/")[0] <= end) and (not start or period.split("/")[1] >= start)
    ]
    page = asked[offset : offset + limit]
    after = offset + limit
    following = f"<NextPage>{here}?limit={limit}&amp;offset={after}</NextPage>" if after < len(asked) else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Domains xmlns="http://demo.geo-solutions.it/share/wmts-multidim/wmts_multi_dimensional.xsd" '
        'xmlns:ows="http://www.opengis.net/ows/1.1" version="1.1">'
        '<SpaceDomain><BoundingBox crs="urn:ogc:def:crs:OGC:2:84" minx="-180" miny="-90" maxx="180" maxy="90"/>'
        "</SpaceDomain><DimensionDomain><ows:Identifier>time</ows:Identifier>"
        f"<Domain>{','.join(page)}</Domain><Size>{len(asked)}</Size>{following}</DimensionDomain></Domains>\n"
    )


def layer_metadata(layer: FakeLayer) -> str:
    """The layer-metadata JSON."""
    concepts = [
        {"type": kind, "value": f"C{1000 + len(layer.id)}-FAKE_{kind}", "shortName": layer.id[:12], "version": "6"}
        for kind in ("STD", "NRT")
    ]
    step = layer.periods.rsplit("/", 1)[-1]
    period = {"P1D": "Daily", "P1M": "Monthly", "P1Y": "Yearly", "P8D": "Multi-Day", "PT10M": "Subdaily"}.get(step, "")
    facts = {
        "title": layer.title.split(" (")[0],
        "subtitle": layer.subtitle,
        "ongoing": layer.ongoing,
        "measurement": layer.measurement,
        "daynight": [layer.day_night],
        "layerPeriod": period,
        "conceptIds": concepts,
    }
    return json.dumps(facts, indent=2)


def colormap(layer: FakeLayer) -> str:
    """Colours and what they mean, in the form of version 1.3."""
    missing = _colormap_part("No Data", "", "classification", [("0,0,0", "[-9999]", "No Data", True)])
    rows = []
    for index in range(1, entries(layer) + 1):
        rgb = ",".join(str(part) for part in colour(layer, index))
        value, label = meaning(layer, index)
        rows.append((rgb, value, label, False))
    if layer.painting == "mask":
        parts = _colormap_part("No Data", "", "classification", rows)
    elif layer.painting == "classes":
        parts = _colormap_part("Land Cover Type", "", "classification", rows) + missing
    else:
        parts = _colormap_part(layer.measurement, units(layer), "continuous", rows) + missing
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<ColorMaps>\n{parts}</ColorMaps>\n'


def units(layer: FakeLayer) -> str:
    """Of the values behind the colours."""
    return {"continuous": "K", "fraction": "%"}.get(layer.painting, "")


def meaning(layer: FakeLayer, index: int) -> tuple[str, str]:
    """What a palette index stands for: an interval (empty for classes), and words."""
    if layer.painting == "classes":
        return "", CLASSES[index - 1]
    if layer.painting == "mask":
        return "", "No Data"
    low, high = (index - 1, index) if layer.painting == "fraction" else (200 + (index - 1) / 2, 200 + index / 2)
    last = "]" if index == entries(layer) else ")"
    return f"[{low:g},{high:g}{last}", f"{low:g} – {high:g}"


def _colormap_part(title: str, units: str, kind: str, rows: list[tuple[str, str, str, bool]]) -> str:
    has_units = f' units="{units}"' if units else ""
    colours, legend = [], []
    for number, (rgb, value, label, transparent) in enumerate(rows, 1):
        has_value = f' sourceValue="{value}" value="{value}"' if value else ""
        nodata = ' nodata="true"' if label == "No Data" else ""
        transparency = "true" if transparent else "false"
        colours.append(f'<ColorMapEntry rgb="{rgb}" transparent="{transparency}"{nodata}{has_value} ref="{number}"/>')
        legend.append(f'<LegendEntry rgb="{rgb}" tooltip="{escape(label)}" id="{number}"/>')
    return (
        f'<ColorMap title="{escape(title)}"{has_units}>\n<Entries>\n{chr(10).join(colours)}\n</Entries>\n'
        f'<Legend type="{kind}">\n{chr(10).join(legend)}\n</Legend>\n</ColorMap>\n'
    )
