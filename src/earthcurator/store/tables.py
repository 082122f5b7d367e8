"""One Lance table of a project: healed when opened, changed only through durable commits."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import lance
import pyarrow as pa

from earthcurator.errors import NotAllowed, StorageFailed
from earthcurator.store.files import Files

log = logging.getLogger(__name__)

_LANCE_SOURCE = re.compile(r"(, /\S+\.rs:\d+:\d+)+$")  # where in Lance's source an error arose
_OTHER_SECONDS = 30.0  # to wait for another program's new table
_KEEP_OLD_VERSIONS = timedelta(days=1)  # another process may still be reading one


class Table:
    """Rows of one kind. Several threads and processes may read while one process appends."""

    def __init__(self, files: Files, name: str, schema: pa.Schema) -> None:
        self.name = name
        self.uri = files.uri(name)
        self._files = files
        self._schema = schema
        self._durable = files.durable(name)
        self._heal()
        self._dataset: lance.LanceDataset | None = self._open()

    @property
    def dataset(self) -> lance.LanceDataset | None:
        """The table as of the last `refresh` or change of ours; None while nothing was ever written."""
        return self._dataset

    def refresh(self) -> None:
        """See what other processes have committed since."""
        if self._dataset is None:
            self._dataset = self._open()
        else:
            with translated(self.uri):
                self._dataset.checkout_latest()

    def append(self, make: Callable[[], pa.Table | None]) -> int:
        """Append the rows that `make` gives and return how many.

        `make` runs while we are the only local writer and `dataset` is current, so it can leave out what is there.
        """
        with self._alone():
            rows = make()
            if rows is None or rows.num_rows == 0:
                return 0
            self._create()
            self._dataset = lance.write_dataset(
                rows.cast(self._schema), self.uri, mode="append", storage_options=self._options
            )
            self._settle()
            return int(rows.num_rows)

    def change(self, action: Callable[[lance.LanceDataset], object]) -> None:
        """Run an action that commits by itself (an index build, say) and make it durable."""
        with self._alone():
            if self._dataset is None:
                return
            action(self._dataset)
            self._dataset.checkout_latest()
            self._settle()

    def tidy(self) -> None:
        """Remove versions that nobody reads any more. Rows are never touched."""
        self.change(lambda dataset: dataset.cleanup_old_versions(older_than=_KEEP_OLD_VERSIONS))

    def _create(self) -> None:
        """Make the table with no rows, unless it is there."""
        if self._dataset is not None:
            return
        # Two programs that create one table at once on object storage overwrite each other (pylance 14): let one.
        if self._files.claim(self.name):
            lance.write_dataset(self._schema.empty_table(), self.uri, mode="create", storage_options=self._options)
        else:
            self._await_other()

    def _await_other(self) -> None:
        deadline = time.monotonic() + _OTHER_SECONDS
        while self._open() is None:
            if time.monotonic() > deadline:
                raise StorageFailed(
                    f"another program began to make {self.uri} and did not finish",
                    hint=f"if none is running, delete {self._files.location}/claims/{self.name} and try again",
                )
            time.sleep(0.1)

    @property
    def _options(self) -> dict[str, str] | None:
        return dict(self._files.storage_options) or None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._files.lock(), translated(self.uri):
            self.refresh()
            yield

    def _settle(self) -> None:
        if self._durable is not None:
            self._durable.settle()

    def _open(self) -> lance.LanceDataset | None:
        with translated(self.uri):
            try:
                return lance.dataset(self.uri, storage_options=self._options)
            except ValueError as error:
                # Lance has one exception type for everything; only this message means "nothing here yet".
                if "was not found" in str(error):
                    return None
                raise

    def _heal(self) -> None:
        if self._durable is None or not Path(self.uri).parent.exists():
            return
        with self._files.lock(wait=False) as alone:
            if alone:  # otherwise a living process is at work here, and it has healed the table already
                self._durable.heal(self._verify)

    def _verify(self, promised: int, version: int) -> None:
        """Read all that a version added, so that a torn file shows now and not in a year."""
        newer = lance.dataset(self.uri, version=version)
        if newer.version != version:
            raise StorageFailed(f"manifest {version} of {self.uri} is empty")
        older = lance.dataset(self.uri, version=promised) if promised else None
        known = {fragment.fragment_id for fragment in older.get_fragments()} if older else set()
        for fragment in newer.get_fragments():
            if fragment.fragment_id not in known:
                for _ in fragment.to_batches(batch_size=256):
                    pass
        known_indices = {index.uuid for index in _indices(older)} if older else set()
        for index in _indices(newer):
            if index.uuid not in known_indices:
                _check_index_files(Path(self.uri) / "_indices" / str(index.uuid))


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """The one gate where Lance's exceptions become ours."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        text = _LANCE_SOURCE.sub("", (str(error).strip() or type(error).__name__).splitlines()[0])
        if "ermission denied" in text or "AccessDenied" in text:
            raise NotAllowed(f"{uri}: {text}", hint="check the owner and mode of the project, or the keys") from error
        if "No space left" in text:
            hint = "free some space, then run the command again: it continues where it stopped"
        else:
            hint = "run `curator doctor`; the detail is shown with --debug"
        raise StorageFailed(f"{uri}: {text}", hint=hint) from error


def _indices(dataset: lance.LanceDataset) -> Iterator[lance.IndexSegmentDescription]:
    for index in dataset.describe_indices():
        yield from index.segments


def _check_index_files(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4))
            if file.read() != b"LANC":
                raise StorageFailed(f"index file {path} is torn")
