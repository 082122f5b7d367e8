"""`user` and `token`, as a shell and a script see them, also beside a running server's hold on the database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import earthcurator as ec

from .conftest import Shell, failure


@pytest.fixture
def fires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which commands find by themselves."""
    ec.create(tmp_path / "fires").close()
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "fires"))
    return tmp_path / "fires"


def told(result: tuple[int, str, str]) -> Any:
    """What a command answered as JSON."""
    code, out, err = result
    assert code == 0, err
    return json.loads(out)


def test_new_person_gets_a_link_that_signs_in_once(shell: Shell, fires: Path) -> None:
    code, out, err = shell("user", "add", "Ada", "--role", "owner", "--url", "https://curator.example.org/")
    assert code == 0, err
    assert "once and within 7 days" in err
    base, _, secret = out.strip().partition("/join#")
    assert base == "https://curator.example.org"
    with ec.open(fires) as project:
        session = project.records.people.sign_in(secret)
        found = project.records.people.person_of(session)
        assert found is not None
        assert (found.name, found.role) == ("Ada", "owner")
        with pytest.raises(ec.errors.NotSignedIn):
            project.records.people.sign_in(secret)


def test_links_begin_with_the_address_that_is_set(shell: Shell, fires: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(shell("user", "add", "Ada", "--role", "owner", "--json"))["link"].startswith(
        "http://127.0.0.1:8000/join#cur_"
    )
    monkeypatch.setenv("CURATOR_URL", "https://curator.example.org")
    assert told(shell("user", "link", "ada", "--json"))["link"].startswith("https://curator.example.org/join#cur_")
    assert told(shell("user", "invite", "--json"))["link"].startswith("https://curator.example.org/join#cur_")


def test_link_that_leads_others_to_their_own_machine_says_so(shell: Shell, fires: Path) -> None:
    assert "CURATOR_URL" in shell("user", "add", "Ada", "--role", "owner")[2]
    assert "CURATOR_URL" in shell("user", "invite")[2]
    assert "CURATOR_URL" not in shell("user", "link", "Ada", "--url", "https://curator.example.org")[2]


@pytest.mark.parametrize("arguments", [["user", "add", "Ada"], ["user", "invite", "--role", "curator"]], ids=" ".join)
def test_first_account_is_an_owners(shell: Shell, fires: Path, arguments: list[str]) -> None:
    code, error, hint = failure(shell(*arguments))
    assert code == 3
    assert "first account" in error
    assert "--role owner" in hint


def test_people_are_listed_changed_and_removed(shell: Shell, fires: Path) -> None:
    for name, role in (("Ada", "owner"), ("Bob", "viewer")):
        assert shell("user", "add", name, "--role", role)[0] == 0
    assert told(shell("user", "role", "bob", "curator", "--json"))["role"] == "curator"
    assert "Bob can no longer come in" in shell("user", "remove", "Bob")[2]
    assert [(one["name"], one["active"]) for one in told(shell("user", "list", "--json"))] == [
        ("Ada", True),
        ("Bob", False),
    ]
    assert "removed" in shell("user", "list")[1]


def test_invitation_is_for_as_many_people_as_it_says_until_it_is_withdrawn(shell: Shell, fires: Path) -> None:
    shell("user", "add", "Ada", "--role", "owner")
    link = told(shell("user", "invite", "--role", "annotator", "--uses", 3, "--days", 2, "--json"))["link"]
    with ec.open(fires) as project:
        person, _ = project.records.people.accept(link.partition("#")[2], "Chen")
    assert person.role == "annotator"
    (invite,) = told(shell("user", "invites", "--json"))
    assert invite["uses_left"] == 2
    assert invite["id"] in shell("user", "invites")[1]
    assert shell("user", "withdraw", invite["id"])[0] == 0
    assert told(shell("user", "invites", "--json")) == []


def test_token_is_shown_once_and_stops_when_revoked(shell: Shell, fires: Path) -> None:
    shell("user", "add", "Ada", "--role", "owner")
    code, out, err = shell("token", "create", "--user", "Ada", "--name", "notebook", "--days", 30)
    secret = out.strip()
    assert code == 0, err
    assert secret not in err
    listed = shell("token", "list")[1] + shell("token", "list", "--json")[1]
    assert secret not in listed
    (token,) = [one for one in told(shell("token", "list", "--json")) if one["kind"] == "token"]
    assert token["name"] == "notebook"

    def lets_in() -> bool:
        with ec.open(fires) as project:
            return project.records.people.person_of(secret) is not None

    assert lets_in()
    assert shell("token", "revoke", token["id"])[0] == 0
    assert not lets_in()


def test_accounts_can_be_made_while_a_server_holds_the_project(shell: Shell, fires: Path) -> None:
    with ec.open(fires) as serving:
        serving.records.serve()
        assert shell("user", "add", "Ada", "--role", "owner")[0] == 0
        assert [person.name for person in serving.records.people.list()] == ["Ada"]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["user", "add", "ada"], 3, "somebody is called ada"),
        (["user", "add", ""], 2, "no name"),
        (["user", "add", "Bob", "--role", "king"], 2, "king"),
        (["user", "role", "Ada", "viewer"], 3, "Ada is the only owner"),
        (["user", "remove", "Ada"], 3, "Ada is the only owner"),
        (["user", "remove", "Nobody"], 2, "nobody called Nobody"),
        (["user", "link", "Nobody"], 2, "nobody called Nobody"),
        (["user", "link", "Ada", "--days", "0"], 2, "0"),
        (["user", "invite", "--uses", "0"], 2, "0"),
        (["user", "withdraw", "nothing"], 2, "no invite nothing"),
        (["token", "create", "--user", "Nobody", "--name", "x"], 2, "nobody called Nobody"),
        (["token", "revoke", "nothing"], 2, "no token nothing"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_two_lines(
    shell: Shell, fires: Path, arguments: list[str], code: int, error: str
) -> None:
    shell("user", "add", "Ada", "--role", "owner")
    failed, first, _ = failure(shell(*arguments))
    assert failed == code
    assert error in first
