"""From folders, archives and scenes on disk to chips. Nothing here knows how chips are stored."""

from earthcurator.ingest.arrive import arrivals, count_files, whole_picture
from earthcurator.ingest.scenes import SceneOptions
from earthcurator.ingest.stretch import StretchRule

__all__ = ["SceneOptions", "StretchRule", "arrivals", "count_files", "whole_picture"]
