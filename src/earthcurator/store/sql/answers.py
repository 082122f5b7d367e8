"""Keeping what people say: each event once, never changed, and the queue brought in line with what counts now.

What counts of one person and chip is their latest answer that is not undone. An opinion that finds all slots of its
chip taken is kept as one more. Functions of a connection, each part of a transaction.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Connection, Row, bindparam, case, exists, func, select

from earthcurator.errors import BadInput, Conflict, NotFound
from earthcurator.models import Label, Task
from earthcurator.store.sql.database import lock_names
from earthcurator.store.sql.queue import DECIDED, IS_OPEN, Clock, fill, forget, free, remember, slot_for, slots_of
from earthcurator.store.sql.schema import DONE, LABELS, NOW, SLOTS, from_label, to_instant, to_label

IMPORTED = "import-"
"""How the ids of imported labels begin. They can be worked out from what the label says, so nobody else has such."""

FILLING = ("person", "import")
"""Sources whose answers are opinions. Models suggest and adjudications decide, but neither is one of the opinions."""

_LATEST = (
    select(func.coalesce(func.max(LABELS.c.time), 0))
    .where(LABELS.c.task == bindparam("of_task"), LABELS.c.chip == bindparam("of_chip"))
    .scalar_subquery()
)
_SLOTS = (  # of one chip, and whether the event was kept before
    select(SLOTS.c.id, SLOTS.c.owner, SLOTS.c.status, IS_OPEN)
    .add_columns(exists().where(LABELS.c.id == bindparam("event")).label("known"))
    .add_columns(_LATEST.label("latest"))
    .where(SLOTS.c.task == bindparam("of_task"), SLOTS.c.chip == bindparam("of_chip"))
    .order_by(SLOTS.c.id)
    .with_for_update(of=SLOTS)
)
_KEEP = LABELS.insert().values(time=NOW)
# Times of one chip never go back, though clocks do: the latest answer counts.
_BEFORE: BindParameter[int] = bindparam("before", type_=BigInteger)
_KEEP_ONE = LABELS.insert().values(time=case((NOW < _BEFORE, _BEFORE), else_=NOW)).returning(LABELS.c.time)


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of an answer."""

    label: Label
    """With the time by the clock of the database."""
    replayed: bool
    """It had been kept before; nothing changed."""
    extra: bool
    """One more opinion than the task asked for: somebody else has or holds the chip by now."""


def check(task: Task, label: Label) -> None:
    """Refuse an answer that this task cannot have."""
    if not (label.id and label.chip and label.annotator):
        raise BadInput("a label needs an id, a chip and an annotator")
    if label.source != "import" and any((name or "").startswith(IMPORTED) for name in (label.id, label.voids)):
        raise BadInput(f"only imported labels have an id that begins with {IMPORTED}", hint="choose another id")
    for written in (label.id, label.chip, label.annotator, label.note):
        _check_text(written)
    if label.seconds is not None and not (math.isfinite(label.seconds) and label.seconds >= 0):
        raise BadInput(f"{label.seconds} is no time on the screen", hint="give seconds, 0 or more")
    if (label.decision == "undo") != (label.voids is not None):
        raise BadInput("an undo, and nothing else, names the event that it voids")
    if label.decision != "label":
        if label.value:
            raise BadInput(f"{label.decision!r} comes without classes, not with {', '.join(label.value)}")
        return
    unknown = [name for name in label.value if name not in task.classes]
    if unknown:
        raise BadInput(
            f"{', '.join(unknown)}: no classes of this task", hint=f"its classes are {', '.join(task.classes)}"
        )
    if len(set(label.value)) < len(label.value):
        raise BadInput(f"{', '.join(label.value)} names a class twice", hint="name each class once")
    if len(label.value) != 1 and not task.several:
        raise BadInput(
            f"this task takes one class a chip, not {len(label.value)}", hint=f"one of: {', '.join(task.classes)}"
        )


def _check_text(written: str) -> None:
    """PostgreSQL keeps no NUL, and neither database half a character."""
    if "\0" in written or (not written.isascii() and any("\ud800" <= letter <= "\udfff" for letter in written)):
        raise BadInput(f"{written!r:.60} is no text that can be kept", hint="leave out NUL and lone surrogates")


def put(connection: Connection, label: Label, clock: Clock) -> Kept:
    """Keep one event. The same one again changes nothing."""
    lock_names(connection, f"annotator {label.task} {label.annotator}", f"label {label.id}", joining=label.task)
    asked = {**clock, "of_task": label.task, "of_chip": label.chip, "event": label.id}
    slots = connection.execute(_SLOTS, asked).all()
    if (not slots or slots[0].known) and (kept := _kept_before(connection, label)) is not None:
        return kept
    if not slots:
        raise NotFound(f"there is no chip {label.chip} in task {label.task}", hint="add it to the task first")
    extra = False
    if label.decision == "undo":
        _check_undo(connection, label)
        _settle(connection, label, _standing(connection, label), slots, clock)
    elif label.source in FILLING:
        extra = _settle(connection, label, label.decision, slots, clock)
    row = {**clock, **from_label(label), "extra": extra, "before": slots[0].latest}
    kept_at: int = connection.execute(_KEEP_ONE, row).scalar_one()
    return Kept(replace(label, time=to_instant(kept_at)), replayed=False, extra=extra)


