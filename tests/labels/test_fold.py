"""Events become states: the same ones, however the events come."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from earthcurator.labels.fold import NOTHING_SAID, ChipState, Fold, fold, progress, speed, standing
from earthcurator.models import Label, Task
from tests.labels.events import NOON, TASK, label, undo, unsure

CHIPS = ("a", "b", "c")
PEOPLE = ("ann", "bob", "cy")


@st.composite
def histories(draw: st.DrawFn) -> list[Label]:
    """Events as a database keeps them: each later than the one before, undos of anything, some sent twice."""
    events: list[Label] = []
    for number in range(draw(st.integers(0, 25))):
        decision = draw(st.sampled_from(["label", "unsure", "skip", "undo"]))
        voids = draw(st.sampled_from([event.id for event in events] or ["nothing"])) if decision == "undo" else None
        kept = Label(
            id=f"e{number}",
            task=TASK.id,
            chip=draw(st.sampled_from(CHIPS)),
            annotator=draw(st.sampled_from(PEOPLE)),
            decision=decision,  # type: ignore[arg-type]  # hypothesis forgets that these are literals
            value=(draw(st.sampled_from(TASK.classes)),) if decision == "label" else (),
            time=NOON + timedelta(seconds=number),
            source=draw(st.sampled_from(["person", "import", "model", "adjudication"])),
            voids=voids,
        )
        events += [kept] * draw(st.sampled_from([1, 1, 2]))
    return events


def by_the_book(events: Sequence[Label], chip: str) -> ChipState:
    """What holds of a chip, read off the definition, slowly."""
    events = list({event.id: event for event in events}.values())
    voided = {event.voids for event in events if event.decision == "undo"}
    valid = [event for event in events if event.chip == chip and event.decision != "undo" and event.id not in voided]
    answers = [event for event in valid if event.decision != "skip"]
    opinions = {event.annotator: event for event in answers if event.source in {"person", "import"}}
    return ChipState(
        opinions=opinions,
        skips=frozenset(event.annotator for event in valid if event.decision == "skip") - opinions.keys(),
        adjudication=next((event for event in reversed(answers) if event.source == "adjudication"), None),
        suggestions={event.annotator: event for event in answers if event.source == "model"},
    )


@given(histories())
def test_states_are_those_of_the_definition(events: list[Label]) -> None:
    states = fold(TASK, events)
    assert {chip: states.get(chip, NOTHING_SAID) for chip in CHIPS} == {
        chip: by_the_book(events, chip) for chip in CHIPS
    }


@given(histories(), st.data())
def test_events_taken_one_by_one_and_read_in_between_give_the_same_states(
    events: list[Label], data: st.DataObject
) -> None:
    live = Fold(TASK)
    for number, event in enumerate(events, 1):
        live.take(event)
        chip = data.draw(st.sampled_from(CHIPS))
        assert live.state(chip) == by_the_book(events[:number], chip)
    assert live.states() == fold(TASK, events)


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_events_come_does_not_matter(events: list[Label], order: random.Random) -> None:
    shuffled = list(events)
    order.shuffle(shuffled)
    assert fold(TASK, shuffled) == fold(TASK, events)


@given(histories(), st.integers(1, 4))
def test_progress_adds_up_and_is_never_above_total(events: list[Label], opinions: int) -> None:
    task = replace(TASK, opinions=opinions)
    done = progress(task, ["a", "b", "b", "never shown"], fold(task, events))
    assert done.decided + done.unsure + done.partial + done.waiting == done.total == 3
    assert done.waiting >= 1


def test_of_answers_kept_at_the_same_instant_the_later_one_holds() -> None:
    first, second = label("z", "a", "ann", "smoke"), label("y", "a", "ann", "clear")
    assert fold(TASK, [first, second])["a"].opinions["ann"] == second
    assert fold(TASK, [first, second, first])["a"].opinions["ann"] == second  # sent again, counted once


def test_undo_after_undo_uncovers_older_answers_down_to_none() -> None:
    live = Fold(TASK, [label(str(n), "a", "ann", ("smoke", "clear")[n % 2], at=n) for n in range(50)])
    for n in reversed(range(50)):
        assert live.state("a").opinions["ann"].id == str(n)
        live.take(undo(f"u{n}", "a", "ann", voids=str(n)))
    assert live.state("a") == NOTHING_SAID
    assert live.states() == {}


def test_an_undo_that_overtakes_its_answer_still_counts() -> None:
    assert fold(TASK, [undo("u", "a", "ann", voids="x"), label("x", "a", "ann", "smoke")]) == {}


def test_events_of_other_tasks_are_ignored() -> None:
    assert fold(TASK, [replace(label("x", "a", "ann", "smoke"), task="another")]) == {}


def test_models_are_no_opinion_and_skips_are_no_answer() -> None:
    said = replace(label("x", "a", "lite0", "smoke"), source="model")
    passed = replace(unsure("y", "a", "ann"), decision="skip")
    state = fold(TASK, [said, passed])["a"]
    assert not state.opinions
    assert state.skips == {"ann"}
    assert set(state.suggestions) == {"lite0"}
    assert standing(TASK, state) == "waiting"


def test_standing_follows_the_opinions_and_the_adjudication() -> None:
    task = replace(TASK, opinions=2)
    events = [unsure("1", "a", "ann"), unsure("2", "a", "bob", at=1), label("3", "a", "bob", "smoke", at=2)]
    events.append(replace(unsure("4", "a", "chief", at=3), source="adjudication"))
    live, seen = Fold(task), []
    for event in events:
        live.take(event)
        seen.append(standing(task, live.state("a")))
    assert seen == ["partial", "unsure", "decided", "unsure"]


def test_speed_leaves_breaks_out() -> None:
    # Two bursts of ten answers, one each six seconds, with lunch between; the first of each was on screen for 6 s.
    events = [label(f"{n}", f"c{n}", "ann", "smoke", at=6 * n + (3600 if n >= 10 else 0), seconds=6) for n in range(20)]
    (fast,) = speed([*events, *events]).values()
    assert (fast.answers, fast.median_seconds, fast.per_minute) == (20, 6, 10)


def test_speed_of_answers_kept_at_once_is_the_time_on_screen() -> None:
    events = [label(f"{n}", f"c{n}", "ann", "smoke", seconds=3) for n in range(10)]
    assert speed(events)["ann"].per_minute == 20


def test_speed_is_unknown_without_two_answers_or_a_duration() -> None:
    (one,) = speed([label("x", "a", "ann", "smoke")]).values()
    assert (one.answers, one.median_seconds, one.per_minute) == (1, None, None)
    assert speed([replace(label("x", "a", "import", "smoke"), source="import")]) == {}


def test_a_hundred_thousand_events_fold_at_once() -> None:
    ids = count()
    task = Task(id="t", question="?", classes=("x", "y"), created=datetime(2026, 1, 1, tzinfo=UTC))
    events = (
        replace(label(str(next(ids)), f"c{n % 50_000}", PEOPLE[n % 3], "smoke"), task="t") for n in range(100_000)
    )
    states = fold(task, events)
    assert len(states) == 50_000
    assert progress(task, states, states).decided == 50_000
