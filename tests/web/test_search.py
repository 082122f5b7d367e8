"""Search over HTTP, and uploads that should not be searched with."""

from __future__ import annotations

import json
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import earthcurator as ec
from earthcurator.errors import StorageFailed
from tests.web.conftest import CHIPS, Serve, Server, chip, eventually


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be this large."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = b"IDAT" + zlib.compress(bytes(1000))
    return b"".join(
        [b"\x89PNG\r\n\x1a\n"]
        + [
            struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
            for part in (body, packed, b"IEND")
        ]
    )


HOSTILE = {
    "bomb": (png_header(60_000, 60_000), "PictureTooLarge"),
    "drawing": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "NotAPicture"),
    "page": (b"<!doctype html><script>alert(1)</script>", "NotAPicture"),
    "program": (b"\x7fELF" + bytes(200), "NotAPicture"),
    "nothing": (b"", "TruncatedPicture"),
    "cut": (chip(1).picture[:500], None),
    "damaged": (chip(0).picture[:60] + bytes(60), None),
}


def test_a_chip_finds_itself_first_with_its_facts(reader: httpx.Client, chip_ids: list[str]) -> None:
    found = reader.post("/search", json={"positives": [{"chip": chip_ids[5]}], "k": 3}).json()
    first = found["hits"][0]
    assert (first["chip"], round(first["score"], 3)) == (chip_ids[5], 1)
    assert (first["layer"], first["center"]) == ("Terra", [10.5, 0])
    assert first["time"].startswith("2020-08-21T10:30:00")
    assert (len(found["hits"]), found["exact"], found["searched"], found["waiting"]) == (3, True, CHIPS, 0)
    assert [chip_ids[hit["number"]] for hit in found["hits"]] == [hit["chip"] for hit in found["hits"]]


def test_the_answer_is_that_of_the_project(shared: Server, reader: httpx.Client, chip_ids: list[str]) -> None:
    body = {"positives": [{"chip": chip_ids[5]}], "negatives": [{"chip": chip_ids[9]}], "k": 60, "diversity": 0.3}
    query = ec.Query(positives=[chip_ids[5]], negatives=[chip_ids[9]], k=60, diversity=0.3)
    told = reader.post("/search", json=body).json()["hits"]
    assert [hit["chip"] for hit in told] == [hit.chip for hit in shared.project.search(query).hits]


def test_chips_have_one_number_wherever_they_are_met(reader: httpx.Client, chip_ids: list[str]) -> None:
    asked = [9, 0, 59, 9]
    assert reader.post("/chips/ids", json={"numbers": asked}).json() == {"ids": [chip_ids[one] for one in asked]}
    assert reader.post("/chips/ids", json={"numbers": []}).json() == {"ids": []}
    listed = reader.get("/chips", params={"start": 7, "limit": 3}).json()
    assert listed["numbers"] == [7, 8, 9]
    filtered = reader.get("/chips", params={"layer": "Aqua", "start": 1, "limit": 3}).json()
    assert [chip_ids[number] for number in filtered["numbers"]] == [chip["id"] for chip in filtered["chips"]]
    named = reader.post("/chips/query", json={"ids": [chip_ids[3], "none-such", chip_ids[1]]}).json()
    assert (named["numbers"], named["missing"]) == ([3, 1], ["none-such"])


@pytest.mark.parametrize(
    ("numbers", "status"),
    [([CHIPS], 404), ([0, 2**53], 404), ([-1], 422), ([2**53 + 1], 422), ([0.5], 422), ([0] * 10_001, 422)],
)
def test_numbers_that_no_chip_has_are_refused(reader: httpx.Client, numbers: list[float], status: int) -> None:
    answer = reader.post("/chips/ids", json={"numbers": numbers})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_filters_hold(reader: httpx.Client, chip_ids: list[str]) -> None:
    def found(**condition: object) -> set[str]:
        body = {"positives": [{"chip": chip_ids[5]}], "filter": condition}
        return {hit["chip"] for hit in reader.post("/search", json=body).raise_for_status().json()["hits"]}

    assert found(box=[117, -1, 2, 1]) == {chip_ids[0], chip_ids[59]}
    assert found(dates="2020-08-17/2020-08-18") == {chip_ids[1], chip_ids[2]}
    assert found(start="2020-08-17T00:00:00", end="2020-08-18T00:00:00+00:00") == {chip_ids[1]}
    assert found(layers=["Aqua"], folders=["water"], dates="2020-08") == {chip_ids[3], chip_ids[9], chip_ids[15]}


