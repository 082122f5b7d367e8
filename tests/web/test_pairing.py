"""Pairing an extension: the code, what its token is for, and which origins a browser is told to trust."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

import earthcurator as ec
from earthcurator.models import Role
from earthcurator.store.sql.pairings import CODE_LENGTH, LETTERS, MOST_WAITING
from earthcurator.web import extensions
from earthcurator.web.access import WRONG_ALLOWED, cookie_of

from .conftest import Serve, Server

CHROME = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
FIREFOX = "moz-extension://0f3b5f0e-9d3c-4a58-9e0e-1a2b3c4d5e6f"

Paired = Callable[..., httpx.Client]


def code_of(client: httpx.Client, **asked: str) -> str:
    answer = client.post("/pairings", json=asked)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


@pytest.fixture
def paired(server: Server, client: httpx.Client) -> Iterator[Paired]:
    """Pair an extension and return its client."""
    opened: list[httpx.Client] = []

    def pair(origin: str = CHROME, **asked: str) -> httpx.Client:
        headers = {"Origin": origin} if origin else {}
        claimed = client.post("/pairings/claim", json={"code": code_of(client, **asked)}, headers=headers)
        headers |= {"Authorization": f"Bearer {claimed.json()['token']}"}
        opened.append(httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=20))
        return opened[-1]

    yield pair
    for each in opened:
        each.close()


# -- the code --------------------------------------------------------------------------------------------------------


def test_a_code_becomes_a_token(client: httpx.Client, project: ec.Project) -> None:
    offer = client.post("/pairings", json={}).json()
    assert len(offer["code"]) == CODE_LENGTH
    assert set(offer["code"]) <= set(LETTERS)
    claimed = client.post("/pairings/claim", json={"code": offer["code"], "name": "Laptop"}, headers={"Origin": CHROME})
    assert claimed.status_code == 201
    found = claimed.json()
    assert found["project"] == {"id": project.id, "name": project.name}
    assert (found["version"], found["person"]["role"]) == (ec.__version__, "curator")
    assert "set-cookie" not in claimed.headers
    [pairing] = client.get("/pairings").json()["pairings"]
    assert (pairing["id"], pairing["name"], pairing["origin"], pairing["claimed"]) == (
        offer["id"],
        "Laptop",
        CHROME,
        True,
    )


def test_pairing_makes_no_accounts(client: httpx.Client, paired: Paired) -> None:
    extension = paired()
    assert extension.get("/me").json() == {
        "person": client.get("/me").json()["person"] | {"role": "curator"},
        "accounts": False,
    }
    assert client.get("/people").json()["people"] == []


def test_a_code_can_be_typed_carelessly_and_works_once(client: httpx.Client) -> None:
    code = code_of(client)
    typed = {"code": f" {code[:4]}-{code[4:]} ".lower()}
    assert client.post("/pairings/claim", json=typed).status_code == 201
    again = client.post("/pairings/claim", json=typed)
    assert (again.status_code, again.json()["error"]["code"]) == (401, "NotSignedIn")


def test_of_codes_that_wait_the_newest_ten_of_a_person_count(project: ec.Project) -> None:
    people, pairings = project.records.people, project.records.pairings
    ada, ben = people.add("Ada", "owner").id, people.add("Ben", "viewer").id
    used, _ = pairings.claim(pairings.offer(ada, "viewer")[0])
    of_ben, _ = pairings.offer(ben, "viewer")
    codes = [pairings.offer(ada, "viewer")[0] for _ in range(MOST_WAITING + 2)]
    assert len(pairings.list(ada)) == 1 + MOST_WAITING
    assert pairings.claim(codes[-1])
    assert pairings.claim(of_ben)
    assert pairings.of(used) is not None


def test_who_guesses_codes_is_shut_out(client: httpx.Client) -> None:
    def guess(number: int) -> int:
        return client.post("/pairings/claim", json={"code": f"WRONG{number:03}"}).status_code

    assert {guess(number) for number in range(WRONG_ALLOWED)} == {401}
    assert guess(999) == 503
    assert client.post("/pairings/claim", json={"code": code_of(client)}).status_code == 503


# -- whose name it asks in -------------------------------------------------------------------------------------------


def test_it_asks_in_the_name_of_its_person_and_never_as_more(project: ec.Project, serve: Serve) -> None:
    people = project.records.people
    ada, ben = people.add("Ada", "owner"), people.add("Ben", "annotator")
    asked: list[tuple[str, Role, Role]] = [
        (ada.id, "curator", "curator"),
        (ada.id, "viewer", "viewer"),
        (ben.id, "curator", "annotator"),
    ]
    with serve() as server, httpx.Client(base_url=f"{server.url}/api/v1", timeout=20) as anybody:
        for person, role, expected in asked:
            signed_in = {"Authorization": f"Bearer {people.issue(person, 'token')}"}
            code = anybody.post("/pairings", json={"role": role}, headers=signed_in).json()["code"]
            token = anybody.post("/pairings/claim", json={"code": code}).json()["token"]
            mine = {"Authorization": f"Bearer {token}"}
            me = anybody.get("/me", headers=mine).json()["person"]
            assert (me["id"], me["role"]) == (person, expected)
        assert anybody.post("/pairings", json={}).status_code == 401
        people.remove(ben.id)
        assert len(project.records.pairings.list()) == 2
        assert project.records.pairings.list(ben.id) == []
        project.records.people.set_role(people.add("Cy", "owner").id, "owner")
        people.set_role(ada.id, "viewer")
        server.app.state.access.forget()
        assert anybody.get("/me", headers=mine).status_code == 401  # Ben's


def test_a_pairing_of_nobody_ends_with_the_first_account(project: ec.Project, server: Server, paired: Paired) -> None:
    extension = paired()
    assert extension.get("/me").status_code == 200
    project.records.people.add("Ada", "owner")
    server.app.state.access.forget()
    assert extension.get("/me").status_code == 401


def test_a_pairing_can_be_revoked_by_its_person_or_an_owner(project: ec.Project, serve: Serve) -> None:
    people, pairings = project.records.people, project.records.pairings
    ada, ben = people.add("Ada", "owner"), people.add("Ben", "curator")
    with serve() as server, httpx.Client(base_url=f"{server.url}/api/v1", timeout=20) as anybody:
        as_ada, as_ben = ({"Authorization": f"Bearer {people.issue(who.id, 'token')}"} for who in (ada, ben))
        of_ada = anybody.post("/pairings", json={}, headers=as_ada).json()["id"]
        offer = anybody.post("/pairings", json={}, headers=as_ben).json()
        mine = anybody.post("/pairings/claim", json={"code": offer["code"]}).json()["token"]
        assert [each["id"] for each in anybody.get("/pairings", headers=as_ben).json()["pairings"]] == [offer["id"]]
        assert len(anybody.get("/pairings", headers=as_ada).json()["pairings"]) == 2
        assert anybody.delete(f"/pairings/{of_ada}", headers=as_ben).status_code == 404
        assert anybody.delete(f"/pairings/{offer['id']}", headers=as_ada).status_code == 204
        assert anybody.get("/me", headers={"Authorization": f"Bearer {mine}"}).status_code == 401
        assert [each.id for each in pairings.list()] == [of_ada]


# -- what it may do --------------------------------------------------------------------------------------------------


def test_it_looks_searches_and_labels(client: httpx.Client, paired: Paired, chip_ids: list[str]) -> None:
    task = client.post("/tasks", json={"question": "Smoke?", "classes": ["smoke", "clear"]})
    extension = paired()
    asked = {"positives": [{"chip": chip_ids[0]}], "k": 3}
    assert len(extension.post("/search", json=asked).json()["hits"]) == 3
    assert extension.get(f"/chips/{chip_ids[0]}/thumbnail").status_code == 200
    label = {"id": "from-worldview", "chip": chip_ids[0], "decision": "label", "value": ["smoke"]}
    path = f"/tasks/{task.json()['task']['id']}"
    answer = extension.post(f"{path}/labels", json={"labels": [label]})
    assert answer.status_code == 200, answer.text
    known = extension.post(f"{path}/mine/query", json={"chips": chip_ids[:2]}).json()["labels"]
    assert [said["id"] for said in known] == ["from-worldview"]
    assert extension.get("/tasks").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/people"),
        ("POST", "/people"),
        ("GET", "/tokens"),
        ("POST", "/tokens"),
        ("GET", "/invites"),
        ("POST", "/invites"),
        ("GET", "/pairings"),
        ("POST", "/pairings"),
        ("DELETE", "/pairings/x"),
        ("GET", "/jobs"),
        ("POST", "/jobs"),
        ("GET", "/datasets"),
        ("DELETE", "/datasets/x"),
        ("POST", "/tasks"),
        ("GET", "/tasks/x/labels"),
        ("PUT", "/encoders/default"),
        ("PUT", "/tasks/x/goal"),
        ("POST", "/uploads"),
        ("POST", "/project/demo"),
    ],
)
def test_it_may_do_nothing_else(paired: Paired, method: str, path: str) -> None:
    answer = paired().request(method, path, json={} if method in {"POST", "PUT"} else None)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (403, "NotAllowed"), error
    assert "extension" in error["message"]


def test_its_token_is_no_cookie_and_no_sign_in(server: Server, paired: Paired) -> None:
    token = paired("").headers["Authorization"].removeprefix("Bearer ")
    server.project.records.people.add("Ada", "owner")
    server.app.state.access.forget()
    with httpx.Client(base_url=f"{server.url}/api/v1", cookies={cookie_of(server.project): token}) as browser:
        assert browser.get("/me").status_code == 401
        assert browser.post("/session", json={"token": token}).status_code == 401


def test_routes_that_it_may_use_are_there(server: Server) -> None:
    paths = server.app.openapi()["paths"]
    for method in ("GET", "POST"):
        matched = [path for path in paths if extensions.may({"type": "http", "method": method, "path": path})]
        assert sum(method.lower() in paths[path] for path in matched) >= 10
    assert not extensions.may({"type": "websocket", "path": "/api/v1/me"})


# -- what browsers are told ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [CHROME, FIREFOX])
def test_a_paired_origin_is_named_and_no_other(client: httpx.Client, paired: Paired, origin: str) -> None:
    extension = paired(origin)
    for answer in (extension.get("/project"), extension.post("/search", json={}), extension.get("/people")):
        assert answer.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]
    for other in ("chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba", "https://evil.example", "null"):
        answer = client.get("/project", headers={"Origin": other})
        assert "access-control-allow-origin" not in answer.headers
        assert extension.post("/search", json={}, headers={"Origin": other}).status_code == 403


def test_browsers_are_answered_before_they_send(client: httpx.Client, paired: Paired) -> None:
    def preflight(path: str, origin: str) -> httpx.Response:
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
        return client.options(path, headers={"Origin": origin, **asks})

    assert "access-control-allow-origin" not in preflight("/search", CHROME).headers
    claim = preflight("/pairings/claim", CHROME)
    assert (claim.status_code, claim.headers["access-control-allow-origin"]) == (204, CHROME)
    assert "access-control-allow-origin" not in preflight("/pairings/claim", "https://evil.example").headers
    paired()
    answer = preflight("/search", CHROME)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == CHROME
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert preflight("/search", FIREFOX).status_code == 405


def test_a_paired_origin_without_its_token_changes_nothing(client: httpx.Client, paired: Paired) -> None:
    paired()
    answer = client.post("/search", json={}, headers={"Origin": CHROME})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "NotAllowed")
    wrong = {"Origin": CHROME, "Authorization": "Bearer cur_guess"}
    assert client.post("/search", json={}, headers=wrong).status_code == 401


@pytest.mark.parametrize("origin", [CHROME, FIREFOX])
def test_an_extension_without_a_token_is_nobody(client: httpx.Client, paired: Paired, origin: str) -> None:
    paired(CHROME)
    assert client.get("/me").status_code == 200  # this machine's user
    for path in ("/me", "/project", "/people", "/chips"):
        answer = client.get(path, headers={"Origin": origin})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "NotSignedIn"), path
        assert "access-control-allow-origin" not in answer.headers


def test_a_paired_extension_may_ask_whether_the_server_is_well(server: Server, paired: Paired) -> None:
    paired(CHROME)
    answer = httpx.get(f"{server.url}/healthz", headers={"Origin": CHROME})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, CHROME)


def test_a_page_cannot_claim_a_code(client: httpx.Client) -> None:
    headers = {"Origin": "https://worldview.earthdata.nasa.gov"}
    answer = client.post("/pairings/claim", json={"code": code_of(client)}, headers=headers)
    assert answer.status_code == 403


def test_a_revoked_origin_is_forgotten(client: httpx.Client, paired: Paired) -> None:
    extension = paired()
    [pairing] = client.get("/pairings").json()["pairings"]
    assert client.delete(f"/pairings/{pairing['id']}").status_code == 204
    assert "access-control-allow-origin" not in extension.get("/project").headers
    assert client.delete(f"/pairings/{pairing['id']}").status_code == 404
