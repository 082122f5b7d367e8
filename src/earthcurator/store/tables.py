"""One Lance table of a project: healed when opened, changed only through durable commits."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import lance
import pyarrow as pa

from earthcurator.errors import CuratorError, NotAllowed, StorageFailed
from earthcurator.store.durable import Torn
from earthcurator.store.files import Files

log = logging.getLogger(__name__)

_LANCE_NOISE = re.compile(r"^LanceError\(\w+\): |(, /\S+\.rs:\d+:\d+)+$")  # its own name, and places in its source
_OTHER_SECONDS = 10.0  # to wait for another program's new table
_KEPT_VERSIONS = 20  # readers ask for the newest before each search
_TRIES = 20  # 5 were too few for eight programs that commit all the time (benchmarks/shard_commits.py)

Fragment = tuple[int, int, str]
"""One piece of a table: its number, how many rows it has, its data file (whose name is never used again)."""


class Table:
    """Rows with unique ids. Several threads and processes may read while others append.

    A dataset that was handed out never changes: pylance cannot share one that does between threads.
    """

    def __init__(self, files: Files, name: str, schema: pa.Schema) -> None:
        self.name = name
        self.uri = files.uri(name)
        self.files = files
        self.schema = _with_unique_ids(schema)
        self._durable = files.durable(name)
        self._healed = False
        self._opening = Lock()
        self._dataset: lance.LanceDataset | None = None
        self._open_healed()

    @property
    def dataset(self) -> lance.LanceDataset | None:
        """The table as of the last `refresh` or change of ours; None while nothing was ever written."""
        return self._dataset

    def refresh(self) -> None:
        """See what other processes have committed since."""
        with self._opening, translated(self.uri):
            if self._dataset is None:
                self._dataset = self._open()
            elif (latest := self._dataset.latest_version) != self._dataset.version:
                self._dataset = self._dataset.checkout_version(latest)

    def append(self, rows: pa.Table) -> int:
        """Append the rows whose ids are not in the table yet, in one durable commit; returns how many were new.

        Ids in `rows` differ. Lance checks them against rows that others commit at the same time, too; it keeps the
        order of up to 8192 rows.
        """
        with self._alone():
            self._create()
            merge = self._latest().merge_insert("id").when_not_matched_insert_all()
            counts = merge.execute(rows.cast(self.schema))
            self._settle()
        self.refresh()
        return int(counts["num_inserted_rows"])

    def prepare(self) -> None:
        """Make the table, empty, unless it is there."""
        self.refresh()
        if self._dataset is None:
            with self._alone():
                self._create()
                self._settle()
            self.refresh()

    def change(self, action: Callable[[lance.LanceDataset], object]) -> None:
        """Run an action that commits by itself (an index build, say) and make it durable."""
        if self._dataset is None:
            return
        with self._alone():
            for attempt in range(1, _TRIES + 1):
                try:
                    action(self._latest())
                    break
                except OSError as error:
                    # On object storage another program may have done the same work at the same time.
                    if "etryable commit conflict" not in str(error) or attempt == _TRIES:
                        raise
                    log.info("%s was changed by another program, trying again", self.uri)
                    time.sleep(random.uniform(0, 0.1))  # noqa: S311 - so that programs do not meet again and again
            self._settle()
        self.refresh()

    def tidy(self) -> None:
        """Remove versions that nobody reads any more. Rows are never touched."""
        self.change(lambda dataset: dataset.cleanup_old_versions(retain_versions=_KEPT_VERSIONS))

    def _create(self) -> None:
        """Make the table with no rows, unless it is there."""
        if self._dataset is not None or self._open() is not None:
            return
        # Two programs that create one table at once on object storage overwrite each other (pylance 14): let one.
        if self.files.claim(self.name) or not self._made_by_other():
            lance.write_dataset(self.schema.empty_table(), self.uri, mode="create", storage_options=self.options)

    def _made_by_other(self) -> bool:
        """Wait for the program that claimed the table to make it. One that takes this long has died."""
        deadline = time.monotonic() + _OTHER_SECONDS
        while time.monotonic() < deadline:
            if self._open() is not None:
                return True
            time.sleep(0.1)
        return False

    @property
    def options(self) -> dict[str, str] | None:
        """What Lance needs to reach the table."""
        return dict(self.files.storage_options) or None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self.files.lock(self.name), translated(self.uri):
            if not self._healed:
                self._heal()
            yield

    def _latest(self) -> lance.LanceDataset:
        """A dataset of our own, that an action may change."""
        return lance.dataset(self.uri, storage_options=self.options)

    def _settle(self) -> None:
        if self._durable is not None:
            self._durable.settle()

    def _open(self) -> lance.LanceDataset | None:
        try:
            return self._latest()
        except ValueError as error:
            # Lance has one exception type for everything; only this message means "nothing here yet".
            if "was not found" in str(error):
                return None
            raise

    # -- healing -------------------------------------------------------------------------------------------------

    def _open_healed(self) -> None:
        if self._durable is None or not Path(self.uri).parent.exists():
            self.refresh()
            return
        with self.files.lock(self.name, wait=False) as alone, translated(self.uri):
            if alone:
                self._heal()
        try:
            self.refresh()
        except StorageFailed:
            # Another program is at work here. Is the table broken, or did we look in the middle of its commit?
            with self._alone():
                pass
            self.refresh()

    def _heal(self) -> None:
        if self._durable is not None:
            self._durable.heal(self)
        self._healed = True

    def check(self, version: int) -> None:
        """See that this version opens and has all of its data files. Raises Torn."""
        with _torn():
            dataset = lance.dataset(self.uri, version=version)
            if dataset.version != version:
                raise Torn("the manifest is empty")
            for _, _, file in fragments_of(dataset):
                if not (Path(self.uri) / "data" / file).exists():
                    raise Torn(f"its data file {file} is missing")

    def read(self, older: int, version: int) -> None:
        """Read all that `version` added to `older`, so that a torn file shows now and not in a year. Raises Torn."""
        self.check(version)
        with _torn():
            newer, before = (lance.dataset(self.uri, version=number) for number in (version, older))
            known = set(fragments_of(before))
            for piece, fragment in zip(fragments_of(newer), newer.get_fragments(), strict=True):
                if piece not in known:
                    for _ in fragment.to_batches(batch_size=256):
                        pass
            for index in _index_ids(newer) - _index_ids(before):
                _check_index_files(Path(self.uri) / "_indices" / index)


def fragments_of(dataset: lance.LanceDataset | None) -> list[Fragment]:
    """The pieces of a dataset in the order of its rows."""
    if dataset is None:
        return []
    pieces = [fragment.metadata for fragment in dataset.get_fragments()]
    return [(piece.id, piece.num_rows, piece.files[0].path) for piece in pieces]


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """The one gate where Lance's exceptions become ours."""
    try:
        yield
    except CuratorError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        text = _LANCE_NOISE.sub("", (str(error).strip() or type(error).__name__).splitlines()[0])
        if "ermission denied" in text or "AccessDenied" in text:
            raise NotAllowed(f"{uri}: {text}", hint="check the owner and mode of the project, or the keys") from error
        if "No space left" in text:
            hint = "free some space, then run the command again: it continues where it stopped"
        elif "commit conflict" in text or "concurrent writers" in text:
            hint = "other programs write to it all the time; run the command again: it continues where it stopped"
        else:
            hint = "run `curator doctor`; the detail is shown with --debug"
        raise StorageFailed(f"{uri}: {text}", hint=hint) from error


@contextmanager
def _torn() -> Iterator[None]:
    """Tell what is wrong with the files from what is wrong with the machine right now."""
    try:
        yield
    except Torn:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        # "(os error 24)": too many open files, no permission, a failing disk. The next try may go well.
        if getattr(error, "errno", None) or "(os error" in str(error):
            raise
        raise Torn(_LANCE_NOISE.sub("", str(error).splitlines()[0])) from error


def _with_unique_ids(schema: pa.Schema) -> pa.Schema:
    """Have Lance refuse two concurrent commits of one id: without this, both land (measured, pylance 14)."""
    key = {b"lance-schema:unenforced-primary-key": b"true"}
    return schema.set(schema.get_field_index("id"), schema.field("id").with_metadata(key))


def _index_ids(dataset: lance.LanceDataset) -> set[str]:
    return {str(segment.uuid) for index in dataset.describe_indices() for segment in index.segments}


def _check_index_files(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4))
            if file.read() != b"LANC":
                raise Torn(f"index file {path} is cut short")
