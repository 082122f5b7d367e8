"""How much a search has found when a rule says stop, and whether the certified check keeps its promise.

    python benchmarks/stopping.py --eurosat DIR --ucmerced DIR [--cache DIR] [--plot docs/images/stopping.svg]

Every search starts from one picture of a class made rare, labels 20 chips a round as the learner chooses, half of the
searches with `find` and half with `hybrid`. `one kind`: a class as it is. `several kinds`: the wanted class is three
of the data set's, and the search knows one of them. `5 % errors`: one answer in twenty is wrong. A rule is asked after
every round. Recall is what the finished labels hold: positives that were shown and said to be positive, of all there
are. The check is drawn once a search, when the last 100 labels were without a positive, from what is then unlabelled.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process for each core; must be set before numpy loads

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from common import EUROSAT, RESULTS, UC_MERCED, pictures_in, record, table
from numpy.typing import NDArray

from earthcurator.active.audit import audit_bound, audit_price, plan_audit
from earthcurator.active.coldstart import from_reference
from earthcurator.active.pool import stand
from earthcurator.active.stopping import RULES, is_empty
from earthcurator.active.strategies import STRATEGIES
from earthcurator.encoders import embed, packaged

BATCH = 20
AUDIT_SHARE = 0.2
"""Share of the unlabelled chips that a check looks at."""
SEVERAL = 3
"""How many classes of the data set the wanted one is made of, where it has several kinds."""
CASES = ("one kind", "several kinds", "5 % errors")
QUANTILES = {"median": 0.5, "5 %": 0.05, "1 %": 0.01}
PROMISES = ("bound", "total", "bound at every look", "total at every look")
ENCODERS = {"eurosat": "lite0-64", "ucmerced": "lite0-224"}

Array = NDArray[np.float32]
End = tuple[float, int] | None
"""Recall and labels when a rule said stop; None when it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A sort of search that is simulated many times."""

    data: str
    case: str
    positives: int
    pool: int
    kinds: int = 1
    error_rate: float = 0.0


SETTINGS = (
    Setting(data="eurosat", case="one kind", positives=50, pool=5000),
    Setting(data="eurosat", case="one kind", positives=250, pool=5000),
    Setting(data="ucmerced", case="one kind", positives=28, pool=1400),
    Setting(data="ucmerced", case="one kind", positives=70, pool=1400),
    Setting(data="eurosat", case="several kinds", positives=51, pool=5000, kinds=SEVERAL),
    Setting(data="eurosat", case="several kinds", positives=249, pool=5000, kinds=SEVERAL),
    Setting(data="ucmerced", case="several kinds", positives=27, pool=1400, kinds=SEVERAL),
    Setting(data="ucmerced", case="several kinds", positives=69, pool=1400, kinds=SEVERAL),
    Setting(data="eurosat", case="5 % errors", positives=50, pool=5000, error_rate=0.05),
    Setting(data="eurosat", case="5 % errors", positives=250, pool=5000, error_rate=0.05),
    Setting(data="ucmerced", case="5 % errors", positives=28, pool=1400, error_rate=0.05),
    Setting(data="ucmerced", case="5 % errors", positives=70, pool=1400, error_rate=0.05),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One search: what was answered and what was true, in the order of labels, and what a check then said."""

    setting: Setting
    strategy: str
    answers: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    audit: Mapping[str, Any]


def search(vectors: Mapping[str, Array], classes: Mapping[str, NDArray[np.str_]], setting: Setting, seed: int) -> Trace:
    """Search until nothing is left to learn about the rules: far past every one that stops at all."""
    rng = np.random.default_rng([seed, SETTINGS.index(setting)])
    rows, truth = draw(classes[setting.data], setting, rng)
    pool = vectors[setting.data][rows]
    strategy = ("find", "hybrid")[seed % 2]
    shown, answers = np.array([0]), np.array([True])
    audit: dict[str, Any] = {}
    classifier = None
    while len(shown) < min(len(pool), 2.5 * setting.positives + 700):
        standing = stand(pool, positives=shown[answers], negatives=shown[~answers], start=classifier)
        classifier = standing.classifier
        if not audit and is_empty(answers):
            audit = check(standing.open, standing.scores, truth, int(truth[shown].sum()), seed)
            audit["labels"] = len(shown)
        if len(shown) == 1:
            picked = standing.open[from_reference(pool[standing.open], pool[0], BATCH, rng)]
        else:
            picked = STRATEGIES.get(strategy)(standing, BATCH, rng)
        wrong = rng.random(len(picked)) < setting.error_rate
        shown, answers = np.concatenate([shown, picked]), np.concatenate([answers, truth[picked] ^ wrong])
        if audit and len(shown) >= audit["labels"] + 100:
            break
    if not audit:
        standing = stand(pool, positives=shown[answers], negatives=shown[~answers], start=classifier)
        audit = check(standing.open, standing.scores, truth, int(truth[shown].sum()), seed)
    return Trace(setting=setting, strategy=strategy, answers=answers[1:], truth=truth[shown][1:], audit=audit)


