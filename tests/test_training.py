"""Training through a project: what is kept, what is reported, and what is refused with a sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import earthcurator as ec
from earthcurator.errors import BadInput, Conflict, CuratorError
from earthcurator.ingest import SceneOptions
from earthcurator.jobs import read_work
from earthcurator.models import Label, Task
from earthcurator.pictures import decode, encode_png
from earthcurator.project.compacting import try_int8
from earthcurator.project.verdict import Comparison, compare, judge
from tests.learn.scenes import ground

TINY = {"epochs": 1, "size": 32, "batch": 16, "init": "random", "trunk": "resnet18-narrow"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 60 chips, dots and stripes, in folders."""
    folder = tmp_path_factory.mktemp("made")
    for name, content in ground(60).files.items():
        place = folder / "pictures" / name.split("-")[0]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.png").write_bytes(content)
    with ec.create(folder / "project") as project:
        project.import_pictures([folder / "pictures"])
    return folder / "project"


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Iterator[ec.Project]:
    shutil.copytree(made, tmp_path / "own")
    with ec.open(tmp_path / "own") as project:
        yield project


def labelled(project: ec.Project, said: Callable[[int, str], str | None], question: str = "Is it dots?") -> Task:
    """A task with an answer for each chip, by its number and folder; None leaves it open."""
    task = project.tasks.create(question, ("dots", "stripes"))
    for number, chip in enumerate(sorted(project.chips.all(), key=lambda chip: chip.id)):
        value = said(number, str(chip.folder))
        if value is not None:
            put(project, task, chip.id, value)
    return task


def put(project: ec.Project, task: Task, chip: str, *value: str) -> None:
    project.tasks.store.put(
        Label(
            id=uuid4().hex, task=task.id, chip=chip, annotator="me", decision="label", value=value,
            time=datetime.now(UTC),
        )
    )  # fmt: skip


def truthful(_: int, folder: str) -> str:
    return folder


def pictures_of(folder: Path, pixels: list[np.ndarray]) -> Path:
    folder.mkdir()
    for number, each in enumerate(pixels):
        (folder / f"{number:03d}.png").write_bytes(encode_png(each))
    return folder


def test_trained_encoder_is_kept_with_a_report_and_changes_nothing_unasked(own: ec.Project, tmp_path: Path) -> None:
    report = own.train(**TINY, previews=tmp_path / "previews")
    assert report.encoder is not None
    card = own.encoders.find(report.encoder).card
    assert card.name == report.name == "simclr-resnet18-narrow-32"
    assert "simclr with resnet18-narrow from random weights" in card.method
    # With classes: tests/test_verdict.py. Six chips are too few for that.
    assert [(each.other, each.on, each.chips) for each in report.comparisons] == [("lite0-64", "view retrieval", 6)]
    assert report.verdict.startswith(("better", "no better: keep lite0-64"))
    assert own.default_encoder is None
    assert list((tmp_path / "previews").glob("*.png"))
    assert own.embed(report.encoder).added == 60


def test_encoder_may_read_larger_pictures_than_the_views_it_learned_from(own: ec.Project) -> None:
    report = own.train(**{**TINY, "size": 64, "view_size": 32})
    assert report.encoder is not None
    card = own.encoders.find(report.encoder).card
    assert card.input_size == 64
    assert "views of 32 pixels" in card.method
    assert own.embed(report.encoder).added == 60


def test_held_out_chips_are_not_learned_from(own: ec.Project) -> None:
    report = own.train(**TINY)
    assert report.chips + report.asked < 60  # and some more choose the best weights


def test_asked_for_encoder_becomes_the_default(own: ec.Project) -> None:
    assert own.train(**TINY, use="always").encoder == own.default_encoder


def test_stopped_training_goes_on_with_the_same_command(own: ec.Project) -> None:
    options = {**TINY, "epochs": 6}
    seen: list[int] = []
    stopped = own.train(**options, progress=lambda now: seen.append(now.step), stop=lambda: len(seen) >= 2)
    resumed: list[int] = []
    finished = own.train(**options, progress=lambda now: resumed.append(now.step))
    assert (stopped.ending, finished.ending) == ("stopped", "finished")
    assert resumed[0] == seen[-1] + 1
    assert not list((own.cache / "training").iterdir())


