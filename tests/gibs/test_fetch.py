"""Fetching from a server on its good and bad days."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path

import pytest

from earthcurator.errors import NotAllowed, NotFound, SourceUnreachable
from earthcurator.gibs.fetch import Fetcher
from earthcurator.gibs.politeness import Policy
from earthcurator.gibs.tiles import Failed, Fetched, TileRequest
from earthcurator.grids import Tile
from earthcurator.store.tilecache import SqliteTileCache
from earthcurator.testing.gibs import FakeGibs, Faults

TRUE_COLOUR = "MODIS_Terra_CorrectedReflectance_TrueColor"
BAD_DAY = Faults(
    too_many=0.02,
    error_500=0.02,
    error_503=0.02,
    reset=0.02,
    truncate=0.02,
    cut=0.02,
    html=0.02,
    xml=0.02,
    stall=0.02,
    slow=0.02,
    seed=5,
)
QUICK = Policy(backoff_seconds=0.02, backoff_cap_seconds=0.1, read_timeout_seconds=0.5, total_timeout_seconds=1)

CALM = replace(QUICK, read_timeout_seconds=20, total_timeout_seconds=30)
"""Where a busy machine must not look like a silent server."""


def wanted(gibs: FakeGibs, count: int, *, day: str = "2020-08-16", layer: str = TRUE_COLOUR) -> list[TileRequest]:
    """Tiles of one day, row after row."""
    base = f"{gibs.url}/wmts/epsg4326/best/{layer}/default/{day}/250m"
    tiles = [Tile(6, 10 + number // 40, number % 40) for number in range(count)]
    return [
        TileRequest(layer, datetime.fromisoformat(day).replace(tzinfo=UTC), tile, f"{base}/{tile}.jpg")
        for tile in tiles
    ]


@contextmanager
def fetching(folder: Path, policy: Policy = CALM, *, now: datetime | None = None) -> Iterator[Fetcher]:
    clock = (lambda: now) if now else (lambda: datetime.now(UTC))
    with SqliteTileCache(folder / "tiles") as cache, Fetcher(cache, policy, now=clock) as fetcher:
        yield fetcher


@pytest.fixture
def gibs() -> Iterator[FakeGibs]:
    with FakeGibs() as server:
        yield server


def painted(gibs: FakeGibs, requests: list[TileRequest]) -> list[TileRequest]:
    """Painted in advance: a server that is busy painting reads requests late, and takes them for impatient ones."""
    for request in requests:
        gibs.archive(request.url)
    return requests


def right(gibs: FakeGibs, answers: list[Fetched | Failed]) -> int:
    """How many are byte for byte what the server has."""
    return sum(isinstance(one, Fetched) and one.content == gibs.archive(one.request.url) for one in answers)


# --- good days ----------------------------------------------------------------------------------------------------


def test_tiles_come_verbatim_with_what_the_server_says_of_them(gibs: FakeGibs, tmp_path: Path) -> None:
    with fetching(tmp_path) as fetcher:
        answers = list(fetcher.tiles(wanted(gibs, 40)))
    assert right(gibs, answers) == 40
    assert isinstance(answers[0], Fetched)
    stored = answers[0].stored
    assert (stored.status, stored.media_type, stored.layer) == ("picture", "image/jpeg", f"{TRUE_COLOUR}_v6_STD")
    assert stored.time == datetime(2020, 8, 16, tzinfo=UTC)
    assert not answers[0].cached


def test_second_run_sends_no_request(gibs: FakeGibs, tmp_path: Path) -> None:
    requests = wanted(gibs, 30) + wanted(gibs, 5, day="2020-12-25") + wanted(gibs, 5, day="2001-06-20")
    with fetching(tmp_path) as fetcher:
        first = list(fetcher.tiles(requests))
    sent = gibs.counts.total
    with fetching(tmp_path) as fetcher:
        second = list(fetcher.tiles(requests))
        assert (fetcher.stats.requests, fetcher.stats.from_cache) == (0, 40)
        assert (fetcher.stats.blank, fetcher.stats.missing) == (5, 5)
    assert gibs.counts.total == sent == 40
    assert {(one.request, one.stored, one.content) for one in first if isinstance(one, Fetched)} == {
        (one.request, one.stored, one.content) for one in second if isinstance(one, Fetched)
    }


def test_one_address_is_asked_for_once(gibs: FakeGibs, tmp_path: Path) -> None:
    gibs.faults = Faults(latency_seconds=0.05)
    with fetching(tmp_path) as fetcher:
        answers = list(fetcher.tiles(wanted(gibs, 10) * 3))
    assert (len(answers), right(gibs, answers), gibs.counts.total) == (30, 30, 10)


def test_requests_are_read_only_as_fast_as_answers_are_taken(gibs: FakeGibs, tmp_path: Path) -> None:
    read = 0

    def endless() -> Iterator[TileRequest]:
        nonlocal read
        for request in wanted(gibs, 600):
            read += 1
            yield request

    with fetching(tmp_path) as fetcher:
        answers = fetcher.tiles(endless())
        assert len(list(islice(answers, 20))) == 20
        answers.close()
    assert read <= 20 + 2 * Policy().most
    assert gibs.counts.total <= read


def test_a_caller_that_stops_loses_nothing_that_came(gibs: FakeGibs, tmp_path: Path) -> None:
    gibs.faults = Faults(latency_seconds=0.02)
    with fetching(tmp_path) as fetcher:
        got = [one.request.url for one in islice(fetcher.tiles(wanted(gibs, 300)), 50)]
        started = time.monotonic()
    assert time.monotonic() - started < 2
    with SqliteTileCache(tmp_path / "tiles") as cache:
        assert all(cache.get(url) for url in got)


def test_layers_without_times_and_documents(gibs: FakeGibs, tmp_path: Path) -> None:
    tile = Tile(3, 1, 2)
    url = f"{gibs.url}/wmts/epsg4326/best/BlueMarble_ShadedRelief_Bathymetry/default/500m/{tile}.jpg"
    with fetching(tmp_path) as fetcher:
        (answer,) = fetcher.tiles([TileRequest("BlueMarble_ShadedRelief_Bathymetry", None, tile, url)])
        assert right(gibs, [answer]) == 1
        capabilities = fetcher.document(f"{gibs.url}/wmts/epsg4326/best/1.0.0/WMTSCapabilities.xml")
        assert capabilities.startswith(b"<?xml")
        with pytest.raises(NotFound, match="no document"):
            fetcher.document(f"{gibs.url}/colormaps/v1.3/nothing.xml")


# --- bad days -----------------------------------------------------------------------------------------------------


def test_twenty_percent_faults_and_every_tile_is_byte_identical(gibs: FakeGibs, tmp_path: Path) -> None:
    requests = painted(gibs, wanted(gibs, 200))
    gibs.faults = BAD_DAY
    with fetching(tmp_path, QUICK) as fetcher:
        answers = list(fetcher.tiles(requests))
        assert fetcher.stats.retries >= sum(gibs.counts.faults.values()) * 0.7  # aiohttp repeats some resets itself
    assert right(gibs, answers) == len(requests)
    assert set(gibs.counts.faults) == {"429", "500", "503", "reset", "truncate", "cut", "html", "xml", "stall", "slow"}
    assert gibs.counts.early == 0
    gibs.faults = Faults()
    sent = gibs.counts.total
    with fetching(tmp_path) as fetcher:
        assert right(gibs, list(fetcher.tiles(requests))) == len(requests)
    assert gibs.counts.total == sent


def test_retry_after_pauses_all_requests_to_the_host(gibs: FakeGibs, tmp_path: Path) -> None:
    requests = painted(gibs, wanted(gibs, 40))
    gibs.faults = Faults(too_many=0.05, retry_after_seconds=1, max_fails=1, seed=1)
    with fetching(tmp_path) as fetcher:
        started = time.monotonic()
        answers = list(fetcher.tiles(requests))
    assert right(gibs, answers) == 40
    assert gibs.counts.too_many > 0
    assert gibs.counts.early == 0
    assert time.monotonic() - started > 1


def test_a_server_that_asks_for_a_long_pause_is_left_alone(gibs: FakeGibs, tmp_path: Path) -> None:
    gibs.faults = Faults(too_many=1, retry_after_seconds=7200)
    with fetching(tmp_path) as fetcher, pytest.raises(SourceUnreachable, match="120 minutes"):
        list(fetcher.tiles(wanted(gibs, 3)))


def test_concurrency_goes_down_under_429_and_up_again(gibs: FakeGibs, tmp_path: Path) -> None:
    policy = replace(CALM, connections=32, fewest=2, tries=30)
    few, many = painted(gibs, wanted(gibs, 150)), painted(gibs, wanted(gibs, 250, day="2020-08-17"))
    gibs.faults = Faults(max_concurrency=6, retry_after_seconds=0, latency_seconds=0.01)
    with fetching(tmp_path, policy) as fetcher:
        assert right(gibs, list(fetcher.tiles(few))) == 150
        down = fetcher.stats.connections
        assert down < 12
        gibs.faults = Faults(latency_seconds=0.005)
        assert right(gibs, list(fetcher.tiles(many))) == 250
        assert fetcher.stats.connections > down


def test_the_rate_stays_below_what_the_policy_allows(gibs: FakeGibs, tmp_path: Path) -> None:
    requests = wanted(gibs, 60)
    size = sum(len(gibs.archive(request.url)) for request in requests)
    megabits = 3.0
    with fetching(tmp_path, replace(CALM, megabits_per_second=megabits)) as fetcher:
        started = time.monotonic()
        list(fetcher.tiles(requests))
        took = time.monotonic() - started
    # A second's worth comes at once, and the requests under way when the bucket runs empty.
    assert took > (size - 32 * size / 60) * 8 / (megabits * 1e6) - 1
    assert fetcher.stats.connections < 40  # more at once would not be faster


def test_a_tile_that_cannot_be_had_is_named_with_the_answer(gibs: FakeGibs, tmp_path: Path) -> None:
    gibs.faults = Faults(error_500=1, max_fails=100)
    with fetching(tmp_path) as fetcher:
        (answer,) = fetcher.tiles(wanted(gibs, 1))
        assert fetcher.stats.failed == 1
    assert isinstance(answer, Failed)
    said = "500: The server is unable to service your request. (8 tries)"
    assert answer.reason == f"{TRUE_COLOUR}, 2020-08-16T00:00:00Z, tile 6/10/0: {said}"


def test_a_refused_request_fails_at_once_with_the_servers_words(gibs: FakeGibs, tmp_path: Path) -> None:
    request = replace(wanted(gibs, 1)[0], url=wanted(gibs, 1)[0].url.replace("2020-08-16", "yesterday"))
    with fetching(tmp_path) as fetcher:
        (answer,) = fetcher.tiles([request])
    assert isinstance(answer, Failed)
    assert "400: Invalid time format" in answer.reason
    assert gibs.counts.total == 1


def test_a_tile_that_is_not_there_is_missing_not_failed(gibs: FakeGibs, tmp_path: Path) -> None:
    with fetching(tmp_path) as fetcher:
        (answer,) = fetcher.tiles(wanted(gibs, 1, day="2001-06-20"))
    assert isinstance(answer, Fetched)
    assert (answer.stored.status, answer.content) == ("missing", b"")


def test_an_unreachable_host_is_told_quickly(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        request = TileRequest("L", None, Tile(0, 0, 0), f"http://127.0.0.1:{port}/0/0/0.jpg")
        started = time.monotonic()
        with fetching(tmp_path, Policy()) as fetcher, pytest.raises(SourceUnreachable, match=f"127.0.0.1:{port}"):
            list(fetcher.tiles(replace(request, url=f"{request.url}?{number}") for number in range(1000)))
    assert time.monotonic() - started < 10


def test_a_host_that_dies_is_given_up_after_a_while_and_nothing_is_lost(gibs: FakeGibs, tmp_path: Path) -> None:
    with fetching(tmp_path) as fetcher:
        assert right(gibs, list(fetcher.tiles(wanted(gibs, 20)))) == 20
        gibs.faults = Faults(error_503=1, max_fails=100)
        with pytest.raises(SourceUnreachable, match="nothing usable for 16 tiles in a row: 503"):
            list(fetcher.tiles(wanted(gibs, 300)))
        with pytest.raises(SourceUnreachable, match="503"):
            fetcher.document(f"{gibs.url}/wmts/epsg4326/best/1.0.0/WMTSCapabilities.xml")
    gibs.faults = Faults()
    with fetching(tmp_path) as fetcher:
        assert right(gibs, list(fetcher.tiles(wanted(gibs, 300)))) == 300
        assert fetcher.stats.from_cache == 20


def test_documents_survive_faults_too(gibs: FakeGibs, tmp_path: Path) -> None:
    with fetching(tmp_path, QUICK) as fetcher:
        for seed in range(12):
            gibs.counts.requests.clear()
            gibs.faults = replace(BAD_DAY, error_503=0.3, html=0.3, xml=0.2, too_many=0, seed=seed)
            assert b"ColorMapEntry" in fetcher.document(f"{gibs.url}/colormaps/v1.3/MODIS_Terra_Data_No_Data.xml")


# --- what changes later -------------------------------------------------------------------------------------------


def test_near_real_time_becomes_standard(gibs: FakeGibs, tmp_path: Path) -> None:
    requests, start = wanted(gibs, 3, day="2026-11-15"), datetime(2026, 11, 16, tzinfo=UTC)
    with fetching(tmp_path, now=start) as fetcher:
        first = {one.content for one in fetcher.tiles(requests) if isinstance(one, Fetched)}
    with fetching(tmp_path, now=start + timedelta(hours=11)) as fetcher:
        assert all(isinstance(one, Fetched) and one.cached for one in fetcher.tiles(requests))
    with fetching(tmp_path, now=start + timedelta(hours=13)) as fetcher:
        list(fetcher.tiles(requests))
        assert (fetcher.stats.requests, fetcher.stats.unchanged, gibs.counts.not_modified) == (3, 3, 3)
    with fetching(tmp_path, now=start + timedelta(hours=14)) as fetcher:
        list(fetcher.tiles(requests))
        assert fetcher.stats.requests == 0
    gibs.layers[TRUE_COLOUR] = replace(gibs.layers[TRUE_COLOUR], nrt_from="9999")
    with fetching(tmp_path, now=start + timedelta(days=3)) as fetcher:
        later = [one for one in fetcher.tiles(requests) if isinstance(one, Fetched)]
    assert {one.stored.layer for one in later} == {f"{TRUE_COLOUR}_v6_STD"}
    assert first.isdisjoint(one.content for one in later)
    with fetching(tmp_path, now=start + timedelta(days=300)) as fetcher:
        assert all(isinstance(one, Fetched) and one.cached for one in fetcher.tiles(requests))


def test_a_recent_empty_tile_is_looked_at_again(gibs: FakeGibs, tmp_path: Path) -> None:
    layer, start = gibs.layers[TRUE_COLOUR], datetime(2026, 11, 16, tzinfo=UTC)
    gibs.layers[TRUE_COLOUR] = replace(layer, blank=lambda *_: True)
    with fetching(tmp_path, now=start) as fetcher:
        (answer,) = fetcher.tiles(wanted(gibs, 1, day="2026-11-15"))
        assert isinstance(answer, Fetched)
        assert answer.stored.status == "blank"
    gibs.layers[TRUE_COLOUR] = layer
    with fetching(tmp_path, now=start + timedelta(hours=13)) as fetcher:
        (answer,) = fetcher.tiles(wanted(gibs, 1, day="2026-11-15"))
        assert isinstance(answer, Fetched)
        assert answer.stored.status == "picture"


# --- disks, proxies, kill -9 --------------------------------------------------------------------------------------


def test_a_read_only_cache_is_told(
    gibs: FakeGibs, tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    with fetching(tmp_path) as fetcher:
        list(fetcher.tiles(wanted(gibs, 1)))
        for path in (tmp_path / "tiles").rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        (tmp_path / "tiles").chmod(0o555)
    with unprivileged(), pytest.raises(NotAllowed, match="cannot be written"), fetching(tmp_path):
        pass


_FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from earthcurator.errors import StorageFailed
from tests.gibs.test_fetch import *
gibs = FakeGibs()
gibs.url = sys.argv[3]
with fetching(Path(sys.argv[1])) as fetcher:
    list(fetcher.tiles(wanted(gibs, 5)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
    try:
        list(fetcher.tiles(wanted(gibs, 50)))
    except StorageFailed as exc:
        print(exc)
"""
ROOT = str(Path(__file__).parents[2])


