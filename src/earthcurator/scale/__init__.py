"""The same work by many processes: on this machine, on Ray, or as tasks of an array (Slurm, Kubernetes, Batch)."""

from earthcurator.scale.commits import Committed, commit
from earthcurator.scale.local import run_here
from earthcurator.scale.planning import plan_download, plan_embed, plan_index
from earthcurator.scale.plans import Plan, read_plan
from earthcurator.scale.status import Status, missing, status
from earthcurator.scale.work import run_shard

__all__ = [
    "Committed",
    "Plan",
    "Status",
    "commit",
    "missing",
    "plan_download",
    "plan_embed",
    "plan_index",
    "read_plan",
    "run_here",
    "run_shard",
    "status",
]
