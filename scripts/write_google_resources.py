"""Write deploy/google_resources.json: what the resources of deploy/google take, must have, and tell others.

The types of Terraform's Google provider come with a Python package of 49 MB, whose source is read and never run:
    pip download --no-deps --dest FOLDER cdktf-cdktf-provider-google==16.12.1
    python scripts/write_google_resources.py FOLDER/*.whl
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

ROOT = Path(__file__).parent.parent
OUT = ROOT / "deploy" / "google_resources.json"
PACKAGE = "cdktf_cdktf_provider_google"
META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
"""Terraform's own arguments, which every resource takes."""

Arguments = dict[str, Any]
"""Name → {} for a value, {"block": Arguments} for a block; with "required": true where it must be given."""


def main() -> None:
    """Read the wheel, and write the file."""
    with ZipFile(sys.argv[1]) as wheel:
        found = {name: _resource(wheel, name) for name in sorted(_used())}
    lines = (f"  {json.dumps(name)}: {json.dumps(facts)}" for name, facts in found.items())
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _used() -> set[str]:
    text = "".join(path.read_text() for path in (ROOT / "deploy" / "google").glob("*.tf"))
    return set(re.findall(r'^resource "(\w+)"', text, re.MULTILINE))


def _resource(wheel: ZipFile, resource: str) -> dict[str, Any]:
    """Its arguments, and what else other resources can refer to."""
    module = resource.removeprefix("google_")
    tree = ast.parse(wheel.read(f"{PACKAGE}/{module}/__init__.py"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    config = next(name for name in classes if name.endswith("Config") and name[:-6] in classes)
    arguments = _of_class(classes, config)
    told = [node.name for node in classes[config[:-6]].body if isinstance(node, ast.FunctionDef) and _is_property(node)]
    exports = {name for name in told if not name.endswith("_input")} - arguments.keys()
    return {"arguments": arguments, "exports": sorted(exports)}


def _is_property(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator) == "builtins.property" for decorator in node.decorator_list)


def _of_class(classes: dict[str, ast.ClassDef], name: str) -> Arguments:
    """The arguments of the constructor of a class; those whose type is a class of the module are blocks."""
    made = next(
        node for node in classes[name].body if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    ).args
    found: Arguments = {}
    for argument, default in zip(made.kwonlyargs, made.kw_defaults, strict=True):
        if argument.arg in META or argument.annotation is None:
            continue
        facts: Arguments = {"required": True} if default is None else {}
        words = re.findall(r"\w+", ast.unparse(argument.annotation))
        if block := next((word for word in words if word in classes), None):
            facts["block"] = _of_class(classes, block)
        found[argument.arg.removesuffix("_attribute")] = facts
    return found


if __name__ == "__main__":
    main()
