"""Active learning through a project: what is shown, what is recorded, and that no chip is ever taken for another."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import earthcurator as ec
from earthcurator.active import STRATEGIES, Round
from earthcurator.errors import BadInput, Conflict
from earthcurator.models import Label, Task
from tests.conftest import picture

CHIPS = 48


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 48 embedded chips in two folders."""
    folder = tmp_path_factory.mktemp("made")
    for number in range(CHIPS):
        place = folder / "pictures" / ("water" if number % 4 == 0 else "field")
        place.mkdir(parents=True, exist_ok=True)
        picture(number).save(place / f"{number:05d}.png")
    with ec.create(folder / "project") as project:
        project.import_pictures([folder / "pictures"])
        project.embed()
    return folder / "project"


@pytest.fixture(scope="module")
def filled(made: Path) -> Iterator[ec.Project]:
    """The project itself, for tests that only make tasks of their own in it."""
    with ec.open(made) as project:
        yield project


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Iterator[ec.Project]:
    """A copy, for tests that change more."""
    shutil.copytree(made, tmp_path / "own")
    with ec.open(tmp_path / "own") as project:
        yield project


def ask(project: ec.Project, **options: object) -> Task:
    return project.tasks.create("Is it water?", ("water", "field"), **options)  # type: ignore[arg-type]  # as given


def say(project: ec.Project, task: Task, chip: str, *value: str, who: str = "ada") -> None:
    label = Label(
        id=uuid4().hex, task=task.id, chip=chip, annotator=who, decision="label" if value else "unsure",
        value=value, time=datetime.now(UTC),
    )  # fmt: skip
    project.tasks.store.put(label)


def truth(project: ec.Project) -> dict[str, str]:
    return {chip.id: str(chip.folder) for chip in project.chips.all()}


def chips_of(project: ec.Project, folder: str) -> list[str]:
    return sorted(chip for chip, of in truth(project).items() if of == folder)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    strategy=st.sampled_from(STRATEGIES.names()),
    batch=st.integers(1, 20),
    asked=st.sets(st.integers(0, CHIPS - 1), min_size=1),
    reference=st.booleans(),
)
def test_perfect_annotator_makes_a_perfect_dataset(
    filled: ec.Project,
    tmp_path_factory: pytest.TempPathFactory,
    strategy: str,
    batch: int,
    asked: set[int],
    reference: bool,
) -> None:
    right = truth(filled)
    every = sorted(right)
    chips = [every[number] for number in asked]
    example = {"water": (chips_of(filled, "water")[0],)} if reference else {}
    task = ask(filled, chips=chips, references=example)
    learner = filled.learner(task)
    learner.aim(strategy)
    shown: list[str] = []
    while len(shown) < len(chips):
        learner.advance()
        leases = filled.tasks.store.lease(task.id, "ada", batch)
        assert leases
        for lease in leases:
            say(filled, task, lease.chip, right[lease.chip])
        shown += [lease.chip for lease in leases]
    assert sorted(shown) == sorted(chips)
    out = tmp_path_factory.mktemp("out") / "dataset"
    assert filled.export(out, task=task, format="csv").chips == len(chips)
    with (out / "chips.csv").open() as file:
        assert {row["chip"]: row["label"] for row in csv.DictReader(file)} == {chip: right[chip] for chip in chips}


@pytest.mark.parametrize("strategy", STRATEGIES.names())
def test_round_is_chosen_again_from_its_record_and_the_same_labels(filled: ec.Project, strategy: str) -> None:
    task = ask(filled)
    learner = filled.learner(task)
    learner.aim(strategy)
    for number, chip in enumerate(sorted(truth(filled))[:12]):
        say(filled, task, chip, "water" if number % 3 == 0 else "field")
    held = [lease.chip for lease in filled.tasks.store.lease(task.id, "bob", 3)]
    learner.advance()
    for chip in chips_of(filled, "water"):
        say(filled, task, chip, "water")  # what comes later does not count
    done = Round.from_json(filled.records.rounds.list(task.id, "round")[-1][1])
    assert done.on_screen == tuple(sorted(held))

    again = ask(filled)
    for event in filled.tasks.store.events(task.id, limit=done.labels):
        say(filled, again, event.chip, *event.value)
    filled.tasks.store.set_priorities(again.id, dict.fromkeys(done.on_screen, 1.0))
    filled.tasks.store.lease(again.id, "bob", len(done.on_screen))
    assert filled.learner(again).suggest(done.asked, strategy=done.strategy, seed=done.seed) == done


