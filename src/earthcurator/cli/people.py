"""`user` and `token`: who may come in, also while a server runs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import get_args
from urllib.parse import urlsplit

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import answer, say, table
from earthcurator.models import Role
from earthcurator.project import Project
from earthcurator.web.serving import LOCAL

_DAY = 24 * 3600.0
_ROLES = click.Choice(get_args(Role))

_as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
_days = click.option("--days", default=7, show_default=True, type=click.IntRange(1, 90), help="How long it works.")
_url = click.option("--url", help="Where people find the server; by default CURATOR_URL, or http://127.0.0.1:8000.")


def join_link(url: str, secret: str) -> str:
    """A link that lets somebody in. What follows the # is in no log, for browsers do not send it."""
    return f"{url.rstrip('/')}/join#{secret}"


@click.group()
def user() -> None:
    """Give people accounts, so that each labels under a name of their own.

    \b
    Example: curator user add Ada --role owner
             curator user invite --role annotator --uses 20
    """


@user.command("add")
@click.argument("name")
@click.option("--role", type=_ROLES, default="annotator", show_default=True, help="What they may do.")
@_url
@_as_json
@click.pass_obj
def add(here: Here, name: str, role: Role, url: str | None, as_json: bool) -> None:
    """Make an account, and print a link that signs its person in: once, within 7 days.

    \b
    Example: curator user add Ada --role owner
    """
    with here.open() as project:
        people = project.records.people
        made = people.add(name, role)
        link = join_link(_base(project, url), people.issue(made.id, "link", seconds=7 * _DAY))
    if as_json:
        answer({**asdict(made), "link": link})
        return
    click.echo(link)
    _say_if_local(link)
    say(f"{made.name} can come in as {made.role} with this link, once and within 7 days")


@user.command("list")
@_as_json
@click.pass_obj
def list_people(here: Here, as_json: bool) -> None:
    """Who has an account, and who had one.

    \b
    Example: curator user list
    """
    with here.open() as project:
        people = project.records.people.list()
    if as_json:
        answer(people)
        return
    table(
        ["name", "role", "id", "since"],
        [(p.name, p.role if p.active else "removed", p.id, _day(p.created)) for p in people],
    )


@user.command("role")
@click.argument("name")
@click.argument("role", type=_ROLES)
@_as_json
@click.pass_obj
def change_role(here: Here, name: str, role: Role, as_json: bool) -> None:
    """Let somebody do more or less.

    \b
    Example: curator user role Ada curator
    """
    with here.open() as project:
        people = project.records.people
        changed = people.set_role(people.find(name).id, role)
    if as_json:
        answer(changed)
    else:
        say(f"{changed.name} is {changed.role} now")


@user.command()
@click.argument("name")
@_as_json
@click.pass_obj
def remove(here: Here, name: str, as_json: bool) -> None:
    """Shut somebody out at once. Their labels stay.

    \b
    Example: curator user remove Ada
    """
    with here.open() as project:
        people = project.records.people
        gone = people.find(name)
        people.remove(gone.id)
    if as_json:
        answer({"removed": gone.id})
    else:
        say(f"{gone.name} can no longer come in; what they labelled stays")


@user.command()
@click.argument("name")
@_days
@_url
@_as_json
@click.pass_obj
def link(here: Here, name: str, days: int, url: str | None, as_json: bool) -> None:
    """Print a link that signs somebody in once, e.g. on another computer.

    \b
    Example: curator user link Ada
    """
    with here.open() as project:
        people = project.records.people
        found = people.find(name)
        made = join_link(_base(project, url), people.issue(found.id, "link", seconds=days * _DAY))
    if as_json:
        answer({"user": found.id, "link": made, "days": days})
        return
    click.echo(made)
    _say_if_local(made)
    say(f"{found.name} can come in with this link, once and within {days} days")


