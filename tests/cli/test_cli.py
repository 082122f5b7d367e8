"""The command line, as a shell and a script see it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.cli.app import curator

from .conftest import Shell


@pytest.fixture
def ready(tmp_path: Path, make_pictures: Callable[..., Path]) -> Path:
    """A project with 12 embedded pictures."""
    with ec.create(tmp_path / "ready") as project:
        project.import_pictures([make_pictures(12)])
        project.embed()
    return tmp_path / "ready"


def test_from_a_folder_to_ranked_neighbours(shell: Shell, tmp_path: Path, make_pictures: Callable[..., Path]) -> None:
    folder, project = make_pictures(12), tmp_path / "fires"
    assert shell("init", project)[0] == 0
    code, out, err = shell("--project", project, "import", folder)
    assert (code, out) == (0, "")
    assert "added 12 chips" in err
    assert "embedded 12 chips" in shell("--project", project, "embed")[2]
    code, out, err = shell("--project", project, "search", folder / "field/00000.png", "-k", 3)
    assert code == 0
    assert out.splitlines()[1].startswith("1.000")
    assert "00000.png" in out.splitlines()[1]
    assert "3 of 12 chips (all compared)" in err


def test_json_goes_to_stdout_alone(shell: Shell, ready: Path, make_pictures: Callable[..., Path]) -> None:
    more = make_pictures(2, start=50, root="more")
    assert json.loads(shell("--project", ready, "import", more, "--json")[1])["added"] == 2
    assert json.loads(shell("--project", ready, "embed", "--json")[1])["added"] == 2
    found = json.loads(shell("--project", ready, "search", more / "field/00050.png", "--json", "-k", 2)[1])
    assert found["exact"] is True
    assert found["hits"][0]["origin"].endswith("00050.png")
    assert [entry["default"] for entry in json.loads(shell("--project", ready, "encoders", "--json")[1])].count(
        True
    ) == 1
    assert {finding["state"] for finding in json.loads(shell("--project", ready, "doctor", "--json")[1])} <= {
        "ok",
        "missing",
    }


def test_pictures_of_a_search(shell: Shell, ready: Path, tmp_path: Path) -> None:
    with ec.open(ready) as project:
        chip = next(project.chips.all()).id
    sheet, page = tmp_path / "sheet.png", tmp_path / "page.html"
    code, _, err = shell("--project", ready, "search", chip[:8], "--contact-sheet", sheet, "--html", page)
    assert code == 0, err
    assert sheet.read_bytes().startswith(b"\x89PNG")
    text = page.read_text()
    assert text.count("<figure>") == 13
    assert "http" not in text.replace("http-equiv", "")


def test_export_of_class_folders_and_of_a_label_file(shell: Shell, ready: Path, tmp_path: Path) -> None:
    assert shell("--project", ready, "export", "folders", tmp_path / "all")[0] == 0
    assert len(list((tmp_path / "all/water").iterdir())) == 6
    with ec.open(ready) as project:
        chip = next(project.chips.all()).id
    (tmp_path / "labels.csv").write_text(f"chip,label\n{chip},smoke\n")
    code, out, _ = shell(
        "--project", ready, "export", tmp_path / "labels.csv", tmp_path / "one", "--format", "csv", "--json"
    )
    assert code == 0
    assert json.loads(out)["chips"] == 1


@pytest.mark.parametrize(
    ("code", "arguments", "error"),
    [
        (2, ["--project", "nowhere", "embed"], "no project"),
        (2, ["--project", "{ready}", "search"], "at least one positive example"),
        (2, ["frobnicate"], "No such command"),
        (2, ["--project", "ftp://x/y", "embed"], "not ftp"),
        (2, ["--project", "{ready}", "search", "no-such-picture.jpg"], "neither a file nor a chip"),
        (2, ["--project", "{ready}", "search", "{text}"], "cannot be used as an example"),
        (2, ["--project", "{ready}", "search", "x", "--bbox", "1,2,3"], "1,2,3"),
        (2, ["--project", "{ready}", "search", "x", "--bbox", "0,10,0,-10"], "latitudes"),
        (2, ["--project", "{ready}", "search", "x", "--dates", "yesterday"], "yesterday"),
        (2, ["--project", "{ready}", "search", "x", "-k", "0"], "k must be"),
        (2, ["--project", "{ready}", "search", "x", "--encoder", "nope"], "no encoder"),
        (2, ["--project", "{ready}", "import", "missing-folder"], "missing-folder"),
        (2, ["--project", "{ready}", "import", "{text}", "--stretch", "wild"], "wild"),
        (2, ["--project", "{ready}", "import", "{text}", "--bands", "red"], "red"),
        (2, ["--project", "{ready}", "export", "nothing.csv", "out"], "nothing.csv"),
        (2, ["--project", "{ready}", "export", "{text}", "out"], "chip,label"),
        (2, ["--project", "{ready}", "export", "{twice}", "out"], "says clear of chip a"),
        (2, ["--project", "{ready}", "export", "{short}", "out"], "line 2"),
        (2, ["--project", "{ready}", "encoders", "add", "{text}"], "ONNX"),
        (2, ["--project", "{text}", "embed"], "is a file"),
        (2, ["--project", "{ready}", "import", "{text}", "--time", "2020/2021"], "range"),
        (2, ["--project", "{ready}", "export", "{latin}", "out"], "UTF-8"),
        (2, ["--project", "{ready}", "search", "x", "--dates", "2020-08-16T10"], "2020-08-16T10"),
        (3, ["demo", "{ready}"], "another project"),
        (3, ["demo", "{ready}/cache"], "holds no demo"),
        (3, ["init", "{ready}"], "already"),
        (3, ["--project", "{ready}", "export", "folders", "{ready}"], "exists already"),
    ],
)
def test_bad_input_is_two_lines_and_the_right_code(
    shell: Shell, ready: Path, tmp_path: Path, code: int, arguments: list[str], error: str
) -> None:
    (tmp_path / "text.csv").write_text("just,text\n1,2\n")
    (tmp_path / "twice.csv").write_text("chip,label\na,smoke\na,clear\n")
    (tmp_path / "short.csv").write_text("chip,label\na\n")
    (tmp_path / "latin.csv").write_bytes("chip,label\na,Wüste\n".encode("latin-1"))
    files = {name: tmp_path / f"{name}.csv" for name in ("text", "twice", "short", "latin")}
    filled = [argument.format(ready=ready, **files) for argument in arguments]
    got, out, err = shell(*filled)
    lines = err.strip().splitlines()
    assert got == code, err
    assert out == ""
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert len(lines) <= 2
    assert len(lines) == 1 or lines[1].startswith("hint: ")
    assert "Traceback" not in err


def test_debug_shows_the_traceback(shell: Shell, tmp_path: Path) -> None:
    assert "Traceback" in shell("--debug", "--project", tmp_path, "embed")[2]


def test_read_only_project_is_not_allowed_and_says_so(
    shell: Shell,
    ready: Path,
    tmp_path: Path,
    unprivileged: Callable[[], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shell("--project", ready, "encoders")  # loads the modules, which lie where only root may read in some machines
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir(mode=0o777)
    (tmp_path / "cache").chmod(0o777)
    with unprivileged():
        code, _, err = shell("--project", ready, "import", tmp_path / "pictures")
        assert shell("--project", ready, "search", tmp_path / "pictures/field/00000.png", "-k", 1)[0] == 0
    assert code == 4, err
    assert err.startswith("error: ")


# The command, with 10 ms spent on each picture, so that there is something to interrupt.
SLOWLY = """
import time
from earthcurator.ingest import arrive
keep = arrive._keep
arrive._keep = lambda *facts: (time.sleep(0.01), keep(*facts))[1]
from earthcurator.cli import main
main()
"""


def test_ctrl_c_keeps_what_was_done(tmp_path: Path, make_pictures: Callable[..., Path]) -> None:
    folder = make_pictures(600)
    ec.create(tmp_path / "stopped").close()
    shutil.rmtree(tmp_path / "stopped/locks")  # made anew when the import begins
    process = subprocess.Popen(
        [sys.executable, "-c", SLOWLY, "--project", str(tmp_path / "stopped"), "import", str(folder)],
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "stopped/locks").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    with ec.open(tmp_path / "stopped") as project:
        assert 0 < len(project.chips) < 600
        project.import_pictures([folder])
        assert len({chip.id for chip in project.chips.all()}) == len(project.chips) == 600


def _commands() -> list[list[str]]:
    context = curator.make_context("curator", ["--project", "x", "doctor"], resilient_parsing=True)
    found = []
    for name in curator.list_commands(context):
        command = curator.get_command(context, name)
        found.append([name])
        found += [[name, sub] for sub in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("command", _commands(), ids=" ".join)
def test_help_of_every_command_has_an_example(shell: Shell, command: list[str]) -> None:
    code, out, _ = shell(*command, "--help")
    assert code == 0
    assert "Example: curator" in out


def test_no_arguments_show_the_help(shell: Shell) -> None:
    code, out, _ = shell()
    assert "Usage: curator" in out
    assert code == 0


def test_setting_that_makes_no_sense_is_a_sentence(shell: Shell, ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATOR_THREADS", "many")
    code, _, err = shell("--project", ready, "embed")
    assert code == 2
    assert err.startswith("error: CURATOR_THREADS is 'many'")
    monkeypatch.setenv("CURATOR_THREADS", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "x")
    code, _, err = shell("plan", "MODIS_Terra_CorrectedReflectance_TrueColor", "--dates", "2020")
    assert code == 2
    assert err.startswith("error: SLURM_ARRAY_TASK_ID is 'x'")
    assert "hint: change or unset SLURM_ARRAY_TASK_ID" in err
