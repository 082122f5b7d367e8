"""A project: the one place where tools meet storage, in methods of a few lines.

The command line, the web app and a notebook all call these methods.
"""

from __future__ import annotations

import csv
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from earthcurator import ingest, store
from earthcurator.encoders import (
    Encoder,
    EncoderEntry,
    OnnxEncoder,
    card_from_json,
    card_to_json,
    embed,
    packaged_entries,
    packaged_for,
    packaged_weights,
    prepare,
    read_model,
)
from earthcurator.errors import BadInput, BadPicture, Conflict, NotFound
from earthcurator.export import Labelled, write_dataset
from earthcurator.models import Arrival, Chip, EncoderCard, Example, Hit, Hits, Quarantined, Query, Skipped
from earthcurator.search import search
from earthcurator.settings import Settings

Progress = Callable[[int, int | None], None]
"""Called with how many are done and how many there are in all, if that is known."""

_COMMIT_ROWS = 4096
_COMMIT_BYTES = 64_000_000
_COMMIT_SECONDS = 20.0
_EXAMPLE_BYTES = 256_000_000


def _silent(done: int, total: int | None) -> None:
    """The progress of someone who does not look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did."""

    added: int
    """Chips that are new."""
    present: int
    """Chips that were in the project already, from the same file."""
    skipped: int
    """Windows of scenes that were left out as asked, having too little data."""
    quarantined: Mapping[str, int]
    """How many files were left out, by kind."""
    report: str | None
    """Where the list of those files is, with the reason of each (CSV); None when there are none."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What an embedding run did."""

    encoder: str
    """Id of the encoder."""
    name: str
    """Its name for people."""
    added: int
    """Vectors that are new."""
    total: int
    """Vectors there are now."""
    failed: Sequence[str]
    """Ids of chips whose picture could not be decoded."""
    indexed: bool
    """Whether searches go through a vector index; below 300,000 vectors comparing all of them is as fast."""
    seconds: float


