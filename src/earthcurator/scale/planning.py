"""Making plans for a project. Planning twice makes the same plan, as long as nothing was added in between."""

from __future__ import annotations

from earthcurator.errors import BadInput, Conflict
from earthcurator.imagery import Imagery
from earthcurator.orders import Order
from earthcurator.project import Project
from earthcurator.scale.plans import (
    SHARD_ROWS,
    DownloadPlan,
    EmbedPlan,
    IndexPlan,
    LayerRuns,
    order_to_json,
    ranges_of,
    runs_of,
    write_plan,
)


def plan_download(project: Project, order: Order, imagery: Imagery, *, size: int = SHARD_ROWS) -> str:
    """Plan to bring an order in; returns the plan's id. At most asks the source for documents."""
    if order.limit is not None:
        raise BadInput("a limit is to try a download before all of it", hint="use `curator download` with --limit")
    plan = imagery.plan(order)
    if plan is None:
        raise BadInput(f"{imagery.url} has no tiles to share out", hint="use `curator download` for a STAC catalogue")
    made = DownloadPlan(
        source=imagery.url,
        order=order_to_json(order),
        places=len(plan.windows),
        layers=tuple(LayerRuns(layer=part.layer.id, runs=runs_of(times)) for part, times in plan.parts),
        size=size,
    )
    return project.shards.add_plan(write_plan(made))


def plan_embed(project: Project, encoder: str | None = None, *, size: int = SHARD_ROWS) -> str:
    """Plan to make vectors for the chips that have none yet; returns the plan's id."""
    chosen = project.encoder(encoder)  # the project keeps a copy, which workers find by its id
    rows = project.embeddings(chosen).waiting_rows(project.chips)
    if not len(rows):
        raise Conflict(f"every chip of {project.location} has its vector of {chosen.card.name}")
    return project.shards.add_plan(write_plan(EmbedPlan(encoder=chosen.id, rows=ranges_of(rows), size=size)))


def plan_index(project: Project, encoder: str | None = None) -> str:
    """Plan to bring the vector index up to date; returns the plan's id."""
    chosen = project.encoder(encoder)
    embeddings = project.embeddings(chosen)
    embeddings.table.refresh()
    if not len(embeddings):
        raise Conflict(f"{project.location} has no vectors of {chosen.card.name} yet", hint="curator shards plan embed")
    return project.shards.add_plan(write_plan(IndexPlan(encoder=chosen.id, vectors=len(embeddings))))
