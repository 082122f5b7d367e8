"""What the server counts and times, for Prometheus: requests, lanes, labels, and jobs.

Values of labels come from short lists (methods, routes, lanes, states), never from what a client sends or from the
project: a chip or a person in them would make a series each.

Several processes behind one port write into files of one folder, and whichever is asked answers for all of them.
`prometheus_client` decides by the environment, when it is imported, whether it does so: see `shared_by_processes`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hmac import compare_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.requests import HTTPConnection

import earthcurator
from earthcurator.errors import CuratorError
from earthcurator.web.access import secret_of
from earthcurator.web.context import Here, at_least

log = logging.getLogger(__name__)
router = APIRouter(tags=["server"])

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """What one server counts. `shared` is the folder in which several processes count together."""

    def __init__(self, shared: Path | None = None) -> None:
        self._shared = shared
        self._registry = CollectorRegistry()
        counter = partial(Counter, registry=self._registry)
        gauge = partial(Gauge, registry=self._registry, multiprocess_mode="livesum")
        histogram = partial(Histogram, registry=self._registry)
        route = ["method", "route"]
        self._requests = counter("curator_http_requests", "Requests that were answered.", [*route, "status"])
        self._seconds = histogram("curator_http_request_seconds", "From request to answer.", route)
        self.open = gauge("curator_http_requests_open", "Requests that are being answered.")
        self.lane_requests = gauge("curator_lane_requests", "Requests in a lane, at work or waiting.", ["lane"])
        self.lane_refused = counter("curator_lane_refused", "Requests that found a lane full.", ["lane"])
        self.lane_seconds = histogram("curator_lane_seconds", "Work in a lane, without waiting.", ["lane"])
        self.labels = counter("curator_labels_written", "Labels that were new, whoever gave them.")
        if shared is None:
            ProcessCollector(registry=self._registry)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. `status` is 0 where none was sent."""
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status) if status else "none").inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self, jobs: Mapping[str, int]) -> bytes:
        """All of it, as Prometheus reads it. `jobs` is how many there are of each state."""
        counted = self._registry
        if self._shared is not None:
            _forget_the_dead(self._shared)
            counted = CollectorRegistry()
            MultiProcessCollector(counted, path=str(self._shared))  # type: ignore[no-untyped-call]  # it has no types
        read = CollectorRegistry()
        Gauge("curator_info", "What runs here.", ["version"], registry=read).labels(earthcurator.__version__).set(1)
        states = Gauge("curator_jobs", "Jobs of the project.", ["state"], registry=read)
        for state, number in jobs.items():
            states.labels(state).set(number)
        return generate_latest(counted) + generate_latest(read)


@contextmanager
def shared_by_processes() -> Iterator[Path]:
    """A folder in which the processes that are started meanwhile count together."""
    with TemporaryDirectory(prefix="curator-metrics-") as folder:
        os.environ[_FOLDER] = folder  # the one way to tell prometheus_client; the processes inherit it
        try:
            yield Path(folder)
        finally:
            del os.environ[_FOLDER]


def _forget_the_dead(folder: Path) -> None:
    """What a process was doing when it ended is no longer done; what it had counted stays counted."""
    for path in folder.glob("gauge_live*_*.db"):
        process = int(path.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]  # it has no types


async def _may_read(connection: HTTPConnection, project: Here) -> None:
    """An owner, or a program that was given `CURATOR_METRICS_TOKEN`."""
    token, sent = project.settings.metrics_token, secret_of(connection)
    if token and sent and compare_digest(sent.encode(), token.get_secret_value().encode()):
        return
    await at_least("owner")(connection)


async def _metrics(connection: HTTPConnection) -> Metrics:
    metrics: Metrics = connection.app.state.metrics
    return metrics


Counted = Annotated[Metrics, Depends(_metrics)]


@router.get(
    "/metrics",
    dependencies=[Depends(_may_read)],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(project: Here, counted: Counted) -> Response:
    """Figures for Prometheus. For owners, and for the token in `CURATOR_METRICS_TOKEN`."""
    try:
        jobs = project.records.jobs.counts()
    except CuratorError:
        log.warning("jobs are left out of the metrics: the database does not answer", exc_info=True)
        jobs = {}
    return Response(counted.text(jobs), media_type=CONTENT_TYPE_LATEST)
