"""The application: routes under `/api/v1`, behind the guard, for one project."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event, Thread

from fastapi import FastAPI

import earthcurator
from earthcurator.errors import CuratorError
from earthcurator.jobs import Runner
from earthcurator.project import Project
from earthcurator.web import (
    chips,
    datasets,
    encoders,
    errors,
    explore,
    health,
    imagery,
    jobs,
    learn,
    live,
    metrics,
    pairing,
    people,
    search,
    tasks,
    worldview,
)
from earthcurator.web.access import Access, SignedInFirst
from earthcurator.web.guard import Guard
from earthcurator.web.lanes import Lanes
from earthcurator.web.pages import Pages
from earthcurator.web.serving import Serving
from earthcurator.web.trainer import STOP_SECONDS, Trainer

log = logging.getLogger(__name__)

PARTS = (
    chips.router,
    search.router,
    worldview.router,
    explore.router,
    imagery.router,
    tasks.router,
    learn.router,
    encoders.router,
    datasets.router,
    jobs.router,
    people.router,
    pairing.router,
    live.router,
)
"""What is under `/api/v1`."""


def create_app(
    project: Project, serving: Serving, *, runner: Runner | None = None, counted: metrics.Metrics | None = None
) -> FastAPI:
    """The app for an open project. The caller closes the project; `runner` works on jobs while the app runs."""
    counted = counted or metrics.Metrics()
    broadcast = live.Broadcast(project)
    trainer = Trainer(project, broadcast.look)

    ended = Event()
    ahead = Thread(target=_read_ahead, args=(project, ended.is_set), name="curator-ids", daemon=True)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with broadcast.running():
            ahead.start()
            trainer.start()
            if runner is not None:
                runner.start()
            try:
                yield
            finally:
                ended.set()
                trainer.stop()
                if runner is not None:
                    runner.stop()
                ahead.join(STOP_SECONDS)

    app = FastAPI(
        title="Curator",
        summary="From one reference picture to a labelled dataset, over any archive of Earth imagery.",
        version=earthcurator.__version__,
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its pages load scripts from elsewhere; ours are in the docs
        redoc_url=None,
        responses={"4XX": {"model": errors.Failure}, "5XX": {"model": errors.Failure}},
    )
    app.state.project = project
    app.state.serving = serving
    app.state.access = Access(project, serving)
    app.state.metrics = counted
    app.state.readiness = health.Readiness.of(project)
    app.state.lanes = Lanes(project.threads, counted)
    app.state.live = broadcast
    app.state.trainer = trainer
    app.state.maps = explore.Maps()
    app.state.runner = runner
    errors.install(app)
    for part in PARTS:  # one by one: FastAPI builds the routes of routers in routers twice
        app.include_router(part, prefix="/api/v1")
    app.include_router(health.router)
    app.include_router(metrics.router)

    # Asked only for what no route has: a page never hides a path of the API, nor the methods that it takes.
    app.router.default = Pages(app.router.not_found, project.settings.static)
    app.add_middleware(SignedInFirst)
    app.add_middleware(Guard, serving=serving, metrics=counted)
    return app


def _read_ahead(project: Project, halted: Callable[[], bool]) -> None:
    """What the first search would wait for: at ten million chips their ids take ten seconds and more."""
    try:
        project.chips.ids.read(halted)
    except CuratorError as error:
        log.warning("the ids of chips could not be read ahead: %s", error)
