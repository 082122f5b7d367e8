from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from mapproxy.wsgiapp import make_wsgi_app
from owslib.wmts import WebMapTileService

from earthcurator.errors import SourceUnreachable
from earthcurator.gibs.capabilities import merge_layers, read_capabilities, read_domains, read_layer_metadata
from earthcurator.gibs.times import parse_periods
from earthcurator.grids import METRES_PER_DEGREE, gibs_grid

BASE = "https://tiles.example/wmts/1.0.0/WMTSCapabilities.xml"
TILE = "{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}.png"
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1"
  xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0">"""
KVP = """<ows:OperationsMetadata><ows:Operation name="GetTile"><ows:DCP><ows:HTTP>
<ows:Get xlink:href="https://tiles.example/rest"><ows:Constraint name="GetEncoding"><ows:AllowedValues>
<ows:Value>RESTful</ows:Value></ows:AllowedValues></ows:Constraint></ows:Get>
<ows:Get xlink:href="https://tiles.example/kvp"><ows:Constraint name="GetEncoding"><ows:AllowedValues>
<ows:Value>KVP</ows:Value></ows:AllowedValues></ows:Constraint></ows:Get>
</ows:HTTP></ows:DCP></ows:Operation></ows:OperationsMetadata>"""


def matrix_set(name: str, crs: str, corner: str, resolution: float, *, side: int = 512, digits: str = "d") -> str:
    metres = METRES_PER_DEGREE if "84" in crs or crs.endswith("4326") else 1
    levels = "".join(
        f"<TileMatrix><ows:Identifier>{zoom:{digits}}</ows:Identifier>"
        f"<ScaleDenominator>{resolution / 2**zoom * metres / 0.00028:.10g}</ScaleDenominator>"
        f"<TopLeftCorner>{corner}</TopLeftCorner><TileWidth>{side}</TileWidth><TileHeight>{side}</TileHeight>"
        f"<MatrixWidth>{2 << zoom}</MatrixWidth><MatrixHeight>{1 << zoom}</MatrixHeight></TileMatrix>"
        for zoom in (1, 0)  # some servers list the finest first
    )
    return (
        f"<TileMatrixSet><ows:Identifier>{name}</ows:Identifier><ows:SupportedCRS>{crs}</ows:SupportedCRS>"
        f"{levels}</TileMatrixSet>"
    )


SETS = matrix_set("2km", "urn:ogc:def:crs:OGC:1.3:CRS84", "-180 90", 0.5625)


def layer(inside: str = "", *, name: str = "Sea", link: str = "<TileMatrixSet>2km</TileMatrixSet>") -> str:
    return (
        f"<Layer><ows:Title>{name} level</ows:Title><ows:Identifier>{name}</ows:Identifier><Style isDefault='true'>"
        f"<ows:Identifier>default</ows:Identifier></Style><Format>image/png</Format>"
        f"<TileMatrixSetLink>{link}</TileMatrixSetLink>{inside}</Layer>"
    )


def resource(template: str, kind: str = "tile") -> str:
    return f'<ResourceURL format="image/png" resourceType="{kind}" template="{template}"/>'


def document(*layers: str, sets: str = SETS, operations: str = "") -> bytes:
    return f"{HEAD}{operations}<Contents>{''.join(layers)}{sets}</Contents></Capabilities>".encode()


STATIC = resource("https://tiles.example/{Style}/" + TILE)
TIMED = resource("https://tiles.example/{Time}/" + TILE)


def test_a_layer_of_gibs_is_read_whole() -> None:
    role = "http://earthdata.nasa.gov/gibs/metadata-type/colormap"
    domains = "https://tiles.example/1.0.0/Sea/default/{TileMatrixSet}"
    xml = document(
        layer(
            f'<ows:Metadata xlink:role="{role}/1.0" xlink:href="https://tiles.example/v1.0/Sea.xml"/>'
            f'<ows:Metadata xlink:role="{role}/1.3" xlink:href="https://tiles.example/v1.3/Sea.xml"/>'
            "<Dimension><ows:Identifier>Time</ows:Identifier><ows:UOM>ISO8601</ows:UOM><Default>2020-03-01</Default>"
            "<Current>false</Current><Value>2019-01-01/2019-05-01/P1M</Value><Value>2020-01-01/2020-03-01/P1M</Value>"
            f"</Dimension>{STATIC}{TIMED}{resource(domains + '/{BBOX}/{TimeStart}--{TimeEnd}.xml', 'Domains')}"
            f"{resource(domains + '/all/all.xml', 'Domains')}",
            link="<TileMatrixSet>2km</TileMatrixSet><TileMatrixSetLimits><TileMatrixLimits><TileMatrix>1</TileMatrix>"
            "<MinTileRow>0</MinTileRow><MaxTileRow>1</MaxTileRow><MinTileCol>1</MinTileCol><MaxTileCol>2</MaxTileCol>"
            "</TileMatrixLimits></TileMatrixSetLimits>",
        )
    )
    found = read_capabilities(xml, base=BASE)["Sea"]
    pyramid = found.pyramids["EPSG:4326"]
    assert (found.title, found.format, found.default_time) == ("Sea level", "image/png", "2020-03-01")
    assert found.periods == parse_periods("2019-01-01/2019-05-01/P1M,2020-01-01/2020-03-01/P1M")
    assert found.all_periods
    assert found.colormap == "https://tiles.example/v1.3/Sea.xml"
    assert pyramid.template == "https://tiles.example/{Time}/" + TILE
    assert pyramid.domains == "https://tiles.example/1.0.0/Sea/default/2km/all/all.xml"
    assert pyramid.limits == {1: (0, 1, 1, 2)}


