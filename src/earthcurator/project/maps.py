"""All chips of a project at once: where each lies among its likes, on the globe, in time, and what was said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from earthcurator.errors import Conflict
from earthcurator.labels.fold import ChipState
from earthcurator.labels.policy import Decided, Policy, decide
from earthcurator.models import Task
from earthcurator.search.layout import beside, lay_out, principal
from earthcurator.store import Atlas, Layout

if TYPE_CHECKING:
    from earthcurator.project.project import Project

MOST_BESIDE = 20_000
"""New chips that are put beside their likes while somebody waits; more of them wait for the next layout."""
LANDMARKS = 5_000

Method = Literal["none", "principal", "spread"]
"""How chips were laid out: not at all before the first embedding; instantly (PCA); by a job `layout` (t-SNE)."""


@dataclass(frozen=True, slots=True, eq=False)
class ChipMap:
    """One entry a chip, in the order in which they came."""

    atlas: Atlas
    places: NDArray[np.float32]
    """`(n, 2)`, within -1..1; NaN for a chip that has no place yet."""
    method: Method
    encoder: str | None
    laid_out: int
    """How many chips the last job `layout` knew; 0 before the first."""
    made: str | None
    """When that was, as ISO 8601."""


@dataclass(frozen=True, slots=True)
class LaidOut:
    """What a job `layout` did."""

    chips: int
    encoder: str


def lay_out_chips(project: Project, encoder: str | None, progress: Callable[[int, int | None], None]) -> LaidOut:
    """Lay out all vectors of an encoder, and keep that."""
    chosen = project.encoder(encoder)
    embeddings = project.embeddings(chosen)
    embeddings.table.refresh()
    vectors = embeddings.index.open()
    if not len(vectors):
        raise Conflict(f"there are no vectors of {chosen.card.name} to lay out", hint="embed the chips first")
    places = lay_out(vectors.vectors(slice(None)), progress)
    made = datetime.now(UTC).isoformat()
    project.layouts.put(chosen.id, Layout(places, vectors.fingerprint(len(vectors)), made))
    return LaidOut(chips=len(vectors), encoder=chosen.id)


def chip_map(project: Project) -> ChipMap:
    """The map by the project's default encoder."""
    atlas = project.chips.atlas()
    nowhere = np.full((len(atlas), 2), np.nan, np.float32)
    if project.default_encoder is None:
        return ChipMap(atlas, nowhere, "none", None, 0, None)
    entry = project.encoders.find(project.default_encoder)
    embeddings = project.embeddings(entry)
    embeddings.table.refresh()
    vectors = embeddings.index.open()
    if not len(vectors):
        return ChipMap(atlas, nowhere, "none", entry.id, 0, None)
    layout = project.layouts.get(entry.id, vectors)
    every = vectors.vectors(slice(None))
    places = principal(every) if layout is None else _with_new(layout.places, every)
    rows = project.chips.ids.rows_in(embeddings.ids)[: len(atlas)]
    placed = (rows >= 0) & (rows < len(places))
    nowhere[: len(rows)][placed] = places[rows[placed]]
    if layout is None:
        return ChipMap(atlas, nowhere, "principal", entry.id, 0, None)
    return ChipMap(atlas, nowhere, "spread", entry.id, len(layout.places), layout.made)


NOTHING, UNSURE, SKIPPED, DISPUTED, HIDDEN = 65_535, 65_534, 65_533, 65_532, 65_531
"""What `LabelMap.said` holds instead of an answer: nobody said anything; nobody could tell; it was passed over and has
no answer; people disagree; somebody answered, and this person must not know what."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """What was said in one task, one entry a chip of the project, in the order in which they came."""

    answers: Sequence[tuple[str, ...]]
    """First each class of the task alone, then what else was answered where a chip may have several classes."""
    said: NDArray[np.uint16]
    """Position in `answers`, or one of the numbers above."""
    mine: NDArray[np.uint8]
    """1 where this person is among those who said it."""


def label_map(project: Project, task: Task, *, reader: str, blind: bool) -> LabelMap:
    """What was said in a task, as `reader` may know it: who is blind learns the content of their own answers only."""
    states = project.tasks.states(task)
    project.chips.table.refresh()
    numbers = project.chips.ids.rows(states)
    chips = max(len(project.chips), 1 + max(numbers.values(), default=-1))
    said, mine = np.full(chips, NOTHING, np.uint16), np.zeros(chips, np.uint8)
    positions: dict[tuple[str, ...], int] = {(name,): position for position, name in enumerate(task.classes)}
    for chip, number in numbers.items():
        state = states[chip]
        answer = own_answer(state, reader) if blind else common_answer(task, state)
        said[number] = answer if isinstance(answer, int) else positions.setdefault(answer, len(positions))
        last = state.adjudication.annotator if state.adjudication else None
        mine[number] = reader in state.opinions or reader in state.skips or reader == last
    return LabelMap(tuple(positions), said, mine)


def own_answer(state: ChipState, reader: str) -> tuple[str, ...] | int:
    """What this person says, or one of the numbers above."""
    if own := state.opinions.get(reader):
        return own.value if own.decision == "label" else UNSURE
    if reader in state.skips:
        return SKIPPED
    return HIDDEN if state.opinions or state.adjudication else NOTHING


def common_answer(task: Task, state: ChipState) -> tuple[str, ...] | int:
    """What all say who could tell, or the last word; else one of the numbers above."""
    answer = decide(task, state, Policy("any"))
    if isinstance(answer, Decided):
        return answer.value
    if state.adjudication or state.opinions:
        tells = any(opinion.decision == "label" for opinion in state.opinions.values())
        return DISPUTED if tells and not state.adjudication else UNSURE
    return SKIPPED if state.skips else NOTHING


def _with_new(places: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Places of the vectors that came after the layout, too."""
    new = vectors[len(places) :][:MOST_BESIDE]
    if not len(new):
        return places
    chosen = np.unique(np.linspace(0, len(places) - 1, min(LANDMARKS, len(places))).astype(np.int64))
    return np.concatenate([places, beside(new, vectors[chosen], places[chosen])])
