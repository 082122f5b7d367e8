"""What the commands for imagery say and leave behind when something is wrong or they are interrupted."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from earthcurator.cli import imagery
from earthcurator.testing.gibs import FakeGibs, Faults

from .conftest import (
    CALIFORNIA,
    ONE_DAY,
    PLACE_AND_DAY,
    PLACE_AND_DAYS,
    TEMPERATURE,
    TRUE_COLOUR,
    VIIRS,
    WORLDVIEW,
    Shell,
    chips_of,
    failure,
    file_states,
    tiles_asked,
)

WHERE = ["--bbox", CALIFORNIA]
WHEN = ["--dates", "2020-08-16"]


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["MODIS_Tera_CorrectedReflectance_TrueColour", *WHERE, *WHEN], "MODIS_Tera_", TRUE_COLOUR),
        ([TRUE_COLOUR, *WHERE, "--dates", "1999-08-16"], "2000-02-24 to 2026-11-20", ""),
        ([TRUE_COLOUR, *WHERE, "--dates", "2030-01-01/2030-01-05"], "2000-02-24 to 2026-11-20", ""),
        ([TRUE_COLOUR, *WHERE, "--dates", "2020-08-17/2020-08-16"], "2020-08-17/2020-08-16", "earlier"),
        ([TRUE_COLOUR, *WHERE, "--dates", "yesterday"], "yesterday", ""),
        ([TRUE_COLOUR, *WHERE, "--dates", "2020-08-16/2020-08-18/7"], "7", ""),
        ([TRUE_COLOUR, *WHERE], "2000-02-24", "--dates"),
        ([TRUE_COLOUR, "--bbox", "-124,41,-118,37", *WHEN], "41", "west,south,east,north"),
        ([TRUE_COLOUR, "--bbox", "-124,37,-118", *WHEN], "-124,37,-118", "west,south,east,north"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--crs", "32633"], "EPSG:32633", "EPSG:4326"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--crs", "mercator"], "mercator", "EPSG:4326"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--crs", "EPSG:3857"], "EPSG:3857", "EPSG:4326"),
        ([TEMPERATURE, *WHERE, *WHEN, "--crs", "3413"], "EPSG:3413", "EPSG:4326"),
        ([TRUE_COLOUR, "--bbox", "0,-60,5,-50", *WHEN, "--crs", "3413"], "EPSG:3413", ""),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--zoom", "12"], "12", "8"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--zoom", "5", "--resolution", "500"], "resolution", ""),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--stride", "64"], "stride", "--chip-size"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--max-clouds", "0.5"], "clouds", "Cloud_Fraction"),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--mask", "No_Such_Mask"], "No_Such_Mask", ""),
        ([TRUE_COLOUR, *WHEN], "where", "--bbox"),
        ([TRUE_COLOUR, *WHERE, "--worldview", f"{WORLDVIEW}{VIIRS}", *WHEN], "several", "--worldview"),
        ([*WHERE, *WHEN], "layer", "curator layers"),
        ([TRUE_COLOUR, "--region", "{text}", *WHEN], "region.geojson", ""),
        ([TRUE_COLOUR, "--region", "{json}", *WHEN], "other.json", ""),
        ([TRUE_COLOUR, "--region", "missing.geojson", *WHEN], "missing.geojson", ""),
        (["--worldview", "https://example.org/?a=1"], "example.org", "Worldview"),
        (["--worldview", f"{WORLDVIEW}Coastlines_15m"], "Coastlines_15m", ""),
        ([TRUE_COLOUR, *WHERE, *WHEN, "--edge", "over"], "over", "--help"),
    ],
)
def test_bad_order_is_two_lines_and_code_2_and_nothing_is_fetched(
    shell: Shell, fires: Path, gibs: FakeGibs, tmp_path: Path, arguments: list[str], error: str, hint: str
) -> None:
    text, other = tmp_path / "region.geojson", tmp_path / "other.json"
    text.write_text("north of the river")
    other.write_text('{"rivers": []}')
    filled = [argument.replace("{text}", str(text)).replace("{json}", str(other)) for argument in arguments]
    code, first, second = failure(shell("download", *filled))
    assert code == 2
    assert error in first
    assert hint in second
    assert tiles_asked(gibs) == 0
    assert chips_of(fires) == []


@pytest.mark.parametrize(
    ("command", "out", "when"), [("mosaic", "out.tif", "--date"), ("animate", "out.gif", "--dates")]
)
@pytest.mark.parametrize(
    ("layer", "where", "day", "error"),
    [
        ("MODIS_Tera_TrueColor", WHERE, "2020-08-16", "MODIS_Tera_TrueColor"),
        (TRUE_COLOUR, WHERE, "1999-08-16", "2000-02-24 to 2026-11-20"),
        (TRUE_COLOUR, ["--bbox", "-124,41,-118,37"], "2020-08-16", "41"),
        (TRUE_COLOUR, [*WHERE, "--crs", "32633"], "2020-08-16", "EPSG:32633"),
        (TRUE_COLOUR, [], "2020-08-16", "where"),
        (TRUE_COLOUR, WHERE, "2020-12-25", "imagery"),
    ],
    ids=["layer", "dates", "south over north", "projection", "no place", "blank day"],
)
def test_picture_that_cannot_be_made_leaves_no_file(
    shell: Shell,
    gibs: FakeGibs,
    tmp_path: Path,
    command: str,
    out: str,
    when: str,
    layer: str,
    where: list[str],
    day: str,
    error: str,
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    zoom = ["--zoom", "4"]
    code, first, _ = failure(shell(command, layer, folder / out, *where, when, day, *zoom))
    assert code == 2
    assert error in first
    assert list(folder.iterdir()) == []


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address where nobody listens, and nobody else can begin to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_unreachable_server_is_code_5_and_touches_nothing(shell: Shell, fires: Path, nowhere: str) -> None:
    before = file_states(fires)
    code, error, hint = failure(shell(*ONE_DAY, "--source", nowhere))
    assert code == 5
    assert nowhere.removeprefix("http://") in error
    assert "network" in hint
    assert file_states(fires) == before


def test_picture_whose_tiles_cannot_be_had_is_code_5_and_leaves_no_file(
    shell: Shell, gibs: FakeGibs, tmp_path: Path
) -> None:
    assert shell("layers")[0] == 0  # the catalogue is read now
    del gibs.layers[TRUE_COLOUR]
    out = tmp_path / "fires.tif"
    assert failure(shell("mosaic", TRUE_COLOUR, out, *PLACE_AND_DAY))[0] == 5
    assert not out.exists()


def test_read_only_places_are_code_4(
    shell: Shell,
    fires: Path,
    tmp_path: Path,
    unprivileged: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Done once as oneself: loads the modules, which lie where only root may read in some machines.
    assert shell(*ONE_DAY)[0] == 0
    assert shell("mosaic", TRUE_COLOUR, tmp_path / "once.tif", *PLACE_AND_DAY)[0] == 0
    open_to_all, closed = tmp_path / "open", tmp_path / "closed"
    for folder, mode in ((open_to_all, 0o777), (closed, 0o555)):
        folder.mkdir()
        folder.chmod(mode)
    for path in (fires, *fires.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    monkeypatch.setenv("CURATOR_CACHE", str(open_to_all))
    with unprivileged():
        project = shell("download", TRUE_COLOUR, "--bbox", CALIFORNIA, "--dates", "2020-08-17", "--zoom", 6)
        picture = shell("mosaic", TRUE_COLOUR, closed / "fires.tif", *PLACE_AND_DAY)
        monkeypatch.setenv("CURATOR_CACHE", str(closed / "cache"))
        cache = shell("mosaic", TRUE_COLOUR, open_to_all / "fires.tif", *PLACE_AND_DAY)
    for result, place in ((project, fires), (picture, closed), (cache, closed)):
        code, error, _ = failure(result)
        assert code == 4
        assert str(place) in error
    assert list(closed.iterdir()) == []


def _progress_that_stops(after: int) -> Callable[[str], AbstractContextManager[Callable[..., None]]]:
    """Progress during which the person presses Ctrl-C."""

    def report(done: int, total: int | None) -> None:
        del total
        if done >= after:
            raise KeyboardInterrupt

    @contextmanager
    def progress(verb: str) -> Iterator[Callable[..., None]]:
        del verb
        yield report

    return progress


def test_interrupted_download_keeps_what_came_and_continues(
    shell: Shell, fires: Path, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = ("download", TRUE_COLOUR, "--bbox", CALIFORNIA, "--dates", "2020-08-16/2020-08-22", "--zoom", 6)
    with monkeypatch.context() as patched:
        patched.setattr(imagery, "progress", _progress_that_stops(after=5))
        code, out, err = shell(*week)
    assert (code, out) == (130, "")
    assert "interrupted" in err
    assert "Traceback" not in err
    assert len(chips_of(fires)) == 5
    code, out, err = shell(*week, "--json")
    assert code == 0, err
    done = json.loads(out)
    assert (done["added"], done["present"]) == (23, 5)
    assert len({chip.id for chip in chips_of(fires)}) == len(chips_of(fires)) == 28


@pytest.mark.parametrize(
    ("command", "name", "rest"), [("mosaic", "out.tif", PLACE_AND_DAY), ("animate", "out.gif", PLACE_AND_DAYS)]
)
def test_interrupted_picture_leaves_no_file_and_is_made_when_run_again(
    shell: Shell,
    gibs: FakeGibs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    name: str,
    rest: tuple[object, ...],
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(imagery, "progress", _progress_that_stops(after=1))
        code, _, err = shell(command, TRUE_COLOUR, folder / name, *rest)
    assert code == 130
    assert "interrupted" in err
    assert list(folder.iterdir()) == []
    code, _, err = shell(command, TRUE_COLOUR, folder / name, *rest)
    assert code == 0, err
    assert [path.name for path in folder.iterdir()] == [name]


def curator(*arguments: object) -> subprocess.Popen[str]:
    """Start the command in a process of its own, without a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "earthcurator", *map(str, arguments)],
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_whole_globe_in_a_script_is_refused_with_what_it_would_take(fires: Path, gibs: FakeGibs) -> None:
    globe = ("download", TRUE_COLOUR, "--bbox", "-180,-90,180,90", "--dates", "2020-08-16")
    code, _, err = finish(curator(*globe))
    assert code == 2, err
    assert "Traceback" not in err
    assert "--yes" in err.splitlines()[-1]
    assert tiles_asked(gibs) == 0


def test_ctrl_c_in_the_middle_and_the_same_command_again(fires: Path, gibs: FakeGibs) -> None:
    month = ("download", TRUE_COLOUR, "--bbox", CALIFORNIA, "--dates", "2020-08", "--zoom", 6, "--json")
    gibs.faults = Faults(latency_seconds=0.5)  # there is time to interrupt it, also on a busy machine
    process = curator(*month)
    deadline = time.monotonic() + 60
    while tiles_asked(gibs) < 20 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, out) == (130, ""), err
    assert "interrupted" in err
    assert "Traceback" not in err
    gibs.faults = Faults()
    asked = tiles_asked(gibs)
    code, out, err = finish(curator(*month))
    assert code == 0, err
    done: dict[str, Any] = json.loads(out)
    assert done["added"] + done["present"] == len(chips_of(fires)) == 31 * 4
    assert tiles_asked(gibs) - asked < 31 * 4  # what had come was not asked for again
