"""Servers before this one: what they say of who asks and of the path below which the app is, where they are trusted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_PATH = re.compile(r"(/[A-Za-z0-9._~@:-]+)+")
"""A path that needs no quoting anywhere. `//` would be the name of another host."""


class Proxied:
    """The outermost part of a server behind proxies.

    `X-Forwarded-For` and `-Proto` are uvicorn's to read, `X-Forwarded-Prefix` ours; all count only from `proxies`.
    A proxy may strip the path below which it has the app or pass it on: what comes after sees it in neither case.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str] = (), *, prefix: str = "") -> None:
        """`prefix` is the path below which people find the app, where no proxy says it."""
        self._client = ProxyHeadersMiddleware(cast("Any", app), list(proxies))
        self._prefix = prefix.rstrip("/") if _PATH.fullmatch(prefix.rstrip("/")) else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, with what is known of its way."""
        if scope["type"] in {"http", "websocket"}:
            prefix = self._said(scope) or self._prefix
            if prefix:
                path: str = scope["path"]
                inner = path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path
                scope = {**scope, "root_path": prefix, "path": inner or "/"}
        await self._client(cast("Any", scope), cast("Any", receive), cast("Any", send))

    def _said(self, scope: Scope) -> str:
        client = scope.get("client")
        if client is None or client[0] not in self._client.trusted_hosts:
            return ""
        said = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
        return said if _PATH.fullmatch(said) else ""
