"""Labels that were made elsewhere, from CSV files: by chip id, or by the name of the file that a chip came from."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from earthcurator.errors import BadInput, NotFound
from earthcurator.store import Chips

Row = tuple[str, tuple[str, ...]]

COLUMNS = "chip,label or file,label"


def read_labels(path: Path, chips: Chips) -> list[Row]:
    """Rows (chip, classes) of a CSV file with the columns `label` and `chip` or `file`.

    Several classes of a chip are joined by `|`. A `file` is the path a chip was imported from, or an ending of it that
    is that of no other.
    """
    rows = list(_rows(path))
    by_file = [name for kind, name, _, _ in rows if kind == "file"]
    found = _chips_of(by_file, chips) if by_file else {}
    labels: dict[str, tuple[str, ...]] = {}
    for kind, name, label, where in rows:
        chip = found[name] if kind == "file" else name
        if labels.setdefault(chip, label) != label:
            said, above = "|".join(label), "|".join(labels[chip])
            raise BadInput(f"{where} says {said} of {kind} {name}, which is {above} above", hint="keep one of them")
    return list(labels.items())


def _rows(path: Path) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Kind of name, name, classes and line."""
    if not path.is_file():
        raise NotFound(f"{path} is not a file of labels", hint=f"name a CSV file with the columns {COLUMNS}")
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            first = file.readline()
            file.seek(0)
            rows = csv.DictReader(file, delimiter=";" if ";" in first and "," not in first else ",")
            kind = _kind(path, rows.fieldnames or ())
            for row in rows:
                where = f"line {rows.line_num} of {path}"
                name, label = row[kind], tuple(filter(None, (row["label"] or "").split("|")))
                if not name or not label:
                    raise BadInput(f"{where} lacks a {kind} or a label", hint="complete or remove it")
                yield kind, name, label, where
        except (UnicodeDecodeError, csv.Error) as error:
            raise BadInput(f"{path} is not CSV in UTF-8 ({error})", hint="save it as CSV UTF-8") from error


def _kind(path: Path, columns: Sequence[str]) -> str:
    if "label" in columns:
        for kind in ("chip", "file"):
            if kind in columns:
                return kind
    raise BadInput(f"{path} has no columns named {COLUMNS}", hint=f"its first line must be: {COLUMNS}")


def _chips_of(files: Iterable[str], chips: Chips) -> Mapping[str, str]:
    """File → the chip that came from it."""
    wanted = {file: tuple(PurePath(file.replace("\\", "/")).parts) for file in files}
    names = {parts[-1] for parts in wanted.values() if parts}
    there: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
    for chip in chips.all():
        parts = PurePath(chip.origin.replace("\\", "/")).parts
        if parts and parts[-1] in names:
            there[parts[-1]].append((parts, chip.id))
    return {file: _only(file, parts, there) for file, parts in wanted.items()}


def _only(file: str, parts: tuple[str, ...], there: Mapping[str, list[tuple[tuple[str, ...], str]]]) -> str:
    ending = [chip for origin, chip in there.get(parts[-1] if parts else "", ()) if origin[-len(parts) :] == parts]
    if not ending:
        raise NotFound(f"no chip was imported from {file}", hint="write the path as it was imported, or its end")
    if len(ending) > 1:
        raise BadInput(f"{len(ending)} chips were imported from files called {file}", hint="write more of the path")
    return ending[0]
