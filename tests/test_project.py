"""The Python API, as a notebook uses it."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import earthcurator as ec
from earthcurator.errors import BadEncoder, BadInput, Conflict, NotFound
from earthcurator.ingest import SceneOptions
from earthcurator.models import Chip


@pytest.fixture
def filled(project: ec.Project, make_pictures: Callable[..., Path]) -> ec.Project:
    """A project with 24 embedded pictures in two class folders."""
    project.import_pictures([make_pictures(24)])
    project.embed()
    return project


def test_a_second_import_adds_nothing(project: ec.Project, make_pictures: Callable[..., Path]) -> None:
    folder = make_pictures(10)
    first, second = project.import_pictures([folder]), project.import_pictures([folder])
    assert (first.added, first.present) == (10, 0)
    assert (second.added, second.present) == (0, 10)
    assert second.report is None


def test_new_files_are_added_and_embedded_and_nothing_else(
    filled: ec.Project, make_pictures: Callable[..., Path]
) -> None:
    folder = make_pictures(6, start=24)
    assert filled.import_pictures([folder]).added == 6
    assert filled.embed().added == 6
    assert filled.embed().added == 0


def test_class_folders_are_kept(filled: ec.Project) -> None:
    assert {chip.folder for chip in filled.chips.all()} == {"field", "water"}


def test_a_copy_of_a_picture_is_reported_as_a_duplicate(
    project: ec.Project, make_pictures: Callable[..., Path]
) -> None:
    folder = make_pictures(3)
    (folder / "field/zz-copy.png").write_bytes((folder / "field/00000.png").read_bytes())
    done = project.import_pictures([folder])
    assert done.added == 3
    assert done.quarantined == {"duplicate": 1}
    assert done.report is not None
    with Path(done.report).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["origin"].endswith("zz-copy.png")
    assert "00000.png" in row["reason"]


def test_a_thousand_good_and_twenty_broken_files(project: ec.Project, make_pictures: Callable[..., Path]) -> None:
    folder = make_pictures(1000)
    good = (folder / "field/00000.png").read_bytes()
    jpeg = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
    bomb = good[:16] + (60_000).to_bytes(4, "big") * 2 + good[24:]
    broken = {
        "empty.png": b"",
        "text.jpg": b"not a picture at all",
        "cut.png": good[: len(good) // 2],
        "cut.jpg": jpeg,
        "bomb.png": bomb,
        "page.png": b"<!doctype html><html></html>",
        "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "zeros.tif": bytes(1000),
        "archive.zip": b"PK\x03\x04broken",
        "copy.png": good,
    }
    for number in range(2):
        place = folder / f"zz-broken{number}"  # after the good ones, or the copies would be first
        place.mkdir()
        for name, content in broken.items():
            (place / name).write_bytes(content)
    done = project.import_pictures([folder])
    assert done.added == len(project.chips) == 1000
    assert sum(done.quarantined.values()) == 20
    assert done.report is not None
    with Path(done.report).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {Path(row["origin"]).name for row in rows} == set(broken)
    assert len(rows) == 20
    assert all(row["reason"] for row in rows)


def test_the_example_itself_comes_first_with_score_one(filled: ec.Project) -> None:
    chip = next(filled.chips.all())
    found = filled.search(ec.Query(positives=[chip], k=5))
    assert found.exact
    assert found.searched == 24
    assert found.hits[0].chip == chip.id
    assert found.hits[0].score == pytest.approx(1, abs=2e-3)
    assert all(-1 <= hit.score <= 1 for hit in found.hits)


def test_chip_id_picture_path_bytes_and_vector_are_the_same_example(filled: ec.Project) -> None:
    chip = next(filled.chips.all())
    picture = filled.picture_of(chip)
    vector = filled.vectors([chip], filled.encoder())[0]
    answers = [
        filled.search(ec.Query(positives=[example], k=5))
        for example in (chip, chip.id, chip.origin, Path(chip.origin), picture, vector)
    ]
    for answer in answers[1:]:
        assert [hit.chip for hit in answer.hits] == [hit.chip for hit in answers[0].hits]
        assert [hit.score for hit in answer.hits] == pytest.approx([hit.score for hit in answers[0].hits], abs=2e-3)


def test_a_negative_pushes_its_like_down(filled: ec.Project) -> None:
    first, second = [hit.chip for hit in filled.search(ec.Query(positives=[next(filled.chips.all())], k=2)).hits]
    without = filled.search(ec.Query(positives=[first], negatives=[second], k=24))
    assert [hit.chip for hit in without.hits].index(second) > 1


def test_filter_by_folder(filled: ec.Project) -> None:
    query = ec.Query(positives=[next(filled.chips.all())], k=24, filter=ec.Filter(folders=("water",)))
    found = filled.search(query)
    assert found.searched == len(found.hits) == 12
    assert {chip.folder for chip in filled.chips.get([hit.chip for hit in found.hits])} == {"water"}


def test_search_sees_what_another_process_added(filled: ec.Project, make_pictures: Callable[..., Path]) -> None:
    with ec.open(filled.location) as other:
        other.import_pictures([make_pictures(3, root="more", start=100)])
        other.embed()
    chip = next(filled.chips.all())
    assert filled.search(ec.Query(positives=[chip], k=99)).searched == 27
    assert len(filled.chips.get([hit.chip for hit in filled.search(ec.Query(positives=[chip], k=99)).hits])) == 27


def test_many_threads_search_one_project_while_it_grows(filled: ec.Project, make_pictures: Callable[..., Path]) -> None:
    chips = list(filled.chips.all())
    more = make_pictures(40, root="more", start=200)

    def look(number: int) -> str:
        return filled.search(ec.Query(positives=[chips[number % 24]], k=3)).hits[0].chip

    with ThreadPoolExecutor(6) as pool:
        found = [pool.submit(look, number) for number in range(200)]
        filled.import_pictures([more])
        filled.embed()
        assert [one.result() for one in found] == [chips[number % 24].id for number in range(200)]
    assert filled.search(ec.Query(positives=[chips[0]], k=99)).searched == 64


def test_a_path_that_is_not_there_is_a_sentence(filled: ec.Project, tmp_path: Path) -> None:
    for path in (tmp_path / "gone.png", tmp_path):
        with pytest.raises(NotFound, match="cannot be read"):
            filled.search(ec.Query(positives=[path]))


def test_a_long_text_is_no_chip_and_no_traceback(filled: ec.Project) -> None:
    with pytest.raises(NotFound, match="neither a file nor a chip"):
        filled.search(ec.Query(positives=["x" * 300]))


def test_scene_with_a_box_gives_chips_with_places(project: ec.Project, tmp_path: Path) -> None:
    from PIL import Image

    Image.effect_noise((400, 200), 80).convert("RGB").save(tmp_path / "globe.png")
    box = ec.Box(west=-180, south=-90, east=180, north=90)
    done = project.import_pictures([tmp_path / "globe.png"], scenes=SceneOptions(chip_size=100, box=box))
    assert done.added == 8
    project.embed()
    query = ec.Query(
        positives=[tmp_path / "globe.png"], filter=ec.Filter(box=ec.Box(west=90, south=0, east=180, north=90))
    )
    (hit,) = project.search(query).hits
    assert project.chip(hit.chip).box == ec.Box(west=90, south=0, east=180, north=90)


def test_a_small_geotiff_finds_its_own_chip(project: ec.Project, tmp_path: Path) -> None:
    paths = [write_scene(tmp_path / f"{seed}.tif", seed) for seed in range(4)]
    project.import_pictures(paths)
    project.embed()
    for path in paths:
        hit = project.search(ec.Query(positives=[path], k=1)).hits[0]
        assert hit.score == pytest.approx(1, abs=2e-3)
        assert project.chip(hit.chip).origin.startswith(str(path))


def test_a_large_geotiff_is_no_example(filled: ec.Project, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="too large to be one example"):
        filled.search(ec.Query(positives=[write_scene(tmp_path / "large.tif", 0, side=1500)]))


def write_scene(path: Path, seed: int, *, side: int = 64) -> Path:
    values = np.random.default_rng(seed).integers(0, 3000, (3, 8, 8)).repeat(side // 8 + 1, 1).repeat(side // 8 + 1, 2)
    profile = {"driver": "GTiff", "count": 3, "height": side, "width": side, "dtype": "uint16", "crs": "EPSG:32633"}
    with rasterio.open(path, "w", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6), **profile) as scene:
        scene.write(values[:, :side, :side].astype("uint16"))
    return path


def test_a_large_picture_is_cut_and_a_large_example_is_not(project: ec.Project, tmp_path: Path) -> None:
    from PIL import Image

    Image.effect_noise((1100, 300), 80).convert("RGB").save(tmp_path / "large.png")
    assert project.import_pictures([tmp_path / "large.png"]).added == 10
    project.embed()
    assert len(project.search(ec.Query(positives=[tmp_path / "large.png"])).hits) == 10


def test_what_was_said_first_of_a_chip_is_kept_and_told(
    project: ec.Project, make_pictures: Callable[..., Path]
) -> None:
    folder = make_pictures(4)
    project.import_pictures([folder])
    again = project.import_pictures([folder], scenes=SceneOptions(layer="Sentinel-2"))
    assert (again.present, again.differing) == (4, 4)
    assert {chip.layer for chip in project.chips.all()} == {None}


def test_chips_without_vectors_are_counted(filled: ec.Project, make_pictures: Callable[..., Path]) -> None:
    filled.import_pictures([make_pictures(3, root="more", start=500)])
    assert filled.search(ec.Query(positives=[next(filled.chips.all())])).waiting == 3


def test_one_bad_card_does_not_stop_the_others(filled: ec.Project, tmp_path: Path) -> None:
    broken = Path(filled.location) / "encoders/000000000000"
    broken.mkdir()
    (broken / "card.json").write_text('{"name": "typo", "dimm": 3}')
    assert filled.embed().added == 0
    with pytest.raises(BadEncoder, match="000000000000"):
        filled.encoders.list()


def test_a_project_inside_an_imported_folder_is_left_alone(tmp_path: Path, make_pictures: Callable[..., Path]) -> None:
    folder = make_pictures(3)
    with ec.create(folder / "field/project") as project:
        project.import_pictures([folder])
        done = project.import_pictures([folder])
    assert (done.present, done.quarantined) == (3, {})


@pytest.mark.parametrize("wrong", [{"positives": "a.jpg"}, {"positives": ["a"], "negatives": "b.jpg"}])
def test_a_text_where_a_list_belongs_is_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="list"):
        ec.Query(**wrong)
    with pytest.raises(BadInput, match="list"):
        ec.Filter(folders="forest")  # type: ignore[arg-type]  # the mistake


def test_nothing_imported_yet_is_a_sentence(project: ec.Project) -> None:
    with pytest.raises(Conflict, match="no chips"):
        project.embed()
    with pytest.raises(Conflict, match="no chips"):
        project.search(ec.Query(positives=[np.ones(128)]))


def test_nothing_embedded_yet_is_a_sentence(project: ec.Project, make_pictures: Callable[..., Path]) -> None:
    project.import_pictures([make_pictures(2)])
    with pytest.raises(Conflict, match="no vectors"):
        project.search(ec.Query(positives=[next(project.chips.all())]))


def test_vector_of_the_wrong_length_is_a_sentence(filled: ec.Project) -> None:
    with pytest.raises(BadInput, match="shape"):
        filled.search(ec.Query(positives=[np.ones(3)]))


def test_unknown_chip_is_a_sentence(filled: ec.Project) -> None:
    with pytest.raises(NotFound, match="neither a file nor a chip"):
        filled.search(ec.Query(positives=["no-such-chip"]))


def test_changing_the_default_encoder_needs_no_reimport(filled: ec.Project) -> None:
    before = filled.default_encoder
    filled.set_default_encoder("lite0-128")
    assert filled.default_encoder != before
    with pytest.raises(Conflict, match="no vectors"):
        filled.search(ec.Query(positives=[next(filled.chips.all())]))
    assert filled.embed().added == 24


def test_nothing_is_sent_or_written_about_the_user(tmp_path: Path) -> None:
    program = (
        "import numpy as np; from earthcurator.encoders import packaged;"
        "packaged('lite0-64').encode(np.full((1, 64, 64, 3), 9, np.uint8))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"HOME": str(tmp_path)})
    assert list(tmp_path.rglob("*")) == []  # ONNX Runtime would keep a device id and a queue of events here


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("torch", "lance", "fastapi", "onnxruntime", "pyarrow", "rasterio")
    program = f"import sys, earthcurator; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("path", ["/home/ada/archive/ice/1.png", r"C:\\Users\\ada\\ice\\1.png", "ice/1.png"])
def test_published_chip_does_not_say_whose_disk_it_was_on(path: str) -> None:
    facts: dict[str, Any] = {
        "id": "a",
        "media_type": "image/png",
        "width": 1,
        "height": 1,
        "sha256": "0" * 64,
        "folder": "ice",
    }
    assert Chip(origin=path, **facts).published().origin == "ice/1.png"
    assert (Chip(origin=path, **facts).blind().origin, Chip(origin=path, **facts).blind().folder) == ("", None)
    tile = Chip(origin="https://gibs.example.org/0/0.jpg#xywh=0,0,64,64", **facts)
    assert (tile.published(), tile.blind().origin) == (tile, tile.origin)


@pytest.mark.parametrize("format_name", ["csv", "geojson", "coco"])
def test_dataset_does_not_say_where_the_pictures_were(
    format_name: str, project: ec.Project, make_pictures: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_pictures(4)
    project.import_pictures([folder])
    project.export(tmp_path / "out", format=format_name)
    files = (path for path in (tmp_path / "out").rglob("*") if path.suffix in {".csv", ".json", ".geojson"})
    written = [path.read_text() for path in files]
    assert any(".png" in text for text in written)
    assert not any(str(folder) in text or str(tmp_path) in text for text in written)
