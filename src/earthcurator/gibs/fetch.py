"""Fetching tiles and documents: many at once, politely, until they are right. The only module that opens sockets to a
tile server.

Requests run in one background thread with an asyncio loop; callers see plain generators and functions. How fast and
how often is decided in `politeness`, what counts as a tile in `bodies`, and where tiles are kept by the cache.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import random
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from earthcurator.errors import BadInput, BadPicture, NotFound, SourceUnreachable
from earthcurator.gibs.bodies import Unusable, check_body, check_document, is_blank, says_version, words
from earthcurator.gibs.politeness import Policy, Verdict, backoff, retry_after, verdict
from earthcurator.gibs.tiles import Failed, Fetched, StoredTile, TileCache, TileRequest
from earthcurator.gibs.times import iso
from earthcurator.gibs.turns import Failure, Host
from earthcurator.pictures import inspect

log = logging.getLogger(__name__)

USER_AGENT = "earthcurator (imagery for research; reads Retry-After)"

_DEFAULT_POLICY = Policy()

_T = TypeVar("_T")

MAX_BYTES = 64_000_000
"""A longer answer is not read to its end."""

_WANTED = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


@dataclass(slots=True)
class Stats:
    """What a fetcher has done so far."""

    requests: int = 0
    """Requests sent."""
    bytes: int = 0
    """Of bodies received."""
    retries: int = 0
    """Requests sent for something that had been asked for before."""
    from_cache: int = 0
    """Tiles that came without asking."""
    unchanged: int = 0
    """Tiles of which the server said that they are still right."""
    blank: int = 0
    missing: int = 0
    failed: int = 0
    connections: int = 0
    """Requests allowed at once at the moment."""


class Fetcher:
    """Use it in a `with` block; it may serve several `tiles` one after the other."""

    def __init__(
        self,
        cache: TileCache,
        policy: Policy = _DEFAULT_POLICY,
        *,
        user_agent: str = USER_AGENT,
        ca_file: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        rng: random.Random | None = None,
    ) -> None:
        self.stats = Stats(connections=policy.connections)
        self._cache = cache
        self._policy = policy
        self._user_agent = user_agent
        self._ca_file = ca_file
        self._now = now
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not secrets
        self._hosts: dict[str, Host] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fetcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._session = self._run(self._open())
        return self

    def __exit__(self, *exc: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def tiles(self, requests: Iterable[TileRequest]) -> Generator[Fetched | Failed]:
        """The answers, in the order in which they come.

        Requests are read only as fast as answers are taken. Each tile is in the cache before it is given out, so
        nothing is lost when the caller stops. Raises `SourceUnreachable` when it makes no sense to go on.
        """
        todo = iter(requests)
        done: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
        waiting: dict[str, list[TileRequest]] = {}
        futures: dict[str, Future[None]] = {}
        more = True
        try:
            while more or waiting:
                while more and len(waiting) < 2 * self._policy.most:
                    request = next(todo, None)
                    if request is None:
                        more = False
                    elif request.url in waiting:
                        waiting[request.url].append(request)
                    else:
                        old = self._known(request)
                        if old and self._policy.is_fresh(old.stored, request.time, self._now()):
                            yield self._from_cache(request, old)
                            continue
                        waiting[request.url] = [request]
                        futures[request.url] = self._submit(self._deliver(request, old, done))
                if waiting:
                    url, outcome = _take(done)
                    del futures[url]
                    for request in waiting.pop(url):
                        yield self._told(request, outcome)
        finally:
            self._stop(futures.values())

    def document(self, url: str) -> bytes:
        """An XML or JSON document. Raises `NotFound` when there is none, `SourceUnreachable` when it cannot be had."""
        return self._run(self._document(url))

    # --- in the caller's thread -----------------------------------------------------------------------------------

    def _known(self, request: TileRequest) -> _Had | None:
        """What the cache has, with its bytes."""
        stored = self._cache.get(request.url)
        content = self._cache.read(stored.sha256) if stored and stored.sha256 else b""
        return None if stored is None or content is None else _Had(stored, content)

    def _from_cache(self, request: TileRequest, old: _Had) -> Fetched:
        self.stats.from_cache += 1
        self._count(old.stored)
        return Fetched(request, old.stored, old.content, cached=True)

    def _count(self, stored: StoredTile) -> None:
        self.stats.blank += stored.status == "blank"
        self.stats.missing += stored.status == "missing"

    def _told(self, request: TileRequest, outcome: _Had | Exception) -> Fetched | Failed:
        match outcome:
            case _Had(stored, content):
                self._count(stored)
                return Fetched(request, stored, content, cached=False)
            case _GivenUp():
                self.stats.failed += 1
                when = iso(request.time) if request.time else "no time"
                reason = f"{request.layer}, {when}, tile {request.tile}: {outcome}"
                return Failed(request, reason, refused=outcome.refused)
            case _:
                raise outcome

    def _submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        future = self._submit(work)
        try:
            return future.result()
        finally:
            future.cancel()

    def _stop(self, futures: Iterable[Future[None]]) -> None:
        for future in futures:
            future.cancel()

    # --- in the loop's thread -------------------------------------------------------------------------------------

    async def _open(self) -> aiohttp.ClientSession:
        policy = self._policy
        # OpenSSL's own defaults: the system's certificates, or those of SSL_CERT_FILE.
        trusted = _trusted(self._ca_file)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=trusted, keepalive_timeout=30),
            headers={"User-Agent": self._user_agent},
            timeout=aiohttp.ClientTimeout(
                total=policy.total_timeout_seconds,
                sock_connect=policy.connect_timeout_seconds,
                sock_read=policy.read_timeout_seconds,
            ),
        )

    async def _close(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()
        for _ in range(10):  # connections close in the next rounds of the loop
            await asyncio.sleep(0)

    async def _deliver(self, request: TileRequest, old: _Had | None, done: queue.SimpleQueue[_Outcome]) -> None:
        try:
            outcome: _Had | Exception = await self._tile(request, old)
        except Exception as exc:  # noqa: BLE001 - raised again in the caller's thread
            outcome = exc
        done.put((request.url, outcome))

    async def _tile(self, request: TileRequest, old: _Had | None) -> _Had:
        fresh = self._known(request) if old is None else None
        if fresh is not None:  # another program has fetched it meanwhile
            return _Had(fresh.stored, fresh.content)
        host = self._host(request.url)
        headers = {"Accept-Encoding": "identity"}
        if old is not None and old.stored.etag:
            headers["If-None-Match"] = old.stored.etag
        wanted = _WANTED.get(Path(urlsplit(request.url).path).suffix.lower(), "")

        def judge(answer: _Answer) -> _Had:
            now = self._now()
            if answer.verdict == "unchanged" and old is not None:
                self.stats.unchanged += 1
                return _Had(replace(old.stored, checked=now), old.content)
            if answer.verdict == "missing":
                return _Had(StoredTile(url=request.url, status="missing", retrieved=now, checked=now), b"")
            media_type = check_body(answer.headers, answer.content, wanted)
            _check_size(answer.content, request)
            shown = _time(answer.headers.get("Layer-Time-Actual", ""))
            if shown and request.time and shown > request.time:  # what snaps, snaps to earlier
                raise Unusable(f"imagery of {iso(shown)}, which is not what was asked for")
            host.says_version |= says_version(answer.headers)
            blank = is_blank(answer.content, answer.headers, expects_headers=host.says_version)
            stored = StoredTile(
                url=request.url,
                status="blank" if blank else "picture",
                sha256=sha256(answer.content).hexdigest(),
                media_type=media_type,
                layer=answer.headers.get("Layer-Identifier-Actual", ""),
                time=shown,
                etag=answer.headers.get("ETag", ""),
                retrieved=now,
                checked=now,
            )
            return _Had(stored, answer.content)

        had = await self._patiently(host, request.url, headers, judge)
        self._cache.put(had.stored, had.content)
        return had

    async def _document(self, url: str) -> bytes:
        def judge(answer: _Answer) -> bytes:
            if answer.verdict == "missing":
                raise NotFound(f"there is no document at {url}", hint="check the address and the layer's name")
            check_document(answer.headers, answer.content)
            return answer.content

        try:
            return await self._patiently(self._host(url), url, {}, judge)
        except _GivenUp as exc:
            raise SourceUnreachable(f"{url}: {exc}", hint="try again later") from exc

    async def _patiently(self, host: Host, url: str, headers: Mapping[str, str], judge: Callable[[_Answer], _T]) -> _T:
        """Ask until the answer passes `judge`. Raises `_GivenUp` when it does not after all tries."""
        policy = self._policy
        tries = 0
        while True:
            if tries:
                self.stats.retries += 1
                await asyncio.sleep(backoff(tries, policy, self._rng))
            tries += 1
            async with host.turn():
                sent = time.monotonic()
                try:
                    answer = await self._once(host, url, headers)
                    if answer.verdict in ("answer", "unchanged", "missing"):
                        judged = judge(answer)
                        host.answered_well()
                        self.stats.connections = host.concurrency.limit
                        return judged
                    failure = answer.failure()
                except Unusable as exc:
                    failure = Failure("again", f"200 with {exc}")
                except (aiohttp.ClientError, TimeoutError, OSError) as exc:
                    failure = Failure("silent", _in_words(exc))
                host.failed(failure, sent)
                self.stats.connections = host.concurrency.limit
            log.debug("try %d of %s: %s", tries, url, failure.text)
            self._give_up_if_due(host, failure, tries)

    def _give_up_if_due(self, host: Host, failure: Failure, tries: int) -> None:
        policy = self._policy
        if failure.pause > policy.retry_after_cap_seconds:
            raise SourceUnreachable(
                f"{host.name} asks to be left alone for {failure.pause / 60:.0f} minutes ({failure.text})",
                hint="run the same command again after that: it continues",
            )
        if not host.answered and tries >= policy.tries_unheard and failure.kind == "silent":
            raise SourceUnreachable(
                f"{host.name} cannot be reached: {failure.text}",
                hint="check the address, the network, and the proxy settings",
            )
        allowed = {"refused": 1, "denied": policy.tries_denied}.get(failure.kind, policy.tries)
        if tries < allowed:
            return
        if failure.kind != "refused":  # which is about this one tile
            host.hopeless += 1
        if host.hopeless >= policy.hopeless_after:
            raise SourceUnreachable(
                f"{host.name} has given nothing usable for {host.hopeless} tiles in a row: {failure.text}",
                hint="run the same command again later: it continues",
            )
        text = failure.text + (f" ({tries} tries)" if tries > 1 else "")
        raise _GivenUp(text, refused=failure.kind == "refused")

    async def _once(self, host: Host, url: str, headers: Mapping[str, str]) -> _Answer:
        self.stats.requests += 1
        async with self._session.get(url, headers=headers, proxy=host.proxy, max_redirects=3) as response:
            host.answered = True
            content = bytearray()
            while chunk := await response.content.readany():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise Unusable(f"more than {MAX_BYTES // 1_000_000} MB")
            self.stats.bytes += len(content)
            host.bucket.spend(len(content), time.monotonic())
            pause = retry_after(response.headers.get("Retry-After", ""), self._now()) or 0
            return _Answer(response.status, response.headers, bytes(content), pause)

    def _host(self, url: str) -> Host:
        name = urlsplit(url).netloc
        if name not in self._hosts:
            self._hosts[name] = Host(name, self._policy, proxy=_proxy_for(url))
        return self._hosts[name]


@dataclass(frozen=True, slots=True)
class _Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    pause: float
    """Seconds that the server wants to be left alone."""

    @property
    def verdict(self) -> Verdict:
        return verdict(self.status)

    def failure(self) -> Failure:
        said = words(self.content)
        return Failure(self.verdict, f"{self.status}{': ' if said else ''}{said}", self.pause)


@dataclass(frozen=True, slots=True)
class _Had:
    """A tile that is in the cache."""

    stored: StoredTile
    content: bytes


class _GivenUp(Exception):
    """The text says what the server answered, and how often it was asked."""

    def __init__(self, text: str, *, refused: bool) -> None:
        super().__init__(text)
        self.refused = refused


_Outcome = tuple[str, _Had | Exception]


def _take(done: queue.SimpleQueue[_Outcome]) -> _Outcome:
    """Wait in short naps: on Windows, Ctrl-C does not interrupt a wait without end."""
    while True:
        try:
            return done.get(timeout=0.5)
        except queue.Empty:
            continue


def _proxy_for(url: str) -> str | None:
    """The proxy of HTTP(S)_PROXY and NO_PROXY, or of the system.

    aiohttp's `trust_env` does this for every request in a thread of its own, and reads ~/.netrc besides: .3 ms a tile.
    """
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        return None


def _check_size(content: bytes, request: TileRequest) -> None:
    """A tile of another size than its grid says would put everything in the wrong place."""
    if request.size is None:
        return
    try:
        facts = inspect(content)
    except BadPicture as exc:
        raise Unusable(f"a picture that cannot be read ({exc})") from exc
    if (facts.width, facts.height) != request.size:
        raise Unusable(f"a picture of {facts.width} x {facts.height} pixels instead of {request.size}")


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:  # SSLError is one
        raise BadInput(
            f"{ca_file} is no file of certificates: {error.strerror or error}",
            hint="change or unset CURATOR_CA_FILE, SSL_CERT_FILE and REQUESTS_CA_BUNDLE",
        ) from error


def _in_words(exc: Exception) -> str:
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    cause = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
    if isinstance(cause, OSError) and cause.errno:
        return (os.strerror(cause.errno) if cause.errno > 0 else cause.strerror or "unknown host").lower()
    return str(exc) or type(exc).__name__
