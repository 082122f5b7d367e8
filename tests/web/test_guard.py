"""Requests that should not come through, and the headers of all answers."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import websockets
from websockets.asyncio.client import connect

import earthcurator as ec
from earthcurator.errors import StorageFailed
from earthcurator.web.guard import Guard
from earthcurator.web.serving import Serving
from tests.web.conftest import Serve, Server

MB = 1_000_000
TASK = b'{"question": "Is it?"}'


def talk(port: int, text: str, *, body: Iterable[bytes] = ()) -> bytes:
    """Send bytes as they are, until the server hangs up or all are sent; returns the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(text.replace("\n", "\r\n").encode())
        try:
            for piece in body:
                wire.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while piece := wire.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    return answer


def post(shared: Server, headers: str, path: str = "/api/v1/search") -> bytes:
    return talk(shared.port, f"POST {path} HTTP/1.1\n{headers}Connection: close\nContent-Length: 2\n\n{{}}")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/project", "/api/v1/nothing", "/nothing", "/api/v1/openapi.json"])
def test_every_answer_has_the_headers_that_bind_browsers(shared: Server, path: str) -> None:
    headers = httpx.get(shared.url + path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
    assert "server" not in headers
    assert ("no-store" in headers.get("cache-control", "")) == path.startswith("/api/")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.example",
        "localhost@evil.example",
        "localhost, evil.example",
        "192.168.1.1",
        "localhost.",
        "[::1",
        "a" * 300,
        "",
        "localhost:80:80",
        "lócalhost",
    ],
)
def test_names_that_are_not_ours_are_refused(shared: Server, host: str) -> None:
    answer = talk(shared.port, f"GET /healthz HTTP/1.1\nHost: {host}\nConnection: close\n\n")
    assert status(answer) in {400, 421}  # 400: the HTTP parser's own opinion
    assert b'"ok"' not in answer


def test_a_rebound_name_gets_a_sentence(shared: Server) -> None:
    answer = httpx.get(f"{shared.url}/api/v1/project", headers={"Host": "rebind.example"})
    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "WrongHost"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("hosts", ["", "Host: localhost\nHost: evil.example\n", "Host: localhost\nHost: localhost\n"])
def test_no_host_and_two_hosts_are_refused(shared: Server, hosts: str) -> None:
    answer = talk(shared.port, f"GET /healthz HTTP/1.1\n{hosts}Connection: close\n\n")
    assert status(answer) in {400, 421}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "curator.example"])
def test_names_that_are_ours_are_taken(serve: Serve, host: str) -> None:
    with serve(names=frozenset({"curator.example"})) as server:
        assert httpx.get(f"{server.url}/healthz", headers={"Host": f"{host}:{server.port}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        "Origin: https://evil.example\n",
        "Origin: null\n",
        "Origin: http://127.0.0.1:1\n",
        "Origin: https://127.0.0.1:{port}\n",
        "Origin: http://127.0.0.1:{port}.evil.example\n",
        "Origin: http://127.0.0.1:{port}\nOrigin: https://evil.example\n",
        "Sec-Fetch-Site: cross-site\n",
        "Origin: chrome-extension://unknown\nSec-Fetch-Site: none\n",
    ],
)
def test_pages_of_other_sites_change_nothing(shared: Server, headers: str) -> None:
    answer = post(shared, f"Host: 127.0.0.1:{shared.port}\n" + headers.format(port=shared.port))
    assert status(answer) == 403
    assert b'"NotAllowed"' in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_every_method_that_changes_things_is_guarded(shared: Server, method: str) -> None:
    headers = {"Origin": "https://evil.example"}
    assert httpx.request(method, f"{shared.url}/api/v1/tasks", headers=headers).status_code == 403


def test_our_own_pages_and_named_ones_and_programs_may(serve: Serve) -> None:
    portal = "https://portal.example"
    with serve(origins=frozenset({portal})) as server:
        for headers in (
            {},
            {"Origin": server.url, "Sec-Fetch-Site": "same-origin"},
            {"Origin": portal, "Sec-Fetch-Site": "cross-site"},
        ):
            assert httpx.post(f"{server.url}/api/v1/chips/query", json={"ids": []}, headers=headers).status_code == 200


