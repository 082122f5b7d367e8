"""ONNX Runtime, told to keep to itself before it is loaded.

Official builds send usage events to their maker, and write a device id into the home folder, from the moment they are
imported (Privacy.md in the wheel of 1.31). Curator sends nothing anywhere: import ONNX Runtime from here only.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as failures

__all__ = ["failures", "onnxruntime"]