@pytest.mark.parametrize(
    "dimension",
    [
        "<ows:Identifier>time</ows:Identifier><UOM>ISO8601</UOM><Value>2020-08-16</Value><Value>2020-08-17</Value>",
        "<ows:Identifier>Time</ows:Identifier><Default>x</Default><Value>2020-08-16,2020-08-17</Value>",
        "<ows:Identifier>TIME</ows:Identifier><Value>2020-08-16/2020-08-16/P1D, 2020-08-17</Value>",
    ],
)
def test_times_are_read_however_a_server_lists_them(dimension: str) -> None:
    found = read_capabilities(document(layer(f"<Dimension>{dimension}</Dimension>{TIMED}")), base=BASE)["Sea"]
    assert found.periods == parse_periods("2020-08-16,2020-08-17")


def test_a_hundred_periods_may_be_the_latest_of_more() -> None:
    for count, all_of_them in ((99, True), (100, False)):
        values = "".join(f"<Value>{1900 + year}-01-01</Value>" for year in range(count))
        dimension = f"<Dimension><ows:Identifier>Time</ows:Identifier>{values}</Dimension>"
        found = read_capabilities(document(layer(dimension + TIMED)), base=BASE)["Sea"]
        assert found.all_periods is all_of_them


@pytest.mark.parametrize(
    ("spelled", "corner", "crs"),
    [
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "-180 90", "EPSG:4326"),
        ("urn:ogc:def:crs:OGC::CRS84", "-180.0 90.0", "EPSG:4326"),
        ("urn:ogc:def:crs:EPSG:6.3:4326", "90.000000 -180.000000", "EPSG:4326"),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", "90 -180", "EPSG:4326"),
        ("EPSG:4326", "-180 90", "EPSG:4326"),
        ("urn:ogc:def:crs:EPSG::3413", "-4194304 4194304", "EPSG:3413"),
        ("urn:ogc:def:crs:EPSG::3031", "4194304 -4194304", "EPSG:3031"),
        ("urn:ogc:def:crs:EPSG:6.18:3:3857", "-20037508.342789 20037508.342789", "EPSG:3857"),
        ("EPSG:900913", "-20037508.3427892 20037508.3427892", "EPSG:3857"),
    ],
)
@pytest.mark.parametrize("digits", ["d", "02d"])
def test_coordinate_systems_corners_and_rounded_scales_come_to_gibs_own_figures(
    spelled: str, corner: str, crs: str, digits: str
) -> None:
    ours = gibs_grid(crs, {"EPSG:4326": "2km", "EPSG:3857": "GoogleMapsCompatible_Level3"}.get(crs, "1km"))
    first = ours.matrices[0]
    sets = matrix_set("grid", spelled, corner, first.resolution, side=first.tile_width, digits=digits)
    xml = document(layer(STATIC, link="<TileMatrixSet>grid</TileMatrixSet>"), sets=sets)
    grid = read_capabilities(xml, base=BASE)["Sea"].pyramids[crs].grid
    assert grid.world == ours.world
    for zoom, (found, known) in enumerate(zip(grid.matrices, ours.matrices[:2], strict=True)):
        assert found.identifier == f"{zoom:{digits}}"
        assert (found.resolution, found.left, found.top) == (known.resolution, known.left, known.top)


@pytest.mark.parametrize(
    ("spelled", "corner"),
    [("urn:ogc:def:crs:OGC:1.3:CRS84", "5 55"), ("urn:ogc:def:crs:EPSG::4326", "55 5")],
)
def test_the_corner_of_a_regional_grid_is_read_as_its_coordinate_system_says(spelled: str, corner: str) -> None:
    xml = document(layer(STATIC), sets=matrix_set("2km", spelled, corner, 0.01))
    first = read_capabilities(xml, base=BASE)["Sea"].pyramids["EPSG:4326"].grid.matrices[0]
    assert (first.left, first.top) == (5, 55)


