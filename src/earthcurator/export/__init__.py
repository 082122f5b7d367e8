"""Datasets and pictures that leave a project: one writer per format."""

from earthcurator.export.dataset import EXPORTERS, Exporter, Written, write_dataset
from earthcurator.export.labelled import Labelled
from earthcurator.export.page import result_page
from earthcurator.export.provenance import Division, Opinions, Provenance
from earthcurator.export.sheet import Tile, contact_sheet

__all__ = [
    "EXPORTERS",
    "Division",
    "Exporter",
    "Labelled",
    "Opinions",
    "Provenance",
    "Tile",
    "Written",
    "contact_sheet",
    "result_page",
    "write_dataset",
]
