"""`mosaic` and `animate`: pictures for people, made from what a fake GIBS serves."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest
import rasterio
from PIL import Image

from earthcurator.testing.gibs import FakeGibs

from .conftest import (
    PLACE_AND_DAY,
    PLACE_AND_DAYS,
    TRUE_COLOUR,
    WORLDVIEW,
    Shell,
    failure,
)


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
