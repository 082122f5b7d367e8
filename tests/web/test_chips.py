"""Chips over HTTP: lists, facts and pictures."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image

import earthcurator as ec
from earthcurator.models import Arrival, Chip
from tests.web.conftest import CHIPS, START, Server


def add(project: ec.Project, name: str, content: bytes, media_type: str) -> None:
    facts = Chip(
        id=name,
        media_type=media_type,
        width=8,
        height=8,
        sha256=sha256(content).hexdigest(),
        origin=f"/{name}",
    )
    project.chips.add([Arrival(facts, content)])


def encoded(image: Image.Image, kind: str) -> bytes:
    out = BytesIO()
    image.save(out, kind)
    return out.getvalue()


def opened(answer: httpx.Response) -> Image.Image:
    return Image.open(BytesIO(answer.content))


def test_project_is_told_in_a_few_numbers(client: httpx.Client, project: ec.Project) -> None:
    told = client.get("/project").json()
    assert told["name"] == project.name
    assert told["chips"] == told["vectors"] == CHIPS
    assert told["layers"] == {"Aqua": 20, "Terra": 40}
    assert told["folders"] == {"field": 30, "water": 30}
    assert told["first"].startswith("2020-08-16T10:30:00")
    assert told["last"].startswith("2020-10-14T10:30:00")
    assert told["box"] == [0, -1, 119, 1]
    assert told["encoder"] == project.default_encoder


def test_pages_hold_every_chip_once_and_in_order(reader: httpx.Client, chip_ids: list[str]) -> None:
    seen: list[str] = []
    start: int | None = 0
    while start is not None:
        page = reader.get("/chips", params={"start": start, "limit": 17}).json()
        assert page["total"] == CHIPS
        seen += [chip["id"] for chip in page["chips"]]
        start = page["next"]
    assert seen == chip_ids


def test_a_list_begins_anywhere_and_ends_beyond_its_end(reader: httpx.Client, chip_ids: list[str]) -> None:
    page = reader.get("/chips", params={"start": 58}).json()
    assert ([chip["id"] for chip in page["chips"]], page["next"]) == (chip_ids[58:], None)
    assert reader.get("/chips", params={"start": 10**12}).json() == {
        "chips": [],
        "numbers": [],
        "next": None,
        "total": CHIPS,
    }


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({"layer": "Aqua", "limit": "3"}, [0, 3, 6]),
        ({"bbox": "9,-1,15,1"}, [5, 6, 7]),
        ({"bbox": "117,-1,2,1"}, [0, 59]),
        ({"dates": "2020-08-17/2020-08-18"}, [1, 2]),
        ({"folder": "water", "dates": "2020-08-17/2020-08-19"}, [1, 3]),
        ({"layer": ["Aqua", "Terra"], "bbox": "-170,-1,-160,1"}, []),
    ],
)
def test_filters_choose_chips(
    reader: httpx.Client, chip_ids: list[str], asked: dict[str, str], numbers: list[int]
) -> None:
    page = reader.get("/chips", params=asked).json()
    assert [chip["id"] for chip in page["chips"]] == [chip_ids[number] for number in numbers]


def test_pages_of_a_filter_follow_each_other(reader: httpx.Client) -> None:
    first = reader.get("/chips", params={"layer": "Aqua", "limit": 12}).json()
    second = reader.get("/chips", params={"layer": "Aqua", "limit": 12, "start": first["next"]}).json()
    ids = {chip["id"] for chip in first["chips"] + second["chips"]}
    assert (len(ids), first["total"], second["next"]) == (20, 20, None)


def test_chips_come_in_the_order_asked_with_those_that_are_missing(reader: httpx.Client, chip_ids: list[str]) -> None:
    asked = [chip_ids[3], "nothing", chip_ids[1]]
    answer = reader.post("/chips/query", json={"ids": asked}).json()
    assert [chip["id"] for chip in answer["chips"]] == [chip_ids[3], chip_ids[1]]
    assert answer["missing"] == ["nothing"]


def test_a_chip_is_found_by_the_beginning_of_its_id(reader: httpx.Client, chip_ids: list[str]) -> None:
    chip = reader.get(f"/chips/{chip_ids[7][:10]}").json()
    assert chip["id"] == chip_ids[7]
    assert chip["box"] == {"west": 14, "south": -1, "east": 15, "north": 1}
    assert chip["time"].startswith(f"{START:%Y-%m}-23")


def test_a_picture_is_sent_as_it_was_received_and_kept_by_the_browser(
    client: httpx.Client, project: ec.Project, chip_ids: list[str]
) -> None:
    answer = client.get(f"/chips/{chip_ids[1]}/picture")
    assert answer.content == project.chips.pictures([chip_ids[1]])[chip_ids[1]]
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["content-disposition"] == f'inline; filename="{chip_ids[1]}.jpeg"'
    again = client.get(f"/chips/{chip_ids[1]}/picture", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get(f"/chips/{chip_ids[1]}/picture", headers={"If-None-Match": '"another"'})
    assert other.status_code == 200


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_a_thumbnail_is_as_small_as_asked_and_never_enlarged(
    client: httpx.Client, project: ec.Project, size: int
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    add(project, "large", encoded(Image.fromarray(noise), "jpeg"), "image/jpeg")
    answer = client.get("/chips/large/thumbnail", params={"size": size})
    assert max(opened(answer).size) == min(size, 300)
    assert answer.headers["content-type"] == "image/jpeg"
    etag = answer.headers["etag"]
    known = client.get("/chips/large/thumbnail", params={"size": size}, headers={"If-None-Match": f"W/{etag}"})
    assert known.status_code == 304


def test_sizes_of_thumbnails_have_etags_of_their_own(reader: httpx.Client, chip_ids: list[str]) -> None:
    tags = {reader.get(f"/chips/{chip_ids[0]}/thumbnail", params={"size": size}).headers["etag"] for size in (64, 128)}
    assert len(tags) == 2


def test_transparent_pixels_stay_transparent(client: httpx.Client, project: ec.Project) -> None:
    pixels = np.full((100, 100, 4), (200, 10, 10, 255), np.uint8)
    pixels[:, 50:, 3] = 0
    add(project, "half-clear", encoded(Image.fromarray(pixels), "png"), "image/png")
    small = opened(client.get("/chips/half-clear/thumbnail", params={"size": 64}))
    assert (small.format, small.mode, small.size) == ("PNG", "RGBA", (64, 64))
    assert small.getpixel((5, 32)) == (200, 10, 10, 255)
    assert small.getpixel((60, 32))[3] == 0  # type: ignore[index]  # a pixel of RGBA is a tuple


def test_a_tiff_that_browsers_do_not_show_has_a_jpeg_thumbnail(client: httpx.Client, project: ec.Project) -> None:
    add(project, "sheet", encoded(Image.new("RGB", (90, 30), (0, 128, 255)), "tiff"), "image/tiff")
    small = opened(client.get("/chips/sheet/thumbnail", params={"size": 64}))
    assert (small.format, small.size) == ("JPEG", (64, 21))


@pytest.mark.parametrize("media_type", ["image/svg+xml", "text/html", "image/png\r\nX-Evil: 1"])
def test_what_a_browser_may_run_is_no_picture(client: httpx.Client, project: ec.Project, media_type: str) -> None:
    add(project, "drawing", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", media_type)
    for part in ("picture", "thumbnail"):
        answer = client.get(f"/chips/drawing/{part}")
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/json"
        assert "x-evil" not in answer.headers


def test_a_damaged_chip_is_a_sentence(client: httpx.Client, project: ec.Project, chip_ids: list[str]) -> None:
    whole = project.chips.pictures([chip_ids[1]])[chip_ids[1]]
    add(project, "cut-off", whole[: len(whole) // 2], "image/jpeg")
    answer = client.get("/chips/cut-off/thumbnail")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {"TruncatedPicture", "BadPicture"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/chips/nothing-there", 404),
        ("/chips/nothing-there/picture", 404),
        ("/chips/%00", 404),
        ("/chips/..%2f..%2fetc%2fpasswd", 404),
        ("/chips/..%2f..%2fetc%2fpasswd/picture", 404),
        ("/chips/%2e%2e%5c%2e%2e%5cwindows", 404),
        ("/chips/x%0d%0aSet-Cookie:%20a=b/picture", 404),
        (f"/chips/{'a' * 201}", 422),
        ("/chips?limit=1001", 422),
        ("/chips?limit=0", 422),
        ("/chips?start=-1", 422),
        ("/chips?start=99999999999999999999", 422),
        ("/chips?bbox=1,2,3", 400),
        ("/chips?bbox=nan,0,1,1", 400),
        ("/chips?bbox=0,0,1,1e999", 400),
        ("/chips?dates=yesterday", 400),
        ("/chips/whatever/thumbnail?size=100", 422),
    ],
)
def test_bad_questions_are_refused_in_one_shape(reader: httpx.Client, shared: Server, path: str, status: int) -> None:
    answer = reader.get(path)
    assert answer.status_code == status, answer.text
    fault = answer.json()["error"]
    assert fault["message"]
    assert set(fault) == {"code", "message", "hint"}
    assert shared.project.location not in answer.text
    assert "Traceback" not in answer.text
    assert "set-cookie" not in answer.headers


def test_a_path_out_of_the_server_is_no_chip(shared: Server) -> None:
    """Sent as it is: clients tidy such paths up."""
    for path in ("/api/v1/chips/../../../../etc/passwd", "/../../etc/passwd", "/api/v1/chips/..%2f..%2fetc%2fpasswd"):
        request = httpx.Request("GET", shared.url)
        request.extensions["target"] = path.encode()
        with httpx.Client() as client:
            answer = client.send(request)
        assert answer.status_code == 404
        assert "root:" not in answer.text


def test_a_filter_that_nothing_passes_is_an_empty_list(reader: httpx.Client) -> None:
    assert reader.get("/chips", params={"layer": "none such"}).json() == {
        "chips": [],
        "numbers": [],
        "next": None,
        "total": 0,
    }
