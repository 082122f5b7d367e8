"""What the documentation tells people to type exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click
import pytest
import schemathesis

import earthcurator as ec
from earthcurator.cli.app import curator, main
from earthcurator.testing.gibs import FakeGibs

from .stac.conftest import Scenes, painted
from .web.test_kill_server import Server, free_port

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def commands() -> list[str]:
    """Every line that calls curator in a shell block of the documentation."""
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)]
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return sorted({line for line in lines if line.startswith(("curator", ".venv/bin/curator"))})


def test_every_command_of_the_page_on_imagery_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stac").mkdir()
    scenes = Scenes(tmp_path / "stac")
    scenes.add("scene", "2021-02-10T10:00:00Z", painted(), collection="sentinel-2-l2a")
    static_catalogue = str(scenes.write())
    page = (ROOT / "docs/guides/imagery.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(lines) > 12
    monkeypatch.chdir(tmp_path)
    with FakeGibs() as gibs:
        monkeypatch.setenv("CURATOR_SOURCE", gibs.url)
        monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
        for line in lines:
            main(shlex.split(line.replace("https://earth-search.aws.element84.com/v1", static_catalogue))[1:])


def test_every_command_of_the_page_on_labelling_runs(
    tmp_path: Path,
    make_pictures: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ec.create(tmp_path / "fires") as project:
        project.import_pictures([make_pictures(4)])
        chips = [chip.id for chip in project.chips.all()]
    (tmp_path / "labels.csv").write_text(f"chip,label\n{chips[0]},clear\n")
    page = (ROOT / "docs/guides/label-together.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(lines) > 14
    serve = "curator --project fires serve"
    assert serve in lines
    server = Server(tmp_path / "fires", free_port())
    monkeypatch.chdir(tmp_path)
    with ExitStack() as ends:
        for line in lines:
            if line == serve:
                server.start()
                ends.callback(server.kill)
            else:
                here = line.replace("http://127.0.0.1:8000", server.url).replace(" CHIP smoke", f" {chips[0]} smoke")
                run_as_shell(here, monkeypatch, capsys)
    with ec.open(tmp_path / "fires") as project:
        task = project.tasks.find("Is there smoke?")
        said = [(label.source, label.decision) for label in project.tasks.events(task)]
    assert said == [("person", "label"), ("person", "undo"), ("import", "label"), ("adjudication", "label")]


def run_as_shell(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Do what a shell does with a line, but `curator` in this process; variables become those of the environment."""
    variable = re.match(r"(\w+)=", line)
    if ours := re.match(r"(?:\w+=\$\()?curator (.*?)\)?$", line):
        main(shlex.split(os.path.expandvars(ours[1])))
        said = capsys.readouterr().out
    else:
        script = f'{line}; printf %s "${variable[1]}"' if variable else line
        done = subprocess.run(["bash", "-ec", script], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        said = done.stdout
    if variable:
        monkeypatch.setenv(variable[1], said.strip())


@pytest.mark.parametrize("name", ["choose", "when-to-stop"])
def test_every_command_of_the_pages_on_active_learning_runs(
    name: str, tmp_path: Path, make_pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ec.create(tmp_path / "fires") as project:
        project.import_pictures([make_pictures(80, classes=("smoke", "clear"))])
        project.embed()
        folders = {chip.id: str(chip.folder) for chip in project.chips.all()}
    chips = sorted(folders)
    (tmp_path / "truth.csv").write_text("chip,label\n" + "".join(f"{chip},{folders[chip]}\n" for chip in chips))
    page = (ROOT / f"docs/guides/{name}.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    create = 'curator --project fires task create "Is there smoke?" --class smoke --class clear --example smoke=CHIP'
    assert (create in lines) == (name == "choose")
    assert len(lines) >= 2
    monkeypatch.chdir(tmp_path)
    for line in [create, *(line for line in lines if line != create)]:
        main(shlex.split(line.replace("=CHIP", f"={chips[0]}"))[1:])
        if line == create:  # people begin
            with ec.open("fires") as project:
                task = project.tasks.find("Is there smoke?")
                project.tasks.import_labels(task, [(chip, (folders[chip],)) for chip in chips[:20]])


def test_every_command_of_the_page_on_shards_runs(
    tmp_path: Path, make_pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs/guides/shards.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 9
    assert lines.pop(0) == "export CURATOR_PROJECT=s3://my-bucket/fires"
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "fires"))
    with ec.create(tmp_path / "fires") as project:
        project.import_pictures([make_pictures(12)])
        main(["shards", "plan", "embed", "--size", "6"])
        [plan] = project.shards.plans()
        kubernetes = json.loads(re.findall(r"command: (\[.*\])", page)[0])
        run_as_task(kubernetes, plan, monkeypatch, JOB_COMPLETION_INDEX="1")
        assert project.shards.done(plan) == {1}
        with FakeGibs() as gibs:
            monkeypatch.setenv("CURATOR_SOURCE", gibs.url)
            monkeypatch.setenv("CURATOR_CACHE", str(tmp_path / "cache"))
            for line in lines:
                if line.startswith("sbatch"):
                    run_as_task(shlex.split(shlex.split(line)[-1]), plan, monkeypatch, SLURM_ARRAY_TASK_ID="0")
                else:
                    main(shlex.split(line.replace("3f1c", plan))[1:])
        assert {json.loads(project.shards.plan(name))["kind"] for name in project.shards.plans()} == {
            "download",
            "embed",
        }
        assert len(project.embeddings(project.encoder()).ids.known(chip.id for chip in project.chips.all())) == 12


def run_as_task(command: list[str], plan: str, monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    """Run a command of the page on shards as an array would."""
    with monkeypatch.context() as inside:
        for name, value in environment.items():
            inside.setenv(name, value)
        main([plan if word == "3f1c" else word for word in command[1:]])


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


def test_description_of_the_api_is_valid_and_says_how_each_route_fails() -> None:
    description = json.loads((ROOT / "docs/openapi.json").read_text())
    schemathesis.openapi.from_dict(description).validate()
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            assert route["summary"], f"{method} {path}"
            failure = route["responses"]["4XX"]["content"]["application/json"]["schema"]["$ref"]
            assert failure == "#/components/schemas/Failure", f"{method} {path}"
