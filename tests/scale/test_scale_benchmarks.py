"""The benchmarks of many vectors run on few, so that they never rot."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from tests.forks import curator
from tests.web.test_kill_server import free_port

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SIZE = 5000
QUERIES = 5
NO_PICTURES = ["--eurosat", "none", "--ucmerced", "none"]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The benchmarks' own folder, with vectors as if of real pictures, from which they make the others."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    rng = np.random.default_rng(0)
    real = rng.standard_normal((400, 128)).astype(np.float32)
    real /= np.linalg.norm(real, axis=1, keepdims=True)
    np.savez(
        tmp_path / "real.npz",
        real=real[QUERIES:],
        neighbours=rng.integers(400 - QUERIES, size=(400 - QUERIES, 20)),
        queries=real[:QUERIES],
        places=np.linalg.qr(rng.standard_normal((128, 2)))[0].T.astype(np.float32),
    )
    yield tmp_path
    for module in ("append_cost", "common", "many_vectors", "query_scale", "s3_query", "search_speed"):
        sys.modules.pop(module, None)


def figures(benchmark: ModuleType, scratch: Path, *options: str) -> Any:
    """What the benchmark records."""
    benchmark.main([*NO_PICTURES, "--scratch", str(scratch), *options, "--out", str(scratch)])
    return json.loads((scratch / f"{benchmark.__name__}.json").read_text())["figures"]


@contextmanager
def serving(
    server: Callable[..., Any], folder: Path, where: str, *, environment: Mapping[str, str] | None = None
) -> Iterator[Any]:
    """As `many_vectors.serving`, without three seconds of imports."""
    port, errors = free_port(), folder / "errors.txt"
    process = curator("--project", where, "serve", "--port", str(port), errors=errors, environment=environment)
    try:
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=20)
                break
            except httpx.TransportError:
                assert process.is_alive(), errors.read_text()
                time.sleep(0.05)
        yield server(f"http://127.0.0.1:{port}/api/v1", psutil.Process(process.pid))
    finally:
        process.terminate()
        process.join()


def test_query_scale_finds_in_python_and_through_http_what_is_there(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import query_scale  # found through the fixture

    monkeypatch.setattr(query_scale, "QUERIES", QUERIES)
    monkeypatch.setattr(query_scale, "FILTERED", QUERIES)
    monkeypatch.setattr(query_scale, "run", lambda work: work())  # whose memory it is does not matter here
    [stage] = figures(query_scale, scratch, "--sizes", str(SIZE))["stages"]
    assert stage["vectors"] == SIZE
    assert stage["python"]["recall@100"] > 0.99
    assert stage["filters"]["lowest recall@100"] > 0.99
    assert stage["http"]["same ids and scores"] == 1


def test_append_cost_counts_every_step(scratch: Path) -> None:
    import append_cost  # found through the fixture

    whole, *appends = figures(append_cost, scratch, "--size", str(2 * SIZE))["rows"]
    assert [row["rows"] for row in (whole, *appends)] == [2 * SIZE, *[SIZE] * append_cost.APPENDS]
    assert whole["index"] > 0


def test_s3_query_answers_as_the_local_project_does(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3_query  # found through the fixture
    from many_vectors import Server

    monkeypatch.setattr(s3_query, "serving", partial(serving, Server, scratch))
    (stage,) = figures(s3_query, scratch, "--sizes", str(SIZE), "--queries", str(QUERIES))["stages"]
    assert stage["all answers equal the local ones"]
    assert len(stage["rows"]) == 8
    assert stage["bytes in the cache"] > 4 * 128 * SIZE
