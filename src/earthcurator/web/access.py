"""Who asks: the person of a token or of a browser's session; this machine's user where nobody has an account.

What a person may do is decided in `context`.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from threading import Lock

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from earthcurator.errors import Busy, Conflict, NotAllowed, NotSignedIn
from earthcurator.models import Pairing, Person
from earthcurator.project import Project
from earthcurator.store.sql.people import SESSION_SECONDS
from earthcurator.web import extensions
from earthcurator.web.context import RANK
from earthcurator.web.serving import Serving

FRESH_SECONDS = 2.0
"""For how long an answer of the database counts, so that not every label asks it. Who is removed through another
process may come in that much longer."""

MOST_KNOWN = 10_000
"""Secrets and addresses that are kept in memory."""

WRONG_ALLOWED = 30
"""How many different wrong secrets an address may try within `WRONG_SECONDS`. One that it sends again and again, as a
program with an old token does, counts once."""
WRONG_SECONDS = 60.0

LOCAL = Person(id="local", name="you", role="owner", created=datetime.fromtimestamp(0, UTC))
"""Whoever uses this machine, as long as nobody has an account."""

_SIGN_IN = "open the link that an owner gave you, or send the header Authorization: Bearer cur_..."


@dataclass(frozen=True, slots=True)
class _Entrant:
    """Whom a secret lets in."""

    person: Person
    paired: bool = False
    """Whether it is an extension that asks in their name."""


class Access:
    """Tells who asks. Safe to use from many threads."""

    def __init__(self, project: Project, serving: Serving, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._project, self._serving, self._clock = project, serving, clock
        self._known: OrderedDict[bytes, tuple[_Entrant | None, float]] = OrderedDict()
        self._accounts: tuple[bool, float] = (False, -FRESH_SECONDS)
        self._origins: tuple[frozenset[str], float] = (frozenset(), -FRESH_SECONDS)
        self._wrong = _WrongSecrets(clock)
        self._lock = Lock()

    async def person(self, connection: HTTPConnection) -> Person:
        """Who sent this request or opened this WebSocket. Without an account: `LOCAL` on this machine, else nobody."""
        bearer, secret = _bearer(connection), secret_of(connection)
        if bearer is None and extensions.extension_of(connection.headers):  # nor LOCAL, nor by a cookie
            raise NotSignedIn("an extension must send the token of its pairing", hint="pair it with this project again")
        if secret is not None:
            found = await self._entrant(secret, address(connection))
            if found is not None and not found.paired:
                return found.person
            if found is not None and bearer is not None:  # a paired extension has no cookies
                if not extensions.may(connection.scope):
                    raise NotAllowed("an extension may not do this", hint="open Curator itself for it")
                return found.person
        # A browser sends an old cookie unasked, also that of another project on another port.
        # A program that sends a token means it.
        if bearer is None and self._is_local(connection) and not await self._any_accounts():
            return LOCAL
        if secret is None:
            raise NotSignedIn("this server must know who asks", hint=_SIGN_IN)
        raise NotSignedIn("this token or session is unknown, has expired or was revoked", hint=_SIGN_IN)

    @contextmanager
    def attempt(self, connection: HTTPConnection, secret: str) -> Iterator[None]:
        """Around a sign-in: an address that guesses is refused."""
        place, key = address(connection), _hash(secret)
        self._wrong.check(place, key)
        try:
            yield
        except NotSignedIn:
            self._wrong.add(place, key)
            raise
        self.forget()

    async def is_paired(self, origin: str) -> bool:
        """Whether an extension of this origin was let in."""
        found, until = self._origins
        if self._clock() >= until:
            found = await run_in_threadpool(self._project.records.pairings.origins)
            self._origins = (found, self._clock() + FRESH_SECONDS)
        return origin in found

    def person_of(self, pairing: Pairing) -> Person:
        """In whose name an extension asks, with the role that it has for that."""
        person = LOCAL if pairing.person == LOCAL.id else self._project.records.people.find(pairing.person)
        return replace(person, role=min(person.role, pairing.role, key=RANK.__getitem__))

    def forget(self) -> None:
        """People or secrets have changed: ask the database again."""
        with self._lock:
            self._known.clear()
            self._accounts = (False, -FRESH_SECONDS)
            self._origins = (frozenset(), -FRESH_SECONDS)

    async def _entrant(self, secret: str, place: str) -> _Entrant | None:
        key, now = _hash(secret), self._clock()
        known = self._known.get(key)
        if known is not None and now < known[1]:
            return known[0]
        if known is None or known[0] is None:  # who is in stays in, whatever others at their address do
            self._wrong.check(place, key)
        found = await run_in_threadpool(self._look_up, secret)
        if found is None:
            self._wrong.add(place, key)
        with self._lock:
            self._known[key] = (found, now + FRESH_SECONDS)
            self._known.move_to_end(key)
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return found

    def _look_up(self, secret: str) -> _Entrant | None:
        records = self._project.records
        person = records.people.person_of(secret)
        if person is not None:
            return _Entrant(person)
        pairing = records.pairings.of(secret)
        return None if pairing is None else _Entrant(self.person_of(pairing), paired=True)

    def _is_local(self, connection: HTTPConnection) -> bool:
        """Whether only a program on this machine can have sent this, and no proxy for somebody else."""
        forwarded = any(name in connection.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
        return self._serving.loopback and not forwarded

    async def _any_accounts(self) -> bool:
        found, until = self._accounts
        if self._clock() >= until:
            found = await run_in_threadpool(self._project.records.people.any)
            self._accounts = (found, self._clock() + FRESH_SECONDS)
        return found


class _WrongSecrets:
    """Which wrong secrets each address has tried lately."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tried: OrderedDict[str, dict[bytes, float]] = OrderedDict()
        self._lock = Lock()

    def check(self, place: str, key: bytes) -> None:
        with self._lock:
            tried = self._lately(place)
            if len(tried) < WRONG_ALLOWED or key in tried:
                return
            wait = WRONG_SECONDS - (self._clock() - min(tried.values()))
        raise Busy("too many wrong tokens came from your address", hint="wait a minute", retry_seconds=int(wait) + 1)

    def add(self, place: str, key: bytes) -> None:
        with self._lock:
            self._tried[place] = {**self._lately(place), key: self._clock()}
            self._tried.move_to_end(place)
            while len(self._tried) > MOST_KNOWN:
                self._tried.popitem(last=False)

    def _lately(self, place: str) -> dict[bytes, float]:
        since = self._clock() - WRONG_SECONDS
        return {key: when for key, when in self._tried.get(place, {}).items() if when > since}


