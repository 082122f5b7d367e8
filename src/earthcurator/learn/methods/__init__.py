"""Self-supervised methods, one file each beside its paper, all of one shape: `earthcurator.learn.methods.base`."""

from earthcurator.learn.methods.base import METHODS, Method, make_method

__all__ = ["METHODS", "Method", "make_method"]
