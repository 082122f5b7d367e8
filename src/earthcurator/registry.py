"""One small immutable registry, the shape of every extension point: a name and where its maker lives.

Other packages add entries through entry points of the group `earthcurator.<kind>`; nothing is imported before it is
asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoints, entry_points
from typing import Generic, TypeVar

from earthcurator.errors import BadInput

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Registry(Generic[T]):
    """Names of one kind of thing, each with its `module:attribute`."""

    kind: str
    """Singular noun for messages, e.g. `exporter`."""
    builtin: Mapping[str, str]
    """Our own entries."""

    def names(self) -> list[str]:
        """All names, ours and those of installed extensions, sorted."""
        return sorted({*self.builtin, *(entry.name for entry in self._installed())})

    def get(self, name: str) -> T:
        """The thing by that name, imported now."""
        target = self.builtin.get(name)
        if target is not None:
            module, _, attribute = target.partition(":")
            return getattr(import_module(module), attribute)  # type: ignore[no-any-return]  # the registry's author vouches for T
        for entry in self._installed():
            if entry.name == name:
                return entry.load()  # type: ignore[no-any-return]  # the extension's author vouches for T
        raise BadInput(f"there is no {self.kind} called {name}", hint=f"choose one of: {', '.join(self.names())}")

    def _installed(self) -> EntryPoints:
        return entry_points(group=f"earthcurator.{self.kind}")
