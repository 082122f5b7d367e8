"""`deploy/` names commands, ports, paths and variables that Curator has; `make check-deploy` checks the rest."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from pydantic import AliasChoices

import earthcurator as ec
from earthcurator.cli.app import curator
from earthcurator.settings import Settings
from earthcurator.web.app import create_app
from earthcurator.web.serving import Serving

DEPLOY = Path(__file__).parent.parent / "deploy"
PORT = "8000"


def dockerfile(word: str) -> list[list[str]]:
    """Lists of words that follow this instruction."""
    found = re.findall(rf"^ *{word} (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    return [json.loads(words) for words in found]


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    return document


def template(name: str) -> Any:
    """A template of the chart as YAML: lines that are only for Helm are left out, and values are 1."""
    text = (DEPLOY / "helm" / "curator" / "templates" / name).read_text()
    text = re.sub(r"^ *\{\{-.*\}\}\n", "", text, flags=re.MULTILINE)
    return yaml.safe_load(re.sub(r"\{\{.*?\}\}", "1", text))


def container(name: str) -> Any:
    return template(name)["spec"]["template"]["spec"]["containers"][0]


def terraform(name: str) -> str:
    return (DEPLOY / "google" / name).read_text()


def commands() -> dict[str, list[str]]:
    """Everything that a container is told to do."""
    api = re.search(
        r"args = concat\(\s*(\[.*\]),\n\s*flatten\(\[for name in var.names : (\[.*), name\]\]\)", terraform("main.tf")
    )
    batch = re.search(r"commands = (\[.*\])", terraform("outputs.tf"))
    assert api
    assert batch
    return {
        "image": dockerfile("CMD")[-1],
        "compose": compose()["services"]["api"]["command"],
        "chart": [str(word) for word in container("api.yaml")["args"]],
        "shards of the chart": [str(word) for word in container("shards.yaml")["args"]],
        "Cloud Run": [*json.loads(api[1]), *json.loads(f"{api[2]}]"), "curator.example.org"],
        "Batch": json.loads(batch[1].replace("var.plan", '"3f1c"').replace("tostring(var.tasks)", '"100"')),
    }


@pytest.mark.parametrize("place", commands())
def test_commands_exist_with_these_options(place: str) -> None:
    words = commands()[place]
    group, context = curator, click.Context(curator, info_name="curator")
    command = group.get_command(context, words[0])
    while isinstance(command, click.Group):
        words = words[1:]
        command = command.get_command(context, words[0])
    assert command is not None
    command.make_context(words[0], words[1:])  # refuses what it does not know


def test_everybody_who_asks_asks_at_the_port_on_which_the_api_listens() -> None:
    for place, words in commands().items():
        if "serve" in words:
            assert re.search(rf"--port[ =]{PORT}\b", " ".join(words)), place
    assert f"EXPOSE {PORT}\n" in (DEPLOY / "Dockerfile").read_text()
    assert compose()["services"]["api"]["ports"][0].endswith(f":{PORT}")
    assert container("api.yaml")["ports"] == [{"name": "http", "containerPort": int(PORT)}]
    assert template("networkpolicy.yaml")["spec"]["ingress"][0]["ports"][0]["port"] == int(PORT)
    assert re.findall(r"container_port = (\d+)", terraform("main.tf")) == [PORT]


def test_probes_ask_for_what_the_api_answers(project: ec.Project) -> None:
    paths = create_app(project, Serving()).openapi()["paths"].keys()
    probes = [
        container("api.yaml")[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    ]
    scraped = template("api.yaml")["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"]
    asked = re.search(rf"127\.0\.0\.1:{PORT}(/\w+)", (DEPLOY / "Dockerfile").read_text())
    assert asked
    assert {*probes, scraped, asked[1], *re.findall(r'http_get {\s+path = "(.*)"', terraform("main.tf"))} <= paths


def test_containers_have_time_to_stop() -> None:
    """Up to 11 seconds, and in a cluster 5 before them."""
    assert compose()["services"]["api"]["stop_grace_period"] == "30s"
    assert template("api.yaml")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 20


def test_variables_are_those_that_settings_read() -> None:
    known: set[str] = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        known |= {f"CURATOR_{name.upper()}"} if alias is None else set()
        known |= {str(choice) for choice in alias.choices} if isinstance(alias, AliasChoices) else {str(alias)}
    named = set(compose()["services"]["api"]["environment"])
    named |= {secret.upper() for secret in compose()["services"]["api"]["secrets"]}
    texts = [(DEPLOY / "Dockerfile").read_text(), *map(terraform, ("main.tf", "outputs.tf"))]
    texts += [path.read_text() for path in (DEPLOY / "helm").rglob("*.[yt][ap]*l")]
    named |= {word for text in texts for word in re.findall(r"\b(?:CURATOR|AWS)_[A-Z0-9_]+\b", text)}
    assert len(named) > 7
    assert named <= known


def test_secrets_are_made_once_as_settings_read_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(DEPLOY / "compose" / "make_secrets.sh", tmp_path)
    for _ in range(2):
        subprocess.run(["sh", tmp_path / "make_secrets.sh"], check=True, capture_output=True)
    folder = tmp_path / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {f"secrets/{path.name}" for path in folder.iterdir()} == {
        secret["file"] for secret in compose()["secrets"].values()
    }
    monkeypatch.setenv("CURATOR_SETTINGS_FOLDER", str(folder))
    settings = Settings()
    password = (folder / "postgres_password").read_text()
    assert settings.database_url == f"postgresql://curator:{password}@database/curator"
    assert settings.metrics_token is not None
    identity = json.loads((folder / "seaweedfs_s3").read_text())["identities"][0]["credentials"][0]
    options = settings.storage_options()
    assert identity == {"accessKey": options["aws_access_key_id"], "secretKey": options["aws_secret_access_key"]}
    monkeypatch.setenv("CURATOR_DATABASE_URL", "postgresql://elsewhere/curator")
    assert Settings().database_url == "postgresql://elsewhere/curator"  # the environment comes first


def test_image_and_its_user_are_the_same_everywhere() -> None:
    assert "USER 10001:10001\n" in (DEPLOY / "Dockerfile").read_text()
    assert "runAsUser: 10001" in (DEPLOY / "helm/curator/templates/_pod.tpl").read_text()
    assert dockerfile("ENTRYPOINT") == [["curator"]]
    chart = yaml.safe_load((DEPLOY / "helm/curator/Chart.yaml").read_text())
    assert chart["appVersion"] == ec.__version__


def test_scripts_of_the_page_are_there() -> None:
    page = (DEPLOY.parent / "docs/guides/scale-out.md").read_text()
    named = [
        word for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for word in shlex.split(block, comments=True)
    ]
    paths = [word for word in named if word.startswith("deploy/")]
    assert len(paths) > 3
    assert all((DEPLOY.parent / path).exists() for path in paths)
    assert all((DEPLOY / "helm/curator" / path).exists() for path in named if path.startswith("templates/"))
