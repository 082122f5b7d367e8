"""Makes the zips for the stores out of what Vite built: one for Chrome and Edge, one for Firefox.

The two differ in the manifest only. The same content gives the same bytes, so that anybody can check a release.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
BUILT = DIST / "extension" / "chrome"
EPOCH = (1980, 1, 1, 0, 0, 0)
FIREFOX = {
    "gecko": {
        "id": "curator@earthcurator",
        "strict_min_version": "142.0",
        "data_collection_permissions": {"required": ["websiteContent"]},
    }
}


def main() -> None:
    """Write both variants and their zips into `dist/`."""
    version = _version()
    chrome = json.loads((BUILT / "manifest.json").read_text())
    chrome["version"] = version
    for name, manifest in (("chrome", chrome), ("firefox", for_firefox(chrome))):
        folder = BUILT.with_name(name)
        if folder != BUILT:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(BUILT, folder)
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
        _zip(folder, DIST / f"curator-extension-{name}-{version}.zip")


def for_firefox(manifest: dict[str, Any]) -> dict[str, Any]:
    """Firefox has a sidebar instead of a side panel, and scripts in the background instead of a service worker."""
    side_panel, background = manifest["side_panel"], manifest["background"]
    own = {
        "permissions": [name for name in manifest["permissions"] if name != "sidePanel"],
        "background": {"scripts": [background["service_worker"]], "type": background["type"]},
        "sidebar_action": {
            "default_panel": side_panel["default_path"],
            "default_title": manifest["short_name"],
            "default_icon": manifest["icons"],
            "open_at_install": False,
        },
        "browser_specific_settings": FIREFOX,
    }
    not_there = ("side_panel", "minimum_chrome_version")
    return {**{key: value for key, value in manifest.items() if key not in not_there}, **own}


def _version() -> str:
    """That of Curator; stores take numbers only."""
    text = (ROOT / "src" / "earthcurator" / "__init__.py").read_text()
    found = re.search(r'^__version__ = "(\d+(?:\.\d+)*)', text, re.MULTILINE)
    if found is None:
        raise SystemExit("src/earthcurator/__init__.py names no version")
    return found[1]


def _zip(folder: Path, target: Path) -> None:
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _files(folder):
            entry = ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


if __name__ == "__main__":
    main()
