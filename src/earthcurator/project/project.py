"""A project: the one place where tools meet storage, in methods of a few lines.

The command line, the web app and a notebook all call these methods.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from itertools import islice
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from earthcurator import __version__, ingest, store
from earthcurator.encoders import (
    Encoder,
    EncoderEntry,
    embed,
    packaged_for,
    prepare,
)
from earthcurator.errors import BadInput, BadPicture, Conflict, NotFound
from earthcurator.export import Division, Labelled, Opinions, Provenance, Written, write_dataset
from earthcurator.export.splits import SHARES, By, strata
from earthcurator.export.splits import split as split_dataset
from earthcurator.imagery import Imagery, Progress, Where, credits, orders
from earthcurator.labels.policy import Policy
from earthcurator.models import Arrival, Chip, ChipId, Example, Filter, Hits, Quarantined, Query, Said, Skipped, Task
from earthcurator.orders import Order
from earthcurator.project.classifying import Classified, classify
from earthcurator.project.datasets import CLASSES_FROM, Answers, answers, command
from earthcurator.project.embedding import Embedded, VectorCommits
from earthcurator.project.encoders import Encoders
from earthcurator.project.intake import Downloaded, Imported, Intake
from earthcurator.project.labelled import labelled
from earthcurator.project.learner import Learner
from earthcurator.project.outlook import Search
from earthcurator.project.records import Records
from earthcurator.project.searching import Rankings, find
from earthcurator.project.sharding import ShardBook
from earthcurator.project.tasks import TaskBook
from earthcurator.project.vectortables import TableEmbedded, embed_from
from earthcurator.settings import Settings

if TYPE_CHECKING:
    from earthcurator.project.compacting import Int8Report
    from earthcurator.project.finetuning import Finetuned
    from earthcurator.project.training import TrainReport

T = TypeVar("T")

MAJORITY = Policy()
CHOICE_SECONDS = 1.0
"""How long the choice of the default encoder may be old, which another program can change."""


def _silent(done: int, total: int | None) -> None:
    """The progress of someone who does not look."""


class Project:
    """Chips, embeddings and encoders of one folder or prefix. Make one with `open` or `create`."""

    def __init__(self, files: store.Files, settings: Settings) -> None:
        self._files = files
        self._settings = settings
        self._manifest = store.migrate(files)
        self._manifest_read = time.monotonic()
        self._choosing = Lock()
        self.chips = store.Chips(files)
        self.examples = store.Examples(files)
        self.layouts = store.Layouts(files)
        self.encoders = Encoders(files)
        here = "" if "://" in files.location else Path(files.location) / "labels.db"
        self.records = Records(settings.database_url or here)
        self.tasks = TaskBook(self.records, self.chips)
        self._embeddings: dict[str, store.Embeddings] = {}
        self._learners: dict[str, Learner] = {}
        self.rankings = Rankings(self)
        self._opening = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of encoders and caches. Nothing waits to be written: every change is durable when its call returns."""
        self.encoders.close()
        self.records.close()
        self._embeddings.clear()
        self._learners.clear()

    @property
    def location(self) -> str:
        """The folder or URL."""
        return self._files.location

    @property
    def name(self) -> str:
        """The project's name."""
        return str(self._manifest["name"])

    @property
    def id(self) -> str:
        """The same wherever the project is moved to: programs tell projects apart by it."""
        return sha256(str(self._manifest.get("created")).encode()).hexdigest()[:12]

    @property
    def threads(self) -> int:
        """How many threads decode and encode pictures."""
        return self._settings.threads

    @property
    def settings(self) -> Settings:
        """What it was opened with."""
        return self._settings

    def serve(self, *, host: str = "127.0.0.1", port: int = 8000, ready: Callable[[str], None] = print) -> None:
        """Serve the HTTP API until interrupted; `ready` gets the address."""
        web = import_module(
            "earthcurator.web.server"
        )  # by name: web is above, and whoever only searches need not load it
        web.serve(self, web.Serving(host=host, port=port), ready=ready)

    @property
    def folder(self) -> Path:
        """A local folder for what is not the project itself, e.g. exports: its own folder, or its cache."""
        return self._files.cache if "://" in self.location else Path(self.location)

    @property
    def cache(self) -> Path:
        """A local folder for what can be made again."""
        return self._files.cache

    @property
    def shards(self) -> ShardBook:
        """Work that is done in shards by many programs: plans, and what has become of them."""
        return ShardBook(self._files)

    # -- chips ---------------------------------------------------------------------------------------------------

    def import_pictures(
        self,
        paths: Sequence[str | Path],
        *,
        scenes: ingest.SceneOptions | None = None,
        progress: Progress = _silent,
    ) -> Imported:
        """Bring pictures, archives and GeoTIFF scenes in as chips; what is there already is left alone.

        Unreadable files are never fatal: they are listed in a report with the reason. When interrupted, what was
        read so far is kept, and running it again continues.
        """
        started = time.monotonic()
        if isinstance(paths, str | Path):
            raise BadInput(f"paths must be a list of paths, not the one path {paths}", hint=f'write ["{paths}"]')
        sources = [Path(path) for path in paths]
        arrivals = ingest.arrivals(sources, scenes=scenes or ingest.SceneOptions(), threads=self._settings.threads)
        intake, report = self._take_in(arrivals, ingest.count_files(sources), progress, name="import")
        return Imported(
            added=intake.added,
            present=intake.present,
            differing=intake.differing,
            skipped=intake.skipped.total(),
            quarantined=dict(intake.quarantined),
            report=report,
            seconds=time.monotonic() - started,
            reason=intake.reason,
        )

    def download(
        self,
        layers: str | Sequence[str],
        where: Where,
        dates: str | None = None,
        *,
        source: str | None = None,
        progress: Progress = _silent,
        **options: Any,
    ) -> Downloaded:
        """Bring imagery in as chips: of some layers, a place and dates such as `2020-08-16/2020-08-22`.

        `where` is a Box, a Region, the path of a GeoJSON file or a link to a place on NASA Worldview, which may stand
        for layers and dates too. `options` are fields of `Order`. What is here already is not asked for again. When
        interrupted, what came is kept, and running it again continues.
        """
        with Imagery(source, settings=self._settings) as imagery:
            wanted = orders(layers, where, dates, **options)
            if not layers:  # they come from a link
                wanted = [imagery.available(order) for order in wanted]
            return self.fill(wanted, imagery, progress=progress)

    def fill(self, wanted: Sequence[Order], imagery: Imagery, *, progress: Progress = _silent) -> Downloaded:
        """Bring in the chips of some orders."""
        started = time.monotonic()
        total = sum(imagery.estimate(order).chips for order in wanted)
        arrivals = _chained(imagery.arrivals(order) for order in wanted)
        intake, report = self._take_in(arrivals, total, progress, name="download")
        stats = imagery.fetcher.stats
        return Downloaded(
            added=intake.added,
            present=intake.present + intake.quarantined["duplicate"],  # of an instant that another request showed
            changed=intake.changed,
            shifted=intake.shifted,
            skipped=dict(intake.skipped),
            failed=intake.quarantined.total() - intake.quarantined["duplicate"],
            report=report,
            requests=stats.requests,
            cached=stats.from_cache,
            download_bytes=stats.bytes,
            seconds=time.monotonic() - started,
        )

    def _take_in(
        self, arrivals: Generator[Arrival | Quarantined | Skipped], total: int, progress: Progress, *, name: str
    ) -> tuple[Intake, str | None]:
        """Store what arrives, also when interrupted; also returns where the report of what was left out is."""
        intake = Intake(self.chips)
        report = None
        try:
            for done, item in enumerate(arrivals, 1):
                intake.take(item)
                progress(done, total if done <= total else None)  # a scene is one file and many chips
        finally:
            arrivals.close()
            intake.flush()
            report = self._write_report(intake, name)
        self.chips.maintain()
        return intake, report

    def _write_report(self, intake: Intake, verb: str) -> str | None:
        if not intake.quarantined:
            return None
        name = f"reports/{verb}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.csv"
        self._files.write(name, intake.report.getvalue().encode())
        return f"{self.location}/{name}"

    # -- encoders ------------------------------------------------------------------------------------------------

    @property
    def default_encoder(self) -> str | None:
        """Id of the encoder that is used unless another is named; None before the first embedding."""
        with self._choosing:
            if time.monotonic() - self._manifest_read > CHOICE_SECONDS:
                self._manifest = store.read_manifest(self._files) or self._manifest
                self._manifest_read = time.monotonic()
            return self._manifest.get("default_encoder")

    def set_default_encoder(self, name: str) -> EncoderEntry:
        """Embed and search with this encoder from now on."""
        entry = self.encoders.find(name)
        self.encoders.load(entry)
        with self._choosing, self._files.lock("project"):
            self._manifest = {**(store.read_manifest(self._files) or self._manifest), "default_encoder": entry.id}
            store.write_manifest(self._files, self._manifest)
        return entry

    def encoder(self, name: str | None = None) -> Encoder:
        """An encoder by name, id or beginning of an id; without one, the project's default."""
        return self.encoders.load(self.encoders.find(name) if name else self._default_encoder())

    def _default_encoder(self) -> EncoderEntry:
        """The default, chosen by the size of the chips the first time it is needed."""
        if self.default_encoder is not None:
            return self.encoders.find(self.default_encoder)
        sides = [min(chip.width, chip.height) for chip in islice(self.chips.all(), 1000)]
        if not sides:
            raise Conflict(
                f"{self.location} has no chips yet",
                hint="bring some in first: Get imagery in the app, `curator download` or `curator import`",
            )
        return self.set_default_encoder(packaged_for(round(statistics.median(sides))))

    # -- embeddings ----------------------------------------------------------------------------------------------

    def embed(self, encoder: str | None = None, *, progress: Progress = _silent) -> Embedded:
        """Make vectors for the chips that have none yet, and keep the vector index current."""
        started = time.monotonic()
        chosen = self.encoder(encoder)
        embeddings = self.embeddings(chosen)
        total, waiting = embeddings.waiting(self.chips)
        progress(0, total)
        added, failed = 0, []
        pending = VectorCommits(embeddings)
        batches = embed(waiting, chosen, threads=self._settings.threads)
        try:
            for batch in batches:
                pending.take(batch.keys, batch.vectors)
                failed += [facts["id"] for facts, _ in batch.failed]
                added += len(batch.keys)
                progress(added + len(failed), total)
        finally:
            batches.close()
            pending.flush()
        embeddings.index.maintain()
        embeddings.table.tidy()
        return Embedded(
            encoder=chosen.id,
            name=chosen.card.name,
            added=added,
            total=len(embeddings),
            failed=tuple(failed),
            indexed=embeddings.index.open().indexed,
            seconds=time.monotonic() - started,
        )

    def embed_from(
        self,
        table: str | Path,
        *,
        name: str | None = None,
        ids: str | None = None,
        vectors: str | None = None,
        progress: Progress = _silent,
    ) -> TableEmbedded:
        """Take in vectors that were made elsewhere, under a name, by default the file's.

        `table` is a Parquet or Arrow table, or a NumPy array (n, d) with a list of names beside it. `ids` is the column
        (or for an array the file) with chip ids or file names, `vectors` the column with the vectors. Such vectors can
        be searched by chip like any others; a picture that is no chip has none.
        """
        return embed_from(self, Path(table), name=name, ids=ids, vectors=vectors, progress=progress)

    def embeddings(self, encoder: Encoder | EncoderEntry) -> store.Embeddings:
        """The vectors of this encoder."""
        with self._opening:
            if encoder.id not in self._embeddings:
                self._embeddings[encoder.id] = store.Embeddings(self._files, encoder.id, encoder.card.dim)
            return self._embeddings[encoder.id]

    # -- search --------------------------------------------------------------------------------------------------

    def page(self, start: int, limit: int, condition: Filter = Filter(), said: Said | None = None) -> store.Page:  # noqa: B008 - frozen
        """Up to `limit` of the chips that pass, from number `start` of them on, in the order in which they came."""
        if said is None:
            return self.chips.page(start, limit, condition)
        self.chips.table.refresh()
        within = labelled(self, said, self.chips.ids, len(self.chips))
        return self.chips.page(start, limit, condition, within)

    def search(self, query: Query, *, encoder: str | None = None) -> Hits:
        """Rank the chips by likeness to the query's examples, or by the model of its task."""
        return find(self, query, encoder)

    def vectors(self, examples: Sequence[Example], encoder: Encoder) -> NDArray[np.float32]:
        """Unit vectors of the examples, `(n, d) float32`."""
        if not examples:
            return np.empty((0, encoder.card.dim), np.float32)
        return np.stack([self._vector(example, encoder) for example in examples])

    def _vector(self, example: Example, encoder: Encoder) -> NDArray[np.float32]:
        if isinstance(example, np.ndarray):
            return _unit(example, encoder.card.dim)
        if isinstance(example, str) and not isinstance(example, ChipId) and not _is_file(example):
            example = ChipId(self.chips.find(example))
        if isinstance(example, Chip | ChipId):
            chip = example.id if isinstance(example, Chip) else example
            vectors = self.embeddings(encoder).index.open()
            row = vectors.row_of(chip, near=self.chips.number(chip) or 0)
            if row is not None:
                return np.squeeze(vectors.vectors(np.array([row])), axis=0)
        try:
            prepared = prepare(self.picture_of(example), encoder.card)
        except BadPicture as error:
            name = "the example" if isinstance(example, bytes) else example
            raise BadInput(f"{name} cannot be used as an example: {error}", hint=error.hint) from error
        return np.squeeze(encoder.encode(prepared[np.newaxis]), axis=0)

    def chip(self, name: str) -> Chip:
        """A chip by its id or a unique beginning of it."""
        return self.chips.get([self.chips.find(name)])[0]

    def picture_of(self, example: Chip | str | Path | bytes) -> bytes:
        """The bytes of a picture that was given as a chip, a chip's id, a path or the bytes themselves."""
        if isinstance(example, bytes):
            return example
        if isinstance(example, Path) or (isinstance(example, str) and _is_file(example)):
            return ingest.whole_picture(Path(example))
        chip = example if isinstance(example, Chip) else self.chip(example)
        pictures = self.chips.pictures([chip.id])
        if chip.id not in pictures:
            raise NotFound(f"there is no chip {chip.id} in {self.location}")
        return pictures[chip.id]

    # -- active learning -----------------------------------------------------------------------------------------

    def learner(self, task: Task | str) -> Learner:
        """The model of a task (or of the task with this id): what to show next, what it predicts, when to stop."""
        found = self.tasks.store.get(task) if isinstance(task, str) else task
        with self._opening:
            return self._learners.setdefault(found.id, Learner(self, found))

    def search_of(self, task: Task | str, wanted: str | None = None) -> Search:
        """How the search for one class of a task goes, the first unless named; and its certified check."""
        return Search(self.learner(task), self.records.tasks, self.records.rounds, wanted)

    # -- training ------------------------------------------------------------------------------------------------

    def train(self, **options: Any) -> TrainReport:
        """Teach an encoder this project's imagery without labels, keep it, and report whether it is better.

        `options` are fields of `Options` in `earthcurator.project.training`, and what its `train` takes, e.g.
        `method="simclr", init="packaged", seconds=600, use="if better"`. The same call goes on where it was stopped.
        """
        report: TrainReport = _training("training").train(self, **options)
        return report

    def int8(self, encoder: str) -> Int8Report:
        """Make an int8 copy of an encoder, and keep it if it is as good. It takes 32 chips to set and measure it."""
        report: Int8Report = _training("compacting").int8(self, encoder)
        return report

    def finetune(self, task: Task | str, **options: Any) -> Finetuned:
        """Make a classifier from the labels of a task, keep it among the encoders, and report how good it is.

        `options` are fields of `Options` in `earthcurator.project.finetuning`, e.g. `how="linear", split="place"`.
        """
        found = self.tasks.store.get(task) if isinstance(task, str) else task
        made: Finetuned = _training("finetuning").finetune(self, found, **options)
        return made

    def answers_of(self, task: Task, policy: Policy = MAJORITY) -> dict[str, str]:
        """Chip → its class, or all of its classes as one, for the chips of a task that have an answer by the policy."""
        found = self._answers(task, policy)
        return {chip.id: found.labelled(chip).combination for chip in self._found(found.decided)}

    def classify(self, task: Task, classifier: str, *, progress: Progress = _silent) -> Iterator[Classified]:
        """What a classifier made by `finetune` says of every chip of the task."""
        return classify(self, self.tasks.store.chips(task.id), classifier, progress)

    # -- export ------------------------------------------------------------------------------------------------

    def export(
        self,
        out: str | Path,
        labels: Mapping[str, str] | None = None,
        *,
        task: Task | None = None,
        policy: Policy = MAJORITY,
        split: By | None = None,
        shares: Mapping[str, float] = SHARES,
        seed: int = 0,
        block_km: float | None = None,
        format: str = "imagefolder",  # noqa: A002 - the word users know
        progress: Progress = _silent,
    ) -> Written:
        """Write a labelled dataset into a new folder.

        The classes are those of a task, one answer a chip by the policy; or those of `labels`, chip id → class; or
        else the folders that the chips were imported with. With `split` the dataset is divided at random, by place or
        by time, as `earthcurator.export.splits` says. By place, chips in blocks of `block_km` stay together; where too
        many chips touch for that, those at the borders of the sides are left out.
        """
        rows: Iterable[Labelled]
        opinions: Opinions | None = None
        if task is not None:
            found = self._answers(task, policy)
            rows, what, opinions = map(found.labelled, self._found(found.decided)), task.id, found.opinions
        elif labels is not None:
            rows, what = self._labelled(labels), "LABELS.csv"
        else:
            rows, what = self._foldered(), "folders"
        division = None if split is None else Division(by=split, shares=shares, seed=seed, block_km=block_km)
        if division is not None:
            rows, division = _divided(list(rows), division)
        rows = (replace(row, chip=row.chip.published()) for row in rows)
        made = Provenance(
            version=__version__,
            project=self.name,
            classes_from=CLASSES_FROM.get(what, ""),
            opinions=opinions,
            division=division,
            command=command(what, Path(out), format, opinions, division),
            credits=lambda origins: credits(origins, self._settings),
        )
        return write_dataset(format, Path(out), _told(rows, progress), self.chips.pictures, made)

    def _foldered(self) -> Iterator[Labelled]:
        if all(chip.folder is None for chip in self.chips.all()):
            raise Conflict(f"no chip of {self.location} has a class folder", hint="give a CSV file of labels instead")
        return (Labelled(chip, chip.folder) for chip in self.chips.all() if chip.folder is not None)

    def _answers(self, task: Task, policy: Policy) -> Answers:
        found = answers(task, self.tasks.store.chips(task.id), list(self.tasks.events(task)), policy)
        if not found.decided:
            raise Conflict(
                f"no chip of the task {task.question!r} has an answer yet by the policy {policy.rule}",
                hint="label some" if policy.rule == "any" else "label some, or take a laxer policy: --policy any",
            )
        return found

    def _labelled(self, labels: Mapping[str, str]) -> Iterator[Labelled]:
        return (Labelled(chip, labels[chip.id]) for chip in self._found(labels))

    def _found(self, ids: Collection[str]) -> Iterator[Chip]:
        waiting = iter(ids)
        while some := list(islice(waiting, 1000)):
            chips = self.chips.get(some)
            missing = set(some) - {chip.id for chip in chips}
            if missing:
                raise NotFound(f"some labelled chips are not in {self.location}: {len(missing):,}, e.g. {min(missing)}")
            yield from chips


