"""`layers`, as a shell and a script see it, against a fake GIBS."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from earthcurator.testing.gibs import FakeGibs

from .conftest import (
    TEMPERATURE,
    TRUE_COLOUR,
    VIIRS,
    Shell,
)


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
