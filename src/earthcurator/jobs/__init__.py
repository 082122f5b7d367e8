"""Long work in the background: what kinds there are, and who does it."""

from earthcurator.jobs.exported import card_of, export_file, is_here, job_folder, map_of, remove_export
from earthcurator.jobs.kinds import KINDS, Demo, Download, Embed, Export, Finetune, Import, Layout, Train, Work
from earthcurator.jobs.kinds.learning import check_training
from earthcurator.jobs.requests import read_work, request
from earthcurator.jobs.runner import Runner
from earthcurator.jobs.uploads import Incoming, Upload

__all__ = [
    "KINDS",
    "Demo",
    "Download",
    "Embed",
    "Export",
    "Finetune",
    "Import",
    "Incoming",
    "Layout",
    "Runner",
    "Train",
    "Upload",
    "Work",
    "card_of",
    "check_training",
    "export_file",
    "is_here",
    "job_folder",
    "map_of",
    "read_work",
    "remove_export",
    "request",
]
