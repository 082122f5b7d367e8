"""Links to Worldview, as its versions write them and as people mangle them."""

from __future__ import annotations

import cmath
import doctest
import json
import math
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthcurator.errors import BadBox, BadDates, BadInput, CuratorError
from earthcurator.geo import parse_box, wrap_longitude
from earthcurator.gibs import permalinks
from earthcurator.gibs.permalinks import Link, Permalink, across_dateline, parse_permalink, read_permalink, today_at
from earthcurator.gibs.times import iso, parse_time
from earthcurator.regions import transform

TODAY = date(2024, 5, 17)
HOST = "https://worldview.earthdata.nasa.gov/"
TERRA, VIIRS = "MODIS_Terra_CorrectedReflectance_TrueColor", "VIIRS_SNPP_CorrectedReflectance_TrueColor"

SHARED = json.loads((Path(__file__).parents[1] / "permalinks.json").read_text("utf-8"))
"""What `extension/src/permalink.ts` is tested with, too."""


def parse(query: str) -> Permalink:
    return parse_permalink(f"{HOST}?{query}", today=TODAY)


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(permalinks).failed == 0


def test_a_link_says_layers_place_and_time() -> None:
    found = parse(
        "v=-125,37,-120,41&l=Reference_Labels_15m,Reference_Features_15m(hidden),Coastlines_15m,"
        f"VIIRS_NOAA20_Thermal_Anomalies_375m_All(hidden),{VIIRS}(opacity=0.5),{TERRA}(hidden)"
        "&lg=true&t=2020-08-16-T00%3A00%3A00Z&z=3&r=12"
    )
    (view,) = found.views
    assert view.layers == (VIIRS,)
    assert view.left_out == (
        "Reference_Labels_15m",
        "Reference_Features_15m",
        "Coastlines_15m",
        "VIIRS_NOAA20_Thermal_Anomalies_375m_All",
        TERRA,
    )
    assert view.time == datetime(2020, 8, 16, tzinfo=UTC)
    assert (found.region.box, found.crs) == (parse_box("-125,37,-120,41"), "EPSG:4326")
    assert (found.animation, found.notes) == (None, ())


def named(case: dict[str, Any]) -> str:
    return str(case["name"])


def said(link: Link) -> dict[str, Any]:
    """A link in the words of the shared table."""
    return {
        "layers": [[layer.id, layer.visible] for layer in link.active.layers],
        "time": iso(link.active.time),
        "crs": link.crs,
        "view": list(link.view),
        "compare": len(link.scenes) == 2,
        "side": link.side,
        "rotation": link.rotation,
    }


@pytest.mark.parametrize("case", SHARED["links"], ids=named)
def test_links_say_what_the_shared_table_says(case: dict[str, Any]) -> None:
    url = SHARED["host"] + case["url"] if case["url"].startswith("?") else case["url"]
    if "error" in case:
        with pytest.raises(CuratorError) as caught:
            read_permalink(url, today=date.fromisoformat(SHARED["today"]))
        assert (caught.value.code, bool(caught.value.hint)) == (case["error"], True)
    else:
        link = read_permalink(url, today=date.fromisoformat(SHARED["today"]))
        assert said(link) == SHARED["unless_said"] | case["says"]


@pytest.mark.parametrize("case", SHARED["across_dateline"], ids=named)
def test_beyond_180_lies_the_neighbouring_day(case: dict[str, Any]) -> None:
    asked = tuple(case["rectangle"]), parse_time(case["time"])
    if "error" in case:
        with pytest.raises(CuratorError, match="which no calendar has") as caught:
            across_dateline(*asked)
        assert caught.value.code == case["error"]
    else:
        rectangle, time = across_dateline(*asked)
        assert {"rectangle": list(rectangle), "time": iso(time)} == case["is"]


@pytest.mark.parametrize("case", SHARED["without_a_time"], ids=named)
def test_without_a_time_it_is_yesterday_until_imagery_of_today_comes(case: dict[str, Any]) -> None:
    link = read_permalink(f"{HOST}?l=A", today=today_at(parse_time(case["now"])))
    assert iso(link.active.time) == case["time"]


@pytest.mark.parametrize("case", SHARED["pixels"], ids=named)
def test_a_pixel_is_where_the_shared_table_says(case: dict[str, Any]) -> None:
    """The extension works these out; here they are worked out in another way, and as the server does from there on."""
    (width, height), (left, bottom, right, top) = case["size"], case["view"]
    turned = cmath.rect(1, math.radians(case["rotation"]))
    corners = [complex(x, y) * turned for x in (-width, width) for y in (-height, height)]
    across, down = (max(getattr(corner, part) for corner in corners) for part in ("real", "imag"))
    pixel = max((right - left) / across, (top - bottom) / down)
    from_middle = complex(case["pixel"][0] - width / 2, height / 2 - case["pixel"][1]) * turned
    x, y = (left + right) / 2 + pixel * from_middle.real, (bottom + top) / 2 + pixel * from_middle.imag
    assert [x, y] == pytest.approx(case["place"], abs=1e-8 if case["crs"] == "EPSG:4326" else 1e-3)
    longitude, latitude = transform(np.array([[x, y]]), case["crs"], "EPSG:4326")[0]
    assert [wrap_longitude(longitude), latitude] == pytest.approx(case["degrees"], abs=1e-7)


