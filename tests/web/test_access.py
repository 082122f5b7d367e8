"""Who may come in, as what, and for how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from starlette.requests import HTTPConnection

import earthcurator as ec
from earthcurator.errors import Busy, Conflict, NotSignedIn
from earthcurator.models import Person, Role
from earthcurator.web.access import WRONG_ALLOWED, WRONG_SECONDS, Access, cookie_of, refuse_open
from earthcurator.web.serving import Serving
from tests.web.conftest import Serve, Server

ROLES: tuple[Role, ...] = ("viewer", "annotator", "curator", "owner")

EVERYBODY, LABELLERS, CURATORS, OWNERS = ROLES, ROLES[1:], ROLES[2:], ROLES[3:]

ROUTES: list[tuple[str, str, object, tuple[Role, ...]]] = [
    ("GET", "/me", None, EVERYBODY),
    ("GET", "/people", None, EVERYBODY),
    ("POST", "/people", {"name": "New {role}", "role": "viewer"}, OWNERS),
    ("PUT", "/people/{person}", {"role": "viewer"}, OWNERS),
    ("POST", "/people/{person}/link", None, OWNERS),
    ("DELETE", "/people/nobody", None, OWNERS),
    ("GET", "/invites", None, OWNERS),
    ("POST", "/invites", {}, OWNERS),
    ("DELETE", "/invites/none", None, OWNERS),
    ("GET", "/tokens", None, EVERYBODY),
    ("POST", "/tokens", {}, EVERYBODY),
    ("DELETE", "/tokens/none", None, EVERYBODY),
    ("GET", "/pairings", None, EVERYBODY),
    ("POST", "/pairings", {}, EVERYBODY),
    ("DELETE", "/pairings/none", None, EVERYBODY),
    ("GET", "/tasks", None, EVERYBODY),
    ("POST", "/tasks", {"question": "Which?", "classes": ["a", "b"]}, CURATORS),
    ("GET", "/tasks/{task}", None, EVERYBODY),
    ("POST", "/tasks/{task}/chips", {"chips": []}, CURATORS),
    ("POST", "/tasks/{task}/leases", {}, LABELLERS),
    ("POST", "/tasks/{task}/leases/heartbeat", {}, LABELLERS),
    ("POST", "/tasks/{task}/leases/release", {}, LABELLERS),
    ("POST", "/tasks/{task}/labels", {"labels": [{}]}, LABELLERS),
    ("GET", "/tasks/{task}/labels", None, LABELLERS),
    ("GET", "/tasks/{task}/mine", None, LABELLERS),
    ("POST", "/tasks/{task}/mine/query", {"chips": []}, LABELLERS),
    ("GET", "/tasks/{task}/report", None, LABELLERS),
    ("GET", "/tasks/{task}/disputed", None, CURATORS),
    ("POST", "/tasks/{task}/adjudications", {"id": "word-{role}", "chip": "none", "value": None}, CURATORS),
    ("POST", "/tasks/{task}/imports", {"labels": []}, CURATORS),
]


@pytest.fixture
def tokens(project: ec.Project) -> dict[Role, str]:
    """Role → a token of somebody who has it."""
    people = project.records.people
    return {role: people.issue(people.add(f"The {role}", role).id, "token") for role in reversed(ROLES)}


@pytest.fixture
def as_role(server: Server, tokens: dict[Role, str]) -> Iterator[Callable[[Role], httpx.Client]]:
    """A client that is signed in with a role."""
    clients = {
        role: httpx.Client(base_url=f"{server.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=20)
        for role, token in tokens.items()
    }
    yield clients.__getitem__
    for client in clients.values():
        client.close()


def refusal(answer: httpx.Response) -> str:
    """The code of a failure, which always has the same shape."""
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "hint"}
    assert error["message"]
    return str(error["code"])


def test_every_route_takes_the_roles_it_is_for_and_no_others(
    as_role: Callable[[Role], httpx.Client], server: Server
) -> None:
    task = server.project.tasks.create("Is it water?", ("yes", "no")).id
    person = server.project.records.people.add("Somebody", "viewer").id
    told = {}
    for method, path, body, _ in ROUTES:
        where = path.format(task=task, person=person)
        for role in ROLES:
            content = {
                key: value.format(role=role) if isinstance(value, str) else value for key, value in body.items()
            } if isinstance(body, dict) else None  # fmt: skip
            answer = as_role(role).request(method, where, json=content)
            if answer.status_code >= 400:
                assert refusal(answer)
            told[method, path, role] = answer.status_code != 403
            assert answer.status_code not in {401, 422, 500}, (method, path, role, answer.text)
        assert httpx.request(method, f"{server.url}/api/v1{where}", json=body).status_code == 401
    assert told == {(method, path, role): role in allowed for method, path, _, allowed in ROUTES for role in ROLES}


def test_matrix_of_roles_knows_every_route(server: Server) -> None:
    described = server.app.openapi()["paths"]
    routes = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in described.items()
        for method, route in methods.items()
        if set(route.get("tags", ())) & {"people", "tasks"}
    }
    open_to_all = {("POST", "/session"), ("DELETE", "/session")}
    open_to_all |= {("POST", "/invites/accept"), ("POST", "/pairings/claim")}
    ends = {f"/{kind}s/none": f"/{kind}s/{{{kind}}}" for kind in ("token", "invite", "pairing")}
    spelled = {(method, ends.get(path, path).replace("nobody", "{person}")) for method, path, _, _ in ROUTES}
    assert routes - open_to_all == spelled


def test_whoever_uses_this_machine_is_owner_until_somebody_has_an_account(client: httpx.Client, server: Server) -> None:
    me = client.get("/me").json()
    assert (me["person"]["id"], me["person"]["role"], me["accounts"]) == ("local", "owner", False)
    refused = client.post("/people", json={"name": "Ada", "role": "annotator"})
    assert (refused.status_code, refusal(refused)) == (409, "Conflict")
    made = client.post("/people", json={"name": "Ada", "role": "owner"})
    assert made.status_code == 201
    assert client.get("/me").status_code == 401
    assert client.post("/session", json={"token": made.json()["link"]["secret"]}).status_code == 200
    assert client.get("/me").json()["person"]["name"] == "Ada"


def test_wrong_token_is_nobody_also_on_this_machine(client: httpx.Client, project: ec.Project) -> None:
    for header in ("Bearer cur_wrong", "bearer x y", "Bearer"):
        answer = client.get("/me", headers={"Authorization": header})
        assert (answer.status_code, refusal(answer)) == (401, "NotSignedIn")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    # What a browser kept of an earlier visit is not meant as a claim.
    assert client.get("/me", headers={"Cookie": f"{cookie_of(project)}=cur_old"}).status_code == 200


def test_old_cookie_is_nobody_where_people_have_accounts(
    client: httpx.Client, project: ec.Project, tokens: dict[Role, str]
) -> None:
    assert client.get("/me", headers={"Cookie": f"{cookie_of(project)}=cur_old"}).status_code == 401
    assert client.get("/me", headers={"Cookie": f"{cookie_of(project)}={tokens['viewer']}"}).status_code == 200


def test_request_through_a_proxy_is_not_from_this_machine(client: httpx.Client) -> None:
    assert client.get("/me", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 401


def test_server_for_others_does_not_start_without_an_account(project: ec.Project) -> None:
    refuse_open(project, Serving(host="127.0.0.1"))
    for host in ("0.0.0.0", "192.0.2.1", "::"):
        with pytest.raises(Conflict, match="no accounts") as refused:
            refuse_open(project, Serving(host=host))
        assert "curator user add NAME --role owner" in refused.value.hint
    project.records.people.add("Ada", "owner")
    refuse_open(project, Serving(host="0.0.0.0"))


def test_server_for_others_knows_no_local_owner(serve: Serve) -> None:
    with serve(host="0.0.0.0") as server:
        assert httpx.get(f"{server.url}/api/v1/me").status_code == 401


@pytest.mark.parametrize("how", ["revoked", "removed"])
def test_revoked_token_and_removed_person_stop_within_seconds(
    server: Server, tokens: dict[Role, str], how: str
) -> None:
    people = server.project.records.people
    headers = {"Authorization": f"Bearer {tokens['annotator']}"}
    assert httpx.get(f"{server.url}/api/v1/me", headers=headers).status_code == 200
    # As another process does, of which this one hears nothing.
    if how == "revoked":
        people.sign_out(tokens["annotator"])
    else:
        people.remove(people.find("The annotator").id)
    deadline = time.monotonic() + 10
    while httpx.get(f"{server.url}/api/v1/me", headers=headers).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_labels_at_full_speed_do_not_ask_the_database_who_sends_them(
    project: ec.Project, tokens: dict[Role, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    asked: list[str] = []
    access = Access(project, Serving(), clock=lambda: now[0])
    people = project.records.people
    really = people.person_of

    def counted(secret: str) -> Person | None:
        asked.append(secret)
        return really(secret)

    monkeypatch.setattr(people, "person_of", counted)  # only a look inside tells how often it is asked
    request = connection(tokens["annotator"])
    for _ in range(100):
        assert asyncio.run(access.person(request)).name == "The annotator"
        now[0] += 0.01
    assert len(asked) == 1
    now[0] += 2
    assert asyncio.run(access.person(request)).role == "annotator"
    assert len(asked) == 2


def test_address_that_guesses_is_put_off_and_others_are_not(project: ec.Project, tokens: dict[Role, str]) -> None:
    now = [0.0]
    access = Access(project, Serving(), clock=lambda: now[0])

    def ask(token: str, address: str = "192.0.2.1") -> Person:
        return asyncio.run(access.person(connection(token, address)))

    assert ask(tokens["viewer"]).role == "viewer"
    for _ in range(3 * WRONG_ALLOWED):  # a program with an old token is no guesser
        with pytest.raises(NotSignedIn):
            ask("cur_old")
        now[0] += 0.01
    for number in range(WRONG_ALLOWED - 1):
        with pytest.raises(NotSignedIn):
            ask(f"cur_{number}")
    with pytest.raises(Busy) as refused:
        ask("cur_more")
    assert 0 < refused.value.retry_seconds <= WRONG_SECONDS + 1
    now[0] += 5  # longer than an answer is kept
    assert ask(tokens["viewer"]).role == "viewer"
    assert ask(tokens["curator"], "192.0.2.2").role == "curator"
    now[0] += WRONG_SECONDS
    with pytest.raises(NotSignedIn):
        ask("cur_more")


def connection(token: str, address: str = "127.0.0.1") -> HTTPConnection:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    return HTTPConnection({"type": "http", "headers": headers, "client": (address, 1234)})
