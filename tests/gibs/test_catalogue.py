from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from earthcurator.errors import BadDates, BadInput, NotFound, SourceUnreachable
from earthcurator.gibs.catalogue import (
    Catalogue,
    first_and_last,
    instants_of,
    load_snapshot,
    read_source,
    refresh,
    with_all_periods,
    with_metadata,
)
from earthcurator.gibs.layers import Concept, Layer, Pyramid
from earthcurator.gibs.times import parse_periods, parse_time
from earthcurator.grids import Grid, gibs_grid

ROOT = Path(__file__).parents[2]
SNAPSHOT = load_snapshot()
TERRA = "MODIS_Terra_CorrectedReflectance_TrueColor"
TODAY = date(2026, 11, 21)


def layer(periods: str = "", *, ongoing: bool | None = None, name: str = "Sea", domains: str = "") -> Layer:
    pyramid = Pyramid(grid=gibs_grid("EPSG:4326", "2km"), template="https://t/{Time}", domains=domains)
    return Layer(
        id=name,
        title=name,
        format="image/png",
        pyramids={"EPSG:4326": pyramid},
        periods=parse_periods(periods),
        ongoing=ongoing,
    )


def shown(found: list[datetime]) -> list[str]:
    return [f"{moment:%Y-%m-%d}" for moment in found]


# --- the snapshot -------------------------------------------------------------------------------------------------


def test_the_snapshot_is_what_the_script_writes(tmp_path: Path) -> None:
    code = f"import write_catalogue as w; w.OUT = w.Path({str(tmp_path / 'out.json')!r}); w.main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "scripts", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "out.json").read_bytes()
    assert written == (ROOT / "src/earthcurator/gibs/catalogue.json").read_bytes()


def test_the_snapshot_has_the_layers_that_scientists_use() -> None:
    assert len(SNAPSHOT.layers) >= 60
    assert SNAPSHOT.written == date(2026, 10, 5)
    assert {"MODIS_Terra_Data_No_Data", "MODIS_Terra_Cloud_Fraction_Day", "BlueMarble_NextGeneration"} <= set(
        SNAPSHOT.layers
    )
    terra = SNAPSHOT.get(TERRA)
    assert terra.pyramids["EPSG:4326"].grid == gibs_grid("EPSG:4326", "250m")
    assert first_and_last(terra)[0] == parse_time("2000-02-24")


@pytest.mark.parametrize("found", SNAPSHOT.layers.values(), ids=SNAPSHOT.layers)
def test_every_layer_of_the_snapshot_can_be_asked_for(found: Layer) -> None:
    for crs, pyramid in found.pyramids.items():
        assert pyramid.grid == gibs_grid(crs, pyramid.grid.identifier)
        assert ("{Time}" in pyramid.template) == bool(pyramid.domains) == bool(found.periods)
        assert f"/{crs.lower().replace(':', '')}/best/{found.id}/" in pyramid.template
    assert all(period.start <= period.end <= parse_time("2026-10-05T23:59:59Z") for period in found.periods)


@pytest.mark.parametrize("name", ["MODIS_Terra_L3_NDVI_16Day", "MODIS_Aqua_L3_NDVI_16Day", "MODIS_Aqua_L4_LAI_8Day"])
def test_composites_start_again_each_year_and_the_first_one_is_on_their_raster(name: str) -> None:
    periods = SNAPSHOT.get(name).periods
    first, second = periods[:2]
    assert second.start.year == first.start.year + 1
    assert (first.start.timetuple().tm_yday - second.start.timetuple().tm_yday) * 86_400 % first.step.seconds == 0


# --- finding ------------------------------------------------------------------------------------------------------


def ids(found: list[Layer]) -> list[str]:
    return [one.id for one in found]


