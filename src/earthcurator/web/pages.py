"""What a browser sees where the web app will be: what this server is, and where its API is described."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Curator</title>
<style>
body { max-width: 40em; margin: 3em auto; padding: 0 1em; font: 1rem/1.5 system-ui, sans-serif }
</style>
<h1>Curator</h1>
<p>This is a Curator server, and it works. The web app is not part of this version, so there is nothing to click yet:
people label through the HTTP API.</p>
<ul>
<li>The API is at <code>/api/v1</code>, described in <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</li>
<li>A link that ends in <code>/join#cur_…</code> holds a secret after the <code>#</code>. A program signs in with it:
<code>POST /api/v1/session</code> with the body <code>{"token": "cur_…"}</code>, or for an invitation
<code>POST /api/v1/invites/accept</code> with <code>{"secret": "cur_…", "name": "your name"}</code>.</li>
<li>The guide “Label together” of the documentation shows every step.</li>
</ul>
</html>
"""


@router.get("/")
@router.get("/join")
@router.get("/tasks/{task}/label")
async def page() -> HTMLResponse:
    """The pages that links lead to. They say nothing of the project: whoever can connect may read them."""
    return HTMLResponse(PAGE)
