"""What a browser extension may ask this server, and how its browser is told so.

A person pairs an extension with a project by a short code (see `pairing`). From then on requests with that extension's
origin pass if they carry its token, which lets it look, search, take examples and label, and nothing else. Its browser
learns this from CORS headers that name exactly this origin.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

CLAIM = "/api/v1/pairings/claim"
"""Asked before there is a token, from an origin that is not known yet."""

_ORIGIN = re.compile(r"(chrome|moz)-extension://[a-zA-Z0-9-]{1,64}")
_TASK = r"tasks/[^/]+"
_LOOKING = (
    rf"me|project|map(/info)?|layers(/.+)?|encoders|chips(/.+)?|examples/.+|tasks|{_TASK}"
    rf"|{_TASK}/(mine|suggestions|report|outlook|places)"
)
_DOING = (
    r"search(/upload|/worldview)?|examples(/worldview)?|worldview/read|chips/(query|ids)"
    rf"|{_TASK}/(labels|chips|mine/query|leases(/heartbeat|/release)?)"
)
_MAY = {method: re.compile(rf"/api/v1/({_LOOKING})") for method in ("GET", "HEAD")}
_MAY["POST"] = re.compile(rf"/api/v1/({_DOING})")


def extension_of(headers: Headers) -> str:
    """The origin of the extension that a request says to be from; empty for all others."""
    origins = headers.getlist("origin")
    return origins[0] if len(origins) == 1 and _ORIGIN.fullmatch(origins[0]) else ""


def may(scope: Scope) -> bool:
    """Whether the token of an extension is enough for this request. WebSockets are for the app."""
    allowed = _MAY.get(scope.get("method", ""))
    return allowed is not None and allowed.fullmatch(scope["path"]) is not None


def is_preflight(scope: Scope, headers: Headers) -> bool:
    """Whether a browser only asks what it may send."""
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def preflight() -> Response:
    """What a browser may send for an extension. Cookies are not among it."""
    headers = {
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Request-ID",
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)


def allow(origin: str) -> dict[str, str]:
    """The headers with which a browser hands an answer to this extension."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "ETag, Retry-After, X-Request-ID",
    }