def test_a_full_disk_stops_the_download_with_one_sentence(gibs: FakeGibs, tmp_path: Path) -> None:
    run = [sys.executable, "-c", _FULL, str(tmp_path), ROOT, gibs.url]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert "no space left" in done.stdout
    with fetching(tmp_path) as fetcher:
        assert right(gibs, list(fetcher.tiles(wanted(gibs, 50)))) == 50


class _Proxy(BaseHTTPRequestHandler):
    """Knows where `gibs.example` is, and nobody else does."""

    target = ""
    seen = 0

    def do_GET(self) -> None:
        type(self).seen += 1
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(self.path.replace("http://gibs.example", self.target)) as answer:
            body = answer.read()
            self.send_response(200)
            self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_the_proxy_of_the_environment_is_used(gibs: FakeGibs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    monkeypatch.setattr(_Proxy, "target", gibs.url)
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
    requests = [replace(one, url=one.url.replace(gibs.url, "http://gibs.example")) for one in wanted(gibs, 5)]
    try:
        with fetching(tmp_path) as fetcher:
            assert right(gibs, list(fetcher.tiles(requests))) == 5
    finally:
        proxy.shutdown()
        proxy.server_close()
    assert _Proxy.seen == 5


_DOWNLOAD = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.gibs.test_fetch import *
gibs = FakeGibs()
gibs.url = sys.argv[3]
for line in sys.stdin:  # a fork for each line, because importing takes longer than downloading
    child = os.fork()
    if child == 0:
        with fetching(Path(sys.argv[1]), replace(QUICK, connections=16, most=16)) as fetcher:
            for _ in fetcher.tiles(wanted(gibs, 300)):
                pass
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_kill_nine_ten_times_then_equal_result_and_nothing_fetched_twice(gibs: FakeGibs, tmp_path: Path) -> None:
    painted(gibs, wanted(gibs, 300))
    gibs.faults = Faults(latency_seconds=0.02)
    run = [sys.executable, "-c", _DOWNLOAD, str(tmp_path), ROOT, gibs.url]
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin
        assert program.stdout
        for _ in range(10):
            before = gibs.counts.total
            program.stdin.write("go\n")
            program.stdin.flush()
            child = int(program.stdout.readline())
            while gibs.counts.total < before + 25:
                time.sleep(0.005)
            os.kill(child, signal.SIGKILL)
            assert int(program.stdout.readline()) == signal.SIGKILL
        program.stdin.close()
    with fetching(tmp_path) as fetcher:
        answers = list(fetcher.tiles(wanted(gibs, 300)))
        assert fetcher.stats.from_cache > 60
    assert right(gibs, answers) == 300
    assert gibs.counts.total <= 300 + 10 * 16
