"""The data card: what it says is so, strange names do not break it, and its recipe gives the same dataset again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import earthcurator as ec
from earthcurator.cli import main
from earthcurator.export import Division, Labelled, Opinions, Provenance, write_dataset
from earthcurator.export.cardmap import draw_map, extent_around
from earthcurator.labels.policy import Policy
from earthcurator.models import Box, Chip, Label, Task

DAY = datetime(2020, 8, 16, tzinfo=UTC)
TASK = Task(id="abc123", question="Is there *smoke*?", classes=("smoke", "clear"), opinions=2, created=DAY)
SVG = "{http://www.w3.org/2000/svg}"
STRANGE = [
    "a|b",
    "a\\|b",
    "`x`",
    "<b>",
    "*a*_b_",
    "[x](y)",
    "#1",
    "&amp;",
    "نص",
    "é",
    "a_b_c",
    "\u202etxt",
    "$x$",
    "~~y~~",
]


def labelled(number: int, *labels: str, split: str | None = None, at: tuple[float, float] | None = None) -> Labelled:
    box = Box(west=at[0], south=at[1], east=at[0], north=at[1]) if at else None
    chip = Chip(
        id=f"chip{number}", media_type="image/png", width=8, height=8, sha256="0" * 64, origin="x", box=box,
        time=DAY + timedelta(days=number),
    )  # fmt: skip
    return Labelled(chip, labels[0] if labels else "", split=split, labels=labels)


def written(out: Path, rows: Sequence[Labelled], made: Provenance | None = None) -> str:
    write_dataset("csv", out, rows, lambda ids: {}, made or Provenance())
    return (out / "DATA_CARD.md").read_text(encoding="utf-8")


def tables(card: str) -> list[list[list[str]]]:
    """The tables of the card, as a Markdown reader that we did not write finds them: text only, nothing styled."""
    found: list[list[list[str]]] = []
    tokens = MarkdownIt("commonmark").enable("table").parse(card)
    for token, inside in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in {"th_open", "td_open"} and inside:
            found[-1][-1].append("".join(child.content for child in inside.children or ()))
    return found


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def fingerprint(out: Path) -> str:
    (found,) = re.findall("sha256:([0-9a-f]{64})", (out / "DATA_CARD.md").read_text(encoding="utf-8"))
    return str(found)


# -- what it says -------------------------------------------------------------------------------------------------


def test_card_counts_by_class_and_split(tmp_path: Path) -> None:
    sides = ["train", "train", "train", "test"]
    rows = [labelled(number, name, split=sides[number]) for number, name in enumerate(["b", "a", "b", "b"])]
    classes, *_ = tables(written(tmp_path / "out", rows))
    assert classes == [
        ["class", "pictures", "train", "test"],
        ["a", "1", "1", "0"],
        ["b", "3", "2", "1"],
        ["all pictures", "4", "3", "1"],
    ]


def test_picture_with_several_classes_counts_in_each_and_one_with_none_is_seen(tmp_path: Path) -> None:
    card = written(tmp_path / "out", [labelled(0, "a", "b"), labelled(1, "a"), labelled(2)])
    assert [row[1] for row in tables(card)[0][1:]] == ["2", "1", "1", "3"]
    assert "none of them" in card
    assert "with several classes counts in each" in card


def test_strange_class_names_are_read_back_equal(tmp_path: Path) -> None:
    card = written(tmp_path / "out", [labelled(number, name) for number, name in enumerate(STRANGE)])
    assert {row[0] for row in tables(card)[0][1:-1]} == set(STRANGE)


def test_line_breaks_in_names_do_not_break_the_card(tmp_path: Path) -> None:
    card = written(tmp_path / "out", [labelled(0, "they\nsaid\r\n# Big")])
    assert tables(card)[0][1] == ["they said  # Big", "1"]


def test_dates_are_months_or_years_and_never_many(tmp_path: Path) -> None:
    months = written(tmp_path / "months", [labelled(number, "x") for number in (0, 1, 20)])
    assert "From 2020-08-16 to 2020-09-05 (UTC)." in months
    assert tables(months)[1][1:] == [["2020-08", "2"], ["2020-09", "1"]]
    years = tables(written(tmp_path / "years", [labelled(366 * number, "x") for number in range(40)]))[1][1:]
    assert years[0] == ["before 2036", "16"]
    assert years[-1] == ["2059", "1"]
    assert len(years) == 25


def test_card_tells_agreement_and_why_pictures_are_left_out(tmp_path: Path) -> None:
    opinions = Opinions(
        task=TASK, events=1234, last_event=DAY, policy="majority", people=3, imported=2, alpha=0.8123,
        interval=(0.7, 0.9), compared=50, no_alpha="", left_out={"a tie": 12, "no opinion yet": 30},
    )  # fmt: skip
    division = Division(by="place", shares={"train": 0.7, "test": 0.3}, seed=5)
    made = Provenance(version="9.9", project="fires", opinions=opinions, division=division, command="curator export x")
    card = written(tmp_path / "out", [labelled(0, "smoke")], made)
    for sentence in [
        r"The question was: Is there \*smoke\*?",
        "3 people gave opinions; the task asks for 2 a picture.",
        "Opinions taken over from a file or from folders: 2.",
        "0.81 (95 % within 0.70 to 0.90), over the 50 pictures",
        "Policy: `majority`.",
        "42 without an answer (30 no opinion yet, 12 a tie).",
        "Written by curator 9.9.",
        "task `abc123`, its first 1,234 label events, the last of 2020-08-16 00:00:00 UTC.",
        "Split: by place, shares train 0.7, test 0.3, seed 5.",
        "Inside the project fires:\n\n    curator export x\n",
    ]:
        assert sentence in card


def test_card_says_why_there_is_no_agreement(tmp_path: Path) -> None:
    opinions = Opinions(
        task=TASK, events=1, last_event=None, policy="any", people=1, imported=0, alpha=None, interval=None,
        compared=0, no_alpha="no chip has the opinions of two people", left_out={},
    )  # fmt: skip
    card = written(tmp_path / "out", [labelled(0, "smoke")], Provenance(opinions=opinions))
    assert "none, because no chip has the opinions of two people." in card
    assert "- 1 person gave opinions" in card
    assert "No picture of the task is left out." in card


# -- the map ------------------------------------------------------------------------------------------------------


def test_without_a_place_there_is_no_map_and_the_card_says_so(tmp_path: Path) -> None:
    assert "No picture has a known place, so there is no map." in written(tmp_path / "out", [labelled(0, "x")])
    assert not (tmp_path / "out/data_card_map.svg").exists()


def test_map_has_a_panel_for_each_split_and_a_legend_with_counts(tmp_path: Path) -> None:
    names = ["smoke", "<b>&\a", "نص"]
    rows = [
        labelled(number, names[number % 3], split=("test", "train")[number % 2], at=(number, number / 2))
        for number in range(12)
    ]
    card = written(tmp_path / "out", [*rows, labelled(99, "smoke", split="val")])
    assert "](data_card_map.svg)" in card
    assert "not on the map: 1." in card
    svg = (tmp_path / "out/data_card_map.svg").read_text(encoding="utf-8")
    assert [text for text in texts(svg) if ":" in text] == ["train: 6", "test: 6"]
    legend = {text.replace("\u2068", "").replace("\u2069", "") for text in texts(svg) if "(" in text}
    assert legend == {"smoke (4)", "<b>&\ufffd (4)", "نص (4)"}
    assert not re.search("href|url\\(|<script|<image", svg)


def test_classes_of_a_map_differ_in_shape_as_well_as_colour() -> None:
    many = {("", f"class {number}"): np.full((20 - number, 2), number, np.float32) for number in range(12)}
    many["", "other classes"] = np.zeros((30, 2), np.float32)
    svg = draw_map(many)
    legend = [path for path in ElementTree.fromstring(svg).iter(f"{SVG}path") if path.get("class") == "mark"][-8:]
    assert len({path.get("fill") for path in legend}) == 8
    assert len({re.sub(r"^M[\d.]+ [\d.]+", "", path.get("d") or "") for path in legend}) == 8
    counts = [int(text.rpartition("(")[2][:-1]) for text in texts(svg) if "(" in text]
    assert counts == [20, 19, 18, 17, 16, 15, 14, 30 + 13 + 12 + 11 + 10 + 9]


def test_map_over_the_antimeridian_is_narrow_and_names_both_sides() -> None:
    svg = draw_map({("", "x"): np.array([[179.5, -17], [-179.5, -18], [178, -16]], np.float32)})
    labels = " ".join(texts(svg))
    assert "° E" in labels
    assert "180°" in labels
    assert "° W" in labels
    assert extent_around(np.array([[179.5, -17], [-179.5, -18]], np.float32)).width < 4


@given(
    st.lists(
        st.tuples(st.floats(-180, 180, width=32), st.floats(-90, 90, width=32)), min_size=1, max_size=20
    )
)  # fmt: skip
def test_every_point_is_on_its_map(places: list[tuple[float, float]]) -> None:
    points = np.array(places, np.float32)
    extent = extent_around(points)
    assert -180 <= extent.west < 180
    assert 0 < extent.width <= 360
    assert extent.south >= -90
    assert extent.south + extent.height <= 90 + 1e-9
    east = np.mod(points[:, 0].astype(float) - extent.west, 360)
    assert np.all((east <= extent.width + 1e-6) | (east >= 360 - 1e-6))
    assert np.all((points[:, 1] >= extent.south - 1e-6) & (points[:, 1] <= extent.south + extent.height + 1e-6))
    graticule = [text for text in texts(draw_map({("", "x"): points})) if "°" in text]
    assert 4 <= len(graticule) <= 16


def test_map_of_a_hundred_thousand_chips_stays_small() -> None:
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-180, 180, 100_000), rng.uniform(-90, 90, 100_000)]).astype(np.float32)
    assert len(draw_map({("", "x"): points})) < 1_500_000


# -- the recipe ---------------------------------------------------------------------------------------------------


def test_fingerprint_is_that_of_chips_classes_and_splits(tmp_path: Path) -> None:
    def of(name: str, rows: Sequence[Labelled], format_name: str = "csv") -> str:
        return write_dataset(format_name, tmp_path / name, rows, lambda ids: {}).fingerprint

    rows = [labelled(0, "a", split="train"), labelled(1, "b", "a", split="test"), labelled(2, split="test")]
    first = of("1", rows)
    assert first == of("2", rows[::-1]) == of("3", rows, "geojson") == fingerprint(tmp_path / "1")
    assert first != of("4", [labelled(0, "b", split="train"), *rows[1:]])
    assert first != of("5", [labelled(0, "a", split="val"), *rows[1:]])
    features = json.loads((tmp_path / "3/chips.geojson").read_text())["features"]
    known = [feature["properties"] for feature in features]
    lines = sorted(json.dumps([row["chip"], row["labels"], row["split"]]) + "\n" for row in known)
    assert sha256("".join(lines).encode()).hexdigest() == first


@pytest.fixture
def filled(project: ec.Project, make_pictures: Callable[..., Path]) -> ec.Project:
    """Twelve chips, half of them fields and half water."""
    project.import_pictures([make_pictures(12)])
    return project


def say(project: ec.Project, task: Task, who: str, chip: str, *value: str) -> None:
    project.tasks.store.lease(task.id, who, 12, seconds=60)
    label = Label(
        id=uuid4().hex, task=task.id, chip=chip, annotator=who, decision="label" if value else "unsure", value=value,
        time=task.created,
    )  # fmt: skip
    project.tasks.store.put(label)


def recipe(out: Path) -> str:
    (line,) = re.findall(r"^    (curator export .*)$", (out / "DATA_CARD.md").read_text(), re.MULTILINE)
    return str(line)


def again(project: ec.Project, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run the command of a card somewhere else."""
    (tmp_path / "again").mkdir()
    monkeypatch.chdir(tmp_path / "again")
    location = project.location
    project.close()
    words = shlex.split(command)[1:]
    main(["--project", location, *words])
    return tmp_path / "again" / words[2]


