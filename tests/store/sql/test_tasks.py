"""Tasks and labels, told one behaviour at a time, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from earthcurator.errors import BadInput, Conflict, NotFound, StorageFailed
from earthcurator.labels.fold import fold
from earthcurator.models import Label
from earthcurator.store.sql import Database, Tasks
from tests.postgres import PostgresServer
from tests.store.sql.conftest import Clock, label, task, undo

Make = Callable[..., Tasks]


def chips(tasks: Tasks, annotator: str, count: int = 1) -> list[str]:
    return [lease.chip for lease in tasks.lease("smoke", annotator, count)]


def test_task_comes_back_as_it_was_made(tasks: Tasks) -> None:
    asked = task(
        classes=("feu", "brume", "漢字"), several=True, opinions=2, references={"feu": ("c1", "c2")}, guide="#"
    )
    kept = tasks.create(asked, [("c1", 0.0)])
    assert kept == replace(asked, created=kept.created)
    assert kept.created.year > 2020
    assert Tasks(tasks._database).get("smoke") == kept
    assert tasks.list() == [kept]


def test_making_a_task_again_adds_what_is_missing(make: Make) -> None:
    make(2)
    tasks = make(5)
    assert tasks.counts("smoke").chips == 5
    with pytest.raises(Conflict, match="something else"):
        tasks.create(task(question="Is there water?"))


def test_best_chips_first_and_none_twice(make: Make) -> None:
    tasks = make(5)
    assert chips(tasks, "ana", 2) == ["c0", "c1"]
    assert chips(tasks, "ben", 9) == ["c2", "c3", "c4"]
    assert chips(tasks, "eva") == []


def test_new_priorities_reorder_what_is_free(make: Make) -> None:
    tasks = make(4)
    tasks.set_priorities("smoke", {"c3": 10, "c2": 5, "nowhere": 1})
    assert chips(tasks, "ana", 4) == ["c3", "c2", "c0", "c1"]


def test_reload_gives_back_what_is_held(make: Make) -> None:
    tasks = make(4)
    assert chips(tasks, "ana", 2) == ["c0", "c1"]
    assert chips(tasks, "ana", 3) == ["c0", "c1", "c2"]
    assert chips(tasks, "ana", 1) == ["c0"]


def test_expired_lease_goes_to_others_and_heartbeat_prevents_it(make: Make, clock: Clock) -> None:
    tasks = make(2)
    chips(tasks, "ana", 2)
    clock.offset += 50
    assert len(tasks.heartbeat("smoke", "ana", 60)) == 2
    clock.offset += 50
    assert chips(tasks, "ben") == []
    clock.offset += 50
    assert tasks.counts("smoke").free == 2
    assert chips(tasks, "ben") == ["c0"]
    assert tasks.heartbeat("smoke", "ana") == []


def test_release_returns_some_or_all(make: Make) -> None:
    tasks = make(3)
    chips(tasks, "ana", 3)
    tasks.release("smoke", "ben")
    tasks.release("smoke", "ana", ["c1"])
    assert chips(tasks, "ben", 3) == ["c1"]
    tasks.release("smoke", "ana")
    assert chips(tasks, "eva", 3) == ["c0", "c2"]


def test_label_fills_the_slot_once_however_often_it_is_sent(make: Make) -> None:
    tasks = make(2)
    chips(tasks, "ana")
    first = tasks.put(label("e1", "c0", seconds=1.5, note="brume épaisse"))
    again = tasks.put(label("e1", "c0", seconds=1.5, note="brume épaisse"))
    assert (first.replayed, again.replayed) == (False, True)
    assert first.label == again.label
    assert first.label.time.year > 2020
    counts = tasks.counts("smoke")
    assert (counts.chips, counts.slots, counts.free, counts.leased, counts.done, counts.opinions) == (2, 2, 1, 0, 1, 1)
    assert list(tasks.events("smoke")) == [first.label]


def test_same_id_with_other_content_is_a_conflict(make: Make) -> None:
    tasks = make(2)
    tasks.put(label("e1", "c0"))
    for other in (label("e1", "c1"), label("e1", "c0", "ben"), label("e1", "c0", value=("clear",))):
        with pytest.raises(Conflict, match="something else"):
            tasks.put(other)


def test_late_answer_is_kept_as_one_more_opinion(make: Make, clock: Clock) -> None:
    tasks = make(1)
    chips(tasks, "ana")
    clock.offset += 61
    assert chips(tasks, "ben") == ["c0"]
    assert tasks.put(label("e1", "c0", "ana")).extra
    assert not tasks.put(label("e2", "c0", "ben")).extra
    assert tasks.put(label("e3", "c0", "eva")).extra
    counts = tasks.counts("smoke")
    assert (counts.done, counts.slots, counts.opinions) == (1, 1, 3)
    assert tasks.put(label("e1", "c0", "ana")).extra


def test_extra_opinion_takes_the_slot_that_becomes_free(make: Make, clock: Clock) -> None:
    tasks = make(1)
    chips(tasks, "ana")
    clock.offset += 61
    chips(tasks, "ben")
    tasks.put(label("e1", "c0", "ana"))
    tasks.release("smoke", "ben")
    assert tasks.counts("smoke").done == 1
    assert chips(tasks, "eva") == []


def test_late_answer_fills_the_slot_that_nobody_took(make: Make, clock: Clock) -> None:
    tasks = make(1)
    chips(tasks, "ana")
    clock.offset += 1000
    assert not tasks.put(label("e1", "c0")).extra
    assert tasks.counts("smoke").done == 1


def test_skip_leaves_the_chip_to_others_while_there_are_others(make: Make, clock: Clock) -> None:
    tasks = make(2)
    chips(tasks, "ben")
    tasks.release("smoke", "ben")
    chips(tasks, "ana")
    tasks.put(label("e1", "c0", decision="skip", value=()))
    assert chips(tasks, "ana", 2) == ["c1"]
    clock.offset += 25 * 3600  # ben has gone home for good
    assert chips(tasks, "ana", 2) == ["c1", "c0"]


def test_skipped_chip_waits_for_others_who_are_busy_elsewhere(make: Make) -> None:
    tasks = make(3)
    assert chips(tasks, "ben") == ["c0"]
    tasks.put(label("e1", "c0", "ben"))
    assert chips(tasks, "ana", 2) == ["c1", "c2"]
    for chip in ("c1", "c2"):
        tasks.put(label(f"skip {chip}", chip, decision="skip", value=()))
    assert chips(tasks, "ana", 3) == []
    assert chips(tasks, "ben", 3) == ["c1", "c2"]
    tasks.put(label("e2", "c1", "ben", decision="skip", value=()))
    assert chips(tasks, "ana", 3) == ["c1"]


def test_chip_that_everybody_skipped_comes_back_last(make: Make) -> None:
    tasks = make(2)
    for who in ("ana", "ben"):
        assert chips(tasks, who) == ["c0"]
        tasks.put(label(f"skip {who}", "c0", who, decision="skip", value=()))
    assert chips(tasks, "ana", 2) == ["c1", "c0"]


def test_undo_frees_the_slot_and_lets_the_earlier_answer_count(make: Make) -> None:
    tasks = make(1)
    tasks.put(label("e1", "c0", value=("clear",)))
    tasks.put(label("e2", "c0"))
    assert (tasks.counts("smoke").done, tasks.counts("smoke").opinions) == (1, 1)
    tasks.put(undo("u2", "c0", "e2"))
    assert tasks.counts("smoke").done == 1
    tasks.put(undo("u1", "c0", "e1"))
    assert tasks.counts("smoke").free == 1
    assert tasks.counts("smoke").opinions == 0
    assert chips(tasks, "ana") == ["c0"]
    tasks.put(label("e3", "c0"))
    assert [event.id for event in tasks.events("smoke")] == ["e1", "e2", "u2", "u1", "e3"]


def test_only_ones_own_answers_can_be_undone_and_once(make: Make) -> None:
    tasks = make(2)
    tasks.put(label("e1", "c0", "ana"))
    for wrong in (undo("u1", "c0", "e1", "ben"), undo("u1", "c1", "e1", "ana")):
        with pytest.raises(Conflict, match="another"):
            tasks.put(wrong)
    tasks.put(undo("u1", "c0", "e1"))
    with pytest.raises(Conflict, match="already"):
        tasks.put(undo("u2", "c0", "e1"))
    with pytest.raises(Conflict, match="itself an undo"):
        tasks.put(undo("u2", "c0", "u1"))
    with pytest.raises(NotFound):
        tasks.put(undo("u2", "c0", "never"))


def test_two_opinions_are_of_two_people(make: Make) -> None:
    tasks = make(2, opinions=2)
    assert chips(tasks, "ana", 4) == ["c0", "c1"]
    assert chips(tasks, "ben", 4) == ["c0", "c1"]
    assert chips(tasks, "eva", 4) == []
    tasks.put(label("e1", "c0", "ana"))
    assert "c0" not in chips(tasks, "ana", 4)


def test_adjudications_and_models_take_no_slot(make: Make) -> None:
    tasks = make(1)
    tasks.put(label("e1", "c0", "resnet", source="model"))
    tasks.put(label("e2", "c0", "eva", source="adjudication"))
    counts = tasks.counts("smoke")
    assert (counts.free, counts.opinions) == (1, 0)
    tasks.put(undo("u2", "c0", "e2", "eva"))
    assert tasks.counts("smoke") == counts


@pytest.mark.parametrize(
    "wrong",
    [
        label("e", "c0", value=("fog",)),
        label("e", "c0", value=("smoke", "clear")),
        label("e", "c0", value=()),
        label("e", "c0", decision="skip"),
        label("e", "c0", decision="undo", value=()),
        label("e", "c0", voids="e0"),
        label("e", "c0", seconds=float("nan")),
        label("", "c0"),
    ],
    ids=lambda wrong: f"{wrong.decision}-{wrong.value}-{wrong.seconds}-{wrong.id}",
)
def test_answer_that_the_task_cannot_have_is_refused(make: Make, wrong: Label) -> None:
    tasks = make(1)
    with pytest.raises(BadInput):
        tasks.put(wrong)
    assert list(tasks.events("smoke")) == []


def test_several_classes_or_none_where_the_task_allows_it(make: Make) -> None:
    tasks = make(2, several=True)
    tasks.put(label("e1", "c0", value=("clear", "smoke")))
    tasks.put(label("e2", "c1", value=()))
    with pytest.raises(BadInput, match="twice"):
        tasks.put(label("e3", "c1", value=("clear", "clear")))
    assert [event.value for event in tasks.events("smoke")] == [("clear", "smoke"), ()]


def test_what_is_not_there_is_named(make: Make) -> None:
    tasks = make(1)
    with pytest.raises(NotFound, match="fog"):
        tasks.put(label("e1", "c0", task="fog"))
    with pytest.raises(NotFound, match="c9"):
        tasks.put(label("e1", "c9"))
    for ask in (tasks.get, tasks.counts, tasks.events, tasks.page):
        with pytest.raises(NotFound, match="fog"):
            ask("fog")
    for act in (tasks.lease, tasks.heartbeat, tasks.release):
        with pytest.raises(NotFound, match="fog"):
            act("fog", "ana")


@pytest.mark.parametrize("text", ["lone \udc80", "nul \0"])
def test_text_that_a_database_cannot_keep_is_refused(make: Make, text: str) -> None:
    tasks = make(1)
    for bad in (label("e1", "c0", note=text), label(text, "c0"), label("e1", text), label("e1", "c0", text)):
        with pytest.raises(BadInput, match="text"):
            tasks.put(bad)
    assert list(tasks.events("smoke")) == []


def test_pages_go_on_where_the_last_one_ended(make: Make) -> None:
    tasks = make(7)
    for number in range(7):
        tasks.put(label(f"e{number}", f"c{number}"))
    first = tasks.page("smoke", limit=4)
    second = tasks.page("smoke", first.seq, limit=4)
    assert [event.id for event in first.labels + second.labels] == [f"e{number}" for number in range(7)]
    assert tasks.page("smoke", second.seq).labels == ()
    assert tasks.page("smoke", second.seq).seq == second.seq
    assert [event.id for event in tasks.events("smoke", first.seq, limit=2)] == ["e4", "e5"]


@pytest.mark.parametrize("statement", ["UPDATE labels SET note = 'other'", "DELETE FROM labels"])
def test_labels_cannot_be_changed_or_deleted(make: Make, database: Database, statement: str) -> None:
    tasks = make(1)
    tasks.put(label("e1", "c0"))
    with pytest.raises(StorageFailed, match="only ever inserted"):
        database.write(lambda connection: connection.execute(text(statement)))
    assert len(list(tasks.events("smoke"))) == 1


def test_import_fills_slots_and_adds_nothing_the_second_time(make: Make) -> None:
    tasks = make(2500)
    rows = [(f"c{number}", ("smoke",)) for number in range(2400)]
    assert tasks.import_labels("smoke", rows) == 2400
    assert tasks.import_labels("smoke", rows) == 0
    counts = tasks.counts("smoke")
    assert (counts.done, counts.free, counts.opinions) == (2400, 100, 2400)
    assert tasks.import_labels("smoke", [("c0", ("clear",))]) == 1
    assert tasks.counts("smoke").done == 2400
    assert {event.source for event in tasks.events("smoke")} == {"import"}


def test_import_names_unknown_chips_and_classes(make: Make) -> None:
    tasks = make(1)
    with pytest.raises(NotFound, match="elsewhere"):
        tasks.import_labels("smoke", [("elsewhere", ("smoke",))])
    with pytest.raises(BadInput, match="fog"):
        tasks.import_labels("smoke", [("c0", ("fog",))])


def test_latest_answer_counts_though_the_clock_goes_back(make: Make, clock: Clock) -> None:
    tasks = make()
    first = tasks.put(label("l1", "c0", value=("smoke",))).label
    clock.offset -= 3600
    second = tasks.put(label("l2", "c0", value=("clear",))).label
    assert second.time == first.time
    assert fold(tasks.get("smoke"), tasks.events("smoke"))["c0"].opinions["ana"].value == ("clear",)


def test_ids_of_imported_labels_are_nobody_elses(make: Make) -> None:
    """They follow from what the label says: others could find out what it is, or keep it from being imported."""
    tasks = make()
    tasks.import_labels("smoke", [("c0", ["smoke"])])
    (imported,) = tasks.events("smoke")
    unknown = f"import-{'0' * 40}"
    refused = []
    for name in (imported.id, unknown):
        for event in (label(name, "c0", "bob"), undo("u1", "c0", name, "bob")):
            with pytest.raises(BadInput) as error:
                tasks.put(event)
            refused.append(str(error.value))
    assert len(set(refused)) == 1


def test_lease_costs_the_same_however_much_one_has_decided(tmp_path: Path) -> None:
    """In steps of SQLite, which do not depend on the machine. Another opinion on each chip is still free."""
    chips = 3000
    with Database.open(tmp_path / "labels.db") as database:
        tasks = Tasks(database)
        tasks.create(task(opinions=2), [(f"c{number:04}", 0.0) for number in range(chips)])

        def cost() -> int:
            steps: list[None] = []
            database.write(lambda connection: count_steps(connection, steps))
            tasks.lease("smoke", "ana", 10)
            taken = len(steps)
            tasks.release("smoke", "ana")
            return taken

        first = cost()
        rows = [(f"c{number:04}", ("clear",)) for number in range(chips - 20)]
        tasks.import_labels("smoke", rows, "ana")
        tasks.lease("smoke", "ana", 10)  # finds the place, once
        tasks.release("smoke", "ana")
        assert cost() < 3 * first
        tasks.import_labels("smoke", [(f"c{number:04}", ("clear",)) for number in range(chips)], "ana")
        assert tasks.lease("smoke", "ana", 10) == []
        assert cost() < 3 * first
        assert len(tasks.lease("smoke", "ben", 10)) == 10


def count_steps(connection: Connection, steps: list[None]) -> None:
    """From now on, add an entry for each hundred steps of SQLite's writer."""
    driver: Any = connection.connection.dbapi_connection
    driver.set_progress_handler(lambda: steps.append(None), 100)


