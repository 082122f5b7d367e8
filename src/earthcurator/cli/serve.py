"""`serve` and `label`: the server that people label on, until Ctrl-C."""

from __future__ import annotations

import logging.config
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import say
from earthcurator.cli.people import join_link
from earthcurator.project import Project
from earthcurator.web.logs import LogFormat, logging_as

F = TypeVar("F", bound=Callable[..., Any])

_LINK_SECONDS = 10 * 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listening:
    """Where a server is to be found, and by how many processes."""

    host: str
    port: int
    names: tuple[str, ...]
    proxies: tuple[str, ...]
    processes: int
    log_format: LogFormat


def _listening(command: F) -> F:
    """The options that make a `_Listening`."""
    options = [
        click.option("--host", default="127.0.0.1", show_default=True, help="Address; 0.0.0.0 for the whole network."),
        click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."),
        click.option("--name", "names", multiple=True, help="A further name it has, e.g. a proxy's; may be repeated."),
        click.option(
            "--trusted-proxy",
            "proxies",
            multiple=True,
            metavar="ADDRESS",
            help="A proxy to be believed who asks and whether by https; may be repeated.",
        ),
        click.option(
            "--processes", default=1, show_default=True, type=click.IntRange(1), help="More than one needs PostgreSQL."
        ),
        click.option(
            "--log-format",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            help="json: every request, as one JSON object a line.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_listening
@click.option("--open", "browse", is_flag=True, help="Open it in the browser.")
@click.pass_obj
def serve(here: Here, /, browse: bool, **listening: Any) -> None:
    """Let people label in this project, and programs use it, until Ctrl-C.

    For this machine alone nobody needs an account. On any other address everybody does: see `curator user`. When it
    is stopped, it answers what was asked, hands back the jobs it works on, and exits with 0 in less than ten seconds.

    \b
    Example: curator serve
             curator serve --host 0.0.0.0 --port 8080
    """
    with here.open() as project:
        _serve(project, _Listening(**listening), page="/" if browse else None)


@click.command()
@click.argument("task")
@_listening
@click.option("--no-open", "quiet", is_flag=True, help="Only print the address of the task's page.")
@click.pass_obj
def label(here: Here, /, task: str, quiet: bool, **listening: Any) -> None:
    """Serve, as `curator serve` does, and open the page of a task in the browser.

    \b
    Example: curator label "Is there smoke?"
    """
    with here.open() as project:
        page = f"/tasks/{project.tasks.find(task).id}/label"
        _serve(project, _Listening(**listening), page=page, browse=not quiet)


def _serve(project: Project, listening: _Listening, *, page: str | None, browse: bool = True) -> None:
    from earthcurator.web.server import serve  # here, because it takes half a second and no other command needs it
    from earthcurator.web.serving import Serving

    serving = Serving(host=listening.host, port=listening.port, names=frozenset(listening.names))

    def ready(url: str) -> None:
        click.echo(url + (page or ""))
        say(f"{project.name} is served there; Ctrl-C ends it")
        if serving.loopback:
            _offer_sign_in(project, url)
        if page and browse:
            click.launch(url + page)

    logging.config.dictConfig(logging_as(listening.log_format))
    serve(
        project,
        serving,
        processes=listening.processes,
        proxies=listening.proxies,
        log_format=listening.log_format,
        ready=ready,
    )


def _offer_sign_in(project: Project, url: str) -> None:
    """A link for the owner: whoever can start a server on this machine can make one anyway."""
    people = project.records.people
    owner = next((person for person in people.list() if person.active and person.role == "owner"), None)
    if owner:
        secret = people.issue(owner.id, "link", seconds=_LINK_SECONDS)
        say(f"{owner.name} signs in, once and within ten minutes, with: {join_link(url, secret)}")


commands = {"serve": serve, "label": label}