class Project:
    """Chips, embeddings and encoders of one folder or prefix. Make one with `open` or `create`."""

    def __init__(self, files: store.Files, settings: Settings) -> None:
        self._files = files
        self._settings = settings
        self._manifest = store.migrate(files)
        self.chips = store.Chips(files)
        self._encoder_files = store.EncoderFiles(files)
        self._loaded: dict[str, Encoder] = {}
        self._embeddings: dict[str, store.Embeddings] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of encoders and caches. Nothing waits to be written: every change is durable when its call returns."""
        self._loaded.clear()
        self._embeddings.clear()

    @property
    def location(self) -> str:
        """The folder or URL."""
        return self._files.location

    @property
    def name(self) -> str:
        """The project's name."""
        return str(self._manifest["name"])

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
        sources = [Path(path) for path in paths]
        total = ingest.count_files(sources)
        intake = _Intake(self.chips)
        arrivals = ingest.arrivals(sources, scenes=scenes or ingest.SceneOptions(), threads=self._settings.threads)
        report = None
        try:
            for done, item in enumerate(arrivals, 1):
                intake.take(item)
                progress(done, total if done <= total else None)  # a scene is one file and many chips
        finally:
            arrivals.close()
            intake.flush()
            report = self._write_report(intake)
        self.chips.maintain()
        return Imported(
            added=intake.added,
            present=intake.present,
            skipped=intake.skipped,
            quarantined=dict(intake.quarantined),
            report=report,
            seconds=time.monotonic() - started,
        )

    def _write_report(self, intake: _Intake) -> str | None:
        if not intake.quarantined:
            return None
        name = f"reports/import-{datetime.now(UTC):%Y%m%d-%H%M%S}.csv"
        self._files.write(name, intake.report.getvalue().encode())
        return f"{self.location}/{name}"

    # -- encoders ------------------------------------------------------------------------------------------------

    def encoders(self) -> list[EncoderEntry]:
        """The encoders that can be used here: those of the project and those that ship with Curator."""
        own = [self._entry(encoder) for encoder in self._encoder_files.ids()]
        known = {entry.id for entry in own}
        shipped = [entry for entry in packaged_entries() if entry.id not in known]
        return [*own, *shipped]

    def add_encoder(self, model: Path, card: Path | None = None) -> EncoderEntry:
        """Plug in an ONNX file; what its card does not say is read from the file."""
        weights, made = read_model(model, card)
        return self._keep(weights, made)

    def set_default_encoder(self, name: str) -> EncoderEntry:
        """Embed and search with this encoder from now on."""
        entry = self.find_encoder(name)
        self._remember(default_encoder=entry.id)
        return entry

    @property
    def default_encoder(self) -> str | None:
        """Id of the encoder that is used unless another is named; None before the first embedding."""
        return self._manifest.get("default_encoder")

    def encoder(self, name: str | None = None) -> Encoder:
        """An encoder by id, beginning of an id, or name; without one, the project's default."""
        entry = self.find_encoder(name) if name else self._default_encoder()
        if entry.id not in self._loaded:
            self._loaded[entry.id] = OnnxEncoder(self._encoder_files.weights(entry.id), entry.card)
        return self._loaded[entry.id]

    def _default_encoder(self) -> EncoderEntry:
        """The default, chosen by the size of the chips the first time it is needed."""
        if not self._manifest.get("default_encoder"):
            sides = [min(chip.width, chip.height) for chip in islice(self.chips.all(), 1000)]
            if not sides:
                raise Conflict(f"{self.location} has no chips yet", hint="bring some in first: curator import PATH")
            self.set_default_encoder(packaged_for(round(statistics.median(sides))))
        return self.find_encoder(self._manifest["default_encoder"])

    def find_encoder(self, name: str) -> EncoderEntry:
        """The encoder with this name, id or unique beginning of an id."""
        found = [entry for entry in self.encoders() if name == entry.card.name or entry.id.startswith(name)]
        if len(found) == 1:
            return found[0] if found[0].id in self._encoder_files.ids() else self._keep_packaged(found[0])
        if found:
            raise BadInput(f"several encoders are called {name}", hint=f"use an id: {', '.join(e.id for e in found)}")
        raise NotFound(f"there is no encoder {name} here", hint="`curator encoders` lists those that are there")

    def _keep_packaged(self, entry: EncoderEntry) -> EncoderEntry:
        # A copy: vectors stay searchable when a later Curator ships another default.
        return self._keep(packaged_weights(entry.card.name), entry.card)

    def _keep(self, weights: bytes, card: EncoderCard) -> EncoderEntry:
        encoder = OnnxEncoder(weights, card)
        self._encoder_files.add(encoder.id, weights, card_to_json(card))
        self._loaded[encoder.id] = encoder
        return EncoderEntry(encoder.id, card)

    def _entry(self, encoder: str) -> EncoderEntry:
        return EncoderEntry(encoder, card_from_json(self._encoder_files.card(encoder)))

    # -- embeddings ----------------------------------------------------------------------------------------------

    def embed(self, encoder: str | None = None, *, progress: Progress = _silent) -> Embedded:
        """Make vectors for the chips that have none yet, and keep the vector index current."""
        started = time.monotonic()
        chosen = self.encoder(encoder)
        embeddings = self.embeddings(chosen)
        total, waiting = embeddings.waiting(self.chips)
        progress(0, total)
        added, failed = 0, []
        pending = _Vectors(embeddings)
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

    def embeddings(self, encoder: Encoder) -> store.Embeddings:
        """The vectors of this encoder."""
        if encoder.id not in self._embeddings:
            self._embeddings[encoder.id] = store.Embeddings(self._files, encoder.id, encoder.card.dim)
        return self._embeddings[encoder.id]

    # -- search --------------------------------------------------------------------------------------------------

    def search(self, query: Query, *, encoder: str | None = None) -> Hits:
        """Rank the chips by likeness to the query's examples."""
        chosen = self.encoder(encoder)
        embeddings = self.embeddings(chosen)
        embeddings.table.refresh()
        self.chips.table.refresh()
        if not len(embeddings):
            raise Conflict(f"{self.location} has no vectors of {chosen.card.name} yet", hint="run: curator embed")
        vectors = embeddings.index.open()
        found = search(
            vectors,
            self.vectors(query.positives, chosen),
            self.vectors(query.negatives, chosen),
            filter=query.filter,
            k=query.k,
            collapse=query.collapse,
            diversity=query.diversity,
        )
        hits = zip(vectors.ids(found.rows), found.scores.tolist(), strict=True)
        return Hits(
            hits=tuple(Hit(chip, score) for chip, score in hits),
            exact=found.exact,
            searched=found.searched,
            encoder=chosen.id,
        )

    def vectors(self, examples: Sequence[Example], encoder: Encoder) -> NDArray[np.float32]:
        """Unit vectors of the examples, `(n, d) float32`."""
        if not examples:
            return np.empty((0, encoder.card.dim), np.float32)
        return np.stack([self._vector(example, encoder) for example in examples])

    def _vector(self, example: Example, encoder: Encoder) -> NDArray[np.float32]:
        if isinstance(example, np.ndarray):
            return _unit(example, encoder.card.dim)
        if isinstance(example, str) and not Path(example).is_file():
            example = self.chip(example)
        if isinstance(example, Chip):
            vectors = self.embeddings(encoder).index.open()
            row = vectors.row_of(example.id)
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
        if isinstance(example, Path) or (isinstance(example, str) and Path(example).is_file()):
            return _read(Path(example))
        chip = example if isinstance(example, Chip) else self.chip(example)
        pictures = self.chips.pictures([chip.id])
        if chip.id not in pictures:
            raise NotFound(f"there is no chip {chip.id} in {self.location}")
        return pictures[chip.id]

    # -- export --------------------------------------------------------------------------------------------------

    def export(self, out: str | Path, labels: Mapping[str, str] | None = None, *, format: str = "imagefolder") -> int:  # noqa: A002 - the word users know
        """Write a labelled dataset into a new folder; returns how many chips it holds.

        `labels` maps chip ids to classes; without it, the classes are the folders that the chips were imported with.
        """
        rows: Iterator[Labelled]
        if labels is None:
            rows = (Labelled(chip, chip.folder) for chip in self.chips.all() if chip.folder is not None)
        else:
            rows = self._labelled(labels)
        return write_dataset(format, Path(out), rows, self.chips.pictures)

    def _labelled(self, labels: Mapping[str, str]) -> Iterator[Labelled]:
        ids = iter(labels)
        while some := list(islice(ids, 1000)):
            chips = self.chips.get(some)
            missing = set(some) - {chip.id for chip in chips}
            if missing:
                raise NotFound(f"{len(missing)} labelled chips are not in {self.location}, e.g. {min(missing)}")
            yield from (Labelled(chip, labels[chip.id]) for chip in chips)

    def _remember(self, **facts: Any) -> None:
        with self._files.lock():
            self._manifest = {**store.migrate(self._files), **facts}
            store.write_manifest(self._files, self._manifest)


