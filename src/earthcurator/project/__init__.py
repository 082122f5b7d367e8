"""A project: the one place where tools meet storage. The command line, the web app and a notebook call it alike."""

from earthcurator.imagery import Progress
from earthcurator.project.embedding import Embedded
from earthcurator.project.encoders import Encoders
from earthcurator.project.intake import Downloaded, Imported
from earthcurator.project.learner import Learner, Prediction
from earthcurator.project.opening import create, open
from earthcurator.project.outlook import Outlook, Search
from earthcurator.project.project import Project
from earthcurator.project.tasks import Report, TaskBook

__all__ = [
    "Downloaded",
    "Embedded",
    "Encoders",
    "Imported",
    "Learner",
    "Outlook",
    "Prediction",
    "Progress",
    "Project",
    "Report",
    "Search",
    "TaskBook",
    "create",
    "open",
]
