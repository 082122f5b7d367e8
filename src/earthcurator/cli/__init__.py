"""The `curator` command: flags in, `Project` calls, text or JSON out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that the error table gives."""
    try:
        from earthcurator.cli.app import main as run
    except KeyboardInterrupt:  # before anything had begun
        sys.exit(130)
    run(arguments)
