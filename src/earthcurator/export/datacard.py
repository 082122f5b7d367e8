"""The data card: what a dataset holds, where, when and from whom, and how to make it again. Markdown beside the data.

It is written for people. What a program needs is in the data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from textwrap import indent

import numpy as np

from earthcurator.export.cardmap import draw_map
from earthcurator.export.contents import Contents
from earthcurator.export.provenance import Opinions, Provenance

NAME = "DATA_CARD.md"
MAP = "data_card_map.svg"
_LICENCE = (
    "Not recorded: the pictures keep the terms of their sources, and the labels have those that you give them. "
    "Before you publish this dataset, write both here."
)
_MOST_PERIODS = 24
_MOST_REASONS = 10


def write_card(folder: Path, name: str, format_name: str, contents: Contents, made: Provenance) -> None:
    """Write the card of the dataset `name` into `folder`, and its map if a chip has a place."""
    if contents.placed:
        places = {kind: np.array(points, np.float32).reshape(-1, 2) for kind, points in contents.places.items()}
        (folder / MAP).write_text(draw_map(places), encoding="utf-8")
    (folder / NAME).write_text(card(name, format_name, contents, made), encoding="utf-8")


def card(name: str, format_name: str, contents: Contents, made: Provenance) -> str:
    """The text of the card."""
    sections = {
        "Classes": _classes(contents, made),
        "Where": _where(contents),
        "When": _when(contents),
        "Agreement": _agreement(made.opinions) if made.opinions else [],
        "Where the pictures are from": _layers(contents),
        "How to make it again": _recipe(format_name, contents, made),
        "Acknowledgement and citation": _credits(contents, made),
        "Licence": [_LICENCE],
    }
    lines = [f"# {_plain(name)}", "", f"{contents.all.chips:,} labelled pictures."]
    for title, section in sections.items():
        if section:
            lines += ["", f"## {title}", "", *section]
    return "\n".join(lines) + "\n"


def _classes(contents: Contents, made: Provenance) -> list[str]:
    lines = []
    if made.opinions:
        lines += [f"The question was: {_plain(made.opinions.task.question)}", ""]
    names = [*contents.names, *([""] if any(name == "" for name, _ in contents.classes) else [])]
    rows = [
        (
            _plain(name) or "*none of them*",
            *_counts({split: contents.classes[name, split] for split in _sides(contents)}),
        )
        for name in names
    ]
    rows.append(("**all pictures**", *_counts({split: contents.by_split[split] for split in _sides(contents)})))
    lines += _table(("class", "pictures", *contents.splits), rows)
    if contents.several:
        lines += ["", "A picture with several classes counts in each of them."]
    return lines


def _sides(contents: Contents) -> list[str]:
    """The splits, and first the chips that are in none."""
    return ["", *contents.splits]


def _counts(by_split: Mapping[str, int]) -> list[str]:
    return [f"{sum(by_split.values()):,}", *(f"{count:,}" for split, count in by_split.items() if split)]


def _where(contents: Contents) -> list[str]:
    if not contents.placed:
        return ["No picture has a known place, so there is no map."]
    lines = [f"![Map of the pictures by class: longitude to the right, latitude up]({MAP})"]
    if missing := contents.all.chips - contents.placed:
        lines += ["", f"Without a known place, and not on the map: {missing:,}."]
    return lines


def _when(contents: Contents) -> list[str]:
    if contents.all.first is None:
        return ["No picture has a known time."]
    lines = [f"From {_instant(contents.all.first)} to {_instant(contents.all.last)} (UTC).", ""]
    lines += _table(("time", "pictures"), [(period, f"{count:,}") for period, count in _periods(contents.months)])
    if missing := contents.all.chips - contents.months.total():
        lines += ["", f"Without a known time: {missing:,}."]
    return lines


def _periods(months: Counter[tuple[int, int]]) -> list[tuple[str, int]]:
    """Months; years where there are too many of them; the years before the latest ones together."""
    if len(months) <= _MOST_PERIODS:
        return [(f"{year:04d}-{month:02d}", months[year, month]) for year, month in sorted(months)]
    years: Counter[int] = Counter()
    for (year, _), count in months.items():
        years[year] += count
    latest = sorted(years)[-_MOST_PERIODS:]
    earlier = sum(count for year, count in years.items() if year < latest[0])
    before = [(f"before {latest[0]:04d}", earlier)] if earlier else []
    return before + [(f"{year:04d}", years[year]) for year in latest]


def _agreement(opinions: Opinions) -> list[str]:
    people = f"{opinions.people:,} {'person' if opinions.people == 1 else 'people'}"
    lines = [f"- {people} gave opinions; the task asks for {opinions.task.opinions} a picture."]
    if opinions.imported:
        lines += [f"- Opinions taken over from a file or from folders: {opinions.imported:,}."]
    if opinions.alpha is None:
        lines += [f"- Krippendorff's alpha, the agreement beyond chance: none, because {_plain(opinions.no_alpha)}."]
    else:
        interval = "" if opinions.interval is None else " (95 % within {:.2f} to {:.2f})".format(*opinions.interval)
        lines += [
            f"- Krippendorff's alpha, the agreement beyond chance: {opinions.alpha:.2f}{interval}, over the "
            f"{opinions.compared:,} pictures of the task with two opinions or more. 1 is full agreement, 0 is chance."
        ]
    return [*lines, f"- Policy: `{opinions.policy}`.", f"- {_left_out(opinions.left_out)}"]


def _left_out(reasons: Mapping[str, int]) -> str:
    if not reasons:
        return "No picture of the task is left out."
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count:,} {_plain(reason)}" for reason, count in ordered[:_MOST_REASONS]]
    if rest := sum(count for _, count in ordered[_MOST_REASONS:]):
        parts.append(f"{rest:,} for other reasons")
    return f"Left out of the task's pictures: {sum(reasons.values()):,} without an answer ({', '.join(parts)})."


def _layers(contents: Contents) -> list[str]:
    rows = [
        (
            _plain(layer) or "imported files", f"{span.chips:,}", _instant(span.first), _instant(span.last),
            _plain(", ".join(sorted(span.versions))),
        )
        for layer, span in sorted(contents.layers.items())
    ]  # fmt: skip
    return _table(("layer", "pictures", "from", "to", "versions"), rows)


def _recipe(format_name: str, contents: Contents, made: Provenance) -> list[str]:
    lines = [f"- {line}" for line in _ingredients(made)]
    lines += [f"- Format: `{format_name}`.", f"- Fingerprint: `sha256:{contents.fingerprint()}`."]
    if made.command:
        place = f"Inside the project {_plain(made.project)}:" if made.project else "Inside the project:"
        lines += ["", place, "", indent(made.command, "    ")]
    lines += ["", "Datasets with the same fingerprint have the same chips, classes and splits, whatever their formats."]
    return lines


def _ingredients(made: Provenance) -> Iterator[str]:
    if made.version:
        yield f"Written by curator {made.version}."
    if made.opinions:
        until = f", the last of {made.opinions.last_event:%Y-%m-%d %H:%M:%S} UTC" if made.opinions.last_event else ""
        yield f"Classes: task `{made.opinions.task.id}`, its first {made.opinions.events:,} label events{until}."
    elif made.classes_from:
        yield f"Classes: {_plain(made.classes_from)}."
    if made.division:
        shares = ", ".join(f"{name} {share:g}" for name, share in made.division.shares.items())
        how = "at random" if made.division.by == "random" else f"by {made.division.by}"
        blocks = f" in blocks of {made.division.block_km:g} km" if made.division.block_km else ""
        yield f"Split: {how}{blocks}, shares {shares}, seed {made.division.seed}."
        if made.division.left_out:
            yield f"Left out, because they touch chips of another side: {made.division.left_out:,}."


def _credits(contents: Contents, made: Provenance) -> list[str]:
    sentences = made.credits(contents.origins)
    if not sentences:
        return []
    caution = "Browse imagery is a picture, not a measurement: its colours are stretched for display."
    return [*(f"- {sentence}" for sentence in sentences), "", caution]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *rows)]


def _plain(text: str) -> str:
    """The text, kept from being read as Markdown or HTML, in one line."""
    return re.sub(r"([\\`*\[\]<>|~&#$@!]|\b_|_\b)", r"\\\1", re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]", " ", text))


def _instant(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}" if time.hour or time.minute else f"{time:%Y-%m-%d}"
