"""The files of the web app, at the root of a server and below a path of a proxy."""

from __future__ import annotations

import gzip
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

import earthcurator as ec
from earthcurator.settings import Settings
from earthcurator.web.app import create_app
from earthcurator.web.pages import MISSING, Pages
from earthcurator.web.proxies import Proxied
from earthcurator.web.serving import Serving

from .conftest import served

PAGE = '<!doctype html><html><head><base href="/" /></head><body><script src="./assets/index-1a2b3c4d.js"></script>'
SCRIPT = "export const answer = 42;\n" * 100

Visit = Callable[..., AbstractContextManager[httpx.Client]]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """What a build leaves, with a secret beside it."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "index-1a2b3c4d.js").write_text(SCRIPT)
    (folder / "assets" / "index-1a2b3c4d.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (tmp_path / "secret.txt").write_text("hands off")
    (folder / "leak.txt").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
def visit(archive: Path, bundle: Path, tmp_path: Path) -> Visit:
    """Open the app of a server: `with visit(proxies=..., prefix=...) as client`."""

    @contextmanager
    def start(static: Path = bundle, **proxied: object) -> Iterator[httpx.Client]:
        ignored = shutil.ignore_patterns("labels.db*", "*.lock")
        shutil.copytree(archive, tmp_path / "project", ignore=ignored, dirs_exist_ok=True)
        listening = socket.create_server(("127.0.0.1", 0))
        with ec.open(tmp_path / "project", settings=Settings(static=static)) as project:
            app = create_app(project, Serving(port=listening.getsockname()[1]))
            with (
                served(Proxied(app, **proxied), project, listening) as server,  # type: ignore[arg-type]
                httpx.Client(base_url=server.url, timeout=20) as client,
            ):
                yield client

    return start


@pytest.fixture
def client(visit: Visit) -> Iterator[httpx.Client]:
    """The app at the root."""
    with visit() as opened:
        yield opened


@pytest.mark.parametrize("path", ["/", "/join", "/tasks/smoke/label", "/nothing/like/this"])
def test_every_screen_is_the_one_page_which_is_asked_for_each_time(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "base-uri 'self'" in policy
    assert "script" not in policy  # so that default-src 'self' holds for scripts and workers


def test_hashed_files_are_kept_for_ever_and_others_asked_for(client: httpx.Client) -> None:
    script = client.get("/assets/index-1a2b3c4d.js")
    assert script.text == SCRIPT
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    icon = client.get("/icon.svg")
    assert icon.headers["cache-control"] == "no-cache"
    assert client.get("/icon.svg", headers={"If-None-Match": icon.headers["etag"]}).status_code == 304


def test_compressed_files_are_sent_to_those_who_take_them(client: httpx.Client) -> None:
    plain = client.get("/assets/index-1a2b3c4d.js", headers={"Accept-Encoding": "identity"})
    zipped = client.get("/assets/index-1a2b3c4d.js", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.headers["content-type"] == plain.headers["content-type"]
    assert int(zipped.headers["content-length"]) < len(SCRIPT)
    assert zipped.text == plain.text == SCRIPT


@pytest.mark.parametrize(
    "path",
    ["/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/leak.txt", "/a%00.js"],
)
def test_nothing_outside_the_folder_is_sent(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "hands off" not in answer.text


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v1/nothing"), ("GET", "/api"), ("POST", "/explore")])
def test_what_is_no_page_is_told_as_every_failure(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NotFound"


def test_wrong_method_of_a_route_is_no_page(client: httpx.Client) -> None:
    answer = client.get("/api/v1/search")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_without_a_bundle_the_page_says_what_to_run(visit: Visit, tmp_path: Path) -> None:
    with visit(tmp_path / "not built") as client:
        assert "make app" in client.get("/explore").text
        assert client.get("/healthz").json()["status"] == "ok"


def test_page_for_a_missing_bundle_is_used_when_no_folder_is_named(bundle: Path) -> None:
    assert Pages(lambda *_: None, bundle)._folder == bundle  # type: ignore[arg-type]  # never called
    assert "make app" in MISSING


@pytest.mark.parametrize("path", ["/explore", "/lab/curator/explore"])
def test_trusted_proxy_says_below_which_path_the_app_is(visit: Visit, path: str) -> None:
    said = {"X-Forwarded-Prefix": "/lab/curator/", "X-Forwarded-For": "127.0.0.1"}
    with visit(proxies=["127.0.0.1"]) as client:
        assert '<base href="/lab/curator/" />' in client.get(path, headers=said).text
        script = client.get("/lab/curator/assets/index-1a2b3c4d.js", headers=said)
        assert script.text == SCRIPT
        assert client.get("/lab/curator/api/v1/nothing", headers=said).status_code == 404


def test_nobody_else_says_so(visit: Visit) -> None:
    with visit(proxies=["192.0.2.1"]) as client:
        assert client.get("/", headers={"X-Forwarded-Prefix": "/evil"}).text == PAGE


@pytest.mark.parametrize("prefix", ["//evil.example", "https://evil.example", '/"><script>', "/a/../b c", "lab"])
def test_prefix_that_is_no_path_does_not_count(visit: Visit, prefix: str) -> None:
    with visit(proxies=["127.0.0.1"]) as client:
        assert client.get("/", headers={"X-Forwarded-Prefix": prefix}).text == PAGE


def test_path_of_the_public_address_counts_where_no_proxy_says_it(visit: Visit) -> None:
    with visit(prefix="/curator") as client:
        assert '<base href="/curator/" />' in client.get("/curator/tasks").text
        assert client.get("/curator/healthz").json()["status"] == "ok"
        assert client.get("/curator/api/v1/project").headers["cache-control"] == "no-store"
