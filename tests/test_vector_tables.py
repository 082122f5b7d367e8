"""Ready-made vectors in a project: taken in by the command line, used by search, map, learner and server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import earthcurator as ec
from earthcurator.errors import BadInput
from earthcurator.models import Label
from earthcurator.project.maps import chip_map
from earthcurator.store.vectors import VectorIndex
from tests.cli.conftest import Shell, failure, shell
from tests.conftest import picture
from tests.web.conftest import Serve, Server, serve

__all__ = ["serve", "shell"]  # fixtures

CHIPS, DIM = 40, 10


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 40 chips from two class folders that both call their files 00.png, 01.png..."""
    folder = tmp_path_factory.mktemp("made")
    for number in range(CHIPS):
        place = folder / "pictures" / ("water" if number % 2 else "field")
        place.mkdir(parents=True, exist_ok=True)
        picture(number).save(place / f"{number // 2:02d}.png")
    picture(99).save(folder / "pictures" / "field" / "lone.png")
    with ec.create(folder / "project") as made:
        made.import_pictures([folder / "pictures"])
    return folder / "project"


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ec.Project]:
    shutil.copytree(made, tmp_path / "project", ignore=shutil.ignore_patterns("labels.db*", "*.lock"))
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "project"))
    with ec.open(tmp_path / "project") as opened:
        yield opened


def names_of(project: ec.Project) -> list[str]:
    """What a table calls the chips: folder and file."""
    return ["/".join(chip.origin.split("/")[-2:]) for chip in project.chips.all()]


