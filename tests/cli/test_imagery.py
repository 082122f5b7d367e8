"""`layers`, `download`, `mosaic` and `animate`, as a shell and a script see them, against a fake GIBS."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
import rasterio
from PIL import Image

import earthcurator as ec
from earthcurator.cli import imagery, main
from earthcurator.testing.gibs import FakeGibs, Faults

Shell = Callable[..., tuple[int, str, str]]

TRUE_COLOUR = "MODIS_Terra_CorrectedReflectance_TrueColor"
VIIRS = "VIIRS_SNPP_CorrectedReflectance_TrueColor"
TEMPERATURE = "AIRS_L2_Surface_Air_Temperature_Day"

CALIFORNIA = "-124,37,-118,41"
"""At level 6, four tiles of 4.5 degrees: rows 10 to 11, columns 12 to 13."""

ONE_DAY = ("download", TRUE_COLOUR, "--bbox", CALIFORNIA, "--dates", "2020-08-16", "--zoom", 6)
WORLDVIEW = f"https://worldview.earthdata.nasa.gov/?v={CALIFORNIA}&l="


@pytest.fixture
def gibs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGibs]:
    """A server of our own and a cache that nobody shares, named as a user names them: in the environment."""
    with FakeGibs() as server:
        monkeypatch.setenv("CURATOR_SOURCE", server.url)
        monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("CURATOR_MEGABITS_PER_SECOND", "10000")
        monkeypatch.setattr(sys, "stdin", io.StringIO())  # no terminal, however the tests are run
        yield server


@pytest.fixture
def fires(tmp_path: Path, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which commands find by themselves."""
    ec.create(tmp_path / "fires").close()
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "fires"))
    return tmp_path / "fires"


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Run a command line; gives exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def chips_of(project: Path) -> list[ec.Chip]:
    with ec.open(project) as opened:
        return list(opened.chips.all())


def tiles_asked(gibs: FakeGibs) -> int:
    return sum(count for path, count in gibs.counts.requests.items() if path.endswith((".jpg", ".png")))