@user.command()
@click.option("--role", type=_ROLES, default="annotator", show_default=True, help="What those who follow it may do.")
@_days
@click.option("--uses", default=1, show_default=True, type=click.IntRange(1, 1000), help="For how many people.")
@_url
@_as_json
@click.pass_obj
def invite(here: Here, role: Role, days: int, uses: int, url: str | None, as_json: bool) -> None:
    """Print a link with which people make themselves an account.

    \b
    Example: curator user invite --role annotator --uses 20
    """
    with here.open() as project:
        secret = project.records.people.invite(role, seconds=days * _DAY, uses=uses)
        made = join_link(_base(project, url), secret)
    if as_json:
        answer({"link": made, "role": role, "days": days, "uses": uses})
        return
    click.echo(made)
    _say_if_local(made)
    who = f"{uses} people" if uses > 1 else "one person"
    say(f"{who} can join as {role} with this link, within {days} days")


@user.command()
@_as_json
@click.pass_obj
def invites(here: Here, as_json: bool) -> None:
    """The invitations that can still be used.

    \b
    Example: curator user invites
    """
    with here.open() as project:
        found = project.records.people.invites()
    if as_json:
        answer(found)
        return
    table(["invite", "role", "uses left", "until"], [(i.id, i.role, i.uses_left, _day(i.expires)) for i in found])


@user.command()
@click.argument("name", metavar="INVITE")
@_as_json
@click.pass_obj
def withdraw(here: Here, name: str, as_json: bool) -> None:
    """Stop an invitation. Who has joined with it stays.

    \b
    Example: curator user withdraw 3f2a91c07b1d
    """
    with here.open() as project:
        project.records.people.withdraw(name)
    if as_json:
        answer({"withdrawn": name})
    else:
        say(f"nobody can join with {name} any more")


@click.group()
def token() -> None:
    """Let programs in, in the name of somebody.

    \b
    Example: curator token create --user Ada --name notebook
    """


@token.command("create")
@click.option("--user", "owner", required=True, metavar="NAME", help="In whose name the program works.")
@click.option("--name", required=True, help="Which program it is for, so that you know it in the list.")
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3650), help="How long it works.")
@_as_json
@click.pass_obj
def create_token(here: Here, owner: str, name: str, days: int, as_json: bool) -> None:
    """Print a new token: it is shown this once and kept nowhere.

    \b
    Example: curator token create --user Ada --name notebook --days 90
    """
    with here.open() as project:
        people = project.records.people
        found = people.find(owner)
        secret = people.issue(found.id, "token", name=name, seconds=days * _DAY)
    if as_json:
        answer({"token": secret, "user": found.id, "name": name, "days": days})
        return
    click.echo(secret)
    say(f"send it as `Authorization: Bearer {secret[:8]}...`; whoever has it is {found.name}, for {days} days")


@token.command("list")
@_as_json
@click.pass_obj
def list_tokens(here: Here, as_json: bool) -> None:
    """What lets somebody in now: tokens of programs, browsers that signed in, and links. No secret is shown.

    \b
    Example: curator token list
    """
    with here.open() as project:
        people = project.records.people
        found = people.tokens()
        names = {person.id: person.name for person in people.list()}
    if as_json:
        answer(found)
        return
    rows = [(one.id, names[one.person], one.kind, one.name, _day(one.expires)) for one in found]
    table(["token", "user", "kind", "name", "until"], rows)


@token.command()
@click.argument("name", metavar="TOKEN")
@_as_json
@click.pass_obj
def revoke(here: Here, name: str, as_json: bool) -> None:
    """Stop a token, by the id that the list shows.

    \b
    Example: curator token revoke 9c1f0a22be47
    """
    with here.open() as project:
        project.records.people.revoke(name)
    if as_json:
        answer({"revoked": name})
    else:
        say(f"{name} lets nobody in any more")


def _say_if_local(link: str) -> None:
    if urlsplit(link).hostname in LOCAL:
        say("others cannot open this link, which leads to their own machine: give --url, or set CURATOR_URL")


def _base(project: Project, url: str | None) -> str:
    return url or project.settings.url or "http://127.0.0.1:8000"


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "for ever"


commands = {"user": user, "token": token}