def test_second_encoder_of_the_same_name_gets_a_number_and_leaves_the_same_chips_unseen(own: ec.Project) -> None:
    names = [own.train(**TINY, seed=seed).name for seed in (0, 1)]
    assert min(filter(None, names)) == "simclr-resnet18-narrow-32"
    assert len(set(names)) == len(names)
    assert len({own.encoders.find(name).card.trained_on for name in names if name}) == 1


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        ([np.full((32, 32, 3), 9, np.uint8)], "1 picture is too few"),
        ([np.full((32, 32, 3), value, np.uint8) for value in range(10)], "10 pictures are too few"),
    ],
)
def test_too_few_pictures_are_a_sentence(
    project: ec.Project, tmp_path: Path, pixels: list[np.ndarray], words: str
) -> None:
    project.import_pictures([pictures_of(tmp_path / "pictures", pixels)])
    with pytest.raises(BadInput, match=words) as failed:
        project.train(**TINY)
    assert failed.value.hint


def test_pictures_that_all_look_the_same_are_a_sentence(project: ec.Project, tmp_path: Path) -> None:
    pixels = [np.full((32, 32, 3), 90, np.uint8) for _ in range(60)]
    for number, each in enumerate(pixels):
        each[0, 0, 0] = number  # or they would be one chip; the encoder sees 16 x 16 pixels
    project.import_pictures([pictures_of(tmp_path / "pictures", pixels)])
    try:
        verdict = project.train(**{**TINY, "size": 16}).verdict
    except CuratorError as error:
        verdict = str(error)
    assert verdict


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "magic"}, "magic"),
        ({"trunk": "resnet18", "init": "packaged"}, "resnet18"),
        ({"init": "nobody"}, "nobody"),
        ({"views": "sideways"}, "sideways"),
        ({"seconds": 5.0}, "how long"),
        ({"hold_out": "time"}, "no time"),
        ({"dim": 1281}, "1280 features, which cannot become 1281"),
        ({"dim": 0}, "cannot become 0"),
        ({"patience": 0}, "patience of 0"),
        ({"view_size": 4}, "fails on pictures of 4 pixels|views of 4 pixels"),
        ({"accumulate": 0}, "accumulate 0"),
        ({"seed": -1}, "-1 is no seed"),
        ({"epochs": float("inf")}, "how long"),
    ],
)
def test_impossible_training_is_a_sentence(own: ec.Project, options: dict[str, object], words: str) -> None:
    with pytest.raises(CuratorError, match=words) as failed:
        own.train(**{**TINY, "trunk": "lite0", **options})
    assert failed.value.hint


