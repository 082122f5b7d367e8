"""What the documentation tells people to type exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from earthcurator.cli.app import curator
from earthcurator.testing.gibs import FakeGibs

from .stac.conftest import Scenes, painted

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def commands() -> list[str]:
    """Every line that calls curator in a shell block of the documentation."""
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)]
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return sorted({line for line in lines if line.startswith(("curator", ".venv/bin/curator"))})


def test_every_command_of_the_page_on_imagery_runs(tmp_path: Path) -> None:
    (tmp_path / "stac").mkdir()
    scenes = Scenes(tmp_path / "stac")
    scenes.add("scene", "2021-02-10T10:00:00Z", painted(), collection="sentinel-2-l2a")
    static_catalogue = str(scenes.write())
    page = (ROOT / "docs/guides/imagery.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(lines) > 12
    with FakeGibs() as gibs:
        environment = {**os.environ, "CURATOR_SOURCE": gibs.url, "CURATOR_CACHE": str(tmp_path / "cache")}
        for line in lines:
            here = line.replace("https://earth-search.aws.element84.com/v1", static_catalogue)
            words = [sys.executable, "-m", "earthcurator", *shlex.split(here)[1:]]
            done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("line", commands())
def test_documented_command_exists_with_these_options(line: str) -> None:
    context = click.Context(curator, info_name="curator")
    arguments = curator.parse_args(context, shlex.split(line)[1:])
    assert arguments is not None
    name, command, rest = curator.resolve_command(context, [*context._protected_args, *context.args])
    assert command is not None
    child = command.make_context(name, list(rest), parent=context)
    if isinstance(command, click.Group) and child._protected_args:
        sub_name, sub, sub_rest = command.resolve_command(child, [*child._protected_args, *child.args])
        assert sub is not None
        sub.make_context(sub_name, list(sub_rest), parent=child)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_reference_pages_say_what_the_program_says() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/write_reference.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
