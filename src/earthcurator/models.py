"""The nouns: frozen values that travel between tools, store, CLI and web.

Validity is checked where a value is made, so nobody checks again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from earthcurator.errors import BadBox, BadDates, BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle on the globe. `west > east` means that it crosses the antimeridian."""

    west: float
    """Left edge in degrees, -180 to 180."""
    south: float
    """Lower edge in degrees, -90 to 90."""
    east: float
    """Right edge in degrees, -180 to 180."""
    north: float
    """Upper edge in degrees, -90 to 90."""

    def __post_init__(self) -> None:
        # NaN fails every comparison, so these also refuse it.
        if not (-180 <= self.west <= 180 and -180 <= self.east <= 180):
            raise BadBox(
                f"longitudes {self.west:g} and {self.east:g} are not both within -180..180",
                hint="a box over the antimeridian is written with west > east, e.g. 170,-20,-170,-10",
            )
        if not (-90 <= self.south <= self.north <= 90):
            raise BadBox(
                f"latitudes {self.south:g} and {self.north:g} are not ordered within -90..90",
                hint="write west,south,east,north in degrees",
            )

    @property
    def crosses_antimeridian(self) -> bool:
        """True when the box runs over longitude 180."""
        return self.west > self.east

    @property
    def center(self) -> tuple[float, float]:
        """Longitude and latitude of the middle, longitude in -180..180."""
        width = self.east - self.west + (360 if self.crosses_antimeridian else 0)
        longitude = self.west + width / 2
        return (longitude - 360 if longitude > 180 else longitude), (self.south + self.north) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What the colours of a chip stand for, where its layer's colours have a meaning."""

    unit: str
    """E.g. `K`; empty for classes and for numbers without one."""
    mean: float | None
    """Over the pixels that have a value; None when they are classes, or none has."""
    minimum: float | None
    maximum: float | None
    label: str | None
    """The class of most pixels, where colours stand for classes."""
    known: float
    """Share of pixels with a value or class, 0 to 1. Transparent pixels and the layer's no-data colours have none."""
    unknown: float
    """Share of pixels whose colour the layer's colour map does not list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One picture of one place at one time: everything but the picture's bytes."""

    id: str
    """Deterministic: a content hash for imports, layer/time/grid position for downloads."""
    media_type: str
    """What the bytes are, e.g. `image/jpeg`."""
    width: int
    """Pixels across, as displayed: after the rotation that its EXIF asks for."""
    height: int
    """Pixels down, as displayed."""
    sha256: str
    """Hash of the stored bytes, 64 hex digits."""
    origin: str
    """Where it came from: an import path (with the window, for a scene) or the address of a tile. A window of several
    tiles is `#xywh=x,y,width,height` (W3C Media Fragments) from the corner of the first."""
    folder: str | None = None
    """The ImageFolder class it was imported with, if any."""
    layer: str | None = None
    """The imagery product, if known."""
    time: datetime | None = None
    """When it was taken (timezone-aware, UTC), if known."""
    crs: str | None = None
    """Coordinate system of the pixel grid, e.g. `EPSG:32633`, if known."""
    box: Box | None = None
    """Bounds in degrees of longitude and latitude, if known."""
    tile: str | None = None
    """Place in a tile grid, if it came from one: `crs/zoom/row/column`, or `crs/zoom/x+width/y+height` in pixels of the
    level. Chips of several layers with the same `tile` and `time` show the same ground at the same time."""
    requested: datetime | None = None
    """Which instant the source was asked for; `time` is what it showed."""
    version: str | None = None
    """Version of the layer behind the picture, in the source's words, e.g. `MODIS_Terra_..._v6_NRT`."""
    retrieved: datetime | None = None
    """When its bytes came from the source (UTC)."""
    clouds: float | None = None
    """Mean cloud fraction, 0 to 1, if a cloud layer was asked."""
    values: Values | None = None
    valid: float = 1.0
    """Share of pixels that carry data, 0 to 1. Transparent pixels and a scene's declared no-data count as missing."""

    def published(self) -> Chip:
        """As others may see it: the path of a file as its last two names, without the folders of somebody's disk."""
        if "://" in self.origin:
            return self
        names = [name for name in self.origin.replace("\\", "/").split("/") if name]
        return replace(self, origin="/".join(names[-2:]))

    def blind(self) -> Chip:
        """As those see it who label: without its class folder, which the path of a file ends with, too."""
        return replace(self, folder=None, origin=self.origin if "://" in self.origin else "")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A chip on its way into a project, with its picture's bytes as received."""

    chip: Chip
    picture: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTile:
    """What the cache knows of an answer."""

    url: str
    status: Literal["picture", "blank", "missing"]
    """`blank`: the server answered with an empty tile. `missing`: it said that there is none (404)."""
    sha256: str = ""
    """Of the tile's bytes; empty when missing."""
    media_type: str = ""
    layer: str = ""
    """`Layer-Identifier-Actual`: which version stands behind the layer; empty when the server does not say."""
    time: datetime | None = None
    """`Layer-Time-Actual` (UTC): what the server really shows; None when it does not say."""
    etag: str = ""
    retrieved: datetime
    """When its bytes came (UTC)."""
    checked: datetime
    """When the server last said that they are current (UTC)."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file that was left out of the project, and why."""

    origin: str
    """Path of the file, with the member's name for archives."""
    kind: Literal[
        "unreadable", "truncated", "too large", "duplicate", "unsafe path", "not a picture", "unreachable", "refused"
    ]
    """`unreachable`: it may come another time. `refused`: the source says that it will not."""
    reason: str
    """One sentence for a person."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A chip that was left out as asked."""

    origin: str
    """Path of the scene or address of the tile, with the window."""
    reason: Literal["too little data", "blank", "missing", "cloudy", "clouds unknown"] = "too little data"
    """`blank`: the source sent an empty tile. `missing`: it said that there is none."""