def test_an_uploaded_example_is_kept_and_searched_with(client: httpx.Client, chip_ids: list[str]) -> None:
    made = client.post("/examples", content=chip(7).picture, headers={"Content-Type": "image/jpeg"})
    assert made.status_code == 201
    example = made.json()
    assert (example["width"], example["height"], example["media_type"]) == (64, 64, "image/jpeg")
    assert client.post("/examples", content=chip(7).picture).json()["id"] == example["id"]
    hits = client.post("/search", json={"positives": [{"example": example["id"]}], "k": 1}).json()["hits"]
    assert hits[0]["chip"] == chip_ids[7]
    shown = client.get(f"/examples/{example['id']}")
    assert shown.content == chip(7).picture
    assert client.get(f"/examples/{example['id']}/thumbnail", params={"size": 64}).headers["etag"]
    again = client.get(f"/examples/{example['id']}", headers={"If-None-Match": shown.headers["etag"]})
    assert again.status_code == 304


def test_one_request_searches_with_files(reader: httpx.Client, chip_ids: list[str]) -> None:
    files = [("positive", ("a.jpg", chip(7).picture)), ("negative", ("b.png", chip(8).picture))]
    answer = reader.post("/search/upload", files=files, data={"query": json.dumps({"k": 2})})
    assert answer.status_code == 200
    hits = answer.json()["hits"]
    assert (hits[0]["chip"], len(hits)) == (chip_ids[7], 2)


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_pictures_are_refused_with_a_sentence(shared: Server, reader: httpx.Client, name: str) -> None:
    content, code = HOSTILE[name]
    for answer in (
        reader.post("/examples", content=content, headers={"Content-Type": "image/png"}),
        reader.post("/search/upload", files={"positive": ("../../evil.png", content, "image/png")}),
    ):
        assert answer.status_code == 400, answer.text
        fault = answer.json()["error"]
        assert fault["message"]
        assert code is None or fault["code"] in {code, "BadInput"}
        assert shared.project.location not in answer.text
        assert "Traceback" not in answer.text


CHIP = [{"chip": "abcdef"}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"positives": []},
        {"positives": CHIP * 1001},
        {"positives": CHIP, "negatives": CHIP * 1001},
        {"positives": [{}]},
        {"positives": [{"chip": "abcdef", "example": "0" * 64}]},
        {"positives": [{"chip": ""}]},
        {"positives": [{"chip": "a" * 201}]},
        {"positives": [{"chip": "/etc/passwd"}]},
        {"positives": [{"chip": "../curator.json"}]},
        {"positives": [{"chip": "a\0b"}]},
        {"positives": [{"example": "../../etc/passwd"}]},
        {"positives": [{"example": "0" * 64}]},
        {"positives": ["/etc/passwd"]},
        {"positives": CHIP, "k": 0},
        {"positives": CHIP, "k": 10_001},
        {"positives": CHIP, "k": 2.5},
        {"positives": CHIP, "diversity": 2},
        {"positives": CHIP, "collapse": 0},
        {"positives": CHIP, "unknown": 1},
        {"positives": CHIP, "encoder": "none such"},
        {"positives": CHIP, "filter": {"box": [0, 0, 1]}},
        {"positives": CHIP, "filter": {"box": [0, 10, 1, 0]}},
        {"positives": CHIP, "filter": {"box": [-181, 0, 1, 1]}},
        {"positives": CHIP, "filter": {"dates": "soon"}},
        {"positives": CHIP, "filter": {"dates": "2020", "start": "2020-01-01T00:00:00Z"}},
        {"positives": CHIP, "filter": {"start": "2021-01-01T00:00:00Z", "end": "2020-01-01T00:00:00Z"}},
        {"positives": CHIP, "filter": {"start": "0001-01-01T00:00:00+23:00"}},
        {"positives": CHIP, "filter": {"layers": ["x"] * 101}},
    ],
)
def test_questions_that_make_no_sense_are_refused(reader: httpx.Client, shared: Server, body: object) -> None:
    answer = reader.post("/search", json=body)
    assert answer.status_code in {400, 404, 422}, answer.text
    fault = answer.json()["error"]
    assert fault["message"]
    assert shared.project.location not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(reader: httpx.Client, chip_ids: list[str], number: str) -> None:
    chip_name = f'{{"chip": "{chip_ids[0]}"}}'
    for field in (f'"diversity": {number}', f'"filter": {{"box": [{number}, 0, 1, 1]}}', f'"k": {number}'):
        text = f'{{"positives": [{chip_name}], {field}}}'
        answer = reader.post("/search", content=text, headers={"Content-Type": "application/json"})
        assert answer.status_code in {400, 422}, answer.text