def file_states(folder: Path) -> dict[Path, tuple[int, int]]:
    """What is in a folder; equal only when nothing in it was written."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def failure(result: tuple[int, str, str]) -> tuple[int, str, str]:
    """Exit code, error and hint of a command that failed as commands should: two lines, and no data."""
    code, out, err = result
    assert out == ""
    lines = err.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["error:", "hint:"], err
    return code, lines[0], lines[1]


# -- layers ----------------------------------------------------------------------------------------------------------


def test_words_find_layers_and_the_table_says_from_when_to_when(shell: Shell, gibs: FakeGibs) -> None:
    code, out, err = shell("layers", "terra", "true", "color")
    assert code == 0, err
    header, *rows = out.splitlines()
    assert header.startswith("layer")
    assert [row.split()[0] for row in rows] == [TRUE_COLOUR]
    assert "2000-02-24" in rows[0]
    assert gibs.url in err  # whose catalogue this is


@pytest.mark.parametrize(
    ("flags", "some", "others"),
    [
        (["--period", "monthly"], {"MODIS_Terra_L3_NDVI_Monthly"}, {TRUE_COLOUR, TEMPERATURE}),
        (["--period", "10-minute"], {"GOES-East_ABI_GeoColor"}, {TRUE_COLOUR}),
        (["--crs", "3413"], {TRUE_COLOUR, "MODIS_Terra_L3_Snow_Cover_8Day"}, {TEMPERATURE}),
        (["--crs", "epsg:3031"], {TRUE_COLOUR}, {TEMPERATURE}),
        (["--format", "png"], {TEMPERATURE}, {TRUE_COLOUR}),
        (["--resolution", "300"], {TRUE_COLOUR, VIIRS}, {TEMPERATURE}),
        (["--date", "2001-02-01"], {TRUE_COLOUR}, {VIIRS, TEMPERATURE}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_layers_can_be_filtered(
    shell: Shell, gibs: FakeGibs, flags: list[str], some: set[str], others: set[str]
) -> None:
    code, out, err = shell("layers", *flags, "--json")
    assert code == 0, err
    found = {layer["id"] for layer in json.loads(out)}
    assert some <= found
    assert not others & found


def test_refresh_reads_the_catalogue_anew_and_keeps_it(shell: Shell, gibs: FakeGibs) -> None:
    def found(*flags: str) -> list[str]:
        code, out, err = shell("layers", "brand", "new", "--json", *flags)
        assert code == 0, err
        return [layer["id"] for layer in json.loads(out)]

    assert found() == []
    gibs.layers["Brand_New"] = replace(gibs.layers[TRUE_COLOUR], id="Brand_New", title="Brand new")
    assert found() == []
    assert found("--refresh") == ["Brand_New"]
    assert found() == ["Brand_New"]


def test_source_flag_counts_more_than_the_environment(
    shell: Shell, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATOR_SOURCE", "http://127.0.0.1:9")
    code, out, err = shell("layers", "terra", "true", "--source", gibs.url, "--json")
    assert code == 0, err
    assert [layer["id"] for layer in json.loads(out)] == [TRUE_COLOUR]


# -- download --------------------------------------------------------------------------------------------------------


def test_download_adds_chips_and_a_second_run_asks_for_nothing(shell: Shell, fires: Path, gibs: FakeGibs) -> None:
    code, out, err = shell(*ONE_DAY)
    assert (code, out) == (0, ""), err
    assert "added 4 chips" in err
    assert {chip.tile for chip in chips_of(fires)} == {f"EPSG:4326/6/{y}/{x}" for y in (10, 11) for x in (12, 13)}
    before = gibs.counts.total
    code, out, err = shell(*ONE_DAY, "--json")
    assert code == 0, err
    done = json.loads(out)
    assert (done["added"], done["present"], done["requests"]) == (0, 4, 0)
    assert gibs.counts.total == before


def test_geojson_region_takes_only_the_tiles_that_it_touches(shell: Shell, fires: Path, tmp_path: Path) -> None:
    corners = [[-124, 37], [-118, 37], [-124, 41], [-124, 37]]
    region = tmp_path / "triangle.geojson"
    region.write_text(json.dumps({"type": "Polygon", "coordinates": [corners]}))
    code, _, err = shell("download", TRUE_COLOUR, "--region", region, "--dates", "2020-08-16", "--zoom", 6)
    assert code == 0, err
    assert {chip.tile for chip in chips_of(fires)} == {f"EPSG:4326/6/{tile}" for tile in ("10/12", "11/12", "11/13")}


def test_projection_may_be_a_bare_number(shell: Shell, fires: Path) -> None:
    svalbard = ("--bbox", "10,76,34,80", "--dates", "2020-08-16", "--zoom", 3)
    code, _, err = shell("download", TRUE_COLOUR, *svalbard, "--crs", "3413")
    assert code == 0, err
    found = {chip.id for chip in chips_of(fires)}
    assert {chip.crs for chip in chips_of(fires)} == {"EPSG:3413"}
    assert shell("download", TRUE_COLOUR, *svalbard, "--crs", "EPSG:3413")[0] == 0
    assert {chip.id for chip in chips_of(fires)} == found


def test_chip_size_layers_and_step(shell: Shell, fires: Path) -> None:
    code, out, err = shell(
        "download", TRUE_COLOUR, TEMPERATURE, "--bbox", CALIFORNIA, "--dates", "2020-08-16/2020-08-19/P3D",
        "--zoom", 5, "--chip-size", 128, "--min-valid", 0, "--json",
    )  # fmt: skip
    assert code == 0, err
    chips = chips_of(fires)
    assert json.loads(out)["added"] == len(chips) > 0
    assert {(chip.width, chip.height) for chip in chips} == {(128, 128)}
    assert {chip.layer for chip in chips} == {TRUE_COLOUR, TEMPERATURE}
    assert {chip.time.day for chip in chips if chip.time} == {16, 19}


def test_blank_days_are_counted_and_are_no_failure(shell: Shell, fires: Path) -> None:
    christmas = ("download", TRUE_COLOUR, "--bbox", CALIFORNIA, "--dates", "2020-12-25", "--zoom", 6)
    code, out, err = shell(*christmas, "--json")
    assert code == 0, err
    done = json.loads(out)
    assert (done["added"], sum(done["skipped"].values())) == (0, 4)
    assert "4" in shell(*christmas)[2]


def test_what_cannot_be_had_is_code_5_with_a_report_and_is_had_later(shell: Shell, fires: Path, gibs: FakeGibs) -> None:
    two_days = (*ONE_DAY[:-3], "2020-08-16/2020-08-17", "--zoom", 6)
    assert shell(*ONE_DAY)[0] == 0
    layer = gibs.layers.pop(TRUE_COLOUR)
    code, out, err = shell(*two_days, "--json")
    assert code == 5
    done = json.loads(out)
    assert (done["added"], done["present"], done["failed"]) == (0, 4, 4)
    assert [line.partition(" ")[0] for line in err.splitlines()[-2:]] == ["error:", "hint:"]
    assert done["report"] in err
    with Path(done["report"]).open(newline="", encoding="utf-8") as report:
        assert len(list(csv.reader(report))) == 1 + 4
    gibs.layers[TRUE_COLOUR] = layer
    code, out, err = shell(*two_days, "--json")
    assert code == 0, err
    assert json.loads(out)["added"] == 4


# -- links to Worldview ----------------------------------------------------------------------------------------------


def test_link_brings_layer_place_and_day(shell: Shell, fires: Path) -> None:
    link = (
        f"{WORLDVIEW}Reference_Labels_15m,Coastlines_15m(hidden),{TRUE_COLOUR},{VIIRS}(hidden)&t=2020-08-16-T12:00:00Z"
    )
    code, _, err = shell("download", "--worldview", link, "--zoom", 6)
    assert code == 0, err
    chips = chips_of(fires)
    assert len(chips) == 4
    assert {(chip.layer, f"{chip.time:%F}") for chip in chips} == {(TRUE_COLOUR, "2020-08-16")}


def test_link_that_compares_brings_both_sides(shell: Shell, fires: Path) -> None:
    sides = f"{TRUE_COLOUR}&t=2020-08-16-T00:00:00Z&ca=true&l1={VIIRS}&t1=2020-08-22-T00:00:00Z"
    code, _, err = shell("download", "--worldview", WORLDVIEW + sides, "--zoom", 6)
    assert code == 0, err
    chips = chips_of(fires)
    assert len(chips) == 8
    assert {(chip.layer, f"{chip.time:%F}") for chip in chips} == {(TRUE_COLOUR, "2020-08-16"), (VIIRS, "2020-08-22")}


@pytest.mark.parametrize(("ab", "days"), [("&ab=on", {16, 17, 18}), ("", {20})])
def test_link_with_an_animation_brings_its_days_when_it_is_open(
    shell: Shell, fires: Path, ab: str, days: set[int]
) -> None:
    link = f"{TRUE_COLOUR}&t=2020-08-20-T00:00:00Z&as=2020-08-16-T00:00:00Z&ae=2020-08-18-T00:00:00Z{ab}"
    code, _, err = shell("download", "--worldview", WORLDVIEW + link, "--zoom", 6)
    assert code == 0, err
    chips = chips_of(fires)
    assert {chip.time.day for chip in chips if chip.time} == days
    assert len(chips) == 4 * len(days)


def test_arctic_link_brings_tiles_of_the_arctic_grid(shell: Shell, fires: Path) -> None:
    place = "https://worldview.earthdata.nasa.gov/?p=arctic&v=100000,-1000000,500000,-600000"
    code, _, err = shell(
        "download", "--worldview", f"{place}&l={TRUE_COLOUR}&t=2020-08-16-T00:00:00Z", "--zoom", 4, "--min-valid", 0
    )
    assert code == 0, err
    # At level 4 a tile is 262,144 m wide, and x = y = 0 is the corner of row 16 and column 16.
    assert {chip.tile for chip in chips_of(fires)} == {f"EPSG:3413/4/{y}/{x}" for y in (18, 19) for x in (16, 17)}


def test_note_about_a_link_is_no_part_of_the_json(shell: Shell, fires: Path) -> None:
    over_180 = "https://worldview.earthdata.nasa.gov/?v=178,-5,184,5"
    link = f"{over_180}&l={TRUE_COLOUR}&t=2020-08-16-T00:00:00Z"
    code, out, err = shell("download", "--worldview", link, "--zoom", 4, "--json")
    assert code == 0, err
    assert json.loads(out)["added"] == len(chips_of(fires)) > 0
    assert err.startswith("note: ")
    assert "180" in err


def test_dates_and_layers_that_are_given_count_more_than_those_of_the_link(shell: Shell, fires: Path) -> None:
    link = f"{WORLDVIEW}{VIIRS}&t=2020-08-16-T00:00:00Z"
    code, _, err = shell("download", TRUE_COLOUR, "--worldview", link, "--dates", "2020-08-19", "--zoom", 6)
    assert code == 0, err
    assert {(chip.layer, f"{chip.time:%F}") for chip in chips_of(fires)} == {(TRUE_COLOUR, "2020-08-19")}


# -- what it takes ---------------------------------------------------------------------------------------------------


def test_dry_run_says_what_it_takes_and_does_none_of_it(shell: Shell, fires: Path, gibs: FakeGibs) -> None:
    before = file_states(fires)
    code, out, err = shell(*ONE_DAY, "--dry-run")
    assert code == 0, err
    assert re.search(r"^tiles +4\b", out, re.MULTILINE)
    for word in ("download", "time", "disk"):
        assert re.search(rf"^{word} .*\d", out, re.MULTILINE)
    assert tiles_asked(gibs) == 0
    assert file_states(fires) == before


def test_dry_run_as_json_is_one_estimate_an_order(shell: Shell, fires: Path, gibs: FakeGibs) -> None:
    code, out, err = shell(*ONE_DAY, "--dry-run", "--json")
    assert code == 0, err
    (estimate,) = json.loads(out)
    assert (estimate["tiles"], estimate["chips"], estimate["instants"], estimate["cached"]) == (4, 4, 1, 0)
    assert estimate["download_bytes"] > 0
    assert estimate["disk_bytes"] > 0
    assert estimate["seconds"] > 0
    assert tiles_asked(gibs) == 0
    sides = f"{TRUE_COLOUR}&t=2020-08-16-T00:00:00Z&ca=true&t1=2020-08-22-T00:00:00Z"
    both = shell("download", "--worldview", WORLDVIEW + sides, "--zoom", 6, "--dry-run", "--json")[1]
    assert [estimate["tiles"] for estimate in json.loads(both)] == [4, 4]


def test_dry_run_needs_no_project(
    shell: Shell, gibs: FakeGibs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "nowhere"))
    assert shell(*ONE_DAY, "--dry-run")[0] == 0
    code, error, _ = failure(shell(*ONE_DAY))
    assert code == 2
    assert "no project" in error
    assert tiles_asked(gibs) == 0


def test_large_order_without_a_terminal_needs_yes(
    shell: Shell, fires: Path, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagery, "_ASK_FROM_TILES", 3)
    code, _, err = shell(*ONE_DAY)
    assert code == 2
    assert err.splitlines()[-2].startswith("error: ")
    assert err.splitlines()[-1].startswith("hint: ")
    assert "--yes" in err.splitlines()[-1]
    assert tiles_asked(gibs) == 0
    code, _, err = shell(*ONE_DAY, "--yes")
    assert code == 0, err
    assert len(chips_of(fires)) == 4
    assert shell(*ONE_DAY)[0] == 0  # the tiles are here: nothing about it is large now


def test_person_who_is_asked_decides(
    shell: Shell, fires: Path, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(imagery, "_ASK_FROM_TILES", 3)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    assert shell(*ONE_DAY)[0] != 0
    assert tiles_asked(gibs) == 0
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    code, _, err = shell(*ONE_DAY)
    assert code == 0, err
    assert len(chips_of(fires)) == 4


# -- pictures for people ---------------------------------------------------------------------------------------------

PLACE_AND_DAY = ("--bbox", CALIFORNIA, "--date", "2020-08-16", "--zoom", 5)
PLACE_AND_DAYS = ("--bbox", CALIFORNIA, "--dates", "2020-08-16/2020-08-18", "--zoom", 4)


@pytest.mark.parametrize("flags", [(), ("--format", "cog")], ids=["geotiff", "cog"])
def test_mosaic_is_a_geotiff_of_the_region(
    shell: Shell, gibs: FakeGibs, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    out = tmp_path / "fires.tif"
    code, answer, err = shell("mosaic", TRUE_COLOUR, out, *PLACE_AND_DAY, *flags, "--json")
    assert code == 0, err
    facts = json.loads(answer)
    with rasterio.open(out) as picture:
        assert picture.crs.to_epsg() == 4326
        assert (picture.width, picture.height) == (facts["width"], facts["height"])
        west, south, east, north = picture.bounds
        assert picture.tags()["LAYER"] == TRUE_COLOUR
        assert not flags or picture.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert picture.read(1).max() > 100
    pixel = (east - west) / facts["width"]
    assert (west, south, east, north) == pytest.approx((-124, 37, -118, 41), abs=pixel)


def test_mosaic_is_a_png_with_a_world_file(shell: Shell, gibs: FakeGibs, tmp_path: Path) -> None:
    code, out, err = shell("mosaic", TRUE_COLOUR, tmp_path / "fires.png", *PLACE_AND_DAY)
    assert (code, out) == (0, ""), err
    with Image.open(tmp_path / "fires.png") as picture:
        assert f"{picture.width} x {picture.height}" in err
        picture.load()
    assert len((tmp_path / "fires.pgw").read_text().split()) == 6


def test_mosaic_of_a_link_that_compares_shows_its_first_side_and_says_so(
    shell: Shell, gibs: FakeGibs, tmp_path: Path
) -> None:
    link = f"{WORLDVIEW}{TRUE_COLOUR}&t=2020-08-16-T00:00:00Z&ca=true&t1=2020-08-22-T00:00:00Z"
    code, _, err = shell("mosaic", TRUE_COLOUR, tmp_path / "fires.tif", "--worldview", link, "--zoom", 4)
    assert code == 0, err
    assert err.startswith("note: ")
    with rasterio.open(tmp_path / "fires.tif") as picture:
        assert picture.tags()["TIME"].startswith("2020-08-16")


def test_animation_is_a_gif(shell: Shell, gibs: FakeGibs, tmp_path: Path) -> None:
    out = tmp_path / "fires.gif"
    code, answer, err = shell("animate", TRUE_COLOUR, out, *PLACE_AND_DAYS, "--json")
    assert code == 0, err
    facts = json.loads(answer)
    with Image.open(out) as film:
        assert getattr(film, "n_frames", 1) == facts["frames"] == 3
        assert film.size == (facts["width"], facts["height"])


def test_animation_is_an_mp4(shell: Shell, gibs: FakeGibs, tmp_path: Path) -> None:
    out = tmp_path / "fires.mp4"
    code, _, err = shell("animate", TRUE_COLOUR, out, *PLACE_AND_DAYS, "--fps", 2)
    assert code == 0, err
    with av.open(str(out)) as film:
        assert film.streams.video[0].average_rate == 2
        assert len(list(film.decode(video=0))) == 3


@pytest.mark.parametrize(
    ("command", "name", "rest"), [("mosaic", "out.tif", PLACE_AND_DAY), ("animate", "out.gif", PLACE_AND_DAYS)]
)
def test_existing_file_is_kept_until_told_otherwise(
    shell: Shell, gibs: FakeGibs, tmp_path: Path, command: str, name: str, rest: tuple[object, ...]
) -> None:
    out = tmp_path / name
    out.write_text("precious")
    code, error, _ = failure(shell(command, TRUE_COLOUR, out, *rest))
    assert code == 3
    assert name in error
    assert out.read_text() == "precious"
    assert shell(command, TRUE_COLOUR, out, *rest, "--overwrite")[0] == 0
    assert out.read_bytes()[:3] in (b"II*", b"GIF")


@pytest.mark.parametrize(
    ("command", "rest", "name"),
    [("mosaic", PLACE_AND_DAY, "fires.bmp"), ("animate", PLACE_AND_DAYS, "fires.avi"), ("mosaic", PLACE_AND_DAY, "f")],
)
def test_unknown_kind_of_file_is_refused_before_anything_is_fetched(
    shell: Shell, gibs: FakeGibs, tmp_path: Path, command: str, rest: tuple[object, ...], name: str
) -> None:
    code, error, hint = failure(shell(command, TRUE_COLOUR, tmp_path / name, *rest))
    assert code == 2
    assert name in error
    assert "." in hint  # a name that would do
    assert not (tmp_path / name).exists()


# -- bad input -------------------------------------------------------------------------------------------------------

WHERE = ["--bbox", CALIFORNIA]
WHEN = ["--dates", "2020-08-16"]


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["MODIS_Tera_CorrectedReflectance_TrueColour", *WHERE, *WHEN], "MODIS_Tera_", TRUE_COLOUR),
        ([TRUE_COLOUR, *WHERE, "--dates", "1999-08-16"], "2000-02-24 to 2026-11-20", ""),
        ([TRUE_COLOUR, *WHERE, "--dates", "2030-01-01/2030-01-05"], "2000-02-24 to 2026-11-20", ""),
        ([TRUE_COLOUR, *WHERE, "--dates", "2020-08-17/2020-08-16"], "2020-08-17/2020-08-16", "earlier"),
        ([TRUE_COLOUR, *WHERE, "--dates", "yesterday"], "yesterday", ""),
        ([TRUE_COLOUR, *WHERE, "--dates", "2020-08-16/2020-08-18/7"], "7", ""),
        ([TRUE_COLOUR, *WHERE], "2000-02-24", "--dates"),
        ([TRUE_COLOUR, "--bbox", "-124,41,-118,37", *WHEN], "41", "west,south,east,north"),
        ([TRUE_COLOUR, "--bbox", "-124,37,-118", *WHEN], "-124,37,-118", "west,south,east,north"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--crs", "32633"], "EPSG:32633", "EPSG:4326"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--crs", "mercator"], "mercator", "EPSG:4326"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--crs", "EPSG:3857"], "EPSG:3857", "EPSG:4326"),
        ([TEMPERATURE, *WHERE, *WHEN, "--crs", "3413"], "EPSG:3413", "EPSG:4326"),
        ([TRUE_COLOUR, "--bbox", "0,-60,5,-50", *WHEN, "--crs", "3413"], "EPSG:3413", ""),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--zoom", "12"], "12", "8"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--zoom", "5", "--resolution", "500"], "resolution", ""),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--stride", "64"], "stride", "--chip-size"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--max-clouds", "0.5"], "clouds", "Cloud_Fraction"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--mask", "No_Such_Mask"], "No_Such_Mask", ""),
        ([TRUE_COLOUR, *WHEN], "where", "--bbox"),
        ([TRUE_COLOUR, *WHERE, "--worldview", f"{WORLDVIEW}{VIIRS}", *WHEN], "several", "--worldview"),
        ([*WHERE, *WHEN], "layer", "curator layers"),
        ([TRUE_COLOUR, "--region", "{text}", *WHEN], "region.geojson", ""),
        ([TRUE_COLOUR, "--region", "{json}", *WHEN], "other.json", ""),
        ([TRUE_COLOUR, "--region", "missing.geojson", *WHEN], "missing.geojson", ""),
        (["--worldview", "https://example.org/?a=1"], "example.org", "Worldview"),
        (["--worldview", f"{WORLDVIEW}Coastlines_15m"], "Coastlines_15m", ""),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--edge", "over"], "over", "--help"),
    ],
)
def test_bad_order_is_two_lines_and_code_2_and_nothing_is_fetched(
    shell: Shell, fires: Path, gibs: FakeGibs, tmp_path: Path, arguments: list[str], error: str, hint: str
) -> None:
    text, other = tmp_path / "region.geojson", tmp_path / "other.json"
    text.write_text("north of the river")
    other.write_text('{"rivers": []}')
    filled = [argument.replace("{text}", str(text)).replace("{json}", str(other)) for argument in arguments]
    code, first, second = failure(shell("download", *filled))
    assert code == 2
    assert error in first
    assert hint in second
    assert tiles_asked(gibs) == 0
    assert chips_of(fires) == []


@pytest.mark.parametrize(
    ("command", "out", "when"), [("mosaic", "out.tif", "--date"), ("animate", "out.gif", "--dates")]
)
@pytest.mark.parametrize(
    ("layer", "where", "day", "error"),
    [
        ("MODIS_Tera_TrueColor", WHERE, "2020-08-16", "MODIS_Tera_TrueColor"),
        (TRUE_COLOUR, WHERE, "1999-08-16", "2000-02-24 to 2026-11-20"),
        (TRUE_COLOUR, ["--bbox", "-124,41,-118,37"], "2020-08-16", "41"),
        (TRUE_COLOUR, [*WHERE, "--crs", "32633"], "2020-08-16", "EPSG:32633"),
        (TRUE_COLOUR, [], "2020-08-16", "where"),
        (TRUE_COLOUR, WHERE, "2020-12-25", "imagery"),
    ],
    ids=["layer", "dates", "south over north", "projection", "no place", "blank day"],
)
def test_picture_that_cannot_be_made_leaves_no_file(
    shell: Shell,
    gibs: FakeGibs,
    tmp_path: Path,
    command: str,
    out: str,
    when: str,
    layer: str,
    where: list[str],
    day: str,
    error: str,
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    zoom = ["--zoom", "4"]
    code, first, _ = failure(shell(command, layer, folder / out, *where, when, day, *zoom))
    assert code == 2
    assert error in first
    assert list(folder.iterdir()) == []


# -- what the surroundings do ----------------------------------------------------------------------------------------


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address where nobody listens, and nobody else can begin to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_unreachable_server_is_code_5_and_touches_nothing(shell: Shell, fires: Path, nowhere: str) -> None:
    before = file_states(fires)
    code, error, hint = failure(shell(*ONE_DAY, "--source", nowhere))
    assert code == 5
    assert nowhere.removeprefix("http://") in error
    assert "network" in hint
    assert file_states(fires) == before


def test_picture_whose_tiles_cannot_be_had_is_code_5_and_leaves_no_file(
    shell: Shell, gibs: FakeGibs, tmp_path: Path
) -> None:
    assert shell("layers")[0] == 0  # the catalogue is read now
    del gibs.layers[TRUE_COLOUR]
    out = tmp_path / "fires.tif"
    assert failure(shell("mosaic", TRUE_COLOUR, out, *PLACE_AND_DAY))[0] == 5
    assert not out.exists()


def test_read_only_places_are_code_4(
    shell: Shell,
    fires: Path,
    tmp_path: Path,
    unprivileged: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Done once as oneself: loads the modules, which lie where only root may read in some machines.
    assert shell(*ONE_DAY)[0] == 0
    assert shell("mosaic", TRUE_COLOUR, tmp_path / "once.tif", *PLACE_AND_DAY)[0] == 0
    open_to_all, closed = tmp_path / "open", tmp_path / "closed"
    for folder, mode in ((open_to_all, 0o777), (closed, 0o555)):
        folder.mkdir()
        folder.chmod(mode)
    for path in (fires, *fires.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    monkeypatch.setenv("CURATOR_CACHE", str(open_to_all))
    with unprivileged():
        project = shell("download", TRUE_COLOUR, "--bbox", CALIFORNIA, "--dates", "2020-08-17", "--zoom", 6)
        picture = shell("mosaic", TRUE_COLOUR, closed / "fires.tif", *PLACE_AND_DAY)
        monkeypatch.setenv("CURATOR_CACHE", str(closed / "cache"))
        cache = shell("mosaic", TRUE_COLOUR, open_to_all / "fires.tif", *PLACE_AND_DAY)
    for result, place in ((project, fires), (picture, closed), (cache, closed)):
        code, error, _ = failure(result)
        assert code == 4
        assert str(place) in error
    assert list(closed.iterdir()) == []


def _progress_that_stops(after: int) -> Callable[[str], AbstractContextManager[Callable[..., None]]]:
    """Progress during which the person presses Ctrl-C."""

    def report(done: int, total: int | None) -> None:
        del total
        if done >= after:
            raise KeyboardInterrupt

    @contextmanager
    def progress(verb: str) -> Iterator[Callable[..., None]]:
        del verb
        yield report

    return progress


def test_interrupted_download_keeps_what_came_and_continues(
    shell: Shell, fires: Path, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = ("download", TRUE_COLOUR, "--bbox", CALIFORNIA, "--dates", "2020-08-16/2020-08-22", "--zoom", 6)
    with monkeypatch.context() as patched:
        patched.setattr(imagery, "progress", _progress_that_stops(after=5))
        code, out, err = shell(*week)
    assert (code, out) == (130, "")
    assert "interrupted" in err
    assert "Traceback" not in err
    assert len(chips_of(fires)) == 5
    code, out, err = shell(*week, "--json")
    assert code == 0, err
    done = json.loads(out)
    assert (done["added"], done["present"]) == (23, 5)
    assert len({chip.id for chip in chips_of(fires)}) == len(chips_of(fires)) == 28


@pytest.mark.parametrize(
    ("command", "name", "rest"), [("mosaic", "out.tif", PLACE_AND_DAY), ("animate", "out.gif", PLACE_AND_DAYS)]
)
def test_interrupted_picture_leaves_no_file_and_is_made_when_run_again(
    shell: Shell,
    gibs: FakeGibs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    name: str,
    rest: tuple[object, ...],
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(imagery, "progress", _progress_that_stops(after=1))
        code, _, err = shell(command, TRUE_COLOUR, folder / name, *rest)
    assert code == 130
    assert "interrupted" in err
    assert list(folder.iterdir()) == []
    code, _, err = shell(command, TRUE_COLOUR, folder / name, *rest)
    assert code == 0, err
    assert [path.name for path in folder.iterdir()] == [name]


# -- in a shell of its own -------------------------------------------------------------------------------------------


def curator(*arguments: object) -> subprocess.Popen[str]:
    """Start the command in a process of its own, without a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "earthcurator", *map(str, arguments)],
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_whole_globe_in_a_script_is_refused_with_what_it_would_take(fires: Path, gibs: FakeGibs) -> None:
    globe = ("download", TRUE_COLOUR, "--bbox", "-180,-90,180,90", "--dates", "2020-08-16")
    code, _, err = finish(curator(*globe))
    assert code == 2, err
    assert "Traceback" not in err
    assert "--yes" in err.splitlines()[-1]
    assert tiles_asked(gibs) == 0