def open(location: str | Path | None = None, *, settings: Settings | None = None) -> Project:  # noqa: A001 - `ec.open`, as in xarray
    """Open the project in a folder or at a URL; by default the one that `CURATOR_PROJECT` names, or this folder."""
    settings = settings or Settings()
    files = _files(location if location is not None else settings.project, settings)
    if store.read_manifest(files) is None:
        raise NotFound(
            f"there is no project at {files.location}",
            hint=f"make one with: curator init {files.location}",
        )
    return Project(files, settings)


def create(location: str | Path, *, name: str | None = None, settings: Settings | None = None) -> Project:
    """Make a new, empty project in a folder or at a URL, and open it."""
    settings = settings or Settings()
    files = _files(location, settings)
    if store.read_manifest(files) is not None:
        raise Conflict(f"there is a project at {files.location} already", hint="open it, or name another folder")
    title = name or files.location.rstrip("/").rsplit("/", 1)[-1] or "project"
    store.write_manifest(
        files,
        {"format": store.FORMAT, "name": title, "created": datetime.now(UTC).isoformat(), "default_encoder": None},
    )
    return Project(files, settings)


def _files(location: str | Path, settings: Settings) -> store.Files:
    if "://" in str(location):
        scheme = str(location).partition("://")[0]
        if scheme not in {"s3", "gs", "az"}:
            raise BadInput(f"{location}: projects live in folders or at s3://, gs:// or az://, not {scheme}://")
        return store.BucketFiles(str(location), storage_options=settings.storage_options(), cache=settings.cache)
    return store.LocalFiles(Path(location).expanduser().absolute(), cache=settings.cache)