def test_recipe_of_a_task_gives_the_same_dataset(
    filled: ec.Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = filled.tasks.create("Is it water?", ("yes", "no"), opinions=2)
    chips = sorted(chip.id for chip in filled.chips.all())
    for number, chip in enumerate(chips[:10]):
        say(filled, task, "ada", chip, "yes" if number % 2 else "no")
        say(filled, task, "bob", chip, "no" if number in {0, 2, 3} else "yes")
    out = tmp_path / "a dataset; of 'mine'"
    shares = {"train": 0.5, "val": 0.25, "test": 0.25}
    policy = Policy("min_agreement", 0.75)
    written = filled.export(out, task=task, format="geojson", policy=policy, split="random", shares=shares, seed=7)
    assert (written.chips, written.left_out) == (6, 0)
    card = (out / "DATA_CARD.md").read_text()
    assert "(4 a tie, 2 no opinion yet)" in card
    assert "2 people gave opinions" in card
    assert f"task `{task.id}`, its first 20 label events" in card
    assert f"Written by curator {ec.__version__}." in card
    assert fingerprint(again(filled, recipe(out), tmp_path, monkeypatch)) == fingerprint(out)


def test_recipe_of_folders_gives_the_same_dataset(
    filled: ec.Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.export(tmp_path / "out", format="csv", split="random")
    card = (tmp_path / "out/DATA_CARD.md").read_text()
    assert "the folders that the pictures were imported with" in card
    assert "## Agreement" not in card
    assert fingerprint(again(filled, recipe(tmp_path / "out"), tmp_path, monkeypatch)) == fingerprint(tmp_path / "out")


def test_dataset_of_listed_labels_says_that_the_list_is_needed(filled: ec.Project, tmp_path: Path) -> None:
    filled.export(tmp_path / "out", {next(filled.chips.all()).id: "x"}, format="csv")
    assert recipe(tmp_path / "out") == "curator export LABELS.csv out --format csv"
    assert "called LABELS.csv" in (tmp_path / "out/DATA_CARD.md").read_text()


def test_votes_of_people_go_with_the_answer(filled: ec.Project, tmp_path: Path) -> None:
    task = filled.tasks.create("Which?", ("snow", "cloud", "sea"), several=True, opinions=3)
    first, second, *_ = sorted(chip.id for chip in filled.chips.all())
    for who, value in {"ada": ("cloud", "sea"), "bob": ("cloud",), "cy": ("snow", "cloud")}.items():
        say(filled, task, who, first, *value)
        say(filled, task, who, second, *(("snow",) if who == "ada" else ()))
    filled.export(tmp_path / "out", task=task, policy=Policy("any"), format="geojson")
    filled.export(tmp_path / "majority", task=task, format="geojson")
    features = json.loads((tmp_path / "majority/chips.geojson").read_text())["features"]
    (known,) = [feature["properties"] for feature in features]
    assert (known["labels"], known["votes"]) == (["cloud"], {"snow": 1, "cloud": 3, "sea": 1})
    (alone,) = json.loads((tmp_path / "out/chips.geojson").read_text())["features"]
    assert (alone["properties"]["chip"], alone["properties"]["votes"]) == (second, {"snow": 1})
