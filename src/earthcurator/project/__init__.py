"""A project: the one place where tools meet storage. The command line, the web app and a notebook call it alike."""

from earthcurator.project.embedding import Embedded
from earthcurator.project.encoders import Encoders
from earthcurator.project.intake import Imported
from earthcurator.project.opening import create, open
from earthcurator.project.project import Progress, Project

__all__ = ["Embedded", "Encoders", "Imported", "Progress", "Project", "create", "open"]