def import_batch(
    connection: Connection, task: str, rows: Sequence[tuple[str, tuple[str, ...]]], annotator: str, clock: Clock
) -> int:
    """Keep labels that were made elsewhere, in a few statements; returns how many were new."""
    lock_names(connection, f"annotator {task} {annotator}", joining=task)
    labels = {label.id: label for label in (imported(task, chip, value, annotator) for chip, value in rows)}
    known = set(connection.execute(select(LABELS.c.id).where(LABELS.c.id.in_(labels))).scalars())
    new = [label for label in labels.values() if label.id not in known]
    if not new:
        return 0
    slots = slots_of(connection, task, {label.chip for label in new}, clock)
    missing = sorted({label.chip for label in new} - set(slots))
    if missing:
        raise NotFound(f"task {task} has no chip {missing[0]} ({len(missing)} unknown)", hint="add them to it first")
    places = {chip: slot_for(of_chip, annotator) for chip, of_chip in slots.items()}
    events = [{**clock, **from_label(label), "extra": places[label.chip] is None} for label in new]
    connection.execute(_KEEP, events)
    remember(connection, [_opinion(label, label.decision) for label in new])
    fill(connection, [(slot, annotator) for slot in places.values() if slot is not None])
    return len(new)


def check_import(task: Task, chip: str, value: tuple[str, ...], annotator: str) -> None:
    """Refuse an imported label that this task cannot have."""
    for written in (chip, annotator):
        _check_text(written)
    check(task, imported(task.id, chip, value, annotator))


def imported(task: str, chip: str, value: tuple[str, ...], annotator: str) -> Label:
    """An imported label, whose id is that of its content."""
    digest = hashlib.sha256("\0".join((task, chip, annotator, *value)).encode("utf-8", "replace")).hexdigest()
    return Label(
        id=f"{IMPORTED}{digest[:40]}",
        task=task,
        chip=chip,
        annotator=annotator,
        decision="label",
        value=value,
        time=datetime.fromtimestamp(0, UTC),  # the database says when
        source="import",
    )


def _kept_before(connection: Connection, label: Label) -> Kept | None:
    row = connection.execute(select(LABELS).where(LABELS.c.id == label.id)).mappings().one_or_none()
    if row is None:
        return None
    kept = to_label(row)
    if kept != replace(label, time=kept.time):
        raise Conflict(f"label {label.id} exists and says something else", hint="give each new event an id of its own")
    return Kept(kept, replayed=True, extra=row["extra"])


def _check_undo(connection: Connection, undo: Label) -> None:
    target = connection.execute(select(LABELS).where(LABELS.c.id == undo.voids)).mappings().one_or_none()
    if target is None:
        raise NotFound(f"there is no event {undo.voids} to undo")
    if (target["task"], target["chip"], target["annotator"]) != (undo.task, undo.chip, undo.annotator):
        raise Conflict(f"event {undo.voids} is of another person, chip or task", hint="undo only what is your own")
    if target["decision"] == "undo":
        raise Conflict(f"event {undo.voids} is itself an undo", hint="answer the chip again instead")
    if connection.execute(select(exists().where(LABELS.c.voids == undo.voids))).scalar_one():
        raise Conflict(f"event {undo.voids} is undone already")


def _standing(connection: Connection, undo: Label) -> str | None:
    """What counts of this person and chip once the event is undone."""
    later = LABELS.alias("later")
    statement = (
        select(LABELS.c.decision)
        .where(LABELS.c.task == undo.task, LABELS.c.chip == undo.chip, LABELS.c.annotator == undo.annotator)
        .where(LABELS.c.decision != "undo", LABELS.c.source.in_(FILLING), LABELS.c.id != undo.voids)
        .where(~exists().where(later.c.voids == LABELS.c.id))
        .order_by(LABELS.c.seq.desc())
        .limit(1)
    )
    return connection.execute(statement).scalar_one_or_none()


def _settle(
    connection: Connection, label: Label, standing: str | None, slots: Sequence[Row[Any]], clock: Clock
) -> bool:
    """Bring opinions and slots in line with what this person says now; True when no slot was left for it."""
    if standing in DECIDED:
        remember(connection, [_opinion(label, standing)])
        slot = slot_for(slots, label.annotator)
        if slot is not None:
            fill(connection, [(slot, label.annotator)])
        return slot is None
    if standing is None:
        forget(connection, label.task, label.chip, label.annotator)
    else:
        remember(connection, [_opinion(label, standing)])
    for slot in slots:
        # After an undo the chip may be on their screen again; after a skip it is not.
        if slot.owner == label.annotator and (standing == "skip" or slot.status == DONE):
            free(connection, label.task, slot.id, clock)
    return False


def _opinion(label: Label, decision: str | None) -> Mapping[str, Any]:
    return {"task": label.task, "chip": label.chip, "annotator": label.annotator, "decision": decision}