@pytest.mark.slow
def test_processes_that_train_together_keep_one_encoder(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "own")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "earthcurator")
    options = ("--init", "random", "--trunk", "resnet18-narrow", "--size", "32", "--batch", "8", "--epochs", "2")
    done = subprocess.run(
        [sys.executable, *launcher, "--project", str(tmp_path / "own"), "train", *options, "--json"],
        capture_output=True, text=True, timeout=240, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("train: 100%") == 1
    report = json.loads(done.stdout)
    with ec.open(tmp_path / "own") as project:
        kept = [entry for entry in project.encoders.list() if not entry.card.name.startswith("lite0")]
    assert [entry.id for entry in kept] == [report["encoder"]]
    assert "step 4 of 4," in kept[0].card.method  # 46 chips are five steps an epoch for one, two for each of two


def test_new_encoder_is_compared_with_where_it_began(own: ec.Project) -> None:
    ids = [chip.id for chip in own.chips.all()]
    new, start = own.encoder("lite0-64"), own.encoders.find("lite0-128")
    found, asked = compare(own, new, ids[:8], ids[8:], {}, start=start, seed=0)
    assert {each.other for each in found} == {"lite0-128"}
    assert asked == 8


def test_held_out_chips_that_cannot_be_read_leave_it_open_whether_it_is_better(own: ec.Project) -> None:
    found, asked = compare(own, own.encoder("lite0-64"), [], [], {}, start=None, seed=0)
    better, words = judge(found, asked, collapsed=False)
    assert not better
    assert words.startswith("not known: 0 of the held-out chips can be read")


def test_training_is_not_lost_when_there_can_be_no_int8_copy(own: ec.Project) -> None:
    ids = [chip.id for chip in own.chips.all()]
    few = np.zeros((10, 64, 64, 3), np.uint8)
    report = try_int8(own, own.encoders.find("lite0-64"), few, ids)
    assert (report.encoder, report.agreement) == (None, None)
    assert report.verdict.startswith("there is no int8 copy: 10 pictures are too few")


def test_project_of_one_picture_has_no_int8_copy(tmp_path: Path, make_pictures: Callable[..., Path]) -> None:
    with ec.create(tmp_path / "one") as project:
        project.import_pictures([make_pictures(1)])
        with pytest.raises(Conflict, match="too few chips for an int8 copy: 1 of 32"):
            project.int8("lite0-64")


@pytest.mark.parametrize("options", [{"seconds": 0.0}, {"how": "full", "epochs": 0}])
def test_fine_tuning_in_no_time_is_a_sentence(own: ec.Project, options: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="teach nothing"):
        own.finetune(labelled(own, truthful), **options)


def test_trunk_that_the_labels_do_not_improve_stays_as_it_was(own: ec.Project) -> None:
    found = own.finetune(labelled(own, truthful), how="full", seconds=1e-6)
    assert (found.epochs, found.changed) == (0, False)
    assert "lite0-64" in own.encoders.find(found.encoder).card.method
    pictures = np.stack([np.full((64, 64, 3), shade, np.uint8) for shade in (0, 200)])
    np.testing.assert_array_equal(own.encoder(found.encoder).encode(pictures), own.encoder("lite0-64").encode(pictures))


@pytest.mark.parametrize("how", ["linear", "mlp", "full"])
def test_labels_become_a_classifier_that_is_usable_at_once(own: ec.Project, how: str) -> None:
    task = labelled(own, truthful)
    found = own.finetune(task, how=how, epochs=1)
    assert found.metrics.accuracy.value > 0.8
    assert found.split == "random"
    guesses = list(own.classify(task, found.name))
    folders = {chip.id: chip.folder for chip in own.chips.all()}
    assert len(guesses) == 60
    assert np.mean([guess.label == (folders[guess.chip],) for guess in guesses]) > 0.8
    assert all(sum(guess.scores.values()) == pytest.approx(1, abs=1e-4) for guess in guesses)
    assert own.encoders.find(found.encoder).card.classes == ("dots", "stripes")
    assert own.embed(found.name).added == 60


def test_linear_classifier_keeps_the_vectors_of_its_encoder(own: ec.Project) -> None:
    found = own.finetune(labelled(own, truthful))
    chip = next(own.chips.all()).id
    base, new = (own.vectors([chip], own.encoder(name)) for name in ("lite0-64", found.name))
    np.testing.assert_allclose(base, new, atol=1e-6)


def test_project_that_uses_a_head_on_its_encoder_need_not_embed_again(own: ec.Project) -> None:
    own.embed()
    before = own.default_encoder
    made = own.finetune(labelled(own, truthful), use=True)
    assert (own.default_encoder, made.default, made.changed) == (before, False, False)
    assert own.embed().added == 0


def test_classifier_can_be_made_from_a_classifier(own: ec.Project) -> None:
    task = labelled(own, truthful)
    first = own.finetune(task)
    second = own.finetune(task, how="mlp", encoder=first.name)
    assert len(list(own.classify(task, second.name))) == 60


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (lambda number, folder: None, "no chip .* has an answer"),
        (lambda number, folder: "dots", "one class teaches nothing"),
        (lambda number, folder: "dots" if number else "stripes", "stripes has 1 label,"),
    ],
)
def test_labels_that_teach_nothing_are_a_sentence(
    own: ec.Project, said: Callable[[int, str], str | None], words: str
) -> None:
    with pytest.raises(Conflict, match=words) as failed:
        own.finetune(labelled(own, said))
    assert failed.value.hint


def test_seed_that_is_none_is_a_sentence(own: ec.Project) -> None:
    with pytest.raises(BadInput, match="-1 is no seed"):
        own.finetune(labelled(own, truthful), seed=-1)


def test_place_and_time_that_chips_do_not_have_cannot_part_them(own: ec.Project) -> None:
    task = labelled(own, truthful)
    for split in ("place", "time"):
        with pytest.raises(BadInput, match=f"no {split}"):
            own.finetune(task, split=split)


PLACES = 12


def test_neighbours_do_not_measure_what_they_taught(project: ec.Project, tmp_path: Path) -> None:
    """Every place has a look and an answer of its own, so that only its other chips could tell it."""
    rng = np.random.default_rng(0)
    for place in range(PLACES):
        look = (rng.uniform(0, 255, (4, 4, 3)) * rng.uniform(0, 1, 3)).repeat(16, axis=0).repeat(16, axis=1)
        pixels = np.concatenate([look + rng.normal(0, 4, look.shape) for _ in range(6)], axis=1).clip(0, 255)
        scene = tmp_path / f"{place}.png"
        scene.write_bytes(encode_png(pixels.astype(np.uint8)))
        west = -170.0 + 14 * place
        scenes = SceneOptions(chip_size=64, box=ec.Box(west=west, south=0, east=west + 0.6, north=0.1))
        project.import_pictures([scene], scenes=scenes)
    answers = rng.permutation(PLACES) % 2
    task = project.tasks.create("Is it odd?", ("odd", "even"))
    for chip in project.chips.all():
        assert chip.box is not None
        put(project, task, chip.id, ("even", "odd")[answers[round((chip.box.west + 170) / 14)]])
    apart, mixed = (project.finetune(task, how="mlp", split=split) for split in (None, "random"))
    assert (apart.split, mixed.split) == ("place", "random")
    assert mixed.metrics.accuracy.value > 0.9
    assert apart.metrics.accuracy.value < 0.8


