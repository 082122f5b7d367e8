"""A few ids among many are found where looking at all of them would find them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import lance
import pyarrow as pa
import pytest

from earthcurator.store import ids as store_ids
from earthcurator.store.files import LocalFiles
from earthcurator.store.ids import FEW, Ids
from earthcurator.store.tables import Fragment, Table

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False)])


def add(table: Table, names: list[str]) -> None:
    table.append(pa.table({"id": names}, schema=SCHEMA))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(LocalFiles(tmp_path), "names", SCHEMA)


def test_few_ids_are_found_in_what_was_there_and_in_what_was_added(table: Table) -> None:
    rng = random.Random(0)
    names = [f"{rng.getrandbits(96):024x}" for _ in range(3000)]
    ids, here = Ids(table), 0
    for end in (2000, 2100, 2500, 3000):  # a tenth may be unsorted: some are searched, some are looked through
        add(table, names[here:end])
        here = end
        for _ in range(20):
            asked = [rng.choice(names) for _ in range(15)]
            assert len(asked) <= FEW * here
            assert ids.rows(asked) == {name: names.index(name) for name in asked if name in names[:here]}
            assert ids.known(asked) == set(asked) & set(names[:here])


@pytest.mark.parametrize("alike", ["the same beginning {}", "{}", "é雪ö日本語の長い名前{}"])
def test_ids_that_begin_alike_or_are_short_are_told_apart(table: Table, alike: str) -> None:
    names = [alike.format(number) for number in range(1000)]
    add(table, names)
    asked = [names[7], names[999], "nothing", ""]
    assert Ids(table).rows(asked) == {names[7]: 7, names[999]: 999}


def test_nothing_is_found_in_an_empty_table(table: Table) -> None:
    assert Ids(table).rows(["a"]) == {}
    assert Ids(table).known([]) == set()


def test_rows_follow_a_table_that_was_written_anew(table: Table) -> None:
    names = [f"{number:024x}"[::-1] for number in range(1000)]
    add(table, names)
    ids = Ids(table)
    assert ids.rows([names[5]]) == {names[5]: 5}
    table.change(lambda dataset: dataset.delete("id = '" + names[0] + "'"))
    table.change(lambda dataset: dataset.optimize.compact_files(materialize_deletions_threshold=0.0))
    assert ids.rows([names[5], names[0]]) == {names[5]: 4}


def test_ids_are_read_ahead_in_steps_and_what_was_read_is_kept(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_ids, "_AT_ONCE", 2)
    names = [f"{number:024x}"[::-1] for number in range(500)]
    for start in range(0, 500, 100):  # a fragment each
        add(table, names[start : start + 100])
    scans: list[int] = []
    read = store_ids._read

    def counting(dataset: lance.LanceDataset, pieces: Sequence[Fragment]) -> list[pa.Array]:
        scans.append(len(pieces))
        return read(dataset, pieces)

    monkeypatch.setattr(store_ids, "_read", counting)
    ids = Ids(table)
    asked = iter([False, True])  # whether to stop: before the first step, before the second
    ids.read(lambda: next(asked))
    assert scans == [2]
    assert not ids.are_read
    assert ids.rows([names[0], names[499]]) == {names[0]: 0, names[499]: 499}
    assert scans == [2, 2, 1]
    add(table, ["new"])
    ids.read(lambda: False)
    assert scans == [2, 2, 1, 1]
    assert ids.rows(["new"]) == {"new": 500}
