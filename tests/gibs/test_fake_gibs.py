"""The fake GIBS does what NASA's does, as far as `shared/design/research/gibs.md` could find out."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from http.client import HTTPConnection
from io import BytesIO
from urllib.parse import urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from earthcurator.testing import gibs_archive as archive
from earthcurator.testing.gibs import FakeGibs, FakeLayer, Faults

TRUE_COLOUR = "MODIS_Terra_CorrectedReflectance_TrueColor"
MANY = "VIIRS_SNPP_CorrectedReflectance_TrueColor"
BEST = "/wmts/epsg4326/best"


@pytest.fixture(scope="module")
def gibs() -> Iterator[FakeGibs]:
    with FakeGibs() as server:
        yield server


def ask(gibs: FakeGibs, path: str, **headers: str) -> tuple[int, Message, bytes]:
    connection = HTTPConnection(urlsplit(gibs.url).netloc)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def tile(layer: str, time: str, grid: str = "250m", place: str = "6/11/12", extension: str = "jpg") -> str:
    return f"{BEST}/{layer}/default/{time}/{grid}/{place}.{extension}"


def test_a_tile_can_be_read_from_its_pixels(gibs: FakeGibs) -> None:
    _, _, body = ask(gibs, tile(MANY, "2020-01-01"))
    pixels = np.asarray(Image.open(BytesIO(body))).astype(int)
    red, green = archive.waves(12 * 512 + np.arange(512)[None, :], 11 * 512 + np.arange(512)[:, None])
    assert np.abs(pixels[200:, :, 0] - red).max() < 12
    assert np.abs(pixels[200:, :, 1] - green[200:]).max() < 12
    shade = archive.shade(gibs.layers[MANY], "2020-01-01T00:00:00Z", 6, 11, 12)
    assert np.median(pixels[..., 2]) == pytest.approx(shade, abs=3)


def test_waves_have_no_seams() -> None:
    red, green = archive.waves(np.arange(4096), np.arange(4096))
    assert np.abs(np.diff(red.astype(int))).max() <= 1
    assert np.abs(np.diff(green.astype(int))).max() <= 1


@pytest.mark.parametrize(
    ("layer", "grid", "extension", "asked", "shown"),
    [
        (TRUE_COLOUR, "250m", "jpg", "2020-08-16", "2020-08-16T00:00:00Z"),
        (TRUE_COLOUR, "250m", "jpg", "default", "2026-11-20T00:00:00Z"),
        ("MODIS_Terra_L3_NDVI_Monthly", "1km", "png", "2020-02-29", "2020-02-01T00:00:00Z"),
        ("MODIS_Terra_L3_Snow_Cover_8Day", "500m", "png", "2020-12-31", "2020-12-26T00:00:00Z"),
        ("GOES-East_ABI_GeoColor", "1km", "jpg", "2026-11-01T00:09:59Z", "2026-11-01T00:00:00Z"),
        ("MODIS_Combined_L3_IGBP_Land_Cover_Type_Annual", "500m", "png", "2019-06-01", "2019-01-01T00:00:00Z"),
    ],
)
def test_times_are_snapped_and_told(
    gibs: FakeGibs, layer: str, grid: str, extension: str, asked: str, shown: str
) -> None:
    status, headers, _ = ask(gibs, tile(layer, asked, grid, "4/3/4", extension))
    assert (status, headers["Layer-Time-Request"], headers["Layer-Time-Actual"]) == (200, asked, shown)
    assert headers["Layer-Identifier-Request"] == layer
    assert re.fullmatch(rf"{re.escape(layer)}_v6_(STD|NRT)", headers["Layer-Identifier-Actual"])


def test_months_from_the_31st_end_with_the_month() -> None:
    assert archive.snap("2020-01-31/2020-12-31/P1M", "2020-03-05") == "2020-02-29T00:00:00Z"


def test_near_real_time_has_a_version_and_pixels_of_its_own(gibs: FakeGibs) -> None:
    _, old, _ = ask(gibs, tile(TRUE_COLOUR, "2026-11-09"))
    _, new, body = ask(gibs, tile(TRUE_COLOUR, "2026-11-10"))
    assert old["Layer-Identifier-Actual"].endswith("STD")
    assert new["Layer-Identifier-Actual"].endswith("NRT")
    standard = replace(gibs.layers[TRUE_COLOUR], nrt_from="9999")
    assert body != archive.paint(standard, "epsg4326", "2026-11-10T00:00:00Z", 6, 11, 12)


def test_empty_tiles_are_200_and_say_nothing_of_their_layer(gibs: FakeGibs) -> None:
    status, headers, body = ask(gibs, tile(TRUE_COLOUR, "2020-12-25"))
    assert (status, len(body)) == (200, 4723)
    assert not [name for name in headers if name.startswith("Layer-")]
    outside = ask(gibs, tile("GOES-East_ABI_GeoColor", "2026-11-01T00:00:00Z", "1km", "5/19/39"))
    assert len(outside[2]) == 4723


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        (tile(TRUE_COLOUR, "yesterday"), 400, "Invalid time format"),
        (tile(TRUE_COLOUR, "2020-13-01"), 400, "TIME does not exist"),
        (tile(TRUE_COLOUR, "2001-06-20"), 404, "Not Found"),
        (tile(TRUE_COLOUR, "2027-01-01"), 404, "Not Found"),
        (tile(TRUE_COLOUR, "2020-08-16", place="6/40/0"), 400, "TileOutOfRange"),
        (tile(TRUE_COLOUR, "2020-08-16", place="9/0/0"), 400, 'locator="TILEMATRIX"'),
        (tile(TRUE_COLOUR, "2020-08-16", grid="500m"), 400, 'locator="TILEMATRIXSET"'),
        (tile(TRUE_COLOUR, "2020-08-16", extension="png"), 400, 'locator="FORMAT"'),
        (tile("Nothing", "2020-08-16"), 400, 'locator="LAYER"'),
        (tile("Retired_Layer_Without_Dimension", "2020-08-16"), 404, "Not Found"),
        ("/elsewhere", 404, "Not Found"),
    ],
)
def test_errors_have_the_form_of_onearth(gibs: FakeGibs, path: str, status: int, text: str) -> None:
    answered, headers, body = ask(gibs, path)
    assert answered == status
    assert text in body.decode()
    assert ("ExceptionReport" in body.decode()) == (status == 400) == ("xml" in headers["Content-Type"])


def test_an_etag_saves_the_body(gibs: FakeGibs) -> None:
    _, headers, _ = ask(gibs, tile(TRUE_COLOUR, "2020-08-16"))
    status, _, body = ask(gibs, tile(TRUE_COLOUR, "2020-08-16"), If_None_Match=headers["ETag"])
    assert (status, body) == (304, b"")


@pytest.mark.parametrize("projection", ["epsg4326", "epsg3413", "epsg3031", "epsg3857"])
def test_capabilities_are_understood_by_owslib(gibs: FakeGibs, projection: str) -> None:
    from owslib.wmts import WebMapTileService

    text = ask(gibs, f"/wmts/{projection}/best/1.0.0/WMTSCapabilities.xml")[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # OWSLib's own
        service = WebMapTileService(f"{gibs.url}/x", xml=text)
    assert TRUE_COLOUR in service.contents
    for layer in service.contents.values():
        assert set(layer.tilematrixsetlinks) <= set(service.tilematrixsets)
    matrix = service.tilematrixsets[gibs.layers[TRUE_COLOUR].sets[projection]].tilematrix["0"]
    assert (matrix.matrixwidth, matrix.matrixheight) == {"epsg4326": (2, 1), "epsg3857": (1, 1)}.get(projection, (2, 2))
    if projection == "epsg4326":
        assert matrix.scaledenominator == pytest.approx(223632905.6114871, rel=1e-14)


def test_capabilities_list_the_latest_hundred_periods_and_domains_all(gibs: FakeGibs) -> None:
    text = ask(gibs, f"{BEST}/wmts.cgi?SERVICE=WMTS&REQUEST=GetCapabilities&layer={MANY}")[2]
    listed = ElementTree.fromstring(text).findall(".//{http://www.opengis.net/wmts/1.0}Value")
    assert len(listed) == 100
    periods: list[str] = []
    path = f"{BEST}/1.0.0/{MANY}/default/250m/all/all.xml?limit=60"
    while path:
        page = ask(gibs, path)[2].decode()
        periods += re.findall(r"<Domain>(.*)</Domain>", page)[0].split(",")
        following = re.findall(r"<NextPage>(.*)</NextPage>", page)
        path = following[0].replace("&amp;", "&").removeprefix(gibs.url) if following else ""
    assert periods == gibs.layers[MANY].periods.split(",")
    some = ask(gibs, f"{BEST}/1.0.0/{MANY}/default/250m/all/2020-01-05--2020-01-07.xml")[2].decode()
    assert "<Domain>2020-01-04/2020-01-05/P1D,2020-01-07/2020-01-08/P1D</Domain>" in some


@pytest.mark.parametrize("painting", ["continuous", "classes", "fraction", "mask"])
def test_every_colour_of_a_palette_tile_is_in_its_colormap(gibs: FakeGibs, painting: str) -> None:
    layer = next(one for one in gibs.layers.values() if one.painting == painting)
    grid, day = layer.sets["epsg4326"], "2020-08-16"
    seen = set()
    for column in range(4):  # three tiles are sure to meet a gap
        body = ask(gibs, tile(layer.id, day, grid, f"4/3/{column}", "png"))[2]
        colours = Image.open(BytesIO(body)).convert("RGBA").getcolors() or []
        seen |= {colour[:3] for _, colour in colours if isinstance(colour, tuple) and colour[3]}
    text = ask(gibs, f"/colormaps/v1.3/{layer.id}.xml")[2].decode()
    opaque = re.findall(r'<ColorMapEntry rgb="([\d,]+)" transparent="false"', text)
    assert seen
    assert seen <= {tuple(map(int, rgb.split(","))) for rgb in opaque}
    assert len(set(opaque)) == len(opaque)


def test_layer_metadata_is_json(gibs: FakeGibs) -> None:
    facts = json.loads(ask(gibs, f"/layer-metadata/v1.0/{TRUE_COLOUR}.json")[2])
    assert (facts["subtitle"], facts["layerPeriod"], facts["ongoing"]) == ("Terra / MODIS", "Daily", True)
    assert {concept["type"] for concept in facts["conceptIds"]} == {"STD", "NRT"}


def test_faults_can_be_predicted_and_end() -> None:
    faults = Faults(error_503=0.3, reset=0.1, seed=4)
    given = [faults.of(f"/tile/{number}", 0) for number in range(1000)]
    assert given == [faults.of(f"/tile/{number}", 0) for number in range(1000)]
    assert 250 < given.count("503") < 350
    assert 60 < given.count("reset") < 140
    assert not any(faults.of(f"/tile/{number}", 2) for number in range(1000))


def test_every_fault_is_what_it_says() -> None:
    path = tile("L", "2020-01-01")
    with FakeGibs([FakeLayer(id="L", title="L", periods="2020-01-01/2020-01-09/P1D")]) as gibs:
        whole = gibs.archive(path)
        for name, status in {"too_many": 429, "error_500": 500, "error_503": 503, "html": 200, "xml": 200}.items():
            gibs.faults = Faults(**{name: 1.0, "max_fails": 99})  # type: ignore[arg-type]  # all of them rates
            assert ask(gibs, path)[0] == status
        gibs.faults = Faults(cut=1, max_fails=99)
        assert ask(gibs, path)[2] == whole[: len(whole) // 2]
        gibs.faults = Faults(reset=1, max_fails=99)
        with pytest.raises(ConnectionError):
            ask(gibs, path)
        gibs.faults = Faults()
        assert ask(gibs, path)[2] == whole
        assert gibs.counts.too_many == 1