def test_all_words_must_be_there_in_any_case_and_any_name() -> None:
    assert TERRA in ids(SNAPSHOT.search(["true", "COLOR", "terra"]))
    assert ids(SNAPSHOT.search(["himawari", "infrared"])) == ["Himawari_AHI_Band13_Clean_Infrared"]
    assert SNAPSHOT.search(["true", "nonsense"]) == []
    assert len(SNAPSHOT.search()) == len(SNAPSHOT.layers)


def test_matches_in_id_and_title_come_before_matches_elsewhere() -> None:
    found = ids(SNAPSHOT.search(["night"]))
    assert found.index("VIIRS_CityLights_2012") < found.index("VIIRS_Black_Marble")  # there only the measurement
    assert ids(SNAPSHOT.search(["dust"]))[:2] == ["AIRS_L2_Dust_Score_Day", "GOES-East_ABI_Dust"]


def test_filters_hold_together() -> None:
    monthly = ids(SNAPSHOT.search(period="monthly"))
    assert "MODIS_Terra_L3_NDVI_Monthly" in monthly
    assert TERRA not in monthly
    arctic = SNAPSHOT.search(projection="arctic")
    assert ids(arctic) == ids(SNAPSHOT.search(projection="EPSG:3413")) == ids(SNAPSHOT.search(projection="3413"))
    assert {one.format for one in SNAPSHOT.search(format="jpg")} == {"image/jpeg"}
    assert ids(SNAPSHOT.search(["reflectance"], resolution=40)) == [
        "HLS_L30_Nadir_BRDF_Adjusted_Reflectance",
        "HLS_S30_Nadir_BRDF_Adjusted_Reflectance",
    ]


def test_a_date_leaves_out_what_did_not_exist_then() -> None:
    then = ids(SNAPSHOT.search(["corrected", "truecolor"], date=date(2001, 6, 15)))
    assert then == [TERRA]
    assert "MODIS_Terra_L3_NDVI_Monthly" in ids(SNAPSHOT.search(date=date(2001, 6, 15)))  # that of June 1
    assert "ASTER_GDEM_Color_Shaded_Relief" in ids(SNAPSHOT.search(date=date(2001, 6, 15)))


def test_an_unknown_projection_is_refused() -> None:
    with pytest.raises(BadInput, match="no projection 'EPSG:2056'") as caught:
        SNAPSHOT.search(projection="EPSG:2056")
    assert "EPSG:3413" in caught.value.hint


@pytest.mark.parametrize(
    "wrong",
    [TERRA.lower(), "MODIS_Tera_CorrectedReflectance_TrueColor", "MODIS_Terra_TrueColor", "Terra_TrueColor"],
)
def test_the_nearest_names_are_offered_for_a_layer_that_is_not_there(wrong: str) -> None:
    with pytest.raises(NotFound, match=wrong) as caught:
        SNAPSHOT.get(wrong)
    assert TERRA in caught.value.hint


def test_a_name_like_no_other_is_met_with_a_way_to_find_one() -> None:
    with pytest.raises(NotFound) as caught:
        SNAPSHOT.get("Qzx")
    assert "curator layers" in caught.value.hint


# --- dates --------------------------------------------------------------------------------------------------------


def between(found: Layer, start: str, end: str) -> list[datetime]:
    return instants_of(found, parse_time(start), parse_time(end))


def test_instants_are_those_that_are_shown_in_the_range() -> None:
    daily, monthly = layer("2020-01-01/2020-12-31/P1D"), layer("2020-01-01/2020-12-01/P1M")
    assert shown(between(daily, "2020-08-16", "2020-08-18")) == ["2020-08-16", "2020-08-17"]
    assert shown(between(monthly, "2020-08-16", "2020-10-02")) == ["2020-08-01", "2020-09-01", "2020-10-01"]
    assert shown(between(monthly, "2020-08-16", "2020-08-17")) == ["2020-08-01"]
    assert between(layer(), "2020-08-16", "2020-08-17") == []


