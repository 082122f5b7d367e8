"""Active learning on the command line: what it prints, and what it says where there is nothing to print."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import earthcurator as ec
from earthcurator.models import Label
from tests.conftest import picture

from .conftest import Shell, failure

CHIPS = 48
WATER = 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 48 embedded chips, 12 of them water, with tasks as people leave them."""
    folder = tmp_path_factory.mktemp("made")
    for number in range(CHIPS):
        place = folder / "pictures" / ("water" if number % 4 == 0 else "field")
        place.mkdir(parents=True, exist_ok=True)
        picture(number).save(place / f"{number:05d}.png")
    with ec.create(folder / "project") as project:
        project.import_pictures([folder / "pictures"])
        project.embed()
        chips = {name: sorted(c.id for c in project.chips.all() if c.folder == name) for name in ("water", "field")}
        every = chips["water"] + chips["field"]
        say(project, "begun", chips["water"][:3], chips["field"][:9])
        say(project, "new", [], [])
        say(project, "misses", [], chips["field"][:3])
        say(project, "finds", chips["water"][:3], [])
        say(project, "all", chips["water"], chips["field"])
        project.tasks.create("one", ("water", "field"), chips=every[:1], id="one")
        project.tasks.create("three", ("water", "field", "cloud"), id="three")
        project.tasks.create("cloudy", ("cloud", "field"), id="cloudy")
        project.tasks.create("some", ("water", "field"), chips=chips["field"], id="some")
    with ec.create(folder / "bare") as bare:
        bare.import_pictures([folder / "pictures"])
        bare.tasks.create("bare", ("water", "field"), id="bare")
    return folder


def say(project: ec.Project, task: str, water: list[str], field: list[str]) -> None:
    project.tasks.create(task, ("water", "field"), id=task)
    for value, chips in (("water", water), ("field", field)):
        for chip in chips:
            label = Label(
                id=f"{task}-{chip}", task=task, chip=chip, annotator="ada", decision="label", value=(value,),
                time=datetime.now(UTC),
            )  # fmt: skip
            project.tasks.store.put(label)


