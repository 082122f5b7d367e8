"""The `curator` command: flags in, `Project` calls, text or JSON out."""

from earthcurator.cli.app import main

__all__ = ["main"]