def test_dates_without_imagery_are_refused_with_the_range_there_is() -> None:
    with pytest.raises(BadDates, match=r"1999-01-01.*daily from 2000-02-24 to 2026-10-05"):
        between(SNAPSHOT.get(TERRA), "1999-01-01", "1999-01-02")
    with pytest.raises(BadDates, match=r"from 2020-01-01T00:00Z to 2020-01-02T00:00Z"):
        between(layer("2020-01-01T00:00:00Z/2020-01-02T00:00:00Z/PT10M"), "2021-01-01", "2021-01-03")


def test_dates_after_an_old_catalogue_hint_at_a_newer_one() -> None:
    with pytest.raises(BadDates) as caught:
        between(SNAPSHOT.get(TERRA), "2027-01-01", "2027-01-02")
    assert "--refresh" in caught.value.hint


def test_a_layer_without_times_has_no_first_instant() -> None:
    with pytest.raises(BadInput, match="Sea has no times"):
        first_and_last(layer())


# --- JSON ---------------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_again() -> None:
    other = replace(gibs_grid("EPSG:3031", "1km"), identifier="polar")
    full = Layer(
        id="Ice",
        title="Ice – extent",
        subtitle="Aqua",
        measurement="Sea ice",
        format="image/png",
        pyramids={
            "EPSG:3031": Pyramid(grid=other, template="https://t", limits={1: (0, 1, 2, 3)}, domains="https://d"),
            "EPSG:4326": Pyramid(grid=gibs_grid("EPSG:4326", "1km"), template="https://t"),
        },
        periods=parse_periods("2020-01-01/2020-12-26/P8D,2021-01-01,2021-01-02T03:00:00Z"),
        all_periods=False,
        default_time="2021-01-01",
        colormap="https://c",
        ongoing=False,
        day_night="day",
        concepts=(Concept(id="C1", kind="STD", short_name="MOD29", version="6.1"),),
    )
    catalogue = Catalogue(layers={"Ice": full, "Sea": layer()}, written=TODAY, source="here")
    again = Catalogue.from_json(catalogue.to_json())
    assert (dict(again.layers), again.written, again.source) == (dict(catalogue.layers), TODAY, "here")
    assert isinstance(again.get("Ice").pyramids["EPSG:3031"].grid, Grid)
    assert Catalogue.from_json(SNAPSHOT.to_json()) == SNAPSHOT


def test_a_catalogue_without_layers_is_one() -> None:
    empty = Catalogue(layers={}, written=TODAY, source="")
    assert Catalogue.from_json(empty.to_json()) == empty


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"grids": {}, "layers": [{}], "written": "2020-01-01"}'])
def test_what_is_no_catalogue_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="not a catalogue"):
        Catalogue.from_json(data)


# --- from a server ------------------------------------------------------------------------------------------------

SERVER = "https://tiles.example"


def capabilities(crs: str, corner: str, scale: float) -> bytes:
    return f"""<Capabilities><Contents><Layer><Identifier>{TERRA}</Identifier><Title>terse</Title>
    <Dimension><Identifier>Time</Identifier><Value>2020-01-01/2020-02-01/P1D</Value></Dimension>
    <TileMatrixSetLink><TileMatrixSet>A</TileMatrixSet></TileMatrixSetLink>
    <ResourceURL resourceType="tile" format="image/jpeg"
      template="{{Time}}/{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}"/>
    <ResourceURL resourceType="Domains" format="text/xml" template="{SERVER}/all.xml"/></Layer>
    <TileMatrixSet><Identifier>A</Identifier><SupportedCRS>{crs}</SupportedCRS><TileMatrix><Identifier>0</Identifier>
    <ScaleDenominator>{scale}</ScaleDenominator><TopLeftCorner>{corner}</TopLeftCorner><TileWidth>512</TileWidth>
    <TileHeight>512</TileHeight><MatrixWidth>2</MatrixWidth><MatrixHeight>1</MatrixHeight></TileMatrix></TileMatrixSet>
    </Contents></Capabilities>""".encode()


