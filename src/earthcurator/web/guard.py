"""What every request passes before any route: who is addressed, from where, and how much may come in.

A page on another site can make a browser send requests here. It cannot choose the Host header to be ours (DNS
rebinding needs its own name), nor hide its Origin; so these two are what is checked. Bodies are counted while they
arrive, because what Content-Length says may be missing or wrong. Every answer leaves with the headers that keep
browsers from guessing, framing and caching, and with the id under which the log knows it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from earthcurator.errors import BadRequest, Busy, CuratorError, NotAllowed, TooLarge, WrongHost
from earthcurator.web import errors, extensions
from earthcurator.web.logs import REQUEST
from earthcurator.web.metrics import Metrics
from earthcurator.web.serving import Serving

if TYPE_CHECKING:
    from earthcurator.web.access import Access

log = logging.getLogger(__name__)

MB = 1_000_000
JSON_BYTES = MB
PICTURE_BYTES = 32 * MB
TASK_BYTES = 16 * MB
"""A new task may name 100,000 chips."""
MOST_REQUESTS = 512
"""Requests that are under way at once."""
IDLE_SECONDS = 30.0
"""A body of which nothing comes for so long is given up."""
SLOWEST_BYTES = 1000
"""A second, on average, after the first `IDLE_SECONDS`: else a few hundred who trickle would keep all others out."""
LINGER_BYTES = MB
LINGER_SECONDS = 1.0

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
        "frame-ancestors 'none'; base-uri 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Answered however much there is to do: it is then that somebody looks."""
_LOOKING = {"GET", "HEAD", "OPTIONS"}
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Guard:
    """The outermost part of the app."""

    def __init__(
        self,
        app: ASGIApp,
        serving: Serving,
        *,
        idle_seconds: float = IDLE_SECONDS,
        new_id: Callable[[], str] = lambda: token_hex(8),
        metrics: Metrics | None = None,
    ) -> None:
        self._app = app
        self._serving = serving
        self._idle_seconds = idle_seconds
        self._new_id = new_id
        self._metrics = metrics or Metrics()
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it here."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = Headers(scope=scope)
            _check_host(headers, self._serving)
            _check_origin(scope, headers, self._serving)
        except CuratorError as error:
            log.warning("refused a WebSocket: %s", error)
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: the client gets a 403
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        exchange = _Exchange(scope, receive, send, self._id(headers), self._idle_seconds)
        REQUEST.set(exchange.name)
        self._requests += 1
        self._metrics.open.inc()
        try:
            _check_host(headers, self._serving)
            exchange.extension = await _paired(scope, headers)
            if exchange.extension and extensions.is_preflight(scope, headers):
                await extensions.preflight()(scope, exchange.receive, exchange.send)
                return
            self._check(scope, headers, exchange)
            await self._app(scope, exchange.receive, exchange.send)
        except CuratorError as error:
            await exchange.refuse(errors.answer(error))
        except Exception:
            if not exchange.refused:  # else the route only noticed that its body ended early
                log.exception("%s failed", exchange)
                await exchange.refuse(errors.mistake())
        finally:
            self._requests -= 1
            self._metrics.open.dec()
            self._metrics.count(scope["method"], exchange.route, exchange.status, exchange.seconds)
            quiet = scope["path"] in _PROBES and exchange.status == HTTPStatus.OK
            log.log(logging.DEBUG if quiet else logging.INFO, "%s", exchange, extra={"fields": exchange.fields})

    def _check(self, scope: Scope, headers: Headers, exchange: _Exchange) -> None:
        if scope["method"] not in _LOOKING and not (exchange.extension and _has_token(scope, headers)):
            _check_origin(scope, headers, self._serving)
        exchange.limit = _limit(scope["path"], self._serving)
        if "content-length" in headers and _declared_bytes(headers) > exchange.limit:
            raise _too_large(exchange.limit)
        if self._requests > MOST_REQUESTS and scope["path"] not in _PROBES:
            raise Busy(f"{self._requests} requests are under way already", hint="ask again in a second")

    def _id(self, headers: Headers) -> str:
        given = headers.get("x-request-id", "")
        return given if _REQUEST_ID.fullmatch(given) else self._new_id()