def test_suggestions_leave_out_what_is_labelled_unsure_or_on_a_screen(filled: ec.Project) -> None:
    task = ask(filled)
    every = sorted(truth(filled))
    say(filled, task, every[0], "water")
    say(filled, task, every[1], "field")
    say(filled, task, every[2])
    held = {lease.chip for lease in filled.tasks.store.lease(task.id, "bob", 5)}
    picked = filled.learner(task).suggest(100).picked
    assert sorted(picked) == sorted(set(every[3:]) - held)


def test_neighbours_come_after_the_picks_and_none_twice(filled: ec.Project) -> None:
    task = ask(filled)
    say(filled, task, chips_of(filled, "water")[0], "water")
    plain = filled.learner(task).suggest(4, seed=1)
    more = filled.learner(task).suggest(4, seed=1, neighbours=2)
    assert more.picked[:4] == plain.picked
    assert 4 < len(more.picked) <= 12
    assert len(set(more.picked)) == len(more.picked)


def test_chips_on_screens_stay_when_a_round_reorders_the_queue(filled: ec.Project) -> None:
    task = ask(filled)
    before = filled.tasks.store.lease(task.id, "bob", 4)
    say(filled, task, chips_of(filled, "water")[0], "water")
    first = filled.learner(task).advance()
    assert first is not None
    after = filled.tasks.store.lease(task.id, "bob", 4)
    assert [lease.chip for lease in after] == [lease.chip for lease in before]
    next_ = [lease.chip for lease in filled.tasks.store.lease(task.id, "eve", 3)]
    assert next_ == list(first[1].picked[:3])


def test_later_rounds_come_before_earlier_ones_and_nothing_new_makes_none(filled: ec.Project) -> None:
    task = ask(filled)
    learner = filled.learner(task)
    say(filled, task, chips_of(filled, "water")[0], "water")
    assert learner.advance() is not None
    assert learner.advance() is None
    say(filled, task, chips_of(filled, "field")[0], "field")
    second = learner.advance()
    assert second is not None
    assert second[0] == 2
    assert [lease.chip for lease in filled.tasks.store.lease(task.id, "bob", 3)] == list(second[1].picked[:3])
    learner.aim("random")
    third = learner.advance()
    assert third is not None
    assert third[1].strategy == "random"


def test_two_processes_at_once_make_one_round_of_each_number(own: ec.Project) -> None:
    task = ask(own)
    say(own, task, chips_of(own, "water")[0], "water")
    code = f"import earthcurator as ec\nwith ec.open({own.location!r}) as p: p.learner({task.id!r}).advance()"
    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate(timeout=60)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0], errors
    assert [number for number, _ in own.records.rounds.list(task.id, "round")] == [1]


def test_number_that_is_taken_is_refused(filled: ec.Project) -> None:
    task = ask(filled)
    rounds = filled.records.rounds
    assert rounds.add(task.id, "round", 1, {"by": "one"})
    assert not rounds.add(task.id, "round", 1, {"by": "two"})
    assert rounds.list(task.id, "round") == [(1, {"by": "one"})]


def test_new_chips_are_suggested_once_they_are_asked_about_and_embedded(
    own: ec.Project, make_pictures: Callable[..., Path]
) -> None:
    task = ask(own)
    say(own, task, chips_of(own, "water")[0], "water")
    learner = own.learner(task)
    assert len(learner.suggest(100).picked) == CHIPS - 1
    known = set(truth(own))
    own.import_pictures([make_pictures(4, start=900)])
    new = sorted(set(truth(own)) - known)
    own.tasks.add_chips(task, new)
    assert len(learner.suggest(100).picked) == CHIPS - 1  # they have no vector yet
    own.embed()
    assert set(new) < set(learner.suggest(100).picked)