def _refuse_text(values: object) -> None:
    """A text is a sequence too, of letters; nobody means that."""
    if isinstance(values, str | bytes):
        raise BadInput(f"{values!r:.60} stands where a list belongs", hint="put it into brackets: [...]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which chips a search may return. Every condition that is set must hold."""

    box: Box | None = None
    """The chip's centre lies in this box."""
    start: datetime | None = None
    """Taken at or after this instant (timezone-aware)."""
    end: datetime | None = None
    """Taken before this instant (timezone-aware)."""
    layers: tuple[str, ...] = ()
    """Of one of these layers."""
    folders: tuple[str, ...] = ()
    """Imported with one of these class folders."""

    def __post_init__(self) -> None:
        for instant in (self.start, self.end):
            if instant is not None and instant.tzinfo is None:
                raise BadDates(f"{instant} has no time zone", hint="use datetime(..., tzinfo=timezone.utc)")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise BadDates(f"{self.start} is not before {self.end}", hint="give the earlier date first")
        for names in (self.layers, self.folders):
            _refuse_text(names)

    def __bool__(self) -> bool:
        return self != Filter()


class ChipId(str):
    """The id of a chip, never a path: who asks from elsewhere names no file of this machine."""

    __slots__ = ()


Example = Chip | str | Path | bytes | NDArray[np.floating[Any]]
"""A chip, its id, a picture (path or bytes), or a vector of the project's encoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Which chips may be shown, by what was said of them in a task. Any one of the labels is enough."""

    task: str
    """Id of the task."""
    labels: tuple[str, ...]
    """Classes of the task, or `unsure` (nobody could tell), `disputed` (people disagree), `none` (it has none of the
    classes, where a chip may have several) and `waiting` (nobody answered yet). A class of such a name comes first."""
    reader: str | None = None
    """Only what this person said counts; None: what all said."""

    def __post_init__(self) -> None:
        _refuse_text(self.labels)
        if not self.labels:
            raise BadInput("no label is named that chips may have", hint="name classes, unsure, disputed or waiting")


ANY_SCORE = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """What to look for: like these, not like those, or what the model of a task thinks likely; within a filter."""

    positives: Sequence[Example] = ()
    """Examples of what is wanted. A string is a file if there is one by that name, else a chip id."""
    negatives: Sequence[Example] = ()
    """Examples of what is not wanted."""
    task: str | None = None
    """Instead of examples: the id of a task whose model ranks its chips."""
    wanted: str | None = None
    """The class of that task that is looked for; by default the first."""
    filter: Filter = Filter()
    said: Said | None = None
    """Only chips of which this was said."""
    scores: tuple[float, float] = ANY_SCORE
    """Only hits whose score is at least the first and at most the second."""
    k: int = 50
    """How many hits to return, at most."""
    collapse: float | None = None
    """Hide a hit whose cosine similarity to a better one is at least this, e.g. .98 for near-duplicates."""
    diversity: float = 0.0
    """0 ranks by score alone; towards 1 each hit is also chosen to differ from those before it."""

    def __post_init__(self) -> None:
        for examples in (self.positives, self.negatives):
            _refuse_text(examples)
        if self.task is None and not len(self.positives):
            raise BadInput(
                "a search needs at least one positive example", hint="or a task, whose model ranks its chips"
            )
        if self.task is not None and (len(self.positives) or len(self.negatives)):
            raise BadInput(
                "a search goes by examples or by the model of a task, not both", hint="leave one of them out"
            )
        if self.task is None and self.wanted is not None:
            raise BadInput(f"{self.wanted} is a class of no task", hint="name the task, too")
        if not self.scores[0] <= self.scores[1]:
            raise BadInput(f"no score is within {self.scores[0]:g} and {self.scores[1]:g}", hint="the lower one first")
        if self.k < 1:
            raise BadInput(f"k must be at least 1, not {self.k}")
        if not 0 <= self.diversity <= 1:
            raise BadInput(f"diversity must be within 0..1, not {self.diversity:g}")
        if self.collapse is not None and not 0 < self.collapse <= 1:
            raise BadInput(f"collapse must be within 0..1, not {self.collapse:g}")


@dataclass(frozen=True, slots=True)
class Hit:
    """A chip that a search found."""

    chip: str
    """Id of the chip."""
    score: float
    """-1 to 1. Without negatives, 1 is the same picture as a positive example."""
    time: datetime | None = None
    layer: str | None = None
    center: tuple[float, float] | None = None
    """Longitude and latitude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """The ranked answer to a query, best first."""

    hits: tuple[Hit, ...]
    exact: bool
    """True when every chip was compared; False when a vector index chose the candidates."""
    searched: int
    """How many chips passed the filter."""
    waiting: int
    """How many chips of the project have no vector of this encoder yet, and could not be found."""
    encoder: str
    """Id of the encoder whose vectors were compared."""
    learnt_from: int | None = None
    """How many labelled chips the model had learnt from; None for a search by examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCard:
    """What an encoder is, and the only place where its preprocessing is defined."""

    name: str
    """Short name for people, e.g. `lite0-128`."""
    dim: int
    """Length of its vectors."""
    input_size: int
    """Pictures are resized to this many pixels, both ways, before they go in. 0 when none can: see `vectors_only`."""
    resize: Literal["squash", "crop"] = "squash"
    """`squash` stretches to the square; `crop` keeps the shape and cuts the middle square out."""
    input: Literal["uint8", "float32"] = "uint8"
    """`uint8` (n, size, size, 3): the graph normalises. `float32` (n, 3, size, size): (pixel/255 - mean) / std."""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Subtracted from 0..1 RGB when `input` is float32."""
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Divides 0..1 RGB when `input` is float32."""
    precision: Literal["fp32", "fp16", "int8"] = "fp32"
    """Vectors of different precisions are different encoders: they never share an index."""
    method: str = "unknown"
    """How it was trained."""
    trained_on: str = "unknown"
    """What it was trained on, with a fingerprint where there is one."""
    licence: str = "unknown"
    attribution: str = ""
    """Credit its authors ask for."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Measured quality, each with a name that says on what."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of the programs that made it."""
    classes: tuple[str, ...] = ()
    """Of a classifier: what the columns of its graph's second output, `scores`, are probabilities of."""
    several: bool = False
    """Of a classifier: whether a picture may have several of its classes, or none, at once."""

    @property
    def vectors_only(self) -> bool:
        """Whether its vectors were made elsewhere, and no model is here that could see another picture."""
        return self.input_size == 0


Role = Literal["owner", "curator", "annotator", "viewer"]
"""What a person may do: everything; tasks and exports; label; look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an account."""

    id: str
    """What their labels carry as `annotator`."""
    name: str
    role: Role
    created: datetime
    active: bool = True
    """False for somebody who was removed: their labels stay, but they can no longer sign in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a secret that lets somebody in. The secret itself is nowhere; its hash is in the database."""

    id: str
    person: str
    """Id of whom it lets in."""
    kind: Literal["session", "token", "link"]
    """A browser that has signed in; a program's token; a link that signs a browser in, once."""
    name: str
    """For people, e.g. which program uses it."""
    created: datetime
    expires: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """A program in a browser, such as the extension for Worldview, that asks in somebody's name."""

    id: str
    person: str
    """Id of whose name that is; `local` where nobody has an account."""
    role: Role
    """What it may do at most, whatever its person may."""
    name: str
    """Of the program, for people."""
    origin: str
    """That its requests come from, e.g. `chrome-extension://...`; empty when it sends none."""
    claimed: bool
    """False while its code waits to be typed."""
    created: datetime
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """A link that makes accounts."""

    id: str
    role: Role
    """Of those who follow it."""
    creator: str
    """Id of the person who made it; empty for the command line."""
    created: datetime
    expires: datetime
    uses_left: int


JobState = Literal["waiting", "running", "paused", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Long work that survives a restart and can be paused and cancelled."""

    id: str
    kind: str
    """What is done, e.g. `export`."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """JSON: what the kind needs to know."""
    person: str = ""
    """Id of who asked for it; empty without accounts."""
    state: JobState = "waiting"
    done: int = 0
    total: int | None = None
    """How much there is to do, if known."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """JSON: what came of it, when it is done."""
    error: str = ""
    """One sentence, when it failed."""
    hint: str = ""
    attempts: int = 0
    """How often it was begun."""
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """A line of the log of a job."""

    time: datetime
    text: str


Decision = Literal["label", "unsure", "skip", "undo"]
"""What an event says: a class, that one cannot tell, that somebody else should, or that an earlier event is void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is being decided about some chips."""

    id: str
    question: str
    """For people, e.g. `Is there smoke?`."""
    classes: tuple[str, ...]
    """At least two. Their order is that of buttons and keys."""
    several: bool = False
    """Whether a chip may have several classes, or none, at once."""
    opinions: int = 1
    """How many people decide about each chip."""
    guide: str = ""
    """How to decide, in Markdown."""
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Class → ids of chips that show it well."""
    created: datetime
    creator: str = ""
    """Id of the person who made it; empty without accounts."""

    def __post_init__(self) -> None:
        _refuse_text(self.classes)
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes) or not all(self.classes):
            raise BadInput(f"a task needs two or more different classes, not {', '.join(self.classes)}")
        for name in (self.question, *self.classes):
            if not name.isprintable():  # also half a character, which no database keeps
                raise BadInput(f"{name!r:.60} has characters that cannot be shown", hint="write plain text in one line")
        if not 1 <= self.opinions <= 99:
            raise BadInput(f"a task takes 1 to 99 opinions a chip, not {self.opinions}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One event: what somebody said of a chip, at some time. Never changed, never deleted."""

    id: str
    """Made by whoever sends it, so that sending it twice counts once."""
    task: str
    chip: str
    annotator: str
    """Id of the person, `import` or the name of a model."""
    decision: Decision
    value: tuple[str, ...] = ()
    """The classes, for a `label`: one, unless the task allows several."""
    time: datetime
    """When it was kept (UTC), by the clock of the database."""
    seconds: float | None = None
    """How long the chip was on the screen."""
    source: Literal["person", "import", "model", "adjudication"] = "person"
    """An adjudication decides where people disagree."""
    voids: str | None = None
    """For an `undo`: the id of the event that no longer counts."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A chip that is on somebody's screen until then."""

    task: str
    chip: str
    annotator: str
    until: datetime
    """UTC, by the clock of the database."""
