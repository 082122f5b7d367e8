"""The web app's files: built from `frontend/` into a folder beside this module, and served as they are.

Files whose names hold a hash of their content are kept by browsers for ever, all others are asked for each time. Every
path without a dot that is nobody else's is a screen of the app: it shows the one page, which finds its files and the
API from the path that the server is at (`<base>`), also below a path of a proxy.
"""

from __future__ import annotations

import mimetypes
import re
from html import escape
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

BUILT = Path(__file__).parent / "static"
"""Where `make app` puts the app."""
BASE = '<base href="/" />'
FOREVER = "public, max-age=31536000, immutable"

_HASHED = re.compile(r"assets/[^/]+-[\w-]{8,}\.\w+")
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".woff2": "font/woff2"}
"""Those that some systems do not know, or know wrongly."""

MISSING = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Curator</title>
<style>
:root { color-scheme: light dark }
body { max-width: 40em; margin: 3em auto; padding: 0 1em; font: 1rem/1.5 system-ui, sans-serif }
</style>
<h1>Curator</h1>
<p>This is a Curator server, and it works. Its web app has not been built: that is so in a checkout of the source.</p>
<ul>
<li>In a checkout, run <code>make app</code> and load this page again.</li>
<li>Or install a release, which has it: <code>pip install earthcurator</code>.</li>
<li>The API is at <code>api/v1</code>, described in <a href="api/v1/openapi.json">api/v1/openapi.json</a>. A link that
ends in <code>/join#cur_…</code> holds a secret after the <code>#</code>, with which a program signs in:
<code>POST api/v1/session</code> with the body <code>{"token": "cur_…"}</code>, or for an invitation
<code>POST api/v1/invites/accept</code> with <code>{"secret": "cur_…", "name": "your name"}</code>.</li>
</ul>
</html>
"""


class Pages:
    """Answers what no route does, as far as it is the app's; the rest goes on to `otherwise`.

    Nothing here says anything of the project: whoever can connect may read it.
    """

    def __init__(self, otherwise: ASGIApp, folder: Path | None = None) -> None:
        self._otherwise = otherwise
        self._folder = (folder or BUILT).resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file or the page."""
        answer = None
        if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}:
            answer = await run_in_threadpool(self._answer, scope)
        await (answer or self._otherwise)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        root_path: str = scope.get("root_path", "")
        path = scope["path"].removeprefix(root_path).strip("/")
        if path == "api" or path.startswith("api/"):
            return None
        if "." in path:
            return self._file(path, Headers(scope=scope))
        return self._page(root_path)

    def _page(self, root_path: str) -> Response:
        try:
            page = (self._folder / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            return HTMLResponse(MISSING, headers={"Cache-Control": "no-cache"})
        base = escape(quote(f"{root_path.rstrip('/')}/"))
        return HTMLResponse(page.replace(BASE, f'<base href="{base}" />', 1), headers={"Cache-Control": "no-cache"})

    def _file(self, path: str, headers: Headers) -> Response | None:
        file = self._inside(path)
        if file is None or file.name == "index.html":
            return None
        zipped = self._inside(f"{path}.gz") if "gzip" in headers.get("accept-encoding", "") else None
        sent = {"Cache-Control": FOREVER if _HASHED.fullmatch(path) else "no-cache", "Vary": "Accept-Encoding"}
        if zipped:
            sent["Content-Encoding"] = "gzip"
        media_type = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        answer = FileResponse(zipped or file, headers=sent, media_type=media_type, stat_result=(zipped or file).stat())
        if answer.headers["etag"] in headers.get("if-none-match", ""):
            return Response(status_code=304, headers={**sent, "ETag": answer.headers["etag"]})
        return answer

    def _inside(self, path: str) -> Path | None:
        """The file of this name, unless that leads out of the folder."""
        try:
            file = (self._folder / path).resolve()
            return file if file.is_relative_to(self._folder) and file.is_file() else None
        except (OSError, ValueError):  # too long, or a zero byte
            return None
