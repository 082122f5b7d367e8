"""Searching from Worldview: links become pictures of the same pixels that chips are made of."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import earthcurator as ec
from earthcurator import pictures
from earthcurator.models import Arrival
from earthcurator.project.worldview import read_link
from earthcurator.settings import Settings
from earthcurator.testing.gibs import FakeGibs, Faults
from earthcurator.web.app import create_app
from earthcurator.web.serving import Serving
from tests.gibs.conftest import TEMPERATURE, TRUE_COLOUR

from .conftest import served

HOST = "https://worldview.earthdata.nasa.gov/"
VIIRS = "VIIRS_SNPP_CorrectedReflectance_TrueColor"
DAY = "2020-08-16"
DEGREES = 0.5625 / 2**4
"""A pixel of the project's chips."""


@pytest.fixture(scope="module")
def gibs() -> Iterator[FakeGibs]:
    with FakeGibs() as server:
        yield server


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory, gibs: FakeGibs) -> Iterator[ec.Project]:
    """A project of chips that came from the fake: 128 pixels a side on level 4, of two days."""
    folder = tmp_path_factory.mktemp("sky")
    settings = Settings(cache=folder / "cache", source=gibs.url, megabits_per_second=10_000)
    with ec.create(folder / "sky", settings=settings) as made:
        box = ec.Box(west=-126, south=36, east=-110, north=45)
        made.download(TRUE_COLOUR, box, "2020-08-16/2020-08-17", zoom=4, chip_size=128, min_valid=0)
        made.embed()
        yield made


@pytest.fixture
def project(sky: ec.Project) -> ec.Project:
    """The one that `client` asks."""
    return sky


def link(**parameters: str) -> str:
    asked = {"v": "-125,37,-115,43", "l": f"Coastlines_15m,{VIIRS}(hidden),{TRUE_COLOUR}", "t": f"{DAY}-T00:00:00Z"}
    return HOST + "?" + "&".join(f"{name}={value}" for name, value in (asked | parameters).items())


def capture(client: httpx.Client, permalink: str, **asked: Any) -> dict[str, Any]:
    answer = client.post("/examples/worldview", json={"permalink": permalink, **asked})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(client: httpx.Client, permalink: str, **asked: Any) -> tuple[int, str, str, str]:
    answer = client.post("/examples/worldview", json={"permalink": permalink, **asked})
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"], error["hint"]


def read(client: httpx.Client, permalink: str) -> dict[str, Any]:
    answer = client.post("/worldview/read", json={"permalink": permalink})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def pixels(client: httpx.Client, example: str) -> np.ndarray:
    return pictures.decode(client.get(f"/examples/{example}").content)


# -- reading ---------------------------------------------------------------------------------------------------------


def test_a_link_is_read_with_what_the_project_can_do_with_it(client: httpx.Client) -> None:
    found = read(client, link())
    assert [(each["id"], each["visible"], each["known"], each["available"]) for each in found["layers"]] == [
        ("Coastlines_15m", True, False, False),
        (VIIRS, False, False, True),
        (TRUE_COLOUR, True, True, True),
    ]
    assert found["layers"][2]["title"].startswith("Corrected Reflectance")
    assert found["layer"] == TRUE_COLOUR
    assert (found["time"], found["crs"], found["view"]) == (f"{DAY}T00:00:00Z", "EPSG:4326", [-125, 37, -115, 43])
    assert found["footprint"]["width"] == pytest.approx(128 * DEGREES)
    assert found["footprint"]["height"] == pytest.approx(128 * DEGREES)
    assert found["notes"] == []


def test_the_usual_chip_is_as_large_on_another_map(client: httpx.Client) -> None:
    found = read(client, link(p="arctic", v="-1000000,-1000000,1000000,1000000"))
    assert (found["crs"], found["layer"]) == ("EPSG:3413", TRUE_COLOUR)
    assert found["footprint"]["width"] == pytest.approx(128 * DEGREES * 111_319.5, rel=1e-4)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"l": VIIRS}, f"no chips of what the link shows: {VIIRS}"),
        ({"l": f"{TRUE_COLOUR}(hidden)"}, "no imagery"),
        ({"l": ""}, "names no layers"),
    ],
)
def test_a_link_that_cannot_be_searched_by_says_why(
    client: httpx.Client, parameters: dict[str, str], says: str
) -> None:
    found = read(client, link(**parameters))
    assert found["layer"] is None
    assert any(says in note for note in found["notes"])
    assert found["footprint"]["width"] > 0


