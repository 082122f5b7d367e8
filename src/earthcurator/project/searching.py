"""Searching a project: by examples, or by the model of a task, which follows the labels from one search to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earthcurator.errors import BadInput, Conflict
from earthcurator.labels.fold import ChipState
from earthcurator.models import Hits, Query, Task
from earthcurator.project.labelled import labelled
from earthcurator.project.learner import Learner
from earthcurator.search import rank, search

if TYPE_CHECKING:
    from earthcurator.project.project import Project

MOST_KEPT = 4
"""Rankings of all chips that are kept: 12 bytes a chip each."""
ALL = np.iinfo(np.int64).max


def find(project: Project, query: Query, encoder: str | None) -> Hits:
    """The answer to a query, from the vectors of an encoder."""
    if query.task is not None and encoder is not None:
        raise BadInput("the model of a task is of the project's default encoder", hint="search without an encoder")
    ranked = project.rankings.of(query.task, query.wanted) if query.task is not None else None
    chosen = project.encoder(ranked.vectors[0] if ranked else encoder)
    embeddings = project.embeddings(chosen)
    embeddings.table.refresh()
    project.chips.table.refresh()
    vectors = embeddings.index.open()
    if not len(vectors):
        raise Conflict(
            f"{project.location} has no vectors of {chosen.card.name} yet",
            hint="embed the chips first: on the page of the project, or with `curator embed`",
        )
    within = labelled(project, query.said, embeddings.ids, len(vectors)) if query.said else None
    if ranked is None:
        examples = (project.vectors(each, chosen) for each in (query.positives, query.negatives))
        best = partial(search, vectors, *examples)
    else:
        best = partial(rank, vectors, ranked.rows, ranked.scores)
    found = best(
        k=query.k,
        filter=query.filter,
        within=within,
        scores=query.scores,
        collapse=query.collapse,
        diversity=query.diversity,
    )
    return Hits(
        hits=vectors.hits(found.rows, found.scores),
        exact=found.exact,
        searched=found.searched,
        waiting=max(0, len(project.chips) - len(vectors)),
        encoder=chosen.id,
        learnt_from=ranked.learnt_from if ranked else None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """All chips of a task that have a vector, the likeliest first."""

    rows: NDArray[np.int64]
    """Rows of the vectors of the project's default encoder."""
    scores: NDArray[np.float32]
    """The logit of each."""
    learnt_from: int
    """How many labelled chips the model had learnt from."""
    states: Mapping[str, ChipState]
    """Chip → what held of it."""
    vectors: tuple[str, int]
    """The encoder, and how many vectors it had."""


class Rankings:
    """The rankings that were asked for last, kept until a label or a vector changes them. Safe to use from
    several threads, which take turns."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._lock = Lock()
        self._kept: dict[tuple[str, str], Ranked] = {}

    def of(self, task: Task | str, wanted: str | None = None) -> Ranked:
        """The ranking for a class of a task, by default its first, as the labels and vectors of this moment have it."""
        learner = self._project.learner(task)
        key = (learner.task.id, wanted or learner.task.classes[0])
        encoder = self._project.encoder()
        embeddings = self._project.embeddings(encoder)
        with self._lock:
            embeddings.table.refresh()
            vectors = encoder.id, len(embeddings.index.open())
            states = learner.states()
            kept = self._kept.pop(key, None)
            if kept is None or kept.vectors != vectors or kept.states != states:
                kept = _ranked(self._project, learner, key[1], states, vectors)
            self._kept[key] = kept  # as the newest
            while len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            return kept


def _ranked(
    project: Project, learner: Learner, wanted: str, states: Mapping[str, ChipState], vectors: tuple[str, int]
) -> Ranked:
    modelled = project.search_of(learner.task, wanted).wanted  # of two classes only the first has a model
    found = learner.standings(many=ALL)[learner.wanted.index(modelled)]
    if not len(found.positives) and not len(learner.vectors.like(modelled)):
        raise Conflict(
            f"nobody has labelled a chip of this task as {modelled} yet",
            hint="label a few first, or name chips that show it when you make a task",
        )
    rows = learner.vectors.inside
    closed = np.ones(len(found.vectors), bool)
    closed[found.open] = False
    known = rows[closed[rows]]  # few: the others were scored with the standing
    scores = np.empty(len(found.vectors), np.float32)
    scores[found.open] = found.scores
    scores[known] = found.classifier.scores(found.vectors[known])
    likely = scores[rows] if modelled == wanted else -scores[rows]
    order = np.argsort(-likely, kind="stable")
    return Ranked(rows[order], likely[order], len(found.labelled), states, vectors)
