"""A download that is killed again and again ends like one that was left alone."""

from __future__ import annotations

import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.settings import Settings
from earthcurator.testing.gibs import FakeGibs, Faults
from tests.forks import curator

from .conftest import TRUE_COLOUR

KILLS = 10
IN_FLIGHT = 64  # connections at most
BOX = "-180,-90,180,90"
DAYS = "2020-08-01/2020-08-20"  # at level 3: 20 days of 50 tiles


def tiles_asked(gibs: FakeGibs) -> int:
    return sum(count for path, count in gibs.counts.requests.items() if path.endswith(".jpg"))


@pytest.mark.slow
def test_thousand_tiles_killed_ten_times_are_all_there_once(gibs: FakeGibs, tmp_path: Path, settings: Settings) -> None:
    gibs.faults = Faults(latency_seconds=0.05)
    ec.create(tmp_path / "project").close()
    errors = tmp_path / "errors.txt"

    def download() -> BaseProcess:
        return curator(
            *("--project", str(tmp_path / "project"), "download", TRUE_COLOUR, "--bbox", BOX, "--dates", DAYS),
            *("--zoom", "3", "--min-valid", "0"),
            errors=errors,
            environment={"CURATOR_SOURCE": gibs.url, "CURATOR_CACHE": str(settings.cache)},
        )

    def download_all() -> None:
        process = download()
        process.join()
        assert process.exitcode == 0, errors.read_text()

    for kill in range(1, KILLS + 1):
        process = download()
        deadline = time.monotonic() + 60
        while tiles_asked(gibs) < 80 * kill and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        assert process.is_alive(), "it ended before it could be killed"
        process.kill()
        process.join()
    download_all()
    assert len(set(gibs.counts.requests) - {path for path in gibs.counts.requests if not path.endswith(".jpg")}) == 1000
    assert tiles_asked(gibs) <= 1000 + KILLS * IN_FLIGHT
    with ec.open(tmp_path / "project") as project:
        chips = list(project.chips.all())
        assert len(chips) == len({chip.id for chip in chips}) == 1000
        for chip in chips[::7]:
            assert project.chips.pictures([chip.id])[chip.id] == gibs.archive(chip.origin)
    before = tiles_asked(gibs)
    download_all()
    assert tiles_asked(gibs) == before
