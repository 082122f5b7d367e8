"""The queue of a task: which slots are free, held by somebody until some time, or filled.

Functions of a connection, each part of a transaction. A free slot leaves the queue's index when it is leased, so that
the next lease finds the best one at once; expired leases come back in a step of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    RowMapping,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    or_,
    select,
    update,
)

from earthcurator.models import Lease
from earthcurator.store.sql.database import lock_names
from earthcurator.store.sql.schema import DONE, FREE, LEASED, OPINIONS, PRESENCE, SLOTS, insert, to_lease

DECIDED = ("label", "unsure")
"""Decisions that fill a slot."""

PRESENT_SECONDS = 24 * 3600
"""Who asked for chips within this time is expected to come back."""

MOST_REAPED = 500
"""Expired leases that one lease returns to the queue: no request pays for all of them."""

Now = ColumnElement[int]
_Slots = Mapping[str, Sequence[RowMapping]]


def lease(connection: Connection, task: str, annotator: str, *, count: int, seconds: float, now: Now) -> list[Lease]:
    """At most `count` chips for this annotator: those they hold, then the best free ones, then those they skipped."""
    lock_names(connection, f"annotator {task} {annotator}")
    _see(connection, task, annotator, now)
    until = now + round(seconds * 1000)
    leases = _hold(connection, _held_by(task, annotator), annotator, count, until)
    _reap(connection, task, now)
    for chosen in (_untouched_by(task, annotator), _skipped_by(task, annotator, now)):
        if len(leases) < count:
            leases += _hold(connection, chosen, annotator, count - len(leases), until)
    return leases


def extend(connection: Connection, task: str, annotator: str, seconds: float, now: Now) -> list[Lease]:
    """Everything this annotator holds, for `seconds` from now."""
    lock_names(connection, f"annotator {task} {annotator}")
    _see(connection, task, annotator, now)
    return _hold(connection, _held_by(task, annotator), annotator, None, now + round(seconds * 1000))


def release(connection: Connection, task: str, annotator: str, chips: Collection[str] | None, now: Now) -> None:
    """Give back what this annotator holds: of these chips, or all."""
    lock_names(connection, f"annotator {task} {annotator}")
    which = [SLOTS.c.task == task, SLOTS.c.owner == annotator, SLOTS.c.status == LEASED]
    if chips is not None:
        which.append(SLOTS.c.chip.in_(chips))
    free(connection, task, and_(*which), now)


def free(connection: Connection, task: str, which: ColumnElement[bool], now: Now) -> None:
    """Return these slots to the queue, unless an opinion that came late waits for one of them."""
    statement = update(SLOTS).where(which).values(status=FREE, owner=None, lease_until=None).returning(SLOTS.c.chip)
    if chips := set(connection.execute(statement).scalars()):
        _seat_waiting(connection, task, chips, now)


def slots_of(connection: Connection, task: str, chips: Collection[str], now: Now) -> _Slots:
    """Chip → its slots, locked until the transaction ends. `open` says that anybody may fill it now."""
    is_open = or_(SLOTS.c.status == FREE, and_(SLOTS.c.status == LEASED, SLOTS.c.lease_until <= now))
    statement = (
        select(SLOTS, is_open.label("open"))
        .where(SLOTS.c.task == task, SLOTS.c.chip.in_(chips))
        .order_by(SLOTS.c.id)
        .with_for_update()
    )
    found = defaultdict(list)
    for row in connection.execute(statement).mappings():
        found[row["chip"]].append(row)
    return found


def slot_for(slots: Sequence[RowMapping], annotator: str) -> RowMapping | None:
    """The slot of a chip that this annotator's opinion fills: their own, or an open one; None when all are taken."""
    own = [slot for slot in slots if slot["owner"] == annotator]
    return next(iter(own or [slot for slot in slots if slot["open"]]), None)


def fill(connection: Connection, filled: Iterable[tuple[RowMapping, str]]) -> None:
    """Mark slots as filled by annotators."""
    rows = [{"slot_id": slot["id"], "who": annotator} for slot, annotator in filled]
    statement = (
        update(SLOTS)
        .where(SLOTS.c.id == bindparam("slot_id"))
        .values(status=DONE, owner=bindparam("who"), lease_until=None)
    )
    if rows:
        connection.execute(statement, rows)


def remember(connection: Connection, opinions: Sequence[Mapping[str, Any]]) -> None:
    """What these annotators say of these chips now: rows of `opinions`."""
    statement = insert(connection, OPINIONS)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["task", "chip", "annotator"], set_={"decision": statement.excluded.decision}
        ),
        opinions,
    )