class SignedInFirst:
    """Asks who it is before a large body of JSON is read: FastAPI reads it first, and asks then."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or raise NotSignedIn."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/api/v1/tasks"):
            access: Access = scope["app"].state.access
            await access.person(HTTPConnection(scope))
        await self._app(scope, receive, send)


def refuse_open(project: Project, serving: Serving) -> None:
    """Stop a server that others could reach while everybody would be refused, or worse, nobody."""
    if not serving.loopback and not project.records.people.any():
        raise Conflict(
            f"a server on {serving.host} can be reached from other machines, and this project has no accounts",
            hint="make one first: curator user add NAME --role owner",
        )


def sign_in(response: Response, connection: HTTPConnection, secret: str) -> None:
    """Let the browser keep its session, where no script can read it."""
    response.set_cookie(
        cookie_of(connection.app.state.project),
        secret,
        max_age=SESSION_SECONDS,
        path="/",
        secure=connection.url.scheme in {"https", "wss"},
        httponly=True,
        samesite="strict",
    )


def sign_out(response: Response, connection: HTTPConnection) -> None:
    """Let the browser forget its session."""
    response.delete_cookie(cookie_of(connection.app.state.project), path="/", httponly=True, samesite="strict")


def session_of(connection: HTTPConnection) -> str | None:
    """What the browser keeps of its session."""
    return connection.cookies.get(cookie_of(connection.app.state.project))


def cookie_of(project: Project) -> str:
    """The cookie's name: browsers send a cookie to all ports of a host, so that each project has its own."""
    return f"curator_session_{project.id}"


def secret_of(connection: HTTPConnection) -> str | None:
    """What a request means to come in with: its token, else the session of its browser."""
    bearer = _bearer(connection)
    return session_of(connection) if bearer is None else bearer


def address(connection: HTTPConnection) -> str:
    """Where a request comes from."""
    return connection.client.host if connection.client else ""


def _bearer(connection: HTTPConnection) -> str | None:
    """The token, if one was sent. Other kinds of authorization are for proxies before us."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _hash(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
