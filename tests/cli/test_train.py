"""`curator train`, `finetune` and `predict --classifier` as a person runs them, and files that want to run code."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

import earthcurator as ec
from earthcurator.models import Label
from tests.cli.conftest import Shell, failure
from tests.encoders.tiny_models import tiny_onnx, with_external_weights
from tests.learn.scenes import ground

TINY = ("--init", "random", "--trunk", "resnet18-narrow", "--size", "32", "--batch", "16")


@pytest.fixture
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of 60 labelled chips, which commands find by themselves."""
    for name, content in ground(60).files.items():
        place = tmp_path / "pictures" / name.split("-")[0]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.png").write_bytes(content)
    with ec.create(tmp_path / "scenes") as project:
        project.import_pictures([tmp_path / "pictures"])
        task = project.tasks.create("Is it dots?", ("dots", "stripes"))
        for chip in project.chips.all():
            project.tasks.store.put(
                Label(
                    id=uuid4().hex, task=task.id, chip=chip.id, annotator="me", decision="label",
                    value=(str(chip.folder),), time=datetime.now(UTC),
                )
            )  # fmt: skip
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "scenes"))
    return tmp_path / "scenes"


def test_train_says_whether_it_was_worth_it(scenes: Path, shell: Shell) -> None:
    code, out, err = shell("train", *TINY, "--epochs", 1, "--task", "Is it dots?")
    assert code == 0, err
    assert "learned from" in err
    if "kept as" in err:
        assert "curator encoders default" in err
        assert out.splitlines()[-1].startswith(("better on 6 chips", "no better: keep", "not known"))
    else:
        assert out.startswith("no better: keep what you have")


def test_train_answers_in_json(scenes: Path, shell: Shell) -> None:
    code, out, _ = shell("train", *TINY, "--epochs", 1, "--use", "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["verdict"]
    assert answer["default"] == (answer["encoder"] is not None)


def test_finetune_then_predict(scenes: Path, shell: Shell, tmp_path: Path) -> None:
    code, out, err = shell("finetune", "Is it dots?", "--called", "dots", "--confusion", tmp_path / "dots.svg")
    assert code == 0, err
    assert "accuracy" in out
    assert "neighbouring chips may be on both sides" in err
    assert (tmp_path / "dots.svg").read_text().startswith("<svg")
    code, out, _ = shell("predict", "Is it dots?", "--classifier", "dots", "--json")
    answer = json.loads(out)
    assert code == 0
    assert len(answer["predictions"]) == 60
    assert set(answer["predictions"][0]["scores"]) == {"dots", "stripes"}


def test_two_lengths_are_refused(scenes: Path, shell: Shell) -> None:
    code, error, hint = failure(shell("train", "--minutes", 1, "--epochs", 1))
    assert (code, "both say how long" in error, "one of them" in hint) == (2, True, True)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_training_ended_by_ctrl_c_keeps_its_best_and_can_go_on(scenes: Path) -> None:
    command = [sys.executable, "-m", "earthcurator", "train", *TINY, "--epochs", "6000"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stderr is not None
        while not running.stderr.readline().startswith("train:"):
            assert running.poll() is None
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert "stopped" in err
    assert list((scenes / "cache" / "training").glob("*/training.pt"))


class _Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_hostile_files_are_refused_as_encoders_and_run_nothing(scenes: Path, shell: Shell, tmp_path: Path) -> None:
    secret, proof = tmp_path / "secret.bin", tmp_path / "proof"
    secret.write_bytes(b"\0" * 4096)
    files = {
        "pickle.onnx": pickle.dumps(_Hostile(proof)),
        "old-pickle.onnx": pickle.dumps(_Hostile(proof), protocol=0),
        "outside.onnx": with_external_weights(tiny_onnx(), "../secret.bin"),
        "absolute.onnx": with_external_weights(tiny_onnx(), str(secret)),
        "device.onnx": with_external_weights(tiny_onnx(), "/dev/zero"),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        code, error, _ = failure(shell("encoders", "add", tmp_path / name))
        assert code == 2
        assert "Traceback" not in error
    assert not proof.exists()
    with ec.open(scenes) as project:
        assert all(entry.card.name.startswith("lite0") for entry in project.encoders.list())
