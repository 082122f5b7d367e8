"""Accounts, links, invites and tokens over HTTP."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import httpx
import pytest

from earthcurator.web.access import cookie_of
from tests.web.conftest import Server


@pytest.fixture
def owner(server: Server) -> Iterator[httpx.Client]:
    """A client that is signed in as Olga, the owner."""
    people = server.project.records.people
    token = people.issue(people.add("Olga", "owner").id, "token", name="test")
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=20) as client:
        yield client


@pytest.fixture
def browser(server: Server) -> Iterator[httpx.Client]:
    """A client that keeps cookies and has not signed in."""
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=20) as client:
        yield client


def test_sign_in_link_works_once(owner: httpx.Client, browser: httpx.Client, server: Server) -> None:
    added = owner.post("/people", json={"name": "Ada", "role": "annotator"}).json()
    assert added["link"]["path"] == f"/join#{added['link']['secret']}"
    signed_in = browser.post("/session", json={"token": added["link"]["secret"]})
    assert signed_in.json()["person"] == added["person"]
    cookie = signed_in.headers["Set-Cookie"]
    assert cookie.startswith(f"{cookie_of(server.project)}=cur_")
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age="))
    assert "Secure" not in cookie
    assert browser.get("/me").json()["person"]["name"] == "Ada"
    again = httpx.post(f"{server.url}/api/v1/session", json={"token": added["link"]["secret"]})
    assert again.status_code == 401
    assert "ask for a new one" in again.json()["error"]["hint"]
    assert "Set-Cookie" not in again.headers


def test_cookie_is_that_of_the_project(owner: httpx.Client, browser: httpx.Client, server: Server) -> None:
    """Browsers send a cookie to all ports of a host: two servers must not sign each other's people out."""
    token = owner.post("/tokens", json={}).json()["secret"]
    browser.cookies.set("curator_session_another", "cur_another")
    assert browser.post("/session", json={"token": token}).status_code == 200
    assert browser.get("/me").json()["person"]["name"] == "Olga"
    assert browser.delete("/session").status_code == 204
    assert dict(browser.cookies) == {"curator_session_another": "cur_another"}
    assert server.project.id in cookie_of(server.project)


def test_signing_out_ends_the_session_at_once(owner: httpx.Client, browser: httpx.Client, server: Server) -> None:
    token = owner.post("/tokens", json={"name": "for a browser"}).json()["secret"]
    assert browser.post("/session", json={"token": token}).status_code == 200
    session = browser.cookies[cookie_of(server.project)]
    assert session != token
    assert browser.delete("/session").status_code == 204
    assert cookie_of(server.project) not in browser.cookies
    headers = {"Cookie": f"{cookie_of(server.project)}={session}"}
    assert httpx.get(f"{server.url}/api/v1/me", headers=headers).status_code == 401
    assert browser.delete("/session").status_code == 204
    assert owner.get("/me").status_code == 200


def test_session_cannot_be_turned_into_another(owner: httpx.Client, browser: httpx.Client, server: Server) -> None:
    token = owner.post("/tokens", json={}).json()["secret"]
    browser.post("/session", json={"token": token})
    assert browser.post("/session", json={"token": browser.cookies[cookie_of(server.project)]}).status_code == 401


