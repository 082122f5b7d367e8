"""The benchmarks of active learning still run, on as little as they can."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthcurator.encoders import packaged

EACH = 260
FEW = 455
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
KINDS = ("AnnualCrop", "Forest", "Highway", "Industrial", "Residential", "River", "SeaLake")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven folders of 260 pictures, whose vectors the benchmarks have embedded before, as it were."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    vectors = []
    for kind in KINDS:
        (folder / kind).mkdir()
        vectors.append(rng.standard_normal(128) + rng.standard_normal((EACH, 128)))
        for number in range(EACH):
            (folder / kind / f"{kind}_{number:03d}.jpg").touch()
    rows = np.concatenate(vectors)
    kept = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    cache = folder / "cache"
    cache.mkdir()
    np.save(cache / f"curator-benchmark-eurosat-{packaged('lite0-64').id}-{FEW}.npy", kept[:: len(kept) // FEW])
    for encoder in ("lite0-64", "lite0-224"):
        np.save(cache / f"{folder.name}-{encoder}-{len(kept)}.npy", kept)
    return folder


def figures(name: str, folder: Path, *options: str, of: str | None = None, temporary: Path | None = None) -> Any:
    """What the benchmark records."""
    words = [sys.executable, str(BENCHMARKS / f"{name}.py"), *options, "--out", str(folder)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "TMPDIR": str(temporary or folder)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / f"{of or name}.json").read_text())["figures"]


def test_label_efficiency_runs(pictures: Path, tmp_path: Path) -> None:
    options = ["--eurosat", str(pictures), "--seeds", "1", "--peer-searches", "1", "--limit", str(FEW)]
    found = figures("label_efficiency", tmp_path, *options, of="label_efficiency_eurosat", temporary=pictures / "cache")
    rows = {row["strategy"]: row for row in found["5 % positives: labels per positive"]}
    assert rows["find"]["searches"] == len(KINDS)
    assert rows["random order (expected)"]["to 80%"] > 10
    assert all(0 <= row["AP@100"] <= 1 for row in found["2 % positives: average precision on the other half"])


def test_round_time_runs(tmp_path: Path) -> None:
    rows = figures("round_time", tmp_path, "--rows", "2000", "--repeats", "1")["rows"]
    assert [row["vectors"] for row in rows] == ["float16", "float32", "float16, neighbours only"]
    assert all(row["find"] > 0 for row in rows)


def test_stopping_runs(pictures: Path, tmp_path: Path) -> None:
    options = [
        "--eurosat",
        str(pictures),
        "--ucmerced",
        str(pictures),
        "--searches",
        "1",
        "--cache",
        str(pictures / "cache"),
    ]
    found = figures("stopping", tmp_path, *options)
    assert found["searches"] == 12
    assert {row["labels"] for row in found["prices"]} > {None}


def test_rerank_runs(tmp_path: Path) -> None:
    options = ["--rows", "200", "--labels", "2", "--pause", "0", "--seconds", "1"]
    found = figures("rerank", tmp_path, *options)
    assert found["rerank"][0]["chips"] == 200
    assert [row["server"] for row in found["labels"]] == ["as shipped", "never learns (peer)"]
