"""The queue of a task: which slots are free, held by somebody until some time, or filled.

Functions of a connection, each part of a transaction. A free slot leaves the queue's index when it is leased, so that
the next lease finds the best one at once; expired leases come back in a step of their own.

Where a task asks for several opinions, the queue begins with chips that an annotator has decided and others have not.
Not to pass over them again with each lease, `presence` keeps their place: every free slot before it is of a chip that
they have or have decided. Three things could break that, and mend it: what comes back to the queue is marked
`returned` and looked at beside it; so is a chip of which somebody took an answer back; a new order clears all places.

Statements are built once: SQLAlchemy takes longer to build one than SQLite to run it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Float,
    Row,
    Select,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    literal_column,
    or_,
    select,
    union,
    update,
)

from earthcurator.models import Lease
from earthcurator.store.sql.database import await_writers, lock_names
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
_Place = Mapping[str, float]
"""Of a slot in the order of the queue: `priority_from` and `id_from`."""

_TASK: BindParameter[str] = bindparam("of_task")
_CHIP: BindParameter[str] = bindparam("of_chip")
_CHIPS: BindParameter[str] = bindparam("of_chips", expanding=True)
_ANNOTATOR: BindParameter[str] = bindparam("of_annotator")
_COUNT: BindParameter[int] = bindparam("count", type_=BigInteger)
_PRIORITY_FROM: BindParameter[float] = bindparam("priority_from", type_=Float)
_QUEUED = (SLOTS.c.priority.desc(), SLOTS.c.id)

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
_FREE = update(SLOTS).values(status=FREE, owner=None, lease_until=None, returned=1).returning(SLOTS.c.chip)
_RETURN = (
    update(SLOTS)
    .where(SLOTS.c.task == _TASK, SLOTS.c.chip.in_(_CHIPS), SLOTS.c.owner.is_(None), SLOTS.c.returned == 0)
    .values(returned=1)
)
_REMEMBER = upsert(OPINIONS, "decision")
_FORGET = delete(OPINIONS).where(OPINIONS.c.task == _TASK, OPINIONS.c.chip == _CHIP, OPINIONS.c.annotator == _ANNOTATOR)
_PLACE = (PRESENCE.c.passed_priority, PRESENCE.c.passed_id)
_SEE = {engine: see.returning(*_PLACE) for engine, see in upsert(PRESENCE, "seen", seen=NOW).items()}
_PASS = (
    update(PRESENCE)
    .where(PRESENCE.c.task == _TASK, PRESENCE.c.annotator == _ANNOTATOR)
    .values(passed_priority=_PRIORITY_FROM, passed_id=bindparam("id_from", type_=BigInteger))
)
_START = {"priority_from": math.inf, "id_from": 0}
_END = {"priority_from": -math.inf, "id_from": 0}


def lease(
    connection: Connection, task: str, annotator: str, *, count: int, seconds: float, clock: Clock
) -> list[Lease]:
    """At most `count` chips for this annotator: those they hold, then the best free ones, then those they skipped."""
    lock_names(connection, f"annotator {task} {annotator}", joining=_order_of(task))
    place = _see(connection, task, annotator, clock)
    asked = {**clock, "of_task": task, "of_annotator": annotator, "milliseconds": round(seconds * 1000)}
    leases = _hold(connection, _HOLD_OWN, asked, count)
    _reap(connection, task, clock)
    if len(leases) < count:
        place = _go_on(connection, asked, place)
        leases += _hold(connection, _HOLD_UNTOUCHED, {**asked, **place}, count - len(leases))
    if len(leases) < count:
        leases += _hold(connection, _HOLD_SKIPPED, asked, count - len(leases))
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


def reorder(connection: Connection, task: str) -> None:
    """The transaction changes the order of the queue, or adds to it: everybody's place in it is no longer known."""
    await_writers(connection, _order_of(task))  # no lease until it ends
    connection.execute(update(PRESENCE).where(PRESENCE.c.task == task).values(passed_priority=None, passed_id=None))


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


def fill(connection: Connection, filled: Sequence[tuple[_Slot, str]]) -> None:
    """Mark slots as filled by annotators."""
    if rows := [{"slot_id": slot.id, "who": annotator} for slot, annotator in filled]:
        connection.execute(_FILL, rows)
    # Who has lost their lease to somebody else may take another slot of the chip.
    if lost := [slot.id for slot, annotator in filled if slot.owner not in (None, annotator)]:
        for task, chip in connection.execute(_CHIPS_OF, {"slot_ids": lost}).all():
            _return(connection, task, [chip])


def remember(connection: Connection, opinions: Sequence[Mapping[str, Any]]) -> None:
    """What these annotators say of these chips now: rows of `opinions`."""
    connection.execute(_REMEMBER[connection.dialect.name], opinions)


def forget(connection: Connection, task: str, chip: str, annotator: str) -> None:
    """Take an opinion back."""
    connection.execute(_FORGET, {"of_task": task, "of_chip": chip, "of_annotator": annotator})
    _return(connection, task, [chip])


def _order_of(task: str) -> str:
    return f"order of {task}"


def _see(connection: Connection, task: str, annotator: str, clock: Clock) -> _Place:
    row = connection.execute(_SEE[connection.dialect.name], {**clock, "task": task, "annotator": annotator}).one()
    return _START if row.passed_priority is None else {"priority_from": row.passed_priority, "id_from": row.passed_id}


def _go_on(connection: Connection, asked: Mapping[str, Any], place: _Place) -> _Place:
    """The place of the first free slot that this annotator may take, looked for from their last place on."""
    for statement in (_FIRST_BESIDE, _FIRST_BELOW):
        first = connection.execute(statement, {**asked, **place}).first()
        if first is not None:
            break
    found = _END if first is None else {"priority_from": first.priority, "id_from": first.id}
    if found != place:
        connection.execute(_PASS, {**asked, **found})
    return found


