"""A shell to run commands in, and a project beside a fake GIBS."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.cli import main
from earthcurator.testing.gibs import FakeGibs

Shell = Callable[..., tuple[int, str, str]]

TRUE_COLOUR = "MODIS_Terra_CorrectedReflectance_TrueColor"
VIIRS = "VIIRS_SNPP_CorrectedReflectance_TrueColor"
TEMPERATURE = "AIRS_L2_Surface_Air_Temperature_Day"

CALIFORNIA = "-124,37,-118,41"
"""At level 6, four tiles of 4.5 degrees: rows 10 to 11, columns 12 to 13."""

ONE_DAY = ("download", TRUE_COLOUR, "--bbox", CALIFORNIA, "--dates", "2020-08-16", "--zoom", 6)
PLACE_AND_DAY = ("--bbox", CALIFORNIA, "--date", "2020-08-16", "--zoom", 5)
PLACE_AND_DAYS = ("--bbox", CALIFORNIA, "--dates", "2020-08-16/2020-08-18", "--zoom", 4)
WORLDVIEW = f"https://worldview.earthdata.nasa.gov/?v={CALIFORNIA}&l="


@pytest.fixture
def gibs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGibs]:
    """A server of our own and a cache that nobody shares, named as a user names them: in the environment."""
    with FakeGibs() as server:
        monkeypatch.setenv("CURATOR_SOURCE", server.url)
        monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("CURATOR_MEGABITS_PER_SECOND", "10000")
        monkeypatch.setattr(sys, "stdin", io.StringIO())  # no terminal, however the tests are run
        yield server


@pytest.fixture
def fires(tmp_path: Path, gibs: FakeGibs, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which commands find by themselves."""
    ec.create(tmp_path / "fires").close()
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "fires"))
    return tmp_path / "fires"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """`serve` sets up the logging of its process, which here is that of all tests."""
    root, ours = logging.getLogger(), logging.getLogger("earthcurator")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Run a command line; gives exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def chips_of(project: Path) -> list[ec.Chip]:
    with ec.open(project) as opened:
        return list(opened.chips.all())


def tiles_asked(gibs: FakeGibs) -> int:
    return sum(count for path, count in gibs.counts.requests.items() if path.endswith((".jpg", ".png")))


def file_states(folder: Path) -> dict[Path, tuple[int, int]]:
    """What is in a folder; equal only when nothing in it was written."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def failure(result: tuple[int, str, str]) -> tuple[int, str, str]:
    """Exit code, error and hint of a command that failed as commands should: two lines, and no data."""
    code, out, err = result
    assert out == ""
    lines = err.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["error:", "hint:"], err
    return code, lines[0], lines[1]
