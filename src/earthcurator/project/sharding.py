"""The book of work in shards: plans, what workers finished, and what was committed.

    shards/<plan>/plan.json             what the plan does, in ranges
    shards/<plan>/done/<index>.json     a finished shard: its staged files, counts and errors; the first one wins
    shards/<plan>/commits/<name>.json   shards whose rows are in their table, and how many each has

Files are only ever created, in one step, so that any number of programs may read and write here at once. What is here
is JSON: plans are made and understood by `earthcurator.scale`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Any

from earthcurator.errors import NotFound, StorageFailed
from earthcurator.store import Files

Record = Mapping[str, Any]

_READERS = 16  # at once: each waits for object storage
_ID = re.compile(r"[0-9a-f]{12}")


class ShardBook:
    """What a project knows of its work in shards."""

    def __init__(self, files: Files) -> None:
        self._files = files

    # -- plans -------------------------------------------------------------------------------------------------------

    def add_plan(self, plan: str) -> str:
        """Keep a plan, JSON; returns its id, which the same plan has always."""
        name = sha256(plan.encode()).hexdigest()[:12]
        self._files.create(f"shards/{name}/plan.json", plan.encode())
        return name

    def plans(self) -> list[str]:
        """The ids of all plans."""
        return [name for name in self._files.names("shards") if _ID.fullmatch(name)]

    def find(self, name: str) -> str:
        """The id that `name` is the unique beginning of."""
        found = [plan for plan in self.plans() if name and plan.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(f"several plans begin with {name}: {', '.join(found)}", hint="write more of the id")
        raise NotFound(f"there is no plan {name} in {self._files.location}", hint="make one with `curator shards plan`")

    def plan(self, name: str) -> str:
        """A plan, as it was added."""
        content = self._files.read(f"shards/{name}/plan.json")
        if content is None:
            raise NotFound(
                f"there is no plan {name} in {self._files.location}", hint="`curator shards status` lists those there"
            )
        return content.decode()

    # -- shards ------------------------------------------------------------------------------------------------------

    def done(self, plan: str) -> set[int]:
        """The shards that are finished."""
        names = self._files.names(f"shards/{plan}/done")
        return {int(stem) for stem, dot, _ in (name.partition(".") for name in names) if dot and stem.isdigit()}

    def is_done(self, plan: str, index: int) -> bool:
        """Whether this shard is finished."""
        return self._files.read(_done(plan, index)) is not None

    def finish(self, plan: str, index: int, record: Record) -> bool:
        """Record a shard as finished; False when another program was first."""
        name, content = _done(plan, index), json.dumps(record).encode()
        # A request whose answer was lost is sent again, and then told that the record is there: its own.
        return self._files.create(name, content) or self._files.read(name) == content

    def records(self, plan: str, indices: Sequence[int]) -> list[Record]:
        """What is recorded of several finished shards."""
        with ThreadPoolExecutor(_READERS) as pool:
            return list(pool.map(partial(self.record, plan), indices))

    def record(self, plan: str, index: int) -> Record:
        """What is recorded of a finished shard."""
        name = _done(plan, index)
        content = self._files.read(name)
        if content is None:
            raise StorageFailed(f"{name} is gone", hint="run the shard again: curator shards run")
        return _read(name, content, hint="remove it, and run the shard again: curator shards run")

    def reopen(self, plan: str, index: int) -> None:
        """Forget that a shard was finished, so that it is run again."""
        self._files.remove(_done(plan, index))

    # -- commits -----------------------------------------------------------------------------------------------------

    def add_commit(self, plan: str, shards: Mapping[int, Record]) -> None:
        """Note that the rows of these shards are in their table, with counts of each shard."""
        content = json.dumps(shards).encode()
        self._files.create(f"shards/{plan}/commits/{sha256(content).hexdigest()[:12]}.json", content)

    def commits(self, plan: str) -> list[dict[int, Record]]:
        """The commits of a plan. Programs that commit at once may each have noted the same shard."""
        folder = f"shards/{plan}/commits"
        names = [f"{folder}/{name}" for name in self._files.names(folder) if name[0] != "."]
        found = ((name, self._files.read(name)) for name in names)
        hint = "remove it, and commit again: rows that are there are not added twice"
        notes = [_read(name, content, hint=hint) for name, content in found if content is not None]
        return [{int(index): counts for index, counts in note.items()} for note in notes]


def _read(name: str, content: bytes, *, hint: str) -> dict[str, Any]:
    """What a file of ours says. Raises StorageFailed when it says something else."""
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StorageFailed(f"{name} is damaged", hint=hint)
    return found


def _done(plan: str, index: int) -> str:
    return f"shards/{plan}/done/{index}.json"