@pytest.fixture
def project(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project that commands find by themselves; tests leave it as it is."""
    monkeypatch.setenv("CURATOR_PROJECT", str(made / "project"))
    return made / "project"


def test_suggest_names_chips_without_a_label_and_says_how_they_were_chosen(shell: Shell, project: Path) -> None:
    code, out, err = shell("suggest", "begun", "-n", 5)
    assert code == 0, err
    assert len(out.splitlines()) == 6
    assert "5 chips by the strategy hybrid, after 12 labels" in err
    found = json.loads(shell("suggest", "begun", "-n", 5, "--json")[1])
    assert [line.split()[1] for line in out.splitlines()[1:]] == found["picked"]
    train = json.loads(shell("suggest", "begun", "--goal", "train", "--seed", 7, "--neighbours", 1, "--json")[1])
    assert (train["strategy"], train["seed"]) == ("train", 7)
    assert len(train["picked"]) > 20


def test_goal_changes_what_is_suggested_next(shell: Shell, project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "own")
    own = ("--project", tmp_path / "own")
    assert json.loads(shell(*own, "task", "goal", "begun", "both", "--json")[1])["strategy"] == "hybrid"
    assert shell(*own, "task", "goal", "begun", "find")[0] == 0
    assert json.loads(shell(*own, "suggest", "begun", "--json")[1])["strategy"] == "find"


def test_examples_of_a_new_task_lead_the_first_suggestions(shell: Shell, project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "own")
    own = ("--project", tmp_path / "own")
    with ec.open(project) as opened:
        chip = next(opened.chips.all()).id
    create = (*own, "task", "create", "Like it?", "--class", "yes", "--class", "no")
    assert shell(*create, "--example", f"yes={chip[:12]}")[0] == 0
    assert json.loads(shell(*own, "suggest", "Like it?", "--json")[1])["picked"][0] == chip
    assert "is not a class and a chip" in failure(shell(*create, "--example", "yes"))[1]


def test_predictions_come_surest_first_and_go_to_a_file(shell: Shell, project: Path, tmp_path: Path) -> None:
    found = json.loads(shell("predict", "begun", "--json")[1])["predictions"]
    scores = [guess["scores"]["water"] for guess in found]
    assert scores == sorted(scores, reverse=True)
    assert len(found) == CHIPS
    assert shell("predict", "begun", "--out", tmp_path / "water.csv")[0] == 0
    with (tmp_path / "water.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["chip"] for row in rows] == [guess["chip"] for guess in found]
    assert all(row["label"] == ("water" if float(row["water"]) > 0 else "field") for row in rows)
    code, out, err = shell("predict", "begun")
    assert (code, len(out.splitlines())) == (0, 21)
    assert "the first 20 of 48" in err


def test_report_counts_labels_and_names_the_price_of_a_check(shell: Shell, project: Path) -> None:
    code, out, err = shell("report", "begun")
    assert code == 0, err
    assert "water: found      3 in 12 labels" in out
    assert "recently" not in out  # of fewer than 20 labels no share is shown
    assert "To prove" in out
    (search,) = json.loads(shell("report", "begun", "--json")[1])["searches"]
    assert search["finds"]["found"] == 3
    assert search["finds"]["recent_share"] is None
    assert search["advice"]["stop"] is False
    assert [one["wanted"] for one in json.loads(shell("report", "three", "--json")[1])["searches"]] == [
        "water", "field", "cloud",
    ]  # fmt: skip
    assert "of two classes only water is sought" in shell("report", "begun", "--class", "field")[2]


def test_report_begins_a_check_once_asked(shell: Shell, project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "own")
    own = ("--project", tmp_path / "own")
    code, out, err = shell(*own, "report", "begun", "--audit", 20)
    assert code == 0, err
    assert "check 1: 20 random chips come first in the queue" in err
    assert "0 of the 20 chips of the check are answered" in out
    (search,) = json.loads(shell(*own, "report", "begun", "--json")[1])["searches"]
    assert search["audit"]["recall_low"] is None
    assert search["audit"]["of"] == 20


def test_report_of_a_finished_task_says_so(shell: Shell, project: Path) -> None:
    assert "nothing is left to look at" in shell("report", "all")[1]
    code, out, err = shell("suggest", "all")
    assert (code, len(out.splitlines())) == (0, 1)
    assert "nothing is left to suggest" in err


@pytest.mark.parametrize("task", ["new", "misses", "finds", "one", "three"])
def test_suggest_and_report_answer_however_little_is_known(shell: Shell, project: Path, task: str) -> None:
    code, out, err = shell("suggest", task, "-n", 4)
    assert code == 0, err
    assert len(out.splitlines()) == (2 if task == "one" else 5)
    code, out, err = shell("report", task)
    assert code == 0, err


def test_simulation_prints_labels_needed_and_draws_them(shell: Shell, project: Path, tmp_path: Path) -> None:
    picture = tmp_path / "curves.svg"
    search = ("simulate", "begun", "--truth", "folders", "--seeds", 2, "--batch", 4)
    code, out, err = shell(*search, "--strategy", "find", "--strategy", "random", "--plot", picture)
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()] == ["strategy", "find", "random"]
    drawn = ET.fromstring(picture.read_text())
    assert len(drawn.findall("{http://www.w3.org/2000/svg}polyline")) == 2
    assert "Search for water: 12 of 48 chips" in "".join(drawn.itertext())
    first = shell(*search, "--json")[1]
    assert first == shell(*search, "--json")[1]
    find = json.loads(first)["strategies"]["find"]
    assert find["searches"][0]["found"][-1] == WATER
    assert find["labels_to_find"]["0.5"] <= find["labels_to_find"]["0.95"] <= CHIPS


def test_truth_from_a_file_leaves_out_what_it_does_not_name(shell: Shell, project: Path, tmp_path: Path) -> None:
    with ec.open(project) as opened:
        rows = [f"{chip.id},{chip.folder}" for chip in opened.chips.all()][:40]
    (tmp_path / "truth.csv").write_text("\n".join(["chip,label", *rows]))
    found = json.loads(shell("simulate", "new", "--truth", tmp_path / "truth.csv", "--seeds", 1, "--json")[1])
    assert (found["chips"], found["left_out"]) == (40, 8)


def test_budget_that_is_too_small_is_told_in_place_of_a_number(shell: Shell, project: Path) -> None:
    out = shell("simulate", "begun", "--truth", "folders", "--seeds", 1, "--budget", 3, "--strategy", "random")[1]
    assert "over 3" in out.splitlines()[1]


@pytest.mark.parametrize(
    ("code", "arguments", "error"),
    [
        (3, ["--project", "{made}/bare", "suggest", "bare"], "no vectors"),
        (3, ["--project", "{made}/bare", "predict", "bare"], "no vectors"),
        (3, ["--project", "{made}/bare", "simulate", "bare", "--truth", "folders"], "no vectors"),
        (2, ["suggest", "nope"], "there is no task nope"),
        (2, ["suggest", "begun", "--strategy", "nope"], "no strategy called nope"),
        (2, ["suggest", "begun", "--strategy", "margin", "--goal", "find"], "two ways to choose"),
        (2, ["suggest", "begun", "-n", "0"], "cannot be suggested"),
        (3, ["predict", "new"], "nobody has labelled a chip of the task 'new' as water yet"),
        (3, ["predict", "misses"], "as water yet"),
        (2, ["predict", "begun", "--out", "{made}/no/such/folder.csv"], "cannot be written"),
        (2, ["report", "begun", "--class", "cloud"], "cloud is no class of this task"),
        (2, ["report", "begun", "--audit", "5"], "a check of 5 chips"),
        (2, ["report", "one", "--audit", "20"], "cannot be drawn from 1"),
        (2, ["report", "three", "--audit", "20"], "a check is of one class"),
        (2, ["simulate", "begun", "--truth", "nothing.csv"], "nothing.csv"),
        (2, ["simulate", "begun", "--truth", "{strange}"], "not in the project"),
        (2, ["simulate", "begun", "--truth", "{wrong}"], "no classes of this task"),
        (3, ["simulate", "cloudy", "--truth", "folders"], "no chip has a class folder called cloud"),
        (3, ["simulate", "some", "--truth", "folders"], "0 of 36 chips"),
        (2, ["simulate", "begun", "--truth", "folders", "--class", "cloud"], "cloud is no class"),
        (2, ["simulate", "begun", "--truth", "folders", "--errors", "5"], "no share"),
        (2, ["simulate", "begun", "--truth", "folders", "--batch", "0"], "makes no search"),
        (2, ["simulate", "begun", "--truth", "folders", "--strategy", "nope"], "no strategy called nope"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    shell: Shell, project: Path, made: Path, tmp_path: Path, code: int, arguments: list[str], error: str
) -> None:
    with ec.open(project) as opened:
        chip = next(opened.chips.all()).id
    (tmp_path / "strange.csv").write_text("chip,label\nnobody,water\n")
    (tmp_path / "wrong.csv").write_text(f"chip,label\n{chip},smoke\n")
    files = {name: tmp_path / f"{name}.csv" for name in ("strange", "wrong")}
    got, said, _ = failure(shell(*(argument.format(made=made, **files) for argument in arguments)))
    assert got == code
    assert error in said
