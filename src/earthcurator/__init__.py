"""Curator: from one reference image to an audited, labelled dataset, over any archive of Earth imagery.

import earthcurator as ec

with ec.open("fires/") as project:
    california = ec.Box(west=-125, south=37, east=-120, north=41)
    project.download("VIIRS_SNPP_CorrectedReflectance_TrueColor", california, "2020-08-16/2020-08-22")
    project.import_pictures(["pictures/"])
    project.embed()
    found = project.search(ec.Query(positives=["smoke.jpg"], k=200))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earthcurator.errors import CuratorError

if TYPE_CHECKING:
    from earthcurator.imagery import Imagery, orders
    from earthcurator.models import Box, Chip, EncoderCard, Filter, Hit, Hits, Query
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
    "Imagery",
    "Project",
    "Query",
    "create",
    "open",
    "orders",
]


def __getattr__(name: str) -> Any:
    # `import earthcurator` must stay cheap: numpy loads with the first value, Lance and ONNX Runtime with a project.
    if name in {"Box", "Chip", "EncoderCard", "Filter", "Hit", "Hits", "Query"}:
        from earthcurator import models

        return getattr(models, name)
    if name in {"Project", "create", "open"}:
        from earthcurator import project

        return getattr(project, name)
    if name in {"Imagery", "orders"}:
        from earthcurator import imagery

        return getattr(imagery, name)
    raise AttributeError(f"module 'earthcurator' has no attribute {name!r}")
