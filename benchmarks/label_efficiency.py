"""How many labels each strategy needs to find a rare class, and how good a detector those labels train.

    OPENBLAS_NUM_THREADS=1 python benchmarks/label_efficiency.py --eurosat DIR --ucmerced DIR --plot FILE.svg

Each class in turn is the rare one: positives are dropped until 1 % or 5 % are left (2 % for the detector, which is
measured on the other half of the pictures). A search starts from one of them: 15 pictures most like it and 5 random
ones, then batches of 20. The figures are medians over all classes and seeds, in labels per positive that there was
to find; a search that never got there counts as more than its budget.

Beside ours: random order (exact expectation), image search alone (the whole archive sorted by likeness to the one
example), the original's gaussian and uncertainty, which scored with the initial weights because training was thrown
away, and scikit-activeml, whose queries choose labels for the same classifier. All on the developer splits.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import EUROSAT, RESULTS, UC_MERCED, pictures_in, record, table
from numpy.typing import NDArray

from earthcurator.active import STRATEGIES, Linear, Standing, Strategy
from earthcurator.active.simulate import Curve, mean_curve, simulate
from earthcurator.encoders import embed, packaged

BATCH = 20
OURS = (
    "find",
    "hybrid",
    "train",
    "most-likely-positive",
    "nearby",
    "margin",
    "thompson",
    "diversity",
    "badge",
    "gaussian",
)
KINDS = (
    ("Highway", "Forest", "Industrial"),
    ("River", "SeaLake", "Residential"),
    ("AnnualCrop", "Highway", "SeaLake"),
)
"""Classes made of three that have nothing in common; the search starts from one of the first kind."""


@dataclass(frozen=True)
class Data:
    """Vectors of labelled pictures."""

    name: str
    vectors: NDArray[np.float32]
    classes: NDArray[np.str_]
    numbers: NDArray[np.int64]
    """Order of the pictures in a class; in UC Merced neighbours show the same place."""


@dataclass(frozen=True)
class Case:
    """One archive to search."""

    vectors: NDArray[np.float32]
    truth: NDArray[np.bool_]
    aside: NDArray[np.int64]
    start: int
    seed: int


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, help=EUROSAT)
    parser.add_argument("--ucmerced", type=Path, help=UC_MERCED)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peer-searches", type=int, default=5, help="searches by scikit-activeml; they are slow")
    parser.add_argument("--limit", type=int, help="at most this many pictures a data set")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    parser.add_argument("--plot", type=Path, help="SVG of the curves")
    chosen = parser.parse_args(words)
    folders = {"eurosat": chosen.eurosat, "ucmerced": chosen.ucmerced}
    for name, folder in folders.items():
        if folder:
            measure(read(name, folder, chosen.limit), chosen.seeds, chosen.peer_searches, chosen.out, chosen.plot)


def measure(data: Data, seeds: int, peer_searches: int, out: Path, plot_to: Path | None) -> None:
    """All tables of one data set."""
    figures: dict[str, object] = {}
    curves: dict[str, list[Curve]] = {}
    for percent, budget in ((1, 5.0), (5, 1.8)):
        title = f"{percent} % positives: labels per positive"
        figures[title] = show(f"{data.name}, {title}", finding(data, percent / 100, budget, seeds, curves))
    title = "hard cases at 1 %: labels per positive"
    figures[title] = show(f"{data.name}, {title}", hard(data, seeds))
    title = "2 % positives: average precision on the other half"
    figures[title] = show(f"{data.name}, {title}", detecting(data, seeds, peer_searches, curves))
    figures["curves"] = {
        name: {"labels": list(range(0, 401, BATCH)), "found": mean_curve(some, range(0, 401, BATCH))}
        for name, some in curves.items()
    }
    record(f"label_efficiency_{data.name}", figures, folder=out)
    if plot_to and data.name == "eurosat":
        plot(curves, plot_to)


def finding(
    data: Data, share: float, budget: float, seeds: int, curves: dict[str, list[Curve]]
) -> Iterator[dict[str, object]]:
    """Labels to 80, 90 and 95 % of the positives; the budget is in labels per positive."""
    cases = [case for name in np.unique(data.classes) for case in searches(data, (name,), share, seeds)]
    yield row("random order (expected)", [expected(case) for case in cases], budget=np.inf)
    yield row("image search alone", [by_likeness(case) for case in cases], budget=np.inf)
    strategies = {name: STRATEGIES.get(name) for name in OURS} | originals()
    for name, strategy in strategies.items():
        began = time.process_time()
        done = [run(case, strategy, labels=int(budget * case.truth.sum())) for case in cases]
        spent = (time.process_time() - began) / sum(len(curve.labels) for curve in done)
        if share == 0.01:
            curves[f"find: {name}"] = done
        yield row(name, [needed(curve) for curve in done], budget=budget) | {"CPU-ms a round": round(1000 * spent, 1)}


def detecting(
    data: Data, seeds: int, peer_searches: int, curves: dict[str, list[Curve]]
) -> Iterator[dict[str, object]]:
    """Average precision after 50 to 400 labels, on a half that is never shown."""
    cases = [case for name in np.unique(data.classes) for case in searches(data, (name,), 0.02, seeds, halves=True)]
    few = [case for case in cases if case.seed == 0][:: max(1, len(np.unique(data.classes)) // peer_searches)]
    runs: list[tuple[str, Strategy, list[Case]]] = [(name, STRATEGIES.get(name), cases) for name in ("random", *OURS)]
    runs += [(name, strategy, cases) for name, strategy in originals().items()]
    runs += [(f"{name} (few searches)", STRATEGIES.get(name), few) for name in ("margin", "badge")]
    runs += [(name, strategy, few) for name, strategy in peers().items()]
    for name, strategy, some in runs:
        began = time.process_time()
        done = [run(case, strategy, labels=400) for case in some]
        spent = (time.process_time() - began) / sum(len(curve.labels) for curve in done)
        curves[f"detector: {name}"] = done
        quality = [np.interp((50, 100, 200, 400), curve.labels, curve.average_precision) for curve in done]
        found = [np.interp((100, 400), curve.labels, curve.found) for curve in done]
        mean = np.mean(quality, axis=0)
        yield {
            "strategy": name,
            **{f"AP@{n}": round(float(value), 3) for n, value in zip((50, 100, 200, 400), mean, strict=True)},
            "found@100": round(float(np.mean(found, axis=0)[0]), 1),
            "found@400": round(float(np.mean(found, axis=0)[1]), 1),
            "searches": len(done),
            "CPU-ms a round": round(1000 * spent, 1),
        }


def hard(data: Data, seeds: int) -> Iterator[dict[str, object]]:
    """A class of far-apart kinds, positives clustered in space, an annotator who errs."""
    names = np.unique(data.classes)
    plain = [case for name in names for case in searches(data, (name,), 0.01, seeds)]
    situations: dict[str, tuple[list[Case], float]] = {"annotator errs 5 %": (plain, 0.05)}
    if data.name == "eurosat":
        kinds = [case for kind in KINDS for case in searches(data, kind, 0.01, 2 * seeds)]
        situations["three far-apart kinds"] = (kinds, 0.0)
    else:
        near = [case for name in names for case in searches(data, (name,), 0.01, seeds, neighbours=True)]
        situations["two places only"] = (near, 0.0)
    for situation, (cases, error_rate) in situations.items():
        for name in ("find", "hybrid", "most-likely-positive", "margin", "badge"):
            done = [
                run(case, STRATEGIES.get(name), labels=int(6 * case.truth.sum()), error_rate=error_rate)
                for case in cases
            ]
            yield {"case": situation, **row(name, [needed(curve) for curve in done], budget=6.0)}


def searches(
    data: Data, wanted: tuple[str, ...], share: float, seeds: int, *, halves: bool = False, neighbours: bool = False
) -> list[Case]:
    """Archives in which that share is positive, drawn anew for each seed; the first kind's first picture starts."""
    return [_search(data, wanted, share, seed, halves=halves, neighbours=neighbours) for seed in range(seeds)]


