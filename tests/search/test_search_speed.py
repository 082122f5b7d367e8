"""The benchmark still runs, and the search it measures still finds what an exact scan finds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "search_speed.py"


def test_the_benchmark_runs_on_two_thousand_vectors(tmp_path: Path) -> None:
    engines = ["exact_scan", "curator_build", "curator"]
    options = [
        "--sizes",
        "2000",
        "--engines",
        *engines,
        "--scratch",
        str(tmp_path / "scratch"),
        "--results",
        str(tmp_path),
    ]
    subprocess.run([sys.executable, str(BENCHMARK), *options], check=True, capture_output=True, timeout=120)
    report = json.loads((tmp_path / "search_speed.json").read_text())["figures"]["sizes"]["2000"]
    assert report["engines"]["curator"]["recall@10"] > 0.99
    assert report["targets"]["lowest filtered recall@100 (>= .98)"] > 0.99
