"""`curator encoders add NAME` and `encoders int8`, as a person runs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import earthcurator as ec
from tests.cli.conftest import Shell, failure
from tests.learn.scenes import ground
from tests.learn.test_named import saved


@pytest.fixture
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of 60 chips, which commands find by themselves."""
    (tmp_path / "pictures").mkdir()
    for name, content in ground(60).files.items():
        (tmp_path / "pictures" / f"{name}.png").write_bytes(content)
    with ec.create(tmp_path / "scenes") as project:
        project.import_pictures([tmp_path / "pictures"])
    monkeypatch.setenv("CURATOR_PROJECT", str(tmp_path / "scenes"))
    return tmp_path / "scenes"


def test_a_model_of_transformers_becomes_the_default_and_embeds(scenes: Path, shell: Shell, tmp_path: Path) -> None:
    folder = saved(tmp_path / "tiny-dino", "dinov2")
    code, out, err = shell("encoders", "add", f"hf:{folder}", "--default", "--json")
    assert code == 0, err
    answer = json.loads(out)
    assert (answer["card"]["name"], answer["card"]["dim"], answer["card"]["input_size"]) == ("tiny-dino", 24, 42)
    code, out, err = shell("embed", "--json")
    assert code == 0, err
    assert json.loads(out)["added"] == 60
    assert json.loads(out)["encoder"] == answer["id"]


def test_adding_it_again_changes_nothing(scenes: Path, shell: Shell, tmp_path: Path) -> None:
    folder = saved(tmp_path / "tiny", "convnext")
    first, again = (json.loads(shell("encoders", "add", f"hf:{folder}", "--json")[1]) for _ in range(2))
    assert first == again


def test_a_card_beside_the_name_says_what_it_knows_better(scenes: Path, shell: Shell, tmp_path: Path) -> None:
    folder = saved(tmp_path / "tiny", "dinov2")
    (tmp_path / "card.json").write_text('{"name": "small", "input_size": 28, "licence": "MIT"}')
    code, out, err = shell("encoders", "add", f"hf:{folder}", "--card", tmp_path / "card.json", "--json")
    assert code == 0, err
    card = json.loads(out)["card"]
    assert (card["name"], card["input_size"], card["licence"]) == ("small", 28, "MIT")


def test_a_model_that_cannot_be_used_is_two_lines(scenes: Path, shell: Shell, tmp_path: Path) -> None:
    code, error, hint = failure(shell("encoders", "add", f"hf:{tmp_path}"))
    assert (code, "cannot be loaded" in error, "config.json" in hint) == (2, True, True)
    code, error, _ = failure(shell("encoders", "add", f"hf:{tmp_path}", "--card", tmp_path / "none.json"))
    assert (code, "cannot be read" in error) == (2, True)


def test_without_transformers_it_says_what_to_install(
    scenes: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    code, error, hint = failure(shell("encoders", "add", "hf:facebook/dinov2-small"))
    assert (code, "transformers" in error, "earthcurator[hf]" in hint) == (3, True, True)


def test_a_transformer_is_trained_further(scenes: Path, shell: Shell, tmp_path: Path) -> None:
    trunk = ("--trunk", f"hf:{saved(tmp_path / 'tiny', 'vit')}", "--size", 32, "--batch", 16, "--epochs", 1)
    code, out, err = shell("train", *trunk, "--init", "pretrained", "--dim", 8, "--json")
    assert code == 0, err
    encoder = json.loads(out)["encoder"]
    if encoder is not None:
        code, out, _ = shell("encoders", "show", encoder)
        assert "simclr with tiny from ViTModel of tiny" in json.loads(out)["card"]["method"]
    code, error, hint = failure(shell("train", *trunk))
    assert (code, "cannot begin from packaged" in error, "--init pretrained" in hint) == (2, True, True)


def test_an_int8_copy_of_the_packaged_encoder_is_kept_when_it_is_as_good(scenes: Path, shell: Shell) -> None:
    code, out, err = shell("encoders", "int8", "lite0-64", "--json")
    assert code == 0, err
    report = json.loads(out)
    good = report["agreement"]["cosine"] >= 0.99 and report["agreement"]["shared"] >= 0.75
    assert (report["encoder"] is not None) == good
    assert ("kept" in report["verdict"], "not kept" in report["verdict"]) == (True, not good)
    _, out, _ = shell("encoders", "--json")
    assert ("int8" in {entry["card"]["precision"] for entry in json.loads(out)}) == good


def test_a_trained_encoder_gets_its_int8_copy_too(scenes: Path, shell: Shell, tmp_path: Path) -> None:
    tiny = ("train", "--init", "random", "--trunk", "resnet18-narrow", "--size", 32, "--batch", 32, "--epochs", 1)
    code, error, hint = failure(shell(*tiny, "--int8"))
    assert (code, "6 held-out chips" in error, "--int8" in hint) == (2, True, True)
    (tmp_path / "more").mkdir()
    for name, content in ground(120, seed=1).files.items():
        (tmp_path / "more" / f"{name}.png").write_bytes(content)
    assert shell("import", tmp_path / "more")[0] == 0
    code, out, err = shell(*tiny, "--int8", "--json")
    assert code == 0, err
    report = json.loads(out)
    if report["encoder"] is None:  # nothing was gained, so there is nothing to copy
        assert report["int8"] is None
    else:
        assert report["int8"]["agreement"]["pictures"] == report["asked"] == 18