def test_without_rest_tiles_are_asked_with_key_value_pairs() -> None:
    values = "<Dimension><ows:Identifier>time</ows:Identifier><Value>2020-08-16</Value></Dimension>"
    xml = document(layer(values, name="Sea level"), layer(name="Land"), operations=KVP)
    found = read_capabilities(xml, base=BASE)
    start = "https://tiles.example/kvp?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
    where = "&TILEMATRIXSET={TileMatrixSet}&TILEMATRIX={TileMatrix}&TILEROW={TileRow}&TILECOL={TileCol}"
    templates = [one.pyramids["EPSG:4326"].template for one in found.values()]
    assert templates == [
        f"{start}&LAYER=Sea%20level&STYLE=default&FORMAT=image%2Fpng{where}&TIME={{Time}}",
        f"{start}&LAYER=Land&STYLE=default&FORMAT=image%2Fpng{where}",
    ]


def test_templates_may_be_relative_and_spell_their_names_in_any_case() -> None:
    template = "/tiles/{layer}/{style}/{Elevation}/{tilematrixset}/{tilematrix}/{tilerow}/{tilecol}.png"
    elevation = "<Dimension><ows:Identifier>Elevation</ows:Identifier><Default>10</Default></Dimension>"
    found = read_capabilities(document(layer(elevation + resource(template))), base=BASE)["Sea"]
    assert found.pyramids["EPSG:4326"].template == "https://tiles.example/tiles/Sea/default/10/" + TILE


@pytest.mark.parametrize(
    "broken",
    [
        layer(TIMED, name="asks for a time and has none"),
        layer(STATIC, name="unknown grid", link="<TileMatrixSet>none</TileMatrixSet>"),
        layer(STATIC, name="grid of no known projection", link="<TileMatrixSet>swiss</TileMatrixSet>"),
        layer(STATIC, name="broken grid", link="<TileMatrixSet>broken</TileMatrixSet>"),
        layer(STATIC, name=""),
        layer(f"<Dimension><ows:Identifier>Time</ows:Identifier><Value>soon</Value></Dimension>{TIMED}", name="when"),
    ],
)
def test_a_broken_layer_is_left_out_with_a_line_in_the_log(broken: str, caplog: pytest.LogCaptureFixture) -> None:
    swiss = matrix_set("swiss", "urn:ogc:def:crs:EPSG::2056", "2420000 1350000", 4000)
    none = matrix_set("broken", "EPSG:4326", "-180 90", 0)
    found = read_capabilities(document(broken, layer(STATIC), sets=SETS + swiss + none), base=BASE)
    assert list(found) == ["Sea"]
    assert "left out layer" in caplog.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "nothing"),
        (b"<!DOCTYPE html><html><head><title>Down for a while</title>", "HTML page.*Down for a while"),
        (
            b"<ExceptionReport><Exception><ExceptionText>no such layer</ExceptionText></Exception></ExceptionReport>",
            "no such",
        ),
        (document(layer(STATIC))[:-40], "XML that cannot be read"),
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Capabilities>&b;</Capabilities>', "DOCTYPE"),
        (b'{"error": 1}', "error"),
        (b"<Capabilities/>", "no layers"),
    ],
)
def test_what_is_no_capabilities_document_is_said_to_be_what_it_is(body: bytes, said: str) -> None:
    with pytest.raises(SourceUnreachable, match=said):
        read_capabilities(body, base=BASE)


def test_owslib_finds_the_same_layers_and_times() -> None:
    values = "<Value>2019-01-01/2019-05-01/P1M</Value><Value>2020-01-01/2020-03-01/P1M</Value>"
    dimension = f"<Dimension><ows:Identifier>Time</ows:Identifier><Default>2020-03-01</Default>{values}</Dimension>"
    xml = document(layer(dimension + TIMED), layer(STATIC, name="Land"), operations=KVP)
    theirs = WebMapTileService(BASE, xml=xml)
    ours = read_capabilities(xml, base=BASE)
    assert ours.keys() == theirs.contents.keys()
    for name, found in ours.items():
        times = theirs[name].dimensions.get("Time", {"values": []})["values"]
        assert [str(period) for period in found.periods] == times
        assert found.title == theirs[name].title
        assert found.pyramids["EPSG:4326"].grid.identifier in theirs[name].tilematrixsetlinks