class _Exchange:
    """One request and its answer: counts what comes in, and adds headers to what goes out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, name: str, idle_seconds: float) -> None:
        self.limit = 0
        self.refused = False
        self.extension = ""
        """The origin that may read the answer; empty for all but paired extensions."""
        self._declared = _declared_bytes(Headers(scope=scope))
        self._scope = scope
        self._receive = receive
        self._send = send
        self.name = name
        self._idle_seconds = idle_seconds
        self._begun = time.monotonic()
        self._bytes = 0
        self._waited = 0.0
        self.status = 0
        self._reading = True
        scope.setdefault("state", {})["request_id"] = name

    def __str__(self) -> str:
        took = 1000 * self.seconds
        return f"{self._scope['method']} {self._path} {self.status or 'no answer'} {took:.0f} ms {self.name}"

    @property
    def fields(self) -> dict[str, Any]:
        """The same for a program that reads the log."""
        return {
            "method": self._scope["method"],
            "path": self._path,
            "route": self.route,
            "status": self.status,
            "milliseconds": round(1000 * self.seconds),
        }

    @property
    def route(self) -> str:
        """The template of its route below `/api/v1`, e.g. `/tasks/{task}`; `other` for all that has none."""
        route = self._scope.get("route")
        return route.path.removeprefix("/api/v1") if route is not None else "other"

    @property
    def seconds(self) -> float:
        """Since it came."""
        return time.monotonic() - self._begun

    @property
    def _path(self) -> str:
        path: bytes = self._scope.get("raw_path", b"")
        return path.decode("ascii", "replace")  # as sent: no line breaks in the log

    async def receive(self) -> Message:
        """The next piece of the body; the end of the connection once it is too large."""
        if self.refused:
            return {"type": "http.disconnect"}
        if not self._reading:
            return await self._receive()
        patience = self._idle_seconds + self._bytes / SLOWEST_BYTES - self._waited
        began = time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), min(self._idle_seconds, patience))
        except TimeoutError:
            late = BadRequest("the rest of the request did not come in time", hint="try again")
            await self.refuse(errors.answer(late))
            return {"type": "http.disconnect"}
        self._waited += time.monotonic() - began
        self._bytes += len(message.get("body", b""))
        self._reading = bool(message.get("more_body", False))
        if self._bytes > self.limit:
            await self.refuse(errors.answer(_too_large(self.limit)))
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        """Pass the route's answer on, unless the request was refused in the meantime."""
        if self.refused:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._dress(MutableHeaders(scope=message))
        await self._send(message)

    def _dress(self, headers: MutableHeaders) -> None:
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        headers["X-Request-ID"] = self.name
        if self.extension:
            headers.update(extensions.allow(self.extension))
        if self._reading and self._declared > LINGER_BYTES:
            headers["Connection"] = "close"  # the route has seen enough; nobody reads the rest
        if self._scope["path"].startswith("/api/"):
            headers.setdefault("Cache-Control", "no-store")
            headers.add_vary_header("Origin")

    async def refuse(self, response: Response) -> None:
        """Answer here, and close the connection rather than read the body to its end."""
        if self.status:  # the answer has begun: all that is left is to end it
            self.refused = True
            return
        response.headers["Connection"] = "close"
        start = {"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers}
        await self.send(start)
        self.refused = True
        await self._send({"type": "http.response.body", "body": response.body, "more_body": True})
        await self._linger()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _linger(self) -> None:
        """Read on a little: a connection that is closed with unread input loses the answer on its way out."""
        left = LINGER_BYTES
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while self._reading and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._reading = bool(message.get("more_body", False))
        except TimeoutError:
            pass


def _declared_bytes(headers: Headers) -> float:
    """How long the body is said to be; infinite where it comes in chunks."""
    if "transfer-encoding" in headers:
        return math.inf
    length = headers.get("content-length", "0")
    return float(length) if length.isascii() and length.isdecimal() else math.inf


def _check_host(headers: Headers, serving: Serving) -> None:
    named = headers.getlist("host")
    host = _HOST.fullmatch(named[0]) if len(named) == 1 else None
    if host is None:
        raise WrongHost("a request must name its host, once", hint="send one Host header")
    if not serving.knows(host[1]):
        raise WrongHost(
            f"this server is not called {host[1]:.100}",
            hint="if it should be, the owner can say so: curator serve --name NAME",
        )


async def _paired(scope: Scope, headers: Headers) -> str:
    """The origin of a paired extension that sends its token, or of one that is about to get it; empty for all others.

    Before it sends a token a browser asks whether it may; and anybody may ask whether the server is well.
    """
    origin = extensions.extension_of(headers)
    if not origin or scope["path"] == extensions.CLAIM:
        return origin
    if not (_has_token(scope, headers) or extensions.is_preflight(scope, headers) or scope["path"] == "/healthz"):
        return ""
    access: Access = scope["app"].state.access
    return origin if await access.is_paired(origin) else ""


def _has_token(scope: Scope, headers: Headers) -> bool:
    """Whether an extension says who asks; it has no token yet when it claims one."""
    return scope["path"] == extensions.CLAIM or headers.get("authorization", "").lower().startswith("bearer ")


def _check_origin(scope: Scope, headers: Headers, serving: Serving) -> None:
    """Pages of other sites change nothing here. Programs that are no browsers send neither of these headers."""
    origins = headers.getlist("origin")
    if len(origins) == 1 and origins[0] in serving.origins:
        return
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    own = f"{scheme}://{headers['host']}".lower()
    if any(_without_default_port(origin.lower()) != _without_default_port(own) for origin in origins):
        raise NotAllowed(
            f"a page at {origins[0]:.100} may not change things at {own}",
            hint="use this server's own pages; a proxy before it must pass Host and X-Forwarded-Proto on",
        )
    if headers.get("sec-fetch-site") == "cross-site":
        raise NotAllowed("a page of another site may not change things here", hint="use this server's own pages")


def _without_default_port(origin: str) -> str:
    return origin.removesuffix(_DEFAULT_PORTS.get(origin.partition(":")[0], ""))


def _limit(path: str, serving: Serving) -> int:
    """How many bytes the body of a request to this path may have."""
    if path == "/api/v1/uploads":
        return serving.upload_bytes
    if path in {"/api/v1/examples", "/api/v1/search/upload"}:
        return PICTURE_BYTES
    if path.startswith("/api/v1/tasks"):
        return TASK_BYTES
    return JSON_BYTES


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"this request has more than {limit / MB:g} MB", hint="send less at once")