def test_invite_makes_as_many_accounts_as_it_says(owner: httpx.Client, server: Server) -> None:
    invite = owner.post("/invites", json={"role": "annotator", "days": 1, "uses": 2}).json()
    assert invite["path"] == f"/join#{invite['secret']}"
    accept = f"{server.url}/api/v1/invites/accept"
    for name in ("Ada", "Bob"):
        accepted = httpx.post(accept, json={"secret": invite["secret"], "name": name})
        assert (accepted.status_code, accepted.json()["person"]["role"]) == (201, "annotator")
        cookies = {"Cookie": f"{cookie_of(server.project)}={accepted.cookies[cookie_of(server.project)]}"}
        assert httpx.get(f"{server.url}/api/v1/me", headers=cookies).json()["person"]["name"] == name
    refused = httpx.post(accept, json={"secret": invite["secret"], "name": "Eve"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "NotSignedIn")
    assert [person["name"] for person in owner.get("/people").json()["people"]] == ["Olga", "Ada", "Bob"]


def test_taken_name_costs_no_use_of_an_invite(owner: httpx.Client, browser: httpx.Client) -> None:
    secret = owner.post("/invites", json={}).json()["secret"]
    assert browser.post("/invites/accept", json={"secret": secret, "name": "olga"}).status_code == 409
    assert browser.post("/invites/accept", json={"secret": secret, "name": "Ada"}).status_code == 201


def test_what_has_expired_or_was_withdrawn_lets_nobody_in(
    owner: httpx.Client, browser: httpx.Client, server: Server
) -> None:
    people = server.project.records.people
    short = people.invite("annotator", seconds=0.05)
    token = people.issue(people.find("Olga").id, "token", seconds=0.05)
    link = people.issue(people.find("Olga").id, "link", seconds=0.05)
    withdrawn = owner.post("/invites", json={}).json()["secret"]
    (listed,) = [invite for invite in owner.get("/invites").json()["invites"] if invite["creator"]]
    assert owner.delete(f"/invites/{listed['id']}").status_code == 204
    assert owner.delete(f"/invites/{listed['id']}").status_code == 404
    time.sleep(0.1)
    for secret in (short, withdrawn):
        assert browser.post("/invites/accept", json={"secret": secret, "name": "Eve"}).status_code == 401
    for secret in (token, link):
        assert browser.post("/session", json={"token": secret}).status_code == 401
    assert browser.get("/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_others_tokens_are_neither_shown_nor_revoked(owner: httpx.Client, server: Server) -> None:
    people = server.project.records.people
    ada, bob = people.add("Ada", "annotator"), people.add("Bob", "annotator")
    as_ada = {"Authorization": f"Bearer {people.issue(ada.id, 'token')}"}
    people.issue(bob.id, "token", name="of Bob")
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=as_ada) as client:
        assert {token["person"] for token in client.get("/tokens").json()["tokens"]} == {ada.id}
        assert [person["name"] for person in client.get("/people").json()["people"]] == ["Ada"]
        (theirs,) = people.tokens(bob.id)
        assert client.delete(f"/tokens/{theirs.id}").status_code == 404
        assert people.tokens(bob.id) == [theirs]
        (mine,) = people.tokens(ada.id)
        assert client.delete(f"/tokens/{mine.id}").status_code == 204
        assert client.get("/me").status_code == 401
    assert {token["person"] for token in owner.get("/tokens").json()["tokens"]} > {bob.id}
    assert owner.delete(f"/tokens/{theirs.id}").status_code == 204


def test_new_role_and_removal_hold_at_once(owner: httpx.Client, server: Server) -> None:
    people = server.project.records.people
    ada = people.add("Ada", "annotator")
    as_ada = {"Authorization": f"Bearer {people.issue(ada.id, 'token')}"}
    with httpx.Client(base_url=f"{server.url}/api/v1", headers=as_ada) as client:
        assert client.get("/invites").status_code == 403
        assert owner.put(f"/people/{ada.id}", json={"role": "owner"}).json()["role"] == "owner"
        assert client.get("/invites").status_code == 200
        assert owner.delete(f"/people/{ada.id}").status_code == 204
        assert client.get("/me").status_code == 401
    olga = people.find("Olga").id
    assert owner.delete(f"/people/{olga}").status_code == 409
    assert owner.put(f"/people/{olga}", json={"role": "viewer"}).status_code == 409
    assert owner.put("/people/nobody", json={"role": "viewer"}).status_code == 404
    assert owner.post("/people/nobody/link").status_code == 404


def test_secrets_are_told_once_and_never_logged(
    owner: httpx.Client, browser: httpx.Client, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="earthcurator"):
        link = owner.post("/people", json={"name": "Ada", "role": "viewer"}).json()["link"]["secret"]
        invite = owner.post("/invites", json={}).json()["secret"]
        token = owner.post("/tokens", json={"name": "mine"}).json()["secret"]
        browser.post("/session", json={"token": link})
        wrong = browser.post("/session", json={"token": f"{token}x"}).text
        later = "".join(owner.get(path).text for path in ("/people", "/invites", "/tokens", "/me"))
    for secret in (link, invite, token, browser.cookies[cookie_of(server.project)]):
        assert secret not in later + wrong + caplog.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/invites", {"days": 91}), ("/invites", {"days": 0}), ("/invites", {"uses": 1001}), ("/invites", {"uses": 0}),
        ("/invites", {"role": "king"}), ("/people", {"name": "", "role": "viewer"}), ("/people", {"name": "Ada"}),
        ("/people", {"name": "Ada", "role": "viewer", "admin": True}), ("/tokens", {"days": 1e9}),
        ("/session", {"token": ""}), ("/session", []),
    ],
)  # fmt: skip
def test_bad_requests_are_refused_in_one_shape(owner: httpx.Client, path: str, body: object) -> None:
    refused = owner.post(path, json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "BadRequest")


def test_names_that_cannot_be_are_refused(owner: httpx.Client) -> None:
    for name in ("import", "LOCAL", "two\nlines", "nul\0", "   "):
        assert owner.post("/people", json={"name": name, "role": "viewer"}).status_code == 400
    assert owner.delete("/people/%00").status_code in {400, 404}


def test_session_of_a_token_ends_when_the_token_is_revoked(owner: httpx.Client, browser: httpx.Client) -> None:
    token = owner.post("/tokens", json={"days": 2}).json()
    browser.post("/session", json={"token": token["secret"]})
    made = browser.post("/tokens", json={"days": 300}).json()
    assert 0 < made["days"] <= token["days"] == 2
    ids = [one["id"] for one in owner.get("/tokens").json()["tokens"] if one["kind"] == "token"]
    assert owner.delete(f"/tokens/{ids[1]}").status_code == 204
    assert browser.get("/me").status_code == 401
    assert owner.get("/me", headers={"Authorization": f"Bearer {made['secret']}"}).status_code == 401
