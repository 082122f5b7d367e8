"""The command group, and the one place where an error becomes two lines and an exit code."""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

import earthcurator
from earthcurator.cli.output import say
from earthcurator.errors import CuratorError

if TYPE_CHECKING:
    from earthcurator.project import Project

INTERRUPTED = 130  # what shells use for Ctrl-C

_MODULES = {
    "animate": "earthcurator.cli.imagery",
    "demo": "earthcurator.cli.demo",
    "doctor": "earthcurator.cli.doctor",
    "download": "earthcurator.cli.imagery",
    "embed": "earthcurator.cli.encoders",
    "encoders": "earthcurator.cli.encoders",
    "export": "earthcurator.cli.pictures",
    "finetune": "earthcurator.cli.train",
    "import": "earthcurator.cli.pictures",
    "init": "earthcurator.cli.pictures",
    "jobs": "earthcurator.cli.jobs",
    "label": "earthcurator.cli.serve",
    "layers": "earthcurator.cli.imagery",
    "mosaic": "earthcurator.cli.imagery",
    "plan": "earthcurator.cli.plan",
    "predict": "earthcurator.cli.learn",
    "ray": "earthcurator.cli.shards",
    "report": "earthcurator.cli.learn",
    "search": "earthcurator.cli.search",
    "serve": "earthcurator.cli.serve",
    "shards": "earthcurator.cli.shards",
    "simulate": "earthcurator.cli.simulate",
    "suggest": "earthcurator.cli.learn",
    "task": "earthcurator.cli.tasks",
    "token": "earthcurator.cli.people",
    "train": "earthcurator.cli.train",
    "user": "earthcurator.cli.people",
}


@dataclass(frozen=True, slots=True)
class Here:
    """What every command knows: which project."""

    location: str | None

    def open(self) -> Project:
        """The project that `--project`, `CURATOR_PROJECT` or the current folder names."""
        return earthcurator.open(self.location)


class _Commands(click.Group):
    """Loads a command's module only when it is called, so that `curator --help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _MODULES:
            return None
        module = __import__(_MODULES[cmd_name], fromlist=["commands"])
        command: click.Command = module.commands[cmd_name]
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--project", metavar="DIR|URL", help="The project; by default CURATOR_PROJECT, or this folder.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(earthcurator.__version__, prog_name="curator")
@click.pass_context
def curator(context: click.Context, project: str | None, debug: bool) -> None:
    """From one reference picture to a labelled dataset, over any archive of Earth imagery.

    \b
    Start with:
      curator demo                     see the whole of it on NASA imagery, in about a minute
      curator init fires               make a project
      curator layers terra true color  find imagery of NASA, then bring it in with `download`
      curator --project fires import PICTURES
      curator --project fires embed
      curator --project fires search smoke.jpg
      curator --project fires serve    let people label it together
    """
    del debug  # main() looks for it before click does
    context.obj = Here(project)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that the error table gives."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    warnings.showwarning = _show_warning
    if "--debug" not in given:
        logging.getLogger("rasterio").setLevel(logging.CRITICAL)  # what matters of it comes as an exception
    try:
        curator.main(args=given, prog_name="curator", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.UsageError as error:
        _fail(error.format_message(), _usage_hint(error), code=2)
    except (click.Abort, KeyboardInterrupt):
        _fail_interrupted()
    except ImportError as error:
        if not isinstance(error.__cause__, KeyboardInterrupt):  # Ctrl-C while a library was being loaded
            raise
        _fail_interrupted()
    except CuratorError as error:
        if "--debug" in given:
            traceback.print_exc()
        _fail(str(error), error.hint, code=error.exit_code)


def _usage_hint(error: click.UsageError) -> str:
    return f"see: {error.ctx.command_path} --help" if error.ctx else "see: curator --help"


def _fail(message: str, hint: str, *, code: int) -> None:
    say(f"error: {message}")
    if hint:
        say(f"hint: {hint}")
    sys.exit(code)


def _fail_interrupted() -> None:
    say("interrupted: run the same command again to continue; finished work is kept")
    sys.exit(INTERRUPTED)


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    if category.__module__.startswith("earthcurator"):
        say(f"warning: {message}")
