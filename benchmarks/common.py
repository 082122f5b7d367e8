"""What every benchmark shares: facts about the machine and the commit, one JSON file a benchmark, the data's splits.

from common import record
record("search_latency", {"p50_ms": 1.7})     # -> benchmarks/results/search_latency.json
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "onnxruntime", "pillow", "simplejpeg", "pylance", "torch", "faiss-cpu", "hnswlib", "zvec")


EUROSAT = "EuroSAT-RGB (Helber et al. 2019, MIT): the RGB archive of github.com/phelber/EuroSAT"
UC_MERCED = "UC Merced Land Use (Yang & Newsam 2010, USGS imagery), as JPEG: search for `UCMerced_LandUse`"


def record(name: str, figures: Mapping[str, object], *, folder: Path = RESULTS) -> Path:
    """Write `figures` with machine, versions and commit to `<folder>/<name>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    report = {
        "benchmark": name,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
        "figures": dict(figures),
    }
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}", file=sys.stderr)
    return path


def machine() -> dict[str, str | int | float]:
    """Processor, cores this process may use, memory, and how busy the machine is right now."""
    return {
        "processor": _proc_value("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory": _proc_value("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
    }


def versions() -> dict[str, str]:
    """Python and the packages that decide speed, as far as they are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The checked-out commit, with `+changes` when the tree differs from it; `unknown` outside git."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "--", "src", "benchmarks/*.py") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def table(rows: Iterable[Mapping[str, object]]) -> str:
    """Rows with the same keys as an aligned text table."""
    cells = [
        {key: f"{value:.4g}" if isinstance(value, float) else str(value) for key, value in row.items()} for row in rows
    ]
    if not cells:
        return ""
    widths = {key: max(len(key), *(len(row[key]) for row in cells)) for key in cells[0]}
    lines = [{key: key for key in widths}, *cells]
    return "\n".join("  ".join(line[key].ljust(width) for key, width in widths.items()).rstrip() for line in lines)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _proc_value(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")


@dataclass(frozen=True, slots=True)
class Split:
    """Files of a labelled data set: those that are searched in, and those that ask. A file's folder is its class."""

    gallery: tuple[Path, ...]
    queries: tuple[Path, ...]

    def limited(self, each: int | None) -> Split:
        """At most `each` files a side, evenly spread over the classes."""
        return self if each is None else Split(_spread(self.gallery, each), _spread(self.queries, each))


def eurosat(folder: Path) -> Split:
    """EuroSAT-RGB (`<class>/*.jpg`), halved by a hash of the file's name."""
    files = pictures_in(folder)
    halves: tuple[list[Path], list[Path]] = ([], [])
    for file in files:
        halves[hashlib.sha256(file.name.encode()).digest()[0] % 2].append(file)
    return Split(tuple(halves[0]), tuple(halves[1]))


def uc_merced(folder: Path) -> Split:
    """UC Merced (`<class>/<class>NN.jpg`): 00-49 against 50-69, for neighbouring numbers show the same place."""
    files = pictures_in(folder)
    numbers = [int(file.stem[-2:]) for file in files]
    return Split(
        tuple(file for file, number in zip(files, numbers, strict=True) if number < 50),
        tuple(file for file, number in zip(files, numbers, strict=True) if 50 <= number < 70),
    )


def pictures_in(folder: Path) -> list[Path]:
    """Every JPEG below a folder, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg"})
    if not files:
        raise SystemExit(f"error: there are no .jpg files in {folder}")
    return files


def _spread(files: tuple[Path, ...], count: int) -> tuple[Path, ...]:
    return files[:: max(1, -(-len(files) // count))]


def cpu_ms(work: Callable[[], object], repeats: int) -> float:
    """Median CPU time of all threads, after one call that does not count."""
    work()
    spent = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        spent.append(1000 * (time.process_time() - began))
    return statistics.median(spent)


def await_server(process: subprocess.Popen[bytes], url: str) -> None:
    """Until the server that was started answers at `url`, at most some minutes."""
    for _ in range(2400):
        try:
            urlopen(url, timeout=5).close()
        except (URLError, ConnectionError, TimeoutError):
            if process.poll() is not None:
                raise SystemExit("error: the server ended") from None
            time.sleep(0.05)
        else:
            return
    raise SystemExit("error: the server did not answer")
