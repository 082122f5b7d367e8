"""`download`, as a shell and a script see it, against a fake GIBS."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest

from earthcurator.cli import imagery
from earthcurator.testing.gibs import FakeGibs

from .conftest import (
    CALIFORNIA,
    ONE_DAY,
    TEMPERATURE,
    TRUE_COLOUR,
    VIIRS,
    WORLDVIEW,
    Shell,
    chips_of,
    failure,
    file_states,
    tiles_asked,
)


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