def test_a_side_that_is_not_there_is_refused() -> None:
    link = read_permalink(f"{HOST}?l=A", today=TODAY)
    with pytest.raises(BadInput, match="compares nothing"):
        link.scene("b")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-08-16", datetime(2020, 8, 16, tzinfo=UTC)),
        ("2020-08-16-T12:30:40Z", datetime(2020, 8, 16, 12, 30, 40, tzinfo=UTC)),
        ("2020-08-16T12:30:40Z", datetime(2020, 8, 16, 12, 30, 40, tzinfo=UTC)),
        ("2020-08-16T12:30:40.123Z", datetime(2020, 8, 16, 12, 30, 40, tzinfo=UTC)),
        ("2020-08-16T12:30Z", datetime(2020, 8, 16, 12, 30, tzinfo=UTC)),
        ("2020-08-16-T12%253A30%253A40Z", datetime(2020, 8, 16, 12, 30, 40, tzinfo=UTC)),
        ("", datetime(2024, 5, 17, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_every_form(text: str, moment: datetime) -> None:
    assert parse(f"l=A&t={text}").views[0].time == moment


@pytest.mark.parametrize("text", ["tomorrow", "2020-02-31", "2020-08-16T25:00:00Z", "16.8.2020", "0000-01-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadDates, match=text):
        parse(f"l=A&t={text}")


def test_a_link_without_a_time_or_a_place_shows_the_world_today() -> None:
    found = parse("l=A")
    assert found.views[0].time == datetime(2024, 5, 17, tzinfo=UTC)
    assert found.region.box == parse_box("-180,-90,180,90")


def test_commas_in_brackets_do_not_part_layers() -> None:
    combination = 'HLS_Customizable_Landsat(bandCombo={"assets":["B07";"B05"];"rescale":[[0,1],[0,2]]},hidden)'
    found = parse(f"l={TERRA}(opacity=0.73,palettes=red_1,blue_2,min=3,max=4.5,squash),{quote(combination)},{VIIRS}")
    assert found.views[0].layers == (TERRA, VIIRS)
    assert found.views[0].left_out == ("HLS_Customizable_Landsat",)


def test_both_sides_of_a_comparison_are_found() -> None:
    found = parse(f"l={TERRA}&t=2020-08-16&l1={VIIRS},Coastlines_15m&t1=2019-08-16-T06:00:00Z&ca=true&cm=swipe&cv=50")
    assert [view.layers for view in found.views] == [(TERRA,), (VIIRS,)]
    assert [view.time.year for view in found.views] == [2020, 2019]


def test_the_other_side_has_the_same_layers_a_week_ago_unless_said() -> None:
    side_b = parse(f"l={TERRA}&t=2020-08-16&ca=false").views[1]
    assert (side_b.layers, side_b.time) == ((TERRA,), datetime(2024, 5, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("", "P1D"),
        ("&i=2", "P1M"),
        ("&ics=true&ici=3&icd=7", "P7D"),
        ("&ics=true&ici=5&icd=10", "PT10M"),
        ("&ici=4&icd=6", "PT6H"),
        ("&ics=true&ici=2&icd=3", "P3M"),
        ("&ics=true&ici=1&icd=1", "P1Y"),
        ("&ics=false&ici=1&icd=9&i=3", "P1D"),
    ],
)
def test_an_open_animation_is_a_range_with_a_step(step: str, expected: str) -> None:
    found = parse(f"l=A&ab=on&as=2020-08-01-T00%3A00%3A00Z&ae=2020-08-10T00:00:00Z&av=3&al=true{step}")
    assert found.animation == (datetime(2020, 8, 1, tzinfo=UTC), datetime(2020, 8, 10, tzinfo=UTC), expected)


def test_an_animation_that_is_not_open_is_none() -> None:
    # Versions of 2019 wrote the last week into every link.
    assert parse("l=A&as=2020-08-01&ae=2020-08-10").animation is None
    assert parse("l=A&ab=off&as=2020-08-01&ae=2020-08-10").animation is None


@pytest.mark.parametrize("wrong", ["as=2020-08-11&ae=2020-08-10", "as=2020-08-01&ae=2020-08-10&ici=6", "as=2020-08-01&ae=2020-08-10&ici=3&icd=-1"])  # noqa: E501  # fmt: skip
def test_an_animation_that_makes_no_sense_is_refused(wrong: str) -> None:
    with pytest.raises(BadDates):
        parse(f"l=A&ab=on&{wrong}")


@pytest.mark.parametrize(
    ("extent", "box"),
    [
        ("170,-20,200,10", "170,-20,-160,10"),
        ("-190,-20,-170,10", "170,-20,-170,10"),
        ("-250.02,-114.48,251.1,109.7", "-180,-90,180,90"),
        ("-60%2C-100%2C-50%2C10", "-60,-90,-50,10"),
        ("190,0,200,10", "-170,0,-160,10"),
    ],
)
def test_views_beyond_the_map_are_brought_back(extent: str, box: str) -> None:
    found = parse(f"v={extent}&l=A")
    assert found.region.box == parse_box(box)
    assert bool(found.notes) == (not extent.startswith("-60"))


@pytest.mark.parametrize("extent", ["1,2,3", "a,b,c,d", "10,0,0,10", "0,0,nan,1", "0,95,10,99", "0,0,inf,1"])
def test_a_view_that_is_nowhere_is_refused(extent: str) -> None:
    with pytest.raises(BadBox):
        parse(f"v={extent}&l=A")


def test_polar_views_are_in_metres() -> None:
    arctic = parse("v=-1000000,-1000000,1000000,1000000&p=arctic&l=A")
    assert arctic.crs == "EPSG:3413"
    assert (arctic.region.box.west, arctic.region.box.east, arctic.region.box.north) == (-180, 180, 90)
    antarctic = parse("v=-9215416.7,-4212995.2,9489665.6,4155580.6&p=antarctic&l=A")
    assert antarctic.crs == "EPSG:3031"
    assert antarctic.region.box.south == -90
    assert parse("p=arctic&l=A").region.box.north == 90
    greenland = parse("v=0,-2500000,800000,-1000000&p=arctic&l=A").region.box
    assert -46 < greenland.west < greenland.east < 0
    with pytest.raises(BadBox):
        parse("v=5000000,0,6000000,10&p=arctic&l=A")


@pytest.mark.parametrize(
    "url",
    [
        f"{HOST}?v=-125,37,-120,41&l=A&t=2020-08-16#top",
        "http://worldview.uat.earthdata.nasa.gov/?v=-125,37,-120,41&l=A&t=2020-08-16",
        "https://localhost:3000/?t=2020-08-16&l=A&v=-125%2C37%2C-120%2C41",
        f"  <{HOST}?v=-125,37,-120,41&amp;l=A&amp;t=2020-08-16>\n",
        quote(f"{HOST}?v=-125,37,-120,41&l=A&t=2020-08-16", safe=""),
    ],
)
def test_links_are_understood_however_they_were_copied(url: str) -> None:
    found = parse_permalink(url, today=TODAY)
    assert found.region.box == parse_box("-125,37,-120,41")
    assert (found.views[0].layers, found.views[0].time) == (("A",), datetime(2020, 8, 16, tzinfo=UTC))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not a link"),
        ("fires", "not a link"),
        ("https://example.org/", "not a link"),
        ("ftp://worldview.earthdata.nasa.gov/?l=A", "not a link"),
        ("https://[worldview/?l=A", "not a web address"),
        (HOST, "names no layers"),
        (f"{HOST}?v=1,2,3,4", "names no layers"),
        (f"{HOST}?l=A&p=lunar", "lunar"),
        (f"{HOST}?l=A(hidden),Coastlines", "no imagery"),
        (f"{HOST}?l=../../etc", "not the name"),
        (f"{HOST}?l={'A,' * 20_000}", "not a link"),
    ],
)
def test_what_is_no_useful_link_is_refused_with_a_hint(url: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        parse_permalink(url, today=TODAY)
    assert caught.value.hint


names = st.sampled_from(["v", "p", "l", "l1", "t", "t1", "as", "ae", "ab", "ici", "icd", "ics", "i", "ca", "x"])
values = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["on", "true", "arctic", "antarctic", "geographic", "A", "A(hidden),B", "2020-01-01", "3", ""]),
    st.lists(st.floats() | st.floats(-5e6, 5e6), min_size=4, max_size=4).map(lambda four: ",".join(map(str, four))),
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(names, values, max_size=8), st.booleans(), st.text(max_size=30))
def test_no_text_breaks_the_parser(query: dict[str, str], encoded: bool, junk: str) -> None:
    asked = "&".join(f"{name}={quote(value) if encoded else value}" for name, value in ({"l": "A"} | query).items())
    for url in (f"{HOST}?{asked}", junk, f"{HOST}?{junk}", f"https://{junk}"):
        with suppress(CuratorError):
            assert parse_permalink(url, today=TODAY).views