def test_the_active_side_of_a_comparison_is_read(client: httpx.Client) -> None:
    found = read(client, link(ca="false", l1=TRUE_COLOUR, t1="2020-08-17"))
    assert found["time"] == "2020-08-17T00:00:00Z"
    assert any("side B" in note for note in found["notes"])


# -- taking a picture ------------------------------------------------------------------------------------------------


def test_a_capture_has_the_pixels_of_the_chip_that_is_there(client: httpx.Client, project: ec.Project) -> None:
    chip = next(chip for chip in project.chips.all() if chip.time and chip.time.day == 16)
    assert chip.box is not None
    box = [chip.box.west, chip.box.south, chip.box.east, chip.box.north]
    slightly_off = [edge + 0.3 * DEGREES for edge in box]  # people do not draw on the edges of pixels
    found = capture(client, link(), rectangle=slightly_off)
    assert (found["layer"], found["time"], found["crs"]) == (TRUE_COLOUR, f"{DAY}T00:00:00Z", "EPSG:4326")
    assert (found["width"], found["height"], found["from"], found["notes"]) == (128, 128, "source", [])
    assert found["rectangle"] == pytest.approx(box)
    assert found["box"] == pytest.approx(box)
    assert np.array_equal(pixels(client, found["id"]), pictures.decode(project.picture_of(chip)))


def test_without_a_rectangle_it_is_a_chip_in_the_middle(client: httpx.Client) -> None:
    found = capture(client, link())
    west, south, east, north = found["rectangle"]
    assert (found["width"], found["height"]) == (128, 128)
    assert ((west + east) / 2, (south + north) / 2) == pytest.approx((-120, 40), abs=DEGREES)
    assert found == capture(client, link())


def test_a_polar_rectangle_is_in_metres(client: httpx.Client) -> None:
    asked = [-512_000, -1_024_000, 0, -512_000]
    found = capture(client, link(p="arctic", v="-1000000,-1500000,1000000,500000"), rectangle=asked)
    assert found["crs"] == "EPSG:3413"
    assert found["rectangle"] == asked
    assert 75 < found["box"][1] < found["box"][3] < 90
    assert found["width"] == found["height"] == 250  # of 2,048 m: the level that is at least as fine as the chips


@pytest.mark.parametrize(
    ("rectangle", "covered", "time"),
    [
        ([182, 0, 187, 4], [-178, 0, -173, 4], "2020-08-15T00:00:00Z"),
        ([-187, 0, -182, 4], [173, 0, 178, 4], "2020-08-17T00:00:00Z"),
        ([178, 0, 181, 4], [178, 0, 181, 4], "2020-08-16T00:00:00Z"),
        ([179, 0, 183, 4], [179, 0, 183, 4], "2020-08-15T00:00:00Z"),
    ],
)
def test_beyond_180_the_neighbouring_day_is_taken(
    client: httpx.Client, rectangle: list[float], covered: list[float], time: str
) -> None:
    found = capture(client, link(v="160,-10,200,10"), rectangle=rectangle)
    assert found["rectangle"] == pytest.approx(covered, abs=DEGREES)
    assert found["time"] == time
    assert any("neighbouring day" in note for note in found["notes"]) == (time[:10] != DAY)
    assert any("crosses longitude 180" in note for note in found["notes"]) == (covered[2] > 180)
    assert found["width"] == round((rectangle[2] - rectangle[0]) / DEGREES)


def test_a_side_can_be_chosen(client: httpx.Client) -> None:
    compared = link(ca="true", l1=TRUE_COLOUR, t1="2020-08-17")
    assert capture(client, compared)["time"] == "2020-08-16T00:00:00Z"
    assert capture(client, compared, side="b")["time"] == "2020-08-17T00:00:00Z"
    assert refused(client, link(), side="b")[:2] == (400, "BadInput")