def _search(data: Data, wanted: tuple[str, ...], share: float, seed: int, *, halves: bool, neighbours: bool) -> Case:
    rng = np.random.default_rng([seed, 5])
    other = np.flatnonzero(~np.isin(data.classes, wanted))
    count = round(share / (1 - share) * len(other)) // len(wanted)
    some = []
    for name in wanted:
        members = np.flatnonzero(data.classes == name)
        if neighbours:
            members = members[np.argsort(data.numbers[members])]
            firsts = rng.choice(len(members) // 2 - count // 2, 2) + np.array([0, len(members) // 2])
            some.append(np.concatenate([members[first : first + count // 2] for first in firsts]))
        else:
            some.append(rng.choice(members, min(count, len(members)), replace=False))
    rows = rng.permutation(np.concatenate([other, *some]))
    truth = np.isin(data.classes[rows], wanted)
    aside = np.arange(len(rows) // 2) if halves else np.empty(0, np.int64)
    may = np.flatnonzero(data.classes[rows] == wanted[0])
    start = int(rng.choice(np.setdiff1d(may, aside)))
    return Case(data.vectors[rows], truth, aside, start, seed)


def run(case: Case, strategy: Strategy, *, labels: int, error_rate: float = 0.0) -> Curve:
    return simulate(
        case.vectors, case.truth, strategy,
        start=case.start, batch=BATCH, budget=labels, seed=case.seed, error_rate=error_rate, aside=case.aside,
    )  # fmt: skip


SHARES = (0.8, 0.9, 0.95)


def needed(curve: Curve) -> list[float]:
    """Labels per positive, for each share of the positives."""
    return [(curve.labels_to_find(share) or np.inf) / curve.positives for share in SHARES]


def expected(case: Case) -> list[float]:
    """The same for random order: the k-th of m positives among n comes at k (n + 1) / (m + 1) on average."""
    n, m = len(case.truth), int(case.truth.sum())
    return [np.ceil(share * m) * (n + 1) / (m + 1) / m for share in SHARES]


def by_likeness(case: Case) -> list[float]:
    """The same for looking through the archive in the order of likeness to the one example."""
    order = np.argsort(-Linear(case.vectors[case.start].astype(np.float64), 0.0).scores(case.vectors), kind="stable")
    places = np.flatnonzero(case.truth[order])
    return [places[int(np.ceil(share * len(places))) - 1] / len(places) for share in SHARES]


def row(name: str, values: Sequence[Sequence[float]], *, budget: float) -> dict[str, object]:
    array = np.array(values)
    medians = np.median(array, axis=0)
    means = np.where(np.isinf(array), budget, array).mean(axis=0)
    return {
        "strategy": name,
        **{
            f"to {share:.0%}": f"> {budget}" if np.isinf(value) else round(float(value), 2)
            for share, value in zip(SHARES, medians, strict=True)
        },
        "mean to 80%": round(float(means[0]), 2),
        "mean to 90%": round(float(means[1]), 2),
        "never 90%": int(np.isinf(array[:, 1]).sum()),
        "searches": len(array),
    }


def originals() -> dict[str, Strategy]:
    """The strategies of the Active Labeler as they ran: on a head whose training had been thrown away."""

    def untrained(name: str) -> Strategy:
        def pick(standing: Standing, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
            head = (
                np.random.default_rng(100).uniform(-1, 1, standing.vectors.shape[1]) / standing.vectors.shape[1] ** 0.5
            )
            scores = Linear(head, 0.0).scores(standing.vectors)[standing.open]
            blind = Standing(
                vectors=standing.vectors, positives=standing.positives, negatives=standing.negatives,
                open=standing.open, scores=scores, classifier=standing.classifier,
            )  # fmt: skip
            return STRATEGIES.get(name)(blind, n, rng)

        return pick

    return {"original gaussian": untrained("gaussian"), "original uncertainty": untrained("margin")}


def peers() -> dict[str, Strategy]:
    """Queries of scikit-activeml, with its own fit of the same logistic regression; none when it is not installed."""
    try:
        from skactiveml.classifier import SklearnClassifier
        from skactiveml.pool import Badge, UncertaintySampling
    except ImportError:
        return {}
    from sklearn.linear_model import LogisticRegression

    def peer(make: Callable[[int], object]) -> Strategy:
        def pick(standing: Standing, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
            if not len(standing.open):
                return standing.open
            known = np.concatenate([standing.positives, standing.negatives])
            rows = np.concatenate([known, standing.open])
            answers = np.full(len(rows), np.nan)
            answers[: len(known)] = np.repeat([1, 0], [len(standing.positives), len(standing.negatives)])
            regression = LogisticRegression(C=10, class_weight="balanced", solver="newton-cholesky")
            query = make(int(rng.integers(2**31)))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                picked = query.query(  # type: ignore[attr-defined]  # scikit-activeml is untyped
                    standing.vectors[rows], answers, SklearnClassifier(regression, classes=[0, 1]), batch_size=n
                )
            chosen: NDArray[np.int64] = rows[picked]
            return chosen

        return pick

    return {
        "scikit-activeml margin": peer(lambda seed: UncertaintySampling("margin_sampling", random_state=seed)),
        "scikit-activeml Badge": peer(lambda seed: Badge(random_state=seed)),
    }


def read(name: str, folder: Path, limit: int | None) -> Data:
    """Vectors by the packaged encoder for that size of picture; kept in the temporary folder for the next run."""
    files = pictures_in(folder)
    files = files[:: -(-len(files) // limit)] if limit else files
    encoder = packaged("lite0-64" if name == "eurosat" else "lite0-224")
    cache = Path(tempfile.gettempdir()) / f"curator-benchmark-{name}-{encoder.id}-{len(files)}.npy"
    if not cache.exists():
        pictures = ((file, file.read_bytes()) for file in files)
        np.save(cache, np.concatenate([batch.vectors for batch in embed(pictures, encoder, threads=2)]))
    numbers = [int("".join(filter(str.isdigit, file.stem)) or 0) for file in files]
    return Data(name, np.load(cache), np.array([file.parent.name for file in files]), np.array(numbers))


def show(title: str, rows: Iterator[dict[str, object]]) -> list[dict[str, object]]:
    some = list(rows)
    print(f"\n{title}\n{table({key: r.get(key, '') for key in some[-1]} for r in some)}", flush=True)
    return some


def plot(curves: dict[str, list[Curve]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "curator"
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.8))
    at = range(0, 401, BATCH)
    for name in ("find", "hybrid", "margin", "badge", "gaussian", "original gaussian"):
        if f"find: {name}" in curves:
            left.plot(at, np.multiply(100, mean_curve(curves[f"find: {name}"], at)), label=name)
        done = curves.get(f"detector: {name}", [])
        if done:
            right.plot(at, np.mean([np.interp(at, c.labels, c.average_precision) for c in done], axis=0), label=name)
    left.set(title="EuroSAT, 1 % positives", xlabel="labels", ylabel="positives found, %")
    right.set(title="EuroSAT, 2 % positives", xlabel="labels", ylabel="average precision on the other half")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    right.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
