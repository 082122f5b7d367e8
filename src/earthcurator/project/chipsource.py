"""Chips of a project as training reads pictures: `earthcurator.learn.feed.Source`, straight from where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earthcurator.project.project import Project


class ChipSource:
    """Some chips of a project."""

    def __init__(self, project: Project, ids: Sequence[str]) -> None:
        self.ids = ids
        self._chips = project.chips

    def pictures(self, ids: Sequence[str]) -> dict[str, bytes]:
        """These chips' pictures as received."""
        return self._chips.pictures(ids)
