"""One training on several GPUs or machines, when it is started by `torchrun`; otherwise one process that is all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed, nn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Process:
    """This process among those that train together."""

    rank: int
    """Its number; 0 measures, writes and reports."""
    count: int
    """How many there are."""
    device: torch.device
    """What it computes on."""

    def shared(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over all processes."""
        # Static: a trunk may have weights that none of its features come from, as DINOv2's for masked patches.
        return nn.parallel.DistributedDataParallel(module, static_graph=True) if self.count > 1 else module

    def from_first(self, value: T) -> T:
        """What the first process has, for all: it may be the only one that sees the disk it is from."""
        if self.count == 1:
            return value
        sent = [value]
        distributed.broadcast_object_list(sent, src=0)
        return sent[0]

    def agree(self, numbers: list[float]) -> list[float]:
        """What the first process says, for decisions that all must take alike."""
        if self.count == 1:
            return numbers
        said = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        distributed.broadcast(said, src=0)
        return [float(number) for number in said.tolist()]


def chosen(device: str | None) -> torch.device:
    """What torch calls so; without a name a GPU where there is one."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def join(device: str | None = None) -> Process:
    """This process, on the device that is `chosen`; of several processes, each on its own GPU."""
    asked = chosen(device)
    cuda = asked.type == "cuda"
    if not distributed.is_torchelastic_launched():
        return Process(0, 1, asked)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if cuda else "gloo")
    own = torch.device("cuda", distributed.get_node_local_rank()) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(own)
    return Process(distributed.get_rank(), distributed.get_world_size(), own)