def test_chips_that_join_a_task_later_are_suggested_though_no_vector_is_new(filled: ec.Project) -> None:
    every = sorted(truth(filled))
    task = ask(filled, chips=every[:10])
    learner = filled.learner(task)
    assert sorted(learner.suggest(100).picked) == every[:10]
    filled.tasks.add_chips(task, every[10:12])
    assert sorted(learner.suggest(100).picked) == every[:12]


def test_another_default_encoder_is_used_from_the_next_round_on(own: ec.Project) -> None:
    task = ask(own)
    say(own, task, chips_of(own, "water")[0], "water")
    learner = own.learner(task)
    first = learner.suggest(5)
    other = next(entry for entry in own.encoders.list() if entry.id != first.encoder)
    own.set_default_encoder(other.id)
    with pytest.raises(Conflict, match="no vectors") as failed:
        learner.suggest(5)
    assert "curator embed" in failed.value.hint
    own.embed()
    assert learner.suggest(5).encoder == other.id
    assert len(list(learner.predict())) == CHIPS


def test_first_suggestions_are_like_the_example_of_the_task(filled: ec.Project) -> None:
    chip = chips_of(filled, "water")[3]
    task = ask(filled, references={"water": (chip,)})
    assert filled.learner(task).suggest(8).picked[0] == chip


def test_predictions_follow_the_labels_and_need_one_of_the_class(filled: ec.Project) -> None:
    task = ask(filled)
    learner = filled.learner(task)
    with pytest.raises(Conflict, match="as water yet"):
        list(learner.predict())
    right = truth(filled)
    for chip, folder in right.items():
        say(filled, task, chip, folder)
    guesses = list(learner.predict())
    assert {guess.chip for guess in guesses} == right.keys()
    assert all(guess.label == ("water" if guess.scores["water"] > 0 else "field",) for guess in guesses)
    best = sorted(guesses, key=lambda guess: -guess.scores["water"])[:12]
    assert sum(right[guess.chip] == "water" for guess in best) > 6  # of 12 in 48; by chance it would be 3
    assert learner.suggest(5).picked == ()


@pytest.mark.parametrize("several", [True, False])
def test_task_of_three_classes_has_a_model_for_each(filled: ec.Project, several: bool) -> None:
    task = filled.tasks.create("What is it?", ("water", "field", "cloud"), several=several)
    for chip in chips_of(filled, "water")[:4]:
        say(filled, task, chip, "water")
    for chip in chips_of(filled, "field")[:4]:
        say(filled, task, chip, "field")
    guesses = list(filled.learner(task).predict())
    assert {tuple(guess.scores) for guess in guesses} == {("water", "field", "cloud")}
    assert several or all(len(guess.label) == 1 for guess in guesses)
    assert len(set(filled.learner(task).suggest(10).picked)) == 10


@pytest.mark.parametrize("value", ["water", "field"])
def test_all_of_one_kind_still_gives_suggestions(filled: ec.Project, value: str) -> None:
    task = ask(filled)
    for chip in sorted(truth(filled))[:5]:
        say(filled, task, chip, value)
    assert len(filled.learner(task).suggest(10).picked) == 10


def test_people_who_contradict_each_other_do_not_stop_the_model(filled: ec.Project) -> None:
    task = ask(filled, opinions=2)
    chip, other = chips_of(filled, "water")[:2]
    say(filled, task, chip, "water", who="ada")
    say(filled, task, chip, "field", who="bob")
    assert chip not in filled.learner(task).suggest(100).picked
    assert filled.search_of(task).outlook().finds.found == 0  # as many say no as yes
    say(filled, task, other, "water", who="ada")
    assert filled.search_of(task).outlook().finds.found == 1


def test_one_chip_is_enough(filled: ec.Project) -> None:
    chip = chips_of(filled, "water")[0]
    task = ask(filled, chips=[chip])
    assert filled.learner(task).suggest().picked == (chip,)
    say(filled, task, chip, "water")
    outlook = filled.search_of(task).outlook()
    assert outlook.advice.stop
    assert outlook.advice.sentence == "Every chip has an answer: nothing is left to look at."


