"""`plan`, as a shell and a script see it, against a fake GIBS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from earthcurator.testing.gibs import FakeGibs

from .conftest import CALIFORNIA, TEMPERATURE, TRUE_COLOUR, Shell, failure, tiles_asked

WEEK = ("--dates", "2020-08-16/2020-08-22")


def found(shell: Shell, *arguments: object) -> dict[str, Any]:
    code, out, err = shell("plan", *arguments, "--json")
    assert code == 0, err
    answer: dict[str, Any] = json.loads(out)
    return answer


def test_a_plan_counts_what_a_download_would_ask_for(shell: Shell, gibs: FakeGibs) -> None:
    where = (TRUE_COLOUR, "--bbox", CALIFORNIA, *WEEK, "--zoom", 6)
    for chips in ((), ("--chip-size", 256), ("--chip-size", 256, "--stride", 128), ("--chip-size", 300)):
        code, out, err = shell("download", *where, *chips, "--dry-run", "--json")
        assert code == 0, err
        [estimate] = json.loads(out)
        plan = found(shell, *where, *chips)["capacity"]
        assert {name: plan[name] for name in ("instants", "tiles", "chips")} == {
            name: estimate[name] for name in ("instants", "tiles", "chips")
        }
    assert tiles_asked(gibs) == 0


def test_layers_of_two_grids_lie_on_that_of_the_finest(shell: Shell, gibs: FakeGibs) -> None:
    where = (TRUE_COLOUR, TEMPERATURE, "--bbox", CALIFORNIA, "--dates", "2020-08-16")
    code, out, err = shell("download", *where, "--chip-size", 256, "--dry-run", "--json")
    assert code == 0, err
    plan = found(shell, *where, "--chip-size", 256)
    assert plan["capacity"]["chips"] == json.loads(out)[0]["chips"]
    assert plan["capacity"]["tiles"] == json.loads(out)[0]["tiles"]
    assert [layer["layer"] for layer in plan["layers"]] == [TRUE_COLOUR, TEMPERATURE]


def test_the_whole_earth_for_decades_is_reckoned_without_listing_it(shell: Shell, gibs: FakeGibs) -> None:
    plan = found(shell, TRUE_COLOUR, "--dates", "2001-01-01/2020-12-31", "--chip-size", 256, "--stride", 16)["capacity"]
    assert plan["instants"] > 7000
    assert plan["chips"] == plan["instants"] * 10_240 * 5_120
    assert plan["dollars_month"]["low"] < plan["dollars_month"]["high"]


def test_the_table_has_ranges_of_two_figures_and_says_whose_prices(shell: Shell, gibs: FakeGibs) -> None:
    code, out, err = shell("plan", TRUE_COLOUR, "--dates", "2020")
    assert code == 0, err
    lines = {line.split("  ")[0].strip(): line.split("  ")[-1].strip() for line in out.splitlines()}
    assert lines["chips"] == "18,739,200"
    assert lines["download"] == "0.84 to 1.2 TB"
    assert lines["vector index"].endswith("GB")
    assert "storage_gb_month 0.02 dollars" in err
    assert "blank" in err


def test_small_chips_are_embedded_by_the_encoder_for_small_chips(shell: Shell, gibs: FakeGibs) -> None:
    where = (TRUE_COLOUR, "--bbox", CALIFORNIA, "--dates", "2020-08-16")
    assert found(shell, *where, "--chip-size", 64)["encoder"] == "lite0-64"
    assert found(shell, *where)["encoder"] == "lite0-128"
    code, out, _ = shell("plan", *where)
    assert code == 0
    assert "none: every vector is compared" in out


def test_prices_of_a_file_count_and_a_bad_file_is_two_lines(shell: Shell, gibs: FakeGibs, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('[cpu_core_hour]\ndollars = 9\ndate = 2026-01-02\nsource = "our contract"\n')
    plan = found(shell, TRUE_COLOUR, "--dates", "2020-08-16", "--prices", mine)
    assert plan["prices"]["cpu_core_hour"] == {"dollars": 9.0, "date": "2026-01-02", "source": "our contract"}
    assert plan["capacity"]["dollars_month"]["low"] > 2 * 9 * 730
    code, error, hint = failure(shell("plan", TRUE_COLOUR, "--dates", "2020", "--prices", tmp_path / "none.toml"))
    assert code == 2
    assert "none.toml" in error
    assert "guide" in hint


def test_layers_that_need_dates_say_so(shell: Shell, gibs: FakeGibs) -> None:
    code, error, hint = failure(shell("plan", TRUE_COLOUR))
    assert code == 2
    assert TRUE_COLOUR in error
    assert "--dates" in hint
