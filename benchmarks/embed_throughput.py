"""Pictures per second from JPEG to vector, against what the machine can do and against plain torch loops.

    python benchmarks/embed_throughput.py --eurosat DIR --ucmerced DIR --peers

Everything that is compared runs in one process, in turns, on the same pictures in memory, because other work on the
machine changes all rates together. `limit` is 1 / (decode cost + inference cost): decoding and inference alone, with as
many threads as the whole. It is taken from wall time (`of limit`) and from CPU time (`of limit, CPU`), which neighbours
disturb less. With `--peers`, torch joins: a loop over single pictures, and a DataLoader with worker processes.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import EUROSAT, RESULTS, UC_MERCED, pictures_in, record, table
from numpy.typing import NDArray

from earthcurator.encoders import EncoderCard, OnnxEncoder, embed, packaged, packaged_weights, prepare
from earthcurator.encoders.pipeline import BATCH
from earthcurator.encoders.runtime import onnxruntime

CORES = len(os.sched_getaffinity(0))
BATCHES = (1, 4, 16, 64)
PEER_SHARE = 10
"""Peers are slow: they get this fraction of the pictures."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds for one picture."""

    wall: float
    cpu: float


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, help=EUROSAT)
    parser.add_argument("--ucmerced", type=Path, help=UC_MERCED)
    parser.add_argument("--limit", type=int, default=4000, help="at most this many pictures")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true", help="also time torch (has to be installed)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)

    figures: dict[str, object] = {"cores": CORES, "batch": BATCH, "repeats": chosen.repeats}
    runs = [("eurosat", chosen.eurosat, "lite0-64"), ("ucmerced", chosen.ucmerced, "lite0-128")]
    runs = [(name, _spread(pictures_in(folder), chosen.limit), encoder) for name, folder, encoder in runs if folder]
    for name, files, encoder in runs:  # memory first: what is timed below keeps every picture in memory
        embed_files(files, packaged(encoder))
        figures[f"{name} peak memory MB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    for name, files, encoder in runs:
        found = measure([file.read_bytes() for file in files], packaged(encoder), chosen.repeats, chosen.peers)
        print(f"\n{name}, {len(files)} pictures, {encoder}, {CORES} cores\n{table(found['rates'])}")
        print(", ".join(f"{key} {value}" for key, value in found.items() if key != "rates"))
        figures[name] = {"pictures": len(files), "encoder": encoder, **found}
    record("embed_throughput", figures, folder=chosen.out)


def measure(pictures: list[bytes], encoder: OnnxEncoder, repeats: int, peers: bool) -> dict[str, Any]:
    """All rates, in turns, and the ratios that matter."""
    card = encoder.card
    ready = np.stack([prepare(picture, card) for picture in pictures])
    few = pictures[:: PEER_SHARE if len(pictures) > 10 * PEER_SHARE else 1]
    session = many_threaded_session(card)
    contestants: dict[str, tuple[Callable[[], object], int]] = {
        "end to end": (lambda: embed_all(pictures, encoder, BATCH), len(pictures)),
        "decode only": (lambda: decode_all(pictures, card), len(pictures)),
        "inference only": (lambda: infer_all(ready, encoder), len(pictures)),
        f"inference, one session of {CORES} threads": (lambda: infer_with(session, ready), len(pictures)),
    }
    for size in BATCHES:
        if size != BATCH:
            contestants[f"end to end, batches of {size}"] = (
                lambda size=size: embed_all(pictures, encoder, size),  # type: ignore[misc]  # binds the loop's value
                len(pictures),
            )
    if peers:
        import torch_peers  # torch is optional

        trunk = torch_peers.trunk()
        contestants["torch, one at a time"] = (lambda: torch_peers.one_by_one(few, trunk, card.input_size), len(few))
        contestants["torch, DataLoader"] = (lambda: torch_peers.loader(few, trunk, card.input_size, CORES), len(few))
    costs = take_turns(contestants, repeats)
    return {**ratios(costs), "rates": [rate(name, costs[name]) for name in contestants]}


def take_turns(contestants: dict[str, tuple[Callable[[], object], int]], repeats: int) -> dict[str, list[Cost]]:
    """Cost of each contestant in each round."""
    costs: dict[str, list[Cost]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, (work, count) in contestants.items():
            wall, cpu = time.perf_counter(), _cpu_seconds()
            work()
            costs[name].append(Cost((time.perf_counter() - wall) / count, (_cpu_seconds() - cpu) / count))
    return costs


def ratios(costs: dict[str, list[Cost]]) -> dict[str, float]:
    """The medians over the rounds of what a round says."""
    rounds = list(zip(costs["decode only"], costs["inference only"], costs["end to end"], strict=True))
    found = {
        "of limit": statistics.median((decode.wall + infer.wall) / whole.wall for decode, infer, whole in rounds),
        "of limit, CPU": statistics.median((decode.cpu + infer.cpu) / whole.cpu for decode, infer, whole in rounds),
    }
    for name, others in costs.items():
        if name.startswith("torch"):
            pairs = list(zip(others, costs["end to end"], strict=True))
            found[f"faster than {name}"] = statistics.median(other.wall / whole.wall for other, whole in pairs)
            found[f"faster than {name}, CPU"] = statistics.median(other.cpu / whole.cpu for other, whole in pairs)
    return {name: round(value, 3) for name, value in found.items()}


def rate(name: str, costs: list[Cost]) -> dict[str, object]:
    return {
        "what": name,
        "pictures/s": round(1 / statistics.median(cost.wall for cost in costs), 1),
        "pictures/CPU-s": round(1 / statistics.median(cost.cpu for cost in costs), 1),
    }


def embed_files(files: Sequence[Path], encoder: OnnxEncoder) -> None:
    for _ in embed(((file, file.read_bytes()) for file in files), encoder, threads=CORES):
        pass


def embed_all(pictures: Iterable[bytes], encoder: OnnxEncoder, batch_size: int) -> None:
    for _ in embed(enumerate(pictures), encoder, threads=CORES, batch_size=batch_size):
        pass


def decode_all(pictures: list[bytes], card: EncoderCard) -> None:
    batches = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
    with ThreadPoolExecutor(CORES) as pool:
        for _ in pool.map(lambda batch: np.stack([prepare(picture, card) for picture in batch]), batches):
            pass


def infer_all(ready: NDArray[np.uint8], encoder: OnnxEncoder) -> None:
    batches = [ready[start : start + BATCH] for start in range(0, len(ready), BATCH)]
    with ThreadPoolExecutor(CORES) as pool:
        for _ in pool.map(encoder.encode, batches):
            pass


def many_threaded_session(card: EncoderCard) -> Any:
    """What OnnxEncoder does not do: one session that spreads each call over all cores."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = CORES
    return onnxruntime.InferenceSession(packaged_weights(card.name), options, providers=["CPUExecutionProvider"])


def infer_with(session: Any, ready: NDArray[np.uint8]) -> None:
    for start in range(0, len(ready), BATCH):
        session.run(None, {"pictures": ready[start : start + BATCH]})


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _spread(files: list[Path], count: int) -> list[Path]:
    return files[:: max(1, -(-len(files) // count))]


if __name__ == "__main__":
    main()
