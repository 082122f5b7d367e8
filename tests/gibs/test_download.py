"""Downloads end to end: from layers, a place and dates to chips in a project."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import earthcurator as ec
from earthcurator.errors import BadBox, BadDates, BadInput, NotFound
from earthcurator.gibs.pixels import decode_tile
from earthcurator.imagery import Imagery, orders
from earthcurator.settings import Settings
from earthcurator.testing.gibs import FakeGibs, Faults
from earthcurator.testing.gibs_archive import waves

from .conftest import CLOUDS, LAND_COVER, MASK, TEMPERATURE, TRUE_COLOUR

CALIFORNIA = ec.Box(west=-124, south=37, east=-118, north=41)
"""At level 6, tiles of 4.5 degrees: rows 10 to 11, columns 12 to 13."""


def test_tiles_become_chips_byte_for_byte_with_their_provenance(fires: ec.Project, gibs: FakeGibs) -> None:
    done = fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16/2020-08-17", zoom=6)
    assert (done.added, done.failed) == (8, 0)
    chips = list(fires.chips.all())
    pictures = fires.chips.pictures([chip.id for chip in chips])
    for chip in chips:
        assert pictures[chip.id] == gibs.archive(chip.origin)
        assert chip.layer == TRUE_COLOUR
        assert chip.version == f"{TRUE_COLOUR}_v6_STD"
        assert chip.time == chip.requested
        assert chip.retrieved is not None
        assert chip.crs == "EPSG:4326"
    assert {chip.time for chip in chips} == {datetime(2020, 8, day, tzinfo=UTC) for day in (16, 17)}
    assert {chip.tile for chip in chips} == {f"EPSG:4326/6/{row}/{column}" for row in (10, 11) for column in (12, 13)}
    corner = next(chip for chip in chips if chip.tile == "EPSG:4326/6/10/12")
    assert corner.box == ec.Box(west=-126, south=40.5, east=-121.5, north=45)


def test_second_run_sends_no_request_and_adds_nothing(fires: ec.Project, gibs: FakeGibs) -> None:
    first = fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", zoom=6)
    before = gibs.counts.total
    again = fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", zoom=6)
    assert gibs.counts.total == before
    assert (again.added, again.present, again.requests) == (0, first.added, 0)


def test_another_project_uses_the_same_tiles(
    fires: ec.Project, settings: Settings, gibs: FakeGibs, tmp_path: Path
) -> None:
    fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", zoom=6)
    before = gibs.counts.total
    with ec.create(tmp_path / "other", settings=settings) as other:
        assert other.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", zoom=6).added == 4
    assert gibs.counts.total == before


def test_windows_cross_the_borders_of_tiles_without_a_seam(fires: ec.Project) -> None:
    done = fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", zoom=6, chip_size=300, stride=200)
    assert done.added > 8
    for chip in fires.chips.all():
        assert (chip.media_type, chip.width, chip.height) == ("image/png", 300, 300)
        assert chip.tile is not None
        _, _, across, down = chip.tile.split("/")
        x, y = (int(part[1:].split("+")[0]) for part in (across, down))
        pixels = np.asarray(Image.open(BytesIO(fires.chips.pictures([chip.id])[chip.id])))
        red, green = waves(np.arange(x, x + 300)[None, :], np.arange(y, y + 300)[:, None])
        data = pixels.max(axis=2) > 30  # the stripe where the satellite did not look is black
        assert data.mean() > 0.7
        assert np.abs(pixels[..., 0].astype(int) - red)[data].mean() < 6
        assert np.abs(pixels[..., 1].astype(int) - green)[data].mean() < 6


def test_box_over_180_degrees_gives_windows_that_wrap(fires: ec.Project) -> None:
    fires.download(TRUE_COLOUR, ec.Box(west=178, south=-2, east=-178, north=2), "2020-08-16", zoom=5, chip_size=256)
    boxes = [chip.box for chip in fires.chips.all()]
    assert boxes
    assert all(box is not None and (box.west >= 171 or box.east <= -171) for box in boxes)


def test_edge_tiles_of_coarse_levels_are_cut_to_the_world(fires: ec.Project) -> None:
    fires.download(TRUE_COLOUR, ec.Box(west=-180, south=-90, east=180, north=90), "2020-08-16", zoom=1)
    sizes = {chip.tile: (chip.width, chip.height) for chip in fires.chips.all()}
    assert sizes["EPSG:4326/1/0/0"] == (512, 512)
    assert sizes["EPSG:4326/1/0/2"] == (256, 512)
    assert sizes["EPSG:4326/1/1/2"] == (256, 128)
    right = next(chip for chip in fires.chips.all() if chip.tile == "EPSG:4326/1/1/2")
    assert right.box == ec.Box(west=108, south=-90, east=180, north=-54)


def test_blank_tiles_are_no_chips_and_are_counted(fires: ec.Project) -> None:
    done = fires.download(TRUE_COLOUR, CALIFORNIA, "2020-12-24/2020-12-25", zoom=6)
    assert done.added == 4
    assert done.skipped == {"blank": 4}


def test_share_of_data_is_measured_and_can_be_asked_for(fires: ec.Project, gibs: FakeGibs) -> None:
    done = fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", zoom=6, chip_size=128, min_valid=0.9)
    chips = list(fires.chips.all())
    assert done.skipped["too little data"] > 0
    assert all(chip.valid >= 0.9 for chip in chips)
    assert done.added == len(chips) > 0


def test_mask_layer_counts_pixels_exactly(fires: ec.Project, gibs: FakeGibs) -> None:
    fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", zoom=6, mask=MASK)
    for chip in fires.chips.all():
        address = chip.origin.replace(TRUE_COLOUR, MASK).replace(".jpg", ".png")
        opaque = decode_tile(gibs.archive(address))[..., 3] > 0
        assert chip.valid == pytest.approx(1 - opaque.mean(), abs=1e-6)


def test_cloud_fraction_of_a_coarser_layer_is_kept_and_can_be_limited(fires: ec.Project) -> None:
    done = fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", zoom=7, chip_size=256, clouds=CLOUDS, max_clouds=0.5)
    clouds = [chip.clouds for chip in fires.chips.all()]
    assert done.skipped["cloudy"] > 0
    assert clouds
    assert all(share is not None and 0 < share <= 0.5 for share in clouds)


def test_several_layers_lie_on_one_grid_and_join_by_place_and_time(fires: ec.Project) -> None:
    fires.download([TRUE_COLOUR, TEMPERATURE], CALIFORNIA, "2020-08-16", zoom=7, chip_size=256)
    stacks: dict[tuple[str | None, datetime | None], set[str | None]] = {}
    for chip in fires.chips.all():
        assert (chip.width, chip.height) == (256, 256)
        stacks.setdefault((chip.tile, chip.time), set()).add(chip.layer)
    assert stacks
    assert all(layers == {TRUE_COLOUR, TEMPERATURE} for layers in stacks.values())


def test_colours_with_a_meaning_become_values(fires: ec.Project) -> None:
    fires.download(TEMPERATURE, CALIFORNIA, "2020-08-16", zoom=5)
    for chip in fires.chips.all():
        assert chip.values is not None
        assert chip.values.unit == "K"
        assert (chip.values.minimum or 0) < (chip.values.mean or 0) < (chip.values.maximum or 0)
        assert chip.values.known == pytest.approx(chip.valid, abs=1e-6)
        assert chip.values.unknown == 0


def test_classes_become_the_most_common_one(fires: ec.Project) -> None:
    fires.download(LAND_COVER, CALIFORNIA, "2020", zoom=5)
    labels = {chip.values.label for chip in fires.chips.all() if chip.values}
    assert labels
    assert None not in labels


def test_monthly_layer_is_fetched_once_a_month(fires: ec.Project, gibs: FakeGibs) -> None:
    fires.download("MODIS_Terra_L3_NDVI_Monthly", CALIFORNIA, "2020-07-15/2020-08-20", zoom=4)
    assert {chip.time for chip in fires.chips.all()} == {datetime(2020, month, 1, tzinfo=UTC) for month in (7, 8)}


def test_ten_minute_layer_over_midnight(fires: ec.Project) -> None:
    fires.download(
        "GOES-East_ABI_GeoColor", ec.Box(west=-100, south=20, east=-99, north=21),
        "2026-11-10T23:40/2026-11-11T00:10", zoom=4,
    )  # fmt: skip
    times = sorted(chip.time for chip in fires.chips.all() if chip.time)
    assert [f"{time:%d %H:%M}" for time in times] == ["10 23:40", "10 23:50", "11 00:00", "11 00:10"]


def test_step_takes_every_so_much(fires: ec.Project) -> None:
    fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-01/2020-08-31/P10D", zoom=6)
    assert sorted({chip.time.day for chip in fires.chips.all() if chip.time}) == [1, 11, 21, 31]


def test_periods_that_capabilities_leave_out_are_asked_for(fires: ec.Project) -> None:
    fires.download("VIIRS_SNPP_CorrectedReflectance_TrueColor", CALIFORNIA, "2020-01-01/2020-01-04", zoom=4)
    assert sorted({chip.time.day for chip in fires.chips.all() if chip.time}) == [1, 2, 4]  # the third has none


def test_svalbard_in_the_arctic_projection(fires: ec.Project) -> None:
    fires.download(TRUE_COLOUR, ec.Box(west=10, south=76, east=34, north=80), "2020-08-16", zoom=5, crs="EPSG:3413")
    chips = list(fires.chips.all())
    assert len(chips) == 24
    assert all(chip.crs == "EPSG:3413" and chip.box is not None and chip.box.north > 74 for chip in chips)


def test_near_real_time_that_became_standard_is_said_and_the_old_chip_kept(
    fires: ec.Project, gibs: FakeGibs, settings: Settings
) -> None:
    fires.download(TRUE_COLOUR, CALIFORNIA, "2026-11-15", zoom=6)
    before = {chip.id: chip.sha256 for chip in fires.chips.all()}
    assert all(chip.version == f"{TRUE_COLOUR}_v6_NRT" for chip in fires.chips.all())
    gibs.layers[TRUE_COLOUR] = replace(gibs.layers[TRUE_COLOUR], nrt_from="2026-11-18")
    fresh = settings.model_copy(update={"cache": settings.cache / "empty"})
    with ec.open(fires.location, settings=fresh) as later:
        done = later.download(TRUE_COLOUR, CALIFORNIA, "2026-11-15", zoom=6)
        assert (done.added, done.present, done.changed) == (0, 4, 4)
        assert {chip.id: chip.sha256 for chip in later.chips.all()} == before


def test_faults_of_every_kind_change_nothing(fires: ec.Project, gibs: FakeGibs) -> None:
    gibs.faults = Faults(too_many=0.03, error_500=0.03, error_503=0.03, reset=0.03, truncate=0.03, html=0.03, seed=5)
    done = fires.download(TRUE_COLOUR, ec.Box(west=-126, south=0, east=-60, north=50), "2020-08-16", zoom=5)
    assert done.failed == 0
    ids = [chip.id for chip in fires.chips.all()]
    assert len(set(ids)) == len(ids) == done.added
    for chip in fires.chips.all():
        assert fires.chips.pictures([chip.id])[chip.id] == gibs.archive(chip.origin)


def test_what_cannot_be_had_is_reported_and_asked_for_again(fires: ec.Project, gibs: FakeGibs) -> None:
    assert fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-15", zoom=6).added == 4  # the catalogue is read now
    layer = gibs.layers.pop(TRUE_COLOUR)
    done = fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-15/2020-08-16", zoom=6)
    assert (done.added, done.present, done.failed) == (0, 4, 4)
    assert done.report is not None
    reasons = Path(done.report).read_text()
    assert "2020-08-16" in reasons
    assert "LAYER" in reasons  # what the server said
    gibs.layers[TRUE_COLOUR] = layer
    again = fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-15/2020-08-16", zoom=6)
    assert (again.added, again.present, again.failed) == (4, 4, 0)


# -- bad input -------------------------------------------------------------------------------------------------------


def test_unknown_layer_is_answered_with_the_nearest_names(fires: ec.Project) -> None:
    with pytest.raises(NotFound) as refused:
        fires.download("MODIS_Tera_CorrectedReflectance_TrueColour", CALIFORNIA, "2020-08-16")
    assert TRUE_COLOUR in refused.value.hint


def test_dates_outside_the_range_are_answered_with_the_range(fires: ec.Project) -> None:
    with pytest.raises(BadDates, match="2000-02-24"):
        fires.download(TRUE_COLOUR, CALIFORNIA, "1999-08-16")
    with pytest.raises(BadDates, match="say of when"):
        fires.download(TRUE_COLOUR, CALIFORNIA)


def test_unknown_and_display_projections_are_refused(fires: ec.Project) -> None:
    with pytest.raises(BadInput, match="EPSG:32633"):
        fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", crs="EPSG:32633")
    with pytest.raises(BadInput, match="display only"):
        fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", crs="EPSG:3857")
    with pytest.raises(BadInput, match="not offered in EPSG:3413") as refused:
        fires.download(TEMPERATURE, CALIFORNIA, "2020-08-16", crs="EPSG:3413")
    assert "EPSG:4326" in refused.value.hint


def test_region_outside_the_projection_is_refused(fires: ec.Project) -> None:
    with pytest.raises(BadBox):
        fires.download(TRUE_COLOUR, ec.Box(west=0, south=-60, east=5, north=-50), "2020-08-16", crs="EPSG:3413")


def test_unknown_level_is_refused(fires: ec.Project) -> None:
    with pytest.raises(BadInput, match="level 12"):
        fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", zoom=12)


# -- estimates -------------------------------------------------------------------------------------------------------


def test_estimate_counts_tiles_and_what_is_here(imagery: Imagery, fires: ec.Project, gibs: FakeGibs) -> None:
    (order,) = orders(TRUE_COLOUR, CALIFORNIA, "2020-08-16/2020-08-17", zoom=6)
    before = imagery.estimate(order)
    assert (before.tiles, before.chips, before.instants, before.cached) == (8, 8, 2, 0)
    assert before.download_bytes == 8 * 64_000
    fires.download(TRUE_COLOUR, CALIFORNIA, "2020-08-16", zoom=6)
    tiles_asked = sum(count for path, count in gibs.counts.requests.items() if path.endswith(".jpg"))
    assert imagery.estimate(order).cached == 4
    assert sum(count for path, count in gibs.counts.requests.items() if path.endswith(".jpg")) == tiles_asked