# -- how the search goes ---------------------------------------------------------------------------------------------


def answer_queue(project: ec.Project, task: Task, count: int) -> Sequence[str]:
    right = truth(project)
    leases = project.tasks.store.lease(task.id, "ada", count)
    for lease in leases:
        say(project, task, lease.chip, right[lease.chip])
    return [lease.chip for lease in leases]


def test_certified_check_is_asked_first_and_counts_apart_from_the_search(filled: ec.Project) -> None:
    task = ask(filled)
    for chip in chips_of(filled, "water")[:6]:
        say(filled, task, chip, "water")
    search = filled.search_of(task)
    assert search.check(24) == 1
    filled.learner(task).advance()
    shown = answer_queue(filled, task, 24)
    drawn = filled.records.rounds.last(task.id, "audit")[1]
    assert drawn is not None
    outlook = search.outlook()
    assert outlook.audit is not None
    assert outlook.finds.labels == 6 + len(set(shown) - set(drawn["chips"]))
    rest = [chip for chip in drawn["chips"] if chip not in shown]
    for chip in rest:
        say(filled, task, chip, truth(filled)[chip])
    checked = search.outlook().audit
    assert checked is not None
    assert checked.complete
    assert checked.recall_low is not None
    found = sum(truth(filled)[chip] == "water" for chip in {*drawn["chips"], *shown, *chips_of(filled, "water")[:6]})
    assert checked.recall_low <= found / len(chips_of(filled, "water"))


def test_corrected_answers_and_chips_that_join_do_not_improve_a_check(
    own: ec.Project, make_pictures: Callable[..., Path]
) -> None:
    task = ask(own)
    water, field = chips_of(own, "water"), chips_of(own, "field")
    for chip in [*water[:4], *field[:8]]:
        say(own, task, chip, "field" if chip in field else "water")
    search = own.search_of(task)
    search.check(24)
    for chip in own.records.rounds.last(task.id, "audit")[1]["chips"]:  # type: ignore[index]  # there is one
        say(own, task, chip, truth(own)[chip])
    before = search.outlook().audit
    assert before is not None
    assert before.left_high
    for chip in field[:8]:  # all of them had an answer when the check was drawn
        say(own, task, chip, "water")
    assert search.outlook().audit == before
    left = [chip for chip in water if not any(label.chip == chip for label in own.tasks.store.events(task.id))]
    say(own, task, left[0], "water")
    better = search.outlook().audit
    assert better is not None
    assert better.left_high == before.left_high - 1
    known = set(truth(own))
    own.import_pictures([make_pictures(4, start=900)])
    new = sorted(set(truth(own)) - known)
    own.tasks.add_chips(task, new)
    for chip in new:
        say(own, task, chip, "water")
    worse = search.outlook().audit
    assert worse is not None
    assert worse.left_high == before.left_high  # which finds the check could have drawn is not known any more


def test_check_of_one_class_is_no_part_of_the_search_for_another(filled: ec.Project) -> None:
    task = filled.tasks.create("Which?", ("water", "field", "cloud"))
    say(filled, task, chips_of(filled, "water")[0], "water")
    filled.search_of(task, "cloud").check(24)
    audit = filled.records.rounds.last(task.id, "audit")[1]
    assert audit is not None
    for chip in audit["chips"]:
        say(filled, task, chip, truth(filled)[chip])
    assert filled.search_of(task, "water").outlook().finds.labels == 1


def test_imported_labels_are_found_but_are_no_part_of_the_search(filled: ec.Project) -> None:
    task = ask(filled)
    filled.tasks.import_labels(task, [(chip, ("water",)) for chip in chips_of(filled, "water")])
    outlook = filled.search_of(task).outlook()
    assert outlook.finds.labels == 0
    assert outlook.price.labels is not None


def test_class_that_does_not_exist_is_a_sentence(filled: ec.Project) -> None:
    with pytest.raises(BadInput, match="cloud is no class of this task"):
        filled.search_of(ask(filled), "cloud")
