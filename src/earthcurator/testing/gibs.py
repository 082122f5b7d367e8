"""A GIBS of one's own on 127.0.0.1: the paths, headers, snapping of times, empty tiles and errors of NASA's, and on
wish its bad days. For tests of programs that use GIBS; no picture in it is real.

    with FakeGibs(faults=Faults(error_503=.1)) as gibs:
        urlopen(f"{gibs.url}/wmts/epsg4326/best/{layer}/default/2020-08-16/250m/3/1/2.jpg")

`python -m earthcurator.testing.gibs --port 8642` keeps one running for a person.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Self, cast
from urllib.parse import urlsplit

from aiohttp import web

from earthcurator.testing import gibs_documents as documents
from earthcurator.testing.gibs_archive import DEFAULT_LAYERS, LEVELS, FakeLayer, is_empty, matrix, paint, snap

__all__ = ["DEFAULT_LAYERS", "Counts", "FakeGibs", "FakeLayer", "Faults"]

Fault = Literal["429", "500", "503", "reset", "truncate", "cut", "html", "xml", "stall", "slow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How the server misbehaves. Each rate is a share of the answers, 0 to 1."""

    too_many: float = 0
    """429 with Retry-After."""
    error_500: float = 0
    error_503: float = 0
    reset: float = 0
    """The connection is reset before an answer."""
    truncate: float = 0
    """The connection closes in the middle of the tile."""
    cut: float = 0
    """Half the tile, with a Content-Length to match: only its bytes tell."""
    html: float = 0
    """200 with a page about maintenance."""
    xml: float = 0
    """200 with an ExceptionReport."""
    stall: float = 0
    """Never an answer."""
    slow: float = 0
    """A byte now and then, for ever."""
    retry_after_seconds: int = 1
    max_fails: int = 2
    """A path fails at most this many times in a row."""
    latency_seconds: float = 0
    max_concurrency: int = 0
    """More requests than this at once are answered with 429; 0: no limit."""
    seed: int = 0

    def of(self, path: str, attempt: int) -> Fault | None:
        """What goes wrong with the given attempt (from 0) at a path: always the same for the same seed."""
        if attempt >= self.max_fails:
            return None
        digest = hashlib.sha256(f"{self.seed} {path} {attempt}".encode()).digest()
        dart = int.from_bytes(digest[:8], "big") / 2**64
        rates: dict[Fault, float] = {
            "429": self.too_many,
            "500": self.error_500,
            "503": self.error_503,
            "reset": self.reset,
            "truncate": self.truncate,
            "cut": self.cut,
            "html": self.html,
            "xml": self.xml,
            "stall": self.stall,
            "slow": self.slow,
        }
        for fault, rate in rates.items():
            if dart < rate:
                return fault
            dart -= rate
        return None


@dataclass(slots=True)
class Counts:
    """What the server saw."""

    requests: Counter[str] = field(default_factory=Counter)
    """Path → how often it was asked for."""
    faults: Counter[str] = field(default_factory=Counter)
    """Kind of fault → how often it was given."""
    now: int = 0
    """Requests in progress."""
    peak: int = 0
    """Most requests in progress at once."""
    bytes: int = 0
    """Of tiles and documents sent whole."""
    not_modified: int = 0
    """Answers 304."""
    too_many: int = 0
    """Answers 429."""
    early: int = 0
    """Requests that came while a Retry-After had not run out, without those that were on their way."""

    @property
    def total(self) -> int:
        """All requests."""
        return self.requests.total()


