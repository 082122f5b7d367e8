"""The kinds of jobs: what each needs to know, checked before anybody waits for it, and how it is done.

Every kind can be begun again after its process was killed.
"""

from collections.abc import Mapping
from types import MappingProxyType

from earthcurator.jobs.kinds.datasets import Export, Shares
from earthcurator.jobs.kinds.imagery import Demo, Download, Import
from earthcurator.jobs.kinds.learning import Embed, Finetune, Layout, Train
from earthcurator.jobs.kinds.work import Work

__all__ = [
    "KINDS",
    "Demo",
    "Download",
    "Embed",
    "Export",
    "Finetune",
    "Import",
    "Layout",
    "Shares",
    "Train",
    "Work",
    "long_kinds",
]

KINDS: Mapping[str, type[Work]] = MappingProxyType(
    {work.kind: work for work in (Export, Embed, Layout, Train, Finetune, Download, Import, Demo)}
)


def long_kinds() -> frozenset[str]:
    """The kinds that may take hours."""
    return frozenset(kind for kind, work in KINDS.items() if work.long)
