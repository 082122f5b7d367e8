"""The catalogue of imagery over HTTP, and what a download would take. All of it from what ships with Curator: nothing
but this machine can be reached in tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import earthcurator as ec
from earthcurator.settings import Settings

from .conftest import Serve

TERRA = "MODIS_Terra_CorrectedReflectance_TrueColor"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[ec.Project]:
    """An empty project whose imagery would come from NASA."""
    with ec.create(tmp_path / "project", settings=Settings(cache=tmp_path / "cache")) as made:
        yield made


def estimate(client: httpx.Client, **asked: Any) -> dict[str, Any]:
    answer = client.post("/imagery/estimate", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_catalogue_is_searched_page_by_page(client: httpx.Client) -> None:
    seen: list[str] = []
    start: int | None = 0
    while start is not None:
        page = client.get("/layers", params={"words": "modis terra", "start": start, "limit": 7}).json()
        seen += [layer["id"] for layer in page["layers"]]
        start = page["next"]
    assert len(seen) == len(set(seen)) == page["total"] > 14


def test_best_match_comes_first_with_its_facts(client: httpx.Client) -> None:
    layer = client.get("/layers", params={"words": "terra true color"}).json()["layers"][0]
    assert layer["id"] == TERRA
    assert (layer["period"], layer["first"], layer["format"]) == ("daily", "2000-02-24", "image/jpeg")
    assert "EPSG:3413" in layer["projections"]


def test_layers_of_one_projection(client: httpx.Client) -> None:
    layers = client.get("/layers", params={"crs": "EPSG:3031", "limit": 500}).json()["layers"]
    assert layers
    assert all("EPSG:3031" in layer["projections"] for layer in layers)


def test_layer_tells_its_tile_grids(client: httpx.Client) -> None:
    layer = client.get(f"/layers/{TERRA}").json()
    first = layer["grids"]["EPSG:4326"]["levels"][0]
    assert (first["origin"], first["tile"], first["tiles"]) == ([-180, 90], [512, 512], [2, 1])
    assert layer["grids"]["EPSG:3413"]["world"] == [-4194304, -4194304, 4194304, 4194304]
    assert layer["periods"]


def test_unknown_layer_is_a_sentence_with_the_nearest(client: httpx.Client) -> None:
    error = client.get("/layers/MODIS_Terra_TrueColour").json()["error"]
    assert error["code"] == "NotFound"
    assert TERRA in error["hint"]


def test_estimate_counts_tiles_and_draws_the_grid(client: httpx.Client) -> None:
    found = estimate(client, layers=[TERRA], bbox=[-125, 37, -120, 41], dates="2020-08-16/2020-08-18", zoom=5)
    assert (found["chips"], found["tiles"], found["cached"]) == (found["outlines"] * 3, found["outlines"] * 3, 0)
    assert found["download_bytes"] > 0
    rings = [feature["geometry"]["coordinates"][0] for feature in found["grid"]["features"]]
    assert len(rings) == found["outlines"]
    assert min(x for ring in rings for x, _ in ring) <= -125
    assert max(y for ring in rings for _, y in ring) >= 41
    assert all(ring[0] == ring[-1] and len(ring) == 5 for ring in rings)
    (order,) = found["orders"]
    assert (order["layers"], order["crs"], order["zoom"]) == ([TERRA], "EPSG:4326", 5)


def test_grid_of_a_polar_order_is_in_degrees(client: httpx.Client) -> None:
    found = estimate(client, layers=[TERRA], bbox=[-60, 70, -40, 80], dates="2020-08-16", crs="EPSG:3413", zoom=2)
    latitudes = [y for feature in found["grid"]["features"] for _, y in feature["geometry"]["coordinates"][0]]
    assert latitudes
    assert all(40 < y <= 90 for y in latitudes)


def test_large_order_is_counted_but_not_all_drawn(client: httpx.Client) -> None:
    found = estimate(client, layers=[TERRA], bbox=[-180, -80, 180, 80], dates="2020-08-16", zoom=6)
    assert found["outlines"] > len(found["grid"]["features"]) == 2000


def test_link_of_worldview_is_understood(client: httpx.Client) -> None:
    link = f"https://worldview.earthdata.nasa.gov/?v=-125,37,-120,41&l={TERRA},Coastlines&t=2020-08-16-T00%3A00%3A00Z"
    found = estimate(client, worldview=link, zoom=4)
    assert found["orders"][0]["layers"] == [TERRA]
    assert found["orders"][0]["start"].startswith("2020-08-16")
    assert any("Coastlines" in note for note in found["notes"])


def test_polar_link_brings_its_projection(client: httpx.Client) -> None:
    link = f"https://worldview.earthdata.nasa.gov/?p=antarctic&v=-900000,-900000,900000,900000&l={TERRA}&t=2020-01-16"
    (order,) = estimate(client, worldview=link, zoom=2)["orders"]
    assert (order["crs"], order["start"], order["end"]) == ("EPSG:3031", "2020-01-16T00:00:00Z", "2020-01-16T00:00:01Z")


def test_limited_download_takes_less(client: httpx.Client) -> None:
    asked = {"layers": [TERRA], "bbox": [-125, 37, -120, 41], "dates": "2020-08-16/2020-08-18", "zoom": 7}
    whole, limited = estimate(client, **asked), estimate(client, **asked, limit=10)
    assert limited["chips"] == 10 < whole["chips"]
    assert limited["tiles"] < whole["tiles"]
    assert limited["outlines"] == whole["outlines"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"layers": [TERRA], "dates": "2020-08-16"}, "BadInput"),
        ({"layers": [TERRA], "bbox": [0, 0, 1, 1]}, "BadDates"),
        ({"layers": ["Terra"], "bbox": [0, 0, 1, 1], "dates": "2020-08-16"}, "NotFound"),
        ({"layers": [TERRA], "bbox": [0, 0, 1, 1], "dates": "1970-01-01"}, "BadDates"),
        ({"layers": [TERRA], "bbox": [0, 9, 1, 1], "dates": "2020-08-16"}, "BadBox"),
        ({"worldview": "/etc/passwd"}, "BadInput"),
    ],
)
def test_what_cannot_be_had_is_a_sentence(client: httpx.Client, asked: dict[str, Any], code: str) -> None:
    answer = client.post("/imagery/estimate", json=asked)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["code"] == code


def test_estimate_takes_a_curator(project: ec.Project, serve: Serve) -> None:
    people = project.records.people
    people.add("Ada", "owner")
    secret = people.issue(people.add("Vi", "viewer").id, "token")
    with serve() as server:
        headers = {"Authorization": f"Bearer {secret}"}
        assert httpx.post(f"{server.url}/api/v1/imagery/estimate", json={}, headers=headers).status_code == 403
        assert httpx.get(f"{server.url}/api/v1/layers", headers=headers).status_code == 200