class _Intake:
    """Collects arrivals into commits, and tells apart what is new, what is there, and what is a duplicate."""

    def __init__(self, chips: store.Chips) -> None:
        self.added = 0
        self.present = 0
        self.skipped = 0
        self.quarantined: Counter[str] = Counter()
        self.report = StringIO()
        self._rows = csv.writer(self.report)
        self._rows.writerow(["origin", "kind", "reason"])
        self._chips = chips
        self._waiting: dict[str, Arrival] = {}
        self._bytes = 0
        self._since = time.monotonic()

    def take(self, item: Arrival | Quarantined | Skipped) -> None:
        if isinstance(item, Skipped):
            self.skipped += 1
            return
        if isinstance(item, Quarantined):
            self._leave_out(item)
            return
        twin = self._waiting.get(item.chip.id)
        if twin is not None:
            self._leave_out_twin(item.chip, twin.chip)
            return
        self._waiting[item.chip.id] = item
        self._bytes += len(item.picture)
        full = len(self._waiting) >= _COMMIT_ROWS or self._bytes >= _COMMIT_BYTES
        if full or time.monotonic() - self._since > _COMMIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what waits."""
        arrivals = list(self._waiting.values())
        self._waiting.clear()
        self._bytes = 0
        known = self._chips.ids.known(arrival.chip.id for arrival in arrivals)
        self._sort_known([arrival.chip for arrival in arrivals if arrival.chip.id in known])
        if new := [arrival for arrival in arrivals if arrival.chip.id not in known]:
            self.added += self._chips.add(new)
        self._since = time.monotonic()

    def _sort_known(self, chips: Sequence[Chip]) -> None:
        there = {chip.id: chip for chip in self._chips.get([chip.id for chip in chips])}
        for chip in chips:
            self._leave_out_twin(chip, there[chip.id])

    def _leave_out_twin(self, chip: Chip, twin: Chip) -> None:
        if chip.origin == twin.origin:
            self.present += 1
        else:
            self._leave_out(Quarantined(chip.origin, "duplicate", f"the same picture as {twin.origin}"))

    def _leave_out(self, item: Quarantined) -> None:
        self.quarantined[item.kind] += 1
        self._rows.writerow([item.origin, item.kind, item.reason])


class _Vectors:
    """Collects vectors into commits."""

    def __init__(self, embeddings: store.Embeddings) -> None:
        self._embeddings = embeddings
        self._facts: list[store.Facts] = []
        self._vectors: list[NDArray[np.float32]] = []
        self._since = time.monotonic()

    def take(self, facts: Sequence[store.Facts], vectors: NDArray[np.float32]) -> None:
        self._facts += facts
        self._vectors.append(vectors)
        if len(self._facts) >= 4 * _COMMIT_ROWS or time.monotonic() - self._since > _COMMIT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what waits."""
        if self._facts:
            self._embeddings.add(self._facts, np.concatenate(self._vectors))
        self._facts, self._vectors = [], []
        self._since = time.monotonic()


def _unit(vector: NDArray[Any], dim: int) -> NDArray[np.float32]:
    if vector.shape != (dim,):
        raise BadInput(f"the example vector has shape {vector.shape}, the encoder's are ({dim},)")
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or norm == 0:
        raise BadInput("the example vector is zero or not finite")
    return (vector / norm).astype(np.float32)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _EXAMPLE_BYTES:
            raise BadInput(f"{path} is too large for an example", hint="cut a chip out of it, or import it as a scene")
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