def test_another_visible_layer_is_said_not_to_be_in_it(client: httpx.Client) -> None:
    notes = capture(client, link(l=f"{TEMPERATURE},{TRUE_COLOUR}"))["notes"]
    assert notes == [f"only {TRUE_COLOUR} is in the picture, not {TEMPERATURE}"]


def test_another_layer_of_the_link_is_taken_when_it_is_named(client: httpx.Client, project: ec.Project) -> None:
    shown = capture(client, link(), rectangle=[-121, 38, -117, 42])
    hidden = capture(client, link(), rectangle=[-121, 38, -117, 42], layer=VIIRS)  # the project has no chips of it
    assert (shown["layer"], hidden["layer"]) == (TRUE_COLOUR, VIIRS)
    assert hidden["box"] == pytest.approx(shown["box"], abs=DEGREES)
    assert hidden["id"] != shown["id"]
    assert capture(client, link(l=VIIRS), layer=TRUE_COLOUR)["layer"] == TRUE_COLOUR


# -- what cannot be taken --------------------------------------------------------------------------------------------


def test_a_layer_that_the_project_lacks_is_refused_with_those_it_has(client: httpx.Client) -> None:
    for asked in ({"permalink": link(l=VIIRS)}, {"permalink": link(l=TRUE_COLOUR), "layer": VIIRS}):
        status, code, message, hint = refused(client, **asked)
        assert (status, code) == (409, "Conflict")
        assert VIIRS in message
        assert TRUE_COLOUR in hint