def test_looking_from_elsewhere_is_not_refused_but_not_shared_either(shared: Server) -> None:
    answer = httpx.get(f"{shared.url}/api/v1/project", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_websocket_of_another_site_is_refused(shared: Server) -> None:
    async def open_from(origin: str, host: str) -> int:
        try:
            headers = {"Origin": origin, "Host": host}
            async with connect(f"ws://127.0.0.1:{shared.port}/api/v1/live", additional_headers=headers):
                return 101
        except websockets.InvalidStatus as error:
            return error.response.status_code

    async def scenario() -> list[int]:
        here = f"127.0.0.1:{shared.port}"
        return [
            await open_from("https://evil.example", here),
            await open_from("null", here),
            await open_from("http://evil.example", "evil.example"),
        ]

    assert set(asyncio.run(scenario())) <= {400, 403}


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/api/v1/chips/query", MB), ("/api/v1/search", MB), ("/api/v1/examples", 32 * MB), ("/healthz", MB)],
)
def test_a_body_that_says_it_is_too_large_is_refused_unread(shared: Server, path: str, limit: int) -> None:
    host = f"Host: 127.0.0.1:{shared.port}"
    answer = talk(shared.port, f"POST {path} HTTP/1.1\n{host}\nContent-Length: {limit + 1}\n\n")
    assert status(answer) == 413
    assert b'"TooLarge"' in answer
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    ("path", "limit"),
    [("/api/v1/chips/query", MB), ("/api/v1/examples", 32 * MB)],
)
def test_a_gigabyte_of_chunks_is_refused_early(shared: Server, path: str, limit: int) -> None:
    sent = 0
    piece = b"x" * 100_000
    chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        while sent < 1000 * MB:
            sent += len(piece)
            yield chunk

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lead = (
        f"POST {path} HTTP/1.1\nHost: 127.0.0.1:{shared.port}\nContent-Type: image/png\nTransfer-Encoding: chunked\n\n"
    )
    answer = talk(shared.port, lead, body=chunks())
    assert status(answer) == 413
    assert sent <= limit + 20 * MB  # what the system's own buffers swallow included
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250_000  # kB


def test_a_form_that_is_none_is_not_read_to_its_end(shared: Server) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        while sent < 1000 * MB:
            sent += 100_000
            yield b"186a0\r\n" + b"x" * 100_000 + b"\r\n"

    kind = 'multipart/form-data; boundary="b"'
    lead = f"POST /api/v1/search/upload HTTP/1.1\nHost: localhost\nContent-Type: {kind}\nTransfer-Encoding: chunked\n\n"
    assert status(talk(shared.port, lead, body=chunks())) in {400, 413}
    assert sent <= 60 * MB


def test_uploads_have_a_limit_of_their_own(serve: Serve) -> None:
    with serve(upload_bytes=3 * MB) as server, httpx.Client(base_url=server.url) as client:
        fits = client.post("/api/v1/uploads", content=bytes(2 * MB), headers={"Content-Type": "application/zip"})
        too_large = client.post("/api/v1/uploads", content=bytes(4 * MB), headers={"Content-Type": "application/zip"})
    assert fits.status_code not in {413, 500}
    assert too_large.status_code == 413


def test_a_body_that_stops_coming_is_given_up() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        await receive()  # type: ignore[operator]  # a bare ASGI app

    async def never() -> dict[str, object]:
        await asyncio.sleep(60)
        return {}

    answers: list[dict[str, object]] = []

    async def keep(message: dict[str, object]) -> None:
        answers.append(message)

    guard = Guard(app, Serving(), idle_seconds=0.05)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/search",
        "raw_path": b"/api/v1/search",
        "scheme": "http",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(guard(scope, never, keep))  # type: ignore[arg-type]  # a bare ASGI server
    assert answers[0]["status"] == 422
    assert json.loads(answers[1]["body"])["error"]["code"] == "BadRequest"  # type: ignore[arg-type]  # its body is bytes


@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/tasks", "/api/v1/jobs", "/api/v1/session"])
def test_json_that_is_not_said_to_be_json_gets_a_sentence(shared: Server, path: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}  # as `curl -d` says
    answer = httpx.post(f"{shared.url}{path}", content=b'{"k": 1}', headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"]["hint"] == "send Content-Type: application/json"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/v1/nope", 404), ("DELETE", "/api/v1/tasks", 405)])