GEOGRAPHIC = capabilities("CRS84", "-180 90", 223632905.6114871)
ARCTIC = capabilities("EPSG:3413", "-4194304 4194304", 8192 / 0.00028)


def server(documents: dict[str, bytes]) -> Callable[[str], bytes]:
    def fetch(url: str) -> bytes:
        if url not in documents:
            raise NotFound(f"there is no {url}")
        return documents[url]

    return fetch


def test_a_server_like_gibs_is_read_in_all_projections_that_it_has() -> None:
    path = "best/1.0.0/WMTSCapabilities.xml"
    fetch = server({f"{SERVER}/wmts/epsg4326/{path}": GEOGRAPHIC, f"{SERVER}/wmts/epsg3413/{path}": ARCTIC})
    found = refresh(fetch, SERVER, known=SNAPSHOT, today=TODAY)
    assert (found.written, found.source) == (TODAY, SERVER)
    assert sorted(found.get(TERRA).pyramids) == ["EPSG:3413", "EPSG:4326"]
    assert found.get(TERRA).subtitle == "Terra / MODIS"  # which capabilities do not say
    assert found.get(TERRA).periods == parse_periods("2020-01-01/2020-02-01/P1D")


def test_a_server_without_any_projection_is_unreachable() -> None:
    with pytest.raises(SourceUnreachable, match=r"tiles\.example lists no layers"):
        refresh(server({}), SERVER)


@pytest.mark.parametrize(
    ("asked", "at"),
    [
        ("/any.xml", "/any.xml"),
        ("/kvp?REQUEST=GetCapabilities", "/kvp?REQUEST=GetCapabilities"),
        ("/gibs/", "/gibs/wmts/epsg4326/best/1.0.0/WMTSCapabilities.xml"),
        ("/rest", "/rest/1.0.0/WMTSCapabilities.xml"),
        ("/kvp", "/kvp?SERVICE=WMTS&REQUEST=GetCapabilities&VERSION=1.0.0"),
        ("/kvp?map=a", "/kvp?map=a&SERVICE=WMTS&REQUEST=GetCapabilities&VERSION=1.0.0"),
    ],
)
def test_any_servers_capabilities_are_found(asked: str, at: str) -> None:
    found = read_source(server({SERVER + at: GEOGRAPHIC}), SERVER + asked, today=TODAY)
    assert list(found.layers) == [TERRA]


def test_a_server_of_something_else_is_said_to_be_none() -> None:
    with pytest.raises(SourceUnreachable, match=r"no WMTS service at https://tiles\.example/a"):
        read_source(server({}), f"{SERVER}/a")


def test_all_periods_come_page_by_page_and_once() -> None:
    page = "<Domains><DimensionDomain><Identifier>time</Identifier><Domain>{}</Domain>{}</DimensionDomain></Domains>"
    fetch = server(
        {
            f"{SERVER}/all.xml": page.format("2019-01-01,2019-01-02", "<NextPage>all.xml?offset=2</NextPage>").encode(),
            # The last page points at itself: that must not go on for ever.
            f"{SERVER}/all.xml?offset=2": page.format(
                "2019-01-02,2020-01-01", "<NextPage>all.xml?offset=2</NextPage>"
            ).encode(),
        }
    )
    latest = replace(layer("2020-01-01", domains=f"{SERVER}/all.xml"), all_periods=False)
    found = with_all_periods(latest, fetch)
    assert (found.periods, found.all_periods) == (parse_periods("2019-01-01,2019-01-02,2020-01-01"), True)
    without = layer("2020-01-01")
    assert with_all_periods(without, fetch) is without


def test_metadata_are_asked_where_gibs_keeps_them() -> None:
    fetch = server({f"{SERVER}/layer-metadata/v1.0/Sea.json": b'{"measurement": "Sea Level"}'})
    assert with_metadata(layer(), fetch, SERVER).measurement == "Sea Level"


def test_times_in_a_catalogue_are_utc() -> None:
    assert first_and_last(SNAPSHOT.get(TERRA))[0].tzinfo is UTC
