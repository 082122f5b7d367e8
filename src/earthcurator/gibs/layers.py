"""A layer: one imagery product that a WMTS server offers. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from earthcurator.gibs.times import Period, is_midnight
from earthcurator.grids import Grid

_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """A collection in NASA's Common Metadata Repository that a layer is drawn from."""

    id: str
    """E.g. `C1443528505-LAADS`."""
    kind: str = ""
    """`STD` (standard) or `NRT` (near real time)."""
    short_name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pyramid:
    """A layer on one grid: where its tiles are."""

    grid: Grid
    template: str
    """Address of a tile with `{Time}`, `{TileMatrixSet}`, `{TileMatrix}`, `{TileRow}`, `{TileCol}`; the first of which
    a layer without times lacks."""
    limits: Mapping[int, tuple[int, int, int, int]] = field(default_factory=dict)
    """For some zooms: first row, last row, first column, last column that exist."""
    domains: str = ""
    """Address of the document that lists all times (DescribeDomains), if there is one."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One imagery product."""

    id: str
    title: str
    """For people."""
    subtitle: str = ""
    """Platform and instrument, e.g. `Terra / MODIS`."""
    measurement: str = ""
    """E.g. `Corrected Reflectance`."""
    format: str
    """Media type of its tiles, e.g. `image/jpeg`."""
    pyramids: Mapping[str, Pyramid]
    """Coordinate system → where its tiles are in it. At least one."""
    periods: tuple[Period, ...] = ()
    """When there is imagery; empty for a layer without times."""
    all_periods: bool = True
    """False when `periods` may lack older ones: GIBS' capabilities list the latest hundred."""
    default_time: str = ""
    """What the server shows when it is not asked for a time."""
    colormap: str = ""
    """Address of the document that gives its colours a meaning, if they have one."""
    ongoing: bool | None = None
    """Whether new imagery still arrives; None when unknown."""
    day_night: str = ""
    concepts: tuple[Concept, ...] = ()

    @cached_property
    def of_whole_days(self) -> bool:
        """Whether its instants are days, so that a date names one."""
        return all(period.step.seconds % _DAY == 0 and is_midnight(period.start) for period in self.periods)