def test_chip_is_offered_again_to_those_who_can_take_it_though_they_are_far_beyond_it(make: Make) -> None:
    tasks = make(8, opinions=2)
    for chip in ("c0", "c1", "c2", "c3"):
        tasks.put(label(f"ana {chip}", chip))
    assert [held.chip for held in tasks.lease("smoke", "ana", 1)] == ["c4"]
    tasks.put(undo("ana takes back", "c2", "ana c2"))
    tasks.release("smoke", "ana")
    assert [held.chip for held in tasks.lease("smoke", "ana", 2)] == ["c2", "c4"]
    tasks.set_priorities("smoke", {"c7": 5.0})
    tasks.release("smoke", "ana")
    assert [held.chip for held in tasks.lease("smoke", "ana", 1)] == ["c7"]
    tasks.add_chips("smoke", [("new", 9.0)])
    tasks.release("smoke", "ana")
    assert [held.chip for held in tasks.lease("smoke", "ana", 1)] == ["new"]


def test_who_lost_a_lease_to_a_late_answer_finds_the_other_slot(make: Make, clock: Clock) -> None:
    tasks = make(3, opinions=2)
    assert [held.chip for held in tasks.lease("smoke", "ana", 1, seconds=10)] == ["c0"]
    tasks.put(label("ana c1", "c1"))
    clock.offset += 5
    assert [held.chip for held in tasks.lease("smoke", "ana", 2, seconds=10)] == ["c0", "c2"]
    clock.offset += 20
    tasks.put(label("ben c0", "c0", "ben"))  # fills the slot that ana held
    assert [held.chip for held in tasks.lease("smoke", "ana", 3)] == ["c2", "c0"]  # what she holds comes first


def test_postgresql_knows_a_new_task_at_once(postgresql: PostgresServer) -> None:
    address = postgresql.new_database()
    with Database.open(address) as opened:
        tasks = Tasks(opened)
        for name in ("first", "second"):
            tasks.create(task(name), [(f"chip {number}", 0.0) for number in range(50)])
        known = text("SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'slots' AND attname = 'task'")
        assert opened.read(lambda connection: connection.execute(known).scalar_one()) == "{first,second}"