def test_mapproxys_own_document_is_read(tmp_path: Path) -> None:
    grid = {"srs": "EPSG:3031", "bbox": [-4194304] * 2 + [4194304] * 2, "origin": "nw", "tile_size": [512, 512]}
    config: dict[str, Any] = {
        "services": {
            "wmts": {"restful": True, "restful_template": "/{Layer}/{Time}/" + TILE.replace("png", "{Format}")}
        },
        "grids": {"1km": {**grid, "res": [8192, 4096, 2048, 1024]}},
        "caches": {"ice": {"grids": ["1km"], "sources": [], "format": "image/png"}},
        "layers": [
            {
                "name": "Ice",
                "title": "Sea ice",
                "tile_sources": ["ice"],
                "dimensions": {"Time": {"values": ["2020-08-16", "2020-08-17"], "default": "2020-08-17"}},
            }
        ],
    }
    (tmp_path / "mapproxy.yaml").write_text(json.dumps(config))  # JSON is YAML
    found = read_capabilities(ask(make_wsgi_app(str(tmp_path / "mapproxy.yaml"))), base=BASE)["Ice"]
    pyramid = found.pyramids["EPSG:3031"]
    assert found.periods == parse_periods("2020-08-16,2020-08-17")
    assert "{Time}" in pyramid.template
    assert [(m.resolution, m.left, m.top, m.columns) for m in pyramid.grid.matrices] == [
        (m.resolution, m.left, m.top, m.columns) for m in gibs_grid("EPSG:3031", "1km").matrices
    ]


def ask(app: Any) -> bytes:
    environment = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/wmts/1.0.0/WMTSCapabilities.xml",
        "SERVER_NAME": "tiles.example",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
    }
    return b"".join(app(environment, lambda *_: None))


def test_a_layer_of_several_projections_is_one() -> None:
    polar = matrix_set("1km", "urn:ogc:def:crs:EPSG::3413", "-4194304 4194304", 8192)
    dimension = "<Dimension><ows:Identifier>Time</ows:Identifier><Value>2020-08-16</Value></Dimension>"
    geographic = read_capabilities(document(layer(STATIC), layer(STATIC, name="Land")), base=BASE)
    arctic = read_capabilities(
        document(layer(dimension + TIMED, link="<TileMatrixSet>1km</TileMatrixSet>"), sets=polar), base=BASE
    )
    merged = merge_layers([geographic, arctic])
    assert sorted(merged["Sea"].pyramids) == ["EPSG:3413", "EPSG:4326"]
    assert merged["Sea"].periods == parse_periods("2020-08-16")
    assert list(merged["Land"].pyramids) == ["EPSG:4326"]


def test_domains_come_in_pages() -> None:
    xml = """<Domains xmlns:ows="http://www.opengis.net/ows/1.1"><SpaceDomain><BoundingBox crs="CRS84" minx="-180"/>
    </SpaceDomain><DimensionDomain><ows:Identifier>time</ows:Identifier><Domain>2020-01-01/2020-02-01/P1D,2020-03-01
    </Domain><Size>2</Size>{}</DimensionDomain></Domains>"""
    periods = parse_periods("2020-01-01/2020-02-01/P1D,2020-03-01")
    assert read_domains(xml.format("").encode()) == (periods, None)
    following = xml.format("<NextPage>all.xml?limit=2&amp;offset=2</NextPage>").encode()
    assert read_domains(following, base="https://tiles.example/a/all.xml") == (
        periods,
        "https://tiles.example/a/all.xml?limit=2&offset=2",
    )
    assert read_domains(b"<Domains/>") == ((), None)
    with pytest.raises(SourceUnreachable):
        read_domains(b"<html><title>404</title></html>")


def test_metadata_name_a_layer_and_its_collections() -> None:
    sea = read_capabilities(document(layer(STATIC)), base=BASE)["Sea"]
    concept = {"type": "STD", "value": "C1-LAADS", "shortName": "MOD28", "version": "6.1"}
    metadata = {
        "title": "Sea Level",
        "subtitle": "Jason / Poseidon",
        "measurement": "Sea Surface Height",
        "ongoing": True,
        "daynight": ["day", "night"],
        "conceptIds": [concept],
    }
    found = read_layer_metadata(json.dumps(metadata).encode(), sea)
    assert (found.title, found.subtitle, found.measurement) == ("Sea Level", "Jason / Poseidon", "Sea Surface Height")
    assert (found.ongoing, found.day_night) == (True, "day, night")
    assert [(c.id, c.kind, c.short_name, c.version) for c in found.concepts] == [("C1-LAADS", "STD", "MOD28", "6.1")]
    assert read_layer_metadata(b"{}", sea) == sea
    for broken in (b"<html>", b"[1]", b'{"conceptIds": [3]}', b"\xff"):
        with pytest.raises(SourceUnreachable, match="Sea"):
            read_layer_metadata(broken, sea)
