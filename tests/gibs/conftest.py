"""A fake GIBS, and imagery that comes from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import earthcurator as ec
from earthcurator.imagery import Imagery
from earthcurator.settings import Settings
from earthcurator.testing.gibs import FakeGibs

TRUE_COLOUR = "MODIS_Terra_CorrectedReflectance_TrueColor"
TEMPERATURE = "AIRS_L2_Surface_Air_Temperature_Day"
LAND_COVER = "MODIS_Combined_L3_IGBP_Land_Cover_Type_Annual"
MASK = "MODIS_Terra_Data_No_Data"
CLOUDS = "MODIS_Terra_Cloud_Fraction_Day"


@pytest.fixture
def gibs() -> Iterator[FakeGibs]:
    """A server of our own."""
    with FakeGibs() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, gibs: FakeGibs) -> Settings:
    """Its address, and a cache that nobody shares."""
    return Settings(cache=tmp_path / "cache", source=gibs.url, megabits_per_second=10_000)


@pytest.fixture
def imagery(settings: Settings) -> Iterator[Imagery]:
    """Imagery from the fake."""
    with Imagery(settings=settings) as made:
        yield made


@pytest.fixture
def fires(tmp_path: Path, settings: Settings) -> Iterator[ec.Project]:
    """A project whose imagery comes from the fake."""
    with ec.create(tmp_path / "fires", settings=settings) as made:
        yield made
