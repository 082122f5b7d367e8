"""The queue of a task: which slots are free, held by somebody until some time, or filled.

Functions of a connection, each part of a transaction. A free slot leaves the queue's index when it is leased, so that
the next lease finds the best one at once; expired leases come back in a step of their own. Statements are built once:
SQLAlchemy takes longer to build one than SQLite to run it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    Update,
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
from earthcurator.store.sql.schema import (
    DONE,
    FREE,
    IS_FREE,
    IS_LEASED,
    LEASED,
    NOW,
    OPINIONS,
    PRESENCE,
    SLOTS,
    to_lease,
    upsert,
)

DECIDED = ("label", "unsure")
"""Decisions that fill a slot."""

PRESENT_SECONDS = 24 * 3600
"""Who asked for chips within this time is expected to come back."""

MOST_REAPED = 500
"""Expired leases that one lease returns to the queue: no request pays for all of them."""

Clock = Mapping[str, int]
"""`Database.clock`."""

_Slot = Row[Any]

_TASK: BindParameter[str] = bindparam("of_task")
_CHIP: BindParameter[str] = bindparam("of_chip")
_CHIPS: BindParameter[str] = bindparam("of_chips", expanding=True)
_ANNOTATOR: BindParameter[str] = bindparam("of_annotator")

IS_OPEN = or_(IS_FREE, and_(IS_LEASED, SLOTS.c.lease_until <= NOW)).label("open")
"""Anybody may fill this slot now."""

_SLOTS_OF = (
    select(SLOTS.c.id, SLOTS.c.chip, SLOTS.c.owner, SLOTS.c.status, IS_OPEN)
    .where(SLOTS.c.task == _TASK, SLOTS.c.chip.in_(_CHIPS))
    .order_by(SLOTS.c.id)
    .with_for_update()
)
_FILL = (
    update(SLOTS)
    .where(SLOTS.c.id == bindparam("slot_id"))
    .values(status=DONE, owner=bindparam("who"), lease_until=None)
)
_FREE = update(SLOTS).values(status=FREE, owner=None, lease_until=None).returning(SLOTS.c.chip)
_REMEMBER = upsert(OPINIONS, "decision")
_FORGET = delete(OPINIONS).where(OPINIONS.c.task == _TASK, OPINIONS.c.chip == _CHIP, OPINIONS.c.annotator == _ANNOTATOR)
_SEE = upsert(PRESENCE, "seen", seen=NOW)


def lease(
    connection: Connection, task: str, annotator: str, *, count: int, seconds: float, clock: Clock
) -> list[Lease]:
    """At most `count` chips for this annotator: those they hold, then the best free ones, then those they skipped."""
    lock_names(connection, f"annotator {task} {annotator}")
    _see(connection, task, annotator, clock)
    asked = {**clock, "of_task": task, "of_annotator": annotator, "milliseconds": round(seconds * 1000)}
    leases = _hold(connection, _HOLD_OWN, asked, count)
    _reap(connection, task, clock)
    for statement in (_HOLD_UNTOUCHED, _HOLD_SKIPPED):
        if len(leases) < count:
            leases += _hold(connection, statement, asked, count - len(leases))
    return leases


def extend(connection: Connection, task: str, annotator: str, seconds: float, clock: Clock) -> list[Lease]:
    """Everything this annotator holds, for `seconds` from now."""
    lock_names(connection, f"annotator {task} {annotator}")
    _see(connection, task, annotator, clock)
    asked = {**clock, "of_task": task, "of_annotator": annotator, "milliseconds": round(seconds * 1000)}
    return _hold(connection, _HOLD_OWN, asked, _ALL)


def release(connection: Connection, task: str, annotator: str, chips: Collection[str] | None, clock: Clock) -> None:
    """Give back what this annotator holds: of these chips, or all."""
    lock_names(connection, f"annotator {task} {annotator}")
    asked = {"of_task": task, "of_annotator": annotator}
    if chips is None:
        _free(connection, _FREE_OWN, asked, clock)
    else:
        _free(connection, _FREE_OWN_OF, {**asked, "of_chips": list(chips)}, clock)


def free(connection: Connection, task: str, slot: int, clock: Clock) -> None:
    """Return this slot to the queue, unless an opinion that came late waits for it."""
    _free(connection, _FREE_ONE, {"of_task": task, "slot_id": slot}, clock)


def slots_of(connection: Connection, task: str, chips: Collection[str], clock: Clock) -> Mapping[str, Sequence[_Slot]]:
    """Chip → its slots, locked until the transaction ends. `open` says that anybody may fill it now."""
    found = defaultdict(list)
    for slot in connection.execute(_SLOTS_OF, {**clock, "of_task": task, "of_chips": list(chips)}):
        found[slot.chip].append(slot)
    return found


def slot_for(slots: Sequence[_Slot], annotator: str) -> _Slot | None:
    """The slot of a chip that this annotator's opinion fills: their own, or an open one; None when all are taken."""
    own = [slot for slot in slots if slot.owner == annotator]
    return next(iter(own or [slot for slot in slots if slot.open]), None)


def fill(connection: Connection, filled: Iterable[tuple[_Slot, str]]) -> None:
    """Mark slots as filled by annotators."""
    if rows := [{"slot_id": slot.id, "who": annotator} for slot, annotator in filled]:
        connection.execute(_FILL, rows)


def remember(connection: Connection, opinions: Sequence[Mapping[str, Any]]) -> None:
    """What these annotators say of these chips now: rows of `opinions`."""
    connection.execute(_REMEMBER[connection.dialect.name], opinions)


def forget(connection: Connection, task: str, chip: str, annotator: str) -> None:
    """Take an opinion back."""
    connection.execute(_FORGET, {"of_task": task, "of_chip": chip, "of_annotator": annotator})