@pytest.mark.parametrize(
    ("files", "form"),
    [
        ({}, {}),
        ({"other": b"x"}, {}),
        ({"positive": chip(0).picture}, {"query": "not json"}),
        ({"positive": chip(0).picture}, {"query": '{"k": 0}'}),
        ({"positive": chip(0).picture}, {"query": '{"filter": {"box": [NaN, 0, 1, 1]}}'}),
    ],
)
def test_forms_that_make_no_sense_are_refused(
    reader: httpx.Client, files: dict[str, bytes], form: dict[str, str]
) -> None:
    answer = reader.post("/search/upload", files=files, data=form)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["error"]["message"]


def test_an_error_does_not_say_where_the_project_is(
    client: httpx.Client, project: ec.Project, chip_ids: list[str]
) -> None:
    body = {"positives": [{"chip": chip_ids[0]}], "encoder": "lite0-224"}
    answer = client.post("/search", json=body)
    assert answer.status_code == 409
    assert project.location not in answer.text
    assert "the project has no vectors" in answer.text


def test_too_many_files_and_text_for_a_file_are_refused(reader: httpx.Client) -> None:
    many = [("positive", ("a.jpg", chip(1).picture))] * 21
    assert reader.post("/search/upload", files=many).status_code == 400
    assert reader.post("/search/upload", files=[("positive", (None, "text"))]).status_code == 422


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"])
def test_a_body_of_another_kind_is_refused(reader: httpx.Client, chip_ids: list[str], kind: str) -> None:
    body = json.dumps({"positives": [{"chip": chip_ids[0]}]}).encode()
    for path in ("/search", "/search/upload"):
        assert reader.post(path, content=body, headers={"Content-Type": kind}).status_code in {400, 415, 422}


def test_a_flood_of_searches_is_turned_away_and_labels_go_on(
    client: httpx.Client, server: Server, chip_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search is made slow on purpose: how the server queues is tested, not how it searches."""
    search, flooded = ec.Project.search, threading.Event()

    def slow(project: ec.Project, query: ec.Query, *, encoder: str | None = None) -> object:
        flooded.set()
        time.sleep(0.02)
        return search(project, query, encoder=encoder)

    monkeypatch.setattr(ec.Project, "search", slow)
    body = {"positives": [{"chip": chip_ids[5]}], "k": 1}
    limits = httpx.Limits(max_connections=200)
    waits = []
    with ThreadPoolExecutor(200) as pool, httpx.Client(base_url=client.base_url, limits=limits, timeout=30) as many:
        answers = [pool.submit(many.post, "/search", json=body) for _ in range(200)]
        flooded.wait(20)
        while not all(answer.done() for answer in answers):
            began = time.monotonic()
            assert client.get(f"{server.url}/healthz").status_code == 200
            assert client.get("/tasks").status_code == 200
            waits.append(time.monotonic() - began)
    got = [answer.result() for answer in answers]
    right = [answer for answer in got if answer.status_code == 200]
    busy = [answer for answer in got if answer.status_code == 503]
    assert len(right) + len(busy) == 200
    assert len(right) >= 32
    assert all(answer.json()["hits"][0]["chip"] == chip_ids[5] for answer in right)
    assert busy, "nobody was turned away"
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in busy)
    assert all(answer.json()["error"]["code"] == "Busy" for answer in busy)
    assert sorted(waits)[len(waits) // 2] < 1.5
    assert client.post("/search", json=body).status_code == 200


def test_hundreds_of_beginnings_of_ids_are_refused(client: httpx.Client, chip_ids: list[str]) -> None:
    few, many = ([{"chip": name[:length]} for name in chip_ids] for length in (24, 12))
    assert client.post("/search", json={"positives": few}).status_code == 200
    assert client.post("/search", json={"positives": many[:20]}).status_code == 200
    refused = client.post("/search", json={"positives": many})
    assert (refused.status_code, "in full" in refused.text) == (422, True)


def test_ids_are_read_before_the_first_search_and_a_failure_of_that_stops_nothing(
    serve: Serve, project: ec.Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serve():
        eventually(lambda: project.chips.ids.are_read)

    def fails(_halted: object) -> None:
        raise StorageFailed("the bucket is away")

    monkeypatch.setattr(project.chips.ids, "read", fails)
    with serve() as server:
        eventually(lambda: "the bucket is away" in caplog.text)
        assert httpx.get(f"{server.url}/readyz").status_code == 200
