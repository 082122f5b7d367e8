"""Curator: from one reference image to an audited, labelled dataset, over any archive of Earth imagery.

import earthcurator as ec

with ec.open("fires/") as project:
    project.import_pictures(["pictures/"])
    project.embed()
    found = project.search(ec.Query(positives=["smoke.jpg"], k=200))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earthcurator.errors import CuratorError
from earthcurator.models import Box, Chip, EncoderCard, Filter, Hit, Hits, Query

if TYPE_CHECKING:
    from earthcurator.project import Project, create, open

__version__ = "0.1.0"

__all__ = [
    "Box",
    "Chip",
    "CuratorError",
    "EncoderCard",
    "Filter",
    "Hit",
    "Hits",
    "Project",
    "Query",
    "create",
    "open",
]


def __getattr__(name: str) -> Any:
    # `import earthcurator` must stay cheap: Lance and ONNX Runtime load with the first project.
    if name in {"Project", "create", "open"}:
        from earthcurator import project

        return getattr(project, name)
    raise AttributeError(f"module 'earthcurator' has no attribute {name!r}")