def forget(task: str, chip: str, annotator: str) -> Delete:
    """The statement that takes an opinion back."""
    mine = (OPINIONS.c.task == task, OPINIONS.c.chip == chip, OPINIONS.c.annotator == annotator)
    return delete(OPINIONS).where(*mine)


def _see(connection: Connection, task: str, annotator: str, now: Now) -> None:
    statement = insert(connection, PRESENCE).values(task=task, annotator=annotator, seen=now)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["task", "annotator"], set_={"seen": statement.excluded.seen})
    )


def _hold(
    connection: Connection, chosen: Select[Any], annotator: str, count: int | None, until: ColumnElement[int]
) -> list[Lease]:
    """Lease the chosen slots in one statement; slots that others are just taking are passed over."""
    ordered = chosen.order_by(SLOTS.c.priority.desc(), SLOTS.c.id).limit(count)
    picked = ordered.with_for_update(skip_locked=True).cte("picked")
    statement = (
        update(SLOTS)
        .where(SLOTS.c.id.in_(select(picked.c.id)))
        .values(status=LEASED, owner=annotator, lease_until=until)
        .returning(SLOTS)
    )
    rows = connection.execute(statement).mappings().all()
    return [to_lease(row) for row in sorted(rows, key=lambda row: (-row["priority"], row["id"]))]


def _held_by(task: str, annotator: str) -> Select[Any]:
    return select(SLOTS.c.id).where(SLOTS.c.task == task, SLOTS.c.owner == annotator, SLOTS.c.status == LEASED)


def _available_to(task: str, annotator: str) -> Select[Any]:
    """A free slot of each chip of which this annotator has none."""
    other = SLOTS.alias("other")
    of_chip = select(other.c.id).where(other.c.task == task, other.c.chip == SLOTS.c.chip)
    # `owner` says free as `status` does, but leads no planner to walk the index of the queue for each chip.
    first_free = _no(of_chip.where(other.c.owner.is_(None), other.c.id < SLOTS.c.id))
    not_mine = _no(of_chip.where(other.c.owner == annotator))
    return select(SLOTS.c.id).where(SLOTS.c.task == task, SLOTS.c.status == FREE, first_free, not_mine)


def _untouched_by(task: str, annotator: str) -> Select[Any]:
    return _available_to(task, annotator).where(_no(_said(task, annotator)))


def _skipped_by(task: str, annotator: str, now: Now) -> Select[Any]:
    """What this annotator skipped, and nobody else who is present could take."""
    someone_could = select(PRESENCE.c.annotator).where(
        PRESENCE.c.task == task,
        PRESENCE.c.annotator != annotator,
        PRESENCE.c.seen > now - PRESENT_SECONDS * 1000,
        _no(_said(task, PRESENCE.c.annotator)),
    )
    has_skipped = _said(task, annotator).where(OPINIONS.c.decision == "skip").exists()
    return _available_to(task, annotator).where(has_skipped, _no(someone_could))


def _said(task: str, annotator: Any) -> Select[Any]:
    mine = (OPINIONS.c.task == task, OPINIONS.c.chip == SLOTS.c.chip, OPINIONS.c.annotator == annotator)
    return select(OPINIONS.c.chip).where(*mine).correlate(SLOTS, PRESENCE)


def _no(found: Select[Any]) -> ColumnElement[bool]:
    """No such row, asked for each slot in turn. As NOT EXISTS, PostgreSQL joins whole tables to find a few chips."""
    return found.correlate(SLOTS, PRESENCE).limit(1).scalar_subquery().is_(None)


def _reap(connection: Connection, task: str, now: Now) -> None:
    expired = (
        select(SLOTS.c.id)
        .where(SLOTS.c.task == task, SLOTS.c.status == LEASED, SLOTS.c.lease_until <= now)
        .limit(MOST_REAPED)
        .with_for_update(skip_locked=True)
        .cte("expired")
    )
    free(connection, task, SLOTS.c.id.in_(select(expired.c.id)), now)


def _seat_waiting(connection: Connection, task: str, chips: Collection[str], now: Now) -> None:
    """Let opinions that found no slot fill those that have become free."""
    has_slot = exists().where(
        SLOTS.c.task == task, SLOTS.c.chip == OPINIONS.c.chip, SLOTS.c.owner == OPINIONS.c.annotator
    )
    waiting = (
        select(OPINIONS.c.chip, OPINIONS.c.annotator)
        .where(OPINIONS.c.task == task, OPINIONS.c.chip.in_(chips), OPINIONS.c.decision.in_(DECIDED), ~has_slot)
        .order_by(OPINIONS.c.chip, OPINIONS.c.annotator)
    )
    for chip, annotator in connection.execute(waiting).all():
        slot = slot_for(slots_of(connection, task, [chip], now)[chip], annotator)
        if slot is not None:
            fill(connection, [(slot, annotator)])