def _return(connection: Connection, task: str, chips: Collection[str]) -> None:
    """Let even those find the free slots of these chips whose place is behind them."""
    connection.execute(_RETURN, {"of_task": task, "of_chips": list(chips)})


def _hold(connection: Connection, statement: Update, asked: Mapping[str, Any], count: int) -> list[Lease]:
    rows = connection.execute(statement, {**asked, "count": count}).all()
    return [to_lease(row) for row in sorted(rows, key=lambda row: (-row.priority, row.id))]


def _free(connection: Connection, statement: Update, asked: Mapping[str, Any], clock: Clock) -> None:
    if chips := set(connection.execute(statement, asked).scalars()):
        _return(connection, asked["of_task"], chips)
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


def _available(*free: ColumnElement[bool]) -> Select[Any]:
    """Of these free slots one of each chip of which this annotator has none."""
    other = SLOTS.alias("other")
    of_chip = select(other.c.id).where(other.c.task == _TASK, other.c.chip == SLOTS.c.chip)
    # `owner` says free as `status` does, but leads no planner to walk the index of the queue for each chip.
    first_free = _no(of_chip.where(other.c.owner.is_(None), other.c.id < SLOTS.c.id))
    not_mine = _no(of_chip.where(other.c.owner == _ANNOTATOR))
    return select(SLOTS.c.id).where(*free, first_free, not_mine)


def _new() -> Select[Any]:
    """Of chips that this annotator neither has nor said anything about."""
    return _available(SLOTS.c.task == _TASK, IS_FREE).where(_no(_said(_ANNOTATOR)))


# Two ranges rather than one: each is a range of the index of the queue, so that neither engine walks what was passed.
_BESIDE = (SLOTS.c.priority == _PRIORITY_FROM, SLOTS.c.id >= bindparam("id_from", type_=BigInteger))
_BELOW = (SLOTS.c.priority < _PRIORITY_FROM,)
_RETURNED = (SLOTS.c.returned == literal_column("1"),)


def _first(chosen: Select[Any]) -> Select[Any]:
    return chosen.add_columns(SLOTS.c.priority).order_by(*_QUEUED).limit(1)


def _untouched() -> Select[Any]:
    """The best from this annotator's place on, and of what came back to the queue."""
    ranges = {"beside": _BESIDE, "below": _BELOW, "returned": _RETURNED}
    best = [_best(_new().add_columns(SLOTS.c.priority).where(*where)).cte(name) for name, where in ranges.items()]
    found = union(*(select(some.c.id, some.c.priority) for some in best)).subquery()
    return select(found.c.id).order_by(found.c.priority.desc(), found.c.id).limit(_COUNT)


def _skipped() -> Select[Any]:
    """What this annotator skipped, and nobody else who is present could take."""
    someone_could = select(PRESENCE.c.annotator).where(
        PRESENCE.c.task == _TASK,
        PRESENCE.c.annotator != _ANNOTATOR,
        PRESENCE.c.seen > NOW - PRESENT_SECONDS * 1000,
        _no(_said(PRESENCE.c.annotator)),
    )
    skips = select(OPINIONS.c.chip).where(OPINIONS.c.task == _TASK, OPINIONS.c.annotator == _ANNOTATOR)
    chips = skips.where(OPINIONS.c.decision == literal_column("'skip'"))
    theirs = SLOTS.alias("theirs")
    ids = select(theirs.c.id).where(theirs.c.task == _TASK, theirs.c.chip.in_(chips))
    # By id alone: given the task or the status too, SQLite would walk the queue instead of the few that were skipped.
    return _best(_available(SLOTS.c.id.in_(ids), SLOTS.c.owner.is_(None)).where(_no(someone_could)))


def _said(annotator: ColumnElement[str] | BindParameter[str]) -> Select[Any]:
    mine = (OPINIONS.c.task == _TASK, OPINIONS.c.chip == SLOTS.c.chip, OPINIONS.c.annotator == annotator)
    return select(OPINIONS.c.chip).where(*mine).correlate(SLOTS, PRESENCE)


def _no(found: Select[Any]) -> ColumnElement[bool]:
    """No such row, asked for each slot in turn. As NOT EXISTS, PostgreSQL joins whole tables to find a few chips."""
    return found.correlate(SLOTS, PRESENCE).limit(1).scalar_subquery().is_(None)


def _best(chosen: Select[Any]) -> Select[Any]:
    """The first of these slots; those that others are just taking are passed over."""
    return chosen.order_by(*_QUEUED).limit(_COUNT).with_for_update(skip_locked=True, of=SLOTS)


def _holding(chosen: Select[Any]) -> Update:
    """Lease the chosen slots in one statement."""
    picked = chosen.cte("picked")
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
_HOLD_OWN, _HOLD_UNTOUCHED, _HOLD_SKIPPED = _holding(_best(_held())), _holding(_untouched()), _holding(_skipped())
_FIRST_BESIDE, _FIRST_BELOW = _first(_new().where(*_BESIDE)), _first(_new().where(*_BELOW))
_CHIPS_OF = select(SLOTS.c.task, SLOTS.c.chip).where(SLOTS.c.id.in_(bindparam("slot_ids", expanding=True)))
_FREE_ONE = _FREE.where(SLOTS.c.task == _TASK, SLOTS.c.id == bindparam("slot_id"))
_FREE_OWN = _FREE.where(SLOTS.c.id.in_(_held()))
_FREE_OWN_OF = _FREE_OWN.where(SLOTS.c.chip.in_(_CHIPS))
_FREE_EXPIRED = _FREE.where(SLOTS.c.id.in_(_expired()))
_WAITING = _waiting()
