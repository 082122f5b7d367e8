"""Several people, in any order of everything they can do: the database always agrees with a small model of itself."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from earthcurator.errors import Conflict
from earthcurator.models import Label, Lease
from earthcurator.store.sql import Database, Tasks
from earthcurator.store.sql.schema import SLOTS
from tests.store.sql.conftest import Clock, label, task

PEOPLE = st.sampled_from(["ana", "ben", "eva"])
CHIPS = ["c0", "c1", "c2"]
DECIDED = ("label", "unsure")
LEASE_SECONDS = 1000.0


@dataclass
class Slot:
    status: int = 0
    owner: str | None = None
    until: float = 0.0


@dataclass
class Model:
    """What should be true, in plain lists."""

    opinions: int
    time: float = 0.0
    events: list[Label] = field(default_factory=list)
    present: set[str] = field(default_factory=set)
    slots: dict[str, list[Slot]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.slots = {chip: [Slot() for _ in range(self.opinions)] for chip in CHIPS}

    def said(self, chip: str, who: str) -> str | None:
        """Their latest answer that is not undone."""
        void = {event.voids for event in self.events}
        mine = [event for event in self.events if (event.chip, event.annotator) == (chip, who)]
        return next((e.decision for e in reversed(mine) if e.decision != "undo" and e.id not in void), None)

    def own(self, chip: str, who: str) -> Slot | None:
        return next((slot for slot in self.slots[chip] if slot.owner == who), None)

    def free(self, chip: str, slot: Slot) -> None:
        slot.status, slot.owner = 0, None
        for who in ("ana", "ben", "eva"):
            if self.said(chip, who) in DECIDED and self.own(chip, who) is None:
                self.seat(chip, who)

    def seat(self, chip: str, who: str) -> bool:
        is_open = (slot for slot in self.slots[chip] if slot.status == 0 or self.expired(slot))
        slot = self.own(chip, who) or next(is_open, None)
        if slot is not None:
            slot.status, slot.owner = 2, who
        return slot is not None

    def expired(self, slot: Slot) -> bool:
        return slot.status == 1 and slot.until <= self.time

    def put(self, event: Label) -> bool:
        """Keep an event; whether it is one more than asked."""
        self.events.append(event)
        standing = self.said(event.chip, event.annotator)
        if standing in DECIDED:
            seated = self.seat(event.chip, event.annotator)
            return not seated and event.decision != "undo"
        slot = self.own(event.chip, event.annotator)
        if slot is not None and (standing == "skip" or slot.status == 2):
            self.free(event.chip, slot)
        return False

    def lease(self, who: str, wanted: int) -> list[str]:
        self.present.add(who)
        held = [chip for chip in CHIPS if (slot := self.own(chip, who)) and slot.status == 1][:wanted]
        for chip in held:
            self.hold(chip, who)
        for chip, slots in self.slots.items():
            for slot in slots:
                if self.expired(slot):
                    self.free(chip, slot)
        offered = [chip for chip in CHIPS if self.said(chip, who) is None and self.can_take(chip, who)]
        held += offered[: wanted - len(held)]
        for chip in held:
            self.hold(chip, who)
        others = self.present - {who}
        skipped = [chip for chip in CHIPS if self.said(chip, who) == "skip" and self.can_take(chip, who)]
        alone = [chip for chip in skipped if all(self.said(chip, other) for other in others)][: wanted - len(held)]
        for chip in alone:
            self.hold(chip, who)
        return held + alone

    def can_take(self, chip: str, who: str) -> bool:
        return self.own(chip, who) is None and any(slot.status == 0 for slot in self.slots[chip])

    def hold(self, chip: str, who: str) -> None:
        slot = self.own(chip, who) or next(slot for slot in self.slots[chip] if slot.status == 0)
        slot.status, slot.owner, slot.until = 1, who, self.time + LEASE_SECONDS

    def heartbeat(self, who: str) -> list[str]:
        self.present.add(who)
        held = [chip for chip in CHIPS if (slot := self.own(chip, who)) and slot.status == 1]
        for chip in held:
            self.hold(chip, who)
        return held


class Annotators(RuleBasedStateMachine):
    """People at work. Each example has a task of its own."""

    database: Database
    clock: Clock
    numbers = count()

    @initialize(opinions=st.integers(1, 3))
    def begin(self, opinions: int) -> None:
        self.name = f"task {next(self.numbers)}"
        self.tasks = Tasks(self.database)
        self.tasks.create(task(self.name, opinions=opinions), [(chip, -float(n)) for n, chip in enumerate(CHIPS)])
        self.model = Model(opinions)
        self.start = self.clock.offset

    @rule(who=PEOPLE, wanted=st.integers(1, 3))
    def lease(self, who: str, wanted: int) -> None:
        leases = self.tasks.lease(self.name, who, wanted, seconds=LEASE_SECONDS)
        assert [lease.chip for lease in leases] == self.model.lease(who, wanted)

    @rule(who=PEOPLE)
    def heartbeat(self, who: str) -> None:
        leases: list[Lease] = self.tasks.heartbeat(self.name, who, LEASE_SECONDS)
        assert [lease.chip for lease in leases] == self.model.heartbeat(who)

    @rule(who=PEOPLE)
    def leave(self, who: str) -> None:
        self.tasks.release(self.name, who)
        for chip in CHIPS:
            slot = self.model.own(chip, who)
            if slot is not None and slot.status == 1:
                self.model.free(chip, slot)

    @rule(seconds=st.sampled_from([400.0, 700.0, 1500.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.offset += seconds
        self.model.time += seconds

    @rule(who=PEOPLE, chip=st.sampled_from(CHIPS), decision=st.sampled_from(["label", "unsure", "skip"]))
    def answer(self, who: str, chip: str, decision: str) -> None:
        value = ("smoke",) if decision == "label" else ()
        self.keep(label(self.new_id(), chip, who, task=self.name, decision=decision, value=value))

    @rule(who=PEOPLE, which=st.integers(0, 30))
    def undo(self, who: str, which: int) -> None:
        if not self.model.events:
            return
        target = self.model.events[which % len(self.model.events)]
        event = label(self.new_id(), target.chip, who, task=self.name, decision="undo", value=(), voids=target.id)
        void = any(other.voids == target.id for other in self.model.events)
        if target.annotator != who or target.decision == "undo" or void:
            with pytest.raises(Conflict):
                self.tasks.put(event)
        else:
            self.keep(event)

    @rule(which=st.integers(0, 30))
    def replay(self, which: int) -> None:
        if self.model.events:
            event = self.model.events[which % len(self.model.events)]
            assert self.tasks.put(event).replayed

    def keep(self, event: Label) -> None:
        kept = self.tasks.put(event)
        assert not kept.replayed
        assert kept.extra == self.model.put(event)

    def new_id(self) -> str:
        return f"event {next(self.numbers)}"

    @invariant()
    def database_agrees_with_the_model(self) -> None:
        rows = self.database.read(
            lambda connection: connection.execute(
                select(SLOTS.c.chip, SLOTS.c.status, SLOTS.c.owner)
                .where(SLOTS.c.task == self.name)
                .order_by(SLOTS.c.id)
            ).all()
        )
        slots = defaultdict(list)
        for chip, status, owner in rows:
            slots[chip].append((status, owner))
        assert slots == {
            chip: [(slot.status, slot.owner) for slot in slots] for chip, slots in self.model.slots.items()
        }

    @invariant()
    def nothing_is_lost_or_counted_twice(self) -> None:
        events = list(self.tasks.events(self.name))
        assert [(e.id, e.decision, e.voids) for e in events] == [(e.id, e.decision, e.voids) for e in self.model.events]
        counts = self.tasks.counts(self.name)
        decided = [(c, w) for c in CHIPS for w in ("ana", "ben", "eva") if self.model.said(c, w) in DECIDED]
        assert counts.opinions == len(decided)
        assert counts.free + counts.leased + counts.done == counts.slots == self.model.opinions * counts.chips
        assert counts.done <= counts.opinions

    @invariant()
    def nobody_has_a_chip_twice(self) -> None:
        for slots in self.model.slots.values():
            owners = [slot.owner for slot in slots if slot.owner]
            assert len(owners) == len(set(owners))


def test_any_order_of_everything_keeps_the_database_right(database: Database, clock: Clock) -> None:
    class Here(Annotators):
        pass

    Here.database, Here.clock = database, clock
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=checks, derandomize=True,
            database=None,
        ),
    )  # fmt: skip