class FakeGibs:
    """The server; runs in a thread of its own from `with` to its end. `layers`, `faults` and `counts` may be replaced
    while it runs."""

    on_their_way_seconds = 0.4
    """Requests this soon after a 429 were sent before it was read."""

    def __init__(
        self, layers: Iterable[FakeLayer] = DEFAULT_LAYERS, *, faults: Faults = Faults(), port: int = 0
    ) -> None:
        self.layers = {layer.id: layer for layer in layers}
        self.faults = faults
        self.counts = Counts()
        self.url = ""
        """Address of the server, `http://127.0.0.1:port`."""
        self.domains_page = 25_000
        """Periods on a page of DescribeDomains."""
        self._port = port
        self._tiles: dict[tuple[object, ...], bytes] = {}
        self._closed_from_to = (0.0, 0.0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-gibs", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._runner = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def archive(self, path: str) -> bytes:
        """The true bytes of a tile, by its path or address."""
        return self._tile(self._asked(urlsplit(path).path))

    # --- serving --------------------------------------------------------------------------------------------------

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        # A client that goes away ends its handler: stalled answers do not pile up.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        return runner

    async def _end(self) -> None:
        for site in list(self._runner.sites):
            await site.stop()
        await _rounds()  # connections that were just accepted become known
        await self._runner.cleanup()
        left = asyncio.all_tasks() - {task for task in (asyncio.current_task(),) if task}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        # Only the loop knows them all: those whose other end was killed, and those that came while we were closing.
        for connection in list(getattr(self._loop, "_transports", {}).values()):
            connection.abort()
        await _rounds()  # connections that were cut off close in the next rounds of the loop

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        faults, counts, path = self.faults, self.counts, request.path
        attempt = counts.requests[path]
        counts.requests[path] += 1
        arrived = time.monotonic()
        if self._closed_from_to[0] < arrived < self._closed_from_to[1]:
            counts.early += 1
        counts.now += 1
        counts.peak = max(counts.peak, counts.now)
        try:
            if faults.max_concurrency and counts.now > faults.max_concurrency:
                return self._too_many()
            fault = faults.of(path, attempt)
            await asyncio.sleep(faults.latency_seconds)
            if fault is None:
                answer = self._document(request) or self._tile_answer(request)
                counts.bytes += len(answer.body) if isinstance(answer.body, bytes) else 0
                return answer
            counts.faults[fault] += 1
            return await self._misbehave(fault, request)
        finally:
            counts.now -= 1

    def _too_many(self) -> web.Response:
        self.counts.too_many += 1
        seconds = self.faults.retry_after_seconds
        now = time.monotonic()
        start, end = self._closed_from_to
        start = start if now < end else now + self.on_their_way_seconds
        self._closed_from_to = (start, max(end, now + seconds))
        return web.Response(status=429, text="Too Many Requests", headers={"Retry-After": str(seconds)})

    async def _misbehave(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        match fault:
            case "429":
                return self._too_many()
            case "500" | "503":
                return web.Response(status=int(fault), text="The server is unable to service your request.")
            case "html":
                return web.Response(text="<html><body>Scheduled maintenance</body></html>", content_type="text/html")
            case "xml":
                return _exception(200, "NoApplicableCode", "", "Something went wrong")
            case _:
                return await self._break_off(fault, request)

    async def _break_off(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """Answer with less than the whole body."""
        whole = self._document(request) or self._tile_answer(request)
        body = whole.body if isinstance(whole.body, bytes) else b""
        transport = cast("asyncio.Transport", request.transport)
        if fault == "cut":
            return web.Response(body=body[: len(body) // 2], content_type=whole.content_type)
        if fault == "stall":
            await asyncio.sleep(3600)
        if fault == "reset":
            transport.abort()
            return whole
        answer = web.StreamResponse(headers={"Content-Type": whole.content_type, "Content-Length": str(len(body))})
        await answer.prepare(request)
        if fault == "slow":
            for start in range(len(body)):
                await answer.write(body[start : start + 1])
                await asyncio.sleep(0.1)
        await answer.write(body[: len(body) // 2])
        transport.close()
        return answer

    # --- documents ------------------------------------------------------------------------------------------------

    def _document(self, request: web.Request) -> web.Response | None:
        """The answer to a request for anything but a tile; None when it is for a tile."""
        path, query = request.path, {key.lower(): value for key, value in request.query.items()}
        if match := re.fullmatch(r"/layer-metadata/v1\.0/([^/]+)\.json", path):
            return self._about(match[1], documents.layer_metadata, "application/json")
        if match := re.fullmatch(r"/colormaps/v1\.3/([^/]+)\.xml", path):
            return self._about(match[1], documents.colormap, "text/xml")
        if match := re.fullmatch(r"/wmts/(epsg\d+)/(\w+)/(?:1\.0\.0/WMTSCapabilities\.xml|wmts\.cgi)", path):
            wanted = query["layer"].split(",") if "layer" in query else list(self.layers)
            layers = [self.layers[name] for name in wanted if name in self.layers]
            text = documents.capabilities(layers, match[1], match[2], self.url)
            return web.Response(text=text, content_type="text/xml")
        if match := re.fullmatch(r"/wmts/(epsg\d+)/\w+/1\.0\.0/([^/]+)/default/[^/]+/[^/]+/([^/]+)\.xml", path):
            return self._domains(match[2], match[3], query)
        return None

    def _about(self, name: str, write: Callable[[FakeLayer], str], content_type: str) -> web.Response:
        layer = self.layers.get(name)
        if layer is None or (write is documents.colormap and layer.painting == "true colour"):
            return _not_found()
        return web.Response(text=write(layer), content_type=content_type)

    def _domains(self, name: str, asked: str, query: dict[str, str]) -> web.Response:
        layer = self.layers.get(name)
        if layer is None:
            return _exception(400, "InvalidParameterValue", "LAYER", "LAYER does not exist")
        start, _, end = ("", "", "") if asked == "all" else asked.partition("--")
        page = documents.domains(
            layer,
            start,
            end,
            offset=int(query.get("offset", 0)),
            limit=int(query.get("limit", self.domains_page)),
            here=f"{self.url}/wmts/epsg4326/best/1.0.0/{name}/default/{next(iter(layer.sets.values()))}/all/{asked}.xml",
        )
        return web.Response(text=page, content_type="text/xml")

    # --- tiles ----------------------------------------------------------------------------------------------------

    def _tile_answer(self, request: web.Request) -> web.Response:
        try:
            asked = self._asked(request.path)
        except _Refused as refused:
            return refused.answer
        content = self._tile(asked)
        etag = f'"{hashlib.sha256(content).hexdigest()[:13]}"'
        headers = {"ETag": etag, "Cache-Control": "public, max-age=1500"}
        if request.headers.get("If-None-Match") == etag:
            self.counts.not_modified += 1
            return web.Response(status=304, headers=headers)
        if not is_empty(asked.layer, asked.time, asked.zoom, asked.row, asked.column):
            headers["Layer-Identifier-Request"] = asked.layer.id
            headers["Layer-Identifier-Actual"] = asked.layer.version(asked.time)
            if asked.time:
                headers["Layer-Time-Request"], headers["Layer-Time-Actual"] = asked.requested, asked.time
        return web.Response(body=content, content_type=asked.layer.media_type, headers=headers)

    def _tile(self, asked: _Asked) -> bytes:
        version = asked.layer.version(asked.time)
        empty = is_empty(asked.layer, asked.time, asked.zoom, asked.row, asked.column)
        key = (version, asked.projection, asked.time, asked.zoom, asked.row, asked.column, empty)
        if key not in self._tiles:
            self._tiles[key] = paint(asked.layer, asked.projection, asked.time, asked.zoom, asked.row, asked.column)
        return self._tiles[key]

    def _asked(self, path: str) -> _Asked:
        """What a path asks for. Raises `_Refused` with the error that OnEarth answers."""
        match = _TILE.fullmatch(path)
        if match is None or match["projection"] not in LEVELS:
            raise _Refused(_not_found())
        projection = match["projection"]
        layer = self.layers.get(match["layer"])
        if layer is None or projection not in layer.sets:
            raise _invalid("LAYER", "LAYER does not exist")
        grid = layer.sets[projection]
        if match["grid"] != grid:
            raise _invalid("TILEMATRIXSET", "TILEMATRIXSET is invalid for LAYER")
        if match["extension"].replace("jpeg", "jpg") != layer.extension:
            raise _invalid("FORMAT", "FORMAT is invalid for LAYER")
        zoom, row, column = int(match["zoom"]), int(match["row"]), int(match["column"])
        if zoom >= LEVELS[projection][grid]:
            raise _invalid("TILEMATRIX", "TILEMATRIX is invalid for TILEMATRIXSET")
        level = matrix(projection, zoom)
        if row >= level.rows or column >= level.columns:
            where = "TILEROW" if row >= level.rows else "TILECOL"
            raise _invalid(where, f"{where} is out of range, maximum value is exceeded", code="TileOutOfRange")
        requested = match["time"] or "default"
        actual = self._actual_time(layer, requested) if layer.timed else ""
        return _Asked(layer, projection, requested, actual, zoom, row, column)

    @staticmethod
    def _actual_time(layer: FakeLayer, requested: str) -> str:
        if requested != "default" and not _TIME.fullmatch(requested):
            raise _invalid("TIME", "Invalid time format, must be YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ")
        try:
            actual = snap(layer.periods, requested)
        except ValueError:
            raise _invalid("TIME", "The requested TIME does not exist for this layer") from None
        if actual is None:
            raise _Refused(_not_found())
        return actual


@dataclass(frozen=True, slots=True)
class _Asked:
    """A tile that exists."""

    layer: FakeLayer
    projection: str
    requested: str
    time: str
    """The instant it is of, as `Layer-Time-Actual` has it; empty for a layer without times."""
    zoom: int
    row: int
    column: int


class _Refused(Exception):
    """The request is answered with an error."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__(answer.text)
        self.answer = answer


_TILE = re.compile(
    r"/wmts/(?P<projection>epsg\d+)/(?:best|std|nrt|all)/(?P<layer>[^/]+)/default(?:/(?P<time>[^/]+))?"
    r"/(?P<grid>[^/]+)/(?P<zoom>\d+)/(?P<row>\d+)/(?P<column>\d+)\.(?P<extension>jpe?g|png)"
)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?")


async def _rounds() -> None:
    """Some rounds of the loop, however long each takes: a busy server's may take longer than any pause."""
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(0.02)


def _not_found() -> web.Response:
    return web.Response(status=404, text="Not Found. The requested URL was not found on this server.")


def _exception(status: int, code: str, locator: str, text: str) -> web.Response:
    body = documents.exception_report(code, locator, text)
    return web.Response(status=status, text=body, content_type="text/xml")


def _invalid(locator: str, text: str, *, code: str = "InvalidParameterValue") -> _Refused:
    return _Refused(_exception(400, code, locator, text))


def main() -> None:
    """Run until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A fake NASA GIBS on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8642)
    parser.add_argument("--latency", type=float, default=0, help="seconds before each answer")
    options = parser.parse_args()
    with FakeGibs(port=options.port, faults=Faults(latency_seconds=options.latency)) as gibs:
        sys.stdout.write(f"{gibs.url}/wmts/epsg4326/best/1.0.0/WMTSCapabilities.xml\n")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