def test_a_route_that_is_not_there_gets_a_sentence(shared: Server, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, f"{shared.url}{path}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"] == f"there is no {method} {path} here"


def test_a_body_that_trickles_is_given_up() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        while (await receive()).get("more_body"):  # type: ignore[operator]  # a bare ASGI app
            pass

    async def trickle() -> dict[str, object]:
        await asyncio.sleep(0.03)  # always sooner than idle
        return {"type": "http.request", "body": b"x", "more_body": True}

    answers: list[dict[str, object]] = []

    async def keep(message: dict[str, object]) -> None:
        answers.append(message)

    path = "/api/v1/search"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "scheme": "http"}
    guard = Guard(app, Serving(), idle_seconds=0.1)
    asyncio.run(asyncio.wait_for(guard({**scope, "headers": [(b"host", b"localhost")]}, trickle, keep), 10))  # type: ignore[arg-type]  # a bare ASGI server
    assert answers[0]["status"] == 422


def test_large_bodies_are_read_only_for_people(serve: Serve, project: ec.Project) -> None:
    project.records.people.add("Olga", "owner")
    with serve() as server:
        head = "POST /api/v1/tasks HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
        answer = talk(server.port, f"{head}Content-Length: 9000000\n\n", body=[b"["])  # the rest never comes
    assert answer.startswith(b"HTTP/1.1 401")


def test_json_that_nests_without_end_is_refused(shared: Server) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{shared.url}/api/v1/search", content=b"[" * 500_000, headers=headers)
    assert answer.status_code in {400, 422}
    assert httpx.get(f"{shared.url}/healthz").status_code == 200


def test_the_id_of_a_request_comes_back_when_it_is_harmless(shared: Server) -> None:
    def answered(given: str) -> str:
        return httpx.get(f"{shared.url}/healthz", headers={"X-Request-ID": given}).headers["x-request-id"]

    assert answered("abc-123") == "abc-123"
    for harmful in ("", "a b", "x" * 65, "a\tb", "<script>"):
        assert len(answered(harmful)) == 16
    assert answered("") != answered("")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_a_database_says_is_for_the_log(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise StorageFailed("the database failed: no route to db.internal as curator", hint="look at db.internal")

    monkeypatch.setattr(server.project.tasks, "list", fail)  # a real database does not fail on demand
    answer = httpx.get(f"{server.url}/api/v1/tasks")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "StorageFailed")
    assert "db.internal" not in answer.text
    assert "no route to db.internal" in caplog.text


@pytest.mark.parametrize("host", ["foo.org", "FOO.ORG", "Foo.org:443"])
def test_names_are_compared_without_case(serve: Serve, host: str) -> None:
    with serve(names=frozenset({"Foo.org"})) as server:
        assert httpx.get(f"{server.url}/healthz", headers={"Host": host}).status_code == 200


def test_a_mistake_of_ours_is_no_traceback(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    server.app.add_api_route("/broken", broken)
    server.app.router.routes.insert(0, server.app.router.routes.pop())
    answer = httpx.get(f"{server.url}/broken", headers={"X-Request-ID": "find-me"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "ServerError"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret" not in answer.text
    assert "find-me" in caplog.text
    assert "secret detail" in caplog.text


def test_many_bad_requests_at_once_leave_a_server_that_works(shared: Server) -> None:
    bad = [
        "GET / HTTP/9.9\n\n",
        "GET /\x00 HTTP/1.1\nHost: localhost\n\n",
        "POST /api/v1/search HTTP/1.1\nHost: localhost\nContent-Length: -5\n\n",
        "POST /api/v1/search HTTP/1.1\nHost: localhost\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n",
        "GET /healthz HTTP/1.1\nHost: localhost\nX: " + "a" * 200_000 + "\n\n",
    ]

    def send(text: str) -> bytes:
        with socket.create_connection(("127.0.0.1", shared.port), timeout=20) as wire:
            wire.sendall(text.replace("\n", "\r\n").encode("latin-1"))
            wire.shutdown(socket.SHUT_WR)
            try:
                return wire.recv(65536)
            except ConnectionResetError:
                return b""

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, bad * 8))
    assert not any(b"Traceback" in answer for answer in answers)
    assert httpx.get(f"{shared.url}/healthz").status_code == 200