def test_labels_of_several_classes_become_a_classifier_too(own: ec.Project) -> None:
    task = own.tasks.create("What is there?", ("dots", "stripes", "red", "green"), several=True)
    pictures = own.chips.pictures([chip.id for chip in own.chips.all()])
    colours = {chip: decode(content).mean(axis=(0, 1)) for chip, content in pictures.items()}
    answers = {
        chip.id: ("dots",) * (chip.folder == "dots") + ("red",) * bool(colours[chip.id][0] > colours[chip.id][2])
        for chip in own.chips.all()
    }
    for chip, answer in answers.items():
        put(own, task, chip, *answer)
    assert own.answers_of(task) == {chip: " + ".join(answer) for chip, answer in answers.items()}
    for how in ("linear", "full"):
        found = own.finetune(task, how=how, epochs=2, use=True)
        card = own.encoders.find(found.encoder).card
        assert found.classes == card.classes == ("dots", "red")  # nobody named the others
        assert card.several
        assert found.temperature is None
        assert found.metrics.average_precision.value > 0.8
        guesses = list(own.classify(task, found.name))
        assert np.mean([guess.label == answers[guess.chip] for guess in guesses]) > 0.7
        assert any(len(guess.label) == 2 for guess in guesses)
        assert any(not guess.label for guess in guesses)
    assert own.embed().added == 60  # with what it is now: search and suggestions go by it
    assert len(own.search(ec.Query(positives=[guesses[0].chip], k=5)).hits) == 5
    assert len(own.learner(task).suggest(4).picked) == 0  # all chips have an answer


def test_class_that_every_chip_has_teaches_nothing(own: ec.Project) -> None:
    task = own.tasks.create("What is there?", ("land", "dots"), several=True)
    for chip in own.chips.all():
        put(own, task, chip.id, "land", *(["dots"] if chip.folder == "dots" else []))
    with pytest.raises(Conflict, match="all 60 labelled chips have the class land"):
        own.finetune(task)


def test_encoder_is_no_classifier(own: ec.Project) -> None:
    with pytest.raises(BadInput, match="without classes"):
        list(own.classify(labelled(own, truthful), "lite0-64"))


class Unheard:
    """A report that nobody reads."""

    before: Mapping[str, Any] = MappingProxyType({})

    def __call__(self, done: int, total: int | None) -> None: ...

    def so_far(self, result: Mapping[str, Any]) -> None: ...


def test_job_trains_and_returns_what_json_can_say(own: ec.Project, tmp_path: Path) -> None:
    task = labelled(own, truthful)
    work = read_work("finetune", {"task": task.id, "how": "linear"})
    work.check(own)
    done = work.run(own, Unheard(), tmp_path)
    assert done["classes"] == ("dots", "stripes")
    with pytest.raises(CuratorError, match="nobody"):
        read_work("train", {"init": "nobody"}).check(own)


def test_without_torch_one_sentence_says_what_to_install(made: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from earthcurator.cli import main\n"
        "for words in (['encoders'], ['train', '--help'], ['train', '--epochs', '1']):\n"
        f"    main(['--project', {str(made)!r}, *words])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 3  # of the last: the others do not end it
    assert "lite0-64" in done.stdout
    assert "Traceback" not in done.stderr
    assert "pip install 'earthcurator[train]'" in done.stderr


def compared(on: str, new: float, old: float, low: float, high: float) -> Comparison:
    from earthcurator.learn.metrics import Estimate

    gain = Estimate(new - old, low, high)
    return Comparison(other="lite0-64", on=on, new=new, old=old, gain=gain, chips=100)  # type: ignore[arg-type]  # as measured


def test_verdict_goes_by_classes_where_there_are_any() -> None:
    views = compared("view retrieval", 0.9, 0.5, 0.3, 0.5)
    better, words = judge([compared("20-NN", 0.9, 0.8, 0.05, 0.15), views], 100, collapsed=False)
    assert better
    assert words.startswith("better on 100 chips")
    worse, words = judge([compared("20-NN", 0.8, 0.81, -0.05, 0.03), views], 100, collapsed=False)
    assert not worse
    assert words.startswith("no better: keep lite0-64")


def test_verdict_from_views_alone_says_what_it_does_not_know() -> None:
    better, words = judge([compared("view retrieval", 0.9, 0.5, 0.3, 0.5)], 100, collapsed=False)
    assert better
    assert "cannot be known" in words


def test_collapse_is_never_better() -> None:
    better, words = judge([compared("20-NN", 0.9, 0.8, 0.05, 0.15)], 100, collapsed=True)
    assert not better
    assert "collapsed" in words
