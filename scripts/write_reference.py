"""Write the reference pages of the docs from the program itself: commands, settings, errors, and the HTTP API.

python scripts/write_reference.py            write docs/reference/*.md and docs/openapi.json
python scripts/write_reference.py --check    fail if they are not what the program says
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

import earthcurator
from earthcurator import errors
from earthcurator.cli.app import curator
from earthcurator.settings import Settings
from earthcurator.web.app import PARTS, create_app
from earthcurator.web.serving import Serving

FOLDER = Path(__file__).parent.parent / "docs"
GENERATED = "<!-- Written by scripts/write_reference.py. -->\n\n"


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Path and help of a command and of those below it."""
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from commands(child, click.Context(child, parent=context, info_name=name))


def cli_page() -> str:
    context = click.Context(curator, info_name="curator", **curator.context_settings)
    sections = [f"## {path}\n\n```text\n{text}\n```\n" for path, text in commands(curator, context)]
    return GENERATED + "# Command line\n\n" + EXIT_CODES + "\n" + "\n".join(sections)


EXIT_CODES = """Data goes to stdout; progress and words go to stderr. Every command that answers takes `--json`.

| exit code | means |
|---|---|
| 0 | done |
| 2 | bad input, or not found |
| 3 | conflict: the project is not in the state this needs |
| 4 | not allowed |
| 5 | an imagery source does not answer, or the server is busy |
| 6 | the project could not be read or written |
| 130 | interrupted; run the same command again to continue |
"""


def settings_page() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        choices = getattr(alias, "choices", [alias]) if alias else [f"CURATOR_{name.upper()}"]
        rows.append(f"| {' or '.join(f'`{choice}`' for choice in choices)} | {field.description} |\n")
    return (
        GENERATED
        + "# Settings\n\nFrom environment variables.\n\n| variable | what it sets |\n|---|---|\n"
        + "".join(rows)
    )


def errors_page() -> str:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CuratorError)]
    rows = "".join(f"| `{kind.__name__}` | {kind.exit_code} | {kind.status} | {kind.__doc__} |\n" for kind in kinds)
    intro = "# Errors\n\nEach has a message that says what and where, and a `hint` that says what to do.\n\n"
    return GENERATED + intro + "| class | exit code | HTTP status | when |\n|---|---|---|---|\n" + rows


HTTP_INTRO = """# HTTP

`curator serve` answers at `http://127.0.0.1:8000`. Everything is under `/api/v1`. Its exact description is in
[openapi.json](../openapi.json), which the server also gives at `/api/v1/openapi.json`: clients in any language are made
from it. How it is used together: [Label together](../guides/label-together.md).

A request says who asks by the header `Authorization: Bearer cur_...` with a token of `curator token create`, or by the
cookie that a browser gets for a sign-in link. Every role may do what those before it may: viewer, annotator, curator,
owner. Who is alone on a machine and has made no accounts is its owner.

Every failure has one shape, `{"error": {"code": "...", "message": "...", "hint": "..."}}`, and its status is in
[Errors](errors.md). A busy server answers 503 with `Retry-After`: ask again after that many seconds. Lists are pages:
while an answer has a `next`, ask for more with it. Long work answers 202 with a job to look at. Progress is told at the
WebSocket `/api/v1/live`.
"""


def http_page(description: dict[str, Any]) -> str:
    roles = dict(_roles())
    tables: dict[str, list[str]] = {}
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            what = route.get("description", route["summary"]).split("\n\n")[0].replace("\n", " ")
            row = f"| {method.upper()} | `{path}` | {roles.get((method.upper(), path), 'anybody')} | {what} |\n"
            tables.setdefault(route["tags"][0], []).append(row)
    header = "| method | path | who | what |\n|---|---|---|---|\n"
    sections = [f"\n## {tag.capitalize()}\n\n{header}{''.join(rows)}" for tag, rows in tables.items()]
    return GENERATED + HTTP_INTRO + "".join(sections)


def _roles() -> Iterator[tuple[tuple[str, str], str]]:
    """(method, path) → the role that it takes, for the routes that take one."""
    for route in (route for part in PARTS for route in _routes(part)):
        for role in _roles_of(route.dependant):
            yield from (((method, f"/api/v1{route.path}"), role) for method in route.methods or ())


def _routes(part: APIRouter) -> Iterator[APIRoute]:
    for route in part.routes:
        if isinstance(route, APIRoute):
            yield route
        elif inner := getattr(route, "original_router", None):  # a part of a part
            yield from _routes(inner)


def _roles_of(dependant: Dependant) -> Iterator[str]:
    for needed in dependant.dependencies:
        if needed.call is not None and inspect.isfunction(needed.call):
            role = inspect.getclosurevars(needed.call).nonlocals.get("role")
            if role:
                yield role
        yield from _roles_of(needed)


def http_pages() -> dict[str, str]:
    with TemporaryDirectory() as folder, earthcurator.create(Path(folder) / "project") as project:
        description = create_app(project, Serving()).openapi()
    return {
        "openapi.json": json.dumps(description, indent=1, ensure_ascii=False) + "\n",
        "reference/http.md": http_page(description),
    }


def main() -> int:
    pages = {
        "reference/cli.md": cli_page(),
        "reference/settings.md": settings_page(),
        "reference/errors.md": errors_page(),
        **http_pages(),
    }
    if "--check" not in sys.argv:
        for name, text in pages.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    stale = [name for name, text in pages.items() if not _says(FOLDER / name, text)]
    if stale:
        print(f"stale: {', '.join(stale)}; run: python scripts/write_reference.py", file=sys.stderr)
    return 1 if stale else 0


def _says(page: Path, text: str) -> bool:
    return page.is_file() and page.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    raise SystemExit(main())
