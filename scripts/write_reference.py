"""Write the reference pages of the docs from the program itself: commands, settings, errors.

python scripts/write_reference.py            write docs/reference/*.md
python scripts/write_reference.py --check    fail if they are not what the program says
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from earthcurator import errors
from earthcurator.cli.app import curator
from earthcurator.settings import Settings

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
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
| 5 | an imagery source does not answer |
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


def main() -> int:
    pages = {"cli.md": cli_page(), "settings.md": settings_page(), "errors.md": errors_page()}
    if "--check" not in sys.argv:
        for name, text in pages.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    stale = [name for name, text in pages.items() if (FOLDER / name).read_text(encoding="utf-8") != text]
    if stale:
        print(f"stale: {', '.join(stale)}; run: python scripts/write_reference.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
