"""What is kept: chips, embeddings and encoders, on a local folder or on object storage."""

from earthcurator.store.atlas import Atlas
from earthcurator.store.chips import Chips, Page
from earthcurator.store.embeddings import Embeddings, Facts
from earthcurator.store.encoders import EncoderFiles
from earthcurator.store.examples import Examples
from earthcurator.store.files import BucketFiles, Files, LocalFiles
from earthcurator.store.fragments import Piece, Published, Staged, Staging
from earthcurator.store.layouts import Layout, Layouts
from earthcurator.store.migrations import FORMAT, migrate, read_manifest, write_manifest
from earthcurator.store.names import SEVERAL, UNKNOWN, ChipNames
from earthcurator.store.survey import Survey
from earthcurator.store.tilecache import SqliteTileCache

__all__ = [
    "FORMAT",
    "SEVERAL",
    "UNKNOWN",
    "Atlas",
    "BucketFiles",
    "ChipNames",
    "Chips",
    "Embeddings",
    "EncoderFiles",
    "Examples",
    "Facts",
    "Files",
    "Layout",
    "Layouts",
    "LocalFiles",
    "Page",
    "Piece",
    "Published",
    "SqliteTileCache",
    "Staged",
    "Staging",
    "Survey",
    "migrate",
    "read_manifest",
    "write_manifest",
]
