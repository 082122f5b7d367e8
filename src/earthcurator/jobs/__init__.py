"""Long work in the background: what kinds there are, and who does it."""

from earthcurator.jobs.kinds import KINDS, Download, Embed, Export, Import, Work, export_file, read_work, request
from earthcurator.jobs.runner import Runner
from earthcurator.jobs.uploads import Incoming, Upload

__all__ = [
    "KINDS",
    "Download",
    "Embed",
    "Export",
    "Import",
    "Incoming",
    "Runner",
    "Upload",
    "Work",
    "export_file",
    "read_work",
    "request",
]
