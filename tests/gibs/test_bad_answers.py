"""Answers that look right and are not: they end neither as chips nor in the cache."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import web
from PIL import Image

import earthcurator as ec
from earthcurator.errors import BadPicture, NotFound, SourceUnreachable
from earthcurator.gibs.documents import Documents
from earthcurator.imagery import Imagery, orders
from earthcurator.settings import Settings
from earthcurator.testing.gibs import FakeGibs

from .conftest import CLOUDS, MASK, TEMPERATURE, TRUE_COLOUR

CALIFORNIA = ec.Box(west=-124, south=37, east=-118, north=41)
DAY = "2020-08-16"

Spoil = Callable[[web.Request, web.Response], web.Response]


@contextmanager
def spoiled(gibs: FakeGibs, spoil: Spoil, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The server sends every tile through `spoil`."""
    whole = gibs._tile_answer
    with monkeypatch.context() as patch:
        patch.setattr(gibs, "_tile_answer", lambda request: spoil(request, whole(request)))
        yield


def without_its_middle(_: web.Request, answer: web.Response) -> web.Response:
    body = bytearray(answer.body)  # type: ignore[arg-type]  # our own answers are bytes
    body[len(body) // 3 : len(body) // 3 + 400] = bytes(400)
    return web.Response(body=bytes(body), headers=answer.headers)


def small(_: web.Request, answer: web.Response) -> web.Response:
    out = BytesIO()
    Image.open(BytesIO(bytes(answer.body))).resize((300, 200)).save(out, "jpeg")  # type: ignore[arg-type]
    return web.Response(body=out.getvalue(), content_type="image/jpeg")


def of_another_day(_: web.Request, answer: web.Response) -> web.Response:
    answer.headers["Layer-Time-Actual"] = "2026-11-10T00:00:00Z"
    return answer


def forbidden(_: web.Request, answer: web.Response) -> web.Response:
    return web.Response(status=403, text="Access denied")


@pytest.fixture
def quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Without long waits between tries."""
    monkeypatch.setattr("earthcurator.gibs.fetch.backoff", lambda *_: 0.001)
    return settings


def test_damaged_tile_is_fetched_again_by_the_next_run(
    fires: ec.Project, quick: Settings, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with spoiled(gibs, without_its_middle, monkeypatch):
        done = fires.download(TRUE_COLOUR, CALIFORNIA, DAY, zoom=6)
        assert (done.added, done.failed) == (0, 4)
    again = fires.download(TRUE_COLOUR, CALIFORNIA, DAY, zoom=6)
    assert (again.added, again.failed) == (4, 0)


def test_damaged_tile_of_a_mosaic_is_fetched_again_by_the_next_run(
    imagery: Imagery, gibs: FakeGibs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order,) = orders(TRUE_COLOUR, CALIFORNIA, DAY, zoom=6)
    with spoiled(gibs, without_its_middle, monkeypatch), pytest.raises(BadPicture):
        imagery.mosaic(order, tmp_path / "m.tif")
    assert imagery.mosaic(order, tmp_path / "m.tif").tiles == 4


@pytest.mark.parametrize("spoil", [small, of_another_day])
def test_tile_of_the_wrong_size_or_day_is_refused_and_not_kept(
    fires: ec.Project, quick: Settings, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch, spoil: Spoil
) -> None:
    with spoiled(gibs, spoil, monkeypatch):
        done = fires.download(TRUE_COLOUR, CALIFORNIA, DAY, zoom=6)
        assert (done.added, done.failed) == (0, 4)
    assert fires.download(TRUE_COLOUR, CALIFORNIA, DAY, zoom=6).added == 4


def test_server_that_refuses_everything_is_given_up(
    fires: ec.Project, quick: Settings, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fires.download(TRUE_COLOUR, CALIFORNIA, DAY, zoom=6)
    before = gibs.counts.total
    everywhere = ec.Box(west=-180, south=-90, east=180, north=90)
    with spoiled(gibs, forbidden, monkeypatch), pytest.raises(SourceUnreachable, match="nothing usable"):
        fires.download(TRUE_COLOUR, everywhere, DAY, zoom=4)
    assert gibs.counts.total - before < 400  # of 600: 200 tiles, three tries each


def test_missing_mask_is_no_mask_and_missing_clouds_are_unknown(
    fires: ec.Project, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(request: web.Request, answer: web.Response) -> web.Response:
        helper = MASK in request.path or CLOUDS in request.path
        return web.Response(status=404, text="Not Found") if helper else answer

    with spoiled(gibs, gone, monkeypatch):
        fires.download(TRUE_COLOUR, CALIFORNIA, DAY, zoom=6, mask=MASK)
        assert any(chip.valid < 1 for chip in fires.chips.all())
        done = fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-17", zoom=6, clouds=CLOUDS, max_clouds=0.5)
        assert done.skipped == {"clouds unknown": 4}


def test_instants_without_a_mask_are_named_beforehand(imagery: Imagery, gibs: FakeGibs) -> None:
    gibs.layers[MASK] = replace(gibs.layers[MASK], periods="2020-08-17/2026-11-20/P1D")
    (order,) = orders(TRUE_COLOUR, CALIFORNIA, "2020-08-16/2020-08-17", zoom=6, mask=MASK)
    (note,) = imagery.estimate(order).notes
    assert note.startswith(f"{MASK} has no imagery for 1 of 2 instants")


def test_same_server_by_another_name_gives_the_same_chips(fires: ec.Project, gibs: FakeGibs) -> None:
    fires.download(TRUE_COLOUR, CALIFORNIA, DAY, zoom=6)
    document = f"{gibs.url}/wmts/epsg4326/best/1.0.0/WMTSCapabilities.xml"
    done = fires.download(TRUE_COLOUR, CALIFORNIA, DAY, zoom=6, source=document)
    assert (done.added, done.present) == (0, 4)


def test_colour_map_that_the_catalogue_does_not_name_is_asked_for(imagery: Imagery, gibs: FakeGibs) -> None:
    source = imagery.wmts
    bare = replace(imagery.layer(TEMPERATURE), colormap="")
    assert source.colormap(bare) is None
    source.is_gibs = True  # as NASA's shipped catalogue, which names few
    found = source.colormap(bare)
    assert found is not None
    assert found.units == "K"


# -- documents -------------------------------------------------------------------------------------------------------


def test_page_about_maintenance_is_not_kept_as_a_document(tmp_path: Path) -> None:
    answers = [b"<html>starting up</html>", b"<Capabilities/>"]
    documents = Documents(lambda url: answers.pop(0), tmp_path)
    assert documents.get("http://127.0.0.1/a.xml", max_age=timedelta(days=1)) == b"<html>starting up</html>"
    for _ in range(2):
        assert documents.get("http://127.0.0.1/a.xml", max_age=timedelta(days=1)) == b"<Capabilities/>"


def test_old_copy_serves_while_the_server_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answers: list[bytes] = [b"<Capabilities/>"]

    def fetch(url: str) -> bytes:
        if not answers:
            raise SourceUnreachable("no answer")
        return answers.pop()

    documents = Documents(fetch, tmp_path)
    documents.get("http://127.0.0.1/a.xml", max_age=timedelta())
    with caplog.at_level(logging.WARNING):
        assert documents.get("http://127.0.0.1/a.xml", max_age=timedelta()) == b"<Capabilities/>"
    assert "its copy" in caplog.text
    with pytest.raises(NotFound):
        documents.get_optional("http://127.0.0.1/b.json", max_age=timedelta(days=1))


# -- films -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "dates", "frames"),
    [
        (TRUE_COLOUR, "2020-08-01/2020-08-22/P7D", 4),
        ("MODIS_Terra_L3_NDVI_Monthly", "2020-01-10/2020-01-20", 1),
        ("MODIS_Terra_L3_NDVI_Monthly", "2020-01-10/2020-03-20", 3),
        ("VIIRS_SNPP_CorrectedReflectance_TrueColor", "2020-04-03/2020-04-08", 5),
    ],
)
def test_films_have_a_frame_for_each_step(
    imagery: Imagery, tmp_path: Path, layer: str, dates: str, frames: int
) -> None:
    (order,) = orders(layer, CALIFORNIA, dates, zoom=3)
    assert imagery.timelapse(order, tmp_path / "film.gif").frames == frames