def draw(
    classes: NDArray[np.str_], setting: Setting, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Rows of the data set that are the archive, the example first, and which of them are positive."""
    names = rng.permutation(np.unique(classes))[: setting.kinds]
    each = setting.positives // setting.kinds
    positives = np.concatenate([rng.choice(np.flatnonzero(classes == name), each, replace=False) for name in names])
    others = np.flatnonzero(~np.isin(classes, names))
    negatives = rng.choice(others, min(setting.pool - len(positives), len(others)), replace=False)
    return np.concatenate([positives, negatives]), np.arange(len(positives) + len(negatives)) < len(positives)


def check(rows: NDArray[np.int64], scores: Array, truth: NDArray[np.bool_], found: int, seed: int) -> dict[str, Any]:
    """A certified check by somebody who does not err, looked at shortly before the end and at the end."""
    plan = plan_audit(scores, rows, round(AUDIT_SHARE * len(rows)), found=found, seed=seed)
    total = int(truth[rows].sum()) + found
    covered = []
    for share in (0.95, 1.0):
        answers: dict[int, bool | None] = {row: bool(truth[row]) for row in plan.rows[: round(share * len(plan.rows))]}
        result = audit_bound(plan, answers, found + sum(answer is True for answer in answers.values()))
        if result.left_high is None or result.recall_low is None or result.total is None:
            raise SystemExit("error: the archive is too small for a check")
        left = total - found - result.hits
        covered.append((left <= result.left_high, result.total[0] <= total <= result.total[1]))
    bound, both = zip(*covered, strict=True)
    return {
        "bound": bound[-1], "total": both[-1], "bound at every look": all(bound), "total at every look": all(both),
        "proved": result.recall_low, "recall": (found + result.hits) / total,
    }  # fmt: skip


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eurosat", type=Path, required=True, help=EUROSAT)
    parser.add_argument("--ucmerced", type=Path, required=True, help=UC_MERCED)
    parser.add_argument("--searches", type=int, default=250, help="of each of the settings")
    parser.add_argument("--cache", type=Path, help="folder that keeps the vectors")
    parser.add_argument("--plot", type=Path, help="file for the picture")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    chosen = parser.parse_args(words)

    folders = {"eurosat": chosen.eurosat, "ucmerced": chosen.ucmerced}
    loaded = {name: embedded(folder, ENCODERS[name], chosen.cache) for name, folder in folders.items()}
    vectors = {name: pair[0] for name, pair in loaded.items()}
    classes = {name: pair[1] for name, pair in loaded.items()}
    report(searches(vectors, classes, chosen.searches), chosen.plot, chosen.out)


def searches(vectors: Mapping[str, Array], classes: Mapping[str, NDArray[np.str_]], count: int) -> list[Trace]:
    """`count` searches of each setting with one kind, a fifth as many of the others, over all processors."""
    counts = ((setting, count if setting.case == "one kind" else -(-count // 5)) for setting in SETTINGS)
    runs = [(setting, seed) for setting, seeds in counts for seed in range(seeds)]
    # `fork` shares the vectors; `spawn` would send them to every process
    with get_context("fork").Pool(initializer=_share, initargs=(vectors, classes)) as workers:
        return workers.starmap(_search, runs, chunksize=4)


def report(traces: Sequence[Trace], plot: Path | None, out: Path) -> None:
    """Print, record and draw what the searches show."""
    ends = {str(name): [(trace, end(trace, holds)) for trace in traces] for name, holds in RULES.items()}
    rules = {
        name: {case: recall_row([pair for pair in pairs if pair[0].setting.case == case]) for case in CASES}
        for name, pairs in ends.items()
    }
    rows = [
        {"rule": name, "case": setting.case, "data": setting.data, "positives": setting.positives}
        | recall_row([pair for pair in pairs if pair[0].setting == setting])
        for name, pairs in ends.items()
        for setting in SETTINGS
    ]
    strategies = [
        {"rule": name, "strategy": who, "case": CASES[0]}
        | recall_row([pair for pair in pairs if pair[0].strategy == who and pair[0].setting.case == CASES[0]])
        for name, pairs in ends.items()
        for who in ("find", "hybrid")
    ]
    checks = {case: check_row([trace for trace in traces if trace.setting.case == case]) for case in CASES}
    prices = [
        {"archive": archive, "class %": share, "left %": 100 * guess, "labels": price(archive, share, guess)}
        for archive, share, guess in product((10_000, 100_000, 1_000_000), (0.1, 1, 5), (0.0, 0.02))
    ]
    for shown in (rows, [{"case": case, **row} for case, row in checks.items()], strategies, prices):
        print(table(shown), end="\n\n")
    figures = {"rules": rules, "settings": rows, "strategies": strategies, "checks": checks, "prices": prices}
    record("stopping", {"searches": len(traces), **figures}, folder=out)
    if plot:
        draw_plot(ends, plot)


def end(trace: Trace, holds: Callable[[NDArray[np.bool_]], bool]) -> End:
    """Recall and labels when a rule, asked after every round, first says stop."""
    rounds = range(BATCH, len(trace.answers) + 1, BATCH)
    stopped = next((labels for labels in rounds if holds(trace.answers[:labels])), None)
    if stopped is None:
        return None
    kept = 1 + int((trace.answers[:stopped] & trace.truth[:stopped]).sum())  # and the example
    return kept / trace.setting.positives, stopped


def recall_row(pairs: Sequence[tuple[Trace, End]]) -> dict[str, Any]:
    """Quantiles of the recall of those searches that were stopped."""
    stopped = [(trace.setting.positives, *stop) for trace, stop in pairs if stop is not None]
    recalls = [recall for _, recall, _ in stopped]
    efforts = [labels / positives for positives, _, labels in stopped]
    return {
        "searches": len(pairs),
        "said stop": round(len(stopped) / max(1, len(pairs)), 3),
        **{f"recall {name}": _down(np.quantile(recalls, at)) if recalls else None for name, at in QUANTILES.items()},
        "labels / positives": round(float(np.median(efforts)), 2) if efforts else None,
    }


def check_row(traces: Sequence[Trace]) -> dict[str, float]:
    """How often what a check showed was true, and what it proved."""
    shares = {name: [trace.audit[name] for trace in traces] for name in PROMISES}
    row: dict[str, float] = {
        "searches": len(traces),
        **{name: round(float(np.mean(x)), 4) for name, x in shares.items()},
    }
    for name in ("proved", "recall"):
        row[f"{name} (median)"] = _down(np.median([trace.audit[name] for trace in traces]))
    return row


def price(archive: int, share: float, guess: float) -> int | None:
    """Labels to prove 95 % recall when `share` percent of the archive are of the class."""
    found = round(archive * share / 100 * (1 - guess))
    return audit_price(archive - 2 * found, found, guess=guess).labels


def draw_plot(ends: Mapping[str, Sequence[tuple[Trace, End]]], path: Path) -> None:
    """Recall when the rules say stop, and what proof costs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    names = [(rule, case) for rule in ends for case in CASES]
    for place, (rule, case) in enumerate(names):
        recalls = [stop[0] for trace, stop in ends[rule] if stop and trace.setting.case == case]
        if recalls:
            low, middle, high = np.quantile(recalls, [0.05, 0.5, 0.95])
            left.plot([low, high], [-place, -place], color="C0" if rule == "empty" else "C1", linewidth=5, alpha=0.5)
            left.plot(middle, -place, "o", color="black", markersize=5)
    left.set_yticks([-place for place in range(len(names))], [f"{rule}, {case}" for rule, case in names])
    left.set(xlabel="share of the class found when the rule says stop", xlim=(0, 1.02))
    left.set_title("Rules of thumb: median, and 5 % to 95 % of searches", fontsize=10)
    shares = np.array([0.1, 0.2, 0.5, 1, 2, 5, 10])
    for archive in (10_000, 100_000, 1_000_000):
        right.loglog(shares, [price(archive, share, 0.0) for share in shares], "o-", label=f"{archive:,} chips")
    right.set(xlabel="share of the archive that is of the class (%)", ylabel="random labels")
    right.set_title("Certified check: labels to prove 95 %, if all is found", fontsize=10)
    right.legend()
    right.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def _down(share: float | np.floating[Any]) -> float:
    """Three decimals, never rounded up."""
    return float(np.floor(1000 * share + 1e-9) / 1000)


_shared: dict[str, Any] = {}


def _share(vectors: Mapping[str, Array], classes: Mapping[str, NDArray[np.str_]]) -> None:
    _shared.update(vectors=vectors, classes=classes)


def _search(setting: Setting, seed: int) -> Trace:
    return search(_shared["vectors"], _shared["classes"], setting, seed)


def embedded(folder: Path, encoder: str, cache: Path | None) -> tuple[Array, NDArray[np.str_]]:
    """Vectors of every picture of a folder, and the class of each."""
    files = pictures_in(folder)
    kept = cache / f"{folder.name}-{encoder}-{len(files)}.npy" if cache else None
    if kept and kept.exists():
        vectors: Array = np.load(kept)
    else:
        pictures = ((file, file.read_bytes()) for file in files)
        batches = embed(pictures, packaged(encoder), threads=os.cpu_count() or 1)
        vectors = np.concatenate([batch.vectors for batch in batches])
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.save(kept, vectors)
    return vectors, np.array([file.parent.name for file in files])


if __name__ == "__main__":
    main()