def _see(connection: Connection, task: str, annotator: str, clock: Clock) -> None:
    connection.execute(_SEE[connection.dialect.name], {**clock, "task": task, "annotator": annotator})


def _hold(connection: Connection, statement: Update, asked: Mapping[str, Any], count: int) -> list[Lease]:
    rows = connection.execute(statement, {**asked, "count": count}).all()
    return [to_lease(row) for row in sorted(rows, key=lambda row: (-row.priority, row.id))]


def _free(connection: Connection, statement: Update, asked: Mapping[str, Any], clock: Clock) -> None:
    if chips := set(connection.execute(statement, asked).scalars()):
        _seat_waiting(connection, asked["of_task"], chips, clock)


def _reap(connection: Connection, task: str, clock: Clock) -> None:
    _free(connection, _FREE_EXPIRED, {**clock, "of_task": task}, clock)


def _seat_waiting(connection: Connection, task: str, chips: Collection[str], clock: Clock) -> None:
    """Let opinions that found no slot fill those that have become free."""
    for chip, annotator in connection.execute(_WAITING, {"of_task": task, "of_chips": list(chips)}).all():
        slot = slot_for(slots_of(connection, task, [chip], clock)[chip], annotator)
        if slot is not None:
            fill(connection, [(slot, annotator)])


def _held() -> Select[Any]:
    return select(SLOTS.c.id).where(SLOTS.c.task == _TASK, SLOTS.c.owner == _ANNOTATOR, IS_LEASED)


def _available() -> Select[Any]:
    """A free slot of each chip of which this annotator has none."""
    other = SLOTS.alias("other")
    of_chip = select(other.c.id).where(other.c.task == _TASK, other.c.chip == SLOTS.c.chip)
    # `owner` says free as `status` does, but leads no planner to walk the index of the queue for each chip.
    first_free = _no(of_chip.where(other.c.owner.is_(None), other.c.id < SLOTS.c.id))
    not_mine = _no(of_chip.where(other.c.owner == _ANNOTATOR))
    return select(SLOTS.c.id).where(SLOTS.c.task == _TASK, IS_FREE, first_free, not_mine)


def _untouched() -> Select[Any]:
    return _available().where(_no(_said(_ANNOTATOR)))


def _skipped() -> Select[Any]:
    """What this annotator skipped, and nobody else who is present could take."""
    someone_could = select(PRESENCE.c.annotator).where(
        PRESENCE.c.task == _TASK,
        PRESENCE.c.annotator != _ANNOTATOR,
        PRESENCE.c.seen > NOW - PRESENT_SECONDS * 1000,
        _no(_said(PRESENCE.c.annotator)),
    )
    has_skipped = _said(_ANNOTATOR).where(OPINIONS.c.decision == "skip").exists()
    return _available().where(has_skipped, _no(someone_could))


def _said(annotator: ColumnElement[str] | BindParameter[str]) -> Select[Any]:
    mine = (OPINIONS.c.task == _TASK, OPINIONS.c.chip == SLOTS.c.chip, OPINIONS.c.annotator == annotator)
    return select(OPINIONS.c.chip).where(*mine).correlate(SLOTS, PRESENCE)


def _no(found: Select[Any]) -> ColumnElement[bool]:
    """No such row, asked for each slot in turn. As NOT EXISTS, PostgreSQL joins whole tables to find a few chips."""
    return found.correlate(SLOTS, PRESENCE).limit(1).scalar_subquery().is_(None)


def _holding(chosen: Select[Any]) -> Update:
    """Lease the chosen slots in one statement; slots that others are just taking are passed over."""
    ordered = chosen.order_by(SLOTS.c.priority.desc(), SLOTS.c.id).limit(bindparam("count", type_=BigInteger))
    picked = ordered.with_for_update(skip_locked=True).cte("picked")
    until = NOW + bindparam("milliseconds", type_=BigInteger)
    return (
        update(SLOTS)
        .where(SLOTS.c.id.in_(select(picked.c.id)))
        .values(status=LEASED, owner=_ANNOTATOR, lease_until=until)
        .returning(SLOTS.c.id, SLOTS.c.task, SLOTS.c.chip, SLOTS.c.priority, SLOTS.c.owner, SLOTS.c.lease_until)
    )


def _expired() -> Select[Any]:
    expired = select(SLOTS.c.id).where(SLOTS.c.task == _TASK, IS_LEASED, SLOTS.c.lease_until <= NOW)
    return select(expired.limit(MOST_REAPED).with_for_update(skip_locked=True).cte("expired").c.id)


def _waiting() -> Select[Any]:
    has_slot = exists().where(
        SLOTS.c.task == _TASK, SLOTS.c.chip == OPINIONS.c.chip, SLOTS.c.owner == OPINIONS.c.annotator
    )
    return (
        select(OPINIONS.c.chip, OPINIONS.c.annotator)
        .where(OPINIONS.c.task == _TASK, OPINIONS.c.chip.in_(_CHIPS), OPINIONS.c.decision.in_(DECIDED), ~has_slot)
        .order_by(OPINIONS.c.chip, OPINIONS.c.annotator)
    )


_ALL = 2**62
_HOLD_OWN, _HOLD_UNTOUCHED, _HOLD_SKIPPED = _holding(_held()), _holding(_untouched()), _holding(_skipped())
_FREE_ONE = _FREE.where(SLOTS.c.task == _TASK, SLOTS.c.id == bindparam("slot_id"))
_FREE_OWN = _FREE.where(SLOTS.c.id.in_(_held()))
_FREE_OWN_OF = _FREE_OWN.where(SLOTS.c.chip.in_(_CHIPS))
_FREE_EXPIRED = _FREE.where(SLOTS.c.id.in_(_expired()))
_WAITING = _waiting()