def test_a_day_without_imagery_is_refused_with_the_nearest(client: httpx.Client) -> None:
    status, code, message, hint = refused(client, link(t="2001-06-20"))
    assert (status, code) == (400, "BadDates")
    assert "2001-06-20" in message
    assert "2001-06-14 or 2001-07-03" in hint
    assert "2000-02-24" in refused(client, link(t="1990-01-01"))[3]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"permalink": "https://example.org/?q=worldview"}, (400, "BadInput")),
        ({"permalink": link(l="")}, (400, "BadInput")),
        ({"permalink": link(), "rectangle": [-120, 40, -121, 41]}, (400, "BadBox")),
        ({"permalink": link(), "rectangle": [-120, 40, -119.99, 40.01]}, (400, "BadBox")),
        ({"permalink": link(), "rectangle": [-180, -90, 180, 90]}, (400, "BadBox")),
        ({"permalink": link(), "rectangle": [-120, 95, -110, 99]}, (400, "BadBox")),
        ({"permalink": link(p="arctic", v="1,2,3,4"), "rectangle": [9e6, 0, 9.3e6, 3e5]}, (400, "BadBox")),
        ({"permalink": link(t="2020-12-25")}, (400, "NoImagery")),
        ({"permalink": link(), "rectangle": [-1e307, 0, 1e307, 1]}, (400, "BadBox")),
        ({"permalink": link(), "rectangle": [1e308, 0, 1.5e308, 1]}, (400, "BadBox")),
        ({"permalink": link(p="arctic", v="1,2,3,4"), "rectangle": [0, -1e10, 1, 1]}, (400, "BadBox")),
        ({"permalink": link(v="1e308,0,1.5e308,1")}, (400, "BadBox")),
        ({"permalink": link(v="-1e307,0,1e307,1")}, (400, "BadBox")),
        ({"permalink": link(v="9e8,0,1e9,1")}, (400, "BadDates")),
        ({"permalink": link(t="0001-01-01"), "rectangle": [181, 0, 185, 4]}, (400, "BadDates")),
        ({"permalink": link(t="9999-12-31"), "rectangle": [-185, 0, -181, 4]}, (400, "BadDates")),
        ({"permalink": link(t="9999-12-31-T23:59:59Z")}, (400, "BadDates")),
        ({"permalink": link(), "rectangle": [0, 0, 1]}, (422, "BadRequest")),
        ({"permalink": link(), "wish": 1}, (422, "BadRequest")),
    ],
)
def test_what_cannot_be_taken_is_a_sentence(
    client: httpx.Client, asked: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = client.post("/examples/worldview", json=asked)
    found = answer.json()["error"]
    assert (answer.status_code, found["code"]) == expected
    assert found["message"]
    assert found["hint"]


def test_a_rectangle_of_the_wrong_size_says_what_helps(client: httpx.Client) -> None:
    opening = link(v="-180,-90,180,90")
    assert "zoom in" in refused(client, opening, rectangle=[-90, -40, 80, 40])[3]
    assert "at least 8 pixels" in refused(client, opening, rectangle=[0, 0, 0.1, 0.1])[3]
    assert "where the map has imagery" in refused(client, opening, rectangle=[0, 95, 10, 99])[3]


def test_a_source_that_does_not_answer_is_said_to_be(client: httpx.Client, gibs: FakeGibs) -> None:
    gibs.faults = Faults(error_503=1, max_fails=1000)
    try:
        status, code, message, _ = refused(client, link(t="2015-05-05"))
    finally:
        gibs.faults = Faults()
    assert (status, code) == (502, "SourceUnreachable")
    assert message


def test_an_unreachable_source_leaves_the_link_readable(tmp_path: Path, project: ec.Project) -> None:
    nowhere = Settings(cache=tmp_path, source="http://127.0.0.1:9")
    with ec.open(project.location, settings=nowhere) as opened:
        found = read_link(opened, link())
    assert found.layer is None
    assert [layer.known for layer in found.layers] == [False, False, True]
    assert "127.0.0.1:9" in found.notes[-1]
    assert (found.footprint.width, found.footprint.height) == pytest.approx((128 * DEGREES, 128 * DEGREES))


def test_an_unreachable_source_leaves_polar_chips_their_size(tmp_path: Path, gibs: FakeGibs) -> None:
    settings = Settings(cache=tmp_path / "cache", source=gibs.url, megabits_per_second=10_000)
    arctic = link(p="arctic", v="-1000000,-1000000,1000000,1000000", l=TRUE_COLOUR)
    with ec.create(tmp_path / "north", settings=settings) as made:
        box = ec.Box(west=-50, south=78, east=-40, north=80)
        made.download(TRUE_COLOUR, box, DAY, zoom=2, crs="EPSG:3413", chip_size=128, min_valid=0)
        expected = read_link(made, arctic).footprint
    nowhere = Settings(cache=tmp_path / "none", source="http://127.0.0.1:9")
    with ec.open(tmp_path / "north", settings=nowhere) as opened:
        found = read_link(opened, arctic)
    assert found.footprint == expected
    assert (expected.width, expected.height) == (128 * 2048, 128 * 2048)


# -- searching -------------------------------------------------------------------------------------------------------


def test_the_search_finds_what_the_link_shows(client: httpx.Client, project: ec.Project) -> None:
    chip = next(chip for chip in project.chips.all() if chip.time and chip.time.day == 17)
    assert chip.box is not None
    box = [chip.box.west, chip.box.south, chip.box.east, chip.box.north]
    asked = {"permalink": link(t="2020-08-17"), "rectangle": box, "k": 3, "filter": {"layers": [TRUE_COLOUR]}}
    found = client.post("/search/worldview", json=asked).json()
    assert found["capture"]["rectangle"] == pytest.approx(box)
    assert found["hits"][0]["chip"] == chip.id
    assert found["hits"][0]["score"] == pytest.approx(1, abs=1e-3)
    assert len(found["hits"]) == 3
    again = {"k": 3, "filter": asked["filter"], "positives": [{"example": found["capture"]["id"]}]}
    assert client.post("/search", json=again).json()["hits"] == found["hits"]
    unlike = {"negatives": [{"chip": found["hits"][1]["chip"]}]}
    without = client.post("/search/worldview", json=asked | unlike).json()
    assert [hit["score"] for hit in without["hits"]] != [hit["score"] for hit in found["hits"]]


def test_a_search_before_there_are_vectors_says_what_to_run(tmp_path: Path, project: ec.Project) -> None:
    chip = next(project.chips.all())
    with ec.create(tmp_path / "bare", settings=project.settings) as bare:
        bare.chips.add([Arrival(chip, project.picture_of(chip))])
        listening = socket.create_server(("127.0.0.1", 0))
        app = create_app(bare, Serving(port=listening.getsockname()[1]))
        with served(app, bare, listening) as server:
            answer = httpx.post(f"{server.url}/api/v1/search/worldview", json={"permalink": link()}, timeout=20)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "Conflict")
    assert "curator embed" in answer.json()["error"]["hint"]