def vectors(count: int, seed: int = 0, dim: int = DIM) -> NDArray[np.float32]:
    """Those of every second lie about one place, those between about another."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(2, dim))
    return (places[np.arange(count) % 2] + 0.3 * rng.normal(size=(count, dim))).astype(np.float32)


def table(path: Path, names: list[str], rows: NDArray[np.float32], column: str = "file") -> Path:
    pq.write_table(pa.table({column: names, "embedding": list(rows)}), path)
    return path


def stored(project: ec.Project, name: str) -> dict[str, NDArray[np.float32]]:
    found = project.embeddings(project.encoder(name)).index.open()
    ids = found.ids(np.arange(len(found)))
    return dict(zip(ids, found.vectors(slice(None)), strict=True))


def test_rows_reach_the_chips_that_they_name(project: ec.Project, tmp_path: Path) -> None:
    chips, rows = list(project.chips.all()), vectors(CHIPS + 1)
    done = project.embed_from(table(tmp_path / "clay.parquet", names_of(project), rows))
    assert (done.name, done.dim, done.added, done.waiting, done.left_out) == ("clay", DIM, CHIPS + 1, 0, {})
    kept = stored(project, "clay")
    for chip, row in zip(chips, rows, strict=True):
        assert float(kept[chip.id] @ (row / np.linalg.norm(row))) > 0.9999


@pytest.mark.parametrize("naming", ["id", "origin", "moved", "windows"])
def test_chips_can_be_named_in_several_ways(project: ec.Project, tmp_path: Path, naming: str) -> None:
    chips = list(project.chips.all())
    names = {
        "id": [chip.id for chip in chips],
        "origin": [chip.origin for chip in chips],
        "moved": [f"/another/disk/{name}" for name in names_of(project)],
        "windows": ["D:\\tiles\\" + name.replace("/", "\\") for name in names_of(project)],
    }[naming]
    assert project.embed_from(table(tmp_path / "t.parquet", names, vectors(len(names)))).added == len(chips)


def test_pictures_of_an_archive_are_found_by_their_file(project: ec.Project, tmp_path: Path) -> None:
    picture(500).save(tmp_path / "solo.png")
    shutil.make_archive(str(tmp_path / "some"), "zip", tmp_path, "solo.png")
    project.import_pictures([tmp_path / "some.zip"])
    assert project.embed_from(table(tmp_path / "t.parquet", ["solo.png"], vectors(1))).added == 1


def test_every_row_that_is_left_out_is_counted_with_its_reason(
    project: ec.Project, shell: Shell, tmp_path: Path
) -> None:
    rows = vectors(7)
    rows[3], rows[4, 1] = 0, np.nan
    names = ["field/00.png", "00.png", "beach/00.png", "field/01.png", "field/02.png", "field/00.png", "lone.png"]
    code, out, err = shell("embed", "--from", table(tmp_path / "clay.parquet", names, rows), "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert (found["added"], found["present"], found["total"], found["waiting"]) == (2, 0, 2, CHIPS - 1)
    assert found["left_out"] == {"several": 1, "unknown": 1, "zero": 1, "not finite": 1, "twice": 1}
    assert found["examples"]["unknown"] == "beach/00.png"
    code, out, err = shell("embed", "--from", tmp_path / "clay.parquet")
    assert (code, out) == (0, "")
    assert "took in 0 vectors of 10 numbers as clay" in err
    assert "left out 1 row, e.g. 00.png: several chips have this name" in err
    assert "2 rows were there already" in err
    assert "39 chips have no vector of it" in err


def test_interrupted_import_goes_on_and_parts_of_a_table_come_together(project: ec.Project, tmp_path: Path) -> None:
    names, rows = names_of(project), vectors(CHIPS + 1)
    np.save(tmp_path / "clay.npy", rows)
    (tmp_path / "clay.csv").write_text("file\n" + "\n".join(names))

    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    part = table(tmp_path / "part.parquet", names[:5], rows[:5])
    with pytest.raises(KeyboardInterrupt):
        project.embed_from(part, name="clay", progress=interrupt)
    assert len(stored(project, "clay")) == 5
    done = project.embed_from(tmp_path / "clay.npy")
    assert (done.added, done.present, done.total) == (CHIPS - 4, 5, CHIPS + 1)


def test_vectors_of_another_model_are_not_mixed_in(project: ec.Project, shell: Shell, tmp_path: Path) -> None:
    names = names_of(project)
    project.embed_from(table(tmp_path / "clay.parquet", names[:30], vectors(30)))
    other = project.embed_from(table(tmp_path / "clay.parquet", names, vectors(CHIPS + 1, seed=7)))
    assert (other.added, other.left_out) == (11, {"differs": 30})
    wide = table(tmp_path / "wide.parquet", names, vectors(CHIPS + 1, dim=12))
    code, error, hint = failure(shell("embed", "--from", wide, "--encoder", "clay"))
    assert (code, "vectors of 10 numbers, not 12" in error, "--encoder NAME" in hint) == (2, True, True)
    code, error, _ = failure(shell("embed", "--from", wide, "--encoder", "lite0-64"))
    assert (code, "lite0-64 has a model" in error) == (2, True)


def test_table_of_which_nothing_can_be_used_registers_nothing(
    project: ec.Project, shell: Shell, tmp_path: Path
) -> None:
    bad = table(tmp_path / "bad.parquet", ["nobody.png", "else.png"], vectors(2))
    code, error, hint = failure(shell("embed", "--from", bad))
    assert code == 2
    assert "none of the 2 rows" in error
    assert "e.g. nobody.png, no chip of this project has this name" in error
    assert "--ids" in hint
    zero = table(tmp_path / "zero.parquet", names_of(project)[:3], np.zeros((3, DIM), np.float32))
    assert "its vector is zero" in failure(shell("embed", "--from", zero))[1]
    assert failure(shell("embed", "--ids", "file"))[0] == 2
    assert project.default_encoder is None
    assert not any(entry.card.vectors_only for entry in project.encoders.list())
    assert project.embed_from(table(tmp_path / "good.parquet", ["lone.png"], vectors(1))).default


def test_project_without_chips_is_a_sentence(shell: Shell, tmp_path: Path) -> None:
    ec.create(tmp_path / "empty").close()
    given = table(tmp_path / "clay.parquet", ["a.png"], vectors(1))
    code, error, _ = failure(shell("--project", tmp_path / "empty", "embed", "--from", given))
    assert (code, "no chip of this project" in error) == (2, True)


def test_search_by_chip_works_and_a_picture_gets_a_sentence(project: ec.Project, shell: Shell, tmp_path: Path) -> None:
    names = names_of(project)
    project.embed_from(table(tmp_path / "clay.parquet", names[:CHIPS], vectors(CHIPS)))
    chips = list(project.chips.all())
    code, out, _ = shell("search", chips[0].id, "-k", 20, "--json")
    hits = [hit["chip"] for hit in json.loads(out)["hits"]]
    assert (code, hits[0]) == (0, chips[0].id)
    assert set(hits) == {chip.id for chip in chips[:CHIPS:2]}  # those that its vectors put together
    picture(3).save(tmp_path / "upload.png")
    for example in (tmp_path / "upload.png", chips[CHIPS].id):
        code, error, hint = failure(shell("search", example))
        assert (code, "clay is a table of ready-made vectors" in error) == (2, True)
        assert "search by a chip" in hint
    code, error, hint = failure(shell("embed"))
    assert (code, "ready-made" in error, "--from" in hint) == (2, True, True)
    assert "ready-made vectors, first from clay.parquet" in shell("encoders", "show", "clay")[1]
    assert shell("search", tmp_path / "upload.png", "--encoder", "lite0-64")[0] == 3  # no vectors yet: run embed


def test_training_begins_from_models_only(project: ec.Project, tmp_path: Path) -> None:
    project.embed_from(table(tmp_path / "clay.parquet", names_of(project), vectors(CHIPS + 1)))
    task = project.tasks.create("Is it water?", ("water", "field"))
    for number, chip in enumerate(project.chips.all()):
        say(project, task.id, chip.id, ("field", "water")[number % 2])
    with pytest.raises(BadInput, match="no model to begin from") as failed:
        project.finetune(task)
    assert "--encoder" in failed.value.hint
    with pytest.raises(BadInput, match="no model to begin from"):
        project.train(init="clay", epochs=1)
    tiny = {"epochs": 1, "size": 32, "batch": 16, "init": "random", "trunk": "resnet18-narrow"}
    assert "clay" not in project.train(**tiny).verdict  # it is compared with encoders that see


def say(project: ec.Project, task: str, chip: str, value: str) -> None:
    label = Label(
        id=f"{task}-{chip}", task=task, chip=chip, annotator="me", decision="label", value=(value,),
        time=datetime.now(UTC),
    )  # fmt: skip
    project.tasks.store.put(label)


def test_learner_and_map_use_them(project: ec.Project, tmp_path: Path) -> None:
    project.embed_from(table(tmp_path / "clay.parquet", names_of(project), vectors(CHIPS + 1)))
    chips = [chip.id for chip in project.chips.all()]
    task = project.tasks.create("Is it even?", ("even", "odd"))
    for number in range(8):
        say(project, task.id, chips[number], ("even", "odd")[number % 2])
    guesses = {guess.chip: guess.label[0] for guess in project.learner(task).predict()}
    assert [guesses[chip] for chip in chips] == [("even", "odd")[number % 2] for number in range(CHIPS + 1)]
    found = chip_map(project)
    assert (found.encoder, found.method) == (project.default_encoder, "principal")
    assert np.isfinite(found.places).all()


@pytest.fixture
def server(project: ec.Project, tmp_path: Path, serve: Serve) -> Iterator[Server]:
    """A server of the project, whose default are ready-made vectors of all chips but the last."""
    project.embed_from(table(tmp_path / "clay.parquet", names_of(project)[:CHIPS], vectors(CHIPS)))
    with serve() as started:
        yield started


def test_server_searches_draws_and_suggests_by_them(server: Server, project: ec.Project) -> None:
    chips = [chip.id for chip in project.chips.all()]
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=20) as client:
        (entry,) = [each for each in client.get("/encoders").json()["encoders"] if each["default"]]
        assert (entry["card"]["name"], entry["vectors"], entry["card"]["input_size"]) == ("clay", CHIPS, 0)
        found = client.post("/search", json={"positives": [{"chip": chips[1]}], "k": 20}).json()
        assert {hit["chip"] for hit in found["hits"]} == set(chips[1:CHIPS:2])
        assert found["waiting"] == 1
        content = project.chips.pictures([chips[0]])[chips[0]]
        for refused in (
            client.post("/search/upload", files={"positive": content}),
            client.post("/search", json={"positives": [{"chip": chips[CHIPS]}]}),
        ):
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BadInput")
            assert "ready-made vectors" in refused.json()["error"]["message"]
        assert client.get("/map/info").json()["placed"] == CHIPS
        task = client.post("/tasks", json={"question": "Is it even?", "classes": ["even", "odd"]}).json()["task"]["id"]
        for number in range(8):
            say(project, task, chips[number], ("even", "odd")[number % 2])
        ranked = client.get(f"/tasks/{task}/predictions", params={"limit": 20}).json()["predictions"]
        assert {guess["chip"] for guess in ranked} == set(chips[:CHIPS:2])


def test_vectors_that_no_index_takes_are_compared_one_by_one(project: ec.Project, tmp_path: Path) -> None:
    project.embed_from(table(tmp_path / "clay.parquet", names_of(project), vectors(CHIPS + 1)))
    index = VectorIndex(project.embeddings(project.encoder()).table, tmp_path / "cache", DIM, index_from=10)
    index.maintain()
    assert not index.open().indexed
    assert len(index.open()) == CHIPS + 1