def test_ctrl_c_in_the_middle_and_the_same_command_again(fires: Path, gibs: FakeGibs) -> None:
    month = ("download", TRUE_COLOUR, "--bbox", CALIFORNIA, "--dates", "2020-08", "--zoom", 6, "--json")
    gibs.faults = Faults(latency_seconds=0.5)  # there is time to interrupt it, also on a busy machine
    process = curator(*month)
    deadline = time.monotonic() + 60
    while tiles_asked(gibs) < 20 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, out) == (130, ""), err
    assert "interrupted" in err
    assert "Traceback" not in err
    gibs.faults = Faults()
    asked = tiles_asked(gibs)
    code, out, err = finish(curator(*month))
    assert code == 0, err
    done: dict[str, Any] = json.loads(out)
    assert done["added"] + done["present"] == len(chips_of(fires)) == 31 * 4
    assert tiles_asked(gibs) - asked < 31 * 4  # what had come was not asked for again


# -- what an export says of it ---------------------------------------------------------------------------------------


def test_data_card_of_an_export_names_layer_and_whom_to_thank(
    shell: Shell, fires: Path, gibs: FakeGibs, tmp_path: Path
) -> None:
    assert shell(*ONE_DAY)[0] == 0
    labels = tmp_path / "labels.csv"
    labels.write_text("chip,label\n" + "".join(f"{chip.id},smoke\n" for chip in chips_of(fires)))
    code, _, err = shell("export", labels, tmp_path / "dataset")
    assert code == 0, err
    card = (tmp_path / "dataset/DATA_CARD.md").read_text()
    assert TRUE_COLOUR in card
    assert f"{TRUE_COLOUR}_v6_STD" in card
    assert "2020-08-16" in card
    assert gibs.url in card.partition("Acknowledgement")[2]