def _training(name: str) -> Any:
    """A module of this package that needs the extra `train`."""
    for needed in ("torch", "onnx"):
        try:
            import_module(needed)
        except ImportError as error:
            raise Conflict(
                f"training needs the package {needed}, which is not here", hint="pip install 'earthcurator[train]'"
            ) from error
    return import_module(f"earthcurator.project.{name}")


def _divided(rows: Sequence[Labelled], division: Division) -> tuple[list[Labelled], Division]:
    balanced = zip((row.chip for row in rows), strata(rows, len(division.shares)), strict=True)
    sides = split_dataset(
        balanced, division.shares, by=division.by, seed=division.seed, block_km=division.block_km, between="auto"
    )
    kept = [replace(row, split=sides[row.chip.id]) for row in rows if row.chip.id in sides]
    return kept, replace(division, left_out=len(rows) - len(kept))


def _told(rows: Iterable[Labelled], progress: Progress) -> Iterator[Labelled]:
    for done, row in enumerate(rows):
        progress(done, None)
        yield row


def _chained(sources: Iterable[Generator[T]]) -> Generator[T]:
    """One after the other; closing it closes the one that is at work."""
    for source in sources:
        with closing(source):
            yield from source


def _unit(vector: NDArray[Any], dim: int) -> NDArray[np.float32]:
    if vector.shape != (dim,):
        raise BadInput(f"the example vector has shape {vector.shape}, the encoder's are ({dim},)")
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or norm == 0:
        raise BadInput("the example vector is zero or not finite")
    return (vector / norm).astype(np.float32)


def _is_file(name: str) -> bool:
    return not isinstance(name, ChipId) and os.path.isfile(name)  # noqa: PTH113 - Path.is_file raises when a text is too long for a name
